"""What a process takes from its surroundings: the time, waiting, and chance. Injected, so that a test can rule them."""

from __future__ import annotations

from typing import Protocol

from syncd.core.quantity import Instant


class Clock(Protocol):
    """Time as this process sees it."""

    def now(self) -> Instant:
        """The one time line on which all of a ledger's instants lie: microseconds since 1970, UTC. It never goes back or
        jumps while the process lives, so a difference of two instants is a duration."""

    def wall(self) -> Instant:
        """The machine's wall clock: for people, and for others who look at theirs. It may jump, either way."""

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
