"""Which readings of an item the ledger keeps: few, and never only such as an own write has blurred."""

from __future__ import annotations

from pathlib import Path

from syncd.core.belief import CONFIRMED, Interval, believe
from syncd.core.quantity import NEVER, SECOND, Instant, units
from syncd.ledger import items
from syncd.ledger.connection import ledger_path, write_engine
from syncd.ledger.schema import level_write

HERE = ("acme", "us")


def at(second: float) -> Instant:
    return Instant(round(second * SECOND))


def write(seq: int, second: float, change: int) -> dict[str, object]:
    return {
        "tenant": "acme", "store": "us", "item": "p:1", "seq": seq, "key": f"w{seq}", "state": CONFIRMED,
        "change": units(change), "level": None, "blind_from": NEVER, "sent_at": at(second), "not_after": at(second + 30),
        "ended": at(second + 5), "target": 0, "low": 0, "high": 0, "why": "",
    }  # fmt: skip


def test_an_item_that_is_read_more_often_than_a_write_takes_to_land_keeps_a_reading_from_before_it(folder: Path):
    with write_engine(ledger_path(folder)).begin() as connection:

        def read(level: int, second: float) -> None:
            items.add_readings(
                connection, *HERE, {"p:1": units(level)}, at(second), at(second + 5), drained=at(second + 5)
            )

        for second in range(4):
            read(61, second)
        connection.execute(level_write.insert().values(write(1, 10, 5)))
        for second in range(5, 15):
            read(66, second)
        book = items.item_books(connection, *HERE, ["p:1"])["p:1"]
        assert len(book.readings) == items.USABLE_KEPT + 1
        assert believe(book, NEVER).interval == Interval(units(66), units(66))
        for second in range(16, 16 + items.USABLE_KEPT):
            read(66, second)
        book = items.item_books(connection, *HERE, ["p:1"])["p:1"]
        assert len(book.readings) == items.USABLE_KEPT
        assert not book.writes


def test_readings_that_bound_the_level_only_together_are_kept_too(folder: Path):
    """Every reading was blurred by some write of our own; the two oldest say exactly what the level is all the same."""
    with write_engine(ledger_path(folder)).begin() as connection:

        def read(level: int, second: float) -> None:
            items.add_readings(
                connection, *HERE, {"p:1": units(level)}, at(second), at(second + 5), drained=at(second + 5)
            )

        connection.execute(level_write.insert().values(write(1, 4, 1)))
        connection.execute(level_write.insert().values(write(2, 12, 4)))
        read(5, 0)
        read(6, 6)
        for second in (8.5, 9, 9.5, 10, 10.5, 11, 12, 13, 14, 15, 16):
            read(10, second)
        book = items.item_books(connection, *HERE, ["p:1"])["p:1"]
        assert len(book.readings) <= items.USABLE_KEPT + 2
        assert believe(book, NEVER).interval == Interval(units(10), units(10))


def test_of_readings_that_the_orders_have_not_caught_up_with_the_oldest_and_the_very_newest_are_kept(folder: Path):
    with write_engine(ledger_path(folder)).begin() as connection:
        for second in range(3 * items.FRESH_KEPT):
            items.add_readings(connection, *HERE, {"p:1": units(5)}, at(second), at(second + 0.5), drained=at(0.0))
        book = items.item_books(connection, *HERE, ["p:1"])["p:1"]
        oldest = [at(second) for second in range(items.FRESH_KEPT - 1)]
        assert [reading.began for reading in book.readings] == [*oldest, at(3 * items.FRESH_KEPT - 1)]
