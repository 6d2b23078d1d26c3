"""`backfill`: read a store's orders again from a date, with signs of how far it has come; goes on where it was left."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from syncd.control.failure import EXIT_AGAIN, EXIT_USAGE, CommandFailed
from syncd.control.plain import instant_of, iso
from syncd.control.quarantine import order_step
from syncd.control.scene import Scene, Tell
from syncd.core.quantity import LONG_AGO, Instant
from syncd.engine.reconciler import Reconciler
from syncd.engine.steps import Timer
from syncd.ledger import stores
from syncd.reconcile.backfill_step import BackfillStep

TELL_SECONDS: Final = 0.5  # between two signs of progress


class BackfillRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A store, and an ISO 8601 date or time (UTC where it says nothing else)."""

    since: str
    tenant: str | None = None
    store: str | None = None


async def backfill(scene: Scene, request: BackfillRequest, tell: Tell) -> dict[str, Any]:
    """Take in every order of a store that was changed since a date."""
    work, reconciler = scene.one_store(request.tenant, request.store)
    context = reconciler.context
    now = Instant(scene.clock.now() + context.clock_ahead_us)
    try:
        since = instant_of(request.since)
    except (ValueError, OverflowError) as error:
        raise CommandFailed(
            f"{request.since!r} is no date", hint="write it like 2025-06-01 or 2025-06-01T08:00Z", exit_code=EXIT_USAGE
        ) from error
    if not LONG_AGO <= since <= now:
        raise CommandFailed(f"{request.since} is not in the past", exit_code=EXIT_USAGE)
    row = await scene.ledger.read(lambda c: stores.read_store(c, work.context.tenant, context.store))
    if row is None or row.state != stores.READY:
        raise CommandFailed(
            f"store {context.store} isn't ready: its baseline reads all orders anyway",
            hint="wait until `syncd status` shows it as ready",
            exit_code=EXIT_AGAIN,
        )
    if context.is_paused:
        raise CommandFailed(f"store {context.store} is paused", hint="run `syncd resume` first", exit_code=EXIT_AGAIN)
    step = BackfillStep(context, await order_step(scene, reconciler), since)
    if scene.running:
        await _within(scene, reconciler, step, now, tell)
    else:
        while not step.done:
            wait = await step.run()
            await tell(_progress(step, now))
            if not step.done:
                await scene.clock.sleep(wait)
    return {
        "tenant": work.context.tenant,
        "store": context.store,
        "since": iso(since),
        "resumed": step.resumed,
        "pages": step.at.pages,
        "orders": step.at.orders,
        "changed": step.at.changed,
    }


async def _within(scene: Scene, reconciler: Reconciler, step: BackfillStep, now: Instant, tell: Tell) -> None:
    """Let the store's own loop run the step between its others: requests of one store never overlap."""
    loop = reconciler.loop
    if loop is None:
        raise CommandFailed(
            f"store {reconciler.context.store} isn't at work yet", hint="try again", exit_code=EXIT_AGAIN
        )
    if any(timer.name == "backfill" for timer in loop.timers):
        raise CommandFailed("a backfill of this store is running already", exit_code=EXIT_AGAIN)
    timer = Timer("backfill", step.run)
    loop.timers.append(timer)
    reconciler.context.bell.ring()
    try:
        while not step.done:
            await scene.clock.sleep(TELL_SECONDS)
            trouble = loop.progress.trouble if timer.failures else None
            await tell({**_progress(step, now), "trouble": trouble})
            if reconciler.loop is not loop:
                raise CommandFailed(
                    "the store's reconciler was started anew meanwhile",
                    hint="the same command goes on where this one stopped",
                    exit_code=EXIT_AGAIN,
                )
    finally:
        loop.timers.remove(timer)


def _progress(step: BackfillStep, now: Instant) -> dict[str, Any]:
    span = max(1, now - step.since)
    share = 1.0 if step.done else min(1.0, max(0.0, (step.at.position - step.since) / span))
    return {
        "pages": step.at.pages, "orders": step.at.orders, "changed": step.at.changed, "position": iso(step.at.position),
        "share": round(share, 4), "done": step.done,
    }  # fmt: skip
