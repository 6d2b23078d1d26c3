"""What an operator's decision about something in quarantine writes into the accounts of an order."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, update

from syncd.core.account import COUNTED, QUARANTINED, Account, scaled
from syncd.core.policy import Recipe
from syncd.core.quantity import UNIT, ZERO, Instant, Quantity
from syncd.ledger import orders as ledger_orders
from syncd.ledger.schema import orders


def adopt_identity(connection: Connection, tenant: str, store: str, order: str, created: Instant, key: str) -> None:
    """IDENTITY, decided by a person: this number is that order from now on; the accounts go on from where they are."""
    connection.execute(
        update(orders)
        .where(orders.c.tenant == tenant, orders.c.store == store, orders.c.order == order)
        .values(created=created, key=key)
    )


def resolve(row: Account, recipe: Recipe, free_part: int) -> list[Account]:
    """The accounts of a line whose SKU is known now (PIN happens here). `row` was held in the shop's units."""
    accounts = []
    for k, (sku, factor) in enumerate(recipe):
        accounts.append(
            msgspec.structs.replace(
                row,
                part=row.part if k == 0 else free_part + k - 1,
                item=row.item if k == 0 else "",
                sku=sku,
                factor=factor,
                lead=row.lead and k == 0,
                commitment=scaled(row.commitment, factor),
                claim=scaled(row.claim, factor),
                hold=scaled(row.hold, factor),
                taken=row.taken if k == 0 else ZERO,
                moves=row.moves if k == 0 else 0,
            )
        )
    return accounts


def count(
    connection: Connection, tenant: str, store: str, order: str, rows: Sequence[Account], *, booked: bool
) -> None:
    """These accounts count from now on; `booked`: the ERP has all of their commitments already, by other hands."""
    ledger_orders.write_accounts(
        connection,
        [
            ledger_orders.account_row(
                tenant,
                store,
                order,
                msgspec.structs.replace(row, state=COUNTED, confirmed=row.commitment if booked else row.confirmed),
                is_open=True,
            )
            for row in rows
        ],
    )


def held_rows(rows: Sequence[Account], line: str) -> list[Account]:
    """The accounts of a line that are in quarantine."""
    return [row for row in rows if row.line == line and row.state == QUARANTINED]


def is_plain(row: Account) -> bool:
    """Whether the account is in the shop's own units: no component of a kit, nothing confirmed, no move yet."""
    return row.factor == UNIT and row.lead and row.confirmed == Quantity(0)
