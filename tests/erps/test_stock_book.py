"""The embedded ERP's stock book: its journal, its levels, its file."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from syncd.clock import SystemChance, SystemClock
from syncd.core.quantity import Quantity, units
from syncd.erps.embedded.book import Kind, StockBook
from syncd.erps.embedded.documents import document, record_shipment, shipments_since
from syncd.erps.embedded.erp import BATCH_MAX, EmbeddedErp
from syncd.erps.embedded.opening import import_opening
from syncd.errors import BugError, MisconfiguredError, NotFound, OutcomeUnknown, RefusedError, StoreFault
from syncd.ports.erp import ErpMove, PostResult, Shipment, ShipmentLine
from syncd.testing.order_document import an_order

OpenBook = Callable[..., StockBook]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "erp.sqlite"


@pytest.fixture
def open_book(path: Path) -> Iterator[OpenBook]:
    opened: list[StockBook] = []

    def open_one(**options: object) -> StockBook:
        chosen = {"clock": SystemClock(), "chance": SystemChance(), "create": True, **options}
        opened.append(StockBook(path, **chosen))  # type: ignore[arg-type]
        return opened[-1]

    yield open_one
    for book in opened:
        book.close()


@pytest.fixture
def book(open_book: OpenBook) -> StockBook:
    return open_book()


def sale(key: str, count: int = 1, sku: str = "A") -> ErpMove:
    return ErpMove(key, sku, "", units(-count), f"order {key}")


def test_the_journal_tells_every_change_of_a_level_and_the_level_after_it(book):
    book.add("A", name="Mug")
    book.receive("A", units(5), reference="delivery 7")
    book.post([sale("k1", 7)])
    book.adjust("A", "", Quantity(5_000), "found half a one")
    told = [(entry.kind, entry.change, entry.level, entry.key, entry.reference) for entry in book.journal("A")]
    assert told == [
        (Kind.ADJUSTMENT, 0, 0, "", "added"),
        (Kind.RECEIPT, units(5), units(5), "", "delivery 7"),
        (Kind.MOVE, units(-7), units(-2), "k1", "order k1"),
        (Kind.ADJUSTMENT, 5_000, -15_000, "", "found half a one"),
    ]
    assert [entry.level for entry in book.journal("A", limit=1)] == [-15_000]
    assert book.disagreements() == []


def test_the_journal_can_be_neither_changed_nor_shortened(book, path):
    book.add("A")
    stranger = sqlite3.connect(path)
    for statement in ("UPDATE entry SET change = 1", "DELETE FROM entry"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            stranger.execute(statement)
    stranger.close()


def test_a_rule_of_the_schema_that_is_broken_from_inside_is_a_bug(book):
    def forging() -> None:
        with book.writing() as page:
            page.connection.execute("DELETE FROM entry")

    book.add("A")
    with pytest.raises(BugError, match="append-only"):
        forging()
    assert len(book.journal("A")) == 1


def test_a_level_that_was_tampered_with_is_found(book, path):
    book.add("A")
    book.receive("A", units(5))
    stranger = sqlite3.connect(path)
    with stranger:
        stranger.execute("UPDATE level SET quantity = quantity + 1")
    stranger.close()
    assert book.disagreements() == [("A", "")]


def test_what_is_not_known_can_be_neither_received_nor_adjusted_nor_explained(book):
    book.add("A")
    with pytest.raises(NotFound, match="unknown SKU 'B'"):
        book.receive("B", units(1))
    with pytest.raises(NotFound, match="unknown location 'WH'"):
        book.adjust("A", "WH", units(1), "x")
    with pytest.raises(NotFound):
        book.journal("B")
    with pytest.raises(RefusedError):
        book.receive("A", units(0))
    with pytest.raises(RefusedError):
        book.adjust("A", "", units(0), "x")
    for sku in ("", " A", "A\n", "A" * 201):
        with pytest.raises(RefusedError):
            book.add(sku)


def test_moves_that_make_no_sense_are_refused_one_by_one(book):
    book.add("A")
    moves = [
        sale("k" * 36),
        sale("a b"),
        sale("ok"),
        ErpMove("huge", "A", "", Quantity(10**17)),
        ErpMove("where", "A", "WH", units(-1)),
    ]
    assert [outcome.result for outcome in book.post(moves)] == [
        PostResult.REFUSED,
        PostResult.REFUSED,
        PostResult.CONFIRMED,
        PostResult.REFUSED,
        PostResult.REFUSED,
    ]
    assert book.levels_of("A") == {"": units(-1)}


def test_levels_are_kept_by_location(book):
    book.add("A", location="WH")
    book.add("A")
    book.receive("A", units(2), location="WH")
    assert book.levels_of("A") == {"": 0, "WH": units(2)}


async def test_a_batch_is_bounded(book):
    erp = EmbeddedErp(book, clock=SystemClock())
    with pytest.raises(BugError):
        await erp.post([sale(str(number)) for number in range(BATCH_MAX + 1)])


def test_a_book_is_not_made_by_accident_and_no_other_file_is_taken_for_one(tmp_path, path):
    with pytest.raises(MisconfiguredError, match="no stock book"):
        StockBook(path, clock=SystemClock(), chance=SystemChance())
    assert not path.exists()
    other = sqlite3.connect(tmp_path / "other.sqlite")
    with other:
        other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(MisconfiguredError, match="no stock book of version"):
        StockBook(tmp_path / "other.sqlite", clock=SystemClock(), chance=SystemChance(), create=True)
    (tmp_path / "text").write_bytes(b"this is no database at all, and long enough to be taken for one" * 20)
    with pytest.raises(MisconfiguredError, match="damaged"):
        StockBook(tmp_path / "text", clock=SystemClock(), chance=SystemChance(), create=True)


def test_opening_a_book_again_changes_neither_identity_nor_epoch(book, open_book):
    assert open_book().describe() == book.describe()
    assert len(book.describe().identity) == 32


async def test_a_restored_book_with_a_new_epoch_is_read_from_the_start(book, open_book, path):
    book.add("A")
    book.receive("A", units(3))
    erp = EmbeddedErp(book, clock=SystemClock())
    cursor = (await erp.levels("")).cursor
    assert (await erp.levels(cursor)).levels == {}
    before = book.describe()
    after = book.renew_epoch()
    assert (after.identity, after.epoch == before.epoch) == (before.identity, False)
    assert (await erp.levels(cursor)).levels == {("A", ""): units(3)}


@pytest.mark.parametrize(
    "cursor", ["x", ".", "..", "1.2", "\u0663", "{epoch}.", "{epoch}.-1", "{epoch}.\u0663", "{epoch}.1.2"]
)
async def test_a_cursor_that_cannot_be_read_begins_from_the_start(book, cursor):
    book.add("A")
    erp = EmbeddedErp(book, clock=SystemClock())
    page = await erp.levels(cursor.format(epoch=book.describe().epoch))
    assert page.levels == {("A", ""): 0}


async def test_an_older_copy_of_the_book_without_a_new_epoch_stops_the_tenant(book, path):
    book.add("A")
    backup = sqlite3.connect(path)
    older = path.with_name("backup.sqlite")
    target = sqlite3.connect(older)
    backup.backup(target)
    backup.close()
    target.close()
    book.post([sale("k1")])
    cursor = (await EmbeddedErp(book, clock=SystemClock()).levels("")).cursor
    book.close()
    for side in ("-wal", "-shm"):
        path.with_name(path.name + side).unlink(missing_ok=True)
    shutil.move(older, path)
    restored = StockBook(path, clock=SystemClock(), chance=SystemChance())
    with pytest.raises(MisconfiguredError, match="older copy"):
        await EmbeddedErp(restored, clock=SystemClock()).levels(cursor)
    restored.close()


def test_a_file_that_was_put_in_its_place_is_opened_and_the_deleted_one_is_not_written(book, path, tmp_path):
    book.add("A")
    other = StockBook(tmp_path / "other.sqlite", clock=SystemClock(), chance=SystemChance(), create=True)
    other.add("A")
    identity = other.describe().identity
    other.close()
    (tmp_path / "other.sqlite").replace(path)
    for side in ("-wal", "-shm"):
        path.with_name(path.name + side).unlink(missing_ok=True)
    assert book.describe().identity == identity
    path.unlink()
    with pytest.raises(StoreFault, match="gone"):
        book.post([sale("k1")])


# Failures of the disk ---------------------------------------------------------------------------------------------------


class FailingConnection:
    """A connection whose statement of one kind fails."""

    def __init__(self, real: sqlite3.Connection, statement: str, code: int) -> None:
        self.real, self.statement, self.code = real, statement, code

    @property
    def in_transaction(self) -> bool:
        return self.real.in_transaction

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql.startswith(self.statement):
            error = sqlite3.OperationalError("the disk says no")
            error.sqlite_errorcode = self.code
            raise error
        return self.real.execute(sql, *values)

    def close(self) -> None:
        self.real.close()


@pytest.mark.parametrize(
    ("statement", "code", "raised"),
    [
        ("BEGIN", sqlite3.SQLITE_BUSY, StoreFault),
        ("BEGIN", sqlite3.SQLITE_CANTOPEN, StoreFault),
        ("INSERT INTO entry", sqlite3.SQLITE_FULL, StoreFault),
        ("INSERT INTO entry", sqlite3.SQLITE_IOERR | (3 << 8), StoreFault),
        ("INSERT INTO entry", sqlite3.SQLITE_READONLY, StoreFault),
        ("INSERT INTO entry", sqlite3.SQLITE_CORRUPT, MisconfiguredError),
        ("COMMIT", sqlite3.SQLITE_FULL, StoreFault),
        ("COMMIT", sqlite3.SQLITE_IOERR, OutcomeUnknown),
    ],
)
def test_a_failing_disk_is_told_by_what_it_means_and_leaves_nothing_behind(book, statement, code, raised):
    book.add("A")
    real = book.file._connection
    book.file._connection = FailingConnection(real, statement, code)
    with pytest.raises(raised):
        book.post([sale("k1")])
    book.file._connection = real
    assert book.find(["k1"]) == {}
    assert [outcome.result for outcome in book.post([sale("k1")])] == [PostResult.CONFIRMED]


def test_a_transaction_that_sqlite_rolled_back_by_itself_is_not_reported_as_done(book):
    def rolled_back() -> None:
        with book.writing() as page:
            page.post(sale("k1"))
            page.connection.execute("ROLLBACK")

    book.add("A")
    with pytest.raises(StoreFault, match="rolled back"):
        rolled_back()
    assert book.find(["k1"]) == {}


def test_a_unit_that_fails_leaves_nothing_behind(book):
    def failing() -> None:
        with book.writing() as page:
            page.post(sale("k1"))
            raise RuntimeError

    book.add("A")
    with pytest.raises(RuntimeError):
        failing()
    assert book.find(["k1"]) == {}


# Two processes, and a killed one ----------------------------------------------------------------------------------------

POSTER = """
import sys
from pathlib import Path
from syncd.clock import SystemChance, SystemClock
from syncd.core.quantity import units
from syncd.erps.embedded.book import StockBook
from syncd.ports.erp import ErpMove
book = StockBook(Path(sys.argv[1]), clock=SystemClock(), chance=SystemChance(), busy_seconds=60, checkpoints=False)
for number in range(100):
    book.post([ErpMove(f"shared-{number}", "A", "", units(-1))])
    book.post([ErpMove(f"{sys.argv[2]}-{number}", "A", "", units(-1))])
    if sys.argv[2] == "two" and number % 10 == 0:
        book.receive("A", units(1))
