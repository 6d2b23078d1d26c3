"""Takes events from the outbox to one sink: at least once, those of a stream in order, and never given up in silence.

That an event has arrived is written down after it has; a crash in between sends it again, under the same id. An event that fails
holds up its own stream: it is tried at growing intervals. When several streams fail in a row it is the sink that fails: then
one event after the other is tried, until one arrives. What is refused again and again is kept for people, and its stream goes
on; what waits for too long, or is too much, goes, and that is told.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

import anyio
import msgspec
from sqlalchemy import Connection

from syncd.core import backoff
from syncd.core import event as core_event
from syncd.core.erasure import Whom
from syncd.core.quantity import LONG_AGO, NEVER, SECOND, Instant, microseconds, seconds
from syncd.errors import MisconfiguredError, RefusedError, SyncdError, Throttled, TransientError
from syncd.ledger import deliveries, tenants
from syncd.ledger.deliveries import Waiting
from syncd.ledger.ledger import Unit
from syncd.ledger.outbox import Subscription
from syncd.observability import events
from syncd.observability.events import Event
from syncd.ports.sink import Delivery, Erased, Sink
from syncd.reconcile.context import Bell, TenantContext

T = TypeVar("T")

DAY_US: Final = 86_400 * SECOND
LOOK_SECONDS: Final = 2.0  # for events that were put down meanwhile; a look into the ledger, nothing is written
HELD_SECONDS: Final = 30.0
ROUND_SECONDS: Final = 30.0  # then the outbox is looked at again, whatever there is left to do
HEADS_MAX: Final = 200  # streams that are worked on in one round
GATHER_LOOK_SECONDS: Final = 10.0  # while a batch is gathered: it may be full sooner
BATCH_BYTES_MAX: Final = 16 * 1024 * 1024  # of data, in memory at a time; one event may be more
PRUNE_SECONDS: Final = 60.0  # what waits is bounded, also while a sink rests or wants nothing
PRUNE_TURNS_MAX: Final = 20
STREAMS_FAILING_MAX: Final = 3  # of so many different ones in a row: the sink is in trouble, not the events
FAILURES_TOLD: Final = 3  # in a row
REFUSALS_MAX: Final = 5  # of one event, over some minutes: a receiver that is being deployed refuses a lot
KEEP_REFUSED_US: Final = 30 * DAY_US
DATA_BYTES_MAX: Final = 1024 * 1024  # of one event: receivers take no more
RETRIES: Final = backoff.Backoff(microseconds(5.0), microseconds(3_600.0))  # of one event
REST: Final = backoff.Backoff(microseconds(1.0), microseconds(60.0))  # of the sink
ASKED_SECONDS_MAX: Final = 3_600.0  # whatever it asks for
REASON_CHARACTERS_MAX: Final = 500


class SinkOptions(msgspec.Struct, frozen=True):
    """How much may wait for a sink, and for how long."""

    keep_us: int = 7 * DAY_US
    backlog_max: int = 100_000


@dataclass(slots=True)
class SinkStep:
    """One sink at work, and what the status shows of it."""

    context: TenantContext
    subscription: Subscription
    port: Sink
    options: SinkOptions
    bell: Bell = field(default_factory=Bell)
    trouble: str = ""
    stopped: bool = False  # it wants no more, until the configuration is read again
    opened: bool = False
    failures: int = 0  # in a row, of whatever event
    failing: set[str] = field(default_factory=set)  # the streams of these, as many as matter
    failing_since: float = 0.0
    told: bool = False
    rest_until: float = 0.0
    prune_at: float = 0.0
    broke: SyncdError | None = None  # the ledger, while events were under way
    lock: anyio.Lock = field(default_factory=anyio.Lock)  # nothing is delivered while something is erased

    @property
    def name(self) -> str:
        """The sink's name in the configuration."""
        return self.subscription.sink

    @property
    def place(self) -> str:
        """Where its alerts and numbers stand: no store's name has a slash."""
        return f"sinks/{self.name}"

    async def run(self) -> float:
        """Deliver what is due. Returns the seconds until there may be more to do."""
        async with self.lock:
            return await self._run_once()

    async def erase(self, whom: Whom, *, only_look: bool) -> Erased:
        """Take a customer's personal data out of what the sink keeps, when what is under way has ended. Raises StoreFault."""
        async with self.lock:
            return await self.port.erase(whom, only_look=only_look)

    async def _run_once(self) -> float:
        context = self.context
        if not context.is_live or context.is_paused:
            return HELD_SECONDS
        now = context.clock.monotonic()
        if now >= self.prune_at:
            self.prune_at = now + PRUNE_SECONDS
            await self._prune()
        if self.stopped:
            return PRUNE_SECONDS
        if self.rest_until > now:
            return min(self.rest_until - now, PRUNE_SECONDS)
        if not self.opened and not await self._open():
            return max(0.0, self.rest_until - context.clock.monotonic())
        wait = await (self._streams() if self.port.traits.batch_events_max == 1 else self._batch())
        return max(wait, min(self.rest_until - context.clock.monotonic(), PRUNE_SECONDS))

    async def _open(self) -> bool:
        try:
            mended = await self.port.open()
        except MisconfiguredError as error:
            self._stop(error)
            return False
        except TransientError as error:
            self._failed("", error)
            self._rest(0.0)
            return False
        self.opened = True
        if mended:
            self.context.log.emit(events.SINK_MENDED, sink=self.name, events=mended)
        return True

    # One at a time, of several streams ---------------------------------------------------------------------------------

    async def _streams(self) -> float:
        context, traits = self.context, self.port.traits
        look = partial(deliveries.heads, tenant=context.tenant, sink=self.name, now=context.clock.now(), most=HEADS_MAX)
        due = deque(await context.ledger.read(look))
        if not due:
            return LOOK_SECONDS
        at_once = 1 if len(self.failing) >= STREAMS_FAILING_MAX else traits.streams_at_once
        until = context.clock.monotonic() + ROUND_SECONDS
        async with anyio.create_task_group() as group:
            for k in range(min(at_once, len(due))):
                group.start_soon(self._work, due, until, name=f"{context.tenant}: sink {self.name} {k}")
        broke, self.broke = self.broke, None
        if broke is not None:
            raise broke
        return 0.0

    async def _work(self, due: deque[Waiting], until: float) -> None:
        clock = self.context.clock
        while due and not self.stopped and self.rest_until <= clock.monotonic() < until:
            try:
                await self._try(due.popleft())
            except (TransientError, MisconfiguredError) as error:  # the ledger's: nothing goes on without it
                self.broke = error
                due.clear()

    async def _try(self, row: Waiting) -> None:
        if len(row.data) > DATA_BYTES_MAX:
            await self._refuse(row, f"its data is larger than {DATA_BYTES_MAX} bytes")
            return
        try:
            await self.port.deliver([self.delivery(row)])
        except RefusedError as error:
            self._answered()
            await self._refused(row, error)
        except Throttled as error:
            self._rest(min(error.wait_seconds, ASKED_SECONDS_MAX))
            self._failed("", error)
        except MisconfiguredError as error:
            self._stop(error)
        except TransientError as error:
            self._failed(row.stream, error)
            if len(self.failing) >= STREAMS_FAILING_MAX:
                self._rest(0.0)
            await self._later(row, refused=False)
        else:
            self._answered()
            await self._arrived([row])

    async def _refused(self, row: Waiting, error: RefusedError) -> None:
        if row.refusals + 1 >= REFUSALS_MAX:
            await self._refuse(row, str(error))
        else:
            await self._later(row, refused=True)

    async def _refuse(self, row: Waiting, reason: str) -> None:
        context, now = self.context, self.context.clock.now()
        told = reason[:REASON_CHARACTERS_MAX]

        def unit(connection: Connection) -> bool:
            still = deliveries.refuse(connection, context.tenant, self.name, row, told, now)
            if still:
                alert = events.SINK_REFUSED
                context.alerts.note(connection, alert, context.tenant, self.place, now=now, events=1)
            return still

        if await self._run(unit):
            self._meter("refused")
            context.log.emit(
                events.SINK_REFUSED,
                sink=self.name,
                id=row.id,
                kind=row.kind,
                subject=row.subject,
                store=row.store,
                reason=told,
            )

    async def _later(self, row: Waiting, *, refused: bool) -> None:
        draw = self.context.chance.uniform(
            0.5, 1.0
        )  # half of it at least: a stream's tries shouldn't be spent in a second
        due = Instant(self.context.clock.now() + backoff.jittered_wait(RETRIES, row.tries + 1, draw))
        await self._run(
            lambda connection: deliveries.try_later(
                connection, self.context.tenant, self.name, row, due, refused=refused
            )
        )

    # Many at a time ----------------------------------------------------------------------------------------------------

    async def _batch(self) -> float:
        context, traits = self.context, self.port.traits
        look = partial(
            deliveries.batch, tenant=context.tenant, sink=self.name, most=traits.batch_events_max, bytes_max=BATCH_BYTES_MAX,
            before=Instant(context.clock.now() - traits.gather_us),
        )  # fmt: skip
        rows, oldest = await context.ledger.read(look)
        if not rows:
            gathering_us = 0 if oldest == NEVER else oldest + traits.gather_us - context.clock.now()
            return max(LOOK_SECONDS, min(seconds(gathering_us), GATHER_LOOK_SECONDS))
        try:
            await self.port.deliver([self.delivery(row) for row in rows])
        except (TransientError, RefusedError) as error:
            self._failed("", error)
            self._rest(0.0)
            return 0.0
        except MisconfiguredError as error:
            self._stop(error)
            return PRUNE_SECONDS
        self._answered()
        await self._arrived(rows)
        return 0.0

    # What both need ----------------------------------------------------------------------------------------------------

    def delivery(self, row: Waiting) -> Delivery:
        """The event as this sink gets it: with no more than its configuration allows now, whatever it was when it was put
        down."""
        one = self.subscription
        personal = msgspec.json.decode(row.personal, type=tuple[str, ...])
        data, left = core_event.select(msgspec.json.decode(row.data), one.fields, personal, all_personal=one.personal)
        erased = row.kind == core_event.ERASED
        persons = msgspec.json.decode(row.persons, type=tuple[str, ...]) if left or erased else ()
        return Delivery(
            self.context.tenant, row.id, row.seq, row.kind, row.store, row.stream, row.subject, row.at,
            row.data if erased else msgspec.json.encode(data), left, persons,
        )  # fmt: skip

    async def _arrived(self, rows: list[Waiting]) -> None:
        now = self.context.clock.now()
        await self._run(lambda connection: deliveries.arrived(connection, self.context.tenant, self.name, rows, now))
        self._meter("arrived", len(rows))

    async def _run(self, unit: Unit[T]) -> T:
        context = self.context

        def mine(connection: Connection) -> T:
            tenants.assert_epoch(connection, context.tenant, context.epoch)
            return unit(connection)

        return await context.ledger.run(mine)

    async def _prune(self) -> None:
        """Keep what waits within its bounds."""
        context, now = self.context, self.context.clock.now()
        before = Instant(max(LONG_AGO, now - self.options.keep_us))
        refused_before = Instant(max(LONG_AGO, now - KEEP_REFUSED_US))
        old = many = refused = 0
        for _ in range(PRUNE_TURNS_MAX):
            look = partial(
                deliveries.is_too_much, tenant=context.tenant, sink=self.name, before=before,
                keep_max=self.options.backlog_max, refused_before=refused_before,
            )  # fmt: skip
            if not await context.ledger.read(look):
                break
            dropped = await self._run(partial(self._drop, before=before, refused_before=refused_before, now=now))
            old, many, refused = old + dropped[0], many + dropped[1], refused + dropped[2]
        if old or many or refused:
            self._meter("dropped", old + many + refused)
            context.log.emit(
                events.SINK_DROPPED, sink=self.name, events=old + many + refused, too_old=old, too_many=many,
                refused_long_ago=refused, reason=self.trouble,
            )  # fmt: skip

    def _drop(
        self, connection: Connection, before: Instant, refused_before: Instant, now: Instant
    ) -> tuple[int, int, int]:
        context = self.context
        dropped = deliveries.drop(
            connection, context.tenant, self.name, before=before, keep_max=self.options.backlog_max,
            refused_before=refused_before, now=now,
        )  # fmt: skip
        if any(dropped):
            alert = events.SINK_DROPPED
            context.alerts.note(connection, alert, context.tenant, self.place, now=now, events=sum(dropped))
        return dropped

    def _failed(self, stream: str, error: SyncdError) -> None:
        self.failures += 1
        if self.failures == 1:
            self.failing_since = self.context.clock.monotonic()
        if len(self.failing) < STREAMS_FAILING_MAX:
            self.failing.add(stream)
        self.trouble = str(error)
        self._meter("failed")
        if self.failures >= FAILURES_TOLD and not self.told:
            self.told = True
            self.context.log.emit(events.SINK_UNREACHABLE, sink=self.name, reason=self.trouble, hint=error.hint)
            self._alert(events.SINK_UNREACHABLE)

    def _answered(self) -> None:
        if self.told:
            after = round(self.context.clock.monotonic() - self.failing_since, 1)
            self.context.log.emit(events.SINK_RECOVERED, sink=self.name, after_seconds=after)
            self._alert(events.SINK_RECOVERED)
        self.failures, self.told, self.trouble = 0, False, ""
        self.failing.clear()

    def _rest(self, asked_seconds: float) -> None:
        drawn_us = backoff.jittered_wait(REST, max(1, self.failures), self.context.chance.uniform(0.5, 1.0))
        self.rest_until = self.context.clock.monotonic() + max(asked_seconds, seconds(drawn_us))

    def _stop(self, error: MisconfiguredError) -> None:
        if not self.stopped:
            self.stopped, self.trouble = True, str(error)
            self.context.log.emit(events.SINK_STOPPED, sink=self.name, reason=str(error), hint=error.hint)
            self._alert(events.SINK_STOPPED)

    def _alert(self, event: Event) -> None:
        self.context.alerts.tell(event, self.context.tenant, self.place, now=self.context.clock.now())

    def _meter(self, outcome: str, times: int = 1) -> None:
        self.context.meters.of(self.context.tenant, self.place).delivery(outcome, times)
