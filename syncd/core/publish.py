"""What to write to a shop's counter, and what forbids it.

Always target - hi: with the upper end of belief, doubt only ever makes the shop show too little. DOUBT-LOWERS: doubt, lag,
an ERP outage and quarantine forbid raising, never lowering. Raising needs a fresh order stream, a fresh reading of the ERP,
no write of ours that may still land, and no move of the SKU whose end is unknown.

Where the shop has a floor, a lowering by units that aren't there any more is refused, or dropped without a word: at the last
units that is the rule, as sales that nobody has read yet come first. So a shop is sold out by putting the floor itself,
which fits whatever was sold. It isn't put while another write of ours is landing: then the units are taken off at once, and
the floor is put when that has landed, if it must be. Above the floor, what may have been dropped waits for a reading.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from syncd.core.belief import DOUBT, Belief, ItemBook
from syncd.core.quantity import ZERO, Instant, Quantity


class Blocked(StrEnum):
    """Why nothing is written though the shop doesn't show its target; the value is for people."""

    UNREAD = "the item has no usable reading yet"
    NO_ERP = "the ERP has not shown this SKU"
    ERP_STALE = "the last reading of the ERP is too old to raise"
    ORDERS_STALE = "the shop's orders are not read up to date: too old to raise"
    DOUBT = "an own write or move has no known end: not raised meanwhile"
    LANDING = "an own write is still landing"
    BELOW_FLOOR = "the target is below what the shop can show"
    DRIFT = "readings contradict the book: not raised before it is explained"


class Surroundings(msgspec.Struct, frozen=True):
    """What holds at this moment for an item: freshness, doubt, and whether a write of ours is alive. `lost`: units of own
    lowerings that were sent a moment ago, and of which neither an answer nor a reading tells."""

    erp_fresh: bool
    orders_fresh: bool
    in_doubt: bool
    write_alive: bool
    lowering_alive: bool
    drift_blocks: bool = False
    lost: Quantity = ZERO


class Decision(msgspec.Struct, frozen=True):
    """`change`: units to add to the counter, 0 for none. `blocked` says why it is 0 though it shouldn't be. `puts`: the shop
    could drop the change; it is read, and gets its floor."""

    change: Quantity
    shown: Quantity
    blocked: Blocked | None = None
    puts: bool = False


def decide(
    target: Quantity, belief: Belief, floor: Quantity | None, around: Surroundings, *, absolute: bool
) -> Decision:
    """The write for one item. `floor` is the lowest level that the platform can show (None: it has none)."""
    shown = target if floor is None else Quantity(max(floor, target))
    if not belief.interval.is_known:
        return Decision(ZERO, shown, Blocked.UNREAD)
    change = Quantity(shown - belief.interval.hi)
    if change == 0 and belief.interval.lo == belief.interval.hi:
        return Decision(ZERO, shown)
    if absolute and around.write_alive:  # two absolute writes to one item are never alive together
        return Decision(ZERO, shown, Blocked.LANDING)
    if change < 0:
        if floor is not None and shown <= floor and not around.write_alive:
            return Decision(change, shown, puts=True)
        # What may have been dropped, or lost on its way a moment ago, isn't sent again before a reading tells: it would sell out
        # the shop.
        change = Quantity(change + belief.dropped + around.lost)
        return Decision(change, shown) if change < 0 else Decision(ZERO, shown, Blocked.DOUBT)
    if change == 0:
        return Decision(ZERO, shown)
    return Decision(ZERO, shown, why) if (why := _why_not_raise(target, floor, around)) else Decision(change, shown)


def lost_lowerings(book: ItemBook, belief: Belief, since: Instant) -> Quantity:
    """Units of own lowerings that were sent after `since`, and of which neither an answer nor a usable reading tells."""
    told = max((reading.began for reading in belief.used), default=since)
    lost = [w for w in book.writes if w.state == DOUBT and not w.is_absolute and w.change < 0]
    return Quantity(-sum(write.change for write in lost if write.began > max(told, since)))


def _why_not_raise(target: Quantity, floor: Quantity | None, around: Surroundings) -> Blocked | None:
    """The first thing that forbids raising, or None."""
    if floor is not None and target <= floor:
        return Blocked.BELOW_FLOOR  # a floor never raises
    if not around.erp_fresh:
        return Blocked.ERP_STALE
    if not around.orders_fresh:
        return Blocked.ORDERS_STALE
    if around.in_doubt:
        return Blocked.DOUBT
    if around.lowering_alive:  # a raise must not overtake a lowering that is still landing
        return Blocked.LANDING
    if around.drift_blocks:
        return Blocked.DRIFT
    return None


BRAKE_ITEMS_MIN = 10  # a handful of items selling out together is a good day, not an accident


def brake(falling_to_zero: int, items: int, share: float) -> bool:
    """BRAKE: whether so many of the shop's items would fall to 0 in one publication that a person must look first."""
    return falling_to_zero >= BRAKE_ITEMS_MIN and falling_to_zero > share * items
