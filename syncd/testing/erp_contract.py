"""What every ERP adapter must do, as tests. Subclass `ErpContract` and give it two fixtures:

    class TestMyErp(ErpContract):
        @pytest.fixture
        async def erp(self): ...        # the adapter, fresh or not
        @pytest.fixture
        async def driver(self, erp): ...  # an `ErpDriver`: it changes stock behind the adapter's back

Where the ERP isn't fresh for each test (a real one), set `prefix` to something new for each run: keys are for ever.
An ERP with documents is tested by `ErpDocumentsContract` too.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from syncd.core.document import OrderDocument
from syncd.core.quantity import UNIT, Quantity, units
from syncd.ports.erp import (
    Erp,
    ErpDocuments,
    ErpLevels,
    ErpMove,
    PostOutcome,
    PostResult,
    Shipment,
    ShipmentLine,
)
from syncd.testing.order_document import an_order

PAGES_MAX = 10_000  # a listing that is longer than this goes round in circles
KEY_CHARACTERS_MAX = 35


class ErpDriver(Protocol):
    """The hand that changes the ERP's stock from its own side: its screens, its database, its simulator."""

    async def set_level(self, sku: str, quantity: Quantity) -> None:
        """Make the SKU known, if it isn't, and its available quantity (at the contract's `location`) this one."""

    async def receive(self, sku: str, quantity: Quantity) -> None:
        """Book a receipt of goods, so that it is available."""


class DocumentsDriver(Protocol):
    """The hand that ships."""

    async def ship(self, shipment: Shipment) -> None:
        """Book this shipment in the ERP."""


