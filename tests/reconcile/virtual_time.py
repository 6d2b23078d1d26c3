"""An event loop that doesn't wait: where it would sleep, its clock jumps. All of a test's servers, clients and the daemon run
on it, over real sockets, so minutes of polls, settling times and retries pass in as long as their work takes.

What is on its way between sockets is given a moment of real time before the clock jumps, so nothing times out by itself.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from random import Random
from typing import Any

import anyio

from syncd.core.quantity import Instant

QUIET_SECONDS = 0.0005  # real time without any event, after which the clock jumps
JUMP_SECONDS_MAX = 0.2  # by how much at once
START = 1_780_000_000  # seconds since 1970: when every test begins


class _Jumping(selectors.DefaultSelector):
    """Waits for events as asked, but not in real time."""

    jumped = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        events = super().select(min(timeout, QUIET_SECONDS))
        if not events:
            self.jumped += min(timeout, JUMP_SECONDS_MAX)
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time` runs with the work, and jumps when there is none."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        self._began = time.monotonic()
        super().__init__(self._jumping)

    def time(self) -> float:
        return time.monotonic() - self._began + self._jumping.jumped


class LoopClock:
    """The clock of whatever runs on a loop: it reads the loop's time, so nothing waits longer than the loop does."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.ahead_us = 0  # a test may jump the wall clock

    def now(self) -> Instant:
        return Instant(START * 1_000_000 + int(self._loop.time() * 1_000_000) + self.ahead_us)

    wall = now

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, wait_seconds: float) -> None:
        await anyio.sleep(max(0.0, wait_seconds))


class SeededChance:
    """Randomness that a seed repeats."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def uniform(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def token(self, length_bytes: int) -> str:
        return self._random.randbytes(length_bytes).hex()


class DelayingHop:
    """The ledger's seam: a delay before each transaction, and one between its COMMIT and the news of it."""

    def __init__(self, random: Random, longest_seconds: float) -> None:
        self._random = random
        self._longest = longest_seconds

    def submit(self, job: Any) -> None:
        loop = asyncio.get_running_loop()

        def work() -> None:
            delivery = job()
            loop.call_later(self._wait(), delivery)

        loop.call_later(self._wait(), work)

    def close(self) -> None:
        """Nothing is kept."""

    def _wait(self) -> float:
        return self._random.uniform(0.0, self._longest)
