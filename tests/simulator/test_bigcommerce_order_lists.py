"""Reading orders from the BigCommerce shop: filters, paging, dates, shapes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.simulator.bigcommerce_bench import WHOLE, Bench, open_bench


@pytest.fixture
async def bench():
    async with open_bench() as bench:
        bench.shop.add_products([{"sku": "A", "stock": 1000}, {"sku": "P", "variants": [{"sku": "P-1", "stock": 9}]}])
        yield bench


def sell(bench: Bench, count: int = 1, sku: str = "A", **more) -> list[int]:
    return [bench.shop.sell([{"sku": sku, "quantity": 1}], **more).id for _ in range(count)]


async def test_a_request_without_the_token_or_for_another_store_is_refused(bench):
    assert (await bench.call("GET", "/v2/orders", token="wrong")).status == 401
    v3 = await bench.call("GET", "/v3/channels", token="wrong")
    assert (v3.status, v3.json["status"]) == (401, 401)


async def test_an_empty_list_and_a_page_past_the_end_are_204_without_a_body(bench):
    empty = await bench.get("/v2/orders")
    assert (empty.status, empty.body) == (204, b"")
    sell(bench, 3)
    assert (await bench.get("/v2/orders", page=2)).status == 204
    assert (await bench.get("/v2/orders", page=2, limit=2)).status == 200


async def test_a_limit_above_250_is_413_in_an_array(bench):
    refused = await bench.get("/v2/orders", limit=251)
    assert refused.status == 413
    assert refused.json[0]["status"] == 413
    sell(bench)
    assert (await bench.get("/v2/orders", limit=250)).status == 200


async def test_the_default_is_50_orders_by_id_ascending(bench):
    ids = sell(bench, 60)
    assert await bench.listed() == ids[:50]
    assert await bench.listed(page=2) == ids[50:]


async def test_dates_are_rfc_2822_in_utc_and_money_is_text(bench):
    sell(bench)
    order = (await bench.get("/v2/orders/100")).json
    assert order["date_created"] == "Tue, 14 Nov 2023 22:13:20 +0000"
    assert order["date_shipped"] == ""
    assert order["total_inc_tax"] == "10.0000"
    assert order["payment_status"] == "captured"
    sell(bench, paid=False)
    assert (await bench.get("/v2/orders/101")).json["payment_status"] == ""


@pytest.mark.parametrize(
    "bound", ["Tue, 14 Nov 2023 22:13:30 +0000", "2023-11-14T22:13:30Z", "2023-11-15T00:13:30+02:00"]
)
async def test_min_date_modified_understands_both_formats_and_includes_its_second(bench, bound):
    sell(bench)
    bench.clock.turn(10)
    second = sell(bench)
    bench.clock.turn(10.9)
    third = sell(bench)
    assert await bench.listed(min_date_modified=bound, sort="date_modified:asc") == second + third
    assert await bench.listed(min_date_modified=bound) == second + third
    bench.shop.settings.switches.min_date_inclusive = False
    assert await bench.listed(min_date_modified=bound) == third


async def test_upper_bounds_and_created_bounds_hold(bench):
    first = sell(bench)
    bench.clock.turn(10)
    second = sell(bench)
    assert await bench.listed(max_date_modified="2023-11-14T22:13:29Z") == first
    for bound in ("2023-11-14T22:13:21Z", "2023-11-14T22:13:30Z"):
        assert await bench.listed(min_date_created=bound) == second
    assert await bench.listed(max_date_created="2023-11-14T22:13:30Z") == first + second
    assert await bench.listed(max_date_created="2023-11-14T22:13:21Z", sort="date_created:desc") == first


async def test_totals_are_bounds_too(bench):
    first, second = sell(bench, 2)
    fee = {"display_name_customer": "Fee", "cost_ex_tax": "90.50", "cost_tax": 0}
    await bench.call("PUT", f"/v2/orders/{second}", {"status_id": 11, "fees": [fee]})
    totals = [row["total_inc_tax"] for row in (await bench.get("/v2/orders")).json]
    assert Decimal(totals[0]) + Decimal("90.5") == Decimal(totals[1])
    assert await bench.listed(min_total="90") == [second]
    assert await bench.listed(max_total="90") == [first]
    assert await bench.listed(min_total=totals[0], max_total=totals[1]) == [first, second]
    assert await bench.listed(min_total="much") == [first, second]


async def test_a_raw_plus_in_a_date_is_a_space_and_the_filter_is_dropped_in_silence(bench):
    ids = sell(bench)
    bench.clock.turn(3600)
    raw = await bench.session.get(
        f"{bench.address}/stores/simshop/v2/orders?min_date_modified=Tue,%2014%20Nov%202023%2022:50:00%20%2B0000",
        headers={"X-Auth-Token": "sim-token"},
    )
    assert raw.status in {200, 204}
    assert await bench.listed(min_date_modified="Tue, 14 Nov 2023 22:50:00 +0000") == []
    assert await bench.listed(min_date_modified="Tue, 14 Nov 2023 22:50:00  0000") == ids
    assert await bench.listed(min_date_modified="2023-11-14T22:50:00 00:00") == ids
    bench.shop.settings.switches.bad_filters_ignored = False
    refused = await bench.get("/v2/orders", min_date_modified="yesterday")
    assert (refused.status, refused.json[0]["message"]) == (400, "The field 'min_date_modified' is invalid.")


async def test_sorting_by_modified_date_breaks_ties_by_id_and_goes_both_ways(bench):
    a, b, c = sell(bench, 3)
    bench.clock.turn(5)
    bench.shop.touch(bench.shop.order(a))
    assert await bench.listed(sort="date_modified:asc") == [b, c, a]
    assert await bench.listed(sort="date_modified:desc") == [a, c, b]
    assert await bench.listed(sort="id:desc") == [c, b, a]
    assert await bench.listed(sort="status_id:desc") == [c, b, a]


async def test_the_other_filters(bench):
    bench.shop.channels[2] = "Second"
    web, other, unpaid = sell(bench) + sell(bench, channel=2) + sell(bench, paid=False)
    cart = bench.shop.order(web).cart_id
    bench.shop.order(other).external_order_id = "E-1"
    assert await bench.listed(cart_id=cart) == [web]
    assert await bench.listed(channel_id=2) == [other]
    assert await bench.listed(status_id=7) == [unpaid]
    assert await bench.listed(external_order_id="E-1") == [other]
    assert await bench.listed(min_id=other) == [other, unpaid]
    assert await bench.listed(min_id=other, sort="status_id:asc") == [unpaid, other]
    assert await bench.listed(min_id=other, max_date_modified="2033-01-01T00:00:00Z") == [other, unpaid]
    assert await bench.listed(max_id=other, sort="date_modified:asc") == [web, other]
    assert await bench.listed(customer_id=5) == []


async def test_a_shopper_may_leave_several_incomplete_orders_of_one_cart(bench):
    first, second = (sell(bench, status_id=0, cart_id="cart-1")[0] for _ in range(2))
    bench.shop.pay(second)
    assert await bench.listed(cart_id="cart-1") == [first, second]
    assert await bench.listed(cart_id="cart-1", status_id=11) == [second]


async def test_count_follows_the_filters(bench):
    sell(bench, 2)
    sell(bench, paid=False)
    counted = (await bench.get("/v2/orders/count")).json
    assert counted["count"] == 3
    assert {row["id"]: row["count"] for row in counted["statuses"]}[11] == 2
    assert (await bench.get("/v2/orders/count", status_id=7)).json["count"] == 1


async def test_lines_come_inside_the_consignments_only_when_asked_for_with_their_structure(bench):
    bench.shop.sell([{"sku": "P-1", "quantity": 2}], custom_lines=[{"name": "Engraving", "quantity": 1}])
    plain, half = (
        (await bench.get("/v2/orders")).json[0],
        (await bench.get("/v2/orders", include=WHOLE["include"])).json[0],
    )
    assert plain["consignments"]["resource"] == half["consignments"]["resource"] == "/orders/100/consignments"
    links = (await bench.get("/v2/orders/100", include="consignments", consignment_structure="object")).json
    assert links["consignments"]["shipping"][0]["line_items"][0]["resource"] == "/orders/100/products/1"
    whole = (await bench.get("/v2/orders", **WHOLE)).json[0]["consignments"]["shipping"][0]["line_items"]
    assert [(line["sku"], line["quantity"], line["product_id"] > 0) for line in whole] == [
        ("P-1", 2, True),
        ("", 1, False),
    ]
    assert whole == (await bench.get("/v2/orders/100/products")).json
    bench.shop.settings.switches.include_lines_max = 1
    capped = (await bench.get("/v2/orders", **WHOLE)).json[0]["consignments"]["shipping"][0]["line_items"]
    assert len(capped) == 1


async def test_products_of_an_order_are_paged_by_50(bench):
    bench.shop.sell([], custom_lines=[{"name": f"n{number}", "quantity": 1} for number in range(60)])
    assert len((await bench.get("/v2/orders/100/products")).json) == 50
    assert len((await bench.get("/v2/orders/100/products", page=2)).json) == 10
    assert (await bench.get("/v2/orders/100/products", page=3)).status == 204
    assert (await bench.get("/v2/orders/999/products")).status == 404
    assert (await bench.get("/v2/orders/100/products/60")).json["name"] == "n59"


async def test_an_archived_order_leaves_the_list_but_can_be_read(bench):
    ids = sell(bench, 2)
    assert (await bench.call("DELETE", f"/v2/orders/{ids[0]}")).status == 204
    assert await bench.listed() == ids[1:]
    assert (await bench.get(f"/v2/orders/{ids[0]}")).json["is_deleted"] is True
    assert await bench.listed(is_deleted="true") == ids[:1]
    bench.shop.settings.switches.archived_listed = True
    assert await bench.listed() == ids
    bench.shop.settings.switches.is_deleted_filter = False
    assert await bench.listed(is_deleted="true") == ids


async def test_a_deleted_order_is_gone_everywhere_but_in_the_truth(bench):
    ids = sell(bench, 2)
    bench.shop.delete(ids[0])
    assert await bench.listed(sort="date_modified:asc") == ids[1:]
    missing = await bench.get(f"/v2/orders/{ids[0]}")
    assert (missing.status, missing.json) == (
        404,
        [{"status": 404, "message": "The requested resource was not found."}],
    )
    assert [order["status"] for order in bench.shop.truth()["orders"]] == ["Deleted", "Awaiting Fulfillment"]


async def test_the_shops_clock_and_zone_are_its_own(bench):
    bench.shop.faults.clock_skew_seconds = -90
    assert (await bench.get("/v2/time")).json == {"time": 1_700_000_000 - 90}
    sell(bench)
    assert (await bench.get("/v2/orders/100")).json["date_created"] == "Tue, 14 Nov 2023 22:11:50 +0000"
    assert (await bench.get("/v2/store")).json["timezone"]["name"] != "UTC"


async def test_statuses_have_the_vendors_ids(bench):
    names = {row["id"]: row["name"] for row in (await bench.get("/v2/order_statuses")).json}
    assert (names[0], names[5], names[11], len(names)) == ("Incomplete", "Cancelled", "Awaiting Fulfillment", 15)


async def test_an_order_that_changed_shows_its_change_though_its_stamp_is_the_same(bench):
    order = bench.shop.sell([{"sku": "A", "quantity": 1}])
    before = (await bench.get("/v2/orders", **WHOLE)).json[0]
    bench.shop.edit(order.id, [{"line": order.lines[0].id, "quantity": 4}])
    after = (await bench.get("/v2/orders", **WHOLE)).json[0]
    assert before["date_modified"] == after["date_modified"]
    assert (before["items_total"], after["items_total"]) == (1, 4)


async def test_twenty_thousand_orders_are_listed_page_by_page(bench):
    for number in range(20_000):
        if number % 500 == 0:
            bench.clock.turn(1)
        bench.shop.sell([], custom_lines=[{"name": "x", "quantity": 1}])
    assert len(await bench.listed(limit=250, page=80)) == 250
    assert await bench.listed(limit=250, page=81) == []
    assert await bench.listed(limit=3, sort="date_modified:desc") == [20_099, 20_098, 20_097]
