"""What is kept for people alone: how levels went, and the flow. Only changes are written, and both are bounded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from syncd.core.quantity import SECOND, Instant, units
from syncd.ledger import flow, items, level_changes, levels, migrate
from syncd.ledger.connection import ledger_path, write_engine
from syncd.ledger.level_changes import ERP, Place, Step

HERE = ("acme", "us")
SHOP, BOOK = Place("us", "p:1"), Place(ERP, "BOLT", "main")


@pytest.fixture
def connection(tmp_path: Path) -> Any:
    engine = write_engine(ledger_path(tmp_path))
    migrate.upgrade(engine)
    with engine.begin() as opened:
        yield opened
    engine.dispose()


def at(second: int) -> Instant:
    return Instant(second * SECOND)


def read(connection: Any, level: int, second: int) -> None:
    items.add_readings(connection, *HERE, {"p:1": units(level)}, at(second), at(second + 1), drained=at(second))


def shown(connection: Any, level: int, second: int) -> None:
    levels.write_levels(connection, "acme", {("BOLT", "main"): units(level)}, at(second), at(second + 1))


def steps(connection: Any, place: Place, since: int = 0, limit: int = 100) -> list[tuple[int, int]]:
    found: list[Step] = level_changes.read(connection, "acme", [place], at(since), limit)[place]
    return [(step.at // SECOND, step.level // 10_000) for step in found]


def test_a_reading_that_shows_the_same_level_adds_nothing(connection):
    for second, level in enumerate([9, 9, 9, 7, 7, 9], 1):
        read(connection, level, second)
        shown(connection, level, second)
    assert steps(connection, SHOP) == steps(connection, BOOK) == [(1, 9), (4, 7), (6, 9)]


def test_an_own_write_is_no_level_that_the_shop_has_shown(connection):
    """Else the change that the next reading shows would be missed."""
    read(connection, 9, 1)
    items.add_write_reading(connection, *HERE, "p:1", units(5), at(2), at(2), 1)
    read(connection, 5, 3)
    assert steps(connection, SHOP) == [(1, 9), (3, 5)]


def test_the_level_before_the_time_asked_for_comes_along(connection):
    for second, level in enumerate([9, 8, 7, 6], 1):
        read(connection, level, second)
    assert steps(connection, SHOP, since=3) == [(2, 8), (3, 7), (4, 6)]
    assert steps(connection, SHOP, since=3, limit=1) == [(3, 7), (4, 6)], "the newest, where there are too many"
    assert steps(connection, SHOP, since=99) == [(4, 6)]
    assert steps(connection, Place("us", "p:2")) == []


def test_old_changes_go_and_never_more_than_are_to_be_kept_stay(connection):
    for second, level in enumerate([9, 8, 7, 6], 1):
        read(connection, level, second)
    assert level_changes.beyond(connection, "acme", 3) == at(1)
    assert level_changes.beyond(connection, "acme", 4) == 0
    assert level_changes.purge(connection, "acme", at(3), 2) == 2
    assert level_changes.purge(connection, "acme", at(3), 2) == 1
    assert level_changes.purge(connection, "acme", at(3), 2) == 0
    assert steps(connection, SHOP) == [(4, 6)]


def test_the_flow_is_counted_by_quarters_of_an_hour(connection):
    flow.count(connection, "acme", flow.ORDERS, at(10), {"us": 2, "web": 1})
    flow.count(connection, "acme", flow.ORDERS, at(890), {"us": 3, "web": 0})
    flow.count(connection, "acme", flow.ORDERS, at(900), {"us": 5})
    flow.count(connection, "acme", flow.MOVES, at(900), {})
    assert flow.read(connection, "acme", at(0)) == [
        (0, "us", "orders", 5), (0, "web", "orders", 1), (at(900), "us", "orders", 5),
    ]  # fmt: skip
    assert flow.read(connection, "acme", at(1_000)) == [(at(900), "us", "orders", 5)]
    assert flow.purge(connection, "acme", at(1_000)) == 2
    assert len(flow.read(connection, "acme", at(0))) == 1
