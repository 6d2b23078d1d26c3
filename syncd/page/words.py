"""Values as the page writes them: quantities, times, and what others have written, with nothing hidden in it."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from syncd.control.plain import EPOCH, instant_of
from syncd.core.quantity import SECOND, Instant, parse
from syncd.core.taking import UNTOLD_MAX

NOTHING = "\N{EM DASH}"
MINUS = "\N{MINUS SIGN}"
THIN = "\N{NARROW NO-BREAK SPACE}"
GROUPED_FROM = 10_000  # shorter numbers are read at a glance


def seen(value: object) -> str:
    r"""A text of a shop or an ERP with its invisible characters made visible: `\u202e` turns what follows around, and would
    show another SKU than there is."""
    return "".join(
        f"\\u{ord(character):04x}" if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else character
        for character in str(value)
    )


def seen_lines(value: str) -> str:
    """The same of a text in lines."""
    return "\n".join(seen(line) for line in value.split("\n"))


def quantity(value: str | None) -> str:
    """`−2.5`, `12 000`; a dash where it isn't known."""
    if value is None:
        return NOTHING
    sign, digits = (MINUS, value[1:]) if value.startswith("-") else ("", value)
    whole, point, rest = digits.partition(".")
    return f"{sign}{number(int(whole))}{point}{rest}"


def span(low: str | None, high: str | None) -> str:
    """What a level is believed to be: `3`, `3 to 5`; `?` where it may be anything."""
    if low is None or high is None or parse(high) - parse(low) >= UNTOLD_MAX:
        return "?"
    return quantity(low) if low == high else f"{quantity(low)} to {quantity(high)}"


def change(value: str) -> str:
    """A signed change: `+3`, `−2`."""
    return quantity(value) if value.startswith("-") or value == "0" else f"+{quantity(value)}"


def number(value: int) -> str:
    """A count, in groups of three where it is long."""
    return f"{value:,}".replace(",", THIN) if abs(value) >= GROUPED_FROM else str(value)


def counted(count: int, one: str, many: str = "") -> str:
    """`1 move`, `3 moves`."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def lasting(duration_seconds: float | None) -> str:
    """`41 s`, `3 min`, `2 h`, `5 days`."""
    if duration_seconds is None:
        return NOTHING
    whole = round(duration_seconds)
    if whole < 100:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3_600, whole // 86_400
    if minutes < 100:
        return f"{minutes} min"
    return f"{hours} h" if hours < 48 else f"{days} days"


def moment(instant: int) -> datetime:
    """An instant as the calendar has it, UTC."""
    return EPOCH + timedelta(microseconds=instant)


def clock_text(value: str, now: Instant) -> str:
    """`12:03:05`; with the day where it is another: `26 Nov 12:03`."""
    then, today = moment(instant_of(value)), moment(now)
    if then.date() == today.date():
        return f"{then:%H:%M:%S}"
    return f"{then.day} {then:%b %H:%M}" if then.year == today.year else f"{then.day} {then:%b %Y}"


def ago(value: str | None, now: Instant) -> str:
    """How long ago that was."""
    if value is None:
        return "never"
    passed = max(0, now - instant_of(value)) / SECOND
    return "just now" if passed < 2 else f"{lasting(passed)} ago"


def link(path: str, /, **parameters: Any) -> str:
    """An address of this page; what is None or "" is left out."""
    given = {name: value for name, value in parameters.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path
