"""Reading the vendor's noisy objects field by field.

Documents take over a hundred fields of an order, and v2 writes an absent one as null, `""`, `{}`, `[]`, 0 or "0", an id as 128
or "128", money as `"361.9500"` or 8. So these fields are read from plain values, each by what it means. A value of another
kind than its field can have raises ValueError: it isn't guessed at. What it holds is never in the complaint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from syncd.core.document import moment
from syncd.core.document_money import Amount, parse_money
from syncd.stores.bigcommerce.dates import read_date_or_none

TEXT_CHARACTERS_MAX = 20_000  # of one field: a shopper's longest message; what is longer is no text
ROWS_MAX = 5_000  # of one list within an object

_NOTHING = (None, "", 0, "0")


class Odd(ValueError):
    """A field holds what it can't mean."""


class NotJson(Odd):
    """What came is cut off, or no JSON at all: the next answer may be whole."""


class Fields:
    """One object of an answer. `what` names it in complaints: "line 11"."""

    def __init__(self, values: object, what: str) -> None:
        if not isinstance(values, Mapping):
            raise Odd(f"{what} is no object: {_kind(values)}")
        self._values: Mapping[str, Any] = values
        self.what = what

    def _raw(self, name: str) -> Any:
        value = self._values.get(name)
        return None if value in ({}, []) else value

    def text(self, name: str) -> str:
        """A text; "" where there is none. Numbers are taken as they are written."""
        value = self._raw(name)
        if value is None:
            return ""
        if isinstance(value, bool | float | dict | list):
            raise Odd(f"{self.what}: {name} is no text: {_kind(value)}")
        text = str(value)
        if len(text) > TEXT_CHARACTERS_MAX:
            raise Odd(f"{self.what}: {name} has {len(text)} characters, {TEXT_CHARACTERS_MAX} are read")
        return text

    def words(self, name: str) -> str:
        """A text, whose absence is also written as the word None."""
        text = self.text(name)
        return "" if text == "None" else text

    def ident(self, name: str) -> str:
        """The number or name of another thing; "" for none, which is also written 0."""
        value = self._raw(name)
        if value in _NOTHING:
            return ""
        return str(int(value)) if isinstance(value, float) and value.is_integer() else self.text(name)

    def money(self, name: str) -> Decimal | None:
        """An amount; None where none is told."""
        value = self._raw(name)
        if value is None or value == "":
            return None
        if isinstance(value, bool | dict | list):
            raise Odd(f"{self.what}: {name} is no amount: {_kind(value)}")
        try:
            return parse_money(value)
        except ValueError as error:
            raise Odd(f"{self.what}: {name}: {error}") from error

    def amount(self, ex_tax: str, inc_tax: str, tax: str) -> Amount:
        """An amount by its three fields."""
        return Amount(self.money(ex_tax), self.money(inc_tax), self.money(tax))

    def count(self, name: str) -> Decimal:
        """A quantity; 0 where none is told."""
        return self.money(name) or Decimal(0)

    def flag(self, name: str) -> bool:
        """Whether it is said to be so."""
        return self._raw(name) in (True, "true", "1", 1)

    def maybe(self, name: str) -> bool | None:
        """Yes, no, or not told."""
        return None if self._raw(name) in (None, "") else self.flag(name)

    def when(self, name: str) -> datetime | None:
        """An instant; None where there is none. Raises ValueError for one without an offset."""
        value = self._raw(name)
        if value in _NOTHING:
            return None
        if not isinstance(value, str):
            raise Odd(f"{self.what}: {name} is no date: {_kind(value)}")
        instant = read_date_or_none(value)
        return None if instant is None else moment(instant)

    def inner(self, name: str) -> Fields | None:
        """An object within; None where there is none."""
        value = self._raw(name)
        return None if value in (None, "") else Fields(value, f"{self.what}: {name}")

    def rows(self, name: str) -> Iterator[Fields]:
        """The objects of a list within; the vendor's examples also show one object in a list's place."""
        value = self._raw(name)
        if value in (None, ""):
            return
        if isinstance(value, Mapping):
            value = [value]
        if not isinstance(value, list) or len(value) > ROWS_MAX:
            raise Odd(f"{self.what}: {name} is no list of at most {ROWS_MAX}")
        for place, row in enumerate(value, 1):
            yield Fields(row, f"{self.what}: {name} {place}")

    def has(self, name: str) -> bool:
        """Whether the object tells of it at all, if only of its absence."""
        return name in self._values

    def value_text(self, name: str) -> str:
        """What somebody entered in a field of the shop's own making: a text, a number, or several choices, joined."""
        value = self._raw(name)
        if isinstance(value, list):
            return ", ".join(str(each) for each in value if each not in (None, ""))
        if isinstance(value, dict):
            return msgspec.json.encode(value).decode()
        return "" if value is None else str(value)[:TEXT_CHARACTERS_MAX]

    def is_object(self, name: str) -> bool:
        """Whether there is an object under this name: a link, where a list would be the thing itself."""
        return isinstance(self._raw(name), Mapping)

    def is_link(self) -> bool:
        """Whether it only says where the thing can be read."""
        return "resource" in self._values and "id" not in self._values


def _kind(value: object) -> str:
    """What came, without what it says: complaints go into logs and documents, and an address is nobody's business there."""
    return {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "an object",
    }.get(type(value), "null")


def read_object(raw: bytes, what: str) -> Fields:
    """One object of raw bytes. Raises ValueError."""
    return Fields(_decode(raw, what), what)


def read_list(raw: bytes, what: str) -> list[Fields]:
    """A v2 list: a bare array; nothing, of an answer without a body. A lone object is a list of one. Raises ValueError."""
    if not raw.strip():
        return []
    value = _decode(raw, what)
    rows = [value] if isinstance(value, dict) and value else value or []
    if not isinstance(rows, list):
        raise Odd(f"{what} is no list")
    return [Fields(row, f"{what} {place}") for place, row in enumerate(rows, 1)]


def read_data(raw: bytes, what: str) -> tuple[list[Fields], bool | None]:
    """A v3 list: the rows in `data`, and whether its `meta` says that there are more pages; None where it doesn't say. Raises
    ValueError."""
    if not raw.strip():
        return [], False
    whole = read_object(raw, what)
    meta = whole.inner("meta")
    pagination = meta.inner("pagination") if meta is not None else None
    pages = pagination.money("total_pages") if pagination is not None else None
    page = pagination.money("current_page") if pagination is not None else None
    return list(whole.rows("data")), None if pages is None or page is None else page < pages


def _decode(raw: bytes, what: str) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotJson(f"{what} is no JSON: {error}") from error