class ErpContract:
    """The promises of `syncd.ports.erp.Erp`, one test each."""

    prefix = "contract"  # of every SKU and key; at most 12 characters of A-Z a-z 0-9 _ -
    location = ""  # a location that the ERP has
    fractions = True  # whether the ERP counts quantities with four decimals

    def sku(self, name: str) -> str:
        """A SKU of this run."""
        return f"{self.prefix}-{name}"

    def move(self, key: str, name: str, change: Quantity) -> ErpMove:
        """A move of this run."""
        return ErpMove(f"{self.prefix}-{key}", self.sku(name), self.location, change, reference="a contract test")

    async def everything(self, erp: Erp, cursor: str = "") -> tuple[dict[str, Quantity], str]:
        """All levels since a cursor at the contract's location, by SKU, and the cursor reached."""
        found: dict[str, Quantity] = {}
        for _ in range(PAGES_MAX):
            page = await erp.levels(cursor)
            found |= {sku: level for (sku, location), level in page.levels.items() if location == self.location}
            cursor = page.cursor
            if not page.more:
                return found, cursor
        raise AssertionError("the listing of levels never ends")

    async def level(self, erp: Erp, name: str) -> Quantity | None:
        """One level, or None where it is unknown."""
        return (await self.everything(erp))[0].get(self.sku(name))

    async def test_traits_say_how_to_post(self, erp: Erp) -> None:
        """Limits are usable ones, and at least one way of posting is exact."""
        assert erp.traits.postings
        assert erp.traits.postings <= {"move", "order"}
        assert erp.traits.batch_max >= 1
        assert erp.traits.late_us >= 0

    async def test_identity_and_epoch_stay_while_the_book_lives_on(self, erp: Erp, driver: ErpDriver) -> None:
        """`describe` is stable over postings and receipts."""
        before = await erp.describe()
        await driver.set_level(self.sku("a"), units(3))
        await erp.post([self.move("1", "a", units(-1))])
        assert before.identity
        assert await erp.describe() == before

    async def test_a_confirmed_move_is_in_the_levels_read_after_it(self, erp: Erp, driver: ErpDriver) -> None:
        """The available quantity, and no other number, has changed by exactly the move."""
        await driver.set_level(self.sku("a"), units(10))
        await driver.set_level(self.sku("b"), units(10))
        (outcome,) = await erp.post([self.move("1", "a", units(-3))])
        assert outcome.result is PostResult.CONFIRMED
        assert await self.level(erp, "a") == units(7)
        assert await self.level(erp, "b") == units(10)

    async def test_a_move_up_raises_the_level(self, erp: Erp, driver: ErpDriver) -> None:
        """A cancelled sale comes back."""
        await driver.set_level(self.sku("a"), units(1))
        (outcome,) = await erp.post([self.move("1", "a", units(2))])
        assert outcome.result is PostResult.CONFIRMED
        assert await self.level(erp, "a") == units(3)

    async def test_posting_a_key_again_changes_nothing_and_confirms(self, erp: Erp, driver: ErpDriver) -> None:
        """However often, and with the ERP's same number."""
        await driver.set_level(self.sku("a"), units(10))
        first = [await erp.post([self.move("1", "a", units(-3))]) for _ in range(3)]
        assert {outcome.result for (outcome,) in first} == {PostResult.CONFIRMED}
        assert len({outcome.erp_ref for (outcome,) in first}) == 1
        assert await self.level(erp, "a") == units(7)

    async def test_a_key_twice_in_one_batch_is_counted_once(self, erp: Erp, driver: ErpDriver) -> None:
        """Two outcomes, one move."""
        if erp.traits.batch_max < 2:
            return
        await driver.set_level(self.sku("a"), units(10))
        outcomes = await erp.post([self.move("1", "a", units(-3))] * 2)
        assert [outcome.result for outcome in outcomes] == [PostResult.CONFIRMED] * 2
        assert await self.level(erp, "a") == units(7)

    async def test_a_key_with_another_quantity_is_different_and_shows_what_is_there(
        self, erp: Erp, driver: ErpDriver
    ) -> None:
        """Nothing changes, and `found` holds the move that counts."""
        await driver.set_level(self.sku("a"), units(10))
        await erp.post([self.move("1", "a", units(-3))])
        (outcome,) = await erp.post([self.move("1", "a", units(-4))])
        self.shows_the_first(outcome)
        assert await self.level(erp, "a") == units(7)

    async def test_a_key_with_another_sku_is_different_and_shows_what_is_there(
        self, erp: Erp, driver: ErpDriver
    ) -> None:
        """Neither SKU's level changes."""
        await driver.set_level(self.sku("a"), units(10))
        await driver.set_level(self.sku("b"), units(10))
        await erp.post([self.move("1", "a", units(-3))])
        (outcome,) = await erp.post([self.move("1", "b", units(-3))])
        self.shows_the_first(outcome)
        assert [await self.level(erp, name) for name in "ab"] == [units(7), units(10)]

    def shows_the_first(self, outcome: PostOutcome) -> None:
        """The outcome says that key 1 holds three units of SKU a."""
        assert outcome.result is PostResult.DIFFERENT
        assert outcome.found is not None
        assert outcome.found.key == outcome.key == f"{self.prefix}-1"
        assert (outcome.found.sku, outcome.found.location) == (self.sku("a"), self.location)
        assert outcome.found.change == units(-3)

    async def test_a_move_of_an_unknown_sku_is_refused_with_a_reason(self, erp: Erp) -> None:
        """It isn't counted, isn't found, and doesn't make the SKU known."""
        (outcome,) = await erp.post([self.move("1", "nobody", units(-1))])
        assert outcome.result is PostResult.REFUSED
        assert outcome.reason
        assert not await erp.find([f"{self.prefix}-1"])
        assert await self.level(erp, "nobody") is None

    async def test_one_refused_move_leaves_the_rest_of_its_batch_alone(self, erp: Erp, driver: ErpDriver) -> None:
        """And outcomes come in the order of the moves."""
        if erp.traits.batch_max < 4:
            return
        for name in "abc":
            await driver.set_level(self.sku(name), units(5))
        batch = [self.move(key, name, units(-1)) for key, name in (("4", "c"), ("2", "nobody"), ("3", "a"), ("1", "b"))]
        outcomes = await erp.post(batch)
        assert [outcome.key for outcome in outcomes] == [move.key for move in batch]
        assert [outcome.result for outcome in outcomes] == [
            PostResult.CONFIRMED,
            PostResult.REFUSED,
            PostResult.CONFIRMED,
            PostResult.CONFIRMED,
        ]
        assert [await self.level(erp, name) for name in "abc"] == [units(4)] * 3

    async def test_a_full_batch_is_posted_and_found(self, erp: Erp, driver: ErpDriver) -> None:
        """`batch_max` is meant, for `post` and for `find`, with keys of full length."""
        await driver.set_level(self.sku("a"), units(5))
        count = erp.traits.batch_max
        keys = [f"{self.prefix}-".ljust(KEY_CHARACTERS_MAX - 5, "k") + f"{number:05d}" for number in range(count)]
        moves = [ErpMove(key, self.sku("a"), self.location, units(-1)) for key in keys]
        outcomes = await erp.post(moves)
        assert {outcome.result for outcome in outcomes} == {PostResult.CONFIRMED}
        assert set(await erp.find(keys)) == set(keys)
        assert await self.level(erp, "a") == units(5 - count)

    async def test_keys_may_have_35_characters_and_differ_in_case_or_in_the_last(
        self, erp: Erp, driver: ErpDriver
    ) -> None:
        """A key is compared whole and exactly."""
        await driver.set_level(self.sku("a"), units(10))
        stem = f"{self.prefix}-aZ09_-".ljust(KEY_CHARACTERS_MAX - 1, "x")
        keys = [f"{stem}b", f"{stem}B", f"{stem}_", f"{stem}-"]
        for key in keys:
            (outcome,) = await erp.post([ErpMove(key, self.sku("a"), self.location, units(-1))])
            assert (outcome.key, outcome.result) == (key, PostResult.CONFIRMED)
        assert set(await erp.find(keys[:1])) == set(keys[:1])
        assert await self.level(erp, "a") == units(6)

    async def test_a_level_goes_below_zero_and_is_never_clamped(self, erp: Erp, driver: ErpDriver) -> None:
        """What was sold without being there must be missing later."""
        await driver.set_level(self.sku("a"), units(1))
        (outcome,) = await erp.post([self.move("1", "a", units(-3))])
        assert outcome.result is PostResult.CONFIRMED
        assert await self.level(erp, "a") == units(-2)
        await driver.receive(self.sku("a"), units(5))
        assert await self.level(erp, "a") == units(3)

    async def test_quantities_keep_four_decimals(self, erp: Erp, driver: ErpDriver) -> None:
        """Goods by weight: nothing is rounded."""
        if not self.fractions:
            return
        await driver.set_level(self.sku("a"), Quantity(3 * UNIT))
        (outcome,) = await erp.post([self.move("1", "a", Quantity(-(UNIT + 1)))])
        assert outcome.result is PostResult.CONFIRMED
        assert await self.level(erp, "a") == 2 * UNIT - 1
        assert (await erp.find([f"{self.prefix}-1"]))[f"{self.prefix}-1"].change == -(UNIT + 1)

    async def test_find_gives_what_was_counted_and_leaves_out_what_was_not(self, erp: Erp, driver: ErpDriver) -> None:
        """SKU, location and change come back exactly; unknown keys are absent."""
        await driver.set_level(self.sku("a"), units(10))
        move = self.move("1", "a", units(-3))
        await erp.post([move])
        found = await erp.find([move.key, f"{self.prefix}-2"])
        assert set(found) == {move.key}
        there = found[move.key]
        assert (there.key, there.sku, there.location, there.change) == (move.key, move.sku, move.location, move.change)

    async def test_nothing_posted_and_nothing_asked_is_no_error(self, erp: Erp) -> None:
        """Empty in, empty out."""
        assert tuple(await erp.post([])) == ()
        assert not await erp.find([])

    async def test_a_sku_at_zero_is_zero_and_an_unknown_one_is_absent(self, erp: Erp, driver: ErpDriver) -> None:
        """Absent is unknown, never 0."""
        await driver.set_level(self.sku("a"), units(0))
        levels, _ = await self.everything(erp)
        assert levels.get(self.sku("a")) == 0
        assert self.sku("nobody") not in levels

    async def test_levels_since_a_cursor_hold_every_later_change(self, erp: Erp, driver: ErpDriver) -> None:
        """By a move, a receipt, a correction, and of a SKU that is new."""
        for name in "abcd":
            await driver.set_level(self.sku(name), units(10))
        _, cursor = await self.everything(erp)
        await erp.post([self.move("1", "a", units(-1))])
        await driver.receive(self.sku("b"), units(1))
        await driver.set_level(self.sku("c"), units(3))
        await driver.set_level(self.sku("e"), units(4))
        since, _ = await self.everything(erp, cursor)
        changed = {self.sku("a"): units(9), self.sku("b"): units(11), self.sku("c"): units(3), self.sku("e"): units(4)}
        assert changed.items() <= since.items()
        assert since.get(self.sku("d"), units(10)) == units(10)

    async def test_an_old_cursor_may_be_used_again(self, erp: Erp, driver: ErpDriver) -> None:
        """An answer that was lost is asked for again: nothing is handed out only once."""
        await driver.set_level(self.sku("a"), units(10))
        _, cursor = await self.everything(erp)
        await erp.post([self.move("1", "a", units(-1))])
        for _ in range(2):
            since, _ = await self.everything(erp, cursor)
            assert since[self.sku("a")] == units(9)

    async def test_a_change_while_pages_are_read_is_not_lost(self, erp: Erp, driver: ErpDriver) -> None:
        """The last word on each SKU, over all pages, is its level."""
        for number in range(12):
            await driver.set_level(self.sku(f"p{number}"), units(10))
        levels: dict[tuple[str, str], Quantity] = {}
        page = await erp.levels("")
        levels |= page.levels
        for number in range(12):
            await erp.post([self.move(str(number), f"p{number}", units(-number))])
            page = await erp.levels(page.cursor)
            levels |= page.levels
        for _ in range(PAGES_MAX):
            if not page.more:
                break
            page = await erp.levels(page.cursor)
            levels |= page.levels
        assert not page.more
        assert [levels[self.sku(f"p{number}"), self.location] for number in range(12)] == [
            units(10 - number) for number in range(12)
        ]

    async def test_a_complete_answer_holds_every_sku_and_a_reading_has_two_ends(
        self, erp: Erp, driver: ErpDriver
    ) -> None:
        """`complete` is about this one answer; the request began before it ended."""
        for name in "abc":
            await driver.set_level(self.sku(name), units(1))
        page: ErpLevels = await erp.levels("")
        assert page.began <= page.ended
        assert page.cursor
        assert not (page.complete and page.more)
        if page.complete:
            assert {(self.sku(name), self.location) for name in "abc"} <= set(page.levels)


