"""Where did my stock go: what moved a SKU, newest first. Moves of orders, changes that the ERP made by itself, drifts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from syncd.control.explain_order import move_view
from syncd.control.plain import iso
from syncd.core.quantity import NEVER, ZERO, Instant, Quantity, show
from syncd.ledger import history, level_changes
from syncd.ledger.drifts import drifts_of
from syncd.ledger.level_changes import ERP, Place, Step
from syncd.ledger.moves import Counted, moves_since

ROWS: Final = 50  # moves of a page
STEPS_MAX: Final = 200  # of the ERP's level on a page
PLACE: Final = r"\d{1,18}-\d{1,18}"


class Chapter(NamedTuple):
    """One thing that moved the SKU. `kind`: move, erp, drift. `told`: the move, the ERP's level then, or the drift."""

    at: Instant
    kind: str
    change: str
    told: dict[str, Any]

    @property
    def when(self) -> str | None:
        """As people read it."""
        return iso(self.at)


def story(
    connection: Connection, tenant: str, sku: str, location: str, items: Sequence[tuple[str, str]], before: str
) -> tuple[list[Chapter], str]:
    """A page of what moved a SKU before the place `before` ("": the newest), and where the next page begins ("": nowhere).

    `items`: (store, item) that draw on it. A place is `INSTANT-SEQ`: of a move, or (0) the instant alone.
    """
    place = _place(before)
    found = history.latest_moves(connection, tenant, ROWS + 1, sku=sku, before=place)
    moves = found[:ROWS]
    oldest = moves[-1].confirmed_at if len(found) > ROWS else Instant(0)
    older = f"{oldest}-{moves[-1].seq}" if len(found) > ROWS else ""
    newest = Instant(place[0]) if place else NEVER
    erp = Place(ERP, sku, location)
    steps = level_changes.read(connection, tenant, [erp], oldest, STEPS_MAX, until=newest)[erp]
    if len(steps) > STEPS_MAX and steps[0].at >= oldest:  # more than a page of the ERP's own: it ends where these begin
        oldest = Instant(steps[0].at + 1)
        older = f"{oldest}-0"
        moves = [each for each in moves if each.confirmed_at >= oldest]
    chapters = [Chapter(each.confirmed_at, "move", show(each.change), move_view(each, None)) for each in moves]
    if len(steps) > 1:
        counted = moves_since(connection, tenant, sku, location, steps[0].at)
        chapters += [
            Chapter(at, "erp", show(change), {"level": show(level)})
            for at, change, level in own_changes(steps, counted)
            if oldest <= at
        ]
    for store in sorted({store for store, _ in items}):
        names = [name for shop, name in items if shop == store]
        chapters += [
            Chapter(each.since, "drift", show(each.units), {"store": store, "reason": each.reason, "state": each.state})
            for each in drifts_of(connection, tenant, store, names)
            if oldest <= each.since < newest
        ]
    chapters.sort(key=lambda chapter: chapter.at, reverse=True)
    return chapters, older


def _place(text: str) -> tuple[int, int] | None:
    at, _, seq = text.partition("-")
    return (int(at), int(seq)) if text else None


def own_changes(steps: Sequence[Step], moves: Sequence[Counted]) -> list[tuple[Instant, Quantity, Quantity]]:
    """What is left of each step of the ERP's level beside the moves: a receipt, a correction, a sale of its own.

    A level asked for at an instant shows every move that was confirmed before, none that was sent later, and perhaps those
    between; of these the first ones that account for the step are taken to be in it, and the others in the next.
    """
    found = []
    waiting = sorted(moves, key=lambda move: move.seq)
    for before, after in pairwise(steps):
        sure = [move for move in waiting if move.confirmed_at <= after.at]
        unsure = [move for move in waiting if move.sent_at <= after.at < move.confirmed_at]
        left = after.level - before.level - sum(move.change for move in sure)
        shown, units = sure, 0
        for place, move in enumerate(unsure if left else (), 1):
            units += move.change
            if units == left:
                shown, left = [*sure, *unsure[:place]], ZERO
                break
        waiting = [move for move in waiting if move not in shown]
        if left:
            found.append((after.at, Quantity(left), after.level))
    return found
