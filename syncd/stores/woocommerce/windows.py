"""Reading a list by ascending id without losing a row, on a platform that can only count rows to skip.

REST v3 knows no "ids above". It can sort by id and skip a number of rows; but when a row before that number is deleted,
all others move up, and a page that skips as many as before leaves one out (reproduced on WooCommerce 10.0.2). So each
window starts one row early: when its first row is one that was seen already (its id is not above `after`), then the rows
between are all in the window, since one query gives a list without gaps. When it is not, rows have moved: the window
steps back, twice as far each time, until it overlaps. Rows that appear or vanish behind the reader do no harm then, and
the number of rows to skip is no more than a guess: a wrong one costs a request, never a row.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise

import msgspec

from syncd.errors import MisconfiguredError, StoreFault
from syncd.stores.woocommerce.api import PER_PAGE_MAX, Rows
from syncd.stores.woocommerce.wire import OrderId
from syncd.transport import Answer

TRIES_MAX = 64  # windows for one reading: stepping back doubles, so this passes any list that holds still a little
_ID = msgspec.json.Decoder(OrderId)

Fetch = Callable[[int, int], Awaitable[tuple[Answer, Rows]]]
"""Rows to skip and rows wanted -> the answer and its rows, sorted by ascending id."""


class Window(msgspec.Struct, frozen=True):
    """Rows with ids above the one asked for; none between the two is left out. `skip` is where the last one lies."""

    answer: Answer
    rows: tuple[msgspec.Raw, ...]
    ids: tuple[int | None, ...]  # None: this row's id can't be read
    skip: int
    full: bool  # there may be more behind it


async def read_window(fetch: Fetch, after: int, skip: int, wanted: int) -> Window:
    """Up to `wanted` rows with ids above `after`. `skip` guesses how many rows lie before `after`.

    Raises MisconfiguredError when the shop doesn't sort by id, StoreFault when the list never holds still.
    """
    back = 1
    for _ in range(TRIES_MAX):
        limit = min(wanted + (1 if skip else 0), PER_PAGE_MAX)
        answer, rows = await fetch(skip, limit)
        ids = [_id_of(row) for row in rows]
        known = [number for number in ids if number is not None]
        _must_ascend(known, answer)
        if skip and (not known or known[0] > after):
            skip, back = max(0, skip - back), back * 2
            continue
        full = len(rows) >= limit
        fresh = [place for place, number in enumerate(ids) if number is None or number > after]
        if full and not fresh:
            skip += len(rows) - 1
            continue
        return Window(
            answer=answer,
            rows=tuple(rows[place] for place in fresh),
            ids=tuple(ids[place] for place in fresh),
            skip=skip + max(len(rows) - 1, 0),
            full=full,
        )
    raise StoreFault("the list moved under each of the windows", operation=answer.operation)


async def find_place(fetch: Fetch, after: int) -> int:
    """A guess of how many rows lie before the one with id `after`: doubling, then halving, one row a request."""
    low, high, step = 0, -1, PER_PAGE_MAX
    for _ in range(TRIES_MAX):
        if 0 <= high <= low + PER_PAGE_MAX // 2:
            break
        skip = low + step if high < 0 else (low + high) // 2
        _, rows = await fetch(skip, 1)
        number = _id_of(rows[0]) if rows else None
        if number is not None and number <= after:
            low, step = skip, step * 2
        else:
            high = skip
    return low


def _id_of(row: msgspec.Raw) -> int | None:
    try:
        return _ID.decode(row).id
    except msgspec.MsgspecError:
        return None


def _must_ascend(ids: Sequence[int], answer: Answer) -> None:
    if any(later <= earlier for earlier, later in pairwise(ids)):
        raise MisconfiguredError(
            f"{answer.operation}: asked for ascending ids, and they are not",
            operation=answer.operation,
            hint="a plugin or a cache before the shop ignores orderby=id&order=asc; nothing can be read safely",
        )
