"""The floor: what fetching, decoding and storing must cost in Python, with nothing decided, hashed or kept for replay.

aiohttp, msgspec for the needed fields, and one SQLite transaction a page (WAL, synchronous=FULL): orders upserted, lines
inserted. The same thread does all of it, so nothing is handed over either.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from benchmarks.daemon import cpu_seconds
from benchmarks.shop import FULL

PER_PAGE = 100
TABLES = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous=FULL;
CREATE TABLE orders (id INTEGER PRIMARY KEY, status TEXT, modified TEXT);
CREATE TABLE line (store TEXT, "order" INTEGER, line INTEGER, product INTEGER, sku TEXT, quantity INTEGER,
                   PRIMARY KEY (store, "order", line)) WITHOUT ROWID;
"""


class _Line(msgspec.Struct):
    id: int
    product_id: int
    sku: str
    quantity: int


class _Order(msgspec.Struct):
    id: int
    status: str
    date_modified_gmt: str
    line_items: list[_Line]


async def measure(folder: Path, url: str) -> dict[str, Any]:
    """One run over all orders, page after page."""
    database = sqlite3.connect(folder / "floor.sqlite3", isolation_level=None)
    database.executescript(TABLES)
    decoder = msgspec.json.Decoder(list[_Order])
    after, seen, count = "1971-01-01T00:00:00", set[int](), 0
    began, began_wall = cpu_seconds(), time.perf_counter()
    async with aiohttp.ClientSession() as session:
        while True:
            query = {"orderby": "modified", "order": "asc", "per_page": str(PER_PAGE), "modified_after": after}
            body = {**query, "exclude": ",".join(map(str, seen))}
            async with session.post(f"{url}/{FULL}/wp-json/wc/v3/orders", json=body) as answer:
                rows = decoder.decode(await answer.read())
            database.execute("BEGIN IMMEDIATE")
            database.executemany(
                "INSERT INTO orders VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET status = excluded.status, "
                "modified = excluded.modified",
                [(row.id, row.status, row.date_modified_gmt) for row in rows],
            )
            database.executemany(
                "INSERT INTO line VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [("a", row.id, e.id, e.product_id, e.sku, e.quantity) for row in rows for e in row.line_items],
            )
            database.execute("COMMIT")
            count += len(rows)
            if len(rows) < PER_PAGE:
                break
            last = rows[-1].date_modified_gmt
            if last != after:  # strictly after the last second that is complete: the one before the last row's
                before = [row for row in rows if row.date_modified_gmt < last]
                if before:
                    after, seen = before[-1].date_modified_gmt, set()
            seen |= {row.id for row in rows if row.date_modified_gmt > after}
    cpu, wall = cpu_seconds() - began, time.perf_counter() - began_wall
    stored = database.execute("SELECT count(*) FROM orders").fetchone()[0]
    database.close()
    return {"cpu_seconds": cpu, "wall_seconds": wall, "orders": stored, "rows_read": count}
