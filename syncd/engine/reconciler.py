"""One store's reconciler: its steps in one task, restarted with backoff when it fails, never taking another down."""

from __future__ import annotations

from dataclasses import dataclass, field

from syncd.core.quantity import seconds
from syncd.engine.cart_loop import CartLoop
from syncd.engine.steps import HELD_LOOK_SECONDS, Loop, Timer
from syncd.errors import MisconfiguredError, SyncdError, TransientError
from syncd.observability import events
from syncd.reconcile.context import StoreContext, Stream
from syncd.reconcile.document_step import DocumentStep
from syncd.reconcile.hooks_step import HooksStep
from syncd.reconcile.inventory_step import InventoryStep
from syncd.reconcile.item_signal_step import ItemSignalStep
from syncd.reconcile.order_step import OrderStep
from syncd.reconcile.place_step import PlaceStep
from syncd.reconcile.publish_step import PublishStep
from syncd.reconcile.refund_poll import RefundPoll
from syncd.reconcile.ship_step import ShipStep
from syncd.reconcile.signal_step import SignalStep
from syncd.reconcile.start_store import describe_store, start_store
from syncd.reconcile.sweep_step import SweepStep

DESCRIBE_SECONDS = 3_600.0  # how often settings and clock are read again
RESTART_SECONDS = (1.0, 5.0, 15.0, 60.0, 300.0)
RESTART_SECONDS_MAX = 60.0  # of a store: its orders wait too, and other shops sell what it has sold
LONG_STEP_SECONDS = 10.0  # a shop that hangs, or much to read
STEADY_SECONDS = 120.0  # a life that lasted so long was no failed start: the pauses begin anew
WRITING_STEPS = frozenset({"publish", "shipments", "placing", "webhooks"})  # those that write to the store
MISCONFIGURED_SECONDS = 300.0  # somebody has to mend it; then it goes on by itself


