"""The orders of REST v3: what a list shows, in which order and of which time; single orders, trash, deletion."""

from __future__ import annotations

import pytest

from tests.simulator.woocommerce_shop import KEYS, V3, open_bench


@pytest.fixture
async def bench():
    async with open_bench() as running:
        running.shop.add_product("A", stock=1000)
        running.shop.add_product("B", stock=1000)
        yield running


def ids(reply):
    return [row["id"] for row in reply.body]


async def test_modified_after_and_before_are_strict_and_count_whole_seconds(bench):
    order = bench.shop.checkout([("A", 1)])  # 10:58:08
    bench.clock.pass_seconds(0.9)
    bench.shop.complete(order)  # still the same second
    same = await bench.get("/orders", modified_after="2026-11-23T10:58:08", dates_are_gmt="true")
    earlier = await bench.get("/orders", modified_after="2026-11-23T10:58:07", dates_are_gmt="true")
    before = await bench.get("/orders", modified_before="2026-11-23T10:58:08", dates_are_gmt="true")
    later = await bench.get("/orders", modified_before="2026-11-23 10:58:09", dates_are_gmt="true")
    assert [ids(same), ids(earlier), ids(before), ids(later)] == [[], [order.id], [], [order.id]]


@pytest.mark.parametrize(
    ("zone", "text", "as_gmt", "found"),
    [
        ("America/New_York", "2026-11-23T10:58:00", True, True),
        ("Asia/Kolkata", "2026-11-23T10:58:00", True, True),
        ("America/New_York", "2026-11-23T05:58:00", False, True),
        ("America/New_York", "2026-11-23T05:59:00", False, False),
        ("America/New_York", "2026-11-23T10:58:00", False, False),
        ("Asia/Kolkata", "2026-11-23T11:58:00", False, True),  # an hour too late, and still everything
        ("America/New_York", "2026-11-23T11:58:00Z", True, True),  # the same
        ("Asia/Kolkata", "2026-11-23T10:58:00Z", True, False),
        ("+05:30", "2026-11-23T10:58:00Z", True, False),
        ("America/New_York", "2026-11-23T10:58:00Z", False, True),
        ("Asia/Kolkata", "2026-11-23T10:58:00Z", False, True),
        ("Asia/Kolkata", "2026-11-23T10:59:00Z", False, False),
    ],
)
async def test_a_date_in_a_query_means_what_it_meant_on_the_real_shop(bench, zone, text, as_gmt, found):
    order = bench.shop.checkout([("A", 1)])
    bench.shop.settings.timezone = zone
    flag = {"dates_are_gmt": "true"} if as_gmt else {}
    assert ids(await bench.get("/orders", modified_after=text, **flag)) == ([order.id] if found else [])
    bench.shop.set_stock("A", 5)
    assert bool(ids(await bench.get("/products", modified_after=text, **flag))) is found


async def test_stamps_are_local_without_offset_and_gmt_without_z(bench):
    bench.shop.settings.timezone = "Asia/Kolkata"
    bench.shop.checkout([("A", 1)])
    row = (await bench.get("/orders")).body[0]
    assert row["date_modified"] == "2026-11-23T16:28:08"
    assert row["date_modified_gmt"] == "2026-11-23T10:58:08"
    index = await bench.call("GET", "/wp-json/", keys=False)
    assert (index.body["timezone_string"], index.body["gmt_offset"]) == ("Asia/Kolkata", "5.5")


@pytest.mark.parametrize("text", ["2026-11-23", "yesterday", "2026-11-23T10:58:08+00:00x", "2026-13-23T10:58:08"])
async def test_a_bare_date_and_garbage_are_refused(bench, text):
    answer = await bench.get("/orders", modified_after=text)
    assert (answer.status, answer.body["code"]) == (400, "rest_invalid_param")


@pytest.mark.parametrize(
    "params",
    [
        {"per_page": "101"},
        {"per_page": "0"},
        {"per_page": "many"},
        {"page": "0"},
        {"orderby": "total"},
        {"order": "up"},
        {"status": "processing,nonsense"},
        {"exclude": "1,x"},
    ],
)
async def test_bad_parameters_are_refused_by_name(bench, params):
    answer = await bench.get("/orders", **params)
    assert (answer.status, answer.body["code"]) == (400, "rest_invalid_param")
    assert answer.body["message"] == f"Invalid parameter(s): {next(iter(params))}"


