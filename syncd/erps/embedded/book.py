"""The stock book: SKUs, locations, and a journal from which every level follows.

The journal is append-only (the schema refuses anything else). An entry is an opening, a change of an opening, a receipt,
an adjustment or a move; it carries the level after it. The table of levels is kept in the entry's own transaction and
never says anything that the journal doesn't: `disagreements` proves it.

A level may be negative: the shops may sell what isn't there, and a clamped number would count that sale never. There are
no reservations in this book, so "available" is what is on hand.

An entry's number is the *revision* of the level that it made. Only one writer is in the file at a time, so revisions
become visible in their order, and "all levels with a greater revision" loses nothing.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

import msgspec

from syncd.core.quantity import QUANTITY_MAX, ZERO, Instant, Quantity, show
from syncd.erps.embedded.file import BUSY_SECONDS_DAEMON, BookFile
from syncd.errors import MisconfiguredError, NotFound, RefusedError
from syncd.ports.clock import Chance, Clock
from syncd.ports.erp import ErpDescription, ErpMove, PostOutcome, PostResult

KEY = re.compile(r"[A-Za-z0-9_-]{1,35}")
NAME_CHARACTERS_MAX = 200  # of a SKU, a location, a reference: more is a mistake in a file
LEVEL_MAX = 1_000 * QUANTITY_MAX  # sums beyond this come from a mistake, and stay below 2**63
JOURNAL_ENTRIES_MAX = 10_000  # one answer for people


class Kind(StrEnum):
    """What an entry records."""

    OPENING = "opening"
    OPENING_CHANGE = "opening_change"
    RECEIPT = "receipt"
    ADJUSTMENT = "adjustment"
    MOVE = "move"


class Entry(msgspec.Struct, frozen=True):
    """One line of the journal. `level` is the SKU's level at this location after it; `key` is "" but for moves."""

    id: int
    kind: Kind
    sku: str
    location: str
    change: Quantity
    level: Quantity
    key: str
    reference: str
    at: Instant


class LevelPage(msgspec.Struct, frozen=True):
    """Levels by (SKU, location) in the order of their revisions, all greater than the one asked for."""

    levels: Mapping[tuple[str, str], Quantity]
    revision: int  # of the last one in here, or the book's newest where none was cut off
    more: bool


