"""Quantities and instants: whole numbers of a fixed scale, never binary floats.

A quantity counts ten-thousandths of a unit, so `units(3)` is 30_000. That is what the ledger stores, what is added and
compared, and it is exact for whole units and for goods sold by weight or length. Platforms' numbers are parsed at the
edge (`parse`) and shown at the edge (`show`); nothing in between knows about decimal points.

An instant is a whole number of microseconds since 1970, UTC.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NewType

Quantity = NewType("Quantity", int)
Instant = NewType("Instant", int)

UNIT = 10_000  # four decimal places: the finest stock precision that the platforms and ERPs we know allow
QUANTITY_MAX = 10**15  # far above any stock, far below 2**63: sums of a million of them still fit the ledger's column
SECOND = 1_000_000  # microseconds

ZERO = Quantity(0)
NEVER = Instant(2**62)  # later than any instant: "not yet"
LONG_AGO = Instant(0)  # earlier than any instant that a store can name


def units(count: int) -> Quantity:
    """`count` whole units."""
    return Quantity(count * UNIT)


def parse(value: str | int | float | Decimal) -> Quantity:
    """Read a platform's number, e.g. `3`, `"2.5"`, `"-1"`. A float must be exact in four decimals (JSON has no other numbers).

    Raises ValueError when it is not a finite number, is finer than four decimal places, or is absurdly large.
    """
    if type(value) is int:
        scaled = value * UNIT
    else:
        try:
            exact = (Decimal(repr(value)) if isinstance(value, float) else Decimal(value)) * UNIT
        except (ArithmeticError, ValueError, TypeError) as error:  # ArithmeticError: 1e999999 is valid JSON
            raise ValueError(f"not a number: {value!r}") from error
        if not exact.is_finite() or abs(exact) > QUANTITY_MAX:
            raise ValueError(f"not a usable quantity: {value!r}")
        scaled = int(exact)
        if scaled != exact:
            raise ValueError(f"finer than four decimal places: {value!r}")
    if abs(scaled) > QUANTITY_MAX:
        raise ValueError(f"not a usable quantity: {value!r}")
    return Quantity(scaled)


def show(quantity: int) -> str:
    """The number as people write it: `"3"`, `"-2.5"`."""
    whole, rest = divmod(abs(quantity), UNIT)
    sign = "-" if quantity < 0 else ""
    return f"{sign}{whole}.{rest:04d}".rstrip("0") if rest else f"{sign}{whole}"


def is_whole(quantity: int) -> bool:
    """Whether this is a number of whole units."""
    return quantity % UNIT == 0


def floor_to_whole(quantity: int) -> Quantity:
    """The greatest whole number of units that is not above `quantity`: what a shop that counts whole units may show."""
    return Quantity(quantity // UNIT * UNIT)


def seconds(duration_us: int) -> float:
    """Microseconds as seconds, for people and for timers."""
    return duration_us / SECOND


def microseconds(duration_seconds: float) -> int:
    """Seconds as whole microseconds."""
    return round(duration_seconds * SECOND)