async def test_unknown_parameters_are_ignored_in_silence(bench):
    bench.shop.checkout([("A", 1)])
    assert len(ids(await bench.get("/orders", **{"modified-after": "2027-01-01T00:00:00"}))) == 1


async def test_an_old_shop_ignores_modified_after_and_later_dates_are_gmt(bench):
    bench.shop.settings.timezone = "America/New_York"
    bench.shop.checkout([("A", 1)])
    query = {"modified_after": "2026-11-23T10:58:00", "dates_are_gmt": "true"}
    found = {}
    for version in ("5.3.0", "5.8.0", "10.0.2"):
        bench.shop.settings.version = version
        found[version] = len(ids(await bench.get("/orders", **query)))
    assert found == {"5.3.0": 1, "5.8.0": 1, "10.0.2": 1}
    bench.shop.settings.version = "5.3.0"
    assert ids(await bench.get("/orders", modified_after="2030-01-01T00:00:00")) != []
    assert ids(await bench.get("/orders", after="2026-11-23T10:58:00", dates_are_gmt="true")) == []


async def test_lists_sort_by_date_id_modified_and_include_both_ways(bench):
    numbers = []
    for _ in range(3):
        numbers.append(bench.shop.checkout([("A", 1)]).id)
        bench.clock.pass_seconds(1)
    bench.shop.complete(bench.shop.order(numbers[0]))
    first, second, third = numbers
    assert ids(await bench.get("/orders")) == [third, second, first]
    assert ids(await bench.get("/orders", orderby="id", order="asc")) == [first, second, third]
    assert ids(await bench.get("/orders", orderby="modified", order="asc")) == [second, third, first]
    assert ids(await bench.get("/orders", orderby="modified")) == [first, third, second]
    wanted = f"{second},{first},{third}"
    assert ids(await bench.get("/orders", orderby="include", include=wanted, order="asc")) == [second, first, third]
    assert ids(await bench.get("/orders", include=str(second))) == [second]
    assert ids(await bench.get("/orders", exclude=f"{second},{third}")) == [first]
    assert ids(await bench.get(f"/orders?exclude[]={second}&exclude[]={third}")) == [first]
    assert ids(await bench.get("/orders", after="2026-11-23T10:58:08", before="2026-11-23T10:58:10")) == [second]


async def test_lists_filter_by_customer_product_origin_and_text(bench):
    mine = bench.shop.checkout([("A", 1)]).id
    api = (await bench.post("/orders", {"customer_id": 7, "line_items": [{"sku": "B", "quantity": 1}]})).body["id"]
    b_id = bench.shop.catalog.by_sku["B"].id
    assert ids(await bench.get("/orders", customer="7")) == [api]
    assert ids(await bench.get("/orders", product=str(b_id))) == [api]
    assert ids(await bench.get("/orders", created_via="store-api")) == [mine]
    assert ids(await bench.get("/orders", search="beispiel")) == [mine]
    assert ids(await bench.get("/orders", parent="1")) == []


async def test_pages_totals_offsets_and_links(bench):
    numbers = [bench.shop.checkout([("A", 1)]).id for _ in range(5)]
    page = await bench.get("/orders", per_page=2, page=2, orderby="id", order="asc")
    assert ids(page) == numbers[2:4]
    assert (page.headers["x-wp-total"], page.headers["x-wp-totalpages"]) == ("5", "3")
    assert 'rel="next"' in page.headers["link"]
    assert "page=3" in page.headers["link"]
    assert ids(await bench.get("/orders", per_page=2, offset=3, orderby="id", order="asc")) == numbers[3:]
    beyond = await bench.get("/orders", per_page=2, page=9)
    assert (beyond.status, beyond.body, beyond.headers["x-wp-total"]) == (200, [], "0")


async def test_any_shows_drafts_and_hides_the_trash(bench):
    draft = bench.shop.checkout([("A", 1)], draft=True)
    gone = bench.shop.checkout([("A", 1)])
    bench.shop.trash(gone)
    assert ids(await bench.get("/orders")) == [draft.id]
    assert ids(await bench.get("/orders", status="trash")) == [gone.id]
    assert ids(await bench.get("/orders", status="processing,pending")) == []
    assert (await bench.get(f"/orders/{gone.id}")).body["status"] == "trash"


