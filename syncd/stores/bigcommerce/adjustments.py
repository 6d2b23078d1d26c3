"""Writing BigCommerce's counters: `POST .../adjustments/relative` and `PUT .../adjustments/absolute`.

A 200 means accepted; it is applied a little later, and there is no way to ask for a transaction. A 422 refuses: as far
as the vendor's pages tell, the whole request, for the sake of one item. No page says so in as many words, so what is
done after it is right either way:

- The items that its title names get their answer: they were not applied.
- Levels are put again without them, which changes nothing where they were put before.
- Lowerings are sent again, in halves where nobody is named, until the offender stands alone. Each may have been applied
  by every refused request that it was in, so its outcome says how often (`repeats`), and belief is wide by that until the
  item is read: the shop shows too little for a moment, at worst.
- Raises are not sent again: twice would be too much. They are told as not sent, and as perhaps applied once. Where nobody
  was named, the next call sends them in parts of half the size, so that the offender is found without haste.

A request whose end is unclear is not followed by another: what was not sent yet is reported so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from syncd.stores.bigcommerce.items import Counter, Identity
from syncd.stores.bigcommerce.locations import Locations

WRITES_MAX = 2_000  # items of one adjustment, the vendor's limit
REQUESTS_MAX = 40  # for one call: finds two unnamed offenders among 2000 items; what is left then is not sent
WARY_MAX = 20_000  # raises that are sent in smaller parts since a request with them was refused; no more are remembered
LEVEL_MAX = 2_147_483_647  # the vendor doesn't save a greater level at a location
REASON_CHARACTERS_MAX = 200  # of what a refusal says, and of the reason that we give
NOT_SENT = "not sent"  # how the reason of a write begins that never left, for no fault of its own

_RELATIVE = ("POST", "/v3/inventory/adjustments/relative")
_ABSOLUTE = ("PUT", "/v3/inventory/adjustments/absolute")
_NAMED = re.compile(r"(product_id|variant_id)[ :=]+([0-9]+)")
_PLACE = re.compile(r"items?\.([0-9]+)(?:\.|$)")
_ABSOLUTE_FIRST = "requires absolute adjustment before relative"
_NO_LOCATION = re.compile(r"location not found[^0-9]*([0-9, ]*)", re.IGNORECASE)
_TRACKED_OTHERWISE = "tracked"  # by product, by variant, or not at all: the catalogue tells
_ADJUSTED = msgspec.json.Decoder(wire.Adjusted)
_PROBLEM = msgspec.json.Decoder(wire.Problem)
_DIVISIBLE = frozenset({400, 413, 422})  # one item, or the number of items, may be to blame
_UNSURE = 422  # a refusal of one item; perhaps not of the others


@dataclass(slots=True, eq=False)
class _Entry:
    """One item of a request, and its place among the writes of the call."""

    place: int
    key: str
    counter: Counter
    quantity: int  # whole units
    refused: int = 0  # requests with it that were refused, perhaps for others' sake: each may have applied it


class _Verdict(NamedTuple):
    """What a refusal says about one item."""

    result: WriteResult
    reason: str


Kind = tuple[str, str]


class Adjustments:
    """Sends adjustments. One call at a time: whoever calls sees to it."""

    def __init__(self, client: Client, locations: Locations) -> None:
        self._client = client
        self._locations = locations
        self._wary: dict[Counter, int] = {}  # soft: in how large a part each of these is sent, when it is raised

    async def send(
        self, writes: Sequence[LevelWrite], safety: Mapping[Counter, Quantity], not_after: Instant
    ) -> tuple[WriteOutcome, ...]:
        """Send the relative changes, then the absolute levels (plus each one's safety stock: on hand is what is put), of all
        locations together. No request leaves after `not_after`.

        Raises StoreFault, Throttled or MisconfiguredError when surely nothing of the call was written.
        """
        ends: dict[int, _Verdict] = {}
        relative: list[_Entry] = []
        absolute: list[_Entry] = []
        for place, write in enumerate(writes):
            found = self._entry(place, write, safety)
            if isinstance(found, _Verdict):
                ends[place] = found
            else:
                (relative if write.level is None else absolute).append(found)
        call = _Call(self._client, self._locations, self._wary, not_after, ends)
        await call.send(_RELATIVE, relative)
        await call.send(_ABSOLUTE, absolute)
        refused = {entry.place: entry.refused for entry in relative if entry.refused}
        return tuple(
            WriteOutcome(write.key, *ends[place], repeats=refused.get(place, 0)) for place, write in enumerate(writes)
        )

    def _entry(self, place: int, write: LevelWrite, safety: Mapping[Counter, Quantity]) -> _Entry | _Verdict:
        """What to send of a write, or its end where there is nothing to send."""
        quantity = _quantity(write)
        counter = self._locations.counter(write.item)
        if counter is None:
            return _refuse(f"{write.item!r} is no stock item of this BigCommerce store")
        if not is_whole(quantity):
            return _refuse(f"BigCommerce counts whole units, not {show(quantity)}")
        if write.level is None and quantity == 0:
            return _Verdict(WriteResult.APPLIED, "nothing to change")
        if why := self._locations.why_closed(counter.location):
            return _Verdict(WriteResult.IGNORED, why)
        if write.level is not None:
            if counter not in safety:
                return _Verdict(WriteResult.NOT_SENT, f"{NOT_SENT}: its safety stock could not be read")
            quantity = Quantity(quantity + safety[counter])
        if abs(quantity) > LEVEL_MAX * UNIT or (write.level is not None and quantity < 0):
            return _refuse(f"{show(quantity)} is beyond what BigCommerce can store")
        return _Entry(place, write.key, counter, quantity // UNIT)


class _Call:
    """The requests of one call, and how far they have come."""

    def __init__(
        self,
        client: Client,
        locations: Locations,
        wary: dict[Counter, int],
        not_after: Instant,
        ends: dict[int, _Verdict],
    ) -> None:
        self._client = client
        self._locations = locations
        self._wary = wary
        self._not_after = not_after
        self._ends = ends
        self._requests_left = REQUESTS_MAX
        self._touched = False  # something was accepted, or may have been: no error may hide it
        self._stopped = ""

    async def send(self, kind: Kind, entries: list[_Entry]) -> None:
        """Bring every entry to an end. Raises while nothing was touched."""
        parts = [(part, False) for part in self._parts(kind, entries)]
        while parts:
            part, is_first_half = parts.pop()
            if not self._stopped and not self._requests_left:
                self._stopped = f"{REQUESTS_MAX} requests were not enough to find all the items that the store refuses"
            if self._stopped:
                self._end(part, _Verdict(WriteResult.NOT_SENT, f"{NOT_SENT}: {self._stopped}"))
                continue
            self._requests_left -= 1
            again = await self._attempt(kind, part)
            if again is None and is_first_half and len(parts[-1][0]) > 1:
                half, _ = parts.pop()  # its sibling was accepted, so the offender is in it: no use to send it whole
                again = _halves(half)
            again = again or []
            parts += [(one, len(again) == 2 and one is again[0]) for one in reversed(again)]

    def _parts(self, kind: Kind, entries: list[_Entry]) -> Iterator[list[_Entry]]:
        """As few requests as can be; raises that were in a refused request go in smaller ones."""
        sizes: dict[int, list[_Entry]] = {}
        for entry in entries:
            raises = kind is _RELATIVE and entry.quantity > 0
            sizes.setdefault(self._wary.get(entry.counter, WRITES_MAX) if raises else WRITES_MAX, []).append(entry)
        for size in sorted(sizes):  # the last part is sent first
            mine = sizes[size]
            yield from (mine[start : start + size] for start in range(0, len(mine), size))

    async def _attempt(self, kind: Kind, part: list[_Entry]) -> list[list[_Entry]] | None:
        """Send one request. Gives the parts that are to be sent again; None if it was accepted."""
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
            return self._refused(kind, part, error)
        except (StoreFault, Throttled, MisconfiguredError) as error:
            return self._give_up(part, error)
        self._touched = True
        self._end(part, _Verdict(WriteResult.APPLIED, f"transaction {transaction}"))
        for entry in part:
            self._wary.pop(entry.counter, None)
        return None

    def _refused(self, kind: Kind, part: list[_Entry], error: RefusedError) -> list[list[_Entry]]:
        """This request was refused: say so for those to blame, and give the others that are to be sent again."""
        try:
            problem = _PROBLEM.decode(error.body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            problem = wire.Problem()
        text = " ".join(said for said in (problem.title, problem.detail) if isinstance(said, str) and said)
        blamed = self._without_location(part, text, error) or _blame(part, text, problem.errors)
        rest = [entry for entry in part if entry.place not in blamed]
        if not blamed and (len(rest) == 1 or error.status not in _DIVISIBLE):
            self._end(rest, _verdict(text or str(error)))
            for entry in rest:
                self._wary.pop(entry.counter, None)
            return []
        self._ends |= blamed
        if kind is _RELATIVE and error.status == _UNSURE:
            rest = self._unsure(rest, named=bool(blamed))
        if not rest:
            return []
        return [rest] if blamed or len(rest) < len(part) else _halves(rest)

    def _unsure(self, rest: list[_Entry], *, named: bool) -> list[_Entry]:
        """These may have been applied, though their request was refused for another's sake. Gives those to send again."""
        raises = [entry for entry in rest if entry.quantity > 0]
        if rest:
            self._touched = True
        for entry in rest:
            entry.refused += 1
        self._end(raises, _Verdict(WriteResult.NOT_SENT, f"{NOT_SENT} again: its request was refused for another item"))
        if raises and not named:
            size = max(1, len(raises) // 2)
            for entry in raises:
                if entry.counter in self._wary or len(self._wary) < WARY_MAX:
                    self._wary[entry.counter] = size
        return [entry for entry in rest if entry.quantity <= 0]

    def _without_location(self, part: list[_Entry], text: str, error: RefusedError) -> dict[int, _Verdict]:
        """The entries at locations that the refusal names. Raises MisconfiguredError where all are at the only one."""
        match = _NO_LOCATION.search(text)
        if match is None:
            return {}
        if self._locations.is_alone:
            why = f"the store has no location {self._locations.main}: {text[:REASON_CHARACTERS_MAX]}"
            if not self._touched:
                self._locations.close(self._locations.main, why, error.operation)
            self._stopped = why
            return {entry.place: _Verdict(WriteResult.NOT_SENT, f"{NOT_SENT}: {why}") for entry in part}
        named = {int(number) for number in re.findall(r"[0-9]+", match[1])}
        for number in named:
            self._locations.close(number, f"location {number}: {text[:REASON_CHARACTERS_MAX]}", error.operation)
        return {
            entry.place: _Verdict(WriteResult.IGNORED, self._locations.why_closed(entry.counter.location))
            for entry in part
            if entry.counter.location in named
        }

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
                        "location_id": entry.counter.location,
                        entry.counter.identity.field: entry.counter.identity.number,
                        "quantity": entry.quantity,
                    }
                    for entry in part
                ],
            }
        )

    def _end(self, part: list[_Entry], verdict: _Verdict) -> None:
        for entry in part:
            self._ends[entry.place] = verdict


