"""Stock items: what the shop sells, its counters, and the books from which belief is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

import msgspec
from sqlalchemy import Connection, and_, delete, func, select, update

from syncd.core.belief import Change, ItemBook, Reading, Write, believe
from syncd.core.policy import Recipe
from syncd.core.quantity import SECOND, Instant, Quantity
from syncd.ledger.rows import Among, OneRow, Rows
from syncd.ledger.schema import ingredient, item, level_write, listing, reading, taking

USABLE_KEPT = 5  # readings that belief can use: a few more than it does, so that a clean one is among them
FRESH_KEPT = 12  # readings that the order stream has not caught up with yet
TELLING_US = 600 * SECOND  # how old a reading may be that is kept because it tells more; what moved since is kept too


class ItemRow(msgspec.Struct, frozen=True):
    """A stock item and what it sells."""

    item: str
    sku: str
    recipe: Recipe
    read_at: Instant
    needs_absolute: bool
    refused_at: Instant
    accepted: Quantity
    due: Instant | None


_ITEM = (item.c.item, item.c.sku, item.c.recipe, item.c.read_at, item.c.needs_absolute, item.c.refused_at,
         item.c.accepted, item.c.due)  # fmt: skip
_WRITE_LISTINGS = Rows(listing, ["tenant", "store", "product", "item", "sku", "name", "digital", "seen"])
_WRITE_ITEMS = Rows(item, ["tenant", "store", "item", "sku", "recipe", "name", "active"])
_WRITE_INGREDIENTS = Rows(ingredient, ["tenant", "sku", "store", "item", "factor"])
_PLACE = (reading.c.tenant, reading.c.store, reading.c.item)
_WRITE_READINGS = Rows(reading, ["tenant", "store", "item", "began", "ended", "level", "write"])
_WRITE_TAKINGS = Rows(
    taking,
    [
        "tenant",
        "store",
        "item",
        "seq",
        "order",
        "line",
        "began",
        "ended",
        "was",
        "low",
        "high",
        "least",
        "most",
        "plain",
    ],
)
_ROW = OneRow(item)
_READ_SOON = Among("UPDATE item SET read_at = 0 WHERE tenant = :tenant AND store = :store AND item IN :among")
_MAKE_DUE = Among(
    "UPDATE item SET due = :now WHERE tenant = :tenant AND active = 1 AND (due IS NULL OR due > :now) "
    "AND (store, item) IN (SELECT store, item FROM ingredient WHERE tenant = :tenant AND sku IN :among)"
)
_MAKE_ITEMS_DUE = Among(
    "UPDATE item SET due = :now WHERE tenant = :tenant AND store = :store AND (due IS NULL OR due > :now) "
    "AND item IN :among"
)


def write_listings(connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
    """Rows of (tenant, store, product, item, sku, name, digital, seen)."""
    _WRITE_LISTINGS.write(connection, rows)


def write_items(connection: Connection, tenant: str, store: str, items: Mapping[str, tuple[str, str, Recipe]]) -> None:
    """Counters by name -> (sku, product name, recipe)."""
    _WRITE_ITEMS.write(
        connection,
        [
            (tenant, store, name, sku, msgspec.json.encode(recipe).decode(), title, 1)
            for name, (sku, title, recipe) in items.items()
        ],
    )
    for name in items:
        connection.execute(
            delete(ingredient).where(
                ingredient.c.tenant == tenant, ingredient.c.store == store, ingredient.c.item == name
            )
        )
    _WRITE_INGREDIENTS.write(
        connection,
        [(tenant, sku, store, name, factor) for name, (_, _, recipe) in items.items() for sku, factor in recipe],
    )


def known_items(connection: Connection, tenant: str, store: str) -> dict[str, tuple[str, str, Recipe]]:
    """Active counters by name -> (sku, product name, recipe)."""
    query = select(item.c.item, item.c.sku, item.c.name, item.c.recipe).where(
        item.c.tenant == tenant, item.c.store == store, item.c.active == 1
    )
    return {row[0]: (row[1], row[2], _recipe(row[3])) for row in connection.execute(query)}


def retire_items(connection: Connection, tenant: str, store: str, seen_since: Instant) -> list[str]:
    """Counters that the catalogue read since `seen_since` no longer names: nothing is written to them."""
    alive = select(listing.c.item).where(
        listing.c.tenant == tenant, listing.c.store == store, listing.c.seen >= seen_since
    )
    where = and_(item.c.tenant == tenant, item.c.store == store, item.c.active == 1, item.c.item.not_in(alive))
    gone = list(connection.execute(select(item.c.item).where(where)).scalars())
    if gone:
        connection.execute(update(item).where(where).values(active=0, due=None))
    return gone


def items_to_read(
    connection: Connection, tenant: str, store: str, before: Instant, limit: int
) -> list[tuple[str, Instant]]:
    """Counters not read since `before`, the longest ago first."""
    query = (
        select(item.c.item, item.c.read_at)
        .where(item.c.tenant == tenant, item.c.store == store, item.c.active == 1, item.c.read_at < before)
        .order_by(item.c.read_at)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in connection.execute(query)]


def oldest_read(connection: Connection, tenant: str, store: str) -> Instant | None:
    """When the counter that was read the longest ago was read; None without counters."""
    query = select(func.min(item.c.read_at)).where(item.c.tenant == tenant, item.c.store == store, item.c.active == 1)
    return connection.execute(query).scalar_one_or_none()


def add_readings(
    connection: Connection,
    tenant: str,
    store: str,
    levels: Mapping[str, Quantity],
    began: Instant,
    ended: Instant,
    *,
    drained: Instant,
) -> None:
    """Record what the shop has shown between two instants; keeps few readings of each item."""
    _WRITE_READINGS.write(connection, [(tenant, store, name, began, ended, level, 0) for name, level in levels.items()])
    names = list(levels)
    connection.execute(
        update(item)
        .where(item.c.tenant == tenant, item.c.store == store, item.c.item.in_(names))
        .values(read_at=ended, needs_absolute=0, due=ended)
    )
    prune(connection, tenant, store, names, drained)


def add_write_reading(
    connection: Connection,
    tenant: str,
    store: str,
    name: str,
    level: Quantity,
    began: Instant,
    ended: Instant,
    seq: int,
) -> None:
    """An absolute write that is known to have been applied is a reading."""
    _WRITE_READINGS.write(connection, [(tenant, store, name, began, ended, level, seq)])


def needs_absolute(connection: Connection, tenant: str, store: str, names: Sequence[str], now: Instant) -> None:
    """The shop has no level there yet: the first write must be absolute."""
    connection.execute(
        update(item)
        .where(item.c.tenant == tenant, item.c.store == store, item.c.item.in_(names))
        .values(needs_absolute=1, due=now, read_at=now)
    )


def read_between(connection: Connection, tenant: str, store: str) -> tuple[Instant, Instant] | None:
    """When the counter that was read the longest ago was read, and the one read last; None without counters."""
    query = select(func.min(item.c.read_at), func.max(item.c.read_at)).where(
        item.c.tenant == tenant, item.c.store == store, item.c.active == 1
    )
    row = connection.execute(query).one()
    return None if row[0] is None else (row[0], row[1])


def accept_nothing(connection: Connection, tenant: str, store: str, now: Instant) -> None:
    """No offset is accepted any more: what differs from the ERP is corrected."""
    connection.execute(
        update(item)
        .where(item.c.tenant == tenant, item.c.store == store, item.c.accepted != 0)
        .values(accepted=0, due=now)
    )


def read_soon(connection: Connection, tenant: str, store: str, names: Iterable[str]) -> None:
    """These counters should be read at the next opportunity."""
    _READ_SOON.change(connection, names, tenant=tenant, store=store)


def prune(connection: Connection, tenant: str, store: str, names: Sequence[str], drained: Instant) -> None:
    """Keep the newest usable readings of these items and the oldest that are not usable yet (the newest of those would push
    them out for ever), and the takings and writes since the oldest reading that is kept.

    Older readings that belief still uses are kept too: where an item is read more often than a write takes to land, the
    newest are all wide by it, and forgetting what was known before it would have the item written to for ever.
    """
    query = (
        select(reading.c.item, reading.c.began, reading.c.ended, reading.c.write)
        .where(reading.c.tenant == tenant, reading.c.store == store, reading.c.item.in_(names))
        .order_by(reading.c.item, reading.c.began)
    )
    rows = {name: list(group) for name, group in groupby(connection.execute(query).all(), key=lambda row: row[0])}
    usable = {name: [row for row in mine if row[2] <= drained] for name, mine in rows.items()}
    books = item_books(connection, tenant, store, [name for name in rows if len(usable[name]) > USABLE_KEPT])
    for name, mine in rows.items():
        fresh = [row for row in mine if row[2] > drained]
        if name not in books and len(fresh) <= FRESH_KEPT:
            continue
        earliest = mine[-1][1] - TELLING_US
        telling = {(one.began, one.write) for one in _telling(books.get(name), drained) if one.began >= earliest}
        dropped = [row for row in usable[name][:-USABLE_KEPT] if (row[1], row[3]) not in telling] + fresh[FRESH_KEPT:]
        for row in dropped:
            connection.execute(
                delete(reading).where(
                    *(column == value for column, value in zip(_PLACE, (tenant, store, name), strict=True)),
                    reading.c.began == row[1],
                    reading.c.write == row[3],
                )
            )
        oldest = next(row for row in mine if row not in dropped)[1]
        for table in (taking, level_write):
            connection.execute(
                delete(table).where(
                    table.c.tenant == tenant, table.c.store == store, table.c.item == name, table.c.ended < oldest
                )
            )


def _telling(book: ItemBook | None, drained: Instant) -> Sequence[Reading]:
    """The readings that belief rests on; where they contradict each other, all of them until somebody has noted it."""
    if book is None:
        return ()
    belief = believe(book, drained)
    return book.readings if belief.drift else belief.used


def add_takings(connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
    """Rows of (tenant, store, item, seq, order, line, began, ended, was, low, high, least, most, plain)."""
    _WRITE_TAKINGS.write(connection, rows)


def make_due(connection: Connection, tenant: str, skus: Iterable[str], now: Instant) -> int:
    """The targets of these SKUs may have changed: all items that draw on them, in every shop. Returns how many."""
    return _MAKE_DUE.change(connection, skus, tenant=tenant, now=now)


def make_items_due(connection: Connection, tenant: str, store: str, names: Iterable[str], now: Instant) -> int:
    """The beliefs about these items may have changed. Returns how many weren't due already."""
    return _MAKE_ITEMS_DUE.change(connection, names, tenant=tenant, store=store, now=now)


