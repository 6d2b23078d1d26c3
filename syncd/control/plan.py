"""`plan` and `approve`: what would be written to a shop, and why; and the word that lets it be written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from syncd.control.failure import EXIT_AGAIN, EXIT_FAILED, CommandFailed
from syncd.control.plain import interval, iso
from syncd.control.scene import Scene, Tell
from syncd.core.belief import UNKNOWN
from syncd.core.publish import Blocked, brake
from syncd.core.quantity import Instant, show
from syncd.core.target import SkuTarget
from syncd.engine.reconciler import Reconciler
from syncd.ledger import history, items, stores, tenants
from syncd.observability import events
from syncd.reconcile.context import StoreContext
from syncd.reconcile.evaluate import Evaluation, Moment, evaluate
from syncd.reconcile.publish_step import PublishStep

ITEMS_AT_ONCE: Final = 500  # evaluated in one query, so that none takes long
ITEMS_SHOWN_MAX: Final = 2_000  # of a plan; the counts are of all
TERMS_SHOWN_MAX: Final = 20  # of one target


class PlanRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A tenant, perhaps one store of it."""

    tenant: str | None = None
    store: str | None = None


async def plan(scene: Scene, request: PlanRequest, tell: Tell) -> dict[str, Any]:  # noqa: ARG001 - as all commands
    """What would be written to each store now."""
    work, chosen = scene.place(request.tenant, request.store)
    reconcilers = work.reconcilers if chosen is None else [chosen]
    return {
        "tenant": work.context.tenant,
        "running": scene.running,
        "stores": [await store_plan(scene, reconciler) for reconciler in reconcilers],
    }


async def approve(scene: Scene, request: PlanRequest, tell: Tell) -> dict[str, Any]:
    """Allow the writes to a store: its first plan, or what its brake has stopped. Tells the plan before that."""
    work, reconciler = scene.one_store(request.tenant, request.store)
    context = reconciler.context
    row, results, names = await _evaluations(scene, reconciler)
    shown = _plan(context, row, results, names)
    if shown["state"] == stores.NEW:
        raise CommandFailed(
            f"store {context.store} has never been read",
            hint="start the daemon, and approve when `syncd plan` shows what it would write",
            exit_code=EXIT_AGAIN,
        )
    if shown["state"] != stores.READY:
        raise CommandFailed(
            f"the baseline of store {context.store} isn't complete yet",
            hint="wait until `syncd status` shows it as ready, and look at the plan then",
            exit_code=EXIT_AGAIN,
        )
    unread = [result for result in results if result.decision.blocked is Blocked.UNREAD]
    if unread and row is not None and not row.approved:
        raise CommandFailed(
            f"{len(unread)} of {len(results)} items of store {context.store} have not been read yet",
            hint="wait a moment until `syncd plan` shows what would be written, and approve that",
            exit_code=EXIT_AGAIN,
        )
    if shown["would_brake"] and not scene.running:
        raise CommandFailed(
            f"this plan would take {shown['counts']['to_zero']} items to 0: the brake would stop it at the next start",
            hint="start the daemon, look at its plan, and approve it then",
            exit_code=EXIT_AGAIN,
        )
    await tell({"plan": shown})
    tenant, name, epoch, now = work.context.tenant, context.store, work.context.epoch, scene.clock.now()

    def unit(connection: Connection) -> None:
        tenants.assert_epoch(connection, tenant, epoch)
        if stores.read_store(connection, tenant, name) is None:
            raise CommandFailed(f"store {name} has gone from the ledger", exit_code=EXIT_FAILED)
        stores.change_store(connection, tenant, name, approved=now, brake="")

    await scene.ledger.run(unit)
    context.may_fall = {result.row.item for result in results if result.falls_to_zero}  # these, and no others
    context.log.emit(events.STORE_APPROVED, items=shown["counts"]["to_write"], brake=shown["brake"] or "")
    context.bell.ring()
    return {"tenant": tenant, "store": name, "approved_at": iso(now), "released_brake": shown["brake"], "plan": shown}


async def store_plan(scene: Scene, reconciler: Reconciler) -> dict[str, Any]:
    """One store's plan: the items that would be written or can't be, and the counts of all."""
    return _plan(reconciler.context, *await _evaluations(scene, reconciler))


