"""A person's decision about a shipment in quarantine: it is sent once more, or it is in the shop by other hands."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from syncd.control.scene import Scene
from syncd.engine.supervisor import TenantWork
from syncd.ledger import quarantine, shipments, tenants
from syncd.ledger.quarantine import Held
from syncd.ledger.shipments import BOOKED, INTENDED, QUARANTINED, REFUSED

SHIPMENT = "shipment "  # how the line of such an entry begins


def is_shipment(entry: Held) -> bool:
    """Whether a shipment is held, and no line of an order."""
    return entry.line.startswith(SHIPMENT)


async def release_shipment(scene: Scene, work: TenantWork, entry: Held, *, booked: bool) -> dict[str, Any]:
    """Decide. The shop is asked for it before anything is sent, as always."""
    context = work.context
    key, _, part = entry.line.removeprefix(SHIPMENT).rpartition("/")

    def unit(connection: Connection) -> str:
        tenants.assert_epoch(connection, context.tenant, context.epoch)
        state = quarantine.ALREADY_COUNTED if booked else quarantine.COUNTED
        quarantine.release(connection, context.tenant, entry.id, state=state, now=scene.clock.now())
        row = shipments.read_shipment(connection, context.tenant, key, int(part))
        if row is None or row.state not in (REFUSED, QUARANTINED):
            return "the shipment has ended meanwhile: the entry is closed"
        if booked:
            shipments.change(connection, context.tenant, row, state=BOOKED, reason="entered in the shop by hand")
            return "the shipment is in the shop by hand: nothing is sent"
        shipments.change(connection, context.tenant, row, state=INTENDED, retry_at=0, reason="")
        return "the shipment is sent once more, unless the shop has it already"

    return {"moves": 0, "note": await scene.ledger.run(unit)}
