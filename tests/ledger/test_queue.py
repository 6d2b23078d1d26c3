from __future__ import annotations

from functools import partial

import anyio

from syncd.ledger.hop import InlineHop
from syncd.ledger.lanes import BACKFILL_PATIENCE_GROUPS, GROUP_UNITS_MAX
from syncd.ledger.ledger import BACKFILL_UNITS_MAX, LIVE_UNITS_MAX, Lane
from tests.ledger.entries import add, on_disk, opened
from tests.ledger.stepped_hop import SteppedHop, settle


async def test_submitting_waits_while_the_lane_is_full(folder):
    hop = SteppedHop()
    ledger = opened(folder, hop)
    async with anyio.create_task_group() as tasks:
        for _ in range(LIVE_UNITS_MAX + 50):
            tasks.start_soon(ledger.run, add("k"))
        await settle()
        assert not ledger.has_room()
        assert ledger.has_room(Lane.BACKFILL)
        assert ledger.state().live_waiting == LIVE_UNITS_MAX - 1  # one is with the writer, 50 wait outside
        while hop.jobs:
            hop.step()
            await settle()
            assert ledger.state().live_waiting <= LIVE_UNITS_MAX
    assert ledger.has_room()
    assert on_disk(folder) == {"k": LIVE_UNITS_MAX + 50}


async def test_a_caller_cancelled_while_it_waits_for_room_leaves_the_room_to_others(folder):
    hop = SteppedHop()
    ledger = opened(folder, hop)
    async with anyio.create_task_group() as tasks:
        for _ in range(LIVE_UNITS_MAX):
            tasks.start_soon(ledger.run, add("k"))
        await settle()
        with anyio.move_on_after(0):
            await ledger.run(add("outside"))
        while hop.jobs:
            hop.step()
            await settle()
    assert on_disk(folder) == {"k": LIVE_UNITS_MAX}
    assert ledger._room[Lane.LIVE].value == LIVE_UNITS_MAX


async def test_live_units_go_before_backfill(folder):
    order = []
    hop = SteppedHop()
    ledger = opened(folder, hop)

    def note(name):
        return lambda connection: order.append(name)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ledger.run, note("first"))
        await settle()
        for n in range(3):
            tasks.start_soon(partial(ledger.run, note(f"backfill {n}"), lane=Lane.BACKFILL))
        await settle()
        for n in range(3):
            tasks.start_soon(ledger.run, note(f"live {n}"))
        await settle()
        hop.step()
        hop.step()
        assert order == ["first", "live 0", "live 1", "live 2", "backfill 0"]
        hop.drain()
    assert order[5:] == ["backfill 1", "backfill 2"]


async def test_backfill_never_starves_beside_endless_live_work(folder):
    hop = SteppedHop()
    ledger = opened(folder, hop, group_seconds=0.0)  # a group has time for one unit: the backfill at its end has none
    done: list = []
    given_up: list = []

    async def backfill():
        for n in range(3):
            await ledger.run(add("backfill"), lane=Lane.BACKFILL)
            done.append(n)

    async def live():
        while len(done) < 3 and not given_up:
            await ledger.run(add("live"))

    groups = 0
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(live)
        tasks.start_soon(backfill)
        await settle()
        while hop.jobs:
            hop.step()
            groups += 1
            await settle()
            if groups > 4 * (BACKFILL_PATIENCE_GROUPS + 2):
                given_up.append(groups)
    assert not given_up
    assert on_disk(folder)["backfill"] == 3


async def test_units_that_a_group_had_no_time_for_keep_their_order(folder):
    order: list = []
    ledger = opened(folder, InlineHop(), group_seconds=0.0)

    async def caller(n):
        await ledger.run(lambda _: order.append(n))

    async with anyio.create_task_group() as tasks:
        for n in range(6):
            tasks.start_soon(caller, n)
    assert order == list(range(6))


async def test_no_group_is_larger_than_its_bound(folder):
    hop = SteppedHop()
    ledger = opened(folder, hop)
    async with anyio.create_task_group() as tasks:
        for _ in range(BACKFILL_UNITS_MAX):
            tasks.start_soon(lambda: ledger.run(add("b"), lane=Lane.BACKFILL))
        for _ in range(LIVE_UNITS_MAX):
            tasks.start_soon(ledger.run, add("k"))
        await settle()
        before = 0
        while hop.jobs:
            hop.step()
            assert ledger.state().units - before <= GROUP_UNITS_MAX
            before = ledger.state().units
            await settle()


async def test_a_ping_writes_nothing(folder):
    ledger = opened(folder, InlineHop())
    await ledger.run(add("k"))
    wal_bytes = ledger.state().wal_bytes
    for _ in range(3):
        await ledger.ping()
    assert ledger.state().wal_bytes == wal_bytes
    assert ledger.state().units == 4
    assert ledger.state().last_commit_at is not None
    await ledger.close()
