"""Stock items: what the shop sells, its counters, and the books from which belief is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from syncd.core.belief import Change, ItemBook, Reading, Write, believe
from syncd.core.policy import Recipe
from syncd.core.quantity import SECOND, Instant, Quantity
from syncd.ledger import level_changes
from syncd.ledger.level_changes import Place
from syncd.ledger.rows import Among, OneRow, Rows, Statement
from syncd.ledger.schema import ingredient, item, listing, reading, taking

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
    warning: Quantity = Quantity(0)  # at which level the merchant has the shop warn
    place: str = ""  # what its name ends with, where its counter isn't at the shop's main location


_RECIPE = msgspec.json.Decoder(Recipe)
_WRITE_LISTINGS = Rows(listing, ["tenant", "store", "product", "item", "sku", "name", "digital", "seen"])
_WRITE_ITEMS = Rows(item, ["tenant", "store", "item", "sku", "recipe", "name", "active", "place"])
_WRITE_INGREDIENTS = Rows(ingredient, ["tenant", "sku", "store", "item", "factor"])
_WRITE_READINGS = Rows(reading, ["tenant", "store", "item", "began", "ended", "level", "write"])
_WRITE_TAKINGS = Rows(
    taking,
    [
        "tenant", "store", "item", "seq", "order", "line", "began", "ended", "was", "low", "high", "least", "most",
        "plain",
    ],
)  # fmt: skip
_ROW = OneRow(item)
_ACTIVE = "FROM item WHERE tenant = :tenant AND store = :store AND active = 1"
_COLUMNS = "SELECT item, sku, recipe, read_at, needs_absolute, refused_at, accepted, due, warning, place"
_ALL = Statement(f"{_COLUMNS} {_ACTIVE} ORDER BY sku")
_THESE_ROWS = Among(f"{_COLUMNS} {_ACTIVE} AND item IN :among")
_DUE = Statement(f"{_COLUMNS} {_ACTIVE} AND due <= :now ORDER BY due LIMIT :count")
_NEXT_DUE = Statement(f"SELECT min(due) {_ACTIVE} AND due IS NOT NULL")
_KNOWN = Statement(f"SELECT item, sku, name, recipe {_ACTIVE}")
_COUNT = Statement(f"SELECT count(*) {_ACTIVE}")
_READ_BEFORE = Statement(f"SELECT item, read_at {_ACTIVE} AND read_at < :before ORDER BY read_at LIMIT :count")
_COUNT_READ_BEFORE = Statement(f"SELECT count(*) {_ACTIVE} AND read_at < :before")
_READ_BETWEEN = Statement(f"SELECT min(read_at), max(read_at) {_ACTIVE}")
_GONE = Statement(
    f"SELECT item {_ACTIVE} AND substr(item, 1, length(item) - length(place)) "  # noqa: S608
    "NOT IN (SELECT item FROM listing WHERE tenant = :tenant AND store = :store AND seen >= :seen_since)"
)
_PLACED = Statement(f"SELECT item, place {_ACTIVE} AND place <> ''")
_WARNINGS = Among("SELECT item, warning FROM item WHERE tenant = :tenant AND store = :store AND item IN :among")
_RETIRE = Among("UPDATE item SET active = 0, due = NULL WHERE tenant = :tenant AND store = :store AND item IN :among")
_FORGET_INGREDIENTS = Among("DELETE FROM ingredient WHERE tenant = :tenant AND store = :store AND item IN :among")
_ACCEPT_NOTHING = Statement(
    "UPDATE item SET accepted = 0, due = :now WHERE tenant = :tenant AND store = :store AND accepted <> 0"
)
_WAS_READ = Among(
    "UPDATE item SET read_at = :ended, needs_absolute = 0, due = :ended "
    "WHERE tenant = :tenant AND store = :store AND item IN :among"
)
_HAS_NONE = Among(
    "UPDATE item SET needs_absolute = 1, due = :now, read_at = :now "
    "WHERE tenant = :tenant AND store = :store AND item IN :among"
)
_THESE = "WHERE tenant = :tenant AND store = :store AND item IN :among"
_READINGS = Among(f'SELECT item, level, began, ended, "write" FROM reading {_THESE} ORDER BY began, ended')  # noqa: S608
_TAKINGS = Among(
    f"SELECT item, began, ended, was, low, high, least, most, plain FROM taking {_THESE} ORDER BY seq"  # noqa: S608
)
_WRITES = Among(
    "SELECT item, seq, change, level, sent_at, ended, state, blind_from FROM level_write "
    "WHERE tenant = :tenant AND store = :store AND state <> 'refused' AND item IN :among ORDER BY seq"
)
_OF = "WHERE tenant = :tenant AND store = :store AND item = :item"
_FORGET_READING = Statement(f'DELETE FROM reading {_OF} AND began = :began AND "write" = :write')  # noqa: S608
_FORGET_TAKINGS = Statement(f"DELETE FROM taking {_OF} AND ended < :oldest")  # noqa: S608
_FORGET_WRITES = Statement(f"DELETE FROM level_write {_OF} AND ended < :oldest")  # noqa: S608
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


def write_items(
    connection: Connection,
    tenant: str,
    store: str,
    items: Mapping[str, tuple[str, str, Recipe]],
    places: Iterable[str] = (),
) -> None:
    """Counters by name -> (sku, product name, recipe). `places`: what the names of those at other locations end with."""
    ends = tuple(places)
    _WRITE_ITEMS.write(
        connection,
        [
            (tenant, store, name, sku, msgspec.json.encode(recipe).decode(), title, 1, _place_of(name, ends))
            for name, (sku, title, recipe) in items.items()
        ],
    )
    _FORGET_INGREDIENTS.change(connection, items, tenant=tenant, store=store)
    _WRITE_INGREDIENTS.write(
        connection,
        [(tenant, sku, store, name, factor) for name, (_, _, recipe) in items.items() for sku, factor in recipe],
    )


def _place_of(name: str, ends: Iterable[str]) -> str:
    return next((end for end in ends if name.endswith(end)), "")


def known_items(connection: Connection, tenant: str, store: str) -> dict[str, tuple[str, str, Recipe]]:
    """Active counters by name -> (sku, product name, recipe)."""
    rows = _KNOWN.read(connection, tenant=tenant, store=store)
    return {row[0]: (row[1], row[2], _RECIPE.decode(row[3])) for row in rows}


def retire_items(
    connection: Connection, tenant: str, store: str, seen_since: Instant, places: Iterable[str] = ()
) -> list[str]:
    """Counters that the catalogue read since `seen_since` no longer names, or that are at none of the `places` any more: nothing
    is written to them."""
    gone = set(_GONE.scalars(connection, tenant=tenant, store=store, seen_since=seen_since))
    kept = set(places)
    gone |= {name for name, place in _PLACED.read(connection, tenant=tenant, store=store) if place not in kept}
    _RETIRE.change(connection, gone, tenant=tenant, store=store)
    return sorted(gone)


def items_to_read(
    connection: Connection, tenant: str, store: str, before: Instant, limit: int
) -> list[tuple[str, Instant]]:
    """Counters not read since `before`, the longest ago first."""
    rows = _READ_BEFORE.read(connection, tenant=tenant, store=store, before=before, count=limit)
    return [(row[0], row[1]) for row in rows]


def count_to_read(connection: Connection, tenant: str, store: str, before: Instant) -> int:
    """How many counters have not been read since `before`."""
    return int(_COUNT_READ_BEFORE.scalar(connection, tenant=tenant, store=store, before=before))


def oldest_read(connection: Connection, tenant: str, store: str) -> Instant | None:
    """When the counter that was read the longest ago was read; None without counters."""
    found = read_between(connection, tenant, store)
    return None if found is None else found[0]


def add_readings(
    connection: Connection,
    tenant: str,
    store: str,
    levels: Mapping[str, Quantity],
    began: Instant,
    ended: Instant,
    *,
    drained: Instant,
    floor: Quantity | None = None,
) -> None:
    """Record what the shop has shown between two instants; keeps few readings of each item. `floor`: as for `believe`."""
    _WRITE_READINGS.write(connection, [(tenant, store, name, began, ended, level, 0) for name, level in levels.items()])
    names = list(levels)
    _WAS_READ.change(connection, names, tenant=tenant, store=store, ended=ended)
    before = prune(connection, tenant, store, names, drained, floor)
    changed = ((Place(store, name), level) for name, level in levels.items() if _before(before[name], began) != level)
    level_changes.note(connection, tenant, began, changed)


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


def note_warnings(connection: Connection, tenant: str, store: str, warnings: Mapping[str, Quantity]) -> None:
    """At which level the merchant has the shop warn of each of these."""
    for name, known in _WARNINGS.read(connection, warnings, tenant=tenant, store=store):
        if known != warnings[name]:
            set_item(connection, tenant, store, name, warning=warnings[name])


def needs_absolute(connection: Connection, tenant: str, store: str, names: Sequence[str], now: Instant) -> None:
    """The shop has no level there yet: the first write must be absolute."""
    _HAS_NONE.change(connection, names, tenant=tenant, store=store, now=now)


def read_between(connection: Connection, tenant: str, store: str) -> tuple[Instant, Instant] | None:
    """When the counter that was read the longest ago was read, and the one read last; None without counters."""
    row = _READ_BETWEEN.one(connection, tenant=tenant, store=store)
    return None if row[0] is None else (row[0], row[1])


def accept_nothing(connection: Connection, tenant: str, store: str, now: Instant) -> None:
    """No offset is accepted any more: what differs from the ERP is corrected."""
    _ACCEPT_NOTHING.change(connection, tenant=tenant, store=store, now=now)


def read_soon(connection: Connection, tenant: str, store: str, names: Iterable[str]) -> None:
    """These counters should be read at the next opportunity."""
    _READ_SOON.change(connection, names, tenant=tenant, store=store)


def _before(readings: Sequence[Reading], began: Instant) -> Quantity | None:
    """The level that the shop itself has shown before; an own write tells what was set, not what was there."""
    return next((one.level for one in reversed(readings) if one.began < began and not one.write), None)


def prune(
    connection: Connection,
    tenant: str,
    store: str,
    names: Sequence[str],
    drained: Instant,
    floor: Quantity | None = None,
) -> Mapping[str, Sequence[Reading]]:
    """Keep the newest usable readings of these items, the oldest that are not usable yet (the newest of those would push
    them out for ever) and the very newest, and the takings and writes since the oldest reading that is kept. Without the very
    newest, whoever wants one from after the last change would ask for ever: where shops call, changes come between polls.

    Older readings that belief still uses are kept too: where an item is read more often than a write takes to land, the
    newest are all wide by it, and forgetting what was known before it would have the item written to for ever.

    Returns all readings that there were, oldest first.
    """
    rows: dict[str, list[Reading]] = {name: [] for name in names}
    for row in _READINGS.read(connection, names, tenant=tenant, store=store):
        rows[row[0]].append(Reading(*row[1:]))
    usable = {name: [one for one in mine if one.ended <= drained] for name, mine in rows.items()}
    books = item_books(connection, tenant, store, [name for name in rows if len(usable[name]) > USABLE_KEPT])
    forgotten: list[dict[str, object]] = []
    since: list[dict[str, object]] = []
    for name, mine in rows.items():
        fresh = [one for one in mine if one.ended > drained]
        if name not in books and len(fresh) <= FRESH_KEPT:
            continue
        earliest = mine[-1].began - TELLING_US
        telling = {(one.began, one.write) for one in _telling(books.get(name), drained, floor) if one.began >= earliest}
        old = usable[name][:-USABLE_KEPT]
        dropped = [one for one in old if (one.began, one.write) not in telling] + fresh[FRESH_KEPT - 1 : -1]
        place = {"tenant": tenant, "store": store, "item": name}
        forgotten += [place | {"began": one.began, "write": one.write} for one in dropped]
        since.append(place | {"oldest": next(one for one in mine if one not in dropped).began})
    _FORGET_READING.change_each(connection, forgotten)
    _FORGET_TAKINGS.change_each(connection, since)
    _FORGET_WRITES.change_each(connection, since)
    return rows


def _telling(book: ItemBook | None, drained: Instant, floor: Quantity | None) -> Sequence[Reading]:
    """The readings that belief rests on; where they contradict each other, all of them until somebody has noted it."""
    if book is None:
        return ()
    belief = believe(book, drained, floor)
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
    return [_item(row) for row in _DUE.read(connection, tenant=tenant, store=store, now=now, count=limit)]


def all_items(connection: Connection, tenant: str, store: str) -> list[ItemRow]:
    """All active items of a shop."""
    return [_item(row) for row in _ALL.read(connection, tenant=tenant, store=store)]


def some_items(connection: Connection, tenant: str, store: str, names: Iterable[str]) -> list[ItemRow]:
    """The active ones among these items of a shop."""
    return [_item(row) for row in _THESE_ROWS.read(connection, names, tenant=tenant, store=store)]


def count_items(connection: Connection, tenant: str, store: str) -> int:
    """How many active items a shop has."""
    return int(_COUNT.scalar(connection, tenant=tenant, store=store))


def set_item(connection: Connection, tenant: str, store: str, name: str, **values: object) -> None:
    """Change some columns of an item."""
    _ROW.change(connection, (tenant, store, name), values)


def next_due(connection: Connection, tenant: str, store: str) -> Instant | None:
    """When the publisher should look next; None if nothing waits."""
    due: Instant | None = _NEXT_DUE.scalar(connection, tenant=tenant, store=store)
    return due


def item_books(connection: Connection, tenant: str, store: str, names: Sequence[str]) -> dict[str, ItemBook]:
    """The books of these items: readings, changes of what was taken, own writes; each oldest first."""
    readings: dict[str, list[Reading]] = {name: [] for name in names}
    changes: dict[str, list[Change]] = {name: [] for name in names}
    writes: dict[str, list[Write]] = {name: [] for name in names}
    for row in _READINGS.read(connection, names, tenant=tenant, store=store):
        readings[row[0]].append(Reading(*row[1:]))
    for name, began, ended, was, low, high, least, most, plain in _TAKINGS.read(
        connection, names, tenant=tenant, store=store
    ):
        changes[name].append(Change(began, ended, was, low, high, least, most, bool(plain)))
    for row in _WRITES.read(connection, names, tenant=tenant, store=store):
        writes[row[0]].append(Write(*row[1:]))
    return {name: ItemBook(tuple(readings[name]), tuple(changes[name]), tuple(writes[name])) for name in names}


def _item(row: Sequence[Any]) -> ItemRow:
    name, sku, recipe, read_at, needs_absolute, refused_at, accepted, due, warning, place = row
    return ItemRow(
        name, sku, _RECIPE.decode(recipe), read_at, bool(needs_absolute), refused_at, accepted, due, warning, place
    )
