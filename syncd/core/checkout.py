"""An order that goes into a shop by a checkout: which way of shipping is taken."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec


class ShippingOption(msgspec.Struct, frozen=True):
    """A way of shipping that the shop offers for an address, and what it costs there."""

    option: str
    name: str
    cost: Decimal


def choose(options: Sequence[ShippingOption], wanted: str) -> ShippingOption | None:
    """The one of this name, whatever its capitals; without a name the cheapest, of several the one that the shop names first. None:
    the shop offers no such."""
    if wanted:
        name = wanted.strip().casefold()
        return next((each for each in options if each.name.strip().casefold() == name), None)
    return min(options, key=lambda each: each.cost, default=None)
