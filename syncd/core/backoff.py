"""How long to wait before trying again: as long as the other side asks, else exponential backoff with full jitter.

Full jitter (a draw from zero up to the bound, not around it) spreads clients that failed together. The draw is handed
in, so the decision is a function. Waits are microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from syncd.core.quantity import SECOND, Instant
from syncd.core.quota import WAIT_US_MAX, header_seconds, http_date, read_headers, server_now

DOUBLINGS_MAX = 32  # beyond any bound in use, and the power stays a small number


@dataclass(frozen=True, slots=True)
class Backoff:
    """Bounds of the wait: `first_us` for the first retry, doubled for each further one, never above `max_us`."""

    first_us: int = SECOND
    max_us: int = 60 * SECOND  # BigCommerce's status page: tries at least a minute apart for a lasting 500


def jittered_wait(backoff: Backoff, failures: int, draw: float) -> int:
    """The wait after the `failures`-th failure in a row (from 1), for a random `draw` in [0, 1]."""
    bound_us = min(backoff.max_us, backoff.first_us << min(max(0, failures - 1), DOUBLINGS_MAX))
    return round(bound_us * draw)


def asked_wait(headers: Mapping[str, str], now: Instant) -> int:
    """How long an answer asks to wait by Retry-After (seconds or a date), X-Retry-After and RateLimit-Retry-After: the longest.

    0 when it asks for nothing that can be read; at most `WAIT_US_MAX`.
    """
    wait_us = 0
    for name in ("Retry-After", "X-Retry-After", "RateLimit-Retry-After"):
        text = headers.get(name)
        if text is None:
            continue
        asked_us = header_seconds(text)
        if asked_us is None:
            date = http_date(text)
            asked_us = 0 if date is None else date - server_now(headers, now)
        wait_us = max(wait_us, asked_us)
    return min(wait_us, WAIT_US_MAX)


def throttled_wait(headers: Mapping[str, str], now: Instant) -> int:
    """How long a 429 asks to wait: `asked_wait` or the time until the quota's reset, the longer of the two.

    0 when it says neither (BigCommerce under platform load, WAFs): then `jittered_wait` decides. A 429 counts even if
    some of the quota is left (BigCommerce's own sample has 35 left).
    """
    reset_us = read_headers(headers, now).reset_us or 0
    return min(max(asked_wait(headers, now), reset_us), WAIT_US_MAX)
