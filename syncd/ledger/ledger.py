"""The ledger as the rest of syncd sees it: `await ledger.run(unit)` returns when the unit is on disk.

The queue and the groups live on the event loop; the transactions live behind a hop (`hop.py`), one group at a time.
While a group commits, the units that arrive meanwhile become the next one: that is the group commit, without a timer.

**Cancellation.** A unit whose caller is cancelled is dropped if it has not started, and committed if it has: the caller
then waits for it inside a shielded scope (never `asyncio.shield`, which livelocks under anyio's retried cancellation)
and is cancelled after it. Either way it does not see the result, so a cancelled step counts as a crash: no copy of
ledger state in memory outlives it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

import anyio
import anyio.lowlevel
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from syncd.core.quantity import Instant
from syncd.errors import MisconfiguredError, TransientError
from syncd.ledger import migrate, seen
from syncd.ledger.connection import Opener, ledger_path, open_sqlite, read_engine, write_engine
from syncd.ledger.faults import Fatal, end_process, explain, is_unwritable
from syncd.ledger.hop import Delivery, Hop, ThreadHop
from syncd.ledger.lanes import Lane, Lanes, Ticket
from syncd.ledger.lock import ProcessLock
from syncd.ledger.reader import Query, Reader
from syncd.ledger.writer import GROUP_SECONDS, Done, Unit, Writer, Written
from syncd.observability.meters import COMMIT_SECONDS, Histogram
from syncd.ports.clock import Clock

__all__ = ["Failure", "Lane", "Ledger", "LedgerState", "Unit", "open_ledger"]

T = TypeVar("T")

LIVE_UNITS_MAX = 256  # waiting or being written: some seconds of work, and four full groups
BACKFILL_UNITS_MAX = 16  # each holds up to 100 orders in memory
READS_WAITING_MAX = 32  # people and scrapers; more than this wait in vain
RESTORING = "restore-unfinished"  # lies in the state directory while a backup is put back
READ_LIMIT_SECONDS = 5.0  # a page of the status page or a scrape; a longer snapshot would let the WAL grow


@dataclass(frozen=True, slots=True)
class Failure:
    """A group that the disk or a lock has kept from being written. `at`: seconds of the monotonic clock."""

    error: Exception
    at: float


@dataclass(frozen=True, slots=True)
class LedgerState:
    """What the ledger is doing, for health, metrics and the watchdog."""

    live_waiting: int
    backfill_waiting: int
    groups: int
    commits: int
    units: int
    units_failed: int
    last_commit_at: Instant | None
    last_commit_seconds: float
    wal_bytes: int
    last_failure: Failure | None


class Ledger:
    """The one way to the durable book. Made by `open_ledger`; used from one event loop."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        writer: Writer,
        reader: Reader,
        write_hop: Hop,
        read_hop: Hop,
        seen: Instant,
        lock: ProcessLock | None = None,
        migrated_from: str = "",
    ) -> None:
        """`seen`: how far time had come in earlier lives (`seen.py`); the clock should not be before that. `migrated_from`: the
        revision of the schema that was found, "" if it was this version's, or the ledger is new."""
        self.seen = seen
        self.migrated_from = migrated_from
        self._path = path
        self._clock = clock
        self._writer = writer
        self._reader = reader
        self._write_hop = write_hop
        self._read_hop = read_hop
        self._lock = lock
        self._lanes = Lanes()
        self._room = {
            Lane.LIVE: anyio.Semaphore(LIVE_UNITS_MAX, fast_acquire=True),
            Lane.BACKFILL: anyio.Semaphore(BACKFILL_UNITS_MAX, fast_acquire=True),
        }
        self._reading = anyio.Semaphore(1, fast_acquire=True)
        self._reads_waiting = 0
        self._writing = False
        self._idle = anyio.Event()
        self._closing = False
        self._closed = anyio.Event()
        self._groups = self._commits = self._units = self._units_failed = 0
        self._last_commit_at: Instant | None = None
        self._last_commit_seconds = 0.0
        self.commit_times = Histogram(COMMIT_SECONDS)  # of each group, its units and its sync
        self._last_failure: Failure | None = None

    async def run(self, unit: Unit[T], *, lane: Lane = Lane.LIVE) -> T:
        """Run `unit` in a transaction; return its value when it is on disk. It may run twice (see `writer.py`).

        Waits while the lane is full. Raises what the unit raises (then nothing of it is in the ledger), TransientError
        when the disk is full, the ledger is locked or closed, and BugError when the unit ends its own transaction.
        Cancelled before the unit starts, it is dropped; after, it is committed, and the cancellation follows.
        """
        async with self._room[lane]:
            await anyio.lowlevel.checkpoint_if_cancelled()
            self._check_open()
            ticket = Ticket(unit, lane)
            self._lanes.add(ticket)
            self._pump()
            try:
                await ticket.done.wait()
            except BaseException:
                if not self._lanes.drop(ticket):
                    ticket.abandoned = True
                    with anyio.CancelScope(shield=True):
                        await ticket.done.wait()
                raise
        await anyio.lowlevel.checkpoint()
        return cast("T", ticket.result())

    async def read(self, query: Unit[T], *, limit_seconds: float = READ_LIMIT_SECONDS) -> T:
        """Run `query` on the read-only connection, in one snapshot, beside the writer.

        Fetch the rows inside it. Raises TransientError when it takes longer than `limit_seconds` or too many wait.
        """
        if self._reads_waiting >= READS_WAITING_MAX:
            raise TransientError("too many queries wait for the ledger", operation="ledger", hint="ask again later")
        self._reads_waiting += 1
        try:
            async with self._reading:
                self._check_open()
                asked = Query(query, limit_seconds)
                outcome = await self._hop(self._read_hop, partial(self._reader.read, asked), give_up=asked.abandon)
        finally:
            self._reads_waiting -= 1
        if isinstance(outcome, Done):
            return cast("T", outcome.value)
        raise outcome.error

    async def ping(self) -> None:
        """Return when the writer has answered an empty unit: it turns. Writes nothing."""
        await self.run(_nothing)

    async def try_writing(self) -> None:
        """Write something small and true (the time). Raises TransientError as `run` does where nothing can be written."""
        await self.run(partial(seen.note, now=self._clock.now()))

    async def tidy(self, *, compact: bool = False) -> bool:
        """Leave nothing of what was deleted or overwritten in the ledger's files; with `compact` by writing them anew, which
        takes as much room again and holds up every unit meanwhile. Returns False where a reader was in the way: do it again.
        """
        self._check_open()
        outcome = await self._hop(self._write_hop, partial(self._writer.tidy, compact=compact))
        if isinstance(outcome, Done):
            return bool(outcome.value)
        raise outcome.error

    def has_room(self, lane: Lane = Lane.LIVE) -> bool:
        """Whether `run` would be queued at once; the inbox answers 503 where it would not."""
        return not self._closing and self._room[lane].value > 0

    def state(self) -> LedgerState:
        """A look at the queue and the last commit. Costs one `stat`."""
        wal = self._path.with_name(self._path.name + "-wal")
        return LedgerState(
            live_waiting=self._lanes.waiting(Lane.LIVE),
            backfill_waiting=self._lanes.waiting(Lane.BACKFILL),
            groups=self._groups,
            commits=self._commits,
            units=self._units,
            units_failed=self._units_failed,
            last_commit_at=self._last_commit_at,
            last_commit_seconds=self._last_commit_seconds,
            wal_bytes=wal.stat().st_size if wal.exists() else 0,
            last_failure=self._last_failure,
        )

    async def close(self) -> None:
        """Commit what is queued, take nothing more, close the file and let go of the lock. A second call waits for the first."""
        if self._closing:
            await self._closed.wait()
            return
        self._closing = True
        with anyio.CancelScope(shield=True):
            while self._writing or self._lanes:
                self._idle = anyio.Event()
                await self._idle.wait()
            async with self._reading:
                await self._hop(self._read_hop, self._reader.close)
            await self._hop(self._write_hop, self._writer.close)  # the last: it writes the WAL back
        self._read_hop.close()
        self._write_hop.close()
        if self._lock is not None:
            self._lock.release()
        self._closed.set()

    def _check_open(self) -> None:
        if self._closing:
            raise TransientError("the ledger is closed", operation="ledger", hint="syncd is stopping")

    def _pump(self) -> None:
        """Hand the next group to the writer, unless it has one."""
        if self._writing or not self._lanes:
            if not self._writing:
                self._idle.set()
            return
        self._writing = True
        group = self._lanes.take()
        self._write_hop.submit(partial(self._write, group, [ticket.unit for ticket in group]))

    def _write(self, group: Sequence[Ticket], units: Sequence[Unit[object]]) -> Delivery:
        """On the writer's side: nothing here touches what belongs to the loop."""
        return partial(self._deliver, group, self._writer.write(units))

    def _deliver(self, group: Sequence[Ticket], written: Written) -> None:
        """On the loop: tell who waits, and hand over the next group."""
        for ticket, outcome in zip(group, written.outcomes, strict=False):
            ticket.settle(outcome)
            if isinstance(outcome, Done):
                continue
            self._units_failed += 1
            if is_unwritable(outcome.error):
                self._last_failure = Failure(outcome.error, self._clock.monotonic())
        self._lanes.took(group, len(written.outcomes))
        self._groups += 1
        self._commits += written.commits
        self._units += len(written.outcomes)
        if written.commits:
            self._last_commit_at = self._clock.now()
            self._last_commit_seconds = written.seconds
            self.commit_times.observe(written.seconds)
        self._writing = False
        self._pump()

    async def _hop(self, hop: Hop, work: Callable[[], T], *, give_up: Callable[[], None] | None = None) -> T:
        """Run `work` behind `hop` and wait for its end, cancelled or not; a cancellation tells it to `give_up` first."""
        done = anyio.Event()
        results: list[T] = []

        def delivered(result: T) -> None:
            results.append(result)
            done.set()

        hop.submit(lambda: partial(delivered, work()))
        try:
            await done.wait()
        except BaseException:
            if give_up is not None:
                give_up()
            with anyio.CancelScope(shield=True):
                await done.wait()
            raise
        return results[0]


