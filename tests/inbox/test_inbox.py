"""The inbox: nobody is told "taken" for what isn't on disk, and a full backlog is no end."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import count

import anyio
import anyio.lowlevel
import pytest

from syncd.core.signal import Kind, Signal
from syncd.inbox import inbox as inbox_module
from syncd.inbox.inbox import Full, Inbox, Place, Queue


def nothing(_kind: Kind) -> None:
    """Nobody is woken."""


def orders(*names: str) -> list[Signal]:
    return [Signal(Kind.ORDER, name) for name in names]


@pytest.mark.parametrize("ends", ["stopped", "broken"])
async def test_whoever_waits_while_the_writing_ends_is_not_told_that_it_was_noted(ends: str) -> None:
    begun = anyio.Event()
    told: list[str] = []

    async def note(_places: Sequence[Place], _queues: Collection[Queue]) -> dict[Queue, int]:
        begun.set()
        if ends == "broken":
            raise RuntimeError("a bug in the ledger")
        await anyio.sleep_forever()
        return {}

    inbox = Inbox(note)

    async def call() -> None:
        try:
            await inbox.take("acme", "us", orders("1"), nothing)
        except Full:
            told.append("later")
        else:
            told.append("taken")

    async def write() -> None:
        try:
            with anyio.CancelScope() as writing:
                async with anyio.create_task_group() as stopper:
                    stopper.start_soon(inbox.run)
                    await begun.wait()
                    await anyio.lowlevel.checkpoint()
                    writing.cancel()
        except* RuntimeError:
            pass

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(call)
            group.start_soon(write)
    assert told == ["later"]


async def test_once_the_backlog_was_read_calls_are_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "BACKLOG_MAX", 3)
    waiting = {"1", "2", "3"}
    looks = count()

    async def note(places: Sequence[Place], queues: Collection[Queue]) -> dict[Queue, int]:
        next(looks)
        waiting.update(name for *_, name in places)
        return {queue: len(waiting) for queue in queues}

    inbox = Inbox(note)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(inbox.run)
            await inbox.take("acme", "us", orders("1"), nothing)
            with pytest.raises(Full):
                await inbox.take("acme", "us", orders("4"), nothing)
            await anyio.wait_all_tasks_blocked()
            waiting.clear()  # the store's reconciler has read them
            with pytest.raises(Full):
                await inbox.take("acme", "us", orders("4"), nothing)
            await anyio.wait_all_tasks_blocked()
            await inbox.take("acme", "us", orders("5"), nothing)
            group.cancel_scope.cancel()
    assert waiting == {"5"}
    assert next(looks) == 4, "each call that is turned away counts once at most"


async def test_a_store_that_fills_its_backlog_leaves_the_others_their_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "BACKLOG_MAX", 3)
    noted: set[Place] = set()

    async def note(places: Sequence[Place], queues: Collection[Queue]) -> dict[Queue, int]:
        noted.update(places)
        return {queue: sum(place[:3] == queue for place in noted) for queue in queues}

    inbox = Inbox(note)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(inbox.run)
            await inbox.take("noisy", "us", orders("1", "2", "3"), nothing)
            with pytest.raises(Full):
                await inbox.take("noisy", "us", orders("4"), nothing)
            await inbox.take("acme", "us", orders("4"), nothing)
            await inbox.take("noisy", "uk", orders("4"), nothing)
            group.cancel_scope.cancel()
    assert len(noted) == 5


async def test_a_store_whose_calls_wait_for_the_disk_leaves_the_others_their_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inbox_module, "PENDING_MAX", 2)
    writing = anyio.Event()
    told: list[str] = []

    async def note(_places: Sequence[Place], _queues: Collection[Queue]) -> dict[Queue, int]:
        await writing.wait()
        return {}

    inbox = Inbox(note)

    async def call(tenant: str, order: str) -> None:
        try:
            await inbox.take(tenant, "us", orders(order), nothing)
        except Full:
            told.append(f"{tenant} {order} later")
        else:
            told.append(f"{tenant} {order}")

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(inbox.run)
            for order in ("1", "2", "3"):
                group.start_soon(call, "noisy", order)
                await anyio.wait_all_tasks_blocked()
            group.start_soon(call, "acme", "1")
            await anyio.wait_all_tasks_blocked()
            writing.set()
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
    assert sorted(told) == ["acme 1", "noisy 1", "noisy 2", "noisy 3 later"]


async def test_carts_that_fill_their_backlog_leave_the_orders_their_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "BACKLOG_MAX", 3)
    noted: set[Place] = set()
    woken: list[Kind] = []

    async def note(places: Sequence[Place], queues: Collection[Queue]) -> dict[Queue, int]:
        noted.update(places)
        return {queue: sum(place[:3] == queue for place in noted) for queue in queues}

    inbox = Inbox(note)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(inbox.run)
            await inbox.take("acme", "us", [Signal(Kind.CART, name) for name in "abc"], woken.append)
            with pytest.raises(Full):
                await inbox.take("acme", "us", [Signal(Kind.CART, "d")], woken.append)
            await inbox.take("acme", "us", orders("1"), woken.append)
            with pytest.raises(Full):  # a cart that became an order: the call comes again, and the order is read now
                await inbox.take("acme", "us", [*orders("2"), Signal(Kind.CART, "d")], woken.append)
            group.cancel_scope.cancel()
    assert sorted(name for *_, name in noted) == ["1", "2", "a", "b", "c"]
    assert woken == [Kind.CART, Kind.ORDER, Kind.ORDER]


async def test_an_order_is_noted_while_carts_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "PENDING_MAX", 2)
    noted: list[Place] = []
    writing = anyio.Event()

    async def note(places: Sequence[Place], _queues: Collection[Queue]) -> dict[Queue, int]:
        await writing.wait()
        noted.extend(places)
        return {}

    inbox = Inbox(note)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(inbox.run)
            for name in "ab":
                group.start_soon(inbox.take, "acme", "us", [Signal(Kind.CART, name)], nothing)
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(Full):
                await inbox.take("acme", "us", [Signal(Kind.CART, "c")], nothing)
            group.start_soon(inbox.take, "acme", "us", orders("1"), nothing)
            await anyio.wait_all_tasks_blocked()
            writing.set()
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
    assert {name for *_, name in noted} == {"a", "b", "1"}
