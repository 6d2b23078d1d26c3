"""Order documents: exact money, one form for one content, and a list of all that names a person."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from syncd.core.document import (
    PERSONAL,
    Customer,
    OrderDocument,
    Part,
    PartState,
    digest,
    document_key,
    instant_of,
    moment,
)
from syncd.core.document_money import Amount, Totals, parse_money
from syncd.core.event import strike
from syncd.core.quantity import Instant
from syncd.testing.order_document import an_order


def document(**fields: Any) -> OrderDocument:
    return OrderDocument("acme-us-1", "us", "1", "paid", "Paid", Totals(Amount(inc_tax=Decimal("9.90"))), **fields)


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("361.9500", "361.95"),
        ("924.47", "924.47"),
        ("8", "8"),
        (0, "0"),
        ("-0.00", "0"),
        ("12000.00", "12000"),
        (1.99, "1.99"),
        (10.290000000000001, "10.29"),
        (1.1102230246251565e-16, "0"),
        (-10.2, "-10.2"),
    ],
)
def test_one_amount_has_one_form(told: Any, meant: str) -> None:
    assert str(parse_money(told)) == meant


@pytest.mark.parametrize("told", ["much", "1e999", "nan", "", None, "0.0000001", 1e30, []])
def test_what_is_no_amount_is_refused(told: Any) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse_money(told)


def test_money_is_text_in_json_and_times_end_in_z() -> None:
    body = msgspec.json.encode(document(created=datetime(2026, 3, 1, 12, tzinfo=UTC)))
    told = msgspec.json.decode(body)
    assert told["totals"]["total"] == {"ex_tax": None, "inc_tax": "9.90", "tax": None}
    assert told["created"] == "2026-03-01T12:00:00Z"
    assert msgspec.json.decode(body, type=OrderDocument).totals.total.inc_tax == Decimal("9.90")


def test_when_it_was_read_is_no_content() -> None:
    now, later = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
    first = document(parts=(Part("taxes", PartState.NONE, "/a", now),))
    second = document(parts=(Part("taxes", PartState.NONE, "/b", later),))
    third = document(parts=(Part("taxes", PartState.UNREADABLE, "/a", now),))
    assert digest(first) == digest(second)
    assert digest(first) != digest(third)
    assert digest(first) != digest(document(customer=Customer(message="call me")))


def test_a_document_whose_personal_data_was_erased_is_still_a_document() -> None:
    told = msgspec.json.decode(msgspec.json.encode(an_order("k")))
    left = msgspec.json.decode(msgspec.json.encode(strike(told, PERSONAL)), type=OrderDocument)
    assert (left.billing.last_name, left.messages[0].text, left.lines[0].options[0].value) == ("", "", "")
    assert left.lines[0].quantity == Decimal("2.5")


def test_instants_come_back() -> None:
    assert instant_of(moment(Instant(1_700_000_000_123_456))) == 1_700_000_000_123_456
    assert document_key("acme", "us", "1001") == "acme-us-1001"


def _types_at(kind: Any, path: list[str]) -> Any:
    """The type that a dotted path leads to; a list's name stands for its entries."""
    for name in path:
        inner = [
            each for each in (kind, *get_args(kind)) if isinstance(each, type) and issubclass(each, msgspec.Struct)
        ]
        assert inner, (kind, name)
        kind = get_type_hints(inner[0])[name]
    return kind


@pytest.mark.parametrize("path", PERSONAL)
def test_personal_paths_lead_somewhere(path: str) -> None:
    assert _types_at(OrderDocument, path.split(".")) is str


def _texts(kind: Any, path: tuple[str, ...] = ()) -> list[str]:
    found = []
    for name, hint in get_type_hints(kind).items():
        inner = [
            each for each in (hint, *get_args(hint)) if isinstance(each, type) and issubclass(each, msgspec.Struct)
        ]
        found += _texts(inner[0], (*path, name)) if inner else [".".join((*path, name))] if hint is str else []
    return found


def test_every_text_of_a_person_is_named_as_such() -> None:
    """A field added to an address, a message or a card is personal unless it is named here."""
    plain = {"country", "country_name", "name", "id", "kind", "status", "staff"}
    people = ("billing.", "places.address.", "messages.", "transactions.card.")
    texts = [text for text in _texts(OrderDocument) if text.startswith(people)]
    assert {text for text in texts if text.rpartition(".")[2] not in plain} <= set(PERSONAL)
    assert len(texts) > 25
