"""A person's decision about an order of the ERP's in quarantine: it is placed once more, or it is in the shop by other hands."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from syncd.control.scene import Scene
from syncd.engine.supervisor import TenantWork
from syncd.ledger import placing, quarantine, tenants
from syncd.ledger.placing import BOOKED, INTENDED, QUARANTINED
from syncd.ledger.quarantine import Held

PLACEMENT = "placement "  # how the line of such an entry begins


def is_placement(entry: Held) -> bool:
    """Whether an order of the ERP's is held, and no line of an order in the shop."""
    return entry.line.startswith(PLACEMENT)


async def release_placement(scene: Scene, work: TenantWork, entry: Held, *, booked: bool) -> dict[str, Any]:
    """Decide. The shop is asked for it before anything is sent, as always."""
    context = work.context
    key = entry.line.removeprefix(PLACEMENT)

    def unit(connection: Connection) -> str:
        now = scene.clock.now()
        tenants.assert_epoch(connection, context.tenant, context.epoch)
        state = quarantine.ALREADY_COUNTED if booked else quarantine.COUNTED
        quarantine.release(connection, context.tenant, entry.id, state=state, now=now)
        row = placing.read_placement(connection, context.tenant, key)
        if row is None or row.state != QUARANTINED:
            return "the order has ended meanwhile: the entry is closed"
        if booked:
            values = {"state": BOOKED, "confirmed_at": now, "reason": "entered in the shop by hand"}
            placing.conclude(connection, context.tenant, row, placing.placed(row, ""), **values)
            return "the order is in the shop by hand: nothing is sent, and the ERP hears that it is placed"
        # One that goes by a checkout begins with a new cart.
        anew = {"stage": "", "cart": "", "draft": ""}
        placing.change(connection, context.tenant, row, state=INTENDED, retry_at=0, reason="", **anew)
        return "the order is placed once more, unless the shop has it already"

    return {"moves": 0, "note": await scene.ledger.run(unit)}
