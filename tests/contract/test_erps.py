"""Every ERP keeps the contract that syncd ships for adapters outside the tree; and the contract can fail."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from syncd.clock import SystemChance, SystemClock
from syncd.core.quantity import UNIT, Quantity
from syncd.erps.embedded.book import StockBook
from syncd.erps.embedded.documents import record_shipment
from syncd.erps.embedded.erp import EmbeddedErp
from syncd.erps.http.erp import HttpErp
from syncd.ports.erp import ErpLevels, ErpMove, PostOutcome, PostResult, Shipment
from syncd.testing.erp_contract import ErpContract, ErpDocumentsContract
from syncd.testing.fake_erp import FakeErp
from tests.erps.services import ExampleHand, Simulated, example_server, http_client, simulated_erp


class TestFakeErp(ErpContract):
    """The fake, with small pages."""

    @pytest.fixture
    def erp(self) -> FakeErp:
        return FakeErp(SystemClock(), page_max=5)

    @pytest.fixture
    def driver(self, erp: FakeErp) -> FakeErp:
        return erp


@dataclass
class BookHand:
    """What a person does to the stock book by commands."""

    book: StockBook

    async def set_level(self, sku: str, quantity: Quantity) -> None:
        self.book.add(sku)
        before = self.book.levels_of(sku)[""]
        if quantity != before:
            self.book.adjust(sku, "", Quantity(quantity - before), "stocktake")

    async def receive(self, sku: str, quantity: Quantity) -> None:
        self.book.receive(sku, quantity)

    async def ship(self, shipment: Shipment) -> None:
        record_shipment(self.book, shipment)


@pytest.fixture
def stock_book(tmp_path: Path):
    book = StockBook(tmp_path / "erp.sqlite", clock=SystemClock(), chance=SystemChance(), create=True)
    yield book
    assert book.disagreements() == []
    book.close()


@pytest.fixture
async def simulated() -> AsyncIterator[Simulated]:
    async with simulated_erp(page_max=7) as simulated:
        yield simulated


class TestEmbeddedErp(ErpContract, ErpDocumentsContract):
    """The embedded ERP, with small pages."""

    @pytest.fixture
    def driver(self, stock_book: StockBook) -> BookHand:
        return BookHand(stock_book)

    @pytest.fixture
    def erp(self, stock_book: StockBook) -> EmbeddedErp:
        return EmbeddedErp(stock_book, clock=SystemClock(), levels_max=5)

    @pytest.fixture
    def documents(self, erp: EmbeddedErp) -> EmbeddedErp:
        return erp

    @pytest.fixture
    def ships(self, driver: BookHand) -> BookHand:
        return driver


class TestHttpErpBeforeTheSimulator(ErpContract, ErpDocumentsContract):
    """The adapter of the REST contract, and the simulated ERP behind it."""

    @pytest.fixture
    def driver(self, simulated: Simulated) -> Simulated:
        return simulated

    @pytest.fixture
    def erp(self, simulated: Simulated) -> HttpErp:
        return simulated.erp

    @pytest.fixture
    def documents(self, simulated: Simulated) -> HttpErp:
        return simulated.erp

    @pytest.fixture
    def ships(self, simulated: Simulated) -> Simulated:
        return simulated


class TestHttpErpBeforeTheDocumentedExample(ErpContract):
    """The server that docs/erp-contract shows to implementers, run as they would."""

    @pytest.fixture
    def example(self, tmp_path: Path):
        with example_server(tmp_path / "erp.sqlite") as base_url:
            yield tmp_path / "erp.sqlite", base_url

    @pytest.fixture
    def driver(self, example: tuple[Path, str]) -> ExampleHand:
        return ExampleHand(example[0])

    @pytest.fixture
    async def erp(self, example: tuple[Path, str]) -> AsyncIterator[HttpErp]:
        async with http_client(example[1]) as client:
            yield HttpErp(client, levels_max=6)


# The suite can fail: each broken ERP is caught by the tests that say what it breaks ------------------------------------


class CountsRepeats(FakeErp):
    def post_one(self, move: ErpMove) -> PostOutcome:
        if move.key in self.moves and self.moves[move.key] == move:
            self.change((move.sku, move.location), move.change)
        return super().post_one(move)


class ComparesKeysOnly(FakeErp):
    def post_one(self, move: ErpMove) -> PostOutcome:
        if move.key in self.moves:
            return PostOutcome(move.key, PostResult.CONFIRMED)
        return super().post_one(move)


class HidesWhatIsThere(FakeErp):
    def post_one(self, move: ErpMove) -> PostOutcome:
        return msgspec.structs.replace(super().post_one(move), found=None)


class Clamps(FakeErp):
    def change(self, place: tuple[str, str], change: int) -> None:
        super().change(place, max(change, -self.known.get(place, 0)))


class MakesSkusUp(FakeErp):
    def post_one(self, move: ErpMove) -> PostOutcome:
        self.known.setdefault((move.sku, move.location), Quantity(0))
        return super().post_one(move)


class ConfirmsWithoutCounting(FakeErp):
    def change(self, place: tuple[str, str], change: int) -> None:
        super().change(place, max(change, 0) if place in self.known and change < 0 else change)


class FailsTheBatch(FakeErp):
    async def post(self, moves: Sequence[ErpMove]) -> tuple[PostOutcome, ...]:
        if any((move.sku, move.location) not in self.known for move in moves):
            return tuple(PostOutcome(move.key, PostResult.REFUSED, "no") for move in moves)
        return await super().post(moves)


class AnswersOutOfOrder(FakeErp):
    async def post(self, moves: Sequence[ErpMove]) -> tuple[PostOutcome, ...]:
        return tuple(sorted(await super().post(moves), key=lambda outcome: outcome.key))


class CutsKeys(FakeErp):
    async def post(self, moves: Sequence[ErpMove]) -> tuple[PostOutcome, ...]:
        outcomes = await super().post([msgspec.structs.replace(move, key=move.key[:34]) for move in moves])
        return tuple(
            msgspec.structs.replace(outcome, key=move.key) for outcome, move in zip(outcomes, moves, strict=True)
        )


class IsBlindToCase(FakeErp):
    def post_one(self, move: ErpMove) -> PostOutcome:
        if move.key not in self.moves and move.key.lower() in {key.lower() for key in self.moves}:
            return PostOutcome(move.key, PostResult.CONFIRMED)
        return super().post_one(move)


class FindsEverything(FakeErp):
    async def find(self, keys: Sequence[str]) -> Mapping[str, ErpMove]:
        return {key: self.moves.get(key, ErpMove(key, "", "", Quantity(0))) for key in keys}


class FindsTooLittle(FakeErp):
    async def find(self, keys: Sequence[str]) -> Mapping[str, ErpMove]:
        return await super().find(keys[:10])


class TellsUnknownAsZero(FakeErp):
    async def levels(self, cursor: str) -> ErpLevels:
        page = await super().levels(cursor)
        return msgspec.structs.replace(page, levels={("contract-nobody", ""): Quantity(0), **page.levels})


class LeavesOutZero(FakeErp):
    async def levels(self, cursor: str) -> ErpLevels:
        page = await super().levels(cursor)
        return msgspec.structs.replace(page, levels={place: level for place, level in page.levels.items() if level})


class SkipsOneChange(FakeErp):
    async def levels(self, cursor: str) -> ErpLevels:
        return await super().levels(str(int(cursor) + 1) if cursor else "")


class TellsOnlyOnce(FakeErp):
    told = 0

    async def levels(self, cursor: str) -> ErpLevels:
        page = await super().levels(cursor if not cursor else str(max(int(cursor), self.told)))
        self.told = int(page.cursor)
        return page


class ClaimsToBeComplete(FakeErp):
    async def levels(self, cursor: str) -> ErpLevels:
        return msgspec.structs.replace(await super().levels(cursor), complete=True)


class NeverEnds(FakeErp):
    async def levels(self, cursor: str) -> ErpLevels:
        return msgspec.structs.replace(await super().levels(cursor), more=True)


class Rounds(FakeErp):
    def post_one(self, move: ErpMove) -> PostOutcome:
        return super().post_one(msgspec.structs.replace(move, change=Quantity(round(move.change / UNIT) * UNIT)))


class ChangesItsEpoch(FakeErp):
    async def post(self, moves: Sequence[ErpMove]) -> tuple[PostOutcome, ...]:
        self.description = msgspec.structs.replace(self.description, epoch=self.description.epoch + "+")
        return await super().post(moves)


async def failed_tests(erp: FakeErp) -> set[str]:
    """The tests of the contract that this ERP fails, each on a fresh copy of it."""
    failed = set()
    for name, test in inspect.getmembers(ErpContract, inspect.iscoroutinefunction):
        if name.startswith("test_"):
            fresh = type(erp)(erp.clock, page_max=erp.page_max)
            given = {"erp": fresh, "driver": fresh}
            try:
                await test(
                    ErpContract(),
                    **{wanted: given[wanted] for wanted in inspect.signature(test).parameters if wanted != "self"},
                )
            except (AssertionError, KeyError):
                failed.add(name.removeprefix("test_"))
    return failed


@pytest.mark.parametrize(
    ("broken", "caught_by"),
    [
        (CountsRepeats, "posting_a_key_again_changes_nothing_and_confirms"),
        (CountsRepeats, "a_key_twice_in_one_batch_is_counted_once"),
        (ComparesKeysOnly, "a_key_with_another_quantity_is_different_and_shows_what_is_there"),
        (ComparesKeysOnly, "a_key_with_another_sku_is_different_and_shows_what_is_there"),
        (HidesWhatIsThere, "a_key_with_another_quantity_is_different_and_shows_what_is_there"),
        (Clamps, "a_level_goes_below_zero_and_is_never_clamped"),
        (MakesSkusUp, "a_move_of_an_unknown_sku_is_refused_with_a_reason"),
        (ConfirmsWithoutCounting, "a_confirmed_move_is_in_the_levels_read_after_it"),
        (FailsTheBatch, "one_refused_move_leaves_the_rest_of_its_batch_alone"),
        (AnswersOutOfOrder, "one_refused_move_leaves_the_rest_of_its_batch_alone"),
        (CutsKeys, "keys_may_have_35_characters_and_differ_in_case_or_in_the_last"),
        (IsBlindToCase, "keys_may_have_35_characters_and_differ_in_case_or_in_the_last"),
        (FindsEverything, "find_gives_what_was_counted_and_leaves_out_what_was_not"),
        (FindsTooLittle, "a_full_batch_is_posted_and_found"),
        (TellsUnknownAsZero, "a_sku_at_zero_is_zero_and_an_unknown_one_is_absent"),
        (LeavesOutZero, "a_sku_at_zero_is_zero_and_an_unknown_one_is_absent"),
        (SkipsOneChange, "levels_since_a_cursor_hold_every_later_change"),
        (SkipsOneChange, "a_change_while_pages_are_read_is_not_lost"),
        (TellsOnlyOnce, "an_old_cursor_may_be_used_again"),
        (ClaimsToBeComplete, "a_complete_answer_holds_every_sku_and_a_reading_has_two_ends"),
        (NeverEnds, "levels_since_a_cursor_hold_every_later_change"),
        (Rounds, "quantities_keep_four_decimals"),
        (ChangesItsEpoch, "identity_and_epoch_stay_while_the_book_lives_on"),
    ],
)
async def test_a_broken_erp_is_caught_by_the_test_that_names_its_fault(broken: type[FakeErp], caught_by: str):
    assert caught_by in await failed_tests(broken(SystemClock(), page_max=2))


async def test_the_unbroken_fake_passes_by_the_same_way():
    assert await failed_tests(FakeErp(SystemClock(), page_max=2)) == set()
