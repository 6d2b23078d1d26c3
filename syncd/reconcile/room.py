"""Whether a shop's counters have what an order is about to take from them, as far as the ledger knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from syncd.core.quantity import Instant, Quantity, microseconds
from syncd.ledger import items, placing, tenants
from syncd.reconcile.context import StoreContext
from syncd.reconcile.evaluate import Moment, Shop, evaluate

LEFT_OVER_SECONDS = 900.0  # room of an order that ended, and that nobody has read since


@dataclass(frozen=True, slots=True)
class Counters:
    """`enough`: surely all have it; `coming`: all will, by their targets; `writing`: a write to one of them may be under way."""

    enough: bool
    coming: bool
    writing: bool


def counters_of(connection: Connection, context: StoreContext, needs: Mapping[str, Quantity]) -> Counters:
    """The counters (stock items) and how many units are to be taken from each."""
    tenant, now = context.tenant, context.tenant.clock.now()
    if not context.places.room_at:  # from any of several counters: the shop knows
        return Counters(enough=True, coming=True, writing=False)
    needs = {item + context.places.room_at[0]: units for item, units in needs.items()}
    shop = Shop(
        tenant.tenant, context.store, context.places, context.options.buffer, context.options.drift,
        context.port.inventory.traits,
    )  # fmt: skip
    rows = items.some_items(connection, tenant.tenant, context.store, needs)
    found = evaluate(connection, shop, rows, Moment(now, context.drained, erp_fresh=True, orders_fresh=True))
    known = {each.row.item: each for each in found}
    if len(known) < len(needs):  # a counter that isn't kept in agreement: nothing is known of it
        return Counters(enough=False, coming=False, writing=False)
    return Counters(
        enough=all(known[item].belief.interval.lo >= units for item, units in needs.items()),
        coming=all((known[item].target or 0) >= units for item, units in needs.items()),
        writing=any(write.is_alive(now) for each in found for write in each.book.writes),
    )


async def end_left_over(context: StoreContext) -> None:
    """End the room of orders that nobody has read since they ended."""
    tenant, store = context.tenant.tenant, context.store
    before = Instant(context.tenant.clock.now() - microseconds(LEFT_OVER_SECONDS))
    keys = await context.tenant.ledger.read(lambda connection: placing.left_over(connection, tenant, store, before))

    def unit(connection: Connection) -> None:
        tenants.assert_epoch(connection, tenant, context.tenant.epoch)
        skus = placing.end_rooms(connection, tenant, store, keys)
        items.make_due(connection, tenant, skus, context.tenant.clock.now())

    if keys:
        await context.tenant.ledger.run(unit)
