"""How SQLite finds what the steps ask for on each of their turns: never by walking through all that ever was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from syncd.core.quantity import Instant
from syncd.ledger import carts, catalogue, flow, history, items, level_changes, levels, migrate, moves, orders
from syncd.ledger.connection import ledger_path, write_engine

NOW = Instant(5)
QUESTIONS: dict[str, tuple[str, Callable[[Connection], Any]]] = {
    "moves to post": ("ix_move_waiting", lambda c: moves.moves_to_post(c, "t", NOW, 10)),
    "moves in doubt": ("ix_move_waiting", lambda c: moves.moves_in_doubt(c, "t", NOW, 10)),
    "the next move": ("ix_move_waiting", lambda c: moves.next_move_due(c, "t")),
    "doubt at the start": ("ix_move_waiting", lambda c: moves.doubt_sent(c, "t", NOW)),
    "SKUs in doubt": ("ix_move_doubt", lambda c: moves.sku_in_doubt(c, "t", ["a", "b"])),
    "moves counted": ("ix_move_waiting", lambda c: history.count_moves(c, "t")),
    "waiting moves of a SKU": ("ix_move_waiting", lambda c: history.waiting_moves(c, "t", "a", 10)),
    "the last moves of a SKU": ("ix_move_confirmed", lambda c: history.latest_moves(c, "t", 10, sku="a")),
    "open accounts": ("ix_line_open", lambda c: levels.open_accounts(c, "t", "main", ["a", "b"])),
    "accounts to close": ("ix_line_open", lambda c: levels.close_accounts(c, "t", ["a", "b"], NOW)),
    "SKUs to look at": ("ix_line_open", lambda c: levels.unshown_skus(c, "t", NOW, NOW)),
    "items due": ("ix_item_due", lambda c: items.items_due(c, "t", "s", NOW, 10)),
    "the next item": ("ix_item_due", lambda c: items.next_due(c, "t", "s")),
    "items that draw on a SKU": ("autoindex_ingredient", lambda c: items.make_due(c, "t", ["a", "b"], NOW)),
    "accounts of orders": ("order=?", lambda c: orders.read_accounts(c, "t", "s", ["1", "2"])),
    "items with a SKU": ("autoindex_ingredient", lambda c: history.items_with_sku(c, "t", "a")),
    "items of SKUs": ("autoindex_ingredient", lambda c: catalogue.items_of(c, "t", ["a", "b"])),
    "SKUs of a page": (
        "autoindex_ingredient",
        lambda c: catalogue.skus(c, "t", "main", after="a", prefix="", count=9),
    ),
    "moves that are open": ("ix_move_waiting", lambda c: history.open_moves(c, "t", 9)),
    "the moves of a SKU before one": (
        "ix_move_confirmed",
        lambda c: history.latest_moves(c, "t", 10, sku="a", before=(5, 5)),
    ),
    "the moves of a SKU since then": ("ix_move_confirmed", lambda c: moves.moves_since(c, "t", "a", "main", NOW)),
    "orders that may still change": (
        "ix_orders_living",
        lambda c: orders.latest_living(c, "t", "s", (NOW, "s", "1"), 9),
    ),
    "how a level went": (
        "level_change USING PRIMARY KEY",
        lambda c: level_changes.read(c, "t", [level_changes.Place("s", "i")], NOW, 9),
    ),
    "levels that go": ("ix_level_change_at", lambda c: level_changes.purge(c, "t", NOW, 9)),
    "too many levels": ("ix_level_change_at", lambda c: level_changes.beyond(c, "t", 9)),
    "the flow": ("flow USING PRIMARY KEY", lambda c: flow.read(c, "t", NOW)),
    "what carts hold of SKUs": ("ix_cart_hold_sku", lambda c: carts.holds(c, "t", "main", ["a", "b"], NOW)),
    "holds that are over": ("ix_cart_hold_until", lambda c: carts.release_over(c, "t", "s", NOW)),
    "the next hold that ends": ("ix_cart_hold_until", lambda c: carts.next_over(c, "t", "s")),
    "carts to look at": ("ix_cart_look", lambda c: carts.due(c, "t", "s", NOW, 9)),
    "the next look at a cart": ("ix_cart_look", lambda c: carts.next_look(c, "t", "s")),
    "carts by state": ("ix_cart_state", lambda c: carts.counts(c, "t", "s")),
    "carts that go": ("ix_cart_ended", lambda c: carts.purge(c, "t", NOW, NOW)),
    "what a cart became": ("cart USING PRIMARY KEY", lambda c: carts.ordered(c, "t", "s", {"c": "1"}, NOW)),
    "unsettled moves of orders": ("order=?", lambda c: moves.live_moves(c, "t", "s", ["1", "2"])),
}


@pytest.fixture
def connection(tmp_path: Path) -> Any:
    engine = write_engine(ledger_path(tmp_path))
    migrate.upgrade(engine)
    with engine.begin() as opened:
        yield opened
    engine.dispose()


@pytest.mark.parametrize("name", QUESTIONS)
def test_what_is_asked_on_each_turn_is_found_by_an_index(connection: Connection, name: str):
    index, ask = QUESTIONS[name]
    asked: list[tuple[str, Any]] = []
    event.listen(connection, "before_cursor_execute", lambda _c, _u, sql, values, _x, _m: asked.append((sql, values)))

    ask(connection)

    driver = connection.connection.driver_connection
    plans = [row[3] for sql, values in asked for row in driver.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert any(index in step for step in plans), plans
    for table in ("move", "line", "orders", "item"):
        for step in plans:
            assert not step.startswith(f"SCAN {table}"), plans
            assert step != f"SEARCH {table} USING PRIMARY KEY (tenant=?)", plans
