"""How fast a store may be asked: its quota, learnt from its headers, of which syncd takes a configured share.

A quota of 150 requests in 30 seconds belongs to the whole store; other apps use it too. syncd takes its share of it by
**spacing**: with a share of 0.5, one request each 0.4 s, never a burst (a bucket that fills while nobody asks lets a
hundred requests go at once, and the edge of two windows doubles the rate). Three things shape the next slot:

- the steady interval: window / (limit x share), or the configured default while nothing is known;
- a tighter one while the window that is running has little left (others have used it): what is left, times the share,
  is spread over the time until it is reset, and forgotten then;
- a block: nothing at all until an instant, where the store said so (429, or nothing left).

Times are microseconds on any clock that does not go back; only the headers' dates need the wall clock (`Instant`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime

from syncd.core.quantity import SECOND, Instant, microseconds

WAIT_US_MAX = (
    3600 * SECOND
)  # whatever a header says, ask again after an hour: a mistaken date must not stop a store for ever
INTERVAL_US_MIN = SECOND // 50  # "unlimited" plans still answer 429 from physical limits: never more than 50 a second
EPOCH_SECONDS_MIN = 10**9  # a reset above this is a Unix time (WooCommerce Store API), below it a number of seconds

_NUMBER = re.compile(r"\s*(\d{1,15}(?:\.\d{1,9})?)")
_WINDOW = re.compile(r";\s*w(?:indow)?=(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Observation:
    """What one answer's headers say about the quota; None where they say nothing."""

    limit: int | None = None
    window_us: int | None = None
    left: int | None = None
    reset_us: int | None = None  # from the answer until the window begins anew


UNSEEN = Observation()


@dataclass(frozen=True, slots=True)
class Quota:
    """A store's quota as far as it is known, and when syncd last used it. Made by `begin`."""

    share: float  # of the store's quota, in (0, 1]
    interval_us: int  # the steady distance between two requests' starts
    tight_interval_us: int = 0  # a longer one, until `tight_until_us`
    tight_until_us: int = 0
    blocked_until_us: int = 0
    last_start_us: int | None = None
    seen: Observation = UNSEEN  # the last that said anything, for the status page


def begin(*, share: float, interval_default_us: int) -> Quota:
    """A quota of which nothing is known yet: one request each `interval_default_us`.

    Raises ValueError when the share is not in (0, 1], or the interval is negative.
    """
    if not 0 < share <= 1:
        raise ValueError(f"a share lies above 0 and is at most 1: {share}")
    if interval_default_us < 0:
        raise ValueError(f"an interval is not negative: {interval_default_us}")
    return Quota(share=share, interval_us=interval_default_us)


def next_slot(quota: Quota, now_us: int) -> int:
    """How many microseconds from `now_us` until the next request may start; 0 when it may start now."""
    free_us = quota.blocked_until_us
    if quota.last_start_us is not None:
        free_us = max(free_us, quota.last_start_us + quota.interval_us)
        if now_us < quota.tight_until_us:
            free_us = max(free_us, min(quota.last_start_us + quota.tight_interval_us, quota.tight_until_us))
    return max(0, free_us - now_us)


def take(quota: Quota, now_us: int) -> Quota:
    """A request starts at `now_us`."""
    return replace(quota, last_start_us=now_us)


def block(quota: Quota, wait_us: int, now_us: int) -> Quota:
    """Nothing starts for `wait_us` from now (at most `WAIT_US_MAX`). A block that lasts longer stays."""
    until_us = now_us + min(max(0, wait_us), WAIT_US_MAX)
    return quota if until_us <= quota.blocked_until_us else replace(quota, blocked_until_us=until_us)


def observe(quota: Quota, observation: Observation, now_us: int) -> Quota:
    """Learn from an answer that arrived at `now_us`."""
    if observation == UNSEEN:
        return quota
    interval_us = quota.interval_us
    if observation.limit and observation.window_us:  # a limit of 0 is no limit that could be kept: not believed
        interval_us = _spacing(observation.window_us, observation.limit, quota.share)
    tight_us, until_us, blocked_us = 0, 0, quota.blocked_until_us
    if observation.left is not None and observation.reset_us:
        until_us = now_us + min(observation.reset_us, WAIT_US_MAX)
        if observation.left == 0:
            blocked_us = max(blocked_us, until_us)
        else:
            tight_us = _spacing(observation.reset_us, observation.left, quota.share)
    return replace(
        quota,
        interval_us=interval_us,
        tight_interval_us=tight_us,
        tight_until_us=until_us,
        blocked_until_us=blocked_us,
        seen=observation,
    )


def _spacing(span_us: int, requests: int, share: float) -> int:
    return min(max(INTERVAL_US_MIN, round(span_us / (requests * share))), WAIT_US_MAX)


def read_headers(headers: Mapping[str, str], now: Instant) -> Observation:
    """What an answer's headers (a mapping that ignores case) say about the quota. What can't be read counts as not said.

    BigCommerce: X-Rate-Limit-Requests-Quota, -Requests-Left, -Time-Window-Ms and -Time-Reset-Ms (milliseconds until the
    reset; the rate-limit page of the vendor misdescribes it, "About the APIs" is right). Else the RateLimit-Limit,
    -Remaining, -Reset of the IETF draft and of the WooCommerce Store API, and the X-RateLimit-* many hosts send.
    """
    get = headers.get
    quota = get("X-Rate-Limit-Requests-Quota")
    left = get("X-Rate-Limit-Requests-Left")
    reset = get("X-Rate-Limit-Time-Reset-Ms")
    if quota is not None or left is not None or reset is not None:
        return Observation(
            limit=_whole(quota),
            window_us=_scaled(get("X-Rate-Limit-Time-Window-Ms"), SECOND // 1000),
            left=_whole(left),
            reset_us=_scaled(reset, SECOND // 1000),
        )
    limit = get("RateLimit-Limit") or get("X-RateLimit-Limit")
    remaining = get("RateLimit-Remaining") or get("X-RateLimit-Remaining")
    renewal = get("RateLimit-Reset") or get("X-RateLimit-Reset")
    if limit is None and remaining is None and renewal is None:
        return UNSEEN
    window = _WINDOW.search(limit) if limit else None
    reset_us = _scaled(renewal, SECOND)
    if reset_us is not None and reset_us >= EPOCH_SECONDS_MIN * SECOND:
        reset_us = max(0, reset_us - server_now(headers, now))
    return Observation(
        limit=_whole(limit),
        window_us=int(window[1]) * SECOND if window else None,
        left=_whole(remaining),
        reset_us=reset_us,
    )


def server_now(headers: Mapping[str, str], now: Instant) -> Instant:
    """The server's own time by its Date header, where it has one: its dates are to be compared with its own clock."""
    date = http_date(headers.get("Date"))
    return now if date is None else date


def http_date(text: str | None) -> Instant | None:
    """A header's date (`Tue, 05 Mar 2019 21:40:11 GMT`), or None when it is none."""
    if not text:
        return None
    try:
        date = parsedate_to_datetime(text)
        return Instant(microseconds((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()))
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def header_seconds(text: str | None) -> int | None:
    """A header's number of seconds, in microseconds, or None when it is none."""
    if text is None:
        return None
    number = _NUMBER.fullmatch(text.rstrip())
    return microseconds(float(number[1])) if number else None


def _whole(text: str | None) -> int | None:
    number = _NUMBER.match(text) if text else None
    return int(float(number[1])) if number else None


def _scaled(text: str | None, unit_us: int) -> int | None:
    number = _NUMBER.match(text) if text else None
    return round(float(number[1]) * unit_us) if number else None
