# ruff: noqa: INP001, TID251 - an example stands alone
"""An ERP service that keeps the contract, small enough to read: the standard library alone, one SQLite file.

    python example_server.py erp.sqlite 8090 TOKEN

A stock system of your own changes `level.available` itself, in the way of `change_level`: with a new revision, in one
transaction. Orders for stores are in `wanted`: each change of an order is a new row. Order documents are kept as they
come. Both are optional, as are shipments, which are left out here.
"""

import json
import re
import secrets
import sqlite3
import sys
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs
from wsgiref.simple_server import make_server

SCHEMA = """
CREATE TABLE IF NOT EXISTS book (identity TEXT, epoch TEXT);
CREATE TABLE IF NOT EXISTS level (sku TEXT PRIMARY KEY, available INTEGER, revision INTEGER);
CREATE TABLE IF NOT EXISTS move (key TEXT PRIMARY KEY, sku TEXT, location TEXT, change INTEGER, reference TEXT);
CREATE TABLE IF NOT EXISTS wanted (number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT, body TEXT);
CREATE TABLE IF NOT EXISTS outcome (key TEXT PRIMARY KEY, body TEXT);
CREATE TABLE IF NOT EXISTS document (key TEXT PRIMARY KEY, revision INTEGER, content TEXT);
"""  # quantities are whole ten-thousandths: never floats. A move's key is unique, and no row is ever deleted
GONE = {"title": "cursor gone", "status": 410, "code": "cursor_gone", "detail": "a cursor of another epoch"}


def open_book(path: str, identity: str, epoch: str) -> sqlite3.Connection:
    """The file, with its tables and its identity."""
    book = sqlite3.connect(path, timeout=10, isolation_level=None)
    book.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;" + SCHEMA)
    book.execute("INSERT INTO book SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM book)", (identity, epoch))
    return book


def change_level(book: sqlite3.Connection, sku: str, change: int) -> None:
    """Every change of a level gets a new revision, so that no change escapes who reads on from a cursor."""
    newest = book.execute("SELECT max(revision) FROM level").fetchone()[0]
    book.execute("UPDATE level SET available = available + ?, revision = ? WHERE sku = ?", (change, newest + 1, sku))


def shown(row: tuple[str, str, str, int, str]) -> dict[str, str]:
    """A move as the contract shows it."""
    return {
        "key": row[0],
        "sku": row[1],
        "location": row[2],
        "change": f"{Decimal(row[3]) / 10_000:f}",
        "reference": row[4],
    }


def post(book: sqlite3.Connection, move: dict[str, str]) -> dict[str, Any]:
    """One move: a key that is there already is only compared, never counted again."""
    key, sku, location, change = move["key"], move["sku"], move["location"], int(Decimal(move["change"]) * 10_000)
    if there := book.execute("SELECT * FROM move WHERE key = ?", (key,)).fetchone():
        same = there[1:4] == (sku, location, change)
        return (
            {"key": key, "ref": key, "result": "confirmed"}
            if same
            else {"key": key, "result": "different", "found": shown(there)}
        )
    known = book.execute("SELECT 1 FROM level WHERE sku = ?", (sku,)).fetchone()
    if location or not known or not re.fullmatch("[A-Za-z0-9_-]{1,35}", key):
        return {"key": key, "result": "refused", "reason": "unknown SKU or location, or not a key"}
    book.execute("INSERT INTO move VALUES (?, ?, ?, ?, ?)", (key, sku, location, change, move.get("reference", "")))
    change_level(book, sku, change)
    return {"key": key, "ref": key, "result": "confirmed"}


def levels(book: sqlite3.Connection, epoch: str, since: str, limit: int) -> tuple[str, dict[str, Any]]:
    """What changed since the cursor, or all there is."""
    told, _, revision = since.rpartition(".")
    if since and told != epoch:
        return "410 Gone", GONE
    query = "SELECT sku, available, revision FROM level WHERE revision > ? ORDER BY revision LIMIT ?"
    rows = book.execute(query, (int(revision or 0), limit + 1)).fetchall()
    page, more = rows[:limit], len(rows) > limit
    found = [{"sku": row[0], "location": "", "available": f"{Decimal(row[1]) / 10_000:f}"} for row in page]
    cursor = f"{epoch}.{page[-1][2] if page else int(revision or 0)}"
    return "200 OK", {"levels": found, "cursor": cursor, "complete": not since and not more, "more": more}


