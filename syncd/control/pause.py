"""`pause` and `resume`: hold a store back, or a whole tenant, until somebody decides otherwise; restarts don't end it."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import anyio
import msgspec

from syncd.control.failure import EXIT_AGAIN, EXIT_USAGE, CommandFailed
from syncd.control.plain import iso
from syncd.control.scene import Scene, Tell
from syncd.core.quantity import LONG_AGO, seconds
from syncd.engine.reconciler import Reconciler
from syncd.engine.supervisor import DRAIN_SECONDS, TenantWork, tell_paused
from syncd.ledger import pauses
from syncd.ledger.pauses import Pause
from syncd.observability import events
from syncd.reconcile.context import TenantContext

REASON_CHARACTERS_MAX: Final = 300  # it stands in every status


class PauseRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A tenant, perhaps one store of it. `writes`: only what would be written to the stores is held back."""

    tenant: str
    store: str | None = None
    writes: bool = False
    reason: str = ""


class ResumeRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A tenant, perhaps one store of it."""

    tenant: str
    store: str | None = None


async def pause(scene: Scene, request: PauseRequest, tell: Tell) -> dict[str, Any]:  # noqa: ARG001 - as all commands
    """Pause; what is under way ends first. Pausing again changes what is held back, and the reason."""
    if len(request.reason) > REASON_CHARACTERS_MAX:
        raise CommandFailed(f"a reason of more than {REASON_CHARACTERS_MAX} characters", exit_code=EXIT_USAGE)
    work, found = scene.place(request.tenant, request.store)
    name = _name(found)
    with anyio.CancelScope(shield=True):  # on disk and in force, or neither; bounded by the wait
        async with scene.changing:
            work, found, context = _now(scene, work, found)
            before = context.pauses.get(name)
            made = Pause(
                scope=pauses.WRITES if request.writes else pauses.ALL,
                since=before.since if before is not None else scene.clock.now(),
                reason=request.reason.strip(),
            )
            await _write(scene, work, name, made)
            context.pauses[name] = made
        tell_paused(context, name, made)
        if scene.running:
            chosen = work.reconcilers if found is None else [found]
            await work.hold(chosen, post=context.is_paused, wait_seconds=DRAIN_SECONDS)
        _ring(work)
    return _answer(work, name)


async def resume(scene: Scene, request: ResumeRequest, tell: Tell) -> dict[str, Any]:  # noqa: ARG001 - as all commands
    """Let it go on, from where it was."""
    work, found = scene.place(request.tenant, request.store)
    name = _name(found)
    with anyio.CancelScope(shield=True):
        async with scene.changing:
            work, found, context = _now(scene, work, found)
            before = context.pauses.get(name)
            if before is not None:
                await _write(scene, work, name, None)
                del context.pauses[name]
        if before is not None:
            fields = {"store": name} if name else {}
            event = events.STORE_RESUMED if name else events.TENANT_RESUMED
            context.log.emit(event, paused_seconds=round(seconds(scene.clock.now() - before.since)), **fields)
            _ring(work)
    return {**_answer(work, name), "was_paused": before is not None}


def shown(pause: Pause | None, by: str) -> dict[str, Any] | None:
    """A pause as plain data; `by` is "store" or "tenant". None where there is none."""
    if pause is None:
        return None
    return {"scope": pause.shown, "since": iso(pause.since), "reason": pause.reason, "by": by}


def shown_of(found: dict[str, Pause], store: str) -> dict[str, Any] | None:
    """What holds for a store, of its own and its tenant's pause."""
    holds = pauses.pause_of(found, store)
    return shown(holds, "store" if holds is not None and holds is found.get(store) else "tenant")


def _name(found: Reconciler | None) -> str:
    return pauses.WHOLE if found is None else found.context.store


async def _write(scene: Scene, work: TenantWork, name: str, pause: Pause | None) -> None:
    tenant = work.context.tenant
    if not await scene.ledger.run(partial(pauses.write_pause, tenant=tenant, name=name, pause=pause)):
        raise CommandFailed(
            f"store {name} was never reached, so there is nothing to pause in it yet",
            hint=f"pause the tenant, or take the store out of its file and run `syncd reload`: syncd pause {tenant}",
            exit_code=EXIT_AGAIN,
        )


def _now(
    scene: Scene, work: TenantWork, found: Reconciler | None
) -> tuple[TenantWork, Reconciler | None, TenantContext]:
    """The same tenant and store as they are by now: a reload may have begun them anew since. Raises CommandFailed where one
    is gone."""
    work = scene.tenant(work.context.tenant)
    return work, None if found is None else scene.store(work, found.context.store), work.context


def _ring(work: TenantWork) -> None:
    for reconciler in work.reconcilers:
        reconciler.context.bell.ring()
    work.context.poster_bell.ring()


def _answer(work: TenantWork, name: str) -> dict[str, Any]:
    context = work.context
    chosen = [each.context.store for each in work.reconcilers if name in (pauses.WHOLE, each.context.store)]
    return {
        "tenant": context.tenant,
        "store": name or None,
        "paused": shown(context.pauses.get(pauses.WHOLE), "tenant") if not name else shown_of(context.pauses, name),
        "stores": {store: shown_of(context.pauses, store) for store in chosen},
        "since": iso(context.pauses[name].since if name in context.pauses else LONG_AGO),
    }
