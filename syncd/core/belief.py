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

A shop that can't show less than its floor drops a lowering that doesn't fit when it is applied, though it has accepted it
(BigCommerce, whose sales go on meanwhile). So a lowering counts as surely done only where it must have fitted: where the
least that the level can have been before it, by all that is known now, leaves the floor. Otherwise it is in doubt, and the
upper end of belief doesn't count on it.

A change that may hide more than is known of it (an order edited up and down again between two looks) makes the readings that
touch it unclean. They are used only where there is no clean one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

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
    the ones to keep. `dropped`: by how much the upper end is higher since own lowerings may not have fitted."""

    interval: Interval
    drift: bool = False
    used: tuple[Reading, ...] = ()
    dropped: Quantity = Quantity(0)


def believe(book: ItemBook, drained: Instant, floor: Quantity | None = None) -> Belief:
    """What the item's book must be now, its orders being drained up to `drained` (our clock, as the readings are). `floor`: the
    lowest level that the shop can show; it drops what doesn't fit (None: it has none).

    Without a usable reading nothing is known. Readings inside a change that may hide others (an edit there and back between
    two looks) come last: clean ones are preferred. The newest readings are used, and of the older ones those that bound
    the level best: readings that are all taken while an own write lands are wide by it, and one from before it is exact.
    """
    told = [reading for reading in book.readings if reading.ended <= drained]
    if not told:
        return Belief(ANYTHING)
    course = Course(book, floor, told)
    oldest = min(reading.began for reading in book.readings)
    usable = [reading for reading in told if course.needed_since(reading) >= oldest]
    clean = [reading for reading in usable if course.is_clean(reading)]
    candidates = clean or usable
    used = candidates[-READINGS_USED:]
    belief = _intersect(course, used)
    if belief.lo < belief.hi and len(candidates) > READINGS_USED:
        older = [(course.carried(reading), reading) for reading in candidates[:-READINGS_USED]]
        for told_then, reading in (max(older, key=lambda pair: pair[0].lo), min(older, key=lambda pair: pair[0].hi)):
            if belief & told_then != belief:
                belief, used = belief & told_then, [reading, *used]
    if belief.is_empty:
        used, drift = used[-1:], True
        belief = _intersect(course, used)
    else:
        drift = False
    dropped = min((course.dropped(reading) for reading in used), default=Quantity(0))
    return Belief(belief, drift, tuple(used), dropped)


def _intersect(course: Course, readings: Sequence[Reading]) -> Interval:
    result = ANYTHING
    for reading in readings:
        result &= course.carried(reading)
    return result


class _Put(msgspec.Struct, frozen=True):
    """An absolute write: by how much it changes the level, and since when the changes must be known to tell that: as old as
    its base, and those of the writes that it undoes."""

    write: Write
    effect: Interval
    since: Instant


class Course:
    """All that moved the item's counter, worked out once for all of its readings: a shop that can't add may have hundreds of
    absolute writes in ten minutes, and each looks at those before it."""

    def __init__(self, book: ItemBook, floor: Quantity | None = None, told: Sequence[Reading] = ()) -> None:
        self._floor = floor
        self._told = told
        self._changes = book.changes
        own = [write for write in book.writes if floor is not None and not write.is_absolute and write.change < 0]
        self._own_lowerings = [_as_change(write) for write in own]  # those under way together are dropped together
        self._lowerings = [_as_change(write) for write in own if write.state == CONFIRMED]
        self._moves = [*book.changes, *(_as_change(w) for w in book.writes if not w.is_absolute)]
        self._puts = _puts([w for w in book.writes if w.is_absolute], self._moves)

    def needed_since(self, reading: Reading) -> Instant:
        """Since when the changes must be known to carry this reading: as old as the bases of later writes. The book forgets
        what is older than its oldest reading."""
        return min([reading.began, *(put.since for put in self._after(reading))])

    def is_clean(self, reading: Reading) -> bool:
        """Whether no change that may hide others touches the reading, or an absolute write after it."""
        hiding = [change for change in self._changes if not change.plain]
        if not hiding:
            return True
        spans = [(reading.began, reading.ended), *((p.write.blind_from, p.write.ended) for p in self._after(reading))]
        return not any(a <= change.ended and change.began <= b for change in hiding for a, b in spans)

    def carried(self, reading: Reading) -> Interval:
        """What one reading says about the item now: surely later changes move it, unclear ones widen it, and so does an own
        lowering that may have been dropped."""
        course = self._all_applied(reading)
        return Interval(course.lo, Quantity(course.hi + self._dropped(reading, course.hi)))

    def dropped(self, reading: Reading) -> Quantity:
        """By how much the upper end is higher since own lowerings after this reading may not have fitted."""
        return self._dropped(reading, self._all_applied(reading).hi) if self._lowerings else Quantity(0)

    def _all_applied(self, reading: Reading) -> Interval:
        """What the reading says if the shop has dropped nothing."""
        lo = hi = int(reading.level)
        for move in self._moves:
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
        for put in self._after(reading):
            effect = put.effect
            if put.write.state == CONFIRMED and put.write.began >= reading.ended:
                lo, hi = lo + effect.lo, hi + effect.hi
            else:
                lo, hi = lo + min(0, effect.lo), hi + max(0, effect.hi)
        return Interval(Quantity(lo), Quantity(hi))

    def _dropped(self, reading: Reading, hi: Quantity) -> Quantity:
        """A lowering is dropped only where there was less than it takes (and than those that were under way with it take). So if
        one was, the level is bounded anew by that, moved along from there: by the last that was, whichever it is."""
        if self._floor is None or not self._lowerings:
            return Quantity(0)
        after = [move for move in self._moves if move.ended >= reading.began]
        puts = self._after(reading)
        least = reading.level - sum(_most_taken(move, reading) for move in after)
        least += sum(min(0, put.effect.lo) for put in puts)
        if least >= self._floor:
            return Quantity(0)  # all of it together leaves the floor
        doubtful = [
            lowering
            for lowering in self._lowerings
            if lowering.began > reading.ended
            and self._least(reading, lowering, after, puts) < self._floor
            and not self._surely_fitted(lowering)
        ]
        units = sum(lowering.high for lowering in doubtful)
        bound = max((self._bound_if_dropped(lowering) for lowering in doubtful), default=hi)
        return Quantity(max(0, min(units, bound - hi)))

    def _surely_fitted(self, lowering: Change) -> bool:
        """Whether any reading before this own lowering tells that there was enough for it."""
        return any(
            self._least(
                reading, lowering, [move for move in self._moves if move.ended >= reading.began], self._after(reading)
            )
            >= (self._floor or 0)
            for reading in self._told
            if reading.ended < lowering.began
        )

    def _bound_if_dropped(self, lowering: Change) -> int:
        """The most that the level can be now, if this lowering was dropped and none after it."""
        together = [one for one in self._own_lowerings if one.began <= lowering.ended and lowering.began <= one.ended]
        level = (self._floor or 0) + sum(one.most for one in together)
        return self._all_applied(Reading(Quantity(level), lowering.began, lowering.ended)).hi

    def _least(self, reading: Reading, lowering: Change, after: Sequence[Change], puts: Sequence[_Put]) -> int:
        """The least that the level can be after this own lowering, if it is applied: all that may have been taken by then was,
        and only what was surely given by then had been."""
        least = int(reading.level)
        for move in after:
            if move.began > lowering.ended:
                continue
            sure = move.began > reading.ended and move.ended < lowering.began
            least -= move.high - move.was if sure else _most_taken(move, reading)
        for put in puts:
            if put.write.began > lowering.ended:
                continue
            sure = (
                put.write.state == CONFIRMED and put.write.began >= reading.ended and put.write.ended < lowering.began
            )
            least += put.effect.lo if sure else min(0, put.effect.lo)
        return least

    def _after(self, reading: Reading) -> list[_Put]:
        """The absolute writes that may have been applied after the reading."""
        own, began = reading.write, reading.began
        return [put for put in self._puts if put.write.ended >= began and put.write.seq != own]


def _puts(writes: Sequence[Write], moves: Sequence[Change]) -> list[_Put]:
    """The absolute writes, each with its effect. One undoes those before it that its base may lack."""
    ordered = sorted(writes, key=lambda write: write.seq)
    alone = [_overwritten(write, moves) for write in ordered]
    ended_by = list(accumulate((write.ended for write in ordered), max))  # up to each of them; so it only grows
    puts: list[_Put] = []
    for number, write in enumerate(ordered):
        effect, since = alone[number], write.blind_from
        for earlier in range(bisect_left(ended_by, write.blind_from, 0, number), number):
            other, undone = ordered[earlier], alone[earlier]
            if other.ended < write.blind_from or other.seq == write.seq:
                continue
            effect = Interval(Quantity(effect.lo - max(0, undone.hi)), Quantity(effect.hi - min(0, undone.lo)))
            since = min(since, other.blind_from)
        puts.append(_Put(write, effect, since))
    return puts


def _most_taken(move: Change, reading: Reading) -> int:
    """The most that this change has taken since the reading, in the end. What may have been taken and given back meanwhile has
    no bound that helps (an order nobody saw in between), and would put every lowering near it in doubt."""
    if move.plain:
        return max(0, move.high - move.was)
    return max(0, move.high - (move.was if move.began > reading.ended else move.least))


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
