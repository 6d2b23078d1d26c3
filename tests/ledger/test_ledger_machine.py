"""The ledger against a dictionary, with crashes: whatever is interleaved, the book holds what was committed, and only that."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from syncd.errors import SyncdError
from syncd.ledger.ledger import Lane, Ledger
from syncd.ledger.lock import LOCK_FILE
from tests.ledger.entries import Stopped, add, bad, claim, entries, on_disk, opened, prepare
from tests.ledger.stepped_hop import SteppedHop, settle

KEYS = st.sampled_from("abcd")
KINDS = st.sampled_from(["add", "add", "add", "claim", "bad", "rolls back", "commits", "swallows"])
LANES = st.sampled_from(Lane)
UNITS = st.lists(st.tuples(KINDS, KEYS, LANES), min_size=1, max_size=12)


def rolls_back(key):
    def unit(connection):
        add(key)(connection)
        connection.rollback()

    return unit


def commits(key):
    def unit(connection):
        add(key)(connection)
        connection.commit()

    return unit


def swallows(key):
    """Lose the transaction to an error, say nothing of it, and write on."""

    def unit(connection):
        add(key)(connection)
        try:
            connection.exec_driver_sql("INSERT OR ROLLBACK INTO entry SELECT key, 0 FROM entry")
        except sa.exc.IntegrityError:
            add(key)(connection)

    return unit


SHARED_MEMORY = Path("/dev/shm")  # a sync costs nothing there, and no power is cut here
PLACE = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
TEMPLATE = tempfile.TemporaryDirectory(dir=PLACE)  # migrated once: each example starts from a copy
prepare(Path(TEMPLATE.name))

MAKERS: dict[str, Callable] = {
    "add": add,
    "claim": claim,
    "bad": bad,
    "rolls back": rolls_back,
    "commits": commits,
    "swallows": swallows,
}
FAILS = {"bad", "rolls back", "commits", "swallows"}


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.place = Path(tempfile.mkdtemp(dir=PLACE))
        self.loop = asyncio.new_event_loop()
        self.incarnation = 0
        self.folder = shutil.copytree(TEMPLATE.name, self.place / "0")
        self.left_open = []
        self.model: dict[str, int] = {}
        self.open()

    def open(self):
        self.hop = SteppedHop()
        self.ledger: Ledger = opened(self.folder, self.hop)

    def teardown(self):
        self.left_open.append(self.ledger)
        for ledger in self.left_open:
            ledger._reader.close()
            ledger._writer.close()
            ledger._lock.release()
        self.loop.close()
        shutil.rmtree(self.place)

    @asynccontextmanager
    async def callers(self, units):
        """A task for each unit; their outcomes come into the list. At the end whatever waits is carried out."""
        outcomes: list = []

        async def one(kind, key, lane):
            try:
                await self.ledger.run(MAKERS[kind](key), lane=lane)
            except (SyncdError, sa.exc.IntegrityError, Stopped) as error:
                outcomes.append((kind, key, error))
            else:
                outcomes.append((kind, key, None))

        async with anyio.create_task_group() as tasks:
            for unit in units:
                tasks.start_soon(one, *unit)
            await settle()
            try:
                yield tasks, outcomes
            finally:  # also after a failed assertion: the callers wait inside a shield
                with anyio.CancelScope(shield=True):
                    await settle()
                    await self.steps(1_000)

    async def steps(self, count):
        """Let the writer write and deliver `count` groups, as far as there are any."""
        for _ in range(count):
            if self.hop.deliveries:
                self.hop.deliver()
            elif self.hop.jobs:
                self.hop.step()
            else:
                break
            await settle()

    def count(self, outcomes):
        for kind, key, error in outcomes:
            if kind in FAILS:
                assert error is not None
            elif kind == "add":
                assert error is None
                self.model[key] = self.model.get(key, 0) + 1
            elif error is None:  # a claim sets nothing where there was nothing
                self.model.setdefault(key, 0)

    @rule(units=UNITS)
    def run(self, units):
        async def story():
            async with self.callers(units) as (_, outcomes):
                pass
            return outcomes

        outcomes = self.loop.run_until_complete(story())
        assert len(outcomes) == len(units)
        self.count(outcomes)

    @rule(units=UNITS, groups=st.integers(0, 3), work=st.booleans())
    def cancel(self, units, groups, work):
        """All callers are cancelled at some point: what had started is committed, the rest dropped."""

        async def story():
            async with self.callers(units) as (tasks, _):
                await self.steps(groups)
                if self.hop.jobs and work:
                    self.hop.work()
                tasks.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    await settle()
                assert self.ledger.state().live_waiting == self.ledger.state().backfill_waiting == 0

        self.loop.run_until_complete(story())
        self.believe(units)

    @rule(units=UNITS, groups=st.integers(0, 3), work=st.booleans())
    def crash(self, units, groups, work):
        """The host dies before a transaction, or between a COMMIT and its delivery; the next one starts from the disk."""

        async def story():
            async with self.callers(units) as (_, outcomes):
                await self.steps(groups)
                if self.hop.jobs and work:
                    self.hop.work()
                self.copy()  # what the old host does after this, nobody looks at any more
                return list(outcomes)

        acknowledged = self.loop.run_until_complete(story())
        self.left_open.append(self.ledger)
        self.open()
        known = dict(self.model)
        self.count(acknowledged)
        there = on_disk(self.folder)
        assert all(there.get(key, -1) >= value for key, value in self.model.items()), "an acknowledged unit is lost"
        self.model = known
        self.believe(units)

    def copy(self):
        """An abandoned connection keeps its locks inside this process: the next incarnation works on a copy."""
        self.incarnation += 1
        old, self.folder = self.folder, self.place / str(self.incarnation)
        shutil.copytree(old, self.folder, ignore=shutil.ignore_patterns("*-shm", LOCK_FILE))

    def believe(self, units):
        """Nobody was told what became of `units`: any of them may be there, each whole and at most once."""
        there = on_disk(self.folder)
        for key in {*there, *self.model}:
            adds = sum(kind == "add" and name == key for kind, name, _ in units)
            claims = any(kind == "claim" and name == key for kind, name, _ in units)
            least, most = self.model.get(key, 0), self.model.get(key, 0) + adds
            assert key in there, "what was committed has vanished"
            assert least <= there[key] <= most
            assert key in self.model or adds or claims, "a unit that failed has left something"
        self.model = there

    @rule()
    def reopen(self):
        async def story():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self.ledger.close)
                await settle()
                await self.steps(1_000)

        self.loop.run_until_complete(story())
        assert self.hop.closed
        assert self.ledger.state().wal_bytes == 0, "the last to close writes the WAL back"
        self.open()

    @invariant()
    def the_book_is_the_model(self):
        async def story():
            answers = []

            async def ask():
                answers.append(await self.ledger.read(entries))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask)
                await settle()
                await self.steps(1)
            return answers

        assert self.loop.run_until_complete(story()) == [self.model]
        assert self.ledger._writer._broken is None


LedgerMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=12)
TestLedgerMachine = LedgerMachine.TestCase
