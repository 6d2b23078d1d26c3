"""The inventory API of the BigCommerce shop: reading, adjusting, and what happens in between."""

from __future__ import annotations

import pytest

from syncd.simulator.bigcommerce.stockroom import LEVEL_MAX
from tests.simulator.bigcommerce_bench import Bench, open_bench


@pytest.fixture
async def bench():
    async with open_bench() as bench:
        bench.shop.add_products(
            [
                {"sku": "A", "stock": 50, "safety_stock": 10},
                {"sku": "P", "variants": [{"sku": "P-1", "stock": 3}, {"sku": "P-2"}]},
                {"sku": "N", "track": "none"},
            ]
        )
        yield bench


async def adjust(bench: Bench, kind: str, *items, **more):
    method = "PUT" if kind == "absolute" else "POST"
    return await bench.call(method, f"/v3/inventory/adjustments/{kind}", {"items": list(items), **more})


def item(quantity, location=1, **identity):
    return {"location_id": location, "quantity": quantity, **(identity or {"sku": "A"})}


async def test_available_to_sell_is_on_hand_less_safety_stock(bench):
    row = (await bench.get("/v3/inventory/items", **{"sku:in": "A"})).json["data"][0]["locations"][0]
    assert (row["total_inventory_onhand"], row["available_to_sell"]) == (50, 40)
    assert (row["settings"]["safety_stock"], row["settings"]["is_in_stock"]) == (10, True)
    await adjust(bench, "absolute", item(10))
    row = (await bench.get("/v3/inventory/items", **{"sku:in": "A"})).json["data"][0]["locations"][0]
    assert (row["available_to_sell"], row["settings"]["is_in_stock"]) == (0, False)


async def test_items_are_filtered_and_paged_with_links(bench):
    skus = [row["identity"]["sku"] for row in (await bench.get("/v3/inventory/items")).json["data"]]
    assert skus == ["A", "P-1", "P-2"]
    page = (await bench.get("/v3/inventory/items", limit=2, page=1)).json["meta"]["pagination"]
    assert (page["total"], page["count"], page["total_pages"]) == (3, 2, 2)
    assert page["links"] == {"current": "?page=1&limit=2", "next": "?page=2&limit=2"}
    last = (await bench.get("/v3/inventory/items", limit=2, page=2)).json
    assert (len(last["data"]), last["meta"]["pagination"]["links"]["previous"]) == (1, "?page=1&limit=2")
    assert (await bench.get("/v3/inventory/items", limit=1001)).status == 413
    some = (await bench.get("/v3/inventory/items", **{"sku:in": "P-1,A", "product_id:in": 112})).json["data"]
    assert [row["identity"]["sku"] for row in some] == ["P-1"]
    assert (await bench.get("/v3/inventory/items", **{"location_id:in": 2})).json["data"] == []
    assert (await bench.get("/v3/inventory/locations/9/items")).status == 404


async def test_locations_are_listed_and_filtered(bench):
    bench.shop.add_location(2, "EAST", "East", enabled=False)
    assert [one["id"] for one in (await bench.get("/v3/inventory/locations")).json["data"]] == [1, 2]
    active = (await bench.get("/v3/inventory/locations", is_active="true")).json["data"]
    assert [(one["id"], one["code"]) for one in active] == [(1, "BC-LOCATION-1")]


async def test_an_absolute_adjustment_sets_and_a_relative_one_changes(bench):
    assert "transaction_id" in (await adjust(bench, "absolute", item(30))).json
    assert await bench.level("A") == 30
    await adjust(bench, "relative", item(5), item(-2, sku="P-1"))
    assert (await bench.level("A"), await bench.level("P-1")) == (35, 1)
    assert bench.shop.truth()["writes"] == {"relative": 2, "absolute": 1}


@pytest.mark.parametrize(("change", "status", "after"), [(-41, 422, 50), (-40, 200, 10)])
async def test_a_relative_decrease_stops_at_the_safety_stock(bench, change, status, after):
    answered = await adjust(bench, "relative", item(change))
    assert (answered.status, await bench.level("A")) == (status, after)


async def test_two_decreases_in_one_request_are_checked_together(bench):
    assert (await adjust(bench, "relative", item(-30), item(-30))).status == 422
    assert await bench.level("A") == 50


