"""What a process takes from its surroundings: the time, waiting, and chance. Injected, so that a test can rule them."""

from __future__ import annotations

from typing import Protocol

from syncd.core.quantity import Instant


class Clock(Protocol):
    """Time as this process sees it."""

    def now(self) -> Instant:
        """The wall clock: microseconds since 1970, UTC. It may jump."""

    def monotonic(self) -> float:
        """Seconds that never go back, from an arbitrary start."""

    async def sleep(self, wait_seconds: float) -> None:
        """Wait; a cancellation point even for 0."""


class Chance(Protocol):
    """Randomness, for jitter and for ids that need no secrecy."""

    def uniform(self, low: float, high: float) -> float:
        """A number in [low, high]."""

    def token(self, length_bytes: int) -> str:
        """Lower-case hexadecimal characters, two for each byte: an id that won't repeat (nonces, batch ids)."""
