"""A ledger put back from a backup while the ERP went on: everything is counted exactly once, even by an ERP that books
whatever it is sent, as often as it is sent."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio

from syncd.core.moves import move_key
from syncd.core.quantity import Instant
from syncd.ledger import restored
from syncd.ledger.backup import back_up
from syncd.ledger.connection import ledger_path, write_engine
from syncd.simulator.erp.book import Book
from tests.reconcile.world import World, open_world

OPENING = {"A": 50, "B": 50}
GAP_SECONDS = 60.0  # an hour says no more, and takes minutes


class CountsTwice(Book):
    """It finds the moves that it has under a key, and books a posted one without looking."""

    def post(self, move: dict[str, Any], refused: set[str]) -> dict[str, Any]:
        """Confirmed, whatever is there."""
        del refused
        key = move["key"]
        self.posts[key] += 1
        self.numbers.pop(key, None)
        self.record("move", move["sku"], move["location"], Decimal(move["change"]), key=key)
        return {"key": key, "result": "confirmed", "ref": str(self.numbers[key])}


@asynccontextmanager
async def backed_up(folder: Path) -> AsyncIterator[World]:
    """Two shops and such an ERP after a sale; the block runs it, and makes a backup on the way."""
    async with open_world(folder) as world:
        await world.serve("us", "bigcommerce", stock=OPENING)
        await world.serve("woo", "woocommerce", stock=OPENING)
        erp = await world.serve_erp()
        erp.book = CountsTwice(now=world.clock.now)
        world.open_stock(OPENING)
        world.configure()
        yield world


async def sell(world: World, store: str, lines: dict[str, int]) -> dict[str, Any]:
    order = await world.stores[store].buy(lines)
    assert order
    return order


def put_back(world: World, *, marked: bool = True) -> None:
    """The backup in place of the ledger, marked as `syncd restore` does."""
    state = world.folder / "state"
    for path in state.glob("ledger.sqlite3*"):
        path.unlink()
    shutil.copy(world.folder / "backup", ledger_path(state))
    if marked:
        engine = write_engine(ledger_path(state))
        with engine.begin() as connection:
            restored.mark(connection, Instant(world.clock.now()))
        engine.dispose()


def moves(world: World) -> list[tuple[str, int]]:
    assert world.erp
    return sorted((entry.sku, int(entry.change)) for entry in world.erp.book.journal if entry.kind == "move")


async def the_world_goes_on(world: World) -> dict[str, dict[str, Any]]:
    """The shops sell, edit and cancel after the backup; all of it reaches the ERP."""
    us, woo = world.stores["us"], world.stores["woo"]
    found: dict[str, dict[str, Any]] = {}
    async with world.daemon():
        await world.started()
        found["old"] = await sell(world, "us", {"A": 2})
        await world.settled({"A": 48, "B": 50})
        back_up(world.folder / "state", world.folder / "backup")
        found["sold"] = await sell(world, "us", {"A": 3, "B": 1})
        found["edited"] = await sell(world, "woo", {"A": 4})
        found["later cancelled"] = await sell(world, "woo", {"B": 5})
        await world.settled({"A": 41, "B": 44})
        line = found["edited"]["lines"][0]["line"]
        await woo.act(found["edited"]["order"], "edit", {"lines": [{"line": line, "quantity": 6}]})
        line = found["old"]["lines"][0]["line"]
        await us.act(found["old"]["order"], "edit", {"lines": [{"line": line, "quantity": 5}]})
        await world.settled({"A": 36, "B": 44})
        await anyio.sleep(GAP_SECONDS)
    return found


async def test_after_a_while_everything_is_in_the_erp_exactly_once_and_the_levels_agree(tmp_path: Path) -> None:
    async with backed_up(tmp_path) as world:
        await the_world_goes_on(world)
        before = moves(world)
        put_back(world)
        async with world.daemon():
            await world.settled({"A": 36, "B": 44})
            await anyio.sleep(45.0)
            await world.settled({"A": 36, "B": 44})
            assert moves(world) == before, "nothing was posted again"
            await sell(world, "us", {"A": 1})
            await world.settled({"A": 35, "B": 44})
        assert "drift.found" not in {event["event"] for event in world.events()}


async def test_what_changed_while_nothing_ran_is_set_against_what_the_erp_has(tmp_path: Path) -> None:
    async with backed_up(tmp_path) as world:
        found = await the_world_goes_on(world)
        us, woo = world.stores["us"], world.stores["woo"]
        await woo.act(found["later cancelled"]["order"], "cancel")
        line = found["edited"]["lines"][0]["line"]
        await woo.act(found["edited"]["order"], "edit", {"lines": [{"line": line, "quantity": 4}]})
        line = found["old"]["lines"][0]["line"]
        await us.act(found["old"]["order"], "edit", {"lines": [{"line": line, "quantity": 2}]})
        await sell(world, "us", {"B": 7})
        put_back(world)
        async with world.daemon():
            await world.settled({"A": 41, "B": 42})
            await anyio.sleep(45.0)
            await world.settled({"A": 41, "B": 42})


async def test_without_the_mark_that_erp_counts_twice(tmp_path: Path) -> None:
    async with backed_up(tmp_path) as world:
        await the_world_goes_on(world)
        before = moves(world)
        put_back(world, marked=False)
        async with world.daemon():
            await world.until(lambda: "" if len(moves(world)) > len(before) else "nothing was posted again")


async def test_a_number_that_was_never_sent_does_not_hide_the_next_one(tmp_path: Path) -> None:
    """A move that was voided before it left leaves a key that the ERP has never seen; the one behind it counted."""
    async with backed_up(tmp_path) as world:
        assert world.erp
        woo = world.stores["woo"]
        async with world.daemon():
            await world.started()
            await world.settled(OPENING)
            back_up(world.folder / "state", world.folder / "backup")
            world.erp.faults.turn({"throttled": True})  # nothing is written, surely
            order = await sell(world, "woo", {"A": 3})
            await anyio.sleep(20.0)
            line = order["lines"][0]["line"]
            await woo.act(order["order"], "edit", {"lines": [{"line": line, "quantity": 5}]})
            await anyio.sleep(20.0)
            world.erp.faults.turn({"throttled": False})
            await world.settled({"A": 45, "B": 50})
        assert moves(world) == [("A", -5)]
        assert move_key("acme", "woo", order["order"], line, 0) not in world.erp.book.numbers
        await woo.act(order["order"], "edit", {"lines": [{"line": line, "quantity": 4}]})
        put_back(world)
        async with world.daemon():
            await world.settled({"A": 46, "B": 50})
            await anyio.sleep(30.0)
            assert moves(world) == [("A", -5), ("A", 1)]