def open_ledger(
    folder: Path,
    *,
    clock: Clock,
    hop: Hop | None = None,
    fatal: Fatal = end_process,
    lock: ProcessLock | None = None,
    opener: Opener = open_sqlite,
    group_seconds: float = GROUP_SECONDS,
    migrating: Callable[[], None] = lambda: None,
) -> Ledger:
    """Open the ledger in the state directory `folder`, made or migrated where needed. Synchronous; before or inside a loop.

    Takes the directory's lock and releases it on close, unless the caller hands over one that it has (`lock`, released
    on close as well). Without a `hop`, one thread writes and one reads; with one, both go through it.
    `migrating` is called when a migration begins, and now and then while it makes progress.
    Raises MisconfiguredError when another process runs on `folder`, a newer syncd has written there, or a restore of it was
    interrupted; TransientError when the disk is full or fails.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = ledger_path(folder)
    held = lock if lock is not None else ProcessLock.acquire(folder)
    try:
        if (folder / RESTORING).exists():  # an empty ledger would begin anew beside an ERP that has counted
            raise MisconfiguredError(
                f"a restore in {folder} was interrupted", operation="ledger", hint="run the same `syncd restore` again"
            )
        engine = write_engine(path, opener=opener)
        seen_until, migrated_from = _prepare(engine, migrating)
        return Ledger(
            path,
            clock=clock,
            writer=Writer(engine, clock=clock, fatal=fatal, group_seconds=group_seconds),
            reader=Reader(read_engine(path, opener=opener), clock=clock),
            write_hop=hop if hop is not None else ThreadHop("ledger-writer", fatal=fatal),
            read_hop=hop if hop is not None else ThreadHop("ledger-reader", fatal=fatal),
            lock=held,
            seen=seen_until,
            migrated_from=migrated_from,
        )
    except BaseException:
        if lock is None:
            held.release()
        raise


def _prepare(engine: Engine, migrating: Callable[[], None]) -> tuple[Instant, str]:
    """Bring the schema to this version. Returns how far time had come, and the revision that it was migrated from ("": none)."""
    try:
        found = migrate.current(engine)
        migrated = migrate.upgrade(engine, progress=migrating)
        with engine.connect() as connection:
            return seen.seen(connection), (found or "") if migrated else ""
    except DBAPIError as error:
        raise explain(error) from error


def _nothing(_connection: Connection) -> None:
    """The empty unit."""
