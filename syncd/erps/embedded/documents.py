"""Order documents and shipments in the stock book: rows that inform, and never move stock."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec

from syncd.core.document import PERSONAL, OrderDocument, instant_of
from syncd.core.erasure import Mention, Whom, concerns, without
from syncd.core.quantity import parse, show
from syncd.erps.embedded.book import StockBook
from syncd.errors import NotFound, RefusedError
from syncd.ports.erp import Shipment, ShipmentLine

ERASED_AT_ONCE = 50  # documents looked at in one call: a few milliseconds


def put_order(book: StockBook, order: OrderDocument) -> None:
    """Create the document or replace it. Repeating changes nothing."""
    created = 0 if order.created is None else instant_of(order.created)
    row = (order.key, order.store, order.order, order.status, created, msgspec.json.encode(order).decode())
    with book.writing() as page:
        page.connection.execute(
            "INSERT INTO document (key, store, store_order, status, created, content, changed) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET store = excluded.store, store_order = excluded.store_order,"
            " status = excluded.status, created = excluded.created, content = excluded.content, changed = excluded.changed",
            (*row, page.now),
        )


def document(book: StockBook, key: str) -> OrderDocument:
    """The document with this key; NotFound where there is none."""
    with book.file.read() as connection:
        row = connection.execute("SELECT content FROM document WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise NotFound(f"no order document {key!r}", operation="erp.document", key=key)
    return msgspec.json.decode(row[0], type=OrderDocument)


def erase(book: StockBook, whom: Whom, after: str, *, only_look: bool) -> tuple[int, str | None]:
    """Take what is personal out of the customer's documents, of some beyond this key; a document stays, with what it was of. Returns
    how many it changed (or would), and where to go on; None: there is no more."""
    mention, left = Mention(whom.email), list[tuple[str, str]]()
    with book.file.read() as connection:
        query = "SELECT key, store, store_order, content FROM document WHERE key > ? ORDER BY key LIMIT ?"
        rows = connection.execute(query, (after, ERASED_AT_ONCE)).fetchall()
    for key, store, order, content in rows:
        told = msgspec.json.decode(content)
        if (store, f"orders/{order}") in whom.subjects or concerns(told, store, whom, mention):
            new = without(told, PERSONAL, mention, theirs=True)
            if new != told:
                left.append((msgspec.json.encode(new).decode(), key))
    if left and not only_look:
        with book.writing() as page:
            page.connection.executemany("UPDATE document SET content = ? WHERE key = ?", left)
    return len(left), rows[-1][0] if len(rows) == ERASED_AT_ONCE else None


def record_shipment(book: StockBook, shipment: Shipment) -> None:
    """Record goods that left the house. Repeating changes nothing; RefusedError for the same key with other content."""
    row = (
        shipment.key,
        shipment.store,
        shipment.order,
        json.dumps([[line.line, show(line.quantity), *filter(None, [line.sku])] for line in shipment.lines]),
        shipment.carrier,
        shipment.tracking,
    )
    if shipment.link:
        raise RefusedError("the stock book keeps no links of shipments", operation="erp.ship", key=shipment.key)
    if not shipment.key or not shipment.lines or any(line.quantity <= 0 for line in shipment.lines):
        raise RefusedError(
            "a shipment has a key, and lines of more than 0 units", operation="erp.ship", key=shipment.key
        )
    with book.writing() as page:
        there = page.connection.execute(
            "SELECT key, store, store_order, lines, carrier, tracking FROM shipment WHERE key = ?", (shipment.key,)
        ).fetchone()
        if there is None:
            page.connection.execute(
                "INSERT INTO shipment (key, store, store_order, lines, carrier, tracking, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*row, page.now),
            )
        elif there != row:
            raise RefusedError("there is another shipment with this key", operation="erp.ship", key=shipment.key)


def shipments_since(book: StockBook, number: int, limit: int) -> tuple[list[Shipment], int, bool]:
    """At most `limit` shipments recorded after the one with this number, the number reached, and whether there are more."""
    with book.file.read() as connection:
        rows = connection.execute(
            "SELECT id, key, store, store_order, lines, carrier, tracking FROM shipment WHERE id > ? ORDER BY id LIMIT ?",
            (number, limit + 1),
        ).fetchall()
    more = len(rows) > limit
    rows = rows[:limit]
    return [_shipment(row[1:]) for row in rows], rows[-1][0] if rows else number, more


def _shipment(row: Sequence[str]) -> Shipment:
    key, store, order, lines, carrier, tracking = row
    shipped = tuple(ShipmentLine(line, parse(quantity), *sku) for line, quantity, *sku in json.loads(lines))
    return Shipment(key, store, order, shipped, carrier, tracking)
