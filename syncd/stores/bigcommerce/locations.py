"""The store's locations that syncd keeps: how their counters are named, and which of them can be used now.

One of them is *main*: its counters have the plain names, as in the ledgers of a time when there was one location alone.
Orders take stock from the store's default location, whose id is 1 in every store (vendor page "Locations").

A location that the store doesn't have, or that is disabled, is a misconfiguration of that location: nothing is written to
it, and the others go on. Where it is the only one there is nothing to go on with, and the store stops.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from syncd.errors import MisconfiguredError, StoreFault
from syncd.stores.bigcommerce import wire
from syncd.stores.bigcommerce.client import Client, decode
from syncd.stores.bigcommerce.items import Counter, identify

DEFAULT_LOCATION_ID = 1  # of every store: it can't be deleted, and online orders take from it
LOCATIONS_MAX = 100  # kept in one store: the vendor's greatest plan has as many
HINT = "configure ids that the store's inventory locations have, and enable them there"

_ANSWER = msgspec.json.Decoder(wire.LocationsAnswer, strict=False)


def place_of(location: int, main: int) -> str:
    """What a counter's name ends with at this location."""
    return "" if location == main else f"@{location}"


class Locations:
    """The locations that syncd keeps, and why some of them can't be used."""

    def __init__(self, client: Client, main: int, others: Iterable[int] = ()) -> None:
        self._client = client
        self.main = main
        self.ids = tuple(dict.fromkeys((main, *others)))
        self._closed: dict[int, str] = {}

    @property
    def is_alone(self) -> bool:
        """Whether there is one location alone."""
        return len(self.ids) == 1

    @property
    def open_ids(self) -> tuple[int, ...]:
        """Those that can be used, as far as is known."""
        return tuple(number for number in self.ids if number not in self._closed)

    def counter(self, item: str) -> Counter | None:
        """The counter that a stock item names; None for a name that isn't one of this store's kept locations."""
        base, mark, number = item.partition("@")
        identity = identify(base)
        if identity is None or (mark and not number.isdecimal()):
            return None
        location = int(number) if mark else self.main
        return Counter(location, identity) if location in self.ids else None

    def item(self, item: str, location: int) -> str:
        """The name of an item's counter at a location; `item` is its name at the main one."""
        return item + place_of(location, self.main)

    def why_closed(self, location: int) -> str:
        """Why a location can't be used; "" if it can."""
        return self._closed.get(location, "")

    def close(self, location: int, why: str, operation: str = "") -> None:
        """A location turned out not to be usable. Raises MisconfiguredError where it is the only one."""
        if self.is_alone:
            raise MisconfiguredError(why, operation=operation, hint=HINT)
        self._closed[location] = why

    async def refresh(self) -> tuple[str, ...]:
        """Ask the store which locations it has. Returns what an operator should know. Raises as `Client.read`, but that the
        token may not ask (it needs no such right where location 1 alone is kept, and then nothing is asked)."""
        if self.ids == (DEFAULT_LOCATION_ID,):
            return ()
        query = [("location_id:in", ",".join(map(str, self.ids))), ("limit", str(LOCATIONS_MAX))]
        try:
            answer = await self._client.read("/v3/inventory/locations", query)
        except MisconfiguredError as error:
            self._closed = {}  # found out by trying, now and then
            return (f"the store's locations can't be listed ({error}): give the token the right to read locations",)
        found = {location.id: location for location in decode(answer, _ANSWER).data}
        if any(number not in self.ids for number in found):
            raise StoreFault(f"asked for the locations {self.ids}, the answer holds others", operation=answer.operation)
        closed: dict[int, str] = {}
        for number in self.ids:
            location = found.get(number)
            if location is None:
                closed[number] = f"the store has no location {number}"
            elif location.enabled is False:
                closed[number] = f"location {number} ({location.label or 'unnamed'}) is disabled in the store"
        self._closed = {} if self.is_alone else closed
        return tuple(f"{why}: nothing is written there" for why in closed.values())