class ErpDocumentsContract:
    """The promises of `syncd.ports.erp.ErpDocuments`. Fixtures: `documents`, and `ships`, a `DocumentsDriver`."""

    prefix = "contract"

    async def every_shipment(self, documents: ErpDocuments, cursor: str = "") -> tuple[list[Shipment], str]:
        """This run's shipments since a cursor, without repetitions, and the cursor reached."""
        found: dict[str, Shipment] = {}
        for _ in range(PAGES_MAX):
            page = await documents.shipments(cursor)
            found |= {one.key: one for one in page.shipments if one.key.startswith(self.prefix)}
            cursor = page.cursor
            if not page.more:
                return list(found.values()), cursor
        raise AssertionError("the listing of shipments never ends")

    def shipment(self, number: int) -> Shipment:
        """A shipment of this run."""
        lines = (ShipmentLine("11", units(number)), ShipmentLine("12", units(1)))
        return Shipment(f"{self.prefix}-{number}", "shop", "1001", lines, "Post", f"T{number}")

    async def test_an_order_may_be_put_again_and_replaced(self, documents: ErpDocuments) -> None:
        """Repeating it is no error, and neither is a later state, nor one that says only that the shop has no such order."""
        whole = an_order(f"{self.prefix}-o1")
        await documents.put_order(whole)
        await documents.put_order(whole)
        await documents.put_order(msgspec.structs.replace(whole, phase="cancelled", status="Cancelled", lines=()))
        await documents.put_order(OrderDocument(whole.key, "shop", "1001", "gone", "gone"))

    async def test_shipments_come_whole_and_oldest_first(self, documents: ErpDocuments, ships: DocumentsDriver) -> None:
        """Lines, carrier and tracking included."""
        wanted = [self.shipment(number) for number in (1, 2, 3)]
        for shipment in wanted:
            await ships.ship(shipment)
        found, _ = await self.every_shipment(documents)
        assert found == wanted

    async def test_shipments_since_a_cursor_hold_every_later_one(
        self, documents: ErpDocuments, ships: DocumentsDriver
    ) -> None:
        """Also when an older cursor is used again."""
        await ships.ship(self.shipment(1))
        _, cursor = await self.every_shipment(documents)
        await ships.ship(self.shipment(2))
        for _ in range(2):
            found, later = await self.every_shipment(documents, cursor)
            assert self.shipment(2) in found
        await ships.ship(self.shipment(3))
        assert self.shipment(3) in (await self.every_shipment(documents, later))[0]
