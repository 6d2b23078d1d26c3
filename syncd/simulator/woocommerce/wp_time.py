"""Time as WordPress has it: stamps without a zone, a shop's zone, and what a date in a query comes to.

WordPress reads a date of a query in the shop's zone, prints it in the shop's zone without an offset, and compares that
text with a column. With dates_are_gmt the column is GMT, and nothing is converted: therefore a `Z` moves the bound by
the shop's offset, and a naive GMT time is right (measured in America/New_York and Asia/Kolkata).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

SECOND = 1_000_000
OFFSET = re.compile(r"^([+-])(\d\d):(\d\d)$")
REST_DATE = re.compile(r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d(?::?\d\d)?)?$")
"""WordPress: rest_parse_date()."""


class BadDate(ValueError):
    """A date that WordPress refuses: no time of day, or garbage."""


def zone_of(name: str) -> tzinfo:
    """A shop's zone by its setting: an IANA name, or an offset as `+05:30`. Raises KeyError or ValueError."""
    match = OFFSET.match(name)
    if match:
        minutes = int(match[2]) * 60 + int(match[3])
        return timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes))
    return UTC if name == "UTC" else ZoneInfo(name)


def gmt_text(at_us: int | None) -> str | None:
    """A `*_gmt` field."""
    return _text(at_us, UTC)


def local_text(at_us: int | None, zone: tzinfo) -> str | None:
    """A field in the shop's time, without its offset."""
    return _text(at_us, zone)


def _text(at_us: int | None, zone: tzinfo) -> str | None:
    if at_us is None:
        return None
    return datetime.fromtimestamp(at_us // SECOND, UTC).astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S")


def bound_seconds(text: str, zone: tzinfo, *, dates_are_gmt: bool) -> int:
    """What a date in a query is compared with: whole seconds since 1970. Raises BadDate."""
    if not REST_DATE.match(text):
        raise BadDate(text)
    try:
        given = datetime.fromisoformat(text.upper().replace(" ", "T"))
    except ValueError as error:
        raise BadDate(text) from error
    wall = given if given.tzinfo is None else given.astimezone(zone)
    wall = wall.replace(tzinfo=None, microsecond=0)
    return int(wall.replace(tzinfo=UTC if dates_are_gmt else zone).timestamp())


def site_zone(name: str, at_us: int) -> tuple[str, str]:
    """`gmt_offset` and `timezone_string` of the site's index; a shop in plain UTC names no zone."""
    if name == "UTC":
        return "0", ""
    offset = datetime.fromtimestamp(at_us // SECOND, UTC).astimezone(zone_of(name)).utcoffset() or timedelta()
    return f"{offset.total_seconds() / 3600:g}", "" if OFFSET.match(name) else name
