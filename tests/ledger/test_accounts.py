"""When an account stops mattering to its SKU's target: once the ERP's level of that very SKU shows all of it (NEVER-EARLY)."""

from __future__ import annotations

import pytest

from syncd.core.account import Account
from syncd.core.moves import CONFIRMED, NewMove
from syncd.core.quantity import Instant, Quantity, units
from syncd.ledger import levels, migrate, moves, orders
from syncd.ledger.connection import ledger_path, write_engine

BEFORE, CONFIRMED_AT, AFTER = Instant(10), Instant(20), Instant(30)


@pytest.fixture
def connection(tmp_path):
    engine = write_engine(ledger_path(tmp_path))
    migrate.upgrade(engine)
    with engine.begin() as opened:
        yield opened
    engine.dispose()


def sold(connection, order, sku):
    """One unit of `sku`, committed, and confirmed by the ERP at CONFIRMED_AT."""
    one = units(1)
    account = Account(
        "1", 0, "p", "i", sku, "main", one, lead=True, quantity=one, commitment=one, confirmed=one, moves=1
    )
    orders.write_accounts(connection, [orders.account_row("t", "s", order, account, is_open=True)])
    new = NewMove("1", 0, 0, sku, "main", Quantity(-one), "paid")
    moves.add_moves(connection, [moves.move_row("t", "s", order, new, seq=1, reading=1, epoch=1, now=BEFORE)])
    connection.exec_driver_sql(
        "UPDATE move SET state = ?, confirmed_at = ? WHERE sku = ?", (CONFIRMED, CONFIRMED_AT, sku)
    )


def shown(connection, sku, began):
    levels.write_levels(connection, "t", {(sku, "main"): units(9)}, began, Instant(began + 1))


@pytest.mark.parametrize("first", ["early", "late"])
def test_an_account_is_closed_by_the_level_of_its_own_sku_alone(connection, first):
    """Whichever of two SKUs comes first in the tables: the one whose level was read before the confirmation stays open."""
    for sku in ["early", "late"] if first == "early" else ["late", "early"]:
        sold(connection, f"order-{sku}" if first == "early" else f"z-{sku}", sku)
    shown(connection, "early", BEFORE)
    shown(connection, "late", AFTER)

    assert levels.close_accounts(connection, "t", ["early", "late"], AFTER) == ["late"]
    assert list(levels.open_accounts(connection, "t", "main", ["early", "late"])) == ["early"]


def test_a_look_at_the_erp_is_asked_for_skus_it_has_not_shown_since(connection):
    for sku in ("a", "b"):
        sold(connection, sku, sku)
        connection.exec_driver_sql("UPDATE line SET claim = 1")  # so that nothing else asks for a look
    shown(connection, "a", AFTER)
    shown(connection, "b", BEFORE)

    assert levels.unshown_skus(connection, "t", AFTER, AFTER) == ["b"]