"""

KILLED = """
import os, signal, sys
from pathlib import Path
from syncd.clock import SystemChance, SystemClock
from syncd.core.quantity import units
from syncd.erps.embedded.book import StockBook
from syncd.ports.erp import ErpMove
book = StockBook(Path(sys.argv[1]), clock=SystemClock(), chance=SystemChance())
book.post([ErpMove("before", "A", "", units(-1))])
with book.writing() as page:
    page.post(ErpMove("during", "A", "", units(-1)))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_two_processes_post_at_once_and_every_key_counts_once(book, path, project_folder):
    book.add("A")
    commands = [[sys.executable, "-c", POSTER, str(path), name] for name in ("one", "two")]
    processes = [subprocess.Popen(command, cwd=project_folder, stderr=subprocess.PIPE) for command in commands]
    ends = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ends
    assert book.levels_of("A") == {"": units(-300 + 10)}
    assert book.disagreements() == []
    numbers = [entry.id for entry in book.journal("A")]
    assert numbers == sorted(numbers)
    assert len(numbers) == 1 + 300 + 10


def test_a_daemon_that_finds_the_book_busy_says_that_nothing_was_written(book, open_book):
    book.add("A")
    impatient = open_book(busy_seconds=0.01)
    with book.writing() as page:
        page.post(sale("k1"))
        with pytest.raises(StoreFault):
            impatient.post([sale("k2")])
        assert impatient.find(["k1"]) == {}, "what isn't committed isn't seen"
        open_book(busy_seconds=0.01)  # and opening one doesn't wait
    assert impatient.find(["k1", "k2"]).keys() == {"k1"}