def items_due(connection: Connection, tenant: str, store: str, now: Instant, limit: int) -> list[ItemRow]:
    """Items that the publisher should look at now."""
    query = (
        select(*_ITEM)
        .where(item.c.tenant == tenant, item.c.store == store, item.c.due <= now, item.c.active == 1)
        .order_by(item.c.due)
        .limit(limit)
    )
    return [_item(row) for row in connection.execute(query)]


def all_items(connection: Connection, tenant: str, store: str) -> list[ItemRow]:
    """All active items of a shop."""
    query = select(*_ITEM).where(item.c.tenant == tenant, item.c.store == store, item.c.active == 1)
    return [_item(row) for row in connection.execute(query.order_by(item.c.sku))]


def set_item(connection: Connection, tenant: str, store: str, name: str, **values: object) -> None:
    """Change some columns of an item."""
    _ROW.change(connection, (tenant, store, name), values)


def next_due(connection: Connection, tenant: str, store: str) -> Instant | None:
    """When the publisher should look next; None if nothing waits."""
    query = select(func.min(item.c.due)).where(item.c.tenant == tenant, item.c.store == store, item.c.due.is_not(None))
    return connection.execute(query).scalar_one_or_none()


def item_books(connection: Connection, tenant: str, store: str, names: Sequence[str]) -> dict[str, ItemBook]:
    """The books of these items: readings, changes of what was taken, own writes; each oldest first."""
    readings: dict[str, list[Reading]] = {name: [] for name in names}
    changes: dict[str, list[Change]] = {name: [] for name in names}
    writes: dict[str, list[Write]] = {name: [] for name in names}
    for row in connection.execute(
        select(reading.c.item, reading.c.level, reading.c.began, reading.c.ended, reading.c.write)
        .where(reading.c.tenant == tenant, reading.c.store == store, reading.c.item.in_(names))
        .order_by(reading.c.began, reading.c.ended)
    ):
        readings[row[0]].append(Reading(*row[1:]))
    t = taking.c
    for taken in connection.execute(
        select(t.item, t.began, t.ended, t.was, t.low, t.high, t.least, t.most, t.plain)
        .where(t.tenant == tenant, t.store == store, t.item.in_(names))
        .order_by(t.seq)
    ):
        numbers = taken[1:8]
        changes[taken[0]].append(Change(*numbers, bool(taken[8])))
    w = level_write.c
    for written in connection.execute(
        select(w.item, w.seq, w.change, w.level, w.sent_at, w.ended, w.state, w.blind_from)
        .where(w.tenant == tenant, w.store == store, w.item.in_(names), w.state != "refused")
        .order_by(w.seq)
    ):
        writes[written[0]].append(Write(*written[1:]))
    return {name: ItemBook(tuple(readings[name]), tuple(changes[name]), tuple(writes[name])) for name in names}


def _recipe(text: str) -> Recipe:
    return msgspec.json.decode(text, type=Recipe)


def _item(row: Sequence[object]) -> ItemRow:
    return msgspec.convert(
        dict(zip(ItemRow.__struct_fields__, row, strict=True))
        | {"recipe": _recipe(str(row[2])), "needs_absolute": bool(row[4])},
        ItemRow,
    )
