"""Pictures as numbers: where lines, bars and labels of an SVG stand. The templates draw them, so nothing here is markup.

The ERP and each shop have a strip of their own on one axis of time, because lines that agree would hide each other. Behind
each shop's line stands the ERP's in grey, and where the two differ the space between them is filled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Final

from syncd.core.quantity import SECOND, UNIT, Instant, Quantity, show
from syncd.ledger.level_changes import Step
from syncd.page.words import moment, quantity

ERP_HEIGHT, SHOP_HEIGHT, HEADING, AXIS = 160.0, 96.0, 34.0, 26.0
WIDE, NARROW = (960.0, 48.0, 66.0), (370.0, 36.0, 48.0)  # width, room at the left and at the right
COLOURS: Final = 6
GAP_WIDTH_MIN = 0.5  # narrower differences are on their way
MINUTE, HOUR, DAY = 60, 3_600, 86_400
TIME_STEPS: Final = tuple(
    amount * unit
    for unit, amounts in ((MINUTE, (1, 2, 5, 10, 15, 30)), (HOUR, (1, 2, 4, 6, 12)), (DAY, (1, 2, 5, 7, 14)))
    for amount in amounts
)


@dataclass(frozen=True, slots=True)
class Line:
    """One counter's level over time: its steps, oldest first, and what it is now (None: not known)."""

    name: str
    steps: Sequence[Step]
    now: Quantity | None
    is_erp: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Strip:
    """One line's strip. `gaps`: (x, y, width, height) where it differs from the ERP's."""

    name: str
    colour: int
    heading: float
    bottom: float
    path: str
    area: str
    ghost: str
    gaps: Sequence[tuple[float, float, float, float]]
    ticks: Sequence[Tick]
    end: tuple[float, float, str] | None


@dataclass(frozen=True, slots=True)
class Picture:
    """All strips, one below the other."""

    width: float
    height: float
    left: float
    right: float
    strips: Sequence[Strip] = field(default_factory=list)
    ticks: Sequence[Tick] = field(default_factory=list)


