"""BigCommerce's dates: RFC 2822 in v2 answers, always UTC and with one second's grain; ISO 8601 here and there.

The vendor's page on orders says that all dates of a response are UTC, e.g. `Tue, 05 Mar 2019 21:40:11 +0000`. That one
form is read by slicing, since a scan reads two of them for every order; whatever else RFC 2822 or ISO 8601 allow goes
through a regular expression.
"""

from __future__ import annotations

import re
from datetime import date, datetime

from syncd.core.quantity import SECOND, Instant

GRAIN_US = SECOND  # two changes within a second carry one stamp

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: f"{number:02d}" for number, name in enumerate(_MONTH_NAMES, 1)}
_EPOCH = datetime.fromisoformat("1970-01-01")  # without a zone, as all that is compared with it: everything is UTC
_EPOCH_DAY = _EPOCH.toordinal()
_LENGTH = len("Tue, 05 Mar 2019 21:40:11 +0000")
_LAST_DAY = date(9999, 12, 31).toordinal() - _EPOCH_DAY

_RFC_2822 = re.compile(
    r"(?:[A-Z][a-z]{2}, *)?([0-9]{1,2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?()"
    r" (?:(UT|GMT|Z)|([+-])([0-9]{2}):?([0-9]{2}))"
)
_ISO_8601 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r"(?:(Z)|([+-])([0-9]{2}):?([0-9]{2}))"
)


def read_date(text: str) -> Instant:
    """The instant that a date of an answer names. A date without an offset is refused: guessing a zone loses orders.

    Raises ValueError.
    """
    if len(text) == _LENGTH and text[25:] == " +0000" and text[19] == text[22] == ":" and text[8:11] in _MONTHS:
        moment = datetime.fromisoformat(f"{text[12:16]}-{_MONTHS[text[8:11]]}-{text[5:7]}T{text[17:25]}")
        since = moment - _EPOCH
        return Instant((since.days * 86_400 + since.seconds) * SECOND)
    return _read_any(text)


def read_date_or_none(text: str | None) -> Instant | None:
    """As `read_date`; None for what v2 writes where there is no date: an empty string or null."""
    return read_date(text) if text else None


def write_date(instant: Instant) -> str:
    """The date as a filter takes it, whole seconds, rounded down: `Tue, 05 Mar 2019 21:40:11 +0000`.

    The `+` has to reach the shop as %2B: a bare one becomes a space there, and an unreadable filter is ignored.
    """
    days, second = divmod(instant // SECOND, 86_400)
    day = date.fromordinal(min(max(days, 1 - _EPOCH_DAY), _LAST_DAY) + _EPOCH_DAY)
    name = _DAYS[day.weekday()]
    clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    return f"{name}, {day.day:02d} {_MONTH_NAMES[day.month - 1]} {day.year:04d} {clock} +0000"


def _instant(day: int, hour: int, minute: int, second: int, microsecond: int) -> Instant:
    if hour > 23 or minute > 59 or second > 60:  # 60: a leap second, which is the next minute's first for us
        raise ValueError(f"no such time of day: {hour}:{minute}:{second}")
    return Instant(((day * 24 + hour) * 60 + minute) * 60 * SECOND + second * SECOND + microsecond)


def _read_any(text: str) -> Instant:
    """Any other form that the two standards allow, with its offset."""
    if match := _RFC_2822.fullmatch(text):
        day_text, month_name, year, *rest = match.groups()
        month_text = _MONTHS.get(month_name, "00")  # there is no month 0: date() says so
    elif match := _ISO_8601.fullmatch(text):
        year, month_text, day_text, *rest = match.groups()
    else:
        raise ValueError(f"not a date with an offset: {text[:40]!r}")
    hour, minute, second, fraction, utc, sign, offset_hours, offset_minutes = rest
    day = date(int(year), int(month_text), int(day_text)).toordinal() - _EPOCH_DAY
    microsecond = int((fraction or "0").ljust(6, "0")[:6])
    instant = _instant(day, int(hour), int(minute), int(second or 0), microsecond)
    if utc:
        return instant
    offset = (int(offset_hours) * 60 + int(offset_minutes)) * 60 * SECOND
    return Instant(instant - offset if sign == "+" else instant + offset)
