"""What a person does with the stock book: opening stock, receipts, corrections, a look into the journal; as plain data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from syncd.core.quantity import Instant, Quantity, show
from syncd.erps.embedded.book import Entry, StockBook
from syncd.erps.embedded.opening import import_rows, read_opening

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class StockDesk:
    """The book at hand, and the location that is meant where none is named. Raises as `StockBook` does."""

    def __init__(self, book: StockBook, location: str) -> None:
        self._book = book
        self._location = location

    def import_csv(self, content: bytes, name: str, *, adjust: bool) -> dict[str, int]:
        """Import opening stock from a CSV file's content, all or nothing; rows by what became of them.

        Raises OpeningRefused with all that is wrong.
        """
        rows = [
            row if row.location else msgspec.structs.replace(row, location=self._location)
            for row in read_opening(content)
        ]
        report = import_rows(self._book, rows, name, adjust=adjust)
        return {"added": report.added, "changed": report.changed, "unchanged": report.unchanged}

    def adjust(self, sku: str, location: str, change: Quantity, reason: str) -> dict[str, Any]:
        """Record a correction. Not safe to repeat."""
        return _plain(self._book.adjust(sku, location or self._location, change, reason))

    def receive(self, sku: str, location: str, quantity: Quantity, reference: str) -> dict[str, Any]:
        """Record goods that came in. Not safe to repeat."""
        return _plain(self._book.receive(sku, quantity, location=location or self._location, reference=reference))

    def journal(self, sku: str, limit: int) -> list[dict[str, Any]]:
        """The last entries of a SKU, oldest first."""
        return [_plain(entry) for entry in self._book.journal(sku, limit=limit)]

    def disagreements(self) -> list[tuple[str, str]]:
        """(SKU, location) whose level isn't the sum of its entries."""
        return self._book.disagreements()


def _plain(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": _iso(entry.at),
        "kind": entry.kind.value,
        "sku": entry.sku,
        "location": entry.location,
        "change": show(entry.change),
        "level": show(entry.level),
        "key": entry.key or None,
        "reference": entry.reference,
    }


def _iso(instant: Instant) -> str:
    return (EPOCH + timedelta(microseconds=instant)).isoformat().replace("+00:00", "Z")
