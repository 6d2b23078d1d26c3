"""What each stock item of a shop should show, what it is believed to show, and what follows: from ledger rows alone.

The publisher acts on it, `plan` shows it, `explain` prints its terms, `audit` compares it with a reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from syncd.core.belief import DOUBT, UNKNOWN, Belief, Interval, ItemBook, believe
from syncd.core.places import Places
from syncd.core.publish import Blocked, Decision, Surroundings, decide, lost_lowerings
from syncd.core.quantity import SECOND, ZERO, Instant, Quantity
from syncd.core.target import SkuTarget, item_target, sku_target
from syncd.ledger import carts, items, levels, placing
from syncd.ledger.items import ItemRow
from syncd.ledger.moves import sku_in_doubt
from syncd.ports.store import InventoryTraits

DOUBT_PAUSE_US = 15 * SECOND  # for so long a reading may tell what became of a lowering; then it is sent once more
RESTLESS_US = 10 * SECOND  # an item that sells all the time is read so often, until belief is narrow


@dataclass(frozen=True, slots=True)
class Moment:
    """What holds for the whole shop at this moment: how far its orders are drained, and what is fresh."""

    now: Instant
    drained: Instant
    erp_fresh: bool
    orders_fresh: bool


@dataclass(frozen=True, slots=True)
class Shop:
    """The shop as plain values."""

    tenant: str
    store: str
    places: Places
    buffer: Quantity
    drift: str
    traits: InventoryTraits


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One item: its targets by SKU, its belief, and the decision. `target` is None where the ERP has not shown a SKU."""

    row: ItemRow
    book: ItemBook
    belief: Belief
    skus: dict[str, SkuTarget]
    target: Quantity | None
    decision: Decision

    @property
    def falls_to_zero(self) -> bool:
        """Whether the write would take the item off sale (BRAKE counts these)."""
        return self.decision.change < 0 and self.decision.shown <= 0 < self.belief.interval.lo

    @property
    def is_apart(self) -> bool:
        """Whether the shop surely shows something else than it should."""
        interval = self.belief.interval
        is_known = interval.lo > -UNKNOWN and interval.hi < UNKNOWN
        return self.target is not None and is_known and not interval.lo <= self.decision.shown <= interval.hi

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do or to learn: the shop is known to show what it should."""
        return self._is_right and (
            not self.book.readings or self.book.readings[-1] in self.belief.used or self._own_is_newest()
        )

    def awaits(self, drained: Instant) -> Instant | None:
        """Up to when the orders must be drained before another look can tell more; None if it waits for something else."""
        if not self._is_right and self.decision.blocked is not Blocked.UNREAD:
            return None
        return min((reading.ended for reading in self.book.readings if reading.ended > drained), default=None)

    @property
    def _is_right(self) -> bool:
        """Whether the shop shows what it should, as far as is known, and no write of ours can change that any more: a reading
        that began after the end of those in doubt tells."""
        interval = self.belief.interval
        told = self.belief.used[-1].began if self.belief.used else Instant(0)
        return (
            interval.lo == interval.hi == self.decision.shown
            and self.decision.blocked is None
            and not any(write.state == DOUBT and write.ended >= told for write in self.book.writes)
        )

    def wants_reading(self, begins: Instant, drained: Instant) -> bool:
        """Whether a reading that is true of no earlier instant than `begins` would tell more: belief is wide, and the newest
        reading is older than what made it so (or, of an item that never rests, simply old)."""
        if self.belief.interval.lo == self.belief.interval.hi or not self.book.readings:
            return False
        if self.decision.blocked is Blocked.UNREAD and self.awaits(drained) is not None:
            return False  # nothing is known before the orders are drained so far; then is the time to read again
        newest = self.book.readings[-1].began
        ends = [change.ended for change in self.book.changes] + [write.ended for write in self.book.writes]
        last = max(ends, default=Instant(0))
        return newest <= last < begins or newest < begins - RESTLESS_US

    def _own_is_newest(self) -> bool:
        return bool(self.belief.used) and self.belief.used[-1].ended >= self.book.readings[-1].ended


def evaluate(connection: Connection, shop: Shop, rows: Sequence[ItemRow], moment: Moment) -> list[Evaluation]:
    """Evaluate these items. A handful of queries for each of the shop's locations, whatever their number. Each item follows the
    ERP's level at its own location; one at a location that isn't kept any more follows nothing."""
    if not rows:
        return []
    doubtful = sku_in_doubt(connection, shop.tenant, {sku for row in rows for sku, _ in row.recipe})
    books = items.item_books(connection, shop.tenant, shop.store, [row.item for row in rows])
    targets: dict[str, dict[str, SkuTarget]] = {}
    for place in {row.place for row in rows}:
        skus = sorted({sku for row in rows if row.place == place for sku, _ in row.recipe})
        targets[place] = _targets(connection, shop, place, skus, moment)
    return [_evaluate(shop, row, books[row.item], targets[row.place], doubtful, moment) for row in rows]


def _targets(
    connection: Connection, shop: Shop, place: str, skus: Sequence[str], moment: Moment
) -> dict[str, SkuTarget]:
    """The targets of these SKUs at a place, by the ERP's location for it. Orders find their room where orders take from."""
    location = shop.places.locations.get(place)
    if location is None:
        return {}
    readings = levels.erp_readings(connection, shop.tenant, location, skus)
    accounts = levels.open_accounts(connection, shop.tenant, location, skus)
    held = carts.holds(connection, shop.tenant, location, skus, moment.now)
    rooms = placing.open_rooms(connection, shop.tenant, shop.store, skus) if place in shop.places.room_at else {}
    return {
        sku: sku_target(
            sku,
            shop.store,
            reading,
            accounts.get(sku, ()),
            buffer=shop.buffer,
            now=moment.now,
            carts=held.get(sku, ()),
            rooms=rooms.get(sku, ()),
        )
        for sku, reading in readings.items()
    }