def _halves(part: list[_Entry]) -> list[list[_Entry]]:
    middle = len(part) // 2
    return [part[:middle], part[middle:]]


def _quantity(write: LevelWrite) -> Quantity:
    """The change or the level, of which there is just one. Raises BugError."""
    if (write.change is None) == (write.level is None):
        raise BugError(f"write {write.key}: either a change or a level", key=write.key, operation="write levels")
    return write.change if write.change is not None else write.level if write.level is not None else ZERO


def _blame(part: Sequence[_Entry], text: str, errors: object) -> dict[int, _Verdict]:
    """The entries that a refusal names, by their place: by id in its title, by number in the list of its errors."""
    named = {Identity(field, int(number)) for field, number in _NAMED.findall(text)}
    blamed = {entry.place: _verdict(text) for entry in part if entry.counter.identity in named}
    if not blamed and isinstance(errors, dict):
        for name, said in errors.items():
            match = _PLACE.match(name)
            if match and int(match[1]) < len(part):
                blamed[part[int(match[1])].place] = _refuse(f"{text}: {said}")
    return blamed


def _verdict(text: str) -> _Verdict:
    """What the title of a refusal means for the item that it is about."""
    result = WriteResult.REFUSED
    if _ABSOLUTE_FIRST in text:
        result = WriteResult.NEEDS_ABSOLUTE
    elif _TRACKED_OTHERWISE in text:
        result = WriteResult.IGNORED
    return _Verdict(result, text[:REASON_CHARACTERS_MAX])


def _refuse(reason: str) -> _Verdict:
    return _Verdict(WriteResult.REFUSED, reason[:REASON_CHARACTERS_MAX])