async def test_null_stock_needs_an_absolute_adjustment_first(bench):
    refused = await adjust(bench, "relative", item(1, sku="P-2"))
    assert (refused.status, refused.content_type) == (422, "application/problem+json")
    assert refused.json["title"] == "Items with identity: [sku P-2] requires absolute adjustment before relative"
    await adjust(bench, "absolute", item(0, sku="P-2"))
    assert (await adjust(bench, "relative", item(1, sku="P-2"))).status == 200
    bench.shop.add_location(2, "EAST", "East")
    assert (await adjust(bench, "relative", item(1, location=2))).status == 422


async def test_the_tracking_mode_decides_which_identity_may_be_adjusted(bench):
    product, variant = bench.shop.catalog.sold_as("A")
    parent, child = bench.shop.catalog.sold_as("P-1")
    refused = await adjust(bench, "absolute", item(1, variant_id=variant.id))
    expected = f"[Item with variant_id {variant.id} is tracked by product, please update stock by product id]"
    assert (refused.status, refused.json["title"]) == (422, expected)
    assert (await adjust(bench, "absolute", item(1, product_id=parent.id))).status == 422
    assert (await adjust(bench, "absolute", item(1, sku="N"))).status == 422
    assert (
        await adjust(bench, "absolute", item(20, product_id=product.id), item(2, variant_id=child.id))
    ).status == 200
    bench.shop.settings.switches.base_variant_adjustable = True
    assert (await adjust(bench, "absolute", item(7, variant_id=variant.id))).status == 200
    assert await bench.level("A") == 7


async def test_one_bad_item_refuses_all_unless_the_switch_says_no(bench):
    assert (await adjust(bench, "absolute", item(1), item(1, sku="unknown"))).status == 422
    assert await bench.level("A") == 50
    bench.shop.settings.switches.batch_all_or_nothing = False
    assert (await adjust(bench, "absolute", item(1), item(1, sku="unknown"))).status == 422
    assert await bench.level("A") == 1


async def test_locations_that_are_missing_or_disabled_are_refused(bench):
    bench.shop.add_location(3, "CLOSED", "Closed", enabled=False)
    for location in (3, 9):
        refused = await adjust(bench, "absolute", item(1, location=location))
        assert refused.json["title"] == f"Location not found, identities: [{location}]"


@pytest.mark.parametrize(
    "bad",
    [
        {"location_id": 1, "sku": "A"},
        {"location_id": 1, "sku": "A", "quantity": 1.5},
        {"location_id": 1, "sku": "A", "quantity": -1},
        {"location_id": 1, "quantity": 1},
        {"location_id": 1, "sku": "A", "product_id": 111, "quantity": 1},
        {"sku": "A", "quantity": 1},
        "A",
    ],
)
async def test_a_malformed_item_is_named_in_the_errors(bench, bad):
    refused = await adjust(bench, "absolute", bad)
    assert (refused.status, refused.json["title"]) == (422, "Payload contains invalid fields")
    assert refused.json["errors"]


async def test_more_than_2000_items_are_413_and_none_is_422(bench):
    assert (await adjust(bench, "absolute", *[item(1)] * 2001)).status == 413
    assert (await adjust(bench, "absolute")).status == 422
    assert (await adjust(bench, "absolute", *[item(1)] * 2000)).status == 200


async def test_a_level_above_the_vendors_limit_is_accepted_and_not_saved(bench):
    assert (await adjust(bench, "absolute", item(LEVEL_MAX + 1))).status == 200
    assert await bench.level("A") == 50


async def test_safety_stock_is_set_per_location(bench):
    body = {"settings": [{"identity": {"sku": "A"}, "safety_stock": 49}]}
    assert (await bench.call("PUT", "/v3/inventory/locations/1/items", body)).status == 200
    assert bench.shop.takings.available(("product", 111)) == 1
    bad = {"settings": [{"identity": {"sku": "zzz"}, "safety_stock": 1}]}
    assert (await bench.call("PUT", "/v3/inventory/locations/1/items", bad)).status == 422