class StockBook:
    """The book, in the file at `path`. Calls are synchronous, each is one transaction. Usable by two processes at once."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        chance: Chance,
        name: str = "",
        create: bool = False,
        busy_seconds: float = BUSY_SECONDS_DAEMON,
        checkpoints: bool = True,
    ) -> None:
        """Open the book. With `create`, make it if it isn't there: identity and epoch are tokens of `chance`."""
        self._clock = clock
        self._chance = chance
        self.file = BookFile(path, busy_seconds=busy_seconds, checkpoints=checkpoints, create=create)

        def first_rows(connection: sqlite3.Connection) -> None:
            row = (chance.token(16), chance.token(8), name)
            connection.execute("INSERT INTO book (one, identity, epoch, name) VALUES (1, ?, ?, ?)", row)

        try:
            self.file.prepare(first_rows)
        except BaseException:
            self.file.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def describe(self) -> ErpDescription:
        """Identity, epoch and name."""
        with self.file.read() as connection:
            return _description(connection)

    def renew_epoch(self) -> ErpDescription:
        """Give the book a new epoch: after it was restored from a backup, so that syncd asks for recent keys again."""
        with self.file.write() as connection:
            connection.execute("UPDATE book SET epoch = ?", (self._chance.token(8),))
            return _description(connection)

    def add(self, sku: str, *, name: str = "", location: str = "") -> None:
        """Make a SKU known with a level of 0 at a location. Repeating changes nothing but the name, where one is given."""
        with self.writing() as page:
            page.know(sku, location, name)
            if page.level(sku, location) is None:  # an entry by 0, so that its level is 0 and not unknown
                page.record(Kind.ADJUSTMENT, sku, location, ZERO, reference="added")

    def receive(self, sku: str, quantity: Quantity, *, location: str = "", reference: str = "") -> Entry:
        """Record goods that came in (`quantity` > 0). Not safe to repeat: each call is a receipt of its own.

        Raises NotFound for an unknown SKU or location, RefusedError for a quantity that isn't positive.
        """
        if quantity <= 0:
            raise RefusedError(
                f"a receipt of {show(quantity)}", operation="erp.receive", hint="adjust takes less than 0"
            )
        with self.writing() as page:
            return page.record(Kind.RECEIPT, sku, location, quantity, reference=reference)

    def adjust(self, sku: str, location: str, change: Quantity, reason: str) -> Entry:
        """Record a correction (a stocktake, breakage, the ERP's own sale). Not safe to repeat. Raises as `receive`."""
        if change == 0:
            raise RefusedError("an adjustment by 0", operation="erp.adjust")
        with self.writing() as page:
            return page.record(Kind.ADJUSTMENT, sku, location, change, reference=reason)

    def post(self, moves: Sequence[ErpMove]) -> tuple[PostOutcome, ...]:
        """Post moves in one transaction, one outcome each, in order; see `syncd.ports.erp.Erp.post`."""
        with self.writing() as page:
            return tuple(page.post(move) for move in moves)

    def find(self, keys: Sequence[str]) -> dict[str, ErpMove]:
        """The moves that are in the journal under these keys."""
        with self.file.read() as connection:
            found = (_move_under(connection, key) for key in keys)
            return {move.key: move for move, _ in filter(None, found)}

    def levels_since(self, revision: int, limit: int) -> LevelPage:
        """At most `limit` levels that changed after `revision` (0: all there are).

        MisconfiguredError for a revision that is still to come: the book is an older copy of itself.
        """
        with self.file.read() as connection:
            return _levels_since(connection, revision, limit)

    def levels_of(self, sku: str) -> dict[str, Quantity]:
        """The levels of one SKU by location."""
        with self.file.read() as connection:
            rows = connection.execute("SELECT location, quantity FROM level WHERE sku = ? ORDER BY location", (sku,))
            return {location: Quantity(quantity) for location, quantity in rows}

    def journal(self, sku: str, *, limit: int = JOURNAL_ENTRIES_MAX) -> list[Entry]:
        """The last `limit` entries of a SKU, oldest first. NotFound where the book doesn't know it."""
        with self.file.read() as connection:
            if connection.execute("SELECT 1 FROM sku WHERE sku = ?", (sku,)).fetchone() is None:
                raise NotFound(f"no SKU {sku!r} in the stock book", operation="erp.journal", key=sku)
            rows = connection.execute(
                "SELECT id, kind, sku, location, change, level, coalesce(key, ''), reference, at FROM entry"
                " WHERE sku = ? ORDER BY id DESC LIMIT ?",
                (sku, min(limit, JOURNAL_ENTRIES_MAX)),
            ).fetchall()
        return [_entry(row) for row in reversed(rows)]

    def disagreements(self) -> list[tuple[str, str]]:
        """(SKU, location) pairs whose level isn't the sum of their entries: empty unless the file was tampered with."""
        with self.file.read() as connection:
            return connection.execute(
                "SELECT sku, location FROM (SELECT sku, location, change FROM entry"
                " UNION ALL SELECT sku, location, -quantity FROM level) GROUP BY 1, 2 HAVING sum(change) != 0 ORDER BY 1, 2"
            ).fetchall()

    @contextmanager
    def writing(self) -> Iterator[Page]:
        """One write transaction as a page to write on."""
        with self.file.write() as connection:
            yield Page(connection, self._clock.now())


