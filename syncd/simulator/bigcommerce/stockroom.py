"""The counters: one for each stock item and location, and the adjustments that are still on their way to them.

An order moves a counter at once. An adjustment by the API is accepted first and applied later (vendor page "Inventory
adjustments"); `settle` applies what is due, so nothing here needs a timer. Between acceptance and application other
movements go on, and that is where the vendor's quirks live:

- a relative decrease is checked again when it is applied; two decreases that were in flight together and don't fit
  together are both dropped, though one would fit (the page's example);
- an absolute write overwrites whatever was sold since it was sent;
- a relative write beside an absolute one in flight may add to the level from before it.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from syncd.simulator.bigcommerce.products import ItemKey
from syncd.simulator.bigcommerce.settings import Settings

CHANGES_MAX: Final = 50_000
"""Changes remembered for one counter: enough for a day of load tests; the oldest tenth is dropped beyond."""
LEVEL_MAX: Final = 2_147_483_647
"""The vendor's limit; the Inventory API doesn't save above it."""


@dataclass(slots=True, frozen=True)
class Change:
    """One movement of a counter. `level` is what it showed afterwards (None: no stock was ever set)."""

    at_us: int
    change: int
    level: int | None
    cause: str


@dataclass(slots=True, eq=False)
class Adjustment:
    """A write by the API, accepted at `posted_us` and applied at `apply_us`."""

    kind: Literal["relative", "absolute"]
    quantity: int
    posted_us: int
    apply_us: int
    cause: str
    level_when_posted: int | None
    """The level from before an absolute write that is in flight; None without one."""


@dataclass(slots=True, eq=False)
class Counter:
    """The stock of one item at one location."""

    item: ItemKey
    sku: str
    location_id: int
    level: int | None = None
    safety_stock: int = 0
    warning_level: int = 0
    bin_picking_number: str = ""
    changes: list[Change] = field(default_factory=list)
    in_flight: list[Adjustment] = field(default_factory=list)
    dropped: list[Adjustment] = field(default_factory=list)

    @property
    def available(self) -> int:
        """What may be sold: on hand less the safety stock, never below 0."""
        return max(0, (self.level or 0) - self.safety_stock)

    def level_at(self, at_us: int) -> int | None:
        """The level as it was; before the first change, as it began."""
        if not self.changes:
            return self.level
        found = bisect_right(self.changes, at_us, key=lambda change: change.at_us)
        return self.changes[max(0, found - 1)].level

    def record(self, at_us: int, level: int | None, cause: str) -> None:
        """Set the level and remember why."""
        self.changes.append(Change(at_us, (level or 0) - (self.level or 0), level, cause))
        self.level = level
        if len(self.changes) > CHANGES_MAX:
            del self.changes[: CHANGES_MAX // 10]


class Stockroom:
    """All counters of a shop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._counters: dict[ItemKey, dict[int, Counter]] = {}
        self._due: list[tuple[int, int, Counter, Adjustment]] = []
        self._sequence = 0
        self.relative_writes = 0
        self.absolute_writes = 0
        self.oversold: dict[str, int] = {}
        self.watch: Callable[[Counter, int], None] = lambda _counter, _before: None
        """Told of each change of a level, with what was available before."""

    def counter(self, item: ItemKey, sku: str, location_id: int) -> Counter:
        """The counter of an item at a location, made on first use with no stock set."""
        places = self._counters.setdefault(item, {})
        if location_id not in places:
            places[location_id] = Counter(item, sku, location_id)
        return places[location_id]

    def find(self, item: ItemKey, location_id: int) -> Counter | None:
        """The counter of an item at a location, if it has one."""
        return self._counters.get(item, {}).get(location_id)

    def counters(self, item: ItemKey) -> list[Counter]:
        """The counters of an item, by location."""
        places = self._counters.get(item, {})
        return [places[number] for number in sorted(places)]

    def forget(self, location_id: int) -> None:
        """A location was deleted: its stock goes with it, and what is on its way there."""
        for places in self._counters.values():
            places.pop(location_id, None)
        self._due = [entry for entry in self._due if entry[2].location_id != location_id]
        heapq.heapify(self._due)

    def all(self) -> Iterator[Counter]:
        """Every counter."""
        for places in self._counters.values():
            yield from places.values()

    def set_by_hand(self, counter: Counter, level: int | None, now_us: int, cause: str = "hand") -> None:
        """What the merchant types into the panel; it counts at once."""
        self._record(counter, now_us, level, cause)

    def _record(self, counter: Counter, at_us: int, level: int | None, cause: str) -> None:
        before, was = counter.available, counter.level
        counter.record(at_us, level, cause)
        if level != was:
            self.watch(counter, before)

    def move(self, counter: Counter, change: int, now_us: int, cause: str) -> None:
        """A movement by an order, at once. Below 0 the counter stops, and the rest is counted as oversold."""
        level = (counter.level or 0) + change
        if change < 0 and level < 0:
            short = min(-level, -change)
            self.oversold[counter.sku] = self.oversold.get(counter.sku, 0) + short
            if not self._settings.switches.negative_levels:
                level = min(0, counter.level or 0)
        self._record(counter, now_us, level, cause)

    def accept(
        self,
        counter: Counter,
        kind: Literal["relative", "absolute"],
        quantity: int,
        *,
        now_us: int,
        delay_us: int,
        cause: str,
    ) -> None:
        """Take an adjustment that passed its checks; `settle` applies it."""
        apply_us = now_us + delay_us
        overtakes = kind == "absolute" and self._settings.switches.absolutes_overtake
        if counter.in_flight and not overtakes:
            apply_us = max(apply_us, counter.in_flight[-1].apply_us)
        waiting = any(one.kind == "absolute" for one in counter.in_flight)
        adjustment = Adjustment(kind, quantity, now_us, apply_us, cause, counter.level if waiting else None)
        counter.in_flight.append(adjustment)
        self._sequence += 1
        heapq.heappush(self._due, (apply_us, self._sequence, counter, adjustment))
        if kind == "relative":
            self.relative_writes += 1
        else:
            self.absolute_writes += 1

    def settle(self, now_us: int) -> None:
        """Apply what is due."""
        while self._due and self._due[0][0] <= now_us:
            _, _, counter, adjustment = heapq.heappop(self._due)
            counter.in_flight.remove(adjustment)
            together = (*counter.in_flight, *counter.dropped)
            level, applied = self._outcome(counter.level, adjustment, together, counter.safety_stock)
            if applied:
                self._record(counter, adjustment.apply_us, level, adjustment.cause)
            else:
                counter.dropped.append(adjustment)
                counter.record(adjustment.apply_us, level, f"{adjustment.cause} refused")
            horizon = min((one.posted_us for one in counter.in_flight), default=None)
            counter.dropped = [] if horizon is None else [one for one in counter.dropped if one.apply_us > horizon]

    def final_level(self, counter: Counter) -> int:
        """The level once everything in flight is applied, if nothing else happens."""
        level = counter.level
        waiting = sorted(counter.in_flight, key=lambda one: one.apply_us)
        dropped = list(counter.dropped)
        while waiting:
            adjustment = waiting.pop(0)
            level, applied = self._outcome(level, adjustment, (*waiting, *dropped), counter.safety_stock)
            if not applied:
                dropped.append(adjustment)
        return level or 0

    def _outcome(
        self, level: int | None, adjustment: Adjustment, together: tuple[Adjustment, ...], safety_stock: int
    ) -> tuple[int | None, bool]:
        """The level after one adjustment, and whether the vendor applies it beside those in flight together with it."""
        switches = self._settings.switches
        if adjustment.kind == "absolute":
            fits = adjustment.quantity <= LEVEL_MAX
            return (adjustment.quantity if fits else level), fits
        if switches.relative_uses_pre_absolute and adjustment.level_when_posted is not None:
            level = adjustment.level_when_posted
        wanted = (level or 0) + adjustment.quantity
        if wanted > LEVEL_MAX:
            return level, False
        if adjustment.quantity >= 0:
            return wanted, True
        rivals = 0
        if switches.contention_fails_both:
            rivals = sum(one.quantity for one in together if one.kind == "relative" and one.quantity < 0)
        fits = wanted + rivals >= safety_stock
        return (wanted if fits else level), fits
