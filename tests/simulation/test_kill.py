"""A kill is a kill: nothing of the process runs any more, and its peers hear of it as the kernel would tell them."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from tests.simulation.loop import Livelock, Loop


@pytest.mark.parametrize("silently", [True, False])
def test_no_finally_of_a_killed_process_ever_runs(tmp_path: Path, silently: bool) -> None:
    loop, path = Loop(1), tmp_path / "book.sqlite3"
    book = sqlite3.connect(path)
    book.execute("CREATE TABLE note (text)")
    book.commit()

    async def daemon() -> None:
        try:
            for _ in range(1_000):
                book.execute("INSERT INTO note VALUES ('work')")
                book.commit()
                await asyncio.sleep(1.0)
        finally:
            book.execute("INSERT INTO note VALUES ('finally')")
            book.commit()

    async def story() -> None:
        for _ in range(5):
            loop.net.host("syncd").create_task(daemon())
            await asyncio.sleep(10.5)
            loop.kill("syncd", silently=silently)
        await asyncio.sleep(100.0)

    loop.run(story())
    assert dict(book.execute("SELECT text, count(*) FROM note GROUP BY text")) == {"work": 5 * 11}


@pytest.mark.parametrize(("silently", "heard"), [(False, "refused"), (True, "nothing")])
def test_nobody_listens_for_a_killed_process_until_the_next_one_does(silently: bool, heard: str) -> None:
    loop, told = Loop(1), []

    async def daemon() -> None:
        await asyncio.get_running_loop().create_server(asyncio.Protocol, "0.0.0.0", 80)
        await asyncio.sleep(1e9)

    async def call() -> None:
        try:
            async with asyncio.timeout(10.0):
                await asyncio.get_running_loop().create_connection(asyncio.Protocol, "syncd", 80)
            told.append("answered")
        except ConnectionRefusedError:
            told.append("refused")
        except TimeoutError:
            told.append("nothing")

    async def story() -> None:
        for _ in range(2):
            loop.boot("syncd")
            loop.net.host("syncd").create_task(daemon())
            await asyncio.sleep(1.0)
            await call()
            loop.kill("syncd", silently=silently)
            await call()

    loop.run(story())
    assert told == ["answered", heard] * 2


def test_a_frozen_process_wakes_with_its_timers_over() -> None:
    loop = Loop(1)
    seen: list[float] = []

    async def daemon() -> None:
        for _ in range(3):
            await asyncio.sleep(1.0)
            seen.append(loop.time())

    async def story() -> None:
        loop.net.host("syncd").create_task(daemon())
        await asyncio.sleep(1.5)
        loop.freeze("syncd")
        await asyncio.sleep(3_600.0)
        loop.thaw("syncd")
        await asyncio.sleep(10.0)

    loop.run(story())
    assert seen == [1.0, 3_601.5, 3_602.5]


def test_a_world_whose_time_stands_still_is_stopped() -> None:
    async def spin() -> None:
        while True:  # noqa: ASYNC110 - that is the fault
            await asyncio.sleep(0)

    with pytest.raises(Livelock, match="steps at 0"):
        Loop(1).run(spin())
