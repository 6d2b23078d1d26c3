"""The supervisor: every tenant's watcher and poster, every store's reconciler, each in a task of its own.

One tenant's or store's trouble stays in its task (ISOLATED). The supervisor only starts them, stops them, and knows whether
they make progress.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio
from sqlalchemy import Connection

from syncd.core.quantity import Instant
from syncd.engine.care import CareStep
from syncd.engine.reconciler import RESTART_SECONDS, STEADY_SECONDS, Reconciler
from syncd.engine.steps import Loop, Step, Timer
from syncd.errors import MisconfiguredError, TransientError
from syncd.ledger import moves, switch, tenants
from syncd.observability import events
from syncd.ports.clock import Chance, Clock
from syncd.reconcile.context import SHADOW, Bell, TenantContext
from syncd.reconcile.post_step import PostStep
from syncd.reconcile.watch_step import WatchStep

DRAIN_SECONDS = 10.0  # a step that runs when the daemon is asked to stop has this long


@dataclass(slots=True)
class TenantWork:
    """One tenant at work."""

    context: TenantContext
    reconcilers: list[Reconciler] = field(default_factory=list)
    trouble: str = ""
    loops: list[Loop] = field(default_factory=list)

    async def run(self) -> None:
        """Until cancelled."""
        context = self.context
        context.publish = self._ring
        context.log.emit(events.TENANT_STARTED, mode=context.mode, stores=len(self.reconcilers))
        async with anyio.create_task_group() as group:
            watch, post, care = WatchStep(context), PostStep(context), CareStep(context)
            group.start_soon(self._keep, "watch", watch.run, context.watcher_bell, name=f"{context.tenant}: watcher")
            group.start_soon(self._keep, "post", post.run, context.poster_bell, name=f"{context.tenant}: poster")
            group.start_soon(self._keep, "care", care.run, Bell(), name=f"{context.tenant}: care")
            for reconciler in self.reconcilers:
                group.start_soon(reconciler.run, name=f"{context.tenant}/{reconciler.context.store}")

    def _ring(self) -> None:
        for reconciler in self.reconcilers:
            reconciler.context.bell.ring()

    async def _keep(self, name: str, step: Step, bell: Bell) -> None:
        """One of the tenant's own loops, restarted when it fails."""
        context = self.context
        failures = 0
        while True:
            loop = Loop(
                [Timer(name, step, rings=True)], bell, clock=context.clock, chance=context.chance, failed=_silent
            )
            self.loops.append(loop)
            began = context.clock.monotonic()
            try:
                await loop.run()
            except MisconfiguredError as error:
                self.trouble = f"{name}: {error}"
                wait = RESTART_SECONDS[-1]
                context.log.emit(events.TENANT_FAILED, reason=str(error), hint=error.hint, again_seconds=wait)
            except Exception as error:  # noqa: BLE001 - a bug here must not stop the other tenants
                failures = 1 if context.clock.monotonic() - began >= STEADY_SECONDS else failures + 1
                wait = RESTART_SECONDS[min(failures, len(RESTART_SECONDS)) - 1]
                self.trouble = f"{name}: {type(error).__name__}: {error}"
                context.log.bug(error)
            finally:
                self.loops.remove(loop)
            await context.clock.sleep(wait * context.chance.uniform(0.5, 1.0))


def _silent(_name: str, _error: TransientError) -> None:
    """The steps of a tenant log their own edges."""


async def adopt(context: TenantContext, holder: str) -> None:
    """Begin this process's epoch for a tenant: what an earlier one left as sent is in doubt, and asked for first; what it
    computed in shadow mode stays here."""

    def unit(connection: Connection) -> int:
        epoch = tenants.take_lease(connection, context.tenant, holder, context.clock.now())
        moves.doubt_sent(connection, context.tenant, Instant(context.clock.now() + context.erp.traits.late_us))
        if context.is_live:
            switch.hold_back(connection, context.tenant, SHADOW)
        return epoch

    context.epoch = await context.ledger.run(unit)


class Supervisor:
    """All tenants of this process."""

    def __init__(self, works: Sequence[TenantWork], *, clock: Clock, chance: Chance) -> None:
        self.works = list(works)
        self.clock = clock
        self.chance = chance

    async def run(self, stop: anyio.Event, *, drain_seconds: float = DRAIN_SECONDS) -> None:
        """Run until `stop`; then let the steps that write finish, within a bound."""
        async with anyio.create_task_group() as group:
            for work in self.works:
                group.start_soon(work.run, name=f"tenant {work.context.tenant}")
            await stop.wait()
            await self._drain(drain_seconds)
            group.cancel_scope.cancel()

    async def _drain(self, drain_seconds: float) -> None:
        """Wait until no step is in the middle of something, but not for long: a crash here loses nothing either."""
        for work in self.works:
            for loop in _loops(work):
                loop.stopping = True
        deadline = self.clock.monotonic() + drain_seconds
        while self.busy() and self.clock.monotonic() < deadline:
            await self.clock.sleep(0.05)

    def busy(self) -> list[str]:
        """The steps that run at this moment."""
        return [
            f"{work.context.tenant}: {loop.progress.busy}"
            for work in self.works
            for loop in _loops(work)
            if loop.progress.busy
        ]

    def stuck(self, bound_seconds: float) -> list[str]:
        """Loops that have neither turned nor are in a step: none ever should be (the watchdog's question)."""
        now = self.clock.monotonic()
        return [
            work.context.tenant
            for work in self.works
            for loop in _loops(work)
            if not loop.progress.busy
            and now - loop.progress.turned > bound_seconds
            and min(timer.due for timer in loop.timers) < now - bound_seconds
        ]


def _loops(work: TenantWork) -> list[Loop]:
    return [*work.loops, *(each.loop for each in work.reconcilers if each.loop is not None)]
