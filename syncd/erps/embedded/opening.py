"""Opening stock from a CSV file: read it whole, tell all its errors at once, import it in one transaction.

Columns, by their names in the first line, in any order: `sku`, `quantity`, and where wanted `location`, `name`. Importing
the same file again changes nothing. A file that says another quantity than the book's opening is an error, unless the
change is asked for (`adjust`): then the difference becomes an entry of its own. What was sold, received or adjusted
since is never touched by an import.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from syncd.core.quantity import Quantity, parse, show
from syncd.erps.embedded.book import NAME_CHARACTERS_MAX, Kind, Page, StockBook, name_complaint
from syncd.errors import RefusedError

FILE_BYTES_MAX = 64 * 1024 * 1024  # a million rows and more; the file is read into memory
ROWS_MAX = 500_000  # one transaction of about ten seconds, while the daemon waits and tries again
ERRORS_MAX = 1_000  # nobody reads more; the rest is counted

COLUMNS = frozenset({"sku", "location", "quantity", "name"})
NEEDED = frozenset({"sku", "quantity"})
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]{1,4})?")


class OpeningRow(msgspec.Struct, frozen=True):
    """One line of the file; `line` counts from 1, the head being the first."""

    line: int
    sku: str
    location: str
    quantity: Quantity
    name: str


class OpeningReport(msgspec.Struct, frozen=True):
    """What an import has done, in rows: new openings, changed ones, and those that were there already."""

    added: int
    changed: int
    unchanged: int


class CsvError(msgspec.Struct, frozen=True):
    """What is wrong with one line of the file."""

    line: int
    message: str


class OpeningRefused(RefusedError):
    """The file can't be imported as it is; nothing was changed. `errors` says all that is wrong (at most ERRORS_MAX)."""

    def __init__(self, errors: list[CsvError], more: int = 0) -> None:
        lines = [f"line {error.line}: {error.message}" for error in errors]
        if more:
            lines.append(f"and {more} more")
        super().__init__("\n".join(lines), operation="erp.opening", hint="mend the file and import it again")
        self.errors = tuple(errors)


class _Complaints:
    """The errors found so far, bounded."""

    def __init__(self) -> None:
        self.errors: list[CsvError] = []
        self.more = 0

    def add(self, line: int, message: str) -> None:
        if len(self.errors) < ERRORS_MAX:
            self.errors.append(CsvError(line, message))
        else:
            self.more += 1

    def add_any(self, line: int, message: str) -> None:
        """Add the message unless it is empty."""
        if message:
            self.add(line, message)

    def raise_any(self) -> None:
        if self.errors:
            raise OpeningRefused(sorted(self.errors, key=lambda error: error.line), self.more)


def read_opening(content: bytes) -> list[OpeningRow]:
    """The rows of a CSV file in UTF-8, separated by commas, semicolons or tabs. Raises OpeningRefused with all errors."""
    complaints = _Complaints()
    text = _text(content, complaints)
    complaints.raise_any()
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    records = _records(text, delimiter, complaints)
    line, head = next(records, (1, []))
    columns = [column.strip().lower() for column in head]
    _check_head(line, columns, complaints)
    complaints.raise_any()
    rows: list[OpeningRow] = []
    seen: dict[tuple[str, str], int] = {}
    for line, record in records:
        row = _row(line, columns, record, complaints)
        if row is None:
            continue
        earlier = seen.setdefault((row.sku, row.location), line)
        if earlier == line:
            rows.append(row)
        else:
            complaints.add(line, f"SKU {row.sku!r} is on line {earlier} already, at the same location")
    complaints.raise_any()
    return rows


