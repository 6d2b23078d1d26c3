"""The stock book as syncd's ERP.

Its calls are synchronous and short (a few milliseconds: one transaction on a small file), so they run right here in the
event loop. A cursor names the epoch and the revision: `<epoch>.42`. One of another epoch, or one that can't be read,
begins from the start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.core.document import OrderDocument
from syncd.core.erasure import Whom
from syncd.erps.embedded.book import StockBook
from syncd.erps.embedded.documents import erase, put_order, shipments_since
from syncd.errors import BugError
from syncd.ports.clock import Clock
from syncd.ports.erp import (
    ErpDescription,
    ErpLevels,
    ErpMove,
    ErpTraits,
    PostOutcome,
    ShipmentPage,
)

BATCH_MAX = 500  # moves: about 15 ms in one transaction
LEVELS_MAX = 10_000  # levels in one answer: about 20 ms
SHIPMENTS_MAX = 500  # shipments in one answer
LATE_US = 1_000_000  # a call that has ended is dead at once; a killed process's transaction too


class EmbeddedErp:
    """`Erp` and `ErpDocuments` over a stock book. It owns neither: whoever opened the book closes it."""

    def __init__(self, book: StockBook, *, clock: Clock, levels_max: int = LEVELS_MAX) -> None:
        self._book = book
        self._clock = clock
        self._levels_max = levels_max
        self._traits = ErpTraits(frozenset({"move"}), BATCH_MAX, LATE_US, shipments=True)

    @property
    def traits(self) -> ErpTraits:
        """Moves alone are exact here: a document never takes stock."""
        return self._traits

    async def describe(self) -> ErpDescription:
        """Identity and epoch."""
        return self._book.describe()

    async def post(self, moves: Sequence[ErpMove]) -> tuple[PostOutcome, ...]:
        """Post in one transaction: all of them have an outcome, or (StoreFault) nothing was written."""
        self._check(len(moves))
        return self._book.post(moves) if moves else ()

    async def find(self, keys: Sequence[str]) -> Mapping[str, ErpMove]:
        """The moves under these keys."""
        self._check(len(keys))
        return self._book.find(keys)

    async def levels(self, cursor: str) -> ErpLevels:
        """Levels that changed since the cursor."""
        began = self._clock.now()
        epoch = self._book.describe().epoch
        revision = _position(cursor, epoch)
        page = self._book.levels_since(revision, self._levels_max)
        complete = revision == 0 and not page.more
        restarted = bool(cursor) and revision == 0 and not cursor.startswith(f"{epoch}.")
        reached = f"{epoch}.{page.revision}"
        return ErpLevels(page.levels, reached, complete, page.more, began, self._clock.now(), restarted)

    async def put_order(self, order: OrderDocument) -> None:
        """Keep the document."""
        put_order(self._book, order)

    async def erase(self, whom: Whom, after: str, *, only_look: bool) -> tuple[int, str | None]:
        """Erase in some documents."""
        return erase(self._book, whom, after, only_look=only_look)

    async def tidy(self) -> bool:
        """Leave nothing of what was erased in the book's files."""
        return self._book.file.tidy()

    async def shipments(self, cursor: str) -> ShipmentPage:
        """Shipments recorded since the cursor."""
        epoch = self._book.describe().epoch
        shipments, reached, more = shipments_since(self._book, _position(cursor, epoch), SHIPMENTS_MAX)
        return ShipmentPage(tuple(shipments), f"{epoch}.{reached}", more)

    def _check(self, count: int) -> None:
        if count > BATCH_MAX:
            raise BugError(f"{count} in one call, {BATCH_MAX} are allowed", operation="erp.batch")


def _position(cursor: str, epoch: str) -> int:
    """The revision or number after which the listing goes on; 0 from the start."""
    named, _, number = cursor.partition(".")
    return int(number) if named == epoch and number.isascii() and number.isdigit() else 0
