"""Raw answers kept for replay and for people: one zstd frame a page, purged after the tenant's
retention, or when there are too many bytes of them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import msgspec
import zstandard
from sqlalchemy import Connection, delete, func, or_, select

from syncd.core.quantity import Instant
from syncd.ledger.rows import Statement
from syncd.ledger.schema import payload

CODEC = "zstd"
LEVEL = 1  # a fifth of the CPU of the default level, for a few percent of size
BODY_BYTES_MAX = 64 * 1024 * 1024  # refused when unpacking: no page is larger
_KEEP = Statement(
    "INSERT INTO payload (tenant, id, store, taken_at, codec, body) VALUES (:tenant, :id, :store, :taken_at, :codec, :body)"
)


def compress(body: bytes) -> bytes:
    """Done outside of the transaction."""
    return zstandard.ZstdCompressor(level=LEVEL).compress(body)


def keep(connection: Connection, tenant: str, store: str, number: int, now: Instant, body: bytes) -> None:
    """Store a compressed page under a number of the tenant's sequence."""
    _KEEP.change(connection, tenant=tenant, id=number, store=store, taken_at=now, codec=CODEC, body=body)


def read(connection: Connection, tenant: str, number: int) -> bytes | None:
    """The page, unpacked; None once it was purged."""
    body = connection.execute(
        select(payload.c.body).where(payload.c.tenant == tenant, payload.c.id == number)
    ).scalar_one_or_none()
    return None if body is None else unpack(body)


def unpack(body: bytes) -> bytes:
    """A page as its store sent it."""
    return zstandard.ZstdDecompressor().decompress(body, max_output_size=BODY_BYTES_MAX)


class _Named(msgspec.Struct):
    id: int | str
    erased: str = ""  # in the place of an order whose customer's data was erased


def order_in(connection: Connection, tenant: str, number: int, place: int, order: str) -> bytes:
    """One order as its store sent it: the element `place` of a page that is a JSON list; b"" where that is not this order, or
    the page was purged."""
    try:
        rows = msgspec.json.decode(read(connection, tenant, number) or b"[]", type=list[msgspec.Raw])
        row = bytes(rows[place])
        return row if str(msgspec.json.decode(row, type=_Named).id) == order else b""
    except (msgspec.MsgspecError, UnicodeDecodeError, IndexError):
        return b""


def orders_in(connection: Connection, tenant: str, number: int, wanted: Mapping[str, int]) -> dict[str, bytes]:
    """Several orders of one page, each by its place: those that are there, and not erased."""
    try:
        rows = msgspec.json.decode(read(connection, tenant, number) or b"[]", type=list[msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    found: dict[str, bytes] = {}
    for order, place in wanted.items():
        row = bytes(rows[place]) if place < len(rows) else b""
        with suppress(msgspec.MsgspecError, UnicodeDecodeError):
            named = msgspec.json.decode(row, type=_Named) if row else None
            if named is not None and str(named.id) == order and not named.erased:
                found[order] = row
    return found


def beyond(connection: Connection, tenant: str, bytes_max: int) -> int:
    """The number of the newest page that has to go so that what is kept, as it lies on disk, is at most `bytes_max`; 0: none."""
    query = select(payload.c.id, func.length(payload.c.body)).where(payload.c.tenant == tenant)
    left = bytes_max
    for number, size in connection.execute(query.order_by(payload.c.id.desc())):
        left -= size
        if left < 0:
            return int(number)
    return 0


def purge(connection: Connection, tenant: str, before: Instant, limit: int, *, upto: int = 0) -> int:
    """Delete up to `limit` pages taken before this instant, or with numbers up to `upto`, oldest first; returns how many."""
    old = (
        select(payload.c.id)
        .where(payload.c.tenant == tenant, or_(payload.c.taken_at < before, payload.c.id <= upto))
        .order_by(payload.c.id)
        .limit(limit)
    )
    return connection.execute(delete(payload).where(payload.c.tenant == tenant, payload.c.id.in_(old))).rowcount
