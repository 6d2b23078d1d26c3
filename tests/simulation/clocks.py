"""What the daemon is given instead of the machine's clock, chance and thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import anyio

from syncd.clock import SystemClock
from syncd.core.quantity import Instant

START_SECONDS = 1_780_000_000  # seconds since 1970: when every seed begins
SECOND_US = 1_000_000


class HostClock:
    """One host's clocks: the wall clock may be ahead and may jump, the other is the loop's."""

    def __init__(self, loop: Any, ahead_seconds: float = 0.0) -> None:
        self._loop = loop
        self.ahead_seconds = ahead_seconds

    def now(self) -> Instant:
        return Instant(round((START_SECONDS + self._loop._now + self.ahead_seconds) * SECOND_US))

    wall = now

    def running_us(self) -> int:
        """What goes on evenly since the machine's start."""
        return round(self._loop._now * SECOND_US)

    def monotonic(self) -> float:
        return float(self._loop._now)

    async def sleep(self, wait_seconds: float) -> None:
        await anyio.sleep(max(0.0, wait_seconds))


class ProcessClock(SystemClock):
    """The daemon's own clock, on a simulated machine."""

    def __init__(self, machine: HostClock) -> None:
        super().__init__(machine.wall, machine.running_us)
        self.monotonic = machine.monotonic  # type: ignore[method-assign]


class SeededChance:
    """Randomness that a seed repeats."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def uniform(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def token(self, length_bytes: int) -> str:
        return self._random.randbytes(length_bytes).hex()


class SeededHop:
    """The ledger's seam to time: each transaction is a step of its own, with a delay before it, and one between its COMMIT
    and the news of it. `committed` is called in between: a kill may strike there."""

    def __init__(self, random: Random, slow: float, committed: Callable[[], None]) -> None:
        self._random = random
        self._slow = slow
        self._committed = committed

    def submit(self, job: Callable[[], Callable[[], None]]) -> None:
        loop = asyncio.get_running_loop()

        def work() -> None:
            delivery = job()
            loop.call_later(self._wait(), delivery)
            self._committed()

        loop.call_later(self._wait(), work)

    def close(self) -> None:
        """Nothing is kept."""

    def _wait(self) -> float:
        drawn = self._random.random()
        return drawn * 0.002 if drawn > self._slow else self._random.uniform(0.0, 1.0)
