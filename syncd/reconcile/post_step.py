"""The ERP poster: brings moves to the ERP exactly once, whatever happens to requests and answers.

A move is on disk as sent before it leaves. After an unclear outcome the ERP is asked by key; "absent" proves nothing
before the request is surely dead, then the very same key is sent again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from sqlalchemy import Connection

from syncd.core.moves import CONFIRMED, INTENDED, REFUSED, VOID
from syncd.core.quantity import Instant, Quantity, microseconds, seconds, show
from syncd.errors import MisconfiguredError, OutcomeUnknown, RefusedError, TransientError
from syncd.ledger import flow, items, moves, orders, quarantine, restored, tenants
from syncd.ledger.moves import DueMove
from syncd.observability import events
from syncd.ports.erp import ErpMove, PostOutcome, PostResult
from syncd.reconcile.context import TenantContext
from syncd.reconcile.forgotten import follow, leap, part_of
from syncd.reconcile.replan import replan

RETRY_SECONDS = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)  # after failures in a row; the last one stays
SENDING_SECONDS = 120.0  # a request waits for its turn and for its answer no longer than this
IDLE_SECONDS = 3_600.0  # whatever plans a move rings the bell


@dataclass(slots=True)
class PostStep:
    """One tenant's poster."""

    context: TenantContext
    failures: int = 0

    async def run(self) -> float:
        """Settle doubts, then post what waits. Returns the seconds until it is due again (the bell may ring before)."""
        context = self.context
        if not context.is_live:
            return IDLE_SECONDS
        due: Instant | None = None
        try:
            while not context.is_paused:
                now = context.clock.now()
                doubts, due = await context.ledger.read(partial(self._look, now=now))
                if doubts:
                    await self._ask(doubts, now)
                elif due is None or not await self._post():
                    break
                self.failures = 0
        except TransientError as error:
            self.failures += 1
            if self.failures == 1:
                context.log.emit(events.ERP_UNREACHABLE, reason=str(error))
            return RETRY_SECONDS[min(self.failures, len(RETRY_SECONDS)) - 1]
        if self.failures and not context.is_paused:
            context.log.emit(events.ERP_RECOVERED)
            self.failures = 0
        if context.is_paused:
            return IDLE_SECONDS  # whoever resumes rings the bell
        return IDLE_SECONDS if due is None else max(0.2, seconds(due - context.clock.now()))

    def _look(self, connection: Connection, now: Instant) -> tuple[list[DueMove], Instant | None]:
        """Moves whose end is to be asked for, and when the next waiting one may be worked on (None if none waits)."""
        tenant = self.context.tenant
        due = moves.next_move_due(connection, tenant)
        if due is None or due > now:
            return [], due
        return moves.moves_in_doubt(connection, tenant, now, self.context.erp.traits.batch_max), due

    # -- doubts

    async def _ask(self, due: Sequence[DueMove], now: Instant) -> None:
        """Ask for moves whose end is unknown."""
        context = self.context
        batch_max = context.erp.traits.batch_max
        behind = await context.ledger.read(lambda connection: restored.keys_behind(connection, context.tenant, due))
        keys = list(dict.fromkeys([*(entry.key for entry in due), *(key for more in behind.values() for key in more)]))
        found: dict[str, ErpMove] = {}
        for start in range(0, len(keys), batch_max):
            found |= await context.erp.find(keys[start : start + batch_max])
        later = {
            own: min(n for key, n in more.items() if key in found)
            for own, more in behind.items()
            if more.keys() & found.keys()
        }
        late_us = context.erp.traits.late_us
        await self._record(due, [_asked(entry, found.get(entry.key), now, late_us, later) for entry in due], later)

    # -- posting

    async def _post(self) -> bool:
        """Send the next batch. Returns whether there was one."""
        context = self.context
        now = context.clock.now()
        dead_at = Instant(now + microseconds(SENDING_SECONDS) + context.erp.traits.late_us)

        def claim(connection: Connection) -> list[DueMove]:
            tenants.assert_epoch(connection, context.tenant, context.epoch)
            due = moves.moves_to_post(connection, context.tenant, now, context.erp.traits.batch_max)
            moves.mark_sent(connection, context.tenant, due, now, dead_at)
            return due

        due = await context.ledger.run(claim)
        if not due:
            return False
        out = [
            ErpMove(entry.key, entry.sku, entry.location, entry.change, f"{entry.store}/{entry.order}/{entry.line}")
            for entry in due
        ]
        try:
            outcomes = await context.erp.post(out)
        except OutcomeUnknown as error:
            await self._doubt(due, str(error))
            raise
        except (TransientError, MisconfiguredError) as error:
            await self._not_sent(due, str(error))
            raise
        except RefusedError as error:  # the batch as a whole: one by one, so that one move can't hold the others
            if len(due) > 1:
                await self._one_by_one(due, out)
                return True
            outcomes = (PostOutcome(due[0].key, PostResult.REFUSED, str(error)),)
        await self._record(due, list(outcomes))
        return True

    async def _one_by_one(self, due: Sequence[DueMove], out: Sequence[ErpMove]) -> None:
        for index, (entry, move) in enumerate(zip(due, out, strict=True)):
            try:
                outcomes = await self.context.erp.post([move])
            except RefusedError as error:
                outcomes = (PostOutcome(entry.key, PostResult.REFUSED, str(error)),)
            except OutcomeUnknown as error:
                await self._doubt([entry], str(error))
                await self._not_sent(due[index + 1 :], "an earlier move of the batch is in doubt")
                raise
            except (TransientError, MisconfiguredError) as error:
                await self._not_sent(due[index:], str(error))
                raise
            await self._record([entry], list(outcomes))

    async def _doubt(self, due: Sequence[DueMove], reason: str) -> None:
        """Nobody knows: ask soon, and send again only when the request is surely dead."""
        context = self.context
        now = context.clock.now()
        dead_at = (
            now + context.erp.traits.late_us
        )  # it may have waited for its turn before it left, but it left before now

        def unit(connection: Connection) -> None:
            for entry in due:
                moves.set_move(
                    connection, context.tenant, entry, doubt=1, retry_at=now, dead_at=dead_at, reason=reason[:500]
                )

        await context.ledger.run(unit)
        for entry in due:
            context.meters.of(context.tenant, entry.store).move("in_doubt")
            context.log.emit(events.MOVE_DOUBT, store=entry.store, order=entry.order, effect=entry.key, reason=reason)

    async def _not_sent(self, due: Sequence[DueMove], reason: str) -> None:
        """Surely nothing was written: the moves are as they were."""
        context = self.context

        def unit(connection: Connection) -> None:
            for entry in due:
                moves.set_move(connection, context.tenant, entry, state=INTENDED, retry_at=0, reason=reason[:500])

        await context.ledger.run(unit)

    # -- outcomes

    async def _record(
        self,
        due: Sequence[DueMove],
        outcomes: Sequence[PostOutcome | Instant],
        later: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """What the ERP said, in one transaction. An Instant means: absent, but maybe not dead before then. `later`: the number
        under which the ERP holds a further move of the same line that the ledger doesn't know (`restored.py`)."""
        context = self.context
        now = context.clock.now()

        def unit(connection: Connection) -> Counter[str]:
            tenants.assert_epoch(connection, context.tenant, context.epoch)
            held: Counter[str] = Counter()  # by store
            counted: Counter[str] = Counter()
            for entry, outcome in zip(due, outcomes, strict=True):
                goes_on = leap(connection, context.tenant, entry, later.get(entry.key))
                held[entry.store] += _settle(connection, context.tenant, entry, outcome, now, context.epoch)
                counted[entry.store] += isinstance(outcome, PostOutcome) and outcome.result is not PostResult.REFUSED
                if goes_on:
                    follow(connection, context.tenant, entry, later[entry.key], now=now, epoch=context.epoch)
            for store, entries in held.items():
                if entries:
                    context.alerts.note(
                        connection, events.QUARANTINE_GREW, context.tenant, store, now=now, entries=entries
                    )
            flow.count(connection, context.tenant, flow.MOVES, now, counted)
            return held

        held = await context.ledger.run(unit)
        for entry, outcome in zip(due, outcomes, strict=True):
            if isinstance(outcome, PostOutcome):
                change = outcome.found.change if outcome.found and not entry.change else entry.change
                refused = outcome.result is PostResult.REFUSED
                context.meters.of(context.tenant, entry.store).move("refused" if refused else "confirmed")
                event = events.MOVE_REFUSED if refused else events.MOVE_CONFIRMED
                context.log.emit(
                    event, store=entry.store, order=entry.order, line=entry.line, sku=entry.sku, effect=entry.key,
                    change=show(change), **({"reason": outcome.reason} if outcome.reason else {}),
                )  # fmt: skip
        for store, entries in held.items():
            if entries:
                context.log.emit(events.QUARANTINE_GREW, store=store, entries=entries)
        context.watcher_bell.ring()
        context.publish()


def _asked(
    entry: DueMove, found: ErpMove | None, now: Instant, late_us: int, later: Mapping[str, int]
) -> PostOutcome | Instant:
    """What asking by key proves."""
    if found is None:
        if entry.key in later:  # a later one was sent only after this one had its end: it never counted
            return Instant(0)
        dead_at = Instant(entry.dead_at + (0 if entry.attempts else late_us))
        return dead_at if now < dead_at else Instant(0)
    if (found.sku, found.location, found.change) != (entry.sku, entry.location, entry.change):
        return PostOutcome(entry.key, PostResult.DIFFERENT, "the key holds other content", found=found)
    return PostOutcome(entry.key, PostResult.CONFIRMED)


def _settle(
    connection: Connection, tenant: str, entry: DueMove, outcome: PostOutcome | Instant, now: Instant, epoch: int
) -> bool:
    """One move's end, or its next step. Returns whether it waits for a person now."""
    if not isinstance(outcome, PostOutcome):
        if outcome:  # absent so far: it may still arrive
            retry = min(outcome, Instant(now + microseconds(5.0)))
            moves.set_move(connection, tenant, entry, retry_at=retry, doubt=1)
        elif entry.change == 0:  # a question alone
            moves.set_move(connection, tenant, entry, state=VOID, doubt=0)
        else:  # absent, and its request is dead: the very same key is sent again
            moves.set_move(connection, tenant, entry, state=INTENDED, retry_at=0, doubt=0)
        return False
    where = (tenant, entry.store, entry.order, entry.line, entry.part)
    if outcome.result is PostResult.REFUSED:
        return _refuse(connection, tenant, entry, outcome.reason, now)
    counted = entry.change
    values: dict[str, object] = {"state": CONFIRMED, "confirmed_at": now, "doubt": 0, "erp_ref": outcome.erp_ref}
    if outcome.result is PostResult.DIFFERENT and outcome.found is not None:
        # The ERP's content is what counts under this key; the rest goes out under the next free one.
        part = part_of(connection, tenant, entry, outcome.found)
        counted = Quantity(0) if part is None else outcome.found.change
        if part is not None and part != entry.part:
            where = (tenant, entry.store, entry.order, entry.line, part)
            values |= {"part": part, "sku": outcome.found.sku, "location": outcome.found.location}
        values |= {"change": counted, "reason": f"the ERP holds {show(outcome.found.change)} of {outcome.found.sku}"}
    moves.set_move(connection, tenant, entry, **values)
    orders.confirm_units(connection, *where, Quantity(-counted))
    items.make_due(connection, tenant, [entry.sku], now)
    if counted != entry.change or where[-1] != entry.part:
        replan(connection, tenant, entry.store, entry.order, now=now, epoch=epoch)
    return False


def _refuse(connection: Connection, tenant: str, entry: DueMove, reason: str, now: Instant) -> bool:
    """The ERP won't count a move: its account waits for a person, unless nothing is left to tell by now.

    What was planned behind it goes too: a cancellation must not give back what was never counted. Returns whether it waits.
    """
    moves.set_move(connection, tenant, entry, state=REFUSED, doubt=0, reason=reason)
    for later in moves.live_moves(connection, tenant, entry.store, [entry.order]).get(entry.order, []):
        if (later.line, later.part, later.state) == (entry.line, entry.part, INTENDED):
            moves.void_move(
                connection, tenant, entry.store, entry.order, later.line, later.n, "the move before it was refused"
            )
    items.make_due(connection, tenant, [entry.sku], now)
    accounts = orders.read_accounts(connection, tenant, entry.store, [entry.order]).get(entry.order, [])
    if not any((a.line, a.part) == (entry.line, entry.part) and a.commitment != a.confirmed for a in accounts):
        return False
    orders.set_account_state(connection, tenant, entry.store, entry.order, entry.line, entry.part, state="quarantined")
    number = quarantine.hold(
        connection, tenant, entry.store, entry.order, entry.line,
        reason=f"the ERP refused {show(entry.change)} of {entry.sku}: {reason}",
        hint="mend it in the ERP, then release --count; or --already-counted if it was booked by hand",
        raw=b"", now=now,
    )  # fmt: skip
    return number is not None
