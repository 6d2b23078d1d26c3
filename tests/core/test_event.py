"""Which fields of a document somebody gets: personal ones only where they were asked for."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.event import event_id, select, strike

ORDER = {
    "id": "1001",
    "total": "20.00",
    "customer": {"id": "7", "email": "ada@example.test", "group": "trade"},
    "billing": {"city": "London", "country": "GB"},
    "lines": [{"sku": "A", "message": "for Ada"}, {"sku": "B", "message": None}],
}
PERSONAL = ("customer.email", "billing", "lines.message", "note")


def test_without_a_list_all_goes_out_but_what_is_personal():
    assert select(ORDER, None, PERSONAL) == (
        {
            "id": "1001",
            "total": "20.00",
            "customer": {"id": "7", "group": "trade"},
            "lines": [{"sku": "A"}, {"sku": "B"}],
        },
        (),
    )


def test_all_of_it_goes_out_where_personal_data_is_wanted():
    assert select(ORDER, None, PERSONAL, all_personal=True) == (ORDER, ("customer.email", "billing", "lines.message"))


@pytest.mark.parametrize(
    ("fields", "part", "personal"),
    [
        (["id", "lines.sku"], {"id": "1001", "lines": [{"sku": "A"}, {"sku": "B"}]}, ()),
        (["customer"], {"customer": {"id": "7", "group": "trade"}}, ()),
        (["customer.email"], {"customer": {"email": "ada@example.test"}}, ("customer.email",)),
        (["billing"], {"billing": {"city": "London", "country": "GB"}}, ("billing",)),
        (["billing.country"], {"billing": {"country": "GB"}}, ("billing",)),
        (["customer", "customer.email"], {"customer": ORDER["customer"]}, ("customer.email",)),
        (["lines", "lines.message"], {"lines": ORDER["lines"]}, ("lines.message",)),
        (["gone", "note.deep"], {}, ()),
    ],
)
def test_a_personal_field_comes_by_its_own_name_alone(fields, part, personal):
    assert select(ORDER, fields, PERSONAL) == (part, personal)


def test_a_list_of_fields_holds_beside_the_wish_for_personal_data():
    part, personal = select(ORDER, ["customer"], PERSONAL, all_personal=True)
    assert (part, personal) == ({"customer": ORDER["customer"]}, ("customer.email",))


def test_what_is_struck_out_is_gone_and_the_rest_stays():
    assert strike(ORDER, PERSONAL) == select(ORDER, None, PERSONAL)[0]
    assert strike({"a": None, "b": []}, ["c"]) == {"a": None, "b": []}


names = st.sampled_from(["a", "b", "c"])
paths = st.lists(names, min_size=1, max_size=3).map(".".join)
documents = st.recursive(
    st.just("secret"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3),
    max_leaves=9,
)


@given(st.dictionaries(names, documents), st.sets(paths, max_size=3), st.none() | st.sets(paths, max_size=3))
def test_no_personal_field_slips_out_in_any_document(document, personal, fields):
    part, found = select(document, fields, personal)
    unasked = {path for path in personal if not any(f == path or f.startswith(f"{path}.") for f in fields or ())}
    assert strike(part, unasked) == part, "nothing of them is in it"
    assert not unasked & set(found)


@given(st.dictionaries(names, documents), st.sets(paths, max_size=3), st.none() | st.sets(paths, max_size=3))
def test_to_select_again_changes_nothing(document, personal, fields):
    part, found = select(document, fields, personal)
    assert select(part, fields, personal) == (part, found)


def test_an_id_follows_from_what_happened_and_from_nothing_else():
    assert event_id("order.paid", "us", 1001) == event_id("order.paid", "us", "1001")
    assert len({event_id("a", "bc"), event_id("ab", "c"), event_id("abc"), event_id("a", "b", "c")}) == 4
    assert msgspec.json.encode(event_id("é")).isascii()