@dataclass(slots=True)
class Reconciler:
    """A store at work, and what the status shows of it."""

    context: StoreContext
    loop: Loop | None = None
    restarts: int = 0
    stale: bool = False
    seen_fresh: bool = False  # by this process
    watched: float | None = None  # monotonic: since when it could have been read, until it is
    trouble: str = ""
    orders: OrderStep | None = field(default=None)
    publisher: PublishStep | None = field(default=None)
    carts: CartLoop | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.context.carts is not None:
            self.carts = CartLoop(self.context, self.context.carts, lambda: self.loop is not None)

    async def run(self) -> None:
        """Until cancelled. Whatever goes wrong stays here."""
        context = self.context
        while True:
            began = context.tenant.clock.monotonic()
            try:
                await self._work()
            except MisconfiguredError as error:
                context.stream = Stream.FAILING
                self.trouble = str(error)
                self.judge_freshness()
                event = events.STORE_IDENTITY_MISMATCH if "another shop" in self.trouble else events.STORE_FAILED
                context.log.emit(event, reason=str(error), hint=error.hint, again_seconds=MISCONFIGURED_SECONDS)
                await context.tenant.clock.sleep(MISCONFIGURED_SECONDS)
            except TransientError as error:  # at the first contact; later ones end in the loop
                context.stream = Stream.FAILING
                wait = self._pause(began)
                if self.trouble != str(error):
                    context.log.emit(events.STORE_FAILED, reason=str(error), hint=error.hint, again_seconds=wait)
                self.trouble = str(error)
                self.judge_freshness()
                await context.tenant.clock.sleep(wait)
            except Exception as error:  # noqa: BLE001 - a bug here must not stop the other stores
                context.stream = Stream.FAILING
                wait = self._pause(began)
                self.trouble = f"{type(error).__name__}: {error}"
                context.log.bug(error)
                context.log.emit(events.STORE_FAILED, reason=self.trouble, again_seconds=wait)
                await context.tenant.clock.sleep(wait)

    def _pause(self, began: float) -> float:
        steady = self.context.tenant.clock.monotonic() - began >= STEADY_SECONDS
        self.restarts = 1 if steady else self.restarts + 1
        base = RESTART_SECONDS[min(self.restarts, len(RESTART_SECONDS)) - 1]
        return min(base, RESTART_SECONDS_MAX) * self.context.tenant.chance.uniform(0.5, 1.0)

    async def _work(self) -> None:
        """One life: the first contact, then the steps. What an earlier life remembered is forgotten."""
        context = self.context
        while context.is_paused:
            await context.bell.wait(context.tenant.clock, HELD_LOOK_SECONDS)
        await start_store(context)
        self.trouble = ""
        self.orders = OrderStep(context)
        publisher = self.publisher = PublishStep(context)
        inventory = InventoryStep(context, publisher)
        sweep = SweepStep(context, self.orders)
        signals = Timer("signals", SignalStep(context, self.orders).run, rings=True)
        clock = context.tenant.clock
        later = clock.monotonic() + DESCRIBE_SECONDS
        self.loop = Loop(
            [
                Timer("catalogue", inventory.read_catalogue_if_due),
                signals,
                Timer("orders", self._read_orders),
                Timer("publish", publisher.run, rings=True),
                *_item_signals(context),
                Timer("levels", inventory.run, rings=True),
                *_shipping(context, signals),
                *_documents(context),
                Timer("sweep", sweep.run),
                Timer("describe", self._describe, due=later),
                *([Timer("webhooks", HooksStep(context).run)] if context.hooks is not None else []),
            ],
            context.bell,
            clock=clock,
            chance=context.tenant.chance,
            failed=self._failed,
            held=lambda: context.is_paused,
        )
        self.context.cart_bell.ring()
        try:
            await self.loop.run()
        finally:
            self.loop = None  # until the next life nothing turns here, and the watchdog asks only loops that should

    async def _read_orders(self) -> float:
        assert self.orders is not None
        assert self.publisher is not None
        try:
            wait = await self.orders.run()
        except SyncdError:
            self.context.stream = Stream.FAILING
            raise
        if self.publisher.awaiting:  # an item waits for the orders: not longer than without webhooks
            wait = min(wait, self.context.options.poll_seconds)
        if self.publisher.is_ripe:
            self.context.bell.ring()
        self.trouble = ""
        self.judge_freshness()
        return wait

    async def _describe(self) -> float:
        await describe_store(self.context)
        return DESCRIBE_SECONDS

    def _failed(self, step: str, error: TransientError) -> None:
        self.trouble = f"{step}: {error}"
        self.judge_freshness()

    def behind_seconds(self) -> float:
        """How old the drain mark is: every order placed before it is in the ledger. As long as this process has none, since
        when it could have one: a baseline takes its time."""
        context = self.context
        if context.drained:
            return max(0.0, seconds(context.tenant.clock.now() - context.drained))
        now = context.tenant.clock.monotonic()
        if self.watched is None or context.stream is Stream.BASELINE:
            self.watched = now
        return now - self.watched

    def long_step(self) -> str:
        """The step that runs, in words, where it has run for so long that somebody will wonder; else ""."""
        progress = self.loop.progress if self.loop is not None else None
        if progress is None or not progress.busy:
            return ""
        took = self.context.tenant.clock.monotonic() - progress.turned
        return f"{progress.busy}: has run for {took:.0f} s so far" if took >= LONG_STEP_SECONDS else ""

    def judge_freshness(self) -> None:
        """Log the edges of freshness."""
        context = self.context
        behind = self.behind_seconds()
        stale = behind > seconds(context.options.fresh_us) + 2 * context.options.poll_seconds
        if stale and not self.stale:
            context.log.emit(events.STORE_STALE, behind_seconds=round(behind), reason=self.trouble or self.long_step())
            context.tell(events.STORE_STALE, behind_seconds=round(behind))
        if self.stale and not stale:
            context.log.emit(events.STORE_FRESH, behind_seconds=round(behind))
            context.tell(events.STORE_FRESH, behind_seconds=round(behind))
        if not stale and context.drained and not self.seen_fresh:  # an earlier process may have said that it is stale
            context.tell(events.STORE_FRESH, behind_seconds=round(behind))
            self.seen_fresh = True
        self.stale = stale


def _item_signals(context: StoreContext) -> list[Timer]:
    """The step that reads what the store says of its levels, if it is asked to; before the readings, so that they follow."""
    if context.hooks is None or not context.options.level_signals:
        return []
    return [Timer("level signals", ItemSignalStep(context).run, rings=True)]


def _documents(context: StoreContext) -> list[Timer]:
    """The step that makes documents of orders, if anybody wants them."""
    if context.documents is None:
        return []
    step = DocumentStep(context, context.documents, RefundPoll(context, context.documents))
    return [Timer("documents", step.run, rings=True)]


def _shipping(context: StoreContext, signals: Timer) -> list[Timer]:
    """The steps that tell the store of shipments and place the ERP's orders in it, if it is told of them, or gets them. They go
    after the signals: an order that they have changed is read next."""

    def read_orders() -> None:
        signals.due = 0.0

    timers = []
    if context.shipments is not None:
        timers.append(Timer("shipments", ShipStep(context, context.shipments, read_orders).run, rings=True))
    if context.placing is not None:
        timers.append(Timer("placing", PlaceStep(context, context.placing, read_orders).run, rings=True))
    return timers
