"""Belief: the interval in which an item's level must lie.

What it is about is the *book*: the level that the shop would show if the takings that syncd has not read yet had not
happened. A reading of the counter says something about the book only once the shop's orders are drained past it: then
every taking that can be in the reading is known.

Each reading is carried to now by all that happened since: takings and own writes. Each of them is surely before the
reading (it is in it), surely after it (it moves the interval), or ambiguous: its possible instants touch the reading's,
and it widens the interval by all it may have been at that moment. Every reading so carried is right by itself, so their
intersection is, and it needs no quiet moment: an item that sells every second is known as well as one that never sells.
An empty intersection means that something moved the counter that is in no book: drift.

An absolute write overwrites. It is computed from a reading of the shop (its base) and put some time later: what the counter
did between those two instants is undone by it. So for an earlier reading it changes the level by the units it meant to
change, and gives back each taking's progress between base and put. Both instants are only known within bounds, and so is
the progress; a change of an order that may hide a way there and back is anywhere on its way in its whole time, so that its
progress may have either sign. A write that is known to have been applied is a reading itself.

A change that may hide more than is known of it (an order edited up and down again between two looks) makes the readings that
touch it unclean. They are used only where there is no clean one.
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
    write puts, `blind_from` since when it may overwrite takings (NEVER for one that adds): its base was true at some
    instant from then to `began`."""

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
    """The interval, whether the readings contradicted each other (then only the newest speaks), and the readings that tell it:
    the ones to keep."""

    interval: Interval
    drift: bool = False
    used: tuple[Reading, ...] = ()


def believe(book: ItemBook, drained: Instant) -> Belief:
    """What the item's book must be now, its orders being drained up to `drained` (our clock, as the readings are).

    Without a usable reading nothing is known. Readings inside a change that may hide others (an edit there and back between
    two looks) come last: clean ones are preferred. The newest readings are used, and of the older ones those that bound
    the level best: readings that are all taken while an own write lands are wide by it, and one from before it is exact.
    """
    oldest = min((r.began for r in book.readings), default=NEVER)
    usable = [r for r in book.readings if r.ended <= drained and _needed_since(book, r) >= oldest]
    clean = [r for r in usable if _is_clean(book, r)]
    candidates = clean or usable
    used = candidates[-READINGS_USED:]
    belief = _intersect(book, used)
    if belief.lo < belief.hi and len(candidates) > READINGS_USED:
        older = [(carried(book, reading), reading) for reading in candidates[:-READINGS_USED]]
        for told, reading in (max(older, key=lambda pair: pair[0].lo), min(older, key=lambda pair: pair[0].hi)):
            if belief & told != belief:
                belief, used = belief & told, [reading, *used]
    if belief.is_empty:
        return Belief(_intersect(book, used[-1:]), drift=True, used=tuple(used[-1:]))
    return Belief(belief, used=tuple(used))


def _intersect(book: ItemBook, readings: Sequence[Reading]) -> Interval:
    result = ANYTHING
    for reading in readings:
        result &= carried(book, reading)
    return result


def _is_clean(book: ItemBook, reading: Reading) -> bool:
    """Whether no change that may hide others touches the reading, or an absolute write after it."""
    spans = [(reading.began, reading.ended)] + [(w.blind_from, w.ended) for w in _put_after(book, reading)]
    return not any(not c.plain and any(a <= c.ended and c.began <= b for a, b in spans) for c in book.changes)


def carried(book: ItemBook, reading: Reading) -> Interval:
    """What one reading says about the item now: surely later changes move it, unclear ones widen it."""
    moves = [*book.changes, *(_as_change(w) for w in book.writes if not w.is_absolute)]
    lo = hi = int(reading.level)
    for move in moves:
        if move.ended < reading.began:
            continue
        if move.began > reading.ended:
            lo -= move.high - move.was
            hi -= move.low - move.was
        elif move.plain:  # all of it, a part, or nothing is still to come
            lo -= max(0, move.high - move.was)
            hi -= min(0, move.low - move.was)
        else:
            lo -= move.high - move.least
            hi += move.most - move.low
    for write in _put_after(book, reading):
        effect = _overwritten(write, moves)
        for other in _undone_by(book, write):
            undone = _overwritten(other, moves)
            effect = Interval(Quantity(effect.lo - max(0, undone.hi)), Quantity(effect.hi - min(0, undone.lo)))
        if write.state == CONFIRMED and write.began >= reading.ended:
            lo, hi = lo + effect.lo, hi + effect.hi
        else:
            lo, hi = lo + min(0, effect.lo), hi + max(0, effect.hi)
    return Interval(Quantity(lo), Quantity(hi))


def _put_after(book: ItemBook, reading: Reading) -> list[Write]:
    """The absolute writes that may have been applied after the reading."""
    return [w for w in book.writes if w.is_absolute and w.seq != reading.write and w.ended >= reading.began]


def _undone_by(book: ItemBook, write: Write) -> list[Write]:
    """The absolute writes that the base of this one may lack: then it undoes them."""
    return [w for w in book.writes if w.is_absolute and w.seq < write.seq and w.ended >= write.blind_from]


def _needed_since(book: ItemBook, reading: Reading) -> Instant:
    """Since when the changes must be known to carry this reading: as old as the bases of later writes. The book forgets what
    is older than its oldest reading."""
    later = _put_after(book, reading)
    bases = [w.blind_from for write in later for w in (write, *_undone_by(book, write))]
    return min([reading.began, *bases])


def _as_change(write: Write) -> Change:
    """A write that adds, as if an order had taken the units (or given them)."""
    taken = Quantity(-write.change)
    least, most = Quantity(min(0, taken)), Quantity(max(0, taken))
    sure = write.state == CONFIRMED
    low, high = (taken, taken) if sure else (least, most)
    return Change(write.began, write.ended, Quantity(0), low, high, least, most, plain=True)


def _overwritten(write: Write, moves: Iterable[Change]) -> Interval:
    """By how much an absolute write changes the level, if it is applied: by what it meant to, and by all that was taken
    between its base and itself."""
    lo = hi = int(write.change)
    for move in moves:
        if move.ended < write.blind_from or write.ended < move.began:
            continue  # wholly in the base, or wholly after the write
        if move.plain:  # it goes one way
            lo += min(0, move.low - move.was)
            hi += max(0, move.high - move.was)
            continue
        # Base and put may be at any point of the change's way; before and after it, too.
        base, put = _progress(move, write.blind_from, write.began), _progress(move, write.began, write.ended)
        lo += put.lo - base.hi
        hi += put.hi - base.lo
    return Interval(Quantity(lo), Quantity(hi))


def _progress(move: Change, began: Instant, ended: Instant) -> Interval:
    """What the change had taken, at some instant in [began, ended]."""
    if ended < move.began:
        return Interval(move.was, move.was)
    if began > move.ended:
        return Interval(move.low, move.high)
    return Interval(move.least, move.most)
