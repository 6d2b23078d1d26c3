"""The BigCommerce inventory port, against the simulated shop over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.core.quantity import NEVER, SECOND, ZERO, Instant, Quantity, units
from syncd.errors import BugError, MisconfiguredError, RefusedError, StoreFault, Throttled
from syncd.ports.store import InventoryPort, LevelPage, LevelWrite, Listing, WriteResult
from syncd.stores.bigcommerce import BigCommerceStore
from syncd.stores.bigcommerce.adjustments import WRITES_MAX
from syncd.stores.bigcommerce.inventory import BATCH_MAX
from syncd.stores.bigcommerce.locations import Locations
from syncd.transport import Answer
from tests.stores.bigcommerce_bodies import raw
from tests.stores.bigcommerce_world import EPOCH, open_world

APPLIED, REFUSED, UNKNOWN, NOT_SENT = (
    WriteResult.APPLIED,
    WriteResult.REFUSED,
    WriteResult.UNKNOWN,
    WriteResult.NOT_SENT,
)


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


def change(item: str, count: int, key: str = "") -> LevelWrite:
    return LevelWrite(key=key or f"t/s/{item}/1", item=item, change=units(count))


def put(item: str, count: int, key: str = "") -> LevelWrite:
    return LevelWrite(key=key or f"t/s/{item}/1", item=item, level=units(count))


def shown(page: LevelPage) -> dict[str, int | None]:
    return {reading.item: reading.level for reading in page.readings}


def on_hand(world, sku: str) -> int | None:
    return world.shop.counter(sku).level


async def all_listings(world) -> list[Listing]:
    listings: list[Listing] = []
    position = ""
    for _ in range(20):
        page = await world.store.inventory.listings(position)
        listings += page.listings
        position = page.next
        if not position:
            return listings
    raise AssertionError("the catalogue doesn't end")


# --- traits and listings ------------------------------------------------------------------------------------------


async def test_the_traits_are_the_platforms():
    async with open_world(apply_us=1, stale_us=2, late_us=3) as world:
        traits = world.store.inventory.traits
    assert (traits.relative, traits.batch_max, traits.floor, traits.whole_units) == (True, BATCH_MAX, ZERO, True)
    assert (traits.apply_us, traits.stale_us, traits.late_us) == (1, 2, 3)
    async with open_world() as world:
        traits = world.store.inventory.traits
    assert (traits.apply_us, traits.stale_us, traits.late_us) == (5 * SECOND, 5 * SECOND, 30 * SECOND)


async def test_the_catalogue_tells_which_counter_each_thing_draws_from(world):
    world.add(
        {"sku": "RED", "name": "Red", "stock": 5},
        {"sku": "SHIRT", "name": "Shirt", "variants": [{"sku": "S", "stock": 1}, {"sku": "M", "stock": 2}]},
        {"sku": "CUP", "track": "product", "variants": [{"sku": "CUP-A"}, {"sku": "CUP-B"}], "stock": 9},
        {"sku": "AIR", "track": "none"},
    )
    assert await all_listings(world) == [
        Listing("111/76", "p:111", "RED", "Red"),
        Listing("111", "p:111", "RED", "Red"),
        Listing("112/77", "v:112/77", "S", "Shirt (S)"),
        Listing("112/78", "v:112/78", "M", "Shirt (M)"),
        Listing("113/79", "p:113", "CUP-A", "CUP (CUP-A)"),
        Listing("113/80", "p:113", "CUP-B", "CUP (CUP-B)"),
        Listing("114/81", "", "AIR", "AIR"),
        Listing("114", "", "AIR", "AIR"),
    ]


async def test_listings_and_order_lines_name_a_product_alike(world):
    world.add({"sku": "RED", "stock": 5}, {"sku": "SHIRT", "variants": [{"sku": "S", "stock": 1}]})
    world.shop.sell([{"sku": "RED", "quantity": 1}, {"sku": "S", "quantity": 1}])
    (order,) = (await world.store.orders.by_number("", 10)).orders
    names = {listing.product: listing.sku for listing in await all_listings(world)}
    assert {line.product: line.sku for line in order.lines}.items() <= names.items()


async def test_a_large_catalogue_is_read_whole_though_products_come_while_it_is_read(world):
    world.add(*({"sku": f"S{number}", "stock": 1} for number in range(250)))
    first = await world.store.inventory.listings("")
    world.add({"sku": "LATE", "stock": 1})
    second = await world.store.inventory.listings(first.next)
    third = await world.store.inventory.listings(second.next)
    skus = [listing.sku for page in (first, second, third) for listing in page.listings[::2]]
    assert skus == [*(f"S{number}" for number in range(250)), "LATE"]
    assert third.next == ""


async def test_an_empty_catalogue_ends_at_once(world):
    page = await world.store.inventory.listings("")
    assert (page.listings, page.next, page.began) == ((), "", EPOCH)


class Script:
    """A client whose answers are written down: what `answer(path, query or body)` gives."""

    def __init__(self, answer):
        self.answer = answer
        self.asked: list[tuple[str, Any]] = []

    def _reply(self, path, said, wrote):
        self.asked.append((path, said))
        body = self.answer(path, said)
        if isinstance(body, Exception):
            raise body
        return Answer(200, {}, body if isinstance(body, bytes) else raw(body), Instant(1), Instant(2), path, wrote)

    async def read(self, path, query=(), *, accept=()):
        return self._reply(path, dict(query), wrote=False)

    async def write(self, method, path, body, query=(), *, not_after=NEVER):
        return self._reply(path, body, wrote=True)


def scripted(answer) -> tuple[InventoryPort, Script]:
    client = Script(answer)
    return BigCommerceStore(client, store_hash="abc123").inventory, client


async def test_the_catalogue_is_continued_after_the_last_product():
    def answer(path, query):
        after = int(query["id:greater"])
        data = [{"id": number, "inventory_tracking": "product", "variants": []} for number in range(after + 1, 4)][:2]
        return {"data": data, "meta": {"pagination": {"total_pages": -(-(3 - after) // 2)}}}

    inventory, _ = scripted(answer)
    first = await inventory.listings("")
    second = await inventory.listings(first.next)
    assert [listing.product for listing in first.listings] == ["1", "2"]
    assert (first.next, [listing.product for listing in second.listings], second.next) == ("2", ["3"], "")


async def test_a_catalogue_that_ignores_where_to_continue_is_not_read_in_circles():
    inventory, _ = scripted(lambda path, query: {"data": [{"id": 1}], "meta": {"pagination": {"total_pages": 2}}})
    with pytest.raises(StoreFault, match="earlier ones"):
        await inventory.listings("1")


async def test_a_catalogue_without_a_count_of_its_pages_ends_with_a_short_one():
    inventory, _ = scripted(lambda path, query: {"data": [{"id": 5, "type": "digital", "sku": "EB"}], "meta": []})
    page = await inventory.listings("")
    assert page.next == ""
    assert page.listings == (Listing("5", "", "EB", digital=True),)


# --- levels -------------------------------------------------------------------------------------------------------


async def test_a_level_is_what_may_be_sold(world):
    red, small, medium = world.add(
        {"sku": "RED", "stock": 30, "safety_stock": 10},
        {"sku": "SHIRT", "variants": [{"sku": "S", "stock": 1}, {"sku": "M", "stock": 0}]},
    )
    page = await world.store.inventory.levels([red, small, medium])
    assert shown(page) == {red: units(20), small: units(1), medium: 0}
    assert (page.began, page.ended) == (EPOCH, world.clock.now())


async def test_a_counter_without_a_row_at_the_location_has_no_level():
    async with open_world(location_id=2) as world:
        world.shop.add_location(2, "B", "Second")
        here, elsewhere = world.add({"sku": "RED", "stock": {1: 5, 2: 7}}, {"sku": "BLUE", "stock": {1: 5}})
        assert shown(await world.store.inventory.levels([here, elsewhere])) == {here: units(7), elsewhere: None}


async def test_what_is_no_stock_item_is_left_out(world):
    assert (await world.store.inventory.levels(["", "p:", "v:1", "x:1", "p:1/2", "v:1/x"])).readings == ()
    assert world.asked.reads == []


async def test_a_location_that_the_store_does_not_have_is_a_misconfiguration():
    async with open_world(location_id=9) as world:
        (red,) = world.add({"sku": "RED", "stock": 5})
        with pytest.raises(MisconfiguredError, match="no location 9"):
            await world.store.inventory.levels([red])
        with pytest.raises(MisconfiguredError, match="no location 9"):
            await world.store.inventory.write([change(red, 1)])


def row(product: int | None, variant: int | None, level: object, **more):
    return {"identity": {"sku": "X", "product_id": product, "variant_id": variant}, "available_to_sell": level, **more}


def rows_answer(*rows):
    return lambda path, query: {"data": list(rows), "meta": {"pagination": {"total_pages": 1}}}


async def test_a_null_level_is_no_level():
    inventory, _ = scripted(rows_answer(row(7, 70, None)))
    assert shown(await inventory.levels(["p:7"])) == {"p:7": None}


async def test_a_product_goes_by_its_own_row_then_by_rows_that_agree():
    inventory, _ = scripted(rows_answer(row(7, 70, 3), row(7, None, 4), row(8, 80, 5), row(8, 81, 5), row(9, 90, 1)))
    assert shown(await inventory.levels(["p:7", "p:8", "p:9"])) == {"p:7": units(4), "p:8": units(5), "p:9": units(1)}


async def test_a_product_whose_rows_contradict_each_other_is_unknown():
    inventory, _ = scripted(rows_answer(row(8, 80, 5), row(8, 81, 6)))
    assert (await inventory.levels(["p:8"])).readings == ()


async def test_levels_of_many_rows_are_read_page_by_page():
    def answer(path, query):
        page = int(query["page"])
        return {"data": [row(page, page, page)], "meta": {"pagination": {"total_pages": 3}}}

    inventory, client = scripted(answer)
    assert shown(await inventory.levels(["p:1", "p:2", "p:3", "p:4"])) == {
        "p:1": units(1),
        "p:2": units(2),
        "p:3": units(3),
        "p:4": None,
    }
    assert len(client.asked) == 3


async def test_what_lies_beyond_the_last_page_that_is_read_is_unknown():
    inventory, client = scripted(
        lambda path, query: {"data": [row(1, 1, 1)], "meta": {"pagination": {"total_pages": 99}}}
    )
    assert shown(await inventory.levels(["p:1", "p:2"])) == {"p:1": units(1)}
    assert len(client.asked) == 20


# --- locations ----------------------------------------------------------------------------------------------------


async def test_the_counters_of_several_locations_are_read_and_written_together():
    async with open_world(locations=(2,)) as world:
        world.shop.add_location(2, "B", "Second")
        (red,) = world.add({"sku": "RED", "stock": {1: 5, 2: 7}, "safety_stock": 2})
        page = await world.store.inventory.levels([red, f"{red}@2", f"{red}@3", f"{red}@"])
        assert shown(page) == {red: units(3), f"{red}@2": units(5)}
        outcomes = await world.store.inventory.write([change(red, -1), change(f"{red}@2", 4), change(f"{red}@3", 1)])
        assert [one.result for one in outcomes] == [APPLIED, APPLIED, REFUSED]
        assert [world.shop.counter("RED", number).level for number in (1, 2)] == [4, 11]
        assert [path for path, _ in world.asked.reads] == ["/v3/inventory/items"]
        assert len(world.asked.writes) == 1


async def test_the_main_location_need_not_be_the_default_one():
    async with open_world(location_id=2, locations=(1, 2)) as world:
        world.shop.add_location(2, "B", "Second")
        (red,) = world.add({"sku": "RED", "stock": {1: 5, 2: 7}})
        assert shown(await world.store.inventory.levels([red, f"{red}@1"])) == {red: units(7), f"{red}@1": units(5)}


async def test_locations_that_cannot_be_used_are_told_and_left_alone():
    async with open_world(locations=(2, 3)) as world:
        world.shop.add_location(2, "B", "Second", enabled=False)
        (red,) = world.add({"sku": "RED", "stock": {1: 5, 2: 7}})
        told = await world.store.orders.describe()
        assert [warning for warning in told.warnings if "location" in warning] == [
            "location 2 (Second) is disabled in the store: nothing is written there",
            "the store has no location 3: nothing is written there",
        ]
        outcomes = await world.store.inventory.write([change(red, -1), change(f"{red}@2", -1), change(f"{red}@3", -1)])
        assert [one.result for one in outcomes] == [APPLIED, WriteResult.IGNORED, WriteResult.IGNORED]
        assert shown(await world.store.inventory.levels([red, f"{red}@2", f"{red}@3"])) == {red: units(4)}
        world.shop.add_location(2, "B", "Second")
        await world.store.orders.describe()
        (outcome,) = await world.store.inventory.write([change(f"{red}@2", -1)])
        assert outcome.result is APPLIED


async def test_a_location_that_is_found_to_be_closed_by_a_write_stops_alone():
    async with open_world(locations=(2,)) as world:
        world.shop.add_location(2, "B", "Second", enabled=False)
        red, blue = world.add({"sku": "RED", "stock": {1: 5, 2: 7}}, {"sku": "BLUE", "stock": 9})
        outcomes = await world.store.inventory.write([change(f"{red}@2", -1), change(red, -1), change(blue, -2)])
        assert [one.result for one in outcomes] == [WriteResult.IGNORED, APPLIED, APPLIED]
        assert (on_hand(world, "RED"), on_hand(world, "BLUE")) == (4, 7)


async def test_a_token_that_may_not_list_locations_is_told_and_goes_on():
    locations = Locations(Script(lambda path, query: MisconfiguredError("403")), 1, (2,))
    (warning,) = await locations.refresh()
    assert "right to read locations" in warning
    assert locations.open_ids == (1, 2)


async def test_location_1_alone_is_not_asked_about(world):
    await world.store.orders.describe()
    assert not [path for path, _ in world.asked.reads if "locations" in path]


# --- writes -------------------------------------------------------------------------------------------------------


async def test_a_change_is_added_and_a_level_is_put(world):
    red, small, blue = world.add(
        {"sku": "RED", "stock": 5},
        {"sku": "SHIRT", "variants": [{"sku": "S", "stock": 3}]},
        {"sku": "BLUE", "stock": 1},
    )
    outcomes = await world.store.inventory.write([change(red, -2, "a"), put(blue, 9, "b"), change(small, 4, "c")])
    assert [(one.key, one.result) for one in outcomes] == [("a", APPLIED), ("b", APPLIED), ("c", APPLIED)]
    assert (on_hand(world, "RED"), on_hand(world, "S"), on_hand(world, "BLUE")) == (3, 7, 9)
    relative, absolute = world.asked.writes
    assert relative == (
        "POST",
        "relative",
        {
            "reason": "syncd a and 1 more",
            "items": [
                {"location_id": 1, "product_id": 111, "quantity": -2},
                {"location_id": 1, "variant_id": 77, "quantity": 4},
            ],
        },
    )
    assert absolute[:2] == ("PUT", "absolute")
    assert absolute[2]["reason"] == "syncd b"


async def test_a_level_is_put_on_top_of_the_safety_stock(world):
    (red,) = world.add({"sku": "RED", "stock": 30, "safety_stock": 10})
    await world.store.inventory.write([put(red, 4)])
    assert on_hand(world, "RED") == 14
    assert shown(await world.store.inventory.levels([red])) == {red: units(4)}


async def test_a_change_leaves_the_safety_stock_alone(world):
    (red,) = world.add({"sku": "RED", "stock": 30, "safety_stock": 10})
    await world.store.inventory.write([change(red, -5)])
    assert shown(await world.store.inventory.levels([red])) == {red: units(15)}


async def test_safety_stock_is_told_by_the_difference_where_the_settings_lack_it():
    def answer(path, said):
        if path.endswith("/items"):
            return {"data": [row(7, None, 20, total_inventory_onhand=30, settings=[])], "meta": []}
        return {"transaction_id": "x"}

    inventory, client = scripted(answer)
    await inventory.write([put("p:7", 1)])
    assert b'"quantity":11' in client.asked[-1][1]


async def test_an_absolute_write_is_not_sent_where_the_safety_stock_cannot_be_read(world):
    (red,) = world.add({"sku": "RED", "stock": 5})
    world.shop.faults.change({"error_503": 1.0})
    with pytest.raises(StoreFault):
        await world.store.inventory.write([put(red, 1)])
    assert world.asked.writes == []


async def test_a_counter_without_a_level_needs_an_absolute_write_first(world):
    new, red, other = world.add({"sku": "NEW"}, {"sku": "RED", "stock": 5}, {"sku": "OTHER"})
    outcomes = await world.store.inventory.write([change(new, 2), change(red, -1), change(other, 2)])
    assert [one.result for one in outcomes] == [WriteResult.NEEDS_ABSOLUTE, APPLIED, NOT_SENT]
    assert "requires absolute adjustment" in outcomes[0].reason
    (outcome,) = await world.store.inventory.write([change(other, 2)])
    assert outcome.result is WriteResult.NEEDS_ABSOLUTE
    assert (on_hand(world, "NEW"), on_hand(world, "RED")) == (None, 4)
    assert [one.result for one in await world.store.inventory.write([put(new, 2)])] == [APPLIED]
    assert [one.result for one in await world.store.inventory.write([change(new, 2)])] == [APPLIED]
    assert on_hand(world, "NEW") == 4


async def test_a_title_may_name_several_counters_at_once():
    def answer(path, said):
        if b'"variant_id":106,' in said:
            return refusal(
                "Items with identity: [variant_id 106, product_id 113] requires absolute adjustment before relative"
            )
        return {"transaction_id": "x"}

    inventory, _ = scripted(answer)
    outcomes = await inventory.write([change("v:9/106", 1), change("p:113", 1), change("p:106", -1)])
    assert [one.result for one in outcomes] == [WriteResult.NEEDS_ABSOLUTE, WriteResult.NEEDS_ABSOLUTE, APPLIED]


async def test_a_title_that_names_a_counter_by_its_sku_is_understood_once_it_stands_alone():
    title = "Items with identity: [sku RED] requires absolute adjustment before relative"
    inventory, _ = scripted(picky(2, title=title))
    outcomes = await inventory.write([change("p:1", -1), change("p:2", -1)])
    assert [one.result for one in outcomes] == [APPLIED, WriteResult.NEEDS_ABSOLUTE]


async def test_a_level_is_not_put_where_the_safety_stock_is_beyond_what_was_read():
    def answer(path, said):
        if path.endswith("items"):
            return {"data": [row(1, None, 1)], "meta": {"pagination": {"total_pages": 99}}}
        return {"transaction_id": "x"}

    inventory, _ = scripted(answer)
    outcomes = await inventory.write([put("p:1", 1), put("p:2", 1)])
    assert [one.result for one in outcomes] == [APPLIED, NOT_SENT]
    assert outcomes[1].reason.startswith("not sent")


async def test_a_counter_of_the_wrong_kind_is_refused_and_the_others_are_applied(world):
    red, blue = world.add({"sku": "RED", "stock": 5}, {"sku": "BLUE", "stock": 5})
    variant = world.shop.catalog.products[111].variants[0].id
    outcomes = await world.store.inventory.write([change(f"v:111/{variant}", -1), change(blue, -1)])
    assert [one.result for one in outcomes] == [WriteResult.IGNORED, APPLIED]
    assert "is tracked by product" in outcomes[0].reason
    assert (on_hand(world, "RED"), on_hand(world, "BLUE")) == (5, 4)
    assert red == "p:111"


async def test_too_little_stock_is_refused_and_the_others_are_applied(world):
    red, blue = world.add({"sku": "RED", "stock": 50, "safety_stock": 10}, {"sku": "BLUE", "stock": 5})
    outcomes = await world.store.inventory.write([change(red, -41), change(blue, -5)])
    assert [one.result for one in outcomes] == [REFUSED, APPLIED]
    assert (on_hand(world, "RED"), on_hand(world, "BLUE")) == (50, 0)
    assert [one.result for one in await world.store.inventory.write([change(red, -40)])] == [APPLIED]


def refusal(title: str, errors: object = None, status: int = 422):
    return RefusedError(title, status=status, body=raw({"status": status, "title": title, "errors": errors or {}}))


def picky(*bad: int, title: str = "Not enough stock", status: int = 422):
    """A shop that refuses a whole request for the sake of one product, without naming it."""

    def answer(path, said):
        if any(b'"product_id":%d,' % number in said for number in bad):
            return refusal(title, status=status)
        return {"transaction_id": "x"}

    return answer


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_an_offender_that_is_not_named_is_found_by_halving(status):
    inventory, client = scripted(picky(17, status=status))
    outcomes = await inventory.write([change(f"p:{number}", -1) for number in range(1, 65)])
    assert [one.result for one in outcomes] == [REFUSED if number == 17 else APPLIED for number in range(1, 65)]
    assert outcomes[16].reason == "Not enough stock"
    assert len(client.asked) == 12  # a half whose sibling was accepted isn't sent whole


async def test_what_was_refused_is_never_sent_twice_once_it_was_applied():
    inventory, client = scripted(picky(3, 40))
    await inventory.write([change(f"p:{number}", -1) for number in range(1, 65)])
    applied = [said for path, said in client.asked if not any(b'"product_id":%d,' % bad in said for bad in (3, 40))]
    for number in range(1, 65):
        expected = 0 if number in {3, 40} else 1
        assert sum(b'"product_id":%d,' % number in said for said in applied) == expected


async def test_the_search_for_offenders_ends():
    inventory, client = scripted(picky(*range(1, 500, 2)))
    outcomes = await inventory.write([change(f"p:{number}", -1) for number in range(1, 500)])
    assert len(client.asked) == 40
    assert {one.result for one in outcomes} <= {REFUSED, APPLIED, NOT_SENT}
    assert sum(one.reason.startswith("not sent") for one in outcomes) > 400


async def test_an_offender_that_is_named_by_its_place_is_found():
    def answer(path, said):
        if b'"product_id":2,' in said:
            return refusal("Payload contains invalid fields", {"items.1.quantity": "invalid value"})
        return {"transaction_id": "x"}

    inventory, client = scripted(answer)
    outcomes = await inventory.write([change("p:1", -1), change("p:2", -1), change("p:3", -1)])
    assert [one.result for one in outcomes] == [APPLIED, REFUSED, APPLIED]
    assert outcomes[1].reason == "Payload contains invalid fields: invalid value"
    assert len(client.asked) == 2


async def test_a_conflict_is_not_searched_for_an_offender():
    inventory, client = scripted(picky(1, status=409))
    outcomes = await inventory.write([change("p:1", 1), change("p:2", 1)])
    assert [one.result for one in outcomes] == [REFUSED, REFUSED]
    assert len(client.asked) == 1


@pytest.mark.parametrize("by", ["504", "500", "hang", "reset"])
async def test_a_write_without_an_answer_is_unknown_and_not_repeated(world, by):
    red, blue = world.add({"sku": "RED", "stock": 5}, {"sku": "BLUE", "stock": 5})
    world.shop.faults.change({"lost_answer": 1.0, "lost_answer_by": by, "hang_seconds": 5.0})
    outcomes = await world.store.inventory.write([change(red, -1), change(blue, -1)])
    assert [one.result for one in outcomes] == [UNKNOWN, UNKNOWN]
    assert (on_hand(world, "RED"), on_hand(world, "BLUE")) == (4, 4)
    assert len(world.asked.writes) == 1


@pytest.mark.parametrize("fault", ["truncated", "html_200", "html_503", "error_502"])
async def test_an_unusable_answer_to_a_write_is_unknown(world, fault):
    (red,) = world.add({"sku": "RED", "stock": 5})
    world.shop.faults.change({fault: 1.0})
    (outcome,) = await world.store.inventory.write([change(red, -1)])
    assert outcome.result is UNKNOWN


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"transaction_id":null}', b"\xff"])
async def test_an_answer_that_does_not_say_accepted_is_unknown(body):
    inventory, _ = scripted(lambda path, said: body)
    assert [one.result for one in await inventory.write([change("p:1", 1)])] == [UNKNOWN]


async def test_nothing_is_sent_after_an_unclear_end(world):
    red, blue = world.add({"sku": "RED", "stock": 5}, {"sku": "BLUE", "stock": 5})
    world.shop.faults.change({"lost_answer": 1.0})
    outcomes = await world.store.inventory.write([change(red, -1), put(blue, 1)])
    assert [one.result for one in outcomes] == [UNKNOWN, NOT_SENT]
    assert outcomes[1].reason.startswith("not sent")
    assert on_hand(world, "BLUE") == 5


@pytest.mark.parametrize("fault", ["too_many", "too_many_bare", "too_many_retry_after"])
async def test_a_throttled_write_is_an_error_and_surely_not_written(world, fault):
    (red,) = world.add({"sku": "RED", "stock": 5})
    world.shop.faults.change({fault: 1.0})
    with pytest.raises(Throttled):
        await world.store.inventory.write([change(red, -1)])
    assert on_hand(world, "RED") == 5


async def test_an_error_after_something_was_applied_is_told_as_not_sent():
    def answer(path, said):
        if path.endswith("relative"):
            return {"transaction_id": "x"}
        return {"data": []} if path.endswith("items") else Throttled("wait", wait_seconds=9.0)

    inventory, _ = scripted(answer)
    outcomes = await inventory.write([change("p:1", 1), put("p:2", 1)])
    assert [one.result for one in outcomes] == [APPLIED, NOT_SENT]
    assert outcomes[1].reason == "not sent: wait"


async def test_writes_that_cannot_be_are_refused_without_asking(world):
    half = units(1) // 2
    writes = [
        LevelWrite("a", "x:1", change=units(1)),
        LevelWrite("b", "p:1", change=Quantity(half)),
        LevelWrite("c", "p:2", level=units(2_147_483_648)),
        LevelWrite("d", "p:3", change=units(-2_147_483_648)),
    ]
    outcomes = await world.store.inventory.write(writes)
    assert [one.result for one in outcomes] == [REFUSED] * 4
    assert world.asked.writes == []


async def test_a_level_below_zero_is_refused(world):
    (red,) = world.add({"sku": "RED", "stock": 5})
    (outcome,) = await world.store.inventory.write([put(red, -1)])
    assert outcome.result is REFUSED
    assert on_hand(world, "RED") == 5


async def test_a_change_by_nothing_is_done(world):
    (red,) = world.add({"sku": "RED", "stock": 5})
    (outcome,) = await world.store.inventory.write([change(red, 0)])
    assert outcome.result is APPLIED
    assert world.asked.writes == []


@pytest.mark.parametrize("write", [LevelWrite("k", "p:1"), LevelWrite("k", "p:1", change=units(1), level=units(1))])
async def test_a_write_that_says_neither_or_both_is_a_bug(world, write):
    with pytest.raises(BugError):
        await world.store.inventory.write([write])


async def test_a_write_is_not_sent_when_its_time_is_over(world):
    (red,) = world.add({"sku": "RED", "stock": 5})
    world.clock.pass_seconds(60)
    with pytest.raises(Throttled):
        await world.store.inventory.write([change(red, -1)], not_after=Instant(EPOCH + 59 * SECOND))
    assert on_hand(world, "RED") == 5
    (outcome,) = await world.store.inventory.write([change(red, -1)], not_after=Instant(EPOCH + 99 * SECOND))
    assert outcome.result is APPLIED


async def test_no_writes_send_nothing(world):
    assert await world.store.inventory.write([]) == ()
    assert (world.asked.reads, world.asked.writes) == ([], [])


async def test_a_location_that_is_closed_stops_the_store_loudly(world):
    (red,) = world.add({"sku": "RED", "stock": 5})
    world.shop.add_location(1, "A", "Default", enabled=False)
    with pytest.raises(MisconfiguredError, match=r"no location 1: Location not found"):
        await world.store.inventory.write([change(red, 1)])


async def test_a_full_batch_is_one_request(world):
    items = world.add(*({"sku": f"S{number}", "stock": 3} for number in range(WRITES_MAX)))
    outcomes = await world.store.inventory.write([change(item, -1) for item in items])
    assert {one.result for one in outcomes} == {APPLIED}
    page = await world.store.inventory.levels(items[:BATCH_MAX])
    assert set(shown(page).values()) == {units(2)}
    assert (len(world.asked.writes), len(world.asked.reads)) == (1, 1)


@pytest.mark.parametrize("bad", [0, 1, 777, 1_024, 1_999])
async def test_one_bad_item_among_two_thousand_is_found_in_few_requests(bad):
    inventory, client = scripted(picky(bad + 1))
    outcomes = await inventory.write([change(f"p:{number}", -1) for number in range(1, 2_001)])
    assert [place for place, one in enumerate(outcomes) if one.result is not APPLIED] == [bad]
    assert len(client.asked) <= 23


async def test_the_whole_list_is_read_where_many_are_wanted_and_what_no_page_tells_is_left(world):
    items = world.add(*({"sku": f"S{number}", "stock": number} for number in range(2_100)))
    sweep = world.store.inventory.begin_sweep([*items[::2], "p:999999"])
    found: dict[str, int | None] = {}
    while (page := await sweep.next_page()) is not None:
        assert page.began < page.ended or page.began == page.ended == world.clock.now()
        found |= shown(page)
    assert found == {item: units(2 * number) for number, item in enumerate(items[::2])}
    assert sweep.untold == ("p:999999",)
    assert len(world.asked.reads) == 3


async def test_safety_stock_that_was_read_just_now_is_not_read_again(world):
    (red,) = world.add({"sku": "RED", "stock": 30, "safety_stock": 10})
    await world.store.inventory.levels([red])
    await world.store.inventory.write([put(red, 4)], not_after=Instant(world.clock.now() + 30 * SECOND))
    assert (on_hand(world, "RED"), len(world.asked.reads)) == (14, 1)
    world.clock.pass_seconds(60)
    world.shop.counter("RED").safety_stock = 12
    await world.store.inventory.write([put(red, 4)], not_after=Instant(world.clock.now() + 30 * SECOND))
    assert (on_hand(world, "RED"), len(world.asked.reads)) == (16, 2)


# --- a refused request, where nobody says whether the others in it were applied --------------------------------------


@pytest.mark.parametrize("whole", [True, False])
async def test_after_a_refused_request_outcomes_say_what_may_have_been_applied(whole):
    async with open_world() as world:
        world.shop.settings.switches.batch_all_or_nothing = whole
        new, red, blue = world.add({"sku": "NEW"}, {"sku": "RED", "stock": 50}, {"sku": "BLUE", "stock": 50})
        outcomes = await world.store.inventory.write([change(new, 1), change(red, -7), change(blue, 3)])
        assert [(one.result, one.repeats) for one in outcomes] == [
            (WriteResult.NEEDS_ABSOLUTE, 0),
            (APPLIED, 1),
            (NOT_SENT, 1),
        ]
        # A lowering comes twice at worst, a raise never.
        assert (on_hand(world, "RED"), on_hand(world, "BLUE")) == ((43, 50) if whole else (36, 53))


@pytest.mark.parametrize("whole", [True, False])
async def test_each_change_lies_within_what_its_outcome_says_whoever_is_to_blame(whole):
    async with open_world() as world:
        world.shop.settings.switches.batch_all_or_nothing = whole
        items = world.add(*({"sku": f"S{number}", "stock": 0 if number == 11 else 90} for number in range(24)))
        changes = [-5 if number % 3 else 4 for number in range(24)]
        outcomes = await world.store.inventory.write(
            [change(item, by) for item, by in zip(items, changes, strict=True)]
        )
        assert outcomes[11].result is REFUSED
        for number, (by, one) in enumerate(zip(changes, outcomes, strict=True)):
            moved = (on_hand(world, f"S{number}") or 0) - (0 if number == 11 else 90)
            applied = by if one.result is APPLIED else 0
            assert moved in {applied + by * times for times in range(one.repeats + 1)}, number
            assert moved <= max(0, by)


async def test_raises_of_a_request_in_which_nobody_was_named_go_in_smaller_and_smaller_parts():
    inventory, client = scripted(picky(17))
    wanted = [change(f"p:{number}", 1) for number in range(1, 33)]
    rounds = 0
    while any(wanted):
        rounds += 1
        outcomes = await inventory.write(wanted)
        ended = {one.key for one in outcomes if one.result in {APPLIED, REFUSED}}
        refused = [one.key for one in outcomes if one.result is REFUSED]
        wanted = [write for write in wanted if write.key not in ended]
    assert refused == ["t/s/p:17/1"]
    assert rounds == 6
    assert len(client.asked) == 1 + 5 * 2