async def test_a_custom_status_is_listed_and_may_be_asked_for(bench):
    bench.shop.settings.extra_statuses = {"packed": "Packed"}
    order = bench.shop.checkout([("A", 1)])
    assert (await bench.put(f"/orders/{order.id}", {"status": "packed"})).body["status"] == "packed"
    assert {"slug": "packed", "name": "Packed"} in (await bench.get("/orders/statuses")).body
    assert ids(await bench.get("/orders", status="packed")) == [order.id]


async def test_fields_are_picked_and_links_stand_only_on_single_objects(bench):
    order = bench.shop.checkout([("A", 1)])
    listed = await bench.get("/orders", _fields="id,billing.city")
    assert listed.body == [{"id": order.id, "billing": {"city": "Berlin"}}]
    single = await bench.get(f"/orders/{order.id}", _fields="id,status")
    assert set(single.body) == {"id", "status", "_links"}
    bench.shop.complete(order)
    assert (await bench.get("/orders", _fields="status")).body == [{"status": "completed"}]


async def test_a_post_stands_for_a_get_with_its_parameters_in_the_body(bench):
    first, second = bench.shop.checkout([("A", 1)]).id, bench.shop.checkout([("A", 1)]).id
    by_query = await bench.call("POST", f"{V3}/orders?_method=GET", {"exclude": [second], "per_page": 5})
    assert ids(by_query) == [first]
    header = {"X-HTTP-Method-Override": "GET"}
    assert ids(await bench.call("POST", f"{V3}/orders", {"include": f"{second}"}, headers=header)) == [second]


async def test_without_pretty_permalinks_only_rest_route_answers(bench):
    order = bench.shop.checkout([("A", 1)])
    path = f"/?rest_route=/wc/v3/orders/{order.id}&_fields=id"
    assert (await bench.call("GET", path)).body["id"] == order.id
    bench.shop.settings.pretty_permalinks = False
    page = await bench.get(f"/orders/{order.id}")
    assert (page.status, page.headers["content-type"]) == (404, "text/html; charset=UTF-8")
    assert (await bench.call("GET", path)).body["id"] == order.id
    assert (await bench.call("GET", "/?rest_route=/wc/v3/nothing")).body["code"] == "rest_no_route"


async def test_what_moves_date_modified_and_what_does_not(bench):
    order = bench.shop.checkout([("A", 3)])
    line = order.lines[0].id

    async def moves(method, path, body=None):
        bench.clock.pass_seconds(2)
        before = order.modified_us
        answer = await bench.call(method, f"{V3}/orders/{order.id}{path}", body)
        assert answer.status < 300, answer.raw
        return order.modified_us != before

    assert await moves("PUT", "", {})
    assert await moves("PUT", "", {"status": "processing"})
    assert await moves("PUT", "", {"meta_data": [{"key": "k", "value": "v"}]})
    assert await moves("PUT", "", {"line_items": [{"id": line, "quantity": 4}]})
    assert await moves("POST", "/refunds", {"amount": "1.00"})
    assert not await moves("POST", "/notes", {"note": "called"})
    assert not await moves("DELETE", f"/refunds/{order.refunds[0].id}?force=true")
    assert await moves("DELETE", "")
    assert (await bench.delete(f"/orders/{order.id}")).status == 410


async def test_a_forced_deletion_leaves_no_trace(bench):
    order = bench.shop.checkout([("A", 1)])
    answer = await bench.delete(f"/orders/{order.id}", force="true")
    assert (answer.status, answer.body["id"]) == (200, order.id)
    assert ids(await bench.get("/orders")) == ids(await bench.get("/orders", status="trash")) == []
    assert (await bench.get(f"/orders/{order.id}")).status == 404
    assert (await bench.put(f"/orders/{order.id}", {})).status == 400
    assert bench.level("A") == 999
    assert bench.shop.truth()["orders"][0]["status"] == "deleted"