class Scale:
    """From levels to heights: round numbers, and 0 among them unless all levels are far from it."""

    def __init__(self, levels: Sequence[int], top: float, height: float, parts: int) -> None:
        low, high = min(levels, default=0), max(levels, default=UNIT)
        if 0 <= low <= high / 2 or low == high > 0:
            low = 0
        step = _round_step(max(high - low, UNIT) / parts)
        self.low = low // step * step
        self.high = max(-(-high // step) * step, self.low + step)
        self._step, self._top, self._height = step, top, height

    @property
    def begins_at_nothing(self) -> bool:
        """Whether an area above the lowest line tells the truth."""
        return self.low == 0

    def y(self, level: int) -> float:
        """The height of a level."""
        return round(self._top + self._height * (self.high - level) / (self.high - self.low), 1)

    def ticks(self) -> list[Tick]:
        """The round numbers."""
        return [Tick(self.y(level), quantity(show(level))) for level in range(self.low, self.high + 1, self._step)]


def _round_step(least: float) -> int:
    """The smallest 1, 2 or 5 times a power of ten of whole units that is at least this."""
    step = UNIT
    while True:
        for factor in (1, 2, 5):
            if step * factor >= least:
                return step * factor
        step *= 10


def draw(lines: Sequence[Line], since: Instant, until: Instant, form: tuple[float, float, float]) -> Picture:
    """The picture of these lines between two instants; the first one is the ERP's where there is one."""
    width, left, right = form
    span = max(1, until - since)

    def x(at: int) -> float:
        return round(left + (width - left - right) * min(max(0, at - since), span) / span, 1)

    courses = [_course(line, since, until) for line in lines]
    erp = courses[0] if lines and lines[0].is_erp else []
    strips: list[Strip] = []
    top = 0.0
    for number, (line, course) in enumerate(zip(lines, courses, strict=True)):
        height = ERP_HEIGHT if line.is_erp else SHOP_HEIGHT
        behind = [] if line.is_erp else erp
        scale = Scale([level for _, level in (*course, *behind)], top + HEADING, height, 4 if line.is_erp else 3)
        bottom = round(top + HEADING + height, 1)
        path = _path(course, x, scale, x(until))
        last = None if line.now is None else (x(until), scale.y(line.now), quantity(show(line.now)))
        strips.append(
            Strip(
                name=line.name, colour=number % COLOURS, heading=round(top + HEADING - 12, 1), bottom=bottom, path=path,
                area=f"{path} V {bottom} H {x(course[0][0])} Z" if line.is_erp and course and scale.begins_at_nothing else "",
                ghost=_path(behind, x, scale, x(until)), gaps=_gaps(course, behind, x, scale, until),
                ticks=scale.ticks(), end=last,
            )
        )  # fmt: skip
        top = bottom
    places = 7 if width > 600 else 3
    return Picture(width, round(top + AXIS, 1), left, width - right, strips, _times(since, until, places, x))


def _course(line: Line, since: Instant, until: Instant) -> list[tuple[int, int]]:
    """(from when, level) within the picture; a level that has not changed for as long as is known is one line."""
    course: list[tuple[int, int]] = [(max(step.at, since), int(step.level)) for step in line.steps if step.at <= until]
    started = [place for place, (at, _) in enumerate(course) if at <= since]
    course = course[started[-1] :] if started else course
    if not course and line.now is not None:
        course = [(since, int(line.now))]
    if course and line.now is not None and course[-1][1] != line.now:
        course.append((until, int(line.now)))
    return course


def _path(course: Sequence[tuple[int, int]], x: Callable[[int], float], scale: Scale, end: float) -> str:
    if not course:
        return ""
    parts = [f"M {x(course[0][0])} {scale.y(course[0][1])}"]
    parts += [f"H {x(at)} V {scale.y(level)}" for at, level in course[1:]]
    return " ".join([*parts, f"H {end}"])


def _gaps(
    mine: Sequence[tuple[int, int]], erp: Sequence[tuple[int, int]], x: Callable[[int], float], scale: Scale, until: int
) -> list[tuple[float, float, float, float]]:
    """Where a shop's line is not on the ERP's."""
    if not mine or not erp:
        return []
    changes = sorted([*((at, 0, level) for at, level in mine), *((at, 1, level) for at, level in erp), (until, 2, 0)])
    levels: list[int | None] = [None, None, None]
    found = []
    for (begin, whose, level), (end, _, _) in pairwise(changes):
        levels[whose] = level
        ours, theirs, _ = levels
        if ours is None or theirs is None or ours == theirs or x(end) - x(begin) < GAP_WIDTH_MIN:
            continue
        upper, lower = scale.y(max(ours, theirs)), scale.y(min(ours, theirs))
        found.append((x(begin), upper, round(x(end) - x(begin), 1), round(lower - upper, 1)))
    return found


def _times(since: Instant, until: Instant, places: int, x: Callable[[int], float]) -> list[Tick]:
    """Round times, as many as there is room for."""
    step = next((step for step in TIME_STEPS if (until - since) / SECOND / step <= places), TIME_STEPS[-1])
    first = moment(since).replace(hour=0, minute=0, second=0, microsecond=0)
    ticks = []
    for count in range(1 + int((until - since) / SECOND + DAY) // step + 1):
        then = first + timedelta(seconds=step * count)
        at = Instant((then - moment(0)) // timedelta(microseconds=1))
        if since <= at <= until:
            midnight = then.hour == then.minute == 0
            ticks.append(Tick(x(at), f"{then.day} {then:%b}" if midnight else f"{then:%H:%M}"))
    return ticks


@dataclass(frozen=True, slots=True)
class Bars:
    """A sparkline of counts: (x, y, height) of each bar in a box of 100 by `height`."""

    bars: Sequence[tuple[float, float, float]]
    bar_width: float
    height: float = 40.0


def spark(counts: Sequence[int]) -> Bars:
    """Bars, oldest first; a count above 0 is always seen."""
    highest = max(counts, default=0)
    width = 100.0 / max(1, len(counts))
    bars = []
    for place, count in enumerate(counts):
        if count:
            height = max(2.0, 40.0 * count / highest)
            bars.append((round(place * width, 2), round(40.0 - height, 1), round(height, 1)))
    return Bars(bars, round(width * 0.78, 2))
