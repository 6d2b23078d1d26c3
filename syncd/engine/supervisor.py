"""The supervisor: every tenant's watcher and poster, every store's reconciler, each in a task of its own.

One tenant's or store's trouble stays in its task (ISOLATED). The supervisor only starts them, stops them, and knows whether
they make progress.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import anyio
from sqlalchemy import Connection

from syncd.core.quantity import Instant
from syncd.engine.care import CareStep
from syncd.engine.lives import Lives
from syncd.engine.reconciler import RESTART_SECONDS, STEADY_SECONDS, WRITING_STEPS, Reconciler
from syncd.engine.steps import Loop, Step, Timer, until_idle
from syncd.errors import MisconfiguredError, TransientError
from syncd.ledger import moves, outbox, pauses, switch, tenants
from syncd.observability import events
from syncd.ports.clock import Chance, Clock
from syncd.reconcile.context import SHADOW, Bell, TenantContext
from syncd.reconcile.feed_step import FeedStep
from syncd.reconcile.post_step import PostStep
from syncd.reconcile.put_step import PutStep
from syncd.reconcile.sink_step import SinkStep
from syncd.reconcile.watch_step import WatchStep
from syncd.reconcile.wish_step import WishStep

POST, PUT = "post", "put"
FEED = "/feed"  # among the names of stores: no store's has a slash
SINKS = "sinks/"
CARTS = "/carts"  # after the name of the store whose carts they are
DRAIN_SECONDS = 10.0  # a step that runs when the daemon is asked to stop has this long


@dataclass(slots=True)
class TenantWork:
    """One tenant at work."""

    context: TenantContext
    reconcilers: list[Reconciler] = field(default_factory=list)
    trouble: str = ""
    loops: list[Loop] = field(default_factory=list)
    lives: Lives | None = None  # of its stores, while it runs
    begun: Callable[[], None] = lambda: None  # told when all of its tasks are started
    feeds: bool = False  # the ERP's shipments are being read
    sinks: list[SinkStep] = field(default_factory=list)
    wishes: WishStep | None = None  # reads the ERP's orders for stores

    async def run(self) -> None:
        """Until cancelled."""
        context = self.context
        context.publish = self._ring
        context.outbox.ring = self._ring_sinks
        context.siblings = lambda: [reconciler.context for reconciler in self.reconcilers]
        context.log.emit(events.TENANT_STARTED, mode=context.mode, stores=len(self.reconcilers))
        for name, pause in context.pauses.items():  # it was paused before this start, and may be forgotten
            tell_paused(context, name, pause)
        async with anyio.create_task_group() as group:
            self.lives = Lives(group)
            watch, post, care = WatchStep(context), PostStep(context), CareStep(context)
            look = partial(self._watch, watch)
            group.start_soon(self._keep, "watch", look, context.watcher_bell, name=f"{context.tenant}: watcher")
            group.start_soon(self._keep, POST, post.run, context.poster_bell, name=f"{context.tenant}: poster")
            group.start_soon(self._keep, "care", care.run, Bell(), name=f"{context.tenant}: care")
            for each in self.sinks:
                group.start_soon(self._keep, each.place, each.run, each.bell, name=f"{context.tenant}: {each.place}")
            if context.keeps_documents and context.documents is not None:
                put = PutStep(context, context.documents)
                group.start_soon(self._keep, PUT, put.run, context.documents_bell, name=f"{context.tenant}: documents")
            for reconciler in self.reconcilers:
                self._start(reconciler)
            self._feed()
            self.begun()
            try:
                await anyio.sleep_forever()
            finally:
                self.lives, self.feeds, self.wishes = None, False, None

    def _start(self, reconciler: Reconciler) -> None:
        if self.lives is not None:
            store = reconciler.context.store
            self.lives.start(store, reconciler.run, task_name=f"{self.context.tenant}/{store}")
            if reconciler.carts is not None:
                name = f"{self.context.tenant}/{store}: carts"
                self.lives.start(store + CARTS, reconciler.carts.run, task_name=name)

    async def _end(self, reconciler: Reconciler) -> None:
        if self.lives is not None:
            await self.lives.end(reconciler.context.store)
            await self.lives.end(reconciler.context.store + CARTS)

    def _feed(self) -> None:
        """Read the ERP's shipments from now on, once some store is told of them."""
        wanted = any(each.context.shipments is not None for each in self.reconcilers)
        if self.lives is not None and not self.feeds and wanted and self.context.documents is not None:
            self.feeds = True
            feed = partial(self._keep, "feed", FeedStep(self.context).run, Bell())
            self.lives.start(FEED, feed, task_name=f"{self.context.tenant}: shipments")

    async def _watch(self, watch: WatchStep) -> float:
        """Read the ERP's orders for stores, then its levels: an order is known before the level that lacks its units."""
        context = self.context
        if self.wishes is None and context.orders is not None:
            self.wishes = WishStep(context, context.orders)
        try:
            if self.wishes is not None:
                await self.wishes.run_if_due()
        except MisconfiguredError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug there must not stop the levels
            context.log.bug(error)
        return await watch.run()

    async def change_stores(self, gone: Collection[str], new: Sequence[Reconciler], *, drain_seconds: float) -> None:
        """Let the stores `gone` end (within a bound, and for sure), and begin the `new` ones, in the order of the names that
        are left; the tenant's others are not touched. What an old one may still have sent, the new one's start asks for."""
        names = {*gone, *(each.context.store for each in new)}
        old = [each for each in self.reconcilers if each.context.store in names]
        loops = [loop for each in old for loop in _loops_of(each)]
        await drain(loops, self.context.clock, drain_seconds)
        for reconciler in old:
            await self._end(reconciler)
        self.reconcilers[:] = [each for each in self.reconcilers if each not in old] + list(new)
        for reconciler in new:
            self._start(reconciler)
        self._feed()

    async def hold(self, chosen: Sequence[Reconciler], *, post: bool, wait_seconds: float) -> None:
        """These stores (with `post` the ERP's poster, too) were paused just now: return when nothing that their pause holds
        back is under way. A step that takes longer (a baseline) is ended, and goes on at its cursor when the store is
        resumed."""

        def loops() -> list[Loop]:
            mine = [loop for each in chosen for loop in _loops_of(each) if _is_at_held_work(each)]
            return mine + [loop for loop in self.loops if post and loop.timers[0].name in (POST, PUT)]

        await until_idle(loops, self.context.clock, wait_seconds)
        for reconciler in chosen:
            if self.lives is not None and _is_at_held_work(reconciler):
                await self._end(reconciler)
                if any(each is reconciler for each in self.reconcilers):  # else a reload has put another in its place
                    self._start(reconciler)

    def _ring(self) -> None:
        for reconciler in self.reconcilers:
            reconciler.context.bell.ring()

    def _ring_sinks(self) -> None:
        for each in self.sinks:
            each.bell.ring()

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