async def test_a_write_carries_addresses_meta_fees_shipping_and_coupons(bench):
    bench.shop.settings.coupons = {"ten": 10}
    body = {
        "billing": {"city": "Kiel"},
        "meta_data": [{"key": "_external_key", "value": "k-1"}],
        "line_items": [{"sku": "A", "quantity": 2}],
        "fee_lines": [{"name": "Wrap", "total": "2.50"}],
        "shipping_lines": [{"method_id": "flat_rate", "method_title": "Flat", "total": "4.90"}],
        "coupon_lines": [{"code": "TEN"}],
        "transaction_id": "t-1",
    }
    made = (await bench.post("/orders", body)).body
    assert (made["total"], made["discount_total"], made["shipping_total"]) == ("25.40", "2.00", "4.90")
    assert (made["billing"]["city"], made["transaction_id"]) == ("Kiel", "t-1")
    fee = made["fee_lines"][0]["id"]
    changed = await bench.put(
        f"/orders/{made['id']}",
        {"fee_lines": [{"id": fee, "name": None}], "meta_data": [{"key": "_external_key", "value": None}]},
    )
    assert (changed.body["fee_lines"], changed.body["meta_data"]) == ([], [])
    unknown = await bench.post("/orders", {"coupon_lines": [{"code": "none"}]})
    assert (unknown.status, unknown.body["code"]) == (400, "woocommerce_rest_invalid_coupon")
    stray = await bench.put(f"/orders/{made['id']}", {"line_items": [{"id": 99999, "quantity": 1}]})
    assert (stray.status, stray.body["code"]) == (400, "woocommerce_rest_invalid_item_id")


async def test_a_batch_reports_each_item(bench):
    first = (await bench.post("/orders", {"line_items": [{"sku": "A", "quantity": 1}]})).body["id"]
    answer = await bench.post(
        "/orders/batch",
        {
            "create": [{"status": "processing", "line_items": [{"sku": "A", "quantity": 2}]}, {"line_items": [{}]}],
            "update": [{"id": first, "status": "completed"}, {"id": 99999, "status": "completed"}],
            "delete": [first],
        },
    )
    assert answer.status == 200
    assert [row.get("status") for row in answer.body["create"]] == ["processing", None]
    assert answer.body["create"][1]["error"]["code"] == "woocommerce_rest_required_product_reference"
    assert [row.get("status") for row in answer.body["update"]] == ["completed", None]
    assert answer.body["delete"][0]["id"] == first
    assert (await bench.post("/orders/batch", {"delete": list(range(101))})).status == 413


async def test_a_line_of_a_deleted_product_has_no_sku(bench):
    bench.shop.checkout([("A", 1)])
    assert (await bench.get("/orders")).body[0]["line_items"][0]["sku"] == "A"
    await bench.delete(f"/products/{bench.shop.catalog.by_sku['A'].id}", force="true")
    assert (await bench.get("/orders")).body[0]["line_items"][0]["sku"] is None


async def test_broken_json_and_unknown_routes_are_refused_as_wordpress_does(bench):
    url = f"{bench.base}{V3}/orders"
    async with bench.session.post(url, data=b"{", headers={**KEYS, "Content-Type": "application/json"}) as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, "rest_invalid_json")
    assert (await bench.get("/nothing")).body["code"] == "rest_no_route"
    assert (await bench.get("/settings/products/woocommerce_other")).status == 404


async def test_refunds_of_the_shop_name_their_order(bench):
    order = bench.shop.checkout([("A", 3)])
    bench.shop.refund(order, {order.lines[0].id: 1})
    answer = await bench.get("/refunds")
    assert answer.body[0]["parent_id"] == order.id
    one = await bench.get(f"/orders/{order.id}/refunds/{answer.body[0]['id']}")
    assert "parent_id" not in one.body
    assert (await bench.get(f"/orders/{order.id}/refunds/1")).body["code"] == "woocommerce_rest_invalid_order_refund_id"
    assert (await bench.get("/orders/1/refunds")).status == 404
    assert (await bench.delete(f"/orders/{order.id}/refunds/{one.body['id']}")).status == 501
    assert (await bench.post(f"/orders/{order.id}/refunds", {"amount": "999"})).status == 500
    assert (await bench.post(f"/orders/{order.id}/refunds", {"amount": "-1"})).status == 400
