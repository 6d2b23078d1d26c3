"""Opening stock from a CSV file."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.clock import SystemChance, SystemClock
from syncd.core.quantity import Quantity, units
from syncd.erps.embedded import opening
from syncd.erps.embedded.book import Kind, StockBook
from syncd.erps.embedded.opening import OpeningRefused, OpeningReport, import_opening, read_opening
from syncd.errors import RefusedError
from syncd.ports.erp import ErpMove


@pytest.fixture
def book(tmp_path: Path):
    book = StockBook(tmp_path / "erp.sqlite", clock=SystemClock(), chance=SystemChance(), create=True)
    yield book
    assert book.disagreements() == []
    book.close()


@pytest.fixture
def write(tmp_path: Path):
    def write_one(text: str | bytes) -> Path:
        path = tmp_path / "opening.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write_one


def complaints(text: str | bytes) -> list[tuple[int, str]]:
    with pytest.raises(OpeningRefused) as caught:
        read_opening(text if isinstance(text, bytes) else text.encode())
    return [(error.line, error.message) for error in caught.value.errors]


def test_importing_the_same_file_twice_changes_nothing(book, write):
    path = write("sku,location,quantity,name\nA,,5,Mug\nA,WH,2.5,\n\nB,WH,-1,Cup\n")
    assert import_opening(book, path) == OpeningReport(added=3, changed=0, unchanged=0)
    assert import_opening(book, path) == OpeningReport(added=0, changed=0, unchanged=3)
    assert book.levels_of("A") == {"": units(5), "WH": Quantity(25_000)}
    assert book.levels_of("B") == {"WH": units(-1)}
    assert [entry.reference for entry in book.journal("A")] == [
        "5 by line 2 of opening.csv",
        "2.5 by line 3 of opening.csv",
    ]


def test_another_opening_is_refused_and_with_adjust_its_difference_is_an_entry(book, write):
    import_opening(book, write("sku,quantity\nA,5\nB,1\n"))
    book.post([ErpMove("k1", "A", "", units(-2))])
    with pytest.raises(OpeningRefused) as caught:
        import_opening(book, write("sku,quantity\nC,1\nA,7\nB,3\n"))
    assert [error.line for error in caught.value.errors] == [3, 4]
    assert book.levels_of("C") == {}, "all or nothing"
    changed = write("sku,quantity\nC,1\nA,7\nB,1\n")
    assert import_opening(book, changed, adjust=True) == OpeningReport(added=1, changed=1, unchanged=1)
    assert import_opening(book, changed) == OpeningReport(added=0, changed=0, unchanged=3)
    assert book.levels_of("A") == {"": units(7 - 2)}, "what was sold since stays sold"
    assert [entry.kind for entry in book.journal("A")] == [Kind.OPENING, Kind.MOVE, Kind.OPENING_CHANGE]


def test_an_opening_comes_on_top_of_what_was_received_before(book, write):
    book.add("A")
    book.receive("A", units(2))
    import_opening(book, write("sku,quantity\nA,5\n"))
    assert book.levels_of("A") == {"": units(7)}


def test_all_errors_are_told_at_once_with_their_lines():
    text = (
        "sku,quantity,location\n"
        ",5,\n"
        "A,many,\n"
        'B,"1,5",\n'
        "C,1.23456,\n"
        "D,1_000,\n"
        "E,1e3,\n"
        "F,99999999999999999,\n"
        "G,1\n"
        "H,1,WH\n"
        "H,2,WH\n"
        "H,2,\n"
        f"{'I' * 201},1,\n"
        "J\x07,1,\n"
    )
    found = complaints(text)
    assert [line for line, _ in found] == [2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 14]
    told = dict(found)
    assert told[2] == "the SKU is empty"
    assert "no quantity" in told[4]
    assert "2 fields, the first line has 3" in told[9]
    assert told[11] == "SKU 'H' is on line 10 already, at the same location"


def test_several_errors_of_one_line_are_all_told():
    assert complaints("sku,quantity\n,x\n") == [
        (2, "the SKU is empty"),
        (2, "'x' is no quantity: digits, with a point and at most four decimals"),
    ]


def test_lines_are_counted_as_an_editor_counts_them():
    text = 'sku,name,quantity\nA,"two\nlines",1\n\nB,,x\n'
    assert complaints(text) == [(5, "'x' is no quantity: digits, with a point and at most four decimals")]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (b"", 1, "there is no column 'quantity'"),
        (b"sku\nA\n", 1, "there is no column 'quantity'"),
        (b"sku,quantity,locaton\nA,1,WH\n", 1, "unknown column 'locaton'"),
        (b"sku,quantity,sku\nA,1,B\n", 1, "a column appears twice"),
        (b"sku,quantity\nA,1\n\xe4,1\n", 3, "no UTF-8"),
        (b'sku,quantity\nA,1\n"B,1\n', 3, "not CSV"),
        (b"\xff\xfes\x00k\x00u\x00", 1, "no UTF-8"),
    ],
)
def test_a_file_that_is_no_such_csv_is_refused(text, line, said):
    assert any(found == line and said in message for found, message in complaints(text))


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbfSKU;Quantity\r\nA;1.5\r\n",
        b"quantity\tsku\n1.50\tA\n",
        b"sku , quantity\n A ,+1.5",
    ],
)
def test_files_of_spreadsheets_are_understood(text):
    (row,) = read_opening(text)
    assert (row.sku, row.quantity, row.location, row.line) == ("A", 15_000, "", 2)


def test_a_file_is_bounded(monkeypatch, book, write):
    monkeypatch.setattr(opening, "ROWS_MAX", 2)
    assert len(read_opening(b"sku,quantity\nA,1\nB,1\n")) == 2
    assert complaints("sku,quantity\nA,1\nB,1\nC,1\n") == [(4, "more than 2 rows: split the file")]
    monkeypatch.setattr(opening, "ERRORS_MAX", 1)
    with pytest.raises(OpeningRefused, match="and 1 more"):
        read_opening(b"sku,quantity\nA,x\nB,x\n")
    monkeypatch.setattr(opening, "FILE_BYTES_MAX", 5)
    with pytest.raises(OpeningRefused, match="larger than 5 bytes"):
        import_opening(book, write("sku,quantity\nA,1\n"))


def test_a_file_that_cannot_be_read_is_refused(book, tmp_path):
    with pytest.raises(RefusedError, match="can't read"):
        import_opening(book, tmp_path / "nowhere.csv")


def test_a_name_is_kept_and_may_be_changed_by_a_later_import(book, write):
    import_opening(book, write("sku,quantity,name\nA,1,Mug\n"))
    import_opening(book, write("sku,quantity,name\nA,1,Blue mug\n"))
    import_opening(book, write("sku,quantity\nA,1\n"))
    with book.file.read() as connection:
        assert connection.execute("SELECT name FROM sku").fetchall() == [("Blue mug",)]