def _is_at_held_work(reconciler: Reconciler) -> bool:
    """Whether a step runs that its store's pause holds back: any, or those that write to it."""
    context = reconciler.context
    busy = [loop.progress.busy for loop in _loops_of(reconciler) if loop.progress.busy]
    return any(context.is_paused or (step in WRITING_STEPS and not context.may_write) for step in busy)


def _silent(_name: str, _error: TransientError) -> None:
    """The steps of a tenant log their own edges."""


async def adopt(context: TenantContext, holder: str) -> None:
    """Begin this process's epoch for a tenant: what an earlier one left as sent is in doubt, and asked for first; what it
    computed in shadow mode stays here."""
    fresh = context.chance.token(outbox.SECRET_BYTES)

    def unit(connection: Connection) -> tuple[int, dict[str, pauses.Pause], bytes]:
        epoch = tenants.take_lease(connection, context.tenant, holder, context.clock.now())
        moves.doubt_sent(connection, context.tenant, Instant(context.clock.now() + context.erp.traits.late_us))
        if context.is_live:
            switch.hold_back(connection, context.tenant, SHADOW)
        secret = outbox.read_secret(connection, context.tenant, fresh)
        return epoch, pauses.read_pauses(connection, context.tenant), secret

    context.epoch, context.pauses, context.outbox.secret = await context.ledger.run(unit)


