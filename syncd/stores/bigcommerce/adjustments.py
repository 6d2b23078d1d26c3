"""Writing BigCommerce's counters: `POST .../adjustments/relative` and `PUT .../adjustments/absolute`.

A 200 means accepted; it is applied a little later, and there is no way to ask for a transaction. A 422 refuses: as far
as the vendor's pages tell, the whole request, for the sake of one item. So after a 422 nothing of it was applied; the
items that its title names get their answer, and the others are sent again without them. Where it names none (the text
for too little stock is not documented), the request is halved until the offender stands alone. A request whose end is
unclear is not followed by another: what was not sent yet is reported so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from syncd.core.quantity import UNIT, ZERO, Instant, Quantity, is_whole, show
from syncd.errors import (
    BugError,
    MisconfiguredError,
    OutcomeUnknown,
    RefusedError,
    StoreFault,
    Throttled,
)
from syncd.ports.store import LevelWrite, WriteOutcome, WriteResult
from syncd.stores.bigcommerce import wire
from syncd.stores.bigcommerce.client import Client
from syncd.stores.bigcommerce.items import Identity, identify

REQUESTS_MAX = 40  # for one call: finds four unnamed offenders among 500 items; what is left then is not sent
LEVEL_MAX = 2_147_483_647  # the vendor doesn't save a greater level at a location
REASON_CHARACTERS_MAX = 200  # of what a refusal says, and of the reason that we give
NOT_SENT = "not sent"  # how the reason of a write begins that never left, for no fault of its own

_RELATIVE = ("POST", "/v3/inventory/adjustments/relative")
_ABSOLUTE = ("PUT", "/v3/inventory/adjustments/absolute")
_NAMED = re.compile(r"(product_id|variant_id)[ :=]+([0-9]+)")
_PLACE = re.compile(r"items?\.([0-9]+)(?:\.|$)")
_ABSOLUTE_FIRST = "requires absolute adjustment before relative"
_NO_LOCATION = "location not found"
_ADJUSTED = msgspec.json.Decoder(wire.Adjusted)
_PROBLEM = msgspec.json.Decoder(wire.Problem)
_DIVISIBLE = frozenset({400, 413, 422})  # one item, or the number of items, may be to blame


class _Entry(NamedTuple):
    """One item of a request, and its place among the writes of the call."""

    place: int
    key: str
    identity: Identity
    quantity: int  # whole units


class _Verdict(NamedTuple):
    """What a refusal says about one item."""

    result: WriteResult
    reason: str


class Adjustments:
    """Sends adjustments for one location. One call at a time: whoever calls sees to it."""

    def __init__(self, client: Client, location_id: int) -> None:
        self._client = client
        self._location_id = location_id

    async def send(
        self, writes: Sequence[LevelWrite], safety: Mapping[Identity, Quantity], not_after: Instant
    ) -> tuple[WriteOutcome, ...]:
        """Send the relative changes, then the absolute levels (plus each one's safety stock: on hand is what is put). No
        request leaves after `not_after`.

        Raises StoreFault, Throttled or MisconfiguredError when surely nothing of the call was written.
        """
        ends: dict[int, _Verdict] = {}
        relative: list[_Entry] = []
        absolute: list[_Entry] = []
        for place, write in enumerate(writes):
            quantity = _quantity(write)
            identity = identify(write.item)
            if identity is None:
                ends[place] = _refuse(f"{write.item!r} is no stock item of a BigCommerce store")
            elif not is_whole(quantity):
                ends[place] = _refuse(f"BigCommerce counts whole units, not {show(quantity)}")
            elif write.level is None and quantity == 0:
                ends[place] = _Verdict(WriteResult.APPLIED, "nothing to change")
            else:
                if write.level is not None and identity not in safety:
                    ends[place] = _Verdict(WriteResult.NOT_SENT, f"{NOT_SENT}: its safety stock could not be read")
                    continue
                if write.level is not None:
                    quantity = Quantity(quantity + safety[identity])
                if abs(quantity) > LEVEL_MAX * UNIT or (write.level is not None and quantity < 0):
                    ends[place] = _refuse(f"{show(quantity)} is beyond what BigCommerce can store")
                    continue
                entry = _Entry(place, write.key, identity, quantity // UNIT)
                (relative if write.level is None else absolute).append(entry)
        call = _Call(self._client, self._location_id, not_after, ends)
        await call.send(_RELATIVE, relative)
        await call.send(_ABSOLUTE, absolute)
        return tuple(WriteOutcome(write.key, *ends[place]) for place, write in enumerate(writes))


class _Call:
    """The requests of one call, and how far they have come."""

    def __init__(self, client: Client, location_id: int, not_after: Instant, ends: dict[int, _Verdict]) -> None:
        self._client = client
        self._location_id = location_id
        self._not_after = not_after
        self._ends = ends
        self._requests_left = REQUESTS_MAX
        self._touched = False  # something was accepted, or may have been: no error may hide it
        self._stopped = ""

    async def send(self, kind: tuple[str, str], entries: list[_Entry]) -> None:
        """Bring every entry to an end. Raises while nothing was touched."""
        parts = [entries] if entries else []
        while parts:
            part = parts.pop()
            if not self._stopped and not self._requests_left:
                self._stopped = f"{REQUESTS_MAX} requests were not enough to find all the items that the store refuses"
            if self._stopped:
                self._end(part, _Verdict(WriteResult.NOT_SENT, f"{NOT_SENT}: {self._stopped}"))
                continue
            self._requests_left -= 1
            parts += reversed(await self._attempt(kind, part))

    async def _attempt(self, kind: tuple[str, str], part: list[_Entry]) -> list[list[_Entry]]:
        """Send one request. Gives the parts that are to be sent again."""
        method, path = kind
        try:
            answer = await self._client.write(method, path, self._body(part), not_after=self._not_after)
            transaction = _ADJUSTED.decode(answer.body).transaction_id
        except (OutcomeUnknown, msgspec.MsgspecError, UnicodeDecodeError) as error:
            self._touched = True
            self._end(part, _Verdict(WriteResult.UNKNOWN, str(error)[:REASON_CHARACTERS_MAX]))
            self._stopped = "the request before had no clear end"
            return []
        except RefusedError as error:
            return self._refused(part, error)
        except (StoreFault, Throttled, MisconfiguredError) as error:
            return self._give_up(part, error)
        self._touched = True
        self._end(part, _Verdict(WriteResult.APPLIED, f"transaction {transaction}"))
        return []

    def _refused(self, part: list[_Entry], error: RefusedError) -> list[list[_Entry]]:
        """Nothing of this request was applied: say so for those to blame, and give the others to be sent again."""
        try:
            problem = _PROBLEM.decode(error.body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            problem = wire.Problem()
        text = " ".join(said for said in (problem.title, problem.detail) if isinstance(said, str) and said)
        if _NO_LOCATION in text.lower():
            misconfigured = MisconfiguredError(
                f"the store has no location {self._location_id}: {text[:REASON_CHARACTERS_MAX]}",
                operation=error.operation,
                hint="configure a location id that the store's inventory locations have",
            )
            return self._give_up(part, misconfigured)
        blamed = _blame(part, text, problem.errors)
        for entry in part:
            if entry.place in blamed:
                self._ends[entry.place] = blamed[entry.place]
        rest = [entry for entry in part if entry.place not in blamed]
        if blamed or not rest:
            return [rest] if rest else []
        if len(rest) == 1 or error.status not in _DIVISIBLE:
            self._end(rest, _verdict(text or str(error)))
            return []
        middle = len(rest) // 2
        return [rest[:middle], rest[middle:]]

    def _give_up(self, part: list[_Entry], error: StoreFault | Throttled | MisconfiguredError) -> list[list[_Entry]]:
        """The store can't be written to now: an error while nothing was touched, afterwards an end for what is left."""
        if not self._touched:
            raise error
        self._stopped = str(error)
        self._end(part, _Verdict(WriteResult.NOT_SENT, f"{NOT_SENT}: {error}"))
        return []

    def _body(self, part: list[_Entry]) -> bytes:
        others = f" and {len(part) - 1} more" if len(part) > 1 else ""
        return msgspec.json.encode(
            {
                "reason": f"syncd {part[0].key}{others}"[:REASON_CHARACTERS_MAX],
                "items": [
                    {
                        "location_id": self._location_id,
                        entry.identity.field: entry.identity.number,
                        "quantity": entry.quantity,
                    }
                    for entry in part
                ],
            }
        )

    def _end(self, part: list[_Entry], verdict: _Verdict) -> None:
        for entry in part:
            self._ends[entry.place] = verdict


def _quantity(write: LevelWrite) -> Quantity:
    """The change or the level, of which there is just one. Raises BugError."""
    if (write.change is None) == (write.level is None):
        raise BugError(f"write {write.key}: either a change or a level", key=write.key, operation="write levels")
    return write.change if write.change is not None else write.level if write.level is not None else ZERO


def _blame(part: Sequence[_Entry], text: str, errors: object) -> dict[int, _Verdict]:
    """The entries that a refusal names, by their place: by id in its title, by number in the list of its errors."""
    named = {Identity(field, int(number)) for field, number in _NAMED.findall(text)}
    blamed = {entry.place: _verdict(text) for entry in part if entry.identity in named}
    if not blamed and isinstance(errors, dict):
        for name, said in errors.items():
            match = _PLACE.match(name)
            if match and int(match[1]) < len(part):
                blamed[part[int(match[1])].place] = _refuse(f"{text}: {said}")
    return blamed


def _verdict(text: str) -> _Verdict:
    """What the title of a refusal means for the item that it is about."""
    result = WriteResult.NEEDS_ABSOLUTE if _ABSOLUTE_FIRST in text else WriteResult.REFUSED
    return _Verdict(result, text[:REASON_CHARACTERS_MAX])


def _refuse(reason: str) -> _Verdict:
    return _Verdict(WriteResult.REFUSED, reason[:REASON_CHARACTERS_MAX])
