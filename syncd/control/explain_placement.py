"""What became of an order of the ERP's that was to be placed in a store: for `explain order`."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection

from syncd.control.plain import iso
from syncd.core.placing import Flaw
from syncd.core.quantity import show
from syncd.ledger import placing
from syncd.ledger.placing import PlacementRow


def placements_of(connection: Connection, tenant: str, store: str, order: str) -> list[PlacementRow]:
    """By the shop's id of the order, or by the ERP's key of it."""
    found = placing.of_order(connection, tenant, store, order)
    by_key = placing.read_placement(connection, tenant, order)
    if by_key is not None and by_key.store == store and by_key.key not in {row.key for row in found}:
        found.append(by_key)
    return found


def placement_view(row: PlacementRow) -> dict[str, Any]:
    """One, for people."""
    outcome = row.outcome if row.result else None
    return {
        "placement": row.key,
        "key": row.own_key,
        "state": row.state,
        "reason": row.reason or None,
        "details": [_flaw(flaw) for flaw in msgspec.json.decode(row.flaws, type=tuple[Flaw, ...])] if row.flaws else [],
        "units": [{"of": line.sku or line.name, "quantity": show(line.quantity)} for line in row.order.lines],
        "revision": row.revision,
        "wanted": row.wanted,
        "written": row.written or None,
        "following": row.following or None,
        "told_at": iso(row.told_at),
        "sent_at": iso(row.sent_at),
        "confirmed_at": iso(row.confirmed_at),
        "attempts": row.attempts,
        "in_shop": row.shop_order or None,
        "cart": row.cart or None,
        "draft": row.draft or None,
        "outcome": None if outcome is None else f"{outcome.result} (revision {outcome.revision})",
        "heard": bool(row.result) and not row.untold,
    }


def _flaw(flaw: Flaw) -> dict[str, Any]:
    return {
        "kind": flaw.kind,
        "sku": flaw.sku or None,
        "text": flaw.text or None,
        "level": None if flaw.level is None else show(flaw.level),
        "limit": None if flaw.limit is None else show(flaw.limit),
    }