async def test_adjustments_are_applied_after_their_delay(bench):
    bench.shop.faults.apply_delay_seconds = (5, 5)
    await adjust(bench, "relative", item(-3))
    assert await bench.level("A") == 50
    assert bench.truth("A")["level"] == 47
    assert bench.truth("A")["pending"] == -3
    bench.clock.turn(5)
    assert await bench.level("A") == 47
    assert bench.truth("A")["pending"] == 0


async def test_an_absolute_write_overwrites_what_was_sold_since_it_was_sent(bench):
    bench.shop.faults.apply_delay_seconds = (5, 5)
    await adjust(bench, "absolute", item(50))
    bench.shop.sell([{"sku": "A", "quantity": 4}])
    assert await bench.level("A") == 46
    bench.clock.turn(5)
    assert await bench.level("A") == 50
    assert bench.truth("A")["sold"] == 4


async def test_reads_may_be_stale_and_sales_are_not(bench):
    bench.clock.turn(100)
    bench.shop.faults.stale_seconds = 10
    bench.shop.sell([{"sku": "A", "quantity": 4}])
    assert await bench.level("A") == 50
    catalog = (await bench.get("/v3/catalog/products", sku="A")).json["data"][0]
    assert catalog["inventory_level"] == 50
    bench.clock.turn(9)
    assert await bench.level("A") == 50
    bench.clock.turn(1)
    assert await bench.level("A") == 46


async def test_two_decreases_that_fit_alone_but_not_together_both_vanish(bench):
    bench.shop.faults.apply_delay_seconds = (5, 5)
    assert (await adjust(bench, "relative", item(-30))).status == 200
    assert (await adjust(bench, "relative", item(-20))).status == 200
    assert bench.truth("A")["level"] == 50
    bench.clock.turn(5)
    assert await bench.level("A") == 50
    assert bench.shop.history("A")[-1]["cause"] == "api relative refused"
    bench.shop.settings.switches.contention_fails_both = False
    await adjust(bench, "relative", item(-30))
    await adjust(bench, "relative", item(-20))
    bench.clock.turn(5)
    assert await bench.level("A") == 20


async def test_two_decreases_that_fit_together_are_both_applied(bench):
    bench.shop.faults.apply_delay_seconds = (5, 5)
    await adjust(bench, "relative", item(-20))
    bench.clock.turn(2)
    await adjust(bench, "relative", item(-20))
    bench.clock.turn(5)
    assert await bench.level("A") == 10


async def test_a_decrease_accepted_before_a_sale_is_checked_again_after_it(bench):
    bench.shop.faults.apply_delay_seconds = (5, 5)
    await adjust(bench, "relative", item(-38))
    bench.shop.sell([{"sku": "A", "quantity": 4}])
    bench.clock.turn(5)
    assert await bench.level("A") == 46


async def test_absolute_writes_keep_their_order_unless_they_may_overtake(bench):
    bench.shop.faults.apply_delay_seconds = (10, 10)
    await adjust(bench, "absolute", item(20))
    bench.shop.faults.apply_delay_seconds = (1, 1)
    await adjust(bench, "absolute", item(30))
    bench.clock.turn(10)
    assert await bench.level("A") == 30
    bench.shop.settings.switches.absolutes_overtake = True
    bench.shop.faults.apply_delay_seconds = (10, 10)
    await adjust(bench, "absolute", item(21))
    bench.shop.faults.apply_delay_seconds = (1, 1)
    await adjust(bench, "absolute", item(31))
    assert bench.truth("A")["level"] == 21
    bench.clock.turn(10)
    assert await bench.level("A") == 21


async def test_a_relative_write_may_add_to_the_level_from_before_an_absolute_one_in_flight(bench):
    bench.shop.faults.apply_delay_seconds = (5, 5)
    for lost, expected in ((False, 25), (True, 30)):
        bench.shop.settings.switches.relative_uses_pre_absolute = lost
        await adjust(bench, "absolute", item(20))
        await adjust(bench, "relative", item(5))
        bench.clock.turn(5)
        assert await bench.level("A") == expected


