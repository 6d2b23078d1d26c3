"""WooCommerce's times: UTC without an offset in the `*_gmt` fields, whole seconds, no time zone mark in queries.

The fields without `_gmt` are the shop's local time without an offset, ambiguous for an hour a year: they are never read.
In queries a `Z` would be converted to the shop's time and then compared with the GMT column: a shop east of Greenwich
answers such a question with nothing at all (measured on WooCommerce 10.0.2).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from syncd.core.quantity import SECOND, Instant

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive, and meant as UTC, as everything here is
STAMP_LENGTH = len("2026-11-23T10:58:08")


def read_gmt(stamp: str) -> Instant:
    """The instant of `"2026-11-23T10:58:08"`, read as UTC. Raises ValueError for anything of another form."""
    if len(stamp) != STAMP_LENGTH:
        raise ValueError(f"not a time of the form YYYY-MM-DDTHH:MM:SS: {stamp!r}")
    try:
        since = datetime.fromisoformat(stamp) - EPOCH
    except TypeError as error:  # nineteen characters with an offset in them
        raise ValueError(f"a time with an offset where there should be none: {stamp!r}") from error
    return Instant((since.days * 86_400 + since.seconds) * SECOND)


def read_gmt_or_none(stamp: str | None) -> Instant | None:
    """As `read_gmt`; None for null and for "" (not yet)."""
    return read_gmt(stamp) if stamp else None


def write_gmt(instant: int) -> str:
    """The whole second in which `instant` lies, as queries want it: UTC, no mark. Raises OverflowError outside years 1 to 9999."""
    return (EPOCH + timedelta(seconds=instant // SECOND)).isoformat()
