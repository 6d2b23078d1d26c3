"""Orders on their way to being told whole: which are due, which documents wait for the ERP, what it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection

from syncd.core.document import Part
from syncd.core.quantity import Instant
from syncd.ledger.rows import Among, OneRow, Rows, Statement
from syncd.ledger.schema_documents import document, refund_feed, refund_seen

# A change that comes while the order is being made must not be lost: it moves `due_at` on, and who has made it ends only what it
# has seen.
_MAKE_DUE = Statement(
    'INSERT INTO document (tenant, store, "order", due_at, body) VALUES (:tenant, :store, :order, :now, :nothing) '
    'ON CONFLICT (tenant, store, "order") DO UPDATE SET attempts = 0, retry_at = 0, due_at = CASE '
    "WHEN document.due_at >= excluded.due_at THEN document.due_at + 1 ELSE excluded.due_at END"
)
_DUE = Statement(
    'SELECT d."order", d.due_at, d.attempts, d.content, d.told, d.waits, d.seen, o.batch, o.place, o.read_at, o.phase, o.baseline '
    'FROM document d LEFT JOIN orders o ON o.tenant = d.tenant AND o.store = d.store AND o."order" = d."order" '
    "WHERE d.tenant = :tenant AND d.store = :store AND d.due_at > 0 AND d.retry_at <= :now ORDER BY d.due_at LIMIT :most"
)
_NEXT = Statement(
    "SELECT min(retry_at) FROM document WHERE tenant = :tenant AND store = :store AND due_at > 0 AND retry_at > :now"
)
_MADE = Statement(
    'UPDATE document SET due_at = 0 WHERE tenant = :tenant AND store = :store AND "order" = :order AND due_at = :due_at'
)
_WAITING = Statement(
    'SELECT store, "order", body, content, put_attempts FROM document '
    "WHERE tenant = :tenant AND waits = 1 AND put_retry_at <= :now ORDER BY put_retry_at, read_at LIMIT :most"
)
_NEXT_PUT = Statement("SELECT min(put_retry_at) FROM document WHERE tenant = :tenant AND waits = 1")
_PUT = Statement(
    "UPDATE document SET told = :content, told_at = :now, put_attempts = 0, put_retry_at = 0, put_reason = '', "
    "waits = CASE WHEN content = :content THEN 0 ELSE waits END, "
    "body = CASE WHEN content = :content THEN :nothing ELSE body END "
    'WHERE tenant = :tenant AND store = :store AND "order" = :order'
)
_NEWEST = 'WHERE tenant = :tenant AND store = :store AND "order" = :order AND content = :content AND waits = 1'
_REFUSED = Statement(
    f"UPDATE document SET waits = 0, held = 1, body = :nothing, put_reason = :reason {_NEWEST}"  # noqa: S608 - ours
)
_LATER = Statement(
    f"UPDATE document SET put_attempts = :attempts, put_retry_at = :retry_at, put_reason = :reason {_NEWEST}"  # noqa: S608
)
_FIELDS = (
    "due_at, attempts, retry_at, reason, held, waits, content, told, told_at, put_attempts, put_retry_at, put_reason, parts, "
    "requests, read_at"
)
_ONE = Statement(
    f'SELECT {_FIELDS} FROM document WHERE tenant = :tenant AND store = :store AND "order" = :order'  # noqa: S608 - ours
)
_COUNT = Statement(
    "SELECT store, sum(CASE WHEN due_at > 0 THEN 1 ELSE 0 END), sum(waits) FROM document "
    "WHERE tenant = :tenant AND (due_at > 0 OR waits = 1) GROUP BY store"
)
_TELL_AGAIN = Statement(
    "UPDATE document SET told = '', attempts = 0, retry_at = 0, "
    "due_at = CASE WHEN due_at >= :now THEN due_at + 1 ELSE :now END WHERE tenant = :tenant AND told_at >= :since"
)
_KNOWN = Among('SELECT DISTINCT "order" FROM orders WHERE tenant = :tenant AND store = :store AND "order" IN :among')
_ROW = OneRow(document)
_CURSOR = Rows(refund_feed, ("tenant", "store", "cursor"))
_READ_CURSOR = Statement("SELECT cursor FROM refund_feed WHERE tenant = :tenant AND store = :store")
_SEE = Rows(refund_seen, ("tenant", "store", "refund", "created"), update=())
_SEEN = Among("SELECT refund FROM refund_seen WHERE tenant = :tenant AND store = :store AND refund IN :among")
_FORGET = Statement("DELETE FROM refund_seen WHERE tenant = :tenant AND store = :store AND created < :before")


class DueDocument(msgspec.Struct, frozen=True):
    """An order that is to be made a document. `batch` and `place` say where its bytes are; None: the ledger has no such order."""

    order: str
    due_at: Instant
    attempts: int
    content: str
    told: str
    waits: int
    seen: str
    batch: int | None
    place: int | None
    read_at: Instant | None
    phase: str | None
    baseline: int | None


class WaitingDocument(msgspec.Struct, frozen=True):
    """A document that is to be put to the ERP."""

    store: str
    order: str
    body: bytes
    content: str
    attempts: int


class DocumentState(msgspec.Struct, frozen=True):
    """What is known of an order's document, for people."""

    due_at: Instant
    attempts: int
    retry_at: Instant
    reason: str
    held: int
    waits: int
    content: str
    told: str
    told_at: Instant
    put_attempts: int
    put_retry_at: Instant
    put_reason: str
    parts: str
    requests: int
    read_at: Instant

    @property
    def origins(self) -> tuple[Part, ...]:
        """Where each part of the document that was made last came from."""
        return msgspec.json.decode(self.parts, type=tuple[Part, ...]) if self.parts else ()


