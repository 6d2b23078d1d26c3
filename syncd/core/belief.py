"""Belief: the interval in which an item's level must lie.

What it is about is the *book*: the level that the shop would show if the takings that syncd has not read yet had not
happened. A reading of the counter says something about the book only once the shop's orders are drained past it: then
every taking that can be in the reading is known.

Each reading is carried to now by all that happened since: takings and own writes. Each of them is surely before the
reading (it is in it), surely after it (it moves the interval), or ambiguous: its possible instants touch the reading's,
and it widens the interval by all it may have been at that moment. Every reading so carried is right by itself, so their
intersection is, and it needs no quiet moment: an item that sells every second is known as well as one that never sells.
An empty intersection means that something moved the counter that is in no book: drift.

An absolute write overwrites. Takings between the reading it was computed from and its end may have been put back by it,
so they are ambiguous for earlier readings; a write that is known to have been applied is a reading itself, and once the
orders are drained past it, the earlier ones are not needed any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from syncd.core.quantity import NEVER, Instant, Quantity

UNKNOWN = Quantity(2**60)  # beyond any level: no bound
READINGS_USED = 3  # the intersection of this many is narrow enough most of the time, and old ones only cost

CONFIRMED, DOUBT, SENT = "confirmed", "doubt", "sent"


class Interval(msgspec.Struct, frozen=True):
    """[lo, hi], in ten-thousandths of a unit."""

    lo: Quantity
    hi: Quantity

    @property
    def is_known(self) -> bool:
        """Whether there is an upper bound at all."""
        return self.hi < UNKNOWN

    @property
    def is_empty(self) -> bool:
        """Whether nothing lies in it: the readings contradict each other."""
        return self.lo > self.hi

    def __and__(self, other: Interval) -> Interval:
        return Interval(max(self.lo, other.lo), min(self.hi, other.hi))


ANYTHING = Interval(Quantity(-UNKNOWN), UNKNOWN)


class Reading(msgspec.Struct, frozen=True):
    """A level, and between which instants of our clock it was true. `write`: the seq of the own write it is, or 0."""

    level: Quantity
    began: Instant
    ended: Instant
    write: int = 0


class Change(msgspec.Struct, frozen=True):
    """A change of what the shop took, at some instants within [began, ended]: `was` before, within [low, high] after,
    within [least, most] meanwhile. `plain`: a single placing."""

    began: Instant
    ended: Instant
    was: Quantity
    low: Quantity
    high: Quantity
    least: Quantity
    most: Quantity
    plain: bool


class Write(msgspec.Struct, frozen=True):
    """An own write that should change the level by `change`, with its effect in [began, ended]. `level` is what an absolute
    write puts, `blind_from` since when it may overwrite takings (NEVER for one that adds)."""

    seq: int
    change: Quantity
    level: Quantity | None
    began: Instant
    ended: Instant
    state: str
    blind_from: Instant = NEVER

    @property
    def is_absolute(self) -> bool:
        """Whether it puts a level, over whatever is there."""
        return self.level is not None

    def is_alive(self, now: Instant) -> bool:
        """Whether it may still take effect."""
        return self.state == SENT or (self.state == DOUBT and self.ended > now) or self.ended > now


class ItemBook(msgspec.Struct, frozen=True):
    """All that is known of one item: its readings (oldest first), changes and writes since the oldest of them."""

    readings: tuple[Reading, ...]
    changes: tuple[Change, ...]
    writes: tuple[Write, ...]


class Belief(msgspec.Struct, frozen=True):
    """The interval, and whether the readings contradicted each other (then only the newest speaks)."""

    interval: Interval
    drift: bool = False
    used: tuple[Reading, ...] = ()


def believe(book: ItemBook, drained: Instant) -> Belief:
    """What the item's book must be now, its orders being drained up to `drained` (our clock, as the readings are).

    Without a usable reading nothing is known. Readings inside a change that may hide others (an edit there and back between
    two looks) come last: clean ones are preferred. The newest readings are used, and older ones as long as they tell more:
    readings that are all taken while an own write lands are all wide by it, and the one from before it is exact.
    """
    usable = [r for r in book.readings if r.ended <= drained and not _overwritten_in_doubt(r, book.writes)]
    newest_write = max((r.write for r in usable), default=0)
    if newest_write:
        since = next(r for r in usable if r.write == newest_write).began
        usable = [r for r in usable if r.began >= since]
    clean = [r for r in usable if _is_clean(book, r)]
    candidates = clean or usable
    used = candidates[-READINGS_USED:]
    belief = _intersect(book, used)
    for older in reversed(candidates[:-READINGS_USED]):
        if belief.lo >= belief.hi:
            break
        narrower = belief & carried(book, older)
        if narrower != belief:
            belief, used = narrower, [older, *used]
    if belief.is_empty:
        return Belief(_intersect(book, used[-1:]), drift=True, used=tuple(used[-1:]))
    return Belief(belief, used=tuple(used))


def _overwritten_in_doubt(reading: Reading, writes: Iterable[Write]) -> bool:
    """Whether an absolute write that may or may not have landed was under way during the reading."""
    return any(
        w.is_absolute and w.state != CONFIRMED and w.began < reading.ended and reading.began < w.ended for w in writes
    )


def _intersect(book: ItemBook, readings: Sequence[Reading]) -> Interval:
    result = ANYTHING
    for reading in readings:
        result &= carried(book, reading)
    return result


def _is_clean(book: ItemBook, reading: Reading) -> bool:
    """Whether no change that may hide others touches the reading, or an absolute write after it."""
    spans = [(reading.began, reading.ended)]
    spans += [
        (w.blind_from, w.ended)
        for w in book.writes
        if w.is_absolute and w.seq != reading.write and w.ended >= reading.began
    ]
    return not any(
        not c.plain and c.ended >= reading.began and any(a <= c.ended and c.began <= b for a, b in spans)
        for c in book.changes
    )


def carried(book: ItemBook, reading: Reading) -> Interval:
    """What one reading says about the item now: surely later changes move it, unclear ones widen it."""
    lo = hi = int(reading.level)
    blind = [w for w in book.writes if w.is_absolute and w.seq != reading.write and w.ended >= reading.began]
    for change in book.changes:
        if change.ended < reading.began:
            continue
        over = any(w.blind_from <= change.ended and change.began <= w.ended for w in blind)
        if change.began > reading.ended and not over:
            lo -= change.high - change.was
            hi -= change.low - change.was
            continue
        # Somewhere within [least, most] when it was read (or overwritten), within [low, high] now. There and back again,
        # and only one of the two written over: as much again, both ways.
        reach = change.most - change.least
        detour = reach if over and reach > abs(change.high - change.was) else 0
        lo -= change.high - change.least + detour
        hi += change.most - change.low + detour
    for write in book.writes:
        if write.seq == reading.write or write.ended < reading.began:
            continue
        if write.began >= reading.ended and write.state == CONFIRMED and write.ended < NEVER:
            lo, hi = lo + write.change, hi + write.change
        else:
            lo, hi = lo + min(0, write.change), hi + max(0, write.change)
    return Interval(Quantity(lo), Quantity(hi))
