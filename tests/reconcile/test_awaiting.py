"""An item that only waits for the orders to be read as far as its last reading is looked at when they are, and not before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import Connection

from syncd.core.belief import CONFIRMED, DOUBT, Belief, Interval, ItemBook, Reading, Write
from syncd.core.publish import Blocked, Decision
from syncd.core.quantity import SECOND, ZERO, Instant, units
from syncd.ledger import items
from syncd.ledger.items import ItemRow
from syncd.reconcile.evaluate import Evaluation, evaluate
from tests.reconcile.world import World, open_world

OPENING = {"A": 20, "B": 20}
ROW = ItemRow("i", "A", (("A", units(1)),), Instant(0), False, Instant(0), ZERO, None)
OLD, NEW = (Reading(units(5), Instant(at * SECOND), Instant((at + 1) * SECOND)) for at in (100, 200))


def evaluated(*, writes: tuple[Write, ...] = (), blocked: Blocked | None = None, lo: int = 5) -> Evaluation:
    """Five units are shown and should be; the second reading is newer than the orders."""
    belief = Belief(Interval(units(lo), units(5)), used=(OLD,))
    book = ItemBook((OLD, NEW), (), writes)
    return Evaluation(ROW, book, belief, {}, units(5), Decision(ZERO, units(5), blocked))


def write(state: str, ended: int) -> Write:
    return Write(1, units(1), None, Instant(90 * SECOND), Instant(ended * SECOND), state)


def test_it_waits_for_the_orders_up_to_the_first_reading_that_is_newer_than_they_are() -> None:
    found = evaluated()
    assert not found.is_settled
    assert found.awaits(Instant(150 * SECOND)) == NEW.ended
    assert found.awaits(Instant(100 * SECOND)) == OLD.ended
    assert found.awaits(NEW.ended) is None


@pytest.mark.parametrize("blocked", [blocked for blocked in Blocked if blocked is not Blocked.UNREAD])
def test_what_is_blocked_by_something_else_is_looked_at_as_ever(blocked: Blocked) -> None:
    assert evaluated(blocked=blocked).awaits(Instant(150 * SECOND)) is None


def test_a_wide_belief_is_looked_at_as_ever() -> None:
    assert evaluated(lo=4).awaits(Instant(150 * SECOND)) is None


def test_without_any_usable_reading_nothing_is_read_again_before_the_orders_are_there() -> None:
    found = evaluated(blocked=Blocked.UNREAD, lo=-(2**40))
    assert found.awaits(Instant(150 * SECOND)) == NEW.ended
    assert not found.wants_reading(Instant(900 * SECOND), Instant(150 * SECOND))
    assert found.wants_reading(Instant(900 * SECOND), NEW.ended)


def test_a_write_in_doubt_is_over_when_a_reading_that_tells_began_after_its_end() -> None:
    now = Instant(150 * SECOND)
    assert evaluated(writes=(write(DOUBT, 99),)).awaits(now) == NEW.ended
    assert evaluated(writes=(write(DOUBT, 100),)).awaits(now) is None
    assert evaluated(writes=(write(CONFIRMED, 100),)).awaits(now) == NEW.ended


async def test_a_shop_at_rest_is_looked_at_twice_a_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[list[str]] = []

    def counted(connection: Connection, shop: Any, rows: Any, moment: Any) -> Any:
        looks.append([row.item for row in rows])
        return evaluate(connection, shop, rows, moment)

    async with open_world(tmp_path) as world:
        await world.serve("one", "bigcommerce", stock=OPENING)
        world.open_stock(OPENING)
        world.configure()
        async with world.daemon() as app:
            await world.started()
            await world.settled(OPENING)
            [reconciler] = app.tenants["acme"].reconcilers
            await at_rest(world, reconciler)
            monkeypatch.setattr("syncd.reconcile.publish_round.evaluate", counted)

            everything = await world.ledger.read(lambda c: [row.item for row in items.all_items(c, "acme", "one")])
            await world.ledger.run(lambda c: items.read_soon(c, "acme", "one", everything))
            reconciler.context.bell.ring()
            await anyio.sleep(1.0)
            until = max(reconciler.publisher.awaiting.values())
            assert reconciler.context.drained < until
            await world.until(lambda: reconciler.context.drained < until)
            await anyio.sleep(1.0)
            assert not reconciler.publisher.awaiting
            assert await world.ledger.read(lambda c: items.next_due(c, "acme", "one")) is None
            assert [len(names) for names in looks] == [len(everything)] * 2


async def at_rest(world: World, reconciler: Any) -> None:
    """Nothing is due any more."""

    async def complaint() -> bool:
        due = await world.ledger.read(lambda connection: items.next_due(connection, "acme", "one"))
        return due is not None or bool(reconciler.publisher.awaiting)

    await world.until(complaint)
