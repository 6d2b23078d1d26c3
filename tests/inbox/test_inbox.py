"""The inbox: nobody is told "taken" for what isn't on disk, and a full backlog is no end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import anyio
import anyio.lowlevel
import pytest

from syncd.inbox import inbox as inbox_module
from syncd.inbox.inbox import Full, Inbox, Place


def nothing() -> None:
    """Nobody is woken."""


@pytest.mark.parametrize("ends", ["stopped", "broken"])
async def test_whoever_waits_while_the_writing_ends_is_not_told_that_it_was_noted(ends: str) -> None:
    begun = anyio.Event()
    told: list[str] = []

    async def note(_places: Sequence[Place]) -> int:
        begun.set()
        if ends == "broken":
            raise RuntimeError("a bug in the ledger")
        await anyio.sleep_forever()
        return 0

    inbox = Inbox(note)

    async def call() -> None:
        try:
            await inbox.take("acme", "us", ["1"], nothing)
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

    async def note(places: Sequence[Place]) -> int:
        next(looks)
        waiting.update(order for _, _, order in places)
        return len(waiting)

    inbox = Inbox(note)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(inbox.run)
            await inbox.take("acme", "us", ["1"], nothing)
            with pytest.raises(Full):
                await inbox.take("acme", "us", ["4"], nothing)
            await anyio.wait_all_tasks_blocked()
            waiting.clear()  # the store's reconciler has read them
            with pytest.raises(Full):
                await inbox.take("acme", "us", ["4"], nothing)
            await anyio.wait_all_tasks_blocked()
            await inbox.take("acme", "us", ["5"], nothing)
            group.cancel_scope.cancel()
    assert waiting == {"5"}
    assert next(looks) == 4, "each call that is turned away counts once at most"
