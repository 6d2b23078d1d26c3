"""One transaction of the publisher: look at what is due, and put the writes that follow on disk as sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from syncd.core.publish import Blocked, brake
from syncd.core.quantity import Instant, Quantity, microseconds
from syncd.ledger import items, stores, tenants, writes
from syncd.ledger.writes import PlannedWrite
from syncd.ports.store import LevelPage
from syncd.reconcile.context import StoreContext
from syncd.reconcile.drift_unit import settle_drift
from syncd.reconcile.evaluate import Evaluation, Moment, Shop, evaluate
from syncd.reconcile.plan_write import plan_write
from syncd.reconcile.take_levels import take_levels

ITEMS_PER_STEP_MAX = 2_000  # looked at in one transaction; the brake judges them together
RECHECK_SECONDS = 2.0  # an item whose belief is still open is looked at again after this
STALE_RECHECK_SECONDS = 10.0  # nothing changes before the ERP or the orders have been read again
AWAITING_SECONDS = (
    60.0  # of an item that waits for the orders: the step knows when they are drained so far; another life doesn't
)


@dataclass(slots=True)
class Round:
    """What one transaction of the publisher has decided."""

    writes: list[PlannedWrite] = field(default_factory=list)
    to_read: list[str] = field(default_factory=list)
    drifts: list[tuple[str, Quantity]] = field(default_factory=list)
    brake: str = ""
    unread: bool = False
    next_due: Instant | None = None
    looked: list[str] = field(default_factory=list)
    awaiting: dict[str, Instant] = field(default_factory=dict)  # items for which the orders must be drained up to there


def left(done: Round, shop: Shop) -> list[Quantity]:
    """The drifts that nobody corrects."""
    return [units for _, units in done.drifts if units and shop.drift == "report"]


def decide_round(
    connection: Connection, context: StoreContext, shop: Shop, moment: Moment, page: LevelPage | None
) -> Round:
    """One transaction: evaluate, and put the writes on disk as sent. Shops without relative writes are read first."""
    done = Round()
    rows = items.items_due(connection, shop.tenant, shop.store, moment.now, ITEMS_PER_STEP_MAX)
    seen: Mapping[str, Quantity] = {}
    if page is not None:
        take_levels(connection, shop, page, moment.drained)
        seen = {r.item: r.level for r in page.readings if r.level is not None}
        rows = [row for row in rows if row.item in seen or row.needs_absolute]
    done.looked = [row.item for row in rows]
    results = evaluate(connection, shop, rows, moment)
    falling = sum(1 for e in results if e.falls_to_zero and e.row.item not in context.may_fall)
    total = items.count_items(connection, shop.tenant, shop.store) if falling else 0
    if falling and brake(falling, total, context.options.brake_share):
        done.brake = f"{falling} of {total} items would fall to 0 at once"
        stores.change_store(connection, shop.tenant, shop.store, brake=done.brake)
        return done
    chosen: list[tuple[Evaluation, bool]] = []
    for result in results:
        if result.belief.drift:
            units = settle_drift(connection, shop, result, moment, context.tenant.epoch)
            done.drifts.append((result.row.item, units))
            if shop.drift != "erp" and units:
                continue  # its target has changed with it: looked at again at once
        if not result.decision.change:
            until = result.awaits(moment.drained)
            if until is not None:
                done.awaiting[result.row.item] = until
            done.unread |= _put_off(connection, shop, result, moment, awaits=until is not None)
            continue
        absolute = (
            not shop.traits.relative or result.row.needs_absolute or result.row.refused_at > 0 or result.decision.puts
        )
        if absolute and result.row.item not in seen and not result.row.needs_absolute:
            done.to_read.append(result.row.item)
        else:
            chosen.append((result, absolute))
    if done.to_read and page is None:
        done.to_read = done.to_read[: shop.traits.batch_max]
    waits = done.to_read and page is None and not shop.traits.relative  # all of it goes out together, after the reading
    if chosen and not waits:
        first = tenants.take_numbers(connection, shop.tenant, len(chosen))
        planned = [
            plan_write(shop, result, seen, page, moment, first + k, absolute=absolute)
            for k, (result, absolute) in enumerate(chosen)
        ]
        for write in planned:
            if page is None or not _is_needless(write, seen):
                done.writes.append(write)
            else:
                done.awaiting[write.item] = page.ended
                items.set_item(connection, shop.tenant, shop.store, write.item, due=later(moment.now, AWAITING_SECONDS))
        writes.add_writes(connection, shop.tenant, shop.store, done.writes, context.tenant.epoch)
        for write in done.writes:
            items.set_item(connection, shop.tenant, shop.store, write.item, due=later(moment.now, RECHECK_SECONDS))
    return done


def _is_needless(write: PlannedWrite, seen: Mapping[str, Quantity]) -> bool:
    """Whether the shop was just seen to show what it should. Belief differs, so the book doesn't explain it yet: the orders have to
    be drained past that reading, and no write can hasten it."""
    return write.level is not None and seen.get(write.item) == write.level


def _put_off(connection: Connection, shop: Shop, result: Evaluation, moment: Moment, *, awaits: bool) -> bool:
    """Nothing to write: either all is well, or it is looked at again. Returns whether it should be read soon."""
    if result.decision.blocked in (Blocked.NO_ERP, Blocked.BELOW_FLOOR) or result.is_settled:
        due = None
    else:
        stale = result.decision.blocked in (Blocked.ERP_STALE, Blocked.ORDERS_STALE)
        wait = AWAITING_SECONDS if awaits else STALE_RECHECK_SECONDS if stale else RECHECK_SECONDS
        due = later(moment.now, wait)
    values: dict[str, object] = {"due": due, "shown": result.decision.shown}
    if due is not None and result.wants_reading(Instant(moment.now - shop.traits.stale_us), moment.drained):
        values["read_at"] = 0
    items.set_item(connection, shop.tenant, shop.store, result.row.item, **values)
    return "read_at" in values


def later(now: Instant, wait_seconds: float) -> Instant:
    """So many seconds from now."""
    return Instant(now + microseconds(wait_seconds))