def import_opening(book: StockBook, path: Path, *, adjust: bool = False) -> OpeningReport:
    """Import the file at `path`, all or nothing. OpeningRefused where it is wrong, or changes an opening without `adjust`."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise RefusedError(f"can't read {path}: {error}", operation="erp.opening") from error
    return import_rows(book, read_opening(content), path.name, adjust=adjust)


def import_rows(book: StockBook, rows: Sequence[OpeningRow], name: str, *, adjust: bool = False) -> OpeningReport:
    """Import rows that were read from the file called `name`; as `import_opening`."""
    complaints = _Complaints()
    added = changed = 0
    with book.writing() as page:
        for row in rows:
            before = page.opening(row.sku, row.location)
            if before is None:
                complaints.add_any(row.line, _record(page, Kind.OPENING, row, row.quantity, name))
                added += 1
            elif before != row.quantity:
                if not adjust:
                    complaints.add(
                        row.line,
                        f"the opening of {row.sku!r} is {show(before)} in the book, {show(row.quantity)} here:"
                        " ask for the adjustment (--adjust), or record a receipt",
                    )
                    continue
                change = Quantity(row.quantity - before)
                complaints.add_any(row.line, _record(page, Kind.OPENING_CHANGE, row, change, name))
                changed += 1
            elif row.name:
                page.know(row.sku, row.location, row.name)
        complaints.raise_any()
    return OpeningReport(added, changed, len(rows) - added - changed)


def _record(page: Page, kind: Kind, row: OpeningRow, change: Quantity, file_name: str) -> str:
    """Record one row; the complaint where it can't be."""
    page.know(row.sku, row.location, row.name)
    complaint = page.complaint(row.sku, row.location, change)
    if not complaint:
        reference = f"{show(row.quantity)} by line {row.line} of {file_name}"
        page.record(kind, row.sku, row.location, change, reference=reference)
    return complaint


def _text(content: bytes, complaints: _Complaints) -> str:
    if len(content) > FILE_BYTES_MAX:
        complaints.add(1, f"the file is larger than {FILE_BYTES_MAX} bytes: split it")
        return ""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        complaints.add(line, "this is no UTF-8: save the file as CSV in UTF-8")
        return ""


def _records(text: str, delimiter: str, complaints: _Complaints) -> Iterator[tuple[int, list[str]]]:
    """The records with the line on which each begins; empty lines are passed over."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begin, count = 1, 0
    while True:
        try:
            record = next(reader, None)
        except csv.Error as error:
            complaints.add(begin, f"not CSV: {error}")  # where the quotes are wrong, the rest can't be told apart
            return
        if record is None:
            return
        if any(field.strip() for field in record):
            count += 1
            if count > ROWS_MAX + 1:
                complaints.add(begin, f"more than {ROWS_MAX} rows: split the file")
                return
            yield begin, record
        begin = reader.line_num + 1


def _check_head(line: int, columns: list[str], complaints: _Complaints) -> None:
    for column in sorted(NEEDED - set(columns)):
        complaints.add(line, f"there is no column {column!r}; the first line names the columns")
    for column in columns:
        if column not in COLUMNS:  # a misspelt "location" must not put all the stock in the default one
            complaints.add(line, f"unknown column {column!r}; known are sku, location, quantity, name")
    if len(set(columns)) != len(columns):
        complaints.add(line, "a column appears twice")


def _row(line: int, columns: list[str], record: list[str], complaints: _Complaints) -> OpeningRow | None:
    """One record as a row; None, and every complaint about it, where it is none."""
    if len(record) != len(columns):
        complaints.add(line, f"{len(record)} fields, the first line has {len(columns)}")
        return None
    fields = {column: field.strip() for column, field in zip(columns, record, strict=True)}
    sku, location, number = fields["sku"], fields.get("location", ""), fields["quantity"]
    wrong = []
    if not sku:
        wrong.append("the SKU is empty")
    wrong += [f"{what} {it}" for what, text in (("SKU", sku), ("location", location)) if (it := name_complaint(text))]
    if len(fields.get("name", "")) > NAME_CHARACTERS_MAX:
        wrong.append(f"the name has more than {NAME_CHARACTERS_MAX} characters")
    quantity = Quantity(0)
    if not NUMBER.fullmatch(number):
        wrong.append(f"{number!r} is no quantity: digits, with a point and at most four decimals")
    else:
        try:
            quantity = parse(number)
        except ValueError as error:
            wrong.append(str(error))
    for message in wrong:
        complaints.add(line, message)
    return None if wrong else OpeningRow(line, sku, location, quantity, fields.get("name", ""))
