"""Who hears about a store's edges: gone, back, asked to wait. The app wires it to the log."""

from __future__ import annotations

from typing import Protocol


class TransportListener(Protocol):
    """Told on edges alone, never for each failure. It must not raise, and none of what it hears holds a secret."""

    def unreachable(self, reason: str) -> None:
        """The store failed again and again; it is left alone but for a slow probe. `reason` is the last failure."""

    def recovered(self, after_seconds: float) -> None:
        """The store answers again, so long after `unreachable`."""

    def throttled(self, wait_seconds: float) -> None:
        """The store asked to wait (the first 429 in a row)."""


class QuietListener:
    """Hears and says nothing."""

    def unreachable(self, reason: str) -> None:
        """Nobody is told."""

    def recovered(self, after_seconds: float) -> None:
        """Nobody is told."""

    def throttled(self, wait_seconds: float) -> None:
        """Nobody is told."""