async def test_the_catalog_shows_the_default_location_or_all_that_may_be_sold(bench):
    bench.shop.add_location(2, "EAST", "East")
    await adjust(bench, "absolute", item(7, location=2))
    shown = (await bench.get("/v3/catalog/products", sku="A")).json["data"][0]
    assert (shown["inventory_level"], shown["inventory_tracking"]) == (50, "product")
    bench.shop.settings.switches.catalog_level = "available_total"
    assert (await bench.get("/v3/catalog/products", sku="A")).json["data"][0]["inventory_level"] == 47


async def test_the_catalog_is_filtered_paged_and_cut_to_fields(bench):
    assert (await bench.get("/v3/catalog/products", limit=251)).status == 413
    assert (await bench.get("/v3/catalog/variants", limit=251)).status == 413
    rows = (await bench.get("/v3/catalog/products", include_fields="sku,inventory_tracking")).json["data"]
    assert rows[1] == {"id": 112, "sku": "P", "inventory_tracking": "variant"}
    assert {row["inventory_tracking"] for row in rows} == {"product", "variant", "none"}
    variants = (await bench.get("/v3/catalog/variants", **{"product_id:in": 112, "limit": 1, "page": 2})).json
    assert [row["sku"] for row in variants["data"]] == ["P-2"]
    one = (await bench.get("/v3/catalog/variants", sku="P-1")).json["data"]
    assert [(row["sku"], row["inventory_level"]) for row in one] == [("P-1", 3)]
    with_variants = (await bench.get("/v3/catalog/products", include="variants", **{"sku:in": "P"})).json["data"]
    assert [variant["sku"] for variant in with_variants[0]["variants"]] == ["P-1", "P-2"]


async def test_the_catalog_goes_on_after_an_id_and_sorts_both_ways(bench):
    for bounds, skus in (
        ({"id:greater": 111}, ["P", "N"]),
        ({"id:min": 112, "id:max": 112}, ["P"]),
        ({"id:less": 112}, ["A"]),
        ({"sort": "sku", "direction": "desc"}, ["P", "N", "A"]),
    ):
        assert [row["sku"] for row in (await bench.get("/v3/catalog/products", **bounds)).json["data"]] == skus


async def test_a_product_tracked_as_a_whole_has_one_row_or_one_for_each_variant(bench):
    variants = [{"sku": "Q-1"}, {"sku": "Q-2"}]
    bench.shop.add_products([{"sku": "Q", "track": "product", "stock": 4, "variants": variants}])
    rows = (await bench.get("/v3/inventory/items", **{"product_id:in": 114})).json["data"]
    assert [row["identity"] for row in rows] == [{"sku": "Q", "product_id": 114}]
    bench.shop.settings.switches.product_rows = "variants"
    rows = (await bench.get("/v3/inventory/items", **{"product_id:in": 114})).json["data"]
    assert [(row["identity"]["sku"], row["locations"][0]["available_to_sell"]) for row in rows] == [
        ("Q-1", 4),
        ("Q-2", 4),
    ]


async def test_a_level_that_was_never_set_shows_as_0_or_as_null(bench):
    assert await bench.level("P-2") == 0
    bench.shop.settings.switches.unset_level = "null"
    row = (await bench.get("/v3/inventory/locations/1/items", **{"sku:in": "P-2"})).json["data"][0]
    assert (row["available_to_sell"], row["total_inventory_onhand"]) == (None, None)


async def test_inventory_settings_are_read_and_written_per_channel(bench):
    store = (await bench.get("/v3/settings/inventory")).json["data"]
    assert store["update_stock_behavior"] == "order_placed"
    own = (await bench.get("/v3/settings/inventory", channel_id=1)).json["data"]
    assert own["update_stock_behavior"] is None
    body = {"update_stock_behavior": "order_completed_or_shipped", "edit_order_stock_adjustment": True}
    await bench.call("PUT", "/v3/settings/inventory", body, channel_id=1)
    own = (await bench.get("/v3/settings/inventory", channel_id=1)).json["data"]
    assert (own["update_stock_behavior"], own["refund_order_stock_adjustment"]) == ("order_completed_or_shipped", None)
    assert (await bench.get("/v3/settings/inventory", channel_id=77)).status == 422
    assert (await bench.call("PUT", "/v3/settings/inventory", {"update_stock_behavior": "x"})).status == 422
