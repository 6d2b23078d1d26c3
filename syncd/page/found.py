"""The one field for everything: an order's number, STORE/ORDER, a SKU, or how one begins."""

from __future__ import annotations

from sqlalchemy import Connection

from syncd.control.scene import Scene
from syncd.engine.supervisor import TenantWork
from syncd.ledger import catalogue, history
from syncd.page.overview import LOOK_SECONDS
from syncd.page.words import link


async def find(scene: Scene, work: TenantWork, wanted: str) -> str:
    """The address of what was meant: an order, a SKU, or the list of those that begin so."""
    context = work.context
    tenant = context.tenant
    names = [reconciler.context.store for reconciler in work.reconcilers]
    store, _, number = wanted.partition("/")
    places = [(store, number)] if number and store in names else [(name, wanted.removeprefix("#")) for name in names]

    def look(connection: Connection) -> str:
        for name, order in places:
            if order and history.read_order_head(connection, tenant, name, order) is not None:
                return link("/order", tenant=tenant, store=name, order=order)
        begins = catalogue.skus(connection, tenant, context.erp_location, after="", prefix=wanted, count=2)
        exact = next((sku for sku in begins if sku.lower() == wanted.lower()), None)
        only = exact or (begins[0] if wanted and len(begins) == 1 else None)
        return link("/stock", tenant=tenant, q=wanted) if only is None else link("/sku", tenant=tenant, sku=only)

    return await scene.ledger.read(look, limit_seconds=LOOK_SECONDS)
