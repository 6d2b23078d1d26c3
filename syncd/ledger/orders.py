"""Orders in the state read last, and their accounts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, func, select, update

from syncd.core.account import Account, Product
from syncd.core.order import Order, Phase
from syncd.core.policy import RULES_VERSION
from syncd.core.quantity import Instant, Quantity
from syncd.ledger.rows import Among, OneRow, Rows, Statement
from syncd.ledger.schema import line, orders

MAPPER_VERSION = 1  # raised when an adapter maps the same raw bytes differently


class OrderRow(msgspec.Struct, frozen=True, gc=False):
    """What the fence and the rules need of a known order."""

    order: str
    created: Instant
    key: str
    modified: Instant
    phase: Phase
    reading: int
    content: bytes
    baseline: bool
    missing: int
    read_at: Instant = Instant(0)


_READ_ORDERS = Among(
    'SELECT "order", created, "key", modified, phase, reading, content, baseline, missing, read_at FROM orders '
    'WHERE tenant = :tenant AND store = :store AND "order" IN :among'
)
_READ_PRODUCTS = Among(
    "SELECT product, item, sku, digital FROM listing WHERE tenant = :tenant AND store = :store AND product IN :among"
)
_KNOWN_SKUS = Among("SELECT sku FROM erp_level WHERE tenant = :tenant AND location = :location AND sku IN :among")
_WRITE_ORDERS = Rows(
    orders,
    [
        "tenant", "store", "order", "created", "key", "modified", "phase", "status", "cart", "reading", "read_at",
        "content", "batch", "place", "rules_version", "mapper_version", "baseline", "missing",
    ],
)  # fmt: skip

_ACCOUNT = (
    "line", "part", "product", "item", "sku", "location", "factor", "lead", "quantity", "commitment", "confirmed",
    "taken", "claim", "hold", "hold_until", "state", "rule", "moves", "shipped",
)  # fmt: skip
_READ_ACCOUNTS = Among(
    "SELECT "  # noqa: S608 - the names above, no values
    + ", ".join([f'"{name}"' for name in ("order", *_ACCOUNT)])
    + ' FROM line WHERE tenant = :tenant AND store = :store AND "order" IN :among'
)
_PLACE = (line.c.tenant, line.c.store, line.c.order, line.c.line, line.c.part)
_WRITE_LINES = Rows(line, ["tenant", "store", "order", *_ACCOUNT, "open"])
_ROW = OneRow(line)
_CONFIRM = Statement(
    "UPDATE line SET confirmed = confirmed + :units, open = 1 "
    'WHERE tenant = :tenant AND store = :store AND "order" = :order AND line = :line AND part = :part'
)
_LIVING = Statement(
    'SELECT "order" FROM orders WHERE tenant = :tenant AND store = :store AND "order" > :after '
    "AND (phase IN ('draft', 'pending', 'placed', 'paid') OR read_at >= :since) AND phase <> 'gone' "
    'ORDER BY "order" LIMIT :count'
)


def read_orders(connection: Connection, tenant: str, store: str, ids: Iterable[str]) -> dict[str, OrderRow]:
    """The known ones among these orders."""
    return {
        row[0]: OrderRow(row[0], row[1], row[2], row[3], Phase(row[4]), row[5], row[6], bool(row[7]), row[8], row[9])
        for row in _READ_ORDERS.read(connection, ids, tenant=tenant, store=store)
    }


def order_row(
    tenant: str, store: str, order: Order, *, reading: int, read_at: Instant, batch: int, place: int, baseline: bool
) -> tuple[object, ...]:
    """The row for `write_orders`."""
    return (
        tenant, store, order.order, order.created, order.key, order.modified, str(order.phase), order.status, order.cart,
        reading, read_at, order.content, batch, place, RULES_VERSION, MAPPER_VERSION, int(baseline), 0,
    )  # fmt: skip


def write_orders(connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert or replace order rows."""
    _WRITE_ORDERS.write(connection, rows)


def account_row(tenant: str, store: str, order: str, entry: Account, *, is_open: bool) -> tuple[object, ...]:
    """The row for `write_accounts`."""
    return (
        tenant, store, order, entry.line, entry.part, entry.product, entry.item, entry.sku, entry.location, entry.factor,
        int(entry.lead), entry.quantity, entry.commitment, entry.confirmed, entry.taken, entry.claim, entry.hold,
        entry.hold_until, entry.state, entry.rule, entry.moves, entry.shipped, int(is_open),
    )  # fmt: skip