def make_due(connection: Connection, tenant: str, store: str, orders: Iterable[str], now: Instant) -> None:
    """These orders have changed: each is to be made a document anew, once, however often it is named."""
    _MAKE_DUE.change_each(
        connection,
        [
            {"tenant": tenant, "store": store, "order": order, "now": now, "nothing": b""}
            for order in dict.fromkeys(orders)
        ],
    )


def make_known_due(connection: Connection, tenant: str, store: str, orders: Iterable[str], now: Instant) -> None:
    """The store has spoken of a part of these orders, which their own state need not show. One that isn't known yet will be due
    when it is read."""
    known = [order for (order,) in _KNOWN.read(connection, list(orders), tenant=tenant, store=store)]
    make_due(connection, tenant, store, known, now)


def tell_again(connection: Connection, tenant: str, since: Instant, now: Instant) -> int:
    """The ERP was put back from a backup: what it was told since then may be gone, and is made and put anew. Returns how many."""
    return _TELL_AGAIN.change(connection, tenant=tenant, since=since, now=now)


def due(
    connection: Connection, tenant: str, store: str, now: Instant, limit: int
) -> tuple[list[DueDocument], Instant | None]:
    """Orders to be made documents now, the longest ago first; and when the next one that waits may be tried (None: none waits)."""
    rows = [DueDocument(*row) for row in _DUE.read(connection, tenant=tenant, store=store, now=now, most=limit)]
    later = _NEXT.scalar(connection, tenant=tenant, store=store, now=now)
    return rows, None if later is None else Instant(later)


def made(
    connection: Connection,
    tenant: str,
    store: str,
    order: str,
    due_at: Instant,
    values: Mapping[str, object],
) -> None:
    """The order as it was when it became due is a document now (or can't be one): set these columns. What came since stays due."""
    _ROW.change(connection, (tenant, store, order), {"attempts": 0, "retry_at": 0, **values})
    _MADE.change(connection, tenant=tenant, store=store, order=order, due_at=due_at)


def change(connection: Connection, tenant: str, store: str, order: str, values: Mapping[str, object]) -> None:
    """Set columns of one."""
    _ROW.change(connection, (tenant, store, order), values)


def waiting(
    connection: Connection, tenant: str, now: Instant, limit: int
) -> tuple[list[WaitingDocument], Instant | None]:
    """Documents to be put now, and when the first that waits may be (None: none waits)."""
    rows = [WaitingDocument(*row) for row in _WAITING.read(connection, tenant=tenant, now=now, most=limit)]
    first = _NEXT_PUT.scalar(connection, tenant=tenant)
    return rows, None if first is None else Instant(first)


def was_put(connection: Connection, tenant: str, entry: WaitingDocument, now: Instant) -> None:
    """The ERP has this content. A newer one that was made meanwhile goes on waiting."""
    _PUT.change(
        connection, tenant=tenant, store=entry.store, order=entry.order, content=entry.content, now=now, nothing=b""
    )


def put_failed(
    connection: Connection, tenant: str, entry: WaitingDocument, *, reason: str, retry_at: Instant | None
) -> bool:
    """It couldn't be put: it is tried again then, or (None) not as it is. Returns whether it is still the newest one: what was
    made meanwhile is another."""
    where = {
        "tenant": tenant,
        "store": entry.store,
        "order": entry.order,
        "content": entry.content,
        "reason": reason[:500],
    }
    if retry_at is None:
        return _REFUSED.change(connection, **where, nothing=b"") > 0
    return _LATER.change(connection, **where, attempts=entry.attempts + 1, retry_at=retry_at) > 0


def of_order(connection: Connection, tenant: str, store: str, order: str) -> DocumentState | None:
    """What is known of an order's document; None where none was ever wanted."""
    row = _ONE.one(connection, tenant=tenant, store=store, order=order)
    return None if row is None else DocumentState(*row)


def count(connection: Connection, tenant: str) -> dict[str, tuple[int, int]]:
    """For each store: how many orders are to be made documents, and how many documents are to be put."""
    return {store: (int(made or 0), int(put or 0)) for store, made, put in _COUNT.read(connection, tenant=tenant)}


def refund_cursor(connection: Connection, tenant: str, store: str) -> Instant | None:
    """Where the store's list of refunds continues; None: it was never read."""
    cursor = _READ_CURSOR.scalar(connection, tenant=tenant, store=store)
    return None if cursor is None else Instant(cursor)


def take_refunds(
    connection: Connection,
    tenant: str,
    store: str,
    refunds: Sequence[tuple[str, str, Instant]],
    cursor: Instant,
    forget_before: Instant,
    now: Instant,
) -> list[str]:
    """Take a reading of the list, each refund as (number, order, created), and its cursor with it. The orders of new ones become
    due; returns them."""
    numbers = [number for number, _, _ in refunds]
    known = {number for (number,) in _SEEN.read(connection, numbers, tenant=tenant, store=store)}
    new = [refund for refund in refunds if refund[0] not in known]
    _SEE.write(connection, [(tenant, store, number, created) for number, _, created in new])
    _CURSOR.write(connection, [(tenant, store, cursor)])
    _FORGET.change(connection, tenant=tenant, store=store, before=forget_before)
    orders = list(dict.fromkeys(order for _, order, _ in new))
    make_due(connection, tenant, store, orders, now)
    return orders
