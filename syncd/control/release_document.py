"""A person's decision about an order's document in quarantine: it is made and put once more, or left as it is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from syncd.control.scene import Scene
from syncd.engine.supervisor import TenantWork
from syncd.ledger import documents, quarantine, tenants
from syncd.ledger.quarantine import Held
from syncd.reconcile.document_step import HELD


def is_document(entry: Held) -> bool:
    """Whether an order's document is held, or a part of it, and no line of an order."""
    return entry.line.split(" ")[0] == HELD


async def release_document(scene: Scene, work: TenantWork, entry: Held, *, left: bool) -> dict[str, Any]:
    """Decide. `left`: nothing is done before the order's next change."""
    context = work.context

    def unit(connection: Connection) -> str:
        tenants.assert_epoch(connection, context.tenant, context.epoch)
        state = quarantine.ALREADY_COUNTED if left else quarantine.COUNTED
        now = scene.clock.now()
        quarantine.release(connection, context.tenant, entry.id, state=state, now=now)
        if left:
            return "the entry is closed; the order is told again when it changes"
        documents.make_due(connection, context.tenant, entry.store, [entry.order], now)
        return "the order is read and told once more"

    return {"moves": 0, "note": await scene.ledger.run(unit)}
