"""Plan the moves of one order again, from its accounts as they stand: after a release, a refusal, or an ERP that holds other
content under one of our keys."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from syncd.core.moves import difference
from syncd.core.quantity import Instant
from syncd.ledger import items, moves, orders, restored
from syncd.ledger.tenants import take_numbers


def replan(connection: Connection, tenant: str, store: str, order: str, *, now: Instant, epoch: int) -> int:
    """DIFFERENCE for all accounts of an order. Returns how many moves it planned."""
    accounts = orders.read_accounts(connection, tenant, store, [order]).get(order, [])
    live = moves.live_moves(connection, tenant, store, [order]).get(order, [])
    plan = difference(accounts, live, {row.line: row.moves for row in accounts if row.part == 0})
    for line, n in plan.void:
        moves.void_move(connection, tenant, store, order, line, n, "planned anew")
    counts = dict(plan.counts)
    rows = [
        orders.account_row(tenant, store, order, msgspec.structs.replace(row, moves=counts[row.line]), is_open=True)
        for row in accounts
        if row.part == 0 and row.line in counts
    ]
    orders.write_accounts(connection, rows)
    first = take_numbers(connection, tenant, len(plan.new)) if plan.new else 0
    moves.add_moves(
        connection,
        [
            moves.move_row(tenant, store, order, new, seq=first + k, reading=0, epoch=epoch, now=now)
            for k, new in enumerate(plan.new)
        ],
    )
    restored.ask_first(connection, tenant, first, len(plan.new))
    items.make_due(connection, tenant, {new.sku for new in plan.new}, now)
    return len(plan.new)