def test_a_process_killed_inside_a_transaction_has_posted_what_it_had_committed_and_nothing_else(
    book, path, project_folder
):
    book.add("A")
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=project_folder, timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert book.find(["before", "during"]).keys() == {"before"}
    assert [outcome.result for outcome in book.post([sale("before"), sale("during")])] == [PostResult.CONFIRMED] * 2
    assert book.levels_of("A") == {"": units(-2)}


def test_the_book_is_as_safe_as_sqlite_can_make_it(book):
    connection = book.file._connection
    told = [
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "foreign_keys")
    ]
    assert told == ["wal", 2, 1]


# Documents ----------------------------------------------------------------------------------------------------------------


async def test_an_order_document_is_the_last_one_put_and_moves_no_stock(book):
    book.add("A")
    erp = EmbeddedErp(book, clock=SystemClock())
    order = an_order("k")
    await erp.put_order(order)
    assert document(book, "k") == order
    changed = msgspec.structs.replace(order, phase="cancelled", status="Cancelled", lines=())
    await erp.put_order(changed)
    assert document(book, "k") == changed
    assert book.levels_of("A") == {"": 0}
    with pytest.raises(NotFound):
        document(book, "other")


def test_a_shipment_recorded_twice_is_one_and_its_key_is_never_given_to_another(book):
    shipment = Shipment("s1", "shop", "1001", (ShipmentLine("11", units(1)),), "Post", "T1")
    record_shipment(book, shipment)
    record_shipment(book, shipment)
    with pytest.raises(RefusedError, match="another shipment"):
        record_shipment(book, Shipment("s1", "shop", "1002", shipment.lines))
    with pytest.raises(RefusedError):
        record_shipment(book, Shipment("s2", "shop", "1002", ()))


def test_a_shipment_may_name_skus_and_has_no_link(book):
    lines = (ShipmentLine("11", units(1), "A"), ShipmentLine("", units(2), "B"))
    record_shipment(book, Shipment("s1", "shop", "1001", lines))
    assert shipments_since(book, 0, 10)[0] == [Shipment("s1", "shop", "1001", lines)]
    with pytest.raises(RefusedError, match="no links"):
        record_shipment(book, Shipment("s2", "shop", "1001", lines, link="https://t.example/1"))


def test_an_import_beside_a_running_sale_keeps_both(book, open_book, tmp_path):
    (tmp_path / "opening.csv").write_text("sku,quantity\nA,5\n")
    beside = open_book(checkpoints=False)
    import_opening(beside, tmp_path / "opening.csv")
    book.post([sale("k1", 2)])
    import_opening(beside, tmp_path / "opening.csv")
    assert book.levels_of("A") == {"": units(3)}
