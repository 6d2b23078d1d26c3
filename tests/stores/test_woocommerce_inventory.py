"""The inventory port against the simulated shop, over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.core.quantity import Instant, Quantity, units
from syncd.errors import BugError, MisconfiguredError, StoreFault, Throttled
from syncd.ports.store import InventoryPort, LevelPage, LevelWrite, Listing, WriteOutcome, WriteResult
from syncd.simulator.woocommerce import product_view, stock_writes
from syncd.stores.woocommerce.items import Item, item_of, own_level, read_item
from syncd.stores.woocommerce.wire import Product
from syncd.transport import Limits
from tests.stores.woocommerce_shop import Front, open_front, recorded

PRODUCTS_API = "syncd.simulator.woocommerce.products_api"
ONE_TRY = Limits(interval_default_seconds=0, tries_max=1, read_seconds=0.2)


def shirts(front: Front, sku: str, *levels: int | None, own: bool = True, parent_level: int | None = None) -> list[str]:
    """A variable product with variations; a level None is counted by the parent, `own` False by nobody."""
    parent = front.shop.add_product(sku, kind="variable", stock=parent_level)
    children = [
        front.shop.add_product(f"{sku}-{place}", stock=level if own else None, parent=parent)
        for place, level in enumerate(levels)
    ]
    return [f"v:{parent.id}/{child.id}" for child in children]


def simple(front: Front, sku: str, level: int | None = 0) -> str:
    return f"p:{front.shop.add_product(sku, stock=level).id}"


async def all_listings(front: Front, between: Any = None) -> list[Listing]:
    found: list[Listing] = []
    position = ""
    for _ in range(100):
        page = await front.inventory.listings(position)
        found += page.listings
        assert page.began <= page.ended
        if not page.next:
            return found
        position = page.next
        if between is not None:
            between()
    raise AssertionError("the catalogue never ends")


def levels_of(page: LevelPage) -> dict[str, int | None]:
    return {row.item: None if row.level is None else row.level // 10_000 for row in page.readings}


def put(item: str, level: float | None, key: str = "") -> LevelWrite:
    return LevelWrite(key or item, item, level=None if level is None else Quantity(round(level * 10_000)))


def ends(outcomes: tuple[WriteOutcome, ...]) -> list[tuple[str, int | None]]:
    return [(row.result.value, None if row.level is None else row.level // 10_000) for row in outcomes]


# Items ------------------------------------------------------------------------------------------------------------------


def test_items_are_named_and_read():
    for item in (Item(10), Item(30, 33)):
        assert read_item(item.name) == item
    assert (Item(10).name, Item(30, 33).name) == ("p:10", "v:30/33")
    for odd in ("", "10", "p:0", "p:-1", "p:1\n", "p:١", "p:", "v:30", "x:10", "p:30/33", "v:a/b"):
        assert read_item(odd) is None


def test_who_counts_is_told_by_the_recorded_rows():
    import msgspec

    simple_row = msgspec.convert(recorded("product_simple"), Product)
    assert (item_of(simple_row), own_level(simple_row)) == (Item(10), units(46))
    variable = msgspec.convert(recorded("product_variable"), Product)
    assert (item_of(variable), own_level(variable)) == (None, None)
    rows = msgspec.convert(recorded("product_variations"), list[Product])
    assert [item_of(row, 30) for row in rows] == [Item(30, 33), Item(30, 32), Item(30, 31)]
    found = msgspec.convert(recorded("products_by_sku_finds_variations"), list[Product])
    assert [(row.id, row.parent_id) for row in found] == [(31, 30), (11, 0)]
    by_parent = Product(id=33, manage_stock="parent", stock_quantity=7)
    assert (item_of(by_parent, 30), own_level(by_parent)) == (Item(30), None)


# Listings ---------------------------------------------------------------------------------------------------------------


async def test_the_adapter_is_an_inventory_port():
    async with open_front(stale_us=7) as front:
        port: InventoryPort = front.inventory
        assert (port.traits.relative, port.traits.whole_units, port.traits.floor) == (False, True, None)
        assert (port.traits.batch_max, port.traits.stale_us) == (100, 7)


async def test_listings_name_products_as_order_lines_do_and_say_who_counts():
    async with open_front() as front:
        lonely = simple(front, "A", 5)
        simple(front, "uncounted", None)
        own = shirts(front, "B", 3, 4)
        by_parent = shirts(front, "C", None, None, parent_level=9)
        by_nobody = shirts(front, "D", None, own=False)
        found = await all_listings(front)
        assert [(row.sku, row.item, row.level) for row in found] == [
            ("A", lonely, units(5)),
            ("uncounted", "", None),
            ("B-0", own[0], units(3)),
            ("B-1", own[1], units(4)),
            ("C-0", "p:" + by_parent[0][2:].partition("/")[0], units(9)),
            ("C-1", "p:" + by_parent[0][2:].partition("/")[0], units(9)),
            ("D-0", "", None),
        ]
        assert [row.product for row in found[2:4]] == [own[0][2:], own[1][2:]]
        assert by_nobody
        front.shop.checkout([("B-0", 1), ("A", 1)])
        (order,) = (await front.orders.by_number("", 10)).orders
        assert [line.product for line in order.lines] == [found[2].product, found[0].product]


async def test_a_large_catalogue_comes_in_pages_of_a_hundred():
    async with open_front() as front:
        skus = [f"S{number}" for number in range(250)]
        for sku in skus:
            simple(front, sku, 1)
        assert [row.sku for row in await all_listings(front)] == skus
        assert len(front.asked()) == 3


async def test_products_deleted_while_it_is_read_take_none_with_them():
    async with open_front() as front:
        skus = [f"S{number}" for number in range(350)]
        items = [simple(front, sku, 1) for sku in skus]
        doomed = iter(items)

        def delete_some() -> None:
            for _ in range(40):
                front.shop.catalog.remove(front.shop.catalog.products[int(next(doomed)[2:])])

        assert [row.sku for row in await all_listings(front, delete_some)] == skus


async def test_a_page_opens_a_bounded_number_of_variable_products():
    async with open_front() as front:
        for number in range(60):
            shirts(front, f"V{number}", 1, 2)
            simple(front, f"S{number}", 1)
        page = await front.inventory.listings("")
        assert len(front.asked()) == 26
        assert page.next
        found = await all_listings(front)
        assert len({row.product for row in found}) == len(found) == 180


async def test_a_product_with_many_variations_is_read_whole():
    async with open_front() as front:
        shirts(front, "B", *range(230))
        assert [row.level for row in await all_listings(front)] == [units(level) for level in range(230)]
        assert len(front.asked()) == 4


# Levels -----------------------------------------------------------------------------------------------------------------


async def test_levels_of_products_take_one_request():
    async with open_front() as front:
        items = [simple(front, f"S{number}", number - 2) for number in range(100)]
        front.asked()
        assert levels_of(await front.inventory.levels(items)) == {item: place - 2 for place, item in enumerate(items)}
        assert len(front.asked()) == 1


async def test_levels_of_variations_take_one_request_for_each_parent_or_one_by_sku():
    async with open_front() as front:
        items = [item for number in range(4) for item in shirts(front, f"V{number}", number, number + 10)]
        lonely = simple(front, "A", 5)
        expected = {item: place // 2 + place % 2 * 10 for place, item in enumerate(items)} | {lonely: 5}
        assert levels_of(await front.inventory.levels([*items, lonely])) == expected
        assert len(front.asked()) == 5
        await all_listings(front)
        front.asked()
        assert levels_of(await front.inventory.levels([*items, lonely])) == expected
        assert len(front.asked()) == 2
        assert levels_of(await front.inventory.levels(items[:2])) == dict(list(expected.items())[:2])
        assert ["variations?include=" in row for row in front.asked()] == [True]


async def test_a_sku_that_has_moved_to_another_product_misleads_nobody():
    async with open_front() as front:
        first, second = shirts(front, "V", 1)[0], shirts(front, "W", 2)[0]
        await all_listings(front)
        catalog = front.shop.catalog
        catalog.rename(catalog.named("V-0"), "elsewhere")
        front.shop.add_product("V-0", stock=99)
        assert levels_of(await front.inventory.levels([first, second])) == {first: 1, second: 2}


async def test_what_does_not_count_has_no_level_and_what_is_gone_is_unknown():
    async with open_front() as front:
        counted, uncounted = simple(front, "A", 5), simple(front, "B", None)
        by_parent = shirts(front, "C", None, parent_level=9)[0]
        parent = "p:" + by_parent[2:].partition("/")[0]
        page = await front.inventory.levels([counted, uncounted, by_parent, parent, "p:99999", "v:88888/99999"])
        assert levels_of(page) == {counted: 5, uncounted: None, by_parent: None, parent: 9}
        gone = await front.inventory.levels(["v:88888/99999"])
        assert gone.readings == ()


async def test_a_reading_spans_all_its_requests():
    async with open_front() as front:
        items = [simple(front, "A", 5), *shirts(front, "B", 1)]
        began = front.clock.now()
        front.shop.faults.error_503 = 0.5
        page = await front.inventory.levels(items)
        assert began <= page.began <= page.ended <= front.clock.now()


async def test_more_than_a_batch_is_a_bug():
    async with open_front() as front:
        with pytest.raises(BugError):
            await front.inventory.levels([f"p:{number}" for number in range(1, 102)])
        with pytest.raises(BugError):
            await front.inventory.write([put(f"p:{number}", 1) for number in range(1, 102)])


# Writing ----------------------------------------------------------------------------------------------------------------


async def test_levels_are_written_in_one_request_for_products_and_one_for_each_parent():
    async with open_front() as front:
        items = [simple(front, "A", 5), *shirts(front, "B", 1, 2), simple(front, "C", 5), *shirts(front, "D", 3)]
        outcomes = await front.inventory.write([put(item, place - 1) for place, item in enumerate(items)])
        assert ends(outcomes) == [("applied", place - 1) for place in range(5)]
        assert [row.key for row in outcomes] == items
        assert [front.bench.level(sku) for sku in ("A", "B-0", "B-1", "C", "D-0")] == [-1, 0, 1, 2, 3]
        assert [row.partition("wc/v3")[2] for row in front.asked()] == [
            "/products/batch",
            f"/products/{items[1][2:].partition('/')[0]}/variations/batch",
            f"/products/{items[4][2:].partition('/')[0]}/variations/batch",
        ]


async def test_a_parent_that_counts_for_its_variations_is_written_as_a_product():
    async with open_front() as front:
        by_parent = shirts(front, "C", None, None, parent_level=9)[0]
        parent = "p:" + by_parent[2:].partition("/")[0]
        assert ends(await front.inventory.write([put(parent, 4)])) == [("applied", 4)]
        assert front.bench.level("C-1") == 4


async def test_a_write_that_the_shop_ignores_is_told_and_no_switch_is_turned():
    async with open_front() as front:
        uncounted = simple(front, "A", None)
        by_parent = shirts(front, "C", None, parent_level=9)[0]
        outcomes = await front.inventory.write([put(uncounted, 4), put(by_parent, 9)])
        assert ends(outcomes) == [("ignored", None), ("ignored", None)]
        assert "manage_stock" in outcomes[0].reason
        assert not front.shop.catalog.named("A").manage_stock
        assert front.bench.level("C-0") == 9


async def test_a_row_of_a_batch_may_be_refused_alone():
    async with open_front() as front:
        good, gone = simple(front, "A", 1), "p:99999"
        variation = shirts(front, "B", 1)[0]
        as_product = "p:" + variation.partition("/")[2]
        outcomes = await front.inventory.write(
            [put(gone, 3), put(good, 2), put(as_product, 9), put("v:77777/88888", 1)]
        )
        assert ends(outcomes) == [("refused", None), ("applied", 2), ("refused", None), ("refused", None)]
        assert "woocommerce_rest_product_invalid_id" in outcomes[0].reason
        assert "woocommerce_rest_invalid_product_id" in outcomes[2].reason


async def test_what_woocommerce_cannot_do_is_refused_and_not_sent():
    async with open_front() as front:
        item = simple(front, "A", 1)
        relative = LevelWrite("k", item, change=units(1))
        outcomes = await front.inventory.write([relative, put(item, 1.5, "half"), put("x:1", 1)])
        assert ends(outcomes) == [("refused", None)] * 3
        assert front.asked() == []


async def test_a_sale_between_write_and_answer_leaves_the_outcome_open(monkeypatch: pytest.MonkeyPatch):
    async with open_front() as front:
        item = simple(front, "A", 1)
        real = stock_writes.write_product

        async def write_and_sell(shop, product, body):
            await real(shop, product, body)
            shop.checkout([("A", 2)])

        monkeypatch.setattr(PRODUCTS_API + ".write_product", write_and_sell)
        (outcome,) = await front.inventory.write([put(item, 10)])
        assert (outcome.result, outcome.level) == (WriteResult.UNKNOWN, units(8))


@pytest.mark.parametrize("how", ["504", "500", "hang", "reset"])
async def test_a_write_whose_answer_is_lost_is_unknown_and_never_sent_again(how: str):
    async with open_front(limits=ONE_TRY) as front:
        items = [simple(front, "A", 1), simple(front, "B", 1), *shirts(front, "C", 1)]
        front.shop.faults.lost_answer = 1.0
        front.shop.faults.lost_answer_by = how  # type: ignore[assignment]
        front.shop.faults.hang_seconds = 0.6
        outcomes = await front.inventory.write([put(item, 7) for item in items])
        assert ends(outcomes) == [("unknown", None), ("unknown", None), ("not_sent", None)]
        assert outcomes[2].reason.startswith("not sent")
        assert (front.bench.level("A"), front.bench.level("B"), front.bench.level("C-0")) == (7, 7, 1)
        assert len(front.asked()) == 1


@pytest.mark.parametrize("fault", ["php_notice", "truncated", "html_200", "error_502"])
async def test_a_write_with_an_answer_that_cannot_be_read_is_unknown(fault: str):
    async with open_front() as front:
        item = simple(front, "A", 1)
        setattr(front.shop.faults, fault, 1.0)
        assert ends(await front.inventory.write([put(item, 7)])) == [("unknown", None)]
        assert len(front.asked()) == 1


async def test_a_row_that_cannot_be_read_is_unknown_and_the_others_are_not(monkeypatch: pytest.MonkeyPatch):
    async with open_front() as front:
        items = [simple(front, sku, 1) for sku in "ABCD"]
        real = product_view.product_doc

        def odd(shop, product, base, **more):
            doc = real(shop, product, base, **more)
            return {
                "A": doc | {"stock_quantity": "many"},
                "B": doc | {"id": "B"},
                "C": None,
                "D": doc | {"stock_quantity": "7", "type": ["odd"]},
            }[product.sku]

        monkeypatch.setattr(PRODUCTS_API + ".product_doc", odd)
        outcomes = await front.inventory.write([put(item, 7) for item in items])
        assert ends(outcomes) == [("unknown", None)] * 3 + [("applied", 7)]


async def test_while_nothing_was_sent_a_throttled_shop_raises():
    async with open_front(limits=Limits(interval_default_seconds=0, patience_seconds=1.0)) as front:
        items = [simple(front, "A", 1), *shirts(front, "B", 1)]
        front.shop.faults.too_many_retry_after = 1.0
        with pytest.raises(Throttled):
            await front.inventory.write([put(item, 7) for item in items])
        assert (front.bench.level("A"), front.bench.level("B-0")) == (1, 1)


async def test_after_something_was_sent_the_rest_is_told_as_not_sent(monkeypatch: pytest.MonkeyPatch):
    async with open_front(limits=Limits(interval_default_seconds=0, patience_seconds=1.0)) as front:
        items = [simple(front, "A", 1), *shirts(front, "B", 1), *shirts(front, "C", 1)]
        real = stock_writes.write_product

        async def write_and_close(shop, product, body):
            await real(shop, product, body)
            shop.faults.too_many_retry_after = 1.0

        monkeypatch.setattr(PRODUCTS_API + ".write_product", write_and_close)
        outcomes = await front.inventory.write([put(item, 7) for item in items])
        assert ends(outcomes) == [("applied", 7), ("not_sent", None), ("not_sent", None)]
        assert outcomes[1].reason.startswith("not sent")
        assert (front.bench.level("A"), front.bench.level("B-0")) == (7, 1)


async def test_nothing_is_sent_after_its_time():
    async with open_front() as front:
        item = simple(front, "A", 1)
        now = front.clock.now()
        with pytest.raises(Throttled, match="too late"):
            await front.inventory.write([put(item, 7)], not_after=Instant(now - 1))
        assert ends(await front.inventory.write([put(item, 7)], not_after=now)) == [("applied", 7)]
        assert len(front.asked()) == 1


async def test_a_key_without_the_right_to_write_is_the_operators():
    async with open_front(settings={"permissions": "read"}) as front:
        item = simple(front, "A", 1)
        with pytest.raises(MisconfiguredError) as caught:
            await front.inventory.write([put(item, 7)])
        assert "Read/Write" in caught.value.hint


async def test_no_connection_means_that_nothing_was_written():
    async with open_front() as front:
        item = simple(front, "A", 1)
        front.inventory._api._client._base = "http://127.0.0.1:1"
        with pytest.raises(StoreFault):
            await front.inventory.write([put(item, 7)])


async def test_nothing_to_write_is_nothing_asked():
    async with open_front() as front:
        assert await front.inventory.write([]) == ()
        assert front.asked() == []
