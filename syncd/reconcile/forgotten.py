"""What a restored ledger has forgotten and the ERP still knows: taken up again, key by key (`syncd.ledger.restored`)."""

from __future__ import annotations

from sqlalchemy import Connection

from syncd.core.account import COUNTED
from syncd.core.moves import NewMove
from syncd.core.quantity import Instant, Quantity
from syncd.ledger import moves, orders, restored
from syncd.ledger.moves import DueMove
from syncd.ledger.tenants import take_numbers
from syncd.ports.erp import ErpMove
from syncd.reconcile.replan import replan


def part_of(connection: Connection, tenant: str, entry: DueMove, found: ErpMove) -> int | None:
    """Which account of the line the ERP's content belongs to; None: to none that the ledger knows."""
    if (found.sku, found.location) == (entry.sku, entry.location):
        return entry.part
    accounts = orders.read_accounts(connection, tenant, entry.store, [entry.order]).get(entry.order, [])
    mine = (row for row in accounts if row.line == entry.line and row.state == COUNTED)
    return next((row.part for row in mine if (row.sku, row.location) == (found.sku, found.location)), None)


def leap(connection: Connection, tenant: str, entry: DueMove, later: int | None) -> bool:
    """The ERP holds a move of the entry's line under the number `later` that the ledger has forgotten: the line's numbers go on
    there. False where there is none, or the line has come past it meanwhile."""
    if later is None or orders.count_moves(connection, tenant, entry.store, entry.order, entry.line) > later:
        return False
    orders.set_moves(connection, tenant, entry.store, entry.order, entry.line, later)
    return True


def follow(connection: Connection, tenant: str, entry: DueMove, n: int, *, now: Instant, epoch: int) -> None:
    """Ask for what lies under the number `n`: by the move that is missing now, or by a move by 0 where none is."""
    store, order = entry.store, entry.order
    moves.void_move(
        connection, tenant, store, order, entry.line, entry.n, "the ERP has none under its key, but later ones"
    )
    replan(connection, tenant, store, order, now=now, epoch=epoch)
    if orders.count_moves(connection, tenant, store, order, entry.line) > n:
        return
    question = NewMove(entry.line, n, entry.part, entry.sku, entry.location, Quantity(0), "asked after a restore")
    seq = take_numbers(connection, tenant, 1)
    row = moves.move_row(tenant, store, order, question, seq=seq, reading=0, epoch=epoch, now=now)
    moves.add_moves(connection, [row])
    orders.set_moves(connection, tenant, store, order, entry.line, n + 1)
    restored.ask_first(connection, tenant, seq, 1)
