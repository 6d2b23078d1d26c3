from __future__ import annotations

import asyncio

import anyio
import pytest

from syncd.errors import TransientError
from syncd.ledger.hop import InlineHop
from tests.ledger.entries import add, entries, on_disk, opened
from tests.ledger.stepped_hop import SteppedHop, settle


async def test_a_unit_cancelled_before_it_starts_is_dropped(folder):
    hop = SteppedHop()
    ledger = opened(folder, hop)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ledger.run, add("first"))
        await settle()
        with anyio.move_on_after(0) as waiting:
            await ledger.run(add("second"))
        assert waiting.cancelled_caught
        hop.drain()
    assert on_disk(folder) == {"first": 1}
    assert ledger.state().units == 1


async def test_a_unit_cancelled_after_its_start_is_committed_and_the_caller_is_cancelled_after_it(folder):
    hop = SteppedHop()
    ledger = opened(folder, hop)
    went_on = []

    async def step():
        await ledger.run(add("k"))
        went_on.append(True)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(step)
        await settle()
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            for _ in range(5):
                await anyio.lowlevel.checkpoint()
            assert on_disk(folder) == {}
            hop.work()
            hop.deliver()
    assert on_disk(folder) == {"k": 1}
    assert went_on == []


async def test_cancelled_between_commit_and_delivery_the_unit_stands(folder):
    hop = SteppedHop()
    ledger = opened(folder, hop)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ledger.run, add("k"))
        await settle()
        hop.work()
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await anyio.lowlevel.checkpoint()
            hop.deliver()
    assert on_disk(folder) == {"k": 1}


async def test_in_a_cancelled_scope_no_unit_starts(folder):
    hop = SteppedHop()
    ledger = opened(folder, hop)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await ledger.run(add("k"))
    assert not hop.jobs


async def test_a_cancelled_unit_that_the_writer_hands_back_is_dropped(folder):
    hop = SteppedHop()
    ledger = opened(folder, hop, group_seconds=0.0)  # one unit for each group
    async with anyio.create_task_group() as others:
        others.start_soon(ledger.run, add("a"))
        await settle()
        others.start_soon(ledger.run, add("b"))
        await settle()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ledger.run, add("c"))
            await settle()
            hop.step()
            tasks.cancel_scope.cancel()  # now "b" and "c" are with the writer
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
                hop.step()
        left = len(hop.jobs)
        hop.drain()
    assert left == 0
    assert on_disk(folder) == {"a": 1, "b": 1}


async def test_cancelled_again_and_again_the_real_thread_commits_or_drops_each_unit(folder):
    ledger = opened(folder)
    heard = {}

    async def caller(name):
        for _ in range(20):
            with anyio.move_on_after(0.0005):
                while True:
                    heard[name] = await ledger.run(add(name))

    async with anyio.create_task_group() as tasks:
        for n in range(5):
            tasks.start_soon(caller, f"k{n}")
    await ledger.ping()
    there = await ledger.read(entries)
    assert all(there[name] >= value for name, value in heard.items())
    assert ledger.state().units == sum(there.values()) + 1
    await ledger.close()


async def test_a_native_cancellation_is_not_swallowed(folder):
    hop = SteppedHop()
    ledger = opened(folder, hop)
    asyncio.get_running_loop().call_later(0.01, hop.drain)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ledger.run(add("k")), 0.001)
    assert on_disk(folder) == {"k": 1}


async def test_close_commits_what_waits_and_refuses_what_comes_later(folder):
    ledger = opened(folder, InlineHop())
    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(ledger.run, add("k"))
        await anyio.lowlevel.checkpoint()
        await ledger.close()
        await ledger.close()
        with pytest.raises(TransientError, match="closed"):
            await ledger.run(add("late"))
        with pytest.raises(TransientError, match="closed"):
            await ledger.read(entries)
    assert on_disk(folder) == {"k": 10}
    again = opened(folder, InlineHop())
    assert await again.run(add("k")) == 11
    await again.close()