def _evaluate(
    shop: Shop,
    row: ItemRow,
    book: ItemBook,
    targets: dict[str, SkuTarget],
    doubtful: frozenset[str],
    moment: Moment,
) -> Evaluation:
    belief = believe(book, moment.drained, shop.traits.floor)
    if row.needs_absolute and not book.readings:
        belief = Belief(Interval(ZERO, ZERO))  # the shop shows nothing: as good as none
    mine = {sku: targets[sku] for sku, _ in row.recipe if sku in targets}
    if len(mine) < len(row.recipe) or not row.recipe:
        return Evaluation(row, book, belief, mine, None, Decision(ZERO, ZERO, Blocked.NO_ERP))
    target = Quantity(item_target(row.recipe, mine, whole=shop.traits.whole_units) + row.accepted)
    around = Surroundings(
        erp_fresh=moment.erp_fresh and not any(part.reading.absent for part in mine.values()),
        orders_fresh=moment.orders_fresh,
        in_doubt=any(sku in doubtful for sku in mine)
        or any(w.state == DOUBT and w.ended + shop.traits.stale_us > moment.drained for w in book.writes),
        write_alive=any(w.is_alive(moment.now) for w in book.writes),
        lowering_alive=any(w.change < 0 and w.is_alive(moment.now) for w in book.writes),
        drift_blocks=bool(row.accepted) and shop.drift == "report",
        lost=lost_lowerings(book, belief, Instant(moment.now - DOUBT_PAUSE_US)),
    )
    absolute = not shop.traits.relative or row.needs_absolute
    decision = decide(target, belief, shop.traits.floor, around, absolute=absolute)
    return Evaluation(row, book, belief, mine, target, decision)


def gap(book: ItemBook, belief: Belief, moment: Moment, floor: Quantity | None) -> Quantity:
    """By how much the newest reading contradicts the ones before it: positive if the shop has more than the book says."""
    older = ItemBook(tuple(r for r in book.readings if r not in belief.used), book.changes, book.writes)
    before = believe(older, moment.drained, floor).interval
    if belief.interval.lo > before.hi:
        return Quantity(belief.interval.lo - before.hi)
    if belief.interval.hi < before.lo:
        return Quantity(belief.interval.hi - before.lo)
    return ZERO