async def _evaluations(
    scene: Scene, reconciler: Reconciler
) -> tuple[stores.StoreRow | None, list[Evaluation], dict[str, str]]:
    """The store's row, all its items evaluated, and their names."""
    context = reconciler.context
    tenant, name = context.tenant.tenant, context.store

    def head(connection: Connection) -> tuple[stores.StoreRow | None, list[items.ItemRow], dict[str, str]]:
        return (
            stores.read_store(connection, tenant, name),
            items.all_items(connection, tenant, name),
            history.item_names(connection, tenant, name),
        )

    row, rows, names = await scene.ledger.read(head)
    results: list[Evaluation] = []
    moment = moment_of(context, row, running=scene.running)
    for start in range(0, len(rows), ITEMS_AT_ONCE):
        batch = rows[start : start + ITEMS_AT_ONCE]
        results += await scene.ledger.read(
            lambda c, batch=batch: evaluate(c, PublishStep(context).shop(), batch, moment)  # type: ignore[misc]
        )
    return row, results, names


def _plan(
    context: StoreContext, row: stores.StoreRow | None, results: Sequence[Evaluation], names: dict[str, str]
) -> dict[str, Any]:
    """A store's plan as plain data."""
    open_ones = [result for result in results if result.decision.change or result.decision.blocked is not None]
    falling = sum(1 for result in results if result.falls_to_zero)
    blocked = Counter(result.decision.blocked.value for result in results if result.decision.blocked is not None)
    return {
        "store": context.store,
        "state": stores.NEW if row is None else row.state,
        "mode": context.tenant.mode,
        "approved_at": None if row is None else iso(row.approved),
        "brake": None if row is None else row.brake or None,
        "would_brake": bool(falling) and brake(falling, len(results), context.options.brake_share),
        "counts": {
            "items": len(results),
            "to_write": sum(1 for result in results if result.decision.change),
            "raised": sum(1 for result in results if result.decision.change > 0),
            "lowered": sum(1 for result in results if result.decision.change < 0),
            "to_zero": falling,
            "blocked": sum(blocked.values()),
            "agree": len(results) - len(open_ones),
        },
        "blocked": dict(blocked),
        "items": [_item(result, names) for result in open_ones[:ITEMS_SHOWN_MAX]],
        "items_left_out": max(0, len(open_ones) - ITEMS_SHOWN_MAX),
    }


def moment_of(context: StoreContext, row: stores.StoreRow | None, *, running: bool) -> Moment:
    """What holds now. Where nothing runs nothing is fresh, and the plan shows what it would be if all were."""
    if running:
        return PublishStep(context).moment()
    now = context.tenant.clock.now()
    drained = row.drained if row is not None else Instant(0)
    return Moment(now=now, drained=drained, erp_fresh=True, orders_fresh=True)


def _item(result: Evaluation, names: dict[str, str]) -> dict[str, Any]:
    decision = result.decision
    return {
        "item": result.row.item,
        "sku": result.row.sku,
        "name": names.get(result.row.item, ""),
        "believed": interval(result.belief.interval),
        "target": None if result.target is None else show(result.target),
        "shown": None if result.target is None else show(decision.shown),
        "change": show(decision.change) if result.belief.interval.hi < UNKNOWN else None,
        "blocked": None if decision.blocked is None else decision.blocked.value,
        "drift": result.belief.drift,
        "skus": [target_terms(target) for target in result.skus.values()],
    }


def target_terms(target: SkuTarget) -> dict[str, Any]:
    """A target and each number that it is made of."""
    return {
        "sku": target.sku,
        "target": show(target.target),
        "erp_level": show(target.reading.level),
        "erp_read_at": iso(target.reading.began),
        "buffer": show(target.buffer),
        "terms": _terms(target),
        "terms_left_out": max(0, len(target.terms) - TERMS_SHOWN_MAX),
    }


def _terms(target: SkuTarget) -> Sequence[dict[str, str]]:
    return [
        {"what": term.what, "order": f"{term.store}/{term.order}", "line": term.line, "units": show(term.units)}
        for term in target.terms[:TERMS_SHOWN_MAX]
    ]
