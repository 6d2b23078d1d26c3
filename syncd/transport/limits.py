"""The limits of one HTTP client: how often, how many at once, how long, how much."""

from __future__ import annotations

from dataclasses import dataclass, fields

from syncd.core.backoff import Backoff
from syncd.core.breaker import Tolerance
from syncd.core.quantity import microseconds


@dataclass(frozen=True, slots=True)
class Limits:
    """Defaults suit a shop on shared hosting and a BigCommerce Standard plan alike.

    Raises ValueError where a value makes no sense.
    """

    share: float = 0.5  # of the store's quota, which other apps use too
    interval_default_seconds: float = 0.25  # between two requests while the store says nothing about its quota
    concurrent_max: int = 3  # BigCommerce's old advice; a 100-order page holds one PHP worker for a second
    writes_concurrent_max: int = 1  # BigCommerce: wait for an inventory write's answer before the next
    waiting_max: int = 100  # calls that wait for their turn; more means that somebody calls in a loop
    tries_max: int = 4  # of a read, the first included
    patience_seconds: float = 60.0  # no try of a read, and no write, starts later than this after the call
    connect_seconds: float = 10.0  # DNS, TCP and TLS
    read_seconds: float = 30.0  # silence of the server; a slow PHP page has said nothing for so long
    total_seconds: float = 60.0  # one try, from its start to the last byte
    body_bytes_max: int = 16 * 2**20  # decompressed; a page of 250 orders with everything included is below 2 MiB
    sent_bytes_max: int = 2**20  # a body of ours; BigCommerce's largest inventory batch (2000 items) is below 200 kB
    backoff_first_seconds: float = 1.0
    backoff_max_seconds: float = 60.0
    failures_max: int = (
        8  # in a row, then the breaker opens; above tries_max, so that one poisoned page doesn't open it
    )
    probe_seconds: float = 30.0  # after which an open breaker lets a first probe through
    probe_seconds_max: float = 300.0  # the slowest probing

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) <= 0 and field.name not in {"interval_default_seconds", "patience_seconds"}:
                raise ValueError(f"{field.name} must be above 0")
        if self.share > 1 or self.interval_default_seconds < 0 or self.patience_seconds < 0:
            raise ValueError("share is at most 1; an interval and patience are not negative")

    def backoff(self) -> Backoff:
        """The bounds of the wait after a failure."""
        return Backoff(microseconds(self.backoff_first_seconds), microseconds(self.backoff_max_seconds))

    def tolerance(self) -> Tolerance:
        """What the breaker bears."""
        return Tolerance(self.failures_max, microseconds(self.probe_seconds), microseconds(self.probe_seconds_max))
