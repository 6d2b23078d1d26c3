"""A circuit breaker: a store that failed again and again is left alone, and asked slowly whether it is back.

    CLOSED --failures_max in a row--> OPEN --its time has come: one request--> PROBING --success--> CLOSED
      ^                                ^                                          |
      |                                +---- failure (the next probe later) ------+
      +---- success of a request that was under way ----+

Closed lets everything through. Open lets nothing through. Probing has let one request through, and waits for it. The
first probe comes after `probe_us`, each further one after twice the time, up to `probe_us_max`: slow, so that a store
on its knees is not held there by its guests. The caller tells an operator about edges alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from syncd.core.quantity import SECOND

PROBE_PENDING_US = 5 * SECOND  # come again after this when another request's probe is still under way


class Phase(Enum):
    """Where the breaker is."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


class Edge(Enum):
    """What an operator should hear of."""

    OPENED = "opened"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much is borne before the breaker opens, and how slowly it probes."""

    failures_max: int = 8  # in a row; above the tries of one read, so that one poisoned answer alone doesn't open it
    probe_us: int = 30 * SECOND
    probe_us_max: int = 300 * SECOND


@dataclass(frozen=True, slots=True)
class Breaker:
    """The state; `Breaker()` is closed."""

    phase: Phase = Phase.CLOSED
    failures: int = 0  # in a row
    opened_at_us: int = 0  # when it left CLOSED
    probe_at_us: int = 0  # the next probe may start then
    probe_wait_us: int = 0  # the wait that led to it


def wait(breaker: Breaker, now_us: int) -> int:
    """How many microseconds until a request may be admitted; 0 when one may go now."""
    if breaker.phase is Phase.CLOSED:
        return 0
    if breaker.phase is Phase.PROBING:
        return PROBE_PENDING_US
    return max(0, breaker.probe_at_us - now_us)


def admit(breaker: Breaker) -> Breaker:
    """A request starts, `wait` having said 0. When the result is PROBING, that request is the probe: tell of its end."""
    return breaker if breaker.phase is Phase.CLOSED else replace(breaker, phase=Phase.PROBING)


def succeed(breaker: Breaker) -> tuple[Breaker, Edge | None]:
    """The store answered as it should (a refusal is an answer too)."""
    if breaker.phase is Phase.CLOSED:
        return (breaker if breaker.failures == 0 else Breaker()), None
    return Breaker(), Edge.CLOSED


def fail(breaker: Breaker, tolerance: Tolerance, now_us: int) -> tuple[Breaker, Edge | None]:
    """The store failed at `now_us`: not reached, 5xx, or nonsense."""
    failures = breaker.failures + 1
    if breaker.phase is Phase.CLOSED:
        if failures < tolerance.failures_max:
            return replace(breaker, failures=failures), None
        probe_at_us = now_us + tolerance.probe_us
        return Breaker(Phase.OPEN, failures, now_us, probe_at_us, tolerance.probe_us), Edge.OPENED
    if breaker.phase is Phase.OPEN:  # a request that was under way when it opened: nothing new
        return replace(breaker, failures=failures), None
    wait_us = min(2 * breaker.probe_wait_us, tolerance.probe_us_max)
    return Breaker(Phase.OPEN, failures, breaker.opened_at_us, now_us + wait_us, wait_us), None


def abandon(breaker: Breaker) -> Breaker:
    """The probe was cancelled and tells nothing: another may go at once, or the breaker would stay probing for ever."""
    return replace(breaker, phase=Phase.OPEN) if breaker.phase is Phase.PROBING else breaker
