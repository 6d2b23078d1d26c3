"""Reading changed orders completely, while they change.

Offset paging over a moving list loses orders for ever: a row that is modified moves to the end, everything behind it moves
up by one, and the page boundary jumps over a neighbour that nobody touched. So a scan never trusts an offset for longer than
it must. It sorts by modified date, and after each full page starts again at page 1 from the last stamp seen, leaving out what
it has seen there, *if that moves the bound forward*. Where it doesn't (more rows share a stamp than a page holds, and the
platform can't leave rows out) it pages on, and afterwards repeats from the same bound until a pass brings nothing new and
proves that it was whole: no row came twice (then, pages being full, another one came not at all), and none of the rows of
the pass before was missing (a row that goes away pulls a neighbour over the edge of a page as well).

The scan is a value: `begin` makes it, `request` says what to ask next, `after_page` takes the answer. It does no I/O and
keeps no orders, only the ids seen at the boundary.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from syncd.core.quantity import Instant

PAGES_ON_MAX = 400  # pages within one bound: 40,000 orders in one second is no shop, it is a filter that was ignored
PASSES_MAX = 50  # passes over one bound that keeps changing; then the scan goes on at the next poll
QUIET_PASSES_MAX = (
    6  # passes that bring nothing new and yet don't prove it: the platform shuffles equal stamps each time
)


class Seen(msgspec.Struct, frozen=True, gc=False):
    """A row of a page: which order, when it was modified (the store's clock)."""

    order: str
    modified: Instant


class Bound(msgspec.Struct, frozen=True):
    """What to ask: orders modified at or after `since`, without `exclude`, this page."""

    since: Instant
    exclude: tuple[str, ...]
    page: int


class Scan(msgspec.Struct, frozen=True):
    """A scan under way. `boundary` holds the (order, modified) seen at or after `since`; `fresh` tells whether this pass
    over the bound has brought anything new, `doubled` whether it has brought a row twice. `turn` are the rows of this pass,
    `turn_before` of the one before; `quiet` counts passes in a row that brought nothing new."""

    grain_us: int
    exclude_max: int
    since: Instant
    page: int = 1
    boundary: frozenset[tuple[str, Instant]] = frozenset()
    last: Instant = Instant(0)
    fresh: bool = False
    doubled: bool = False
    turn: frozenset[tuple[str, Instant]] = frozenset()
    turn_before: frozenset[tuple[str, Instant]] = frozenset()
    passes: int = 0
    quiet: int = 0
    done: bool = False

    @property
    def exclude(self) -> tuple[str, ...]:
        """The ids to leave out, where the platform can and the request doesn't get too long."""
        if not self.exclude_max or self.page > 1 or len(self.boundary) > self.exclude_max:
            return ()
        return tuple(sorted({order for order, _ in self.boundary}))

    def request(self) -> Bound:
        """What to ask next."""
        return Bound(self.since, self.exclude, self.page)


class FilterIgnored(Exception):
    """The store did not do what the request asked: a filter or the sorting was ignored, and the list can't be trusted."""

    def __init__(self, order: str, what: str) -> None:
        super().__init__(f"order {order} {what}")
        self.order = order
        self.what = what


def begin(since: Instant, *, grain_us: int, exclude_max: int) -> Scan:
    """A scan of all orders modified at or after `since`."""
    return Scan(grain_us, exclude_max, since, last=since)


def check(rows: Iterable[Seen], asked: Bound, grain_us: int) -> None:
    """Each row must lie inside the bound it was asked for (a platform's filter may be off by its grain; adapters ask from
    one earlier), and rows must come oldest change first. Raises FilterIgnored: going on would lose orders silently."""
    earliest = asked.since - 2 * grain_us
    before = Instant(0)
    for row in rows:
        if row.modified < earliest:
            raise FilterIgnored(
                row.order, "was modified before the bound that was asked for: the date filter was ignored"
            )
        if row.modified < before:
            raise FilterIgnored(row.order, "comes after a later change: the sorting by modified date was ignored")
        before = row.modified


def after_page(scan: Scan, rows: Sequence[Seen], *, full: bool) -> Scan:
    """The scan after an answer to `scan.request()`. `full`: the page held as many rows as were asked for."""
    new = frozenset((row.order, row.modified) for row in rows)
    brought = not new <= scan.boundary
    last = max([scan.last, *(row.modified for row in rows)])
    # From this page alone: on a repeated pass, an earlier one's end would jump over what slipped past it.
    bound = Instant(max((row.modified for row in rows), default=scan.since) - scan.grain_us)
    turn, doubled = (new, False) if scan.page == 1 else (scan.turn | new, scan.doubled or not new.isdisjoint(scan.turn))
    if not full:
        fresh = brought or scan.fresh
        unproved = doubled or not scan.turn_before or not scan.turn_before <= turn
        quiet = 0 if fresh else scan.quiet + 1
        again = fresh or (unproved and quiet < QUIET_PASSES_MAX)
        if scan.page > 1 and again and scan.passes < PASSES_MAX:
            # Rows may have slipped past while paging on: the same bound again.
            return msgspec.structs.replace(
                scan, page=1, boundary=scan.boundary | new, last=last, fresh=False, doubled=False, turn=frozenset(),
                turn_before=turn, passes=scan.passes + 1, quiet=quiet,
            )  # fmt: skip
        return msgspec.structs.replace(scan, boundary=scan.boundary | new, last=last, done=True)
    if scan.page == 1 and bound > scan.since:
        kept = frozenset(entry for entry in scan.boundary | new if entry[1] >= bound)
        return Scan(scan.grain_us, scan.exclude_max, bound, boundary=kept, last=last)
    excludes = bool(scan.exclude_max) and len(scan.boundary | new) <= scan.exclude_max
    if scan.page == 1 and brought and excludes:
        return msgspec.structs.replace(scan, boundary=scan.boundary | new, last=last)
    if scan.page >= PAGES_ON_MAX:
        return msgspec.structs.replace(scan, done=True)
    return msgspec.structs.replace(
        scan, page=scan.page + 1, boundary=scan.boundary | new, last=last, fresh=scan.fresh or brought, turn=turn,
        doubled=doubled,
    )  # fmt: skip
