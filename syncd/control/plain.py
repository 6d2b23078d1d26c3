"""Values as people and scripts get them: quantities as "2.5", instants as ISO 8601 in UTC, beliefs as intervals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from syncd.core.belief import UNKNOWN, Interval
from syncd.core.quantity import NEVER, Instant, show

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def iso(instant: int) -> str | None:
    """`2025-06-01T10:00:00Z`, with microseconds where there are some; None for "never" and "not yet"."""
    if instant <= 0 or instant >= NEVER:
        return None
    return (EPOCH + timedelta(microseconds=instant)).isoformat().replace("+00:00", "Z")


def instant_of(text: str) -> Instant:
    """An instant from an ISO 8601 date or time; without an offset it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return Instant((moment - EPOCH) // timedelta(microseconds=1))


def interval(value: Interval) -> dict[str, Any]:
    """`{"low": "3", "high": "4"}`; None stands for "no bound"."""
    return {
        "low": None if value.lo <= -UNKNOWN else show(value.lo),
        "high": None if value.hi >= UNKNOWN else show(value.hi),
    }
