"""The real clock and real randomness: the only place in syncd that asks the machine for either."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import anyio

from syncd.core.quantity import Instant

# Goes on while the machine sleeps, and isn't stepped with the wall clock; elsewhere than on Linux the next best.
_RUNNING = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _wall_us() -> int:
    return time.time_ns() // 1_000


def _running_us() -> int:
    return time.clock_gettime_ns(_RUNNING) // 1_000


class SystemClock:
    """The machine's clocks. `now` begins at the wall clock's time and then runs by itself: whoever steps the wall clock (an
    operator, NTP after a start without battery) doesn't shift what is due, fresh or late."""

    def __init__(self, wall_us: Callable[[], int] = _wall_us, running_us: Callable[[], int] = _running_us) -> None:
        self._wall_us = wall_us
        self._running_us = running_us
        self._ahead_us = wall_us() - running_us()

    def now(self) -> Instant:
        """Microseconds since 1970, UTC, as the wall clock was when this clock was made. Never goes back, never jumps."""
        return Instant(self._running_us() + self._ahead_us)

    def wall(self) -> Instant:
        """Microseconds since 1970, UTC, by the machine's wall clock."""
        return Instant(self._wall_us())

    def not_before(self, seen: Instant) -> int:
        """Begin at `seen` at least: what the ledger says was seen in an earlier life. Returns the microseconds by which the
        wall clock is behind that, 0 if it isn't. To be called before anybody has asked for the time."""
        behind_us = max(0, seen - self.now())
        self._ahead_us += behind_us
        return behind_us

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
