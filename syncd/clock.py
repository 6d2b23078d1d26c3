"""The real clock and real randomness: the only place in syncd that asks the machine for either."""

from __future__ import annotations

import random
import time

import anyio

from syncd.core.quantity import Instant


class SystemClock:
    """The machine's clocks."""

    def now(self) -> Instant:
        """Microseconds since 1970, UTC, by the machine's wall clock."""
        return Instant(time.time_ns() // 1_000)

    def monotonic(self) -> float:
        """Seconds by the machine's monotonic clock."""
        return time.monotonic()

    async def sleep(self, wait_seconds: float) -> None:
        """Wait on the event loop's clock."""
        await anyio.sleep(max(0.0, wait_seconds))


class SystemChance:
    """The machine's randomness."""

    def __init__(self) -> None:
        self._source = random.SystemRandom()

    def uniform(self, low: float, high: float) -> float:
        """A number in [low, high]."""
        return self._source.uniform(low, high)

    def token(self, length_bytes: int) -> str:
        """Hexadecimal characters from the machine's entropy."""
        return self._source.randbytes(length_bytes).hex()