def wanted(book: sqlite3.Connection, epoch: str, since: str, limit: int) -> tuple[str, dict[str, Any]]:
    """Orders for stores since the cursor; an order that has changed stands there once more."""
    told, _, number = since.rpartition(".")
    if since and told != epoch:
        return "410 Gone", GONE
    query = "SELECT body, number FROM wanted WHERE number > ? ORDER BY number LIMIT ?"
    rows = book.execute(query, (int(number or 0), limit + 1)).fetchall()
    page = rows[:limit]
    cursor = f"{epoch}.{page[-1][1] if page else int(number or 0)}"
    return "200 OK", {"orders": [json.loads(row[0]) for row in page], "cursor": cursor, "more": len(rows) > limit}


def hear(book: sqlite3.Connection, key: str, body: str) -> tuple[str, dict[str, Any] | None]:
    """What became of an order; the last word is kept. A stock system of your own gives the units of a refused one back."""
    if not book.execute("SELECT 1 FROM wanted WHERE key = ?", (key,)).fetchone():
        return "404 Not Found", {"title": "no such order", "status": 404, "code": "unknown_order"}
    book.execute("INSERT OR REPLACE INTO outcome VALUES (?, ?)", (key, body))
    return "204 No Content", None


def keep(book: sqlite3.Connection, key: str, body: bytes) -> tuple[str, dict[str, Any] | None]:
    """An order as a document: the one with the highest revision counts. It informs, and never changes a level."""
    document = json.loads(body)
    if document.get("key") != key or not document.get("order"):
        return "422 Unprocessable Content", {"title": "not this order's document", "status": 422, "code": "not_it"}
    newest = book.execute("SELECT revision FROM document WHERE key = ?", (key,)).fetchone() or (0,)
    if document["revision"] >= newest[0]:
        row = (key, document["revision"], json.dumps(document))
        book.execute("INSERT OR REPLACE INTO document VALUES (?, ?, ?)", row)
    return "204 No Content", None


def answer(book: sqlite3.Connection, environ: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
    """Status and body of a request."""
    asked = parse_qs(environ["QUERY_STRING"])
    identity, epoch = book.execute("SELECT * FROM book").fetchone()
    match environ["REQUEST_METHOD"], environ["PATH_INFO"]:
        case "GET", "/v1/identity":
            return "200 OK", {"contract": 1, "identity": identity, "epoch": epoch, "moves_max": 100, "late_seconds": 60}
        case "POST", "/v1/moves":
            moves = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))["moves"]
            return "200 OK", {"outcomes": [post(book, move) for move in moves]}
        case "GET", "/v1/moves":
            found = (book.execute("SELECT * FROM move WHERE key = ?", (key,)).fetchone() for key in asked["key"])
            return "200 OK", {"moves": [shown(row) for row in found if row]}
        case "GET", "/v1/levels":
            return levels(book, epoch, asked.get("since", [""])[0], min(int(asked.get("limit", ["1000"])[0]), 1000))
        case "GET", "/v1/orders":
            return wanted(book, epoch, asked.get("since", [""])[0], min(int(asked.get("limit", ["100"])[0]), 100))
        case "POST", path if path.startswith("/v1/orders/") and path.endswith("/outcome"):
            return hear(book, path[11:-8], environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode())
        case "PUT", path if path.startswith("/v1/orders/"):
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            return keep(book, path.removeprefix("/v1/orders/"), body)
    return "404 Not Found", {"title": "not found", "status": 404, "code": "not_found"}


def main(path: str, port: str, token: str) -> None:
    """Serve on 127.0.0.1; the first line on stdout tells the address."""
    book = open_book(path, secrets.token_hex(8), secrets.token_hex(4))

    def app(environ: dict[str, Any], start: Any) -> list[bytes]:
        status: str = "401 Unauthorized"
        body: dict[str, Any] | None = {"title": "wrong token", "status": 401, "code": "unauthorized"}
        if secrets.compare_digest(environ.get("HTTP_AUTHORIZATION", ""), f"Bearer {token}"):
            with (
                book
            ):  # one transaction a request, rolled back by an exception: a 500 then means that nothing was counted
                book.execute("BEGIN IMMEDIATE")
                status, body = answer(book, environ)
        if body is None:
            start(status, [])
            return []
        kind = "application/json" if status == "200 OK" else "application/problem+json"
        start(status, [("Content-Type", kind), ("Cache-Control", "no-store")])
        return [json.dumps(body).encode()]

    with make_server("127.0.0.1", int(port), app) as server:
        sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
