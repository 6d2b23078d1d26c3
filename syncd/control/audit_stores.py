"""The stores against their targets: what each shop shows now, and why it may show something else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from syncd.control.differences import Differences
from syncd.control.plain import iso
from syncd.control.plan import moment_of
from syncd.control.scene import Scene
from syncd.core.publish import Blocked
from syncd.core.quantity import Instant, Quantity, show
from syncd.engine.reconciler import Reconciler
from syncd.errors import SyncdError
from syncd.ledger import items, stores
from syncd.ledger.items import ItemRow
from syncd.ledger.pauses import pause_of
from syncd.reconcile.evaluate import Evaluation, evaluate
from syncd.reconcile.publish_step import PublishStep

Steady = dict[str, tuple[Instant, Quantity]]  # since when an item has shown this very level

ITEMS_AT_ONCE: Final = 500


async def audit_store(
    scene: Scene, reconciler: Reconciler, found: Differences, steady: Steady, only: Sequence[str] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """Read every counter (or `only` these) and compare. Returns the counts, and the items to look at again.

    A difference is unexplained once the shop's orders are read past the moment at which it was first seen: until then it
    may be a sale that syncd hasn't read. `steady` is carried from look to look.
    """
    context = reconciler.context
    tenant, name = context.tenant.tenant, context.store
    told: dict[str, Any] = {"store": name, "items": 0, "agree": 0, "unread": 0, "trouble": None}

    def known(connection: Connection) -> tuple[stores.StoreRow | None, list[ItemRow]]:
        return stores.read_store(connection, tenant, name), items.all_items(connection, tenant, name)

    row, rows = await scene.ledger.read(known)
    rows = [entry for entry in rows if only is None or entry.item in only]
    reason = standing_reason(scene, reconciler, row)
    again: list[str] = []
    batch_max = min(ITEMS_AT_ONCE, context.port.inventory.traits.batch_max)
    for start in range(0, len(rows), batch_max):
        batch = rows[start : start + batch_max]
        try:
            page = await context.port.inventory.levels([entry.item for entry in batch])
        except SyncdError as error:
            told["trouble"] = str(error)
            break
        shown = {reading.item: reading.level for reading in page.readings}
        moment = moment_of(context, row, running=scene.running)
        results = await scene.ledger.read(
            lambda c, batch=batch, moment=moment: evaluate(c, PublishStep(context).shop(), batch, moment)  # type: ignore[misc]
        )
        for result in results:
            told["items"] += 1
            level = shown.get(result.row.item)
            if level is not None and steady.get(result.row.item, (page.ended, None))[1] != level:
                steady[result.row.item] = (page.ended, level)
            why = reason
            since = steady.get(result.row.item, (page.ended, None))[0]
            if reason is None and moment.drained < since:
                why = f"its orders are read up to {iso(moment.drained)}: it may be a later sale"
            _compare(name, result, shown, why, found, told, again, final=reason is not None)
    return told, again


def standing_reason(scene: Scene, reconciler: Reconciler, row: stores.StoreRow | None) -> str | None:
    """Why the whole store may show something else than its targets; None where it may not."""
    if row is None or row.state != stores.READY:
        return "the store's baseline isn't complete: nothing is written to it yet"
    if not reconciler.context.tenant.is_live:
        return "shadow mode: nothing is written"
    if row.brake:
        return f"the brake has stopped its writes: {row.brake}"
    if not row.approved:
        return "its plan isn't approved yet: nothing is written to it"
    if row.paused or pause_of(reconciler.context.tenant.pauses, reconciler.context.store) is not None:
        return "its writes are paused"
    if not scene.running:
        return "no daemon runs: nothing is written meanwhile"
    if reconciler.stale or reconciler.trouble:
        return f"its orders are not read up to date: {reconciler.trouble or 'it is behind'}"
    return None


def _compare(
    store: str,
    result: Evaluation,
    shown: Mapping[str, Quantity | None],
    reason: str | None,
    found: Differences,
    told: dict[str, Any],
    again: list[str],
    *,
    final: bool,
) -> None:
    """One item. `reason` explains whatever differs; `final`: another look would not tell more."""
    counter, decision = result.row.item, result.decision
    level = shown.get(counter)
    if level is None:
        told["unread"] += 1
        if counter not in shown or not result.row.needs_absolute:
            where = {"store": store, "item": counter, "sku": result.row.sku}
            found.add("store_level", where, _target(result), None, "the store tells no level for this item")
        return
    if result.target is not None and level == decision.shown:
        told["agree"] += 1
        return
    why = reason if final else _item_reason(result, level)
    if why is None and not final:
        again.append(counter)
    where = {"store": store, "item": counter, "sku": result.row.sku}
    found.add(
        "store_level",
        where,
        _target(result),
        show(level),
        why or reason,
        "the shop shows another level than its target",
    )


def _item_reason(result: Evaluation, level: Quantity) -> str | None:
    """Why this item may show something else than its target."""
    blocked = result.decision.blocked
    if result.target is None:
        return Blocked.NO_ERP.value
    if blocked is not None:
        return blocked.value
    if any(write.state in ("sent", "doubt") for write in result.book.writes):
        return "a write of ours has no known end yet"
    interval = result.belief.interval
    if result.decision.change and interval.lo <= level <= interval.hi:
        return "a write of ours is due"
    return None


def _target(result: Evaluation) -> str | None:
    return None if result.target is None else show(result.decision.shown)