class Page:
    """What can be done inside one write transaction. All entries of it bear one time."""

    def __init__(self, connection: sqlite3.Connection, now: Instant) -> None:
        self.connection = connection
        self.now = now

    def know(self, sku: str, location: str, name: str = "") -> None:
        """Make a SKU and a location known."""
        for what, text in (("SKU", sku), ("location", location)):
            if complaint := name_complaint(text):
                raise RefusedError(f"{what} {complaint}", operation="erp.know", key=sku)
        if not sku:
            raise RefusedError("a SKU can't be empty", operation="erp.know")
        self.connection.execute(
            "INSERT INTO sku VALUES (?, ?) ON CONFLICT DO UPDATE SET name = excluded.name"
            " WHERE excluded.name NOT IN ('', name)",
            (sku, name),
        )
        self.connection.execute("INSERT INTO location VALUES (?) ON CONFLICT DO NOTHING", (location,))

    def opening(self, sku: str, location: str) -> Quantity | None:
        """The opening as it stands after all changes of it; None where there was none."""
        (total,) = self.connection.execute(
            "SELECT sum(change) FROM entry WHERE sku = ? AND location = ? AND kind IN ('opening', 'opening_change')",
            (sku, location),
        ).fetchone()
        return None if total is None else Quantity(total)

    def level(self, sku: str, location: str) -> Quantity | None:
        """The level; None where nothing was ever recorded."""
        row = self.connection.execute(
            "SELECT quantity FROM level WHERE sku = ? AND location = ?", (sku, location)
        ).fetchone()
        return Quantity(row[0]) if row else None

    def record(self, kind: Kind, sku: str, location: str, change: Quantity, *, reference: str, key: str = "") -> Entry:
        """Append an entry and keep the level. NotFound for an unknown SKU or location, RefusedError for an absurd sum."""
        if complaint := self.complaint(sku, location, change):
            hint = "make it known by an opening or by adding it"
            raise NotFound(complaint, operation=f"erp.{kind}", key=sku, hint=hint)
        level = Quantity((self.level(sku, location) or 0) + change)
        values = (kind.value, sku, location, change, level, key or None, reference[:NAME_CHARACTERS_MAX], self.now)
        cursor = self.connection.execute(
            "INSERT INTO entry (kind, sku, location, change, level, key, reference, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )
        revision = cursor.lastrowid
        assert revision is not None
        self.connection.execute(
            "INSERT INTO level VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET quantity = excluded.quantity, revision = excluded.revision",
            (sku, location, level, revision),
        )
        return Entry(revision, kind, sku, location, change, level, key, values[6], self.now)

    def post(self, move: ErpMove) -> PostOutcome:
        """Post one move: confirmed, different or refused."""
        if not KEY.fullmatch(move.key):
            return PostOutcome(move.key, PostResult.REFUSED, "a key has 1 to 35 characters of A-Z a-z 0-9 _ -")
        if there := _move_under(self.connection, move.key):
            found, entry = there
            same = (found.sku, found.location, found.change) == (move.sku, move.location, move.change)
            if same:
                return PostOutcome(move.key, PostResult.CONFIRMED, erp_ref=str(entry))
            return PostOutcome(move.key, PostResult.DIFFERENT, "the key is taken", erp_ref=str(entry), found=found)
        if complaint := self.complaint(move.sku, move.location, move.change):
            return PostOutcome(move.key, PostResult.REFUSED, complaint)
        made = self.record(Kind.MOVE, move.sku, move.location, move.change, reference=move.reference, key=move.key)
        return PostOutcome(move.key, PostResult.CONFIRMED, erp_ref=str(made.id))

    def complaint(self, sku: str, location: str, change: Quantity) -> str:
        """Why nothing can be counted for this SKU at this location; "" where it can."""
        if self.connection.execute("SELECT 1 FROM sku WHERE sku = ?", (sku,)).fetchone() is None:
            return f"unknown SKU {sku!r}"
        if self.connection.execute("SELECT 1 FROM location WHERE location = ?", (location,)).fetchone() is None:
            return f"unknown location {location!r}"
        if abs(change) > QUANTITY_MAX or abs((self.level(sku, location) or 0) + change) > LEVEL_MAX:
            return f"a quantity beyond all reason: {show(change)}"
        return ""


def name_complaint(text: str) -> str:
    """What is wrong with a SKU or a location; "" where nothing is."""
    if len(text) > NAME_CHARACTERS_MAX:
        return f"has {len(text)} characters, {NAME_CHARACTERS_MAX} are allowed"
    if text != text.strip() or not text.isprintable():
        return f"{text!r} begins or ends with a blank or holds characters that can't be seen"
    return ""


def _description(connection: sqlite3.Connection) -> ErpDescription:
    return ErpDescription(*connection.execute("SELECT identity, epoch, name FROM book").fetchone())


def _entry(row: tuple[int, str, str, str, int, int, str, str, int]) -> Entry:
    return Entry(
        row[0], Kind(row[1]), row[2], row[3], Quantity(row[4]), Quantity(row[5]), row[6], row[7], Instant(row[8])
    )


def _move_under(connection: sqlite3.Connection, key: str) -> tuple[ErpMove, int] | None:
    row = connection.execute("SELECT sku, location, change, reference, id FROM entry WHERE key = ?", (key,)).fetchone()
    return (ErpMove(key, row[0], row[1], Quantity(row[2]), row[3]), row[4]) if row else None


def _levels_since(connection: sqlite3.Connection, revision: int, limit: int) -> LevelPage:
    (newest,) = connection.execute("SELECT coalesce(max(id), 0) FROM entry").fetchone()
    if revision > newest:
        raise MisconfiguredError(
            f"the stock book was at revision {revision} and is at {newest} now: it is an older copy",
            operation="erp.levels",
            hint="a restored book needs a new epoch: give it one by the command, then syncd posts again what is missing",
        )
    rows = connection.execute(
        "SELECT sku, location, quantity, revision FROM level WHERE revision > ? ORDER BY revision LIMIT ?",
        (revision, limit + 1),
    ).fetchall()
    more = len(rows) > limit
    rows = rows[:limit]
    levels = {(sku, location): Quantity(quantity) for sku, location, quantity, _ in rows}
    return LevelPage(levels, rows[-1][3] if more else newest, more)