def write_accounts(connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert or replace accounts."""
    _WRITE_LINES.write(connection, rows)


def read_accounts(connection: Connection, tenant: str, store: str, ids: Iterable[str]) -> dict[str, list[Account]]:
    """All accounts of these orders."""
    found: dict[str, list[Account]] = {}
    for row in _READ_ACCOUNTS.read(connection, ids, tenant=tenant, store=store):
        values = list(row[1:])
        values[7] = bool(values[7])
        found.setdefault(row[0], []).append(Account(*values))
    return found


def read_products(connection: Connection, tenant: str, store: str, products: Iterable[str]) -> dict[str, Product]:
    """What the catalogue knows of these products."""
    rows = _READ_PRODUCTS.read(connection, products, tenant=tenant, store=store)
    return {name: Product(item, sku, bool(digital)) for name, item, sku, digital in rows}


def known_skus(connection: Connection, tenant: str, location: str, skus: Iterable[str]) -> frozenset[str]:
    """Which of these SKUs the ERP has shown at this location."""
    return frozenset([sku for (sku,) in _KNOWN_SKUS.read(connection, skus, tenant=tenant, location=location)])


def living_orders(connection: Connection, tenant: str, store: str, after: str, limit: int, since: Instant) -> list[str]:
    """Ids of orders that may still change, or were read since `since`; ascending from `after`: what a sweep reads again."""
    return _LIVING.scalars(connection, tenant=tenant, store=store, after=after, since=since, count=limit)


def forget_content(connection: Connection, tenant: str, store: str, order: str) -> None:
    """The order can't be read now: its next readable state is news, though it may be the one that is known."""
    where = (orders.c.tenant == tenant, orders.c.store == store, orders.c.order == order)
    connection.execute(update(orders).where(*where).values(content=b""))


def count_missing(connection: Connection, tenant: str, store: str, order: str) -> int:
    """The store said explicitly that this order is not there: count it. Returns how often in a row by now."""
    where = (orders.c.tenant == tenant, orders.c.store == store, orders.c.order == order)
    connection.execute(update(orders).where(*where).values(missing=orders.c.missing + 1))
    return connection.execute(select(orders.c.missing).where(*where)).scalar_one_or_none() or 0


def confirm_units(
    connection: Connection, tenant: str, store: str, order: str, line_id: str, part: int, units: Quantity
) -> None:
    """The ERP has counted `units` more for this account (negative: it has given them back), which may matter to a target
    from now on."""
    _CONFIRM.change(connection, units=units, tenant=tenant, store=store, order=order, line=line_id, part=part)


def count_moves(connection: Connection, tenant: str, store: str, order: str, line_id: str) -> int:
    """How many moves a line has had: the number of its next one."""
    place = (tenant, store, order, line_id, 0)
    query = select(line.c.moves).where(*(column == value for column, value in zip(_PLACE, place, strict=True)))
    return connection.execute(query).scalar_one_or_none() or 0


def set_moves(connection: Connection, tenant: str, store: str, order: str, line_id: str, count: int) -> None:
    """The line's next move has the number `count`."""
    _ROW.change(connection, (tenant, store, order, line_id, 0), {"moves": count, "open": 1})


def set_account_state(
    connection: Connection, tenant: str, store: str, order: str, line_id: str, part: int, *, state: str
) -> None:
    """Counted, quarantined or ignored: whether moves are planned for the account, which may matter to a target from now on."""
    _ROW.change(connection, (tenant, store, order, line_id, part), {"state": state, "open": 1})


def count_orders(connection: Connection, tenant: str, store: str) -> int:
    """How many orders of the store the ledger has."""
    query = select(func.count()).where(orders.c.tenant == tenant, orders.c.store == store)
    return connection.execute(query).scalar_one()


class OrderNews(msgspec.Struct, frozen=True):
    """An order that may still change, as it was read last."""

    store: str
    order: str
    status: str
    phase: str
    created: Instant
    read_at: Instant
    baseline: int


_LATEST = Statement(
    'SELECT store, "order", status, phase, created, read_at, baseline FROM orders WHERE tenant = :tenant '
    "AND store = :store AND phase IN ('draft', 'pending', 'placed', 'paid') AND read_at <= :at "
    'AND (read_at < :at OR store < :behind OR store = :behind AND "order" < :number) '
    'ORDER BY read_at DESC, "order" DESC LIMIT :count'
)


def latest_living(
    connection: Connection, tenant: str, store: str, before: tuple[Instant, str, str], limit: int
) -> list[OrderNews]:
    """The orders of a store that may still change, by when their state was read, newest first; `before`: the instant, store and
    number of a later one."""
    at, behind, number = before
    rows = _LATEST.read(connection, tenant=tenant, store=store, at=at, behind=behind, number=number, count=limit)
    return [OrderNews(*row) for row in rows]
