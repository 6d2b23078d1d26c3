"""Where a shop's counters are, and from which of them its orders take.

A product has a counter at each location that is kept. Its name is that of the product's stock item and the location's
*place* after it: "" for the main location, so that a shop with one location knows nothing of all this. Each place is one of
the ERP's locations, whose level its counters follow.

An order takes from the counters at one place, which the platform names (or at none that is kept). A shop that pools its
stock takes from any: then each counter may have given any part of the units, and belief about each is wide by all of them,
until it is read.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from syncd.core.quantity import ZERO, Quantity
from syncd.core.taking import Taking

MAIN = ""


class Places(msgspec.Struct, frozen=True):
    """`locations`: the ERP's location by place; `home`: the one that orders' moves go to. `taken_at`: the places whose counters orders take from. `pooled`: from any of them,
    or from one that isn't kept."""

    locations: Mapping[str, str]
    home: str
    taken_at: tuple[str, ...] = (MAIN,)
    pooled: bool = False

    @property
    def room_at(self) -> tuple[str, ...]:
        """The one place where an order on its way into the shop finds its units; none where nobody can tell which it will be."""
        return () if self.pooled else self.taken_at[:1]

    def counters(self, item: str) -> list[str]:
        """The names of a stock item's counters."""
        return [item + place for place in self.locations]

    def takings(self, item: str, taking: Taking) -> list[tuple[str, Taking]]:
        """What an order's taking from a stock item is to each of its counters."""
        mine = _any_part(taking) if self.pooled else taking
        return [(item + place, mine) for place in self.taken_at]


def _any_part(taking: Taking) -> Taking:
    """Any part of a change, at one of several counters: from nothing to all of it."""
    up = max(taking.high, taking.most) - taking.was
    down = min(taking.low, taking.least) - taking.was
    low = Quantity(min(ZERO, taking.low - taking.was))
    high = Quantity(max(ZERO, taking.high - taking.was))
    least, most = Quantity(min(ZERO, down)), Quantity(max(ZERO, up))
    return msgspec.structs.replace(taking, was=ZERO, low=low, high=high, least=least, most=most)