class Supervisor:
    """All tenants of this process."""

    def __init__(self, works: Sequence[TenantWork], *, clock: Clock, chance: Chance) -> None:
        self.works = list(works)
        self.clock = clock
        self.chance = chance
        self.drain_seconds = DRAIN_SECONDS
        self.begun = anyio.Event()
        self.working = anyio.Event()  # the first tenant is at work
        self._lives: Lives | None = None  # while it runs

    async def run(self, stop: anyio.Event, *, drain_seconds: float | None = None) -> None:
        """Run until `stop`; then let the steps that write finish, within a bound."""
        if drain_seconds is not None:
            self.drain_seconds = drain_seconds
        async with anyio.create_task_group() as group:
            self._lives = Lives(group)
            for work in self.works:
                self._begin(work)
            self.begun.set()
            await stop.wait()
            self._lives = None  # whoever wants to start another tenant now comes too late
            await drain(self._all_loops(), self.clock, self.drain_seconds)
            group.cancel_scope.cancel()

    def start(self, work: TenantWork) -> None:
        """Take in a tenant. Nothing begins once the stop was asked for."""
        self.works.append(work)
        self._begin(work)

    async def end(self, works: Sequence[TenantWork]) -> bool:
        """Let these tenants finish the steps that run, within a bound, and end them; the others go on. Returns False when the
        stop was asked for meanwhile: then `run` ends them."""
        await self.begun.wait()
        await drain([loop for work in works for loop in _loops(work)], self.clock, self.drain_seconds)
        for work in works:
            if self._lives is None:
                return False
            await self._lives.end(work.context.tenant)
            self.works = [each for each in self.works if each is not work]
            work.context.log.emit(events.TENANT_STOPPED)
        return self._lives is not None

    def _begin(self, work: TenantWork) -> None:
        if self._lives is not None:
            work.begun = self.working.set
            self._lives.start(work.context.tenant, work.run, task_name=f"tenant {work.context.tenant}")

    def _all_loops(self) -> list[Loop]:
        return [loop for work in self.works for loop in _loops(work)]

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
    return [*work.loops, *(loop for each in work.reconcilers for loop in _loops_of(each))]


def _loops_of(reconciler: Reconciler) -> list[Loop]:
    """A store's own, and that of its carts."""
    mine = (reconciler.loop, reconciler.carts.loop if reconciler.carts is not None else None)
    return [loop for loop in mine if loop is not None]


async def drain(loops: Iterable[Loop], clock: Clock, drain_seconds: float) -> None:
    """Begin no more steps, and wait until none is in the middle of something, but not for long: a crash here loses nothing
    either. Sinks are not waited for: what they were given comes again, and one that hangs should hold up nobody."""
    chosen = list(loops)
    for loop in chosen:
        loop.stopping = True
    chosen = [loop for loop in chosen if not loop.timers[0].name.startswith(SINKS)]
    await until_idle(lambda: chosen, clock, drain_seconds)


def tell_paused(context: TenantContext, store: str, pause: pauses.Pause) -> None:
    """Log a pause of a store, or (`pauses.WHOLE`) of the tenant."""
    fields = {"scope": pause.shown, "reason": pause.reason, "since_us": pause.since}
    if store == pauses.WHOLE:
        context.log.emit(events.TENANT_PAUSED, **fields)
    else:
        context.log.emit(events.STORE_PAUSED, store=store, **fields)
