"""The vendor's dates: RFC 2822 and ISO 8601, in UTC, with one second's grain."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import gmtime
from typing import Final, Protocol

SECOND_US: Final = 1_000_000

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_RFC_2822 = re.compile(r"(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d (?:[+-]\d{4}|GMT|UTC?|Z)")
_ISO_8601 = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:?\d\d)?)?")


class Clock(Protocol):
    """The time, as the caller rules it."""

    def now(self) -> int:
        """Microseconds since 1970, UTC."""


def rfc_2822(at_seconds: int) -> str:
    """Show an instant as the v2 API does: `Tue, 05 Mar 2019 21:40:11 +0000`."""
    year, month, day, hour, minute, second, weekday, *_ = gmtime(at_seconds)
    return f"{_DAYS[weekday]}, {day:02} {_MONTHS[month]} {year} {hour:02}:{minute:02}:{second:02} +0000"


def iso_8601(at_seconds: int) -> str:
    """Show an instant as the v3 API does: `2019-03-05T21:40:11+00:00`."""
    return datetime.fromtimestamp(at_seconds, UTC).isoformat()


def parse_moment(text: str) -> int | None:
    """Read a date filter as seconds since 1970, or None where the vendor would not understand it.

    A raw `+` in a query arrives as a space, so `... 21:40:11  0000` is not a date; that is the trap it is in reality.
    A date without an offset is taken as UTC.
    """
    if _RFC_2822.fullmatch(text):
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
    elif _ISO_8601.fullmatch(text):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
    else:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp())
