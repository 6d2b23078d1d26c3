"""Effects whose end isn't known: moves in doubt, writes in doubt; and what is under way or waits."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection

from syncd.control.explain_order import move_view
from syncd.control.plain import iso
from syncd.control.scene import Scene
from syncd.core.quantity import NEVER, Instant, show
from syncd.engine.supervisor import TenantWork
from syncd.ledger import history, orders, writes
from syncd.ledger.orders import OrderNews
from syncd.page.overview import LOOK_SECONDS

ROWS: Final = 100
PLACE: Final = r"(?s)\d{1,18}/[^/]+/.+"  # instant, store, number of an order


async def effects(scene: Scene, work: TenantWork) -> dict[str, Any]:
    """One tenant's open effects."""
    tenant = work.context.tenant

    def look(connection: Connection) -> tuple[Any, ...]:
        return (
            history.count_moves(connection, tenant),
            history.open_moves(connection, tenant, ROWS),
            writes.open_writes(connection, tenant, ROWS),
            writes.count_open_writes(connection, tenant),
        )

    counts, moves, out, written = await scene.ledger.read(look, limit_seconds=LOOK_SECONDS)
    views = [move_view(move, None) | {"store": move.store, "number": move.order} for move in moves]
    return {
        "counts": counts,
        "rows_max": ROWS,
        "doubts": [view for view in views if view["state"] == "in doubt"],
        "open": [view for view in views if view["state"] != "in doubt"],
        "written": {"sent": written[writes.SENT], "in_doubt": written[writes.DOUBT]},
        "writes_in_doubt": [_write(write) for write in out if write.state == writes.DOUBT],
        "writes_open": [_write(write) for write in out if write.state != writes.DOUBT],
    }


def _write(write: writes.OpenWrite) -> dict[str, Any]:
    return {
        "store": write.store,
        "item": write.item,
        "sku": write.sku,
        "name": write.name,
        "key": write.key,
        "change": show(write.change),
        "level": None if write.level is None else show(write.level),
        "sent_at": iso(write.sent_at),
        "why": write.why,
        "reason": write.reason,
    }


async def living_orders(scene: Scene, work: TenantWork, store: str, before: str) -> dict[str, Any]:
    """The orders that may still change, of one store or of all, by when their state was read."""
    tenant = work.context.tenant
    names = [reconciler.context.store for reconciler in work.reconcilers]
    chosen = [scene.store(work, store).context.store] if store else names
    at, _, behind = before.partition("/")
    name, _, number = behind.partition("/")
    place = (Instant(int(at)), name, number) if before else (NEVER, "", "")

    def look(connection: Connection) -> list[OrderNews]:
        found = (orders.latest_living(connection, tenant, each, place, ROWS + 1) for each in chosen)
        return [row for rows in found for row in rows]

    rows = await scene.ledger.read(look, limit_seconds=LOOK_SECONDS)
    rows.sort(key=lambda row: (row.read_at, row.store, row.order), reverse=True)
    last = rows[ROWS - 1] if len(rows) > ROWS else None
    older = "" if last is None else f"{last.read_at}/{last.store}/{last.order}"
    return {"stores": names, "store": store, "rows": rows[:ROWS], "older": older, "is_first_page": not before}
