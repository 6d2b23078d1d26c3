from __future__ import annotations

from hashlib import blake2b
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.order import LineKind, Order, Phase, Unreadable
from syncd.core.quantity import SECOND, UNIT, units
from syncd.stores.woocommerce.dates import read_gmt
from syncd.stores.woocommerce.mapping import PHASES, Terms, product_name, read_order
from tests.stores.woocommerce_shop import packed, recorded, recorded_names

TERMS = Terms(hold_us=3_600 * SECOND)
PLACED = "2026-11-23T10:58:08"

ORDERS = [name for name in recorded_names() if name.startswith("order_") and isinstance(recorded(name), dict)]
ORDERS = [name for name in ORDERS if "line_items" in recorded(name)]
LISTS = ["orders_list_page", "orders_status_trash", "orders_list_shows_checkout_draft", "order_from_checkout"]


def read(body: Any, terms: Terms = TERMS) -> Order:
    order = read_order(packed(body), terms)
    assert isinstance(order, Order), order
    return order


def line_of(**changes: Any) -> dict[str, Any]:
    line = {"id": 11, "product_id": 10, "variation_id": 0, "quantity": 3, "sku": "LAB-01", "meta_data": []}
    return line | changes


def metas(**values: Any) -> list[dict[str, Any]]:
    return [{"id": place, "key": key, "value": value} for place, (key, value) in enumerate(values.items())]


def body_of(*lines: dict[str, Any], **changes: Any) -> dict[str, Any]:
    order = {
        "id": 45,
        "status": "processing",
        "date_created_gmt": PLACED,
        "date_modified_gmt": "2026-11-23T10:58:10",
        "line_items": list(lines or [line_of()]),
    }
    return order | changes


@pytest.mark.parametrize("name", ORDERS)
def test_each_recorded_order_is_read(name: str):
    body = recorded(name)
    order = read(body)
    assert order.order == str(body["id"])
    assert order.status == body["status"]
    assert order.phase is PHASES[body["status"]]
    assert order.key == body["order_key"]
    assert order.created == read_gmt(body["date_created_gmt"])
    assert order.modified == read_gmt(body["date_modified_gmt"])
    assert order.content == blake2b(packed(body), digest_size=16).digest()
    assert [line.quantity for line in order.lines] == [units(line["quantity"]) for line in body["line_items"]]


@pytest.mark.parametrize("name", LISTS)
def test_each_recorded_list_is_read(name: str):
    assert all(read(row) for row in recorded(name))


def reduced(name: str) -> list[tuple[str, str, int, int, int]]:
    order = read(recorded(name))
    return [
        (line.product, line.sku, line.quantity // UNIT, line.restocked // UNIT, (line.reduced or 0) // UNIT)
        for line in order.lines
    ]


def test_what_the_shop_took_is_what_the_line_says_through_refund_edit_and_removal():
    assert reduced("order_create_processing") == [("10", "LAB-01", 3, 0, 3), ("30/33", "LABSH-L", 2, 0, 2)]
    assert reduced("order_get_after_refunds") == [("10", "LAB-01", 3, 1, 2), ("30/33", "LABSH-L", 2, 0, 2)]
    assert reduced("order_edit_quantity") == [("10", "LAB-01", 5, 1, 4), ("30/33", "LABSH-L", 2, 0, 2)]
    assert reduced("order_remove_line") == [("10", "LAB-01", 5, 1, 4)]


def test_without_the_witness_nothing_is_taken():
    assert [line.reduced for line in read(recorded("order_create_pending")).lines] == [0]


def test_a_cancelled_order_whose_stock_came_back_is_restocked_in_full():
    (line,) = read(recorded("order_onhold_to_cancelled")).lines
    assert (line.restocked, line.reduced) == (line.quantity, 0)


def test_a_cancelled_order_whose_stock_stayed_taken_is_not_restocked():
    (line,) = read(body_of(line_of(meta_data=metas(_reduced_stock="3")), status="cancelled")).lines
    assert (line.restocked, line.reduced) == (0, units(3))


@pytest.mark.parametrize("name", ["order_get_trashed", "orders_status_trash"])
def test_the_trash_keeps_what_was_taken(name: str):
    body = recorded(name)
    order = read(body[0] if isinstance(body, list) else body)
    assert order.phase is Phase.CANCELLED
    assert [(line.restocked, line.reduced) for line in order.lines] == [(0, units(1))]


def test_a_line_without_a_product_is_custom_and_names_none():
    (line,) = read(recorded("order_create_unknown_product")).lines
    assert (line.kind, line.product, line.sku) == (LineKind.CUSTOM, "", "")


def test_fees_shipping_and_coupons_are_no_lines():
    body = recorded("order_create_processing")
    assert body["fee_lines"]
    assert body["shipping_lines"]
    assert body["coupon_lines"]
    assert [line.line for line in read(body).lines] == ["11", "12"]


@pytest.mark.parametrize(
    ("status", "completed", "reduced_stock", "shipped"),
    [
        ("processing", None, "3", 0),
        ("completed", PLACED, "3", 3),
        ("completed", PLACED, None, 3),  # a product that the shop doesn't count
        ("refunded", PLACED, "3", 3),
        ("failed", PLACED, "3", 3),
        ("cancelled", PLACED, None, 0),  # the shop put all back
        ("cancelled", PLACED, "3", 3),
        ("pending", PLACED, None, 0),
    ],
)
def test_what_was_completed_is_shipped_unless_the_shop_put_it_back(status, completed, reduced_stock, shipped):
    meta = metas(_reduced_stock=reduced_stock) if reduced_stock else []
    body = body_of(line_of(meta_data=meta), status=status, date_completed_gmt=completed)
    assert [line.shipped for line in read(body).lines] == [units(shipped)]


def test_units_that_were_restocked_are_not_shipped():
    meta = metas(_reduced_stock="2", _restock_refunded_items="1")
    body = body_of(line_of(meta_data=meta), status="completed", date_completed_gmt=PLACED)
    assert [(line.restocked, line.shipped) for line in read(body).lines] == [(units(1), units(2))]


@pytest.mark.parametrize(
    ("status", "via", "holds"),
    [
        ("pending", "checkout", True),
        ("pending", "store-api", True),
        ("pending", "rest-api", False),
        ("pending", "admin", False),
        ("on-hold", "checkout", False),
        ("checkout-draft", "store-api", False),
    ],
)
def test_the_shop_holds_units_for_shoppers_pending_orders(status, via, holds):
    order = read(body_of(status=status, created_via=via))
    assert order.hold_until == (read_gmt(PLACED) + 3_600 * SECOND if holds else None)
    assert read(body_of(status=status, created_via=via), Terms()).hold_until is None


def test_an_order_may_carry_our_own_key():
    assert read(body_of(meta_data=metas(_other="x", _syncd_key="k-7"))).own_key == "k-7"
    assert read(body_of(meta_data=metas(_other={"deep": [1, {"x": None}]}))).own_key == ""
    assert read(body_of(meta_data=metas(_syncd_key=7))).own_key == "7"


def test_meta_data_may_come_as_an_object_or_with_odd_keys():
    filtered = {"1": {"id": 1, "key": 5, "value": []}, "3": {"id": 3, "key": "_reduced_stock", "value": 2}}
    body = body_of(line_of(meta_data=filtered), meta_data={"0": {"key": "_syncd_key", "value": "k"}})
    order = read(body)
    assert (order.own_key, order.lines[0].reduced) == ("k", units(2))
    assert read(body_of(line_of(meta_data=[{"key": None}, {"value": 3}]))).lines[0].reduced == 0


@pytest.mark.parametrize(
    ("written", "meant"),
    [(3, 30_000), (1.5, 15_000), ("3", 30_000), ("1.5", 15_000), (" 2 ", 20_000), ("", 0), (None, 0), ("-1", -10_000)],
)
def test_counts_come_in_many_forms(written, meant):
    meta = metas(_reduced_stock=written, _restock_refunded_items=written)
    (line,) = read(body_of(line_of(quantity=written, meta_data=meta))).lines
    assert (line.quantity, line.reduced, line.restocked) == (meant, meant, meant)


@given(st.one_of(st.integers(-(10**9), 10**9), st.decimals(-(10**6), 10**6, places=4).map(float)))
def test_a_count_reads_the_same_as_a_number_and_as_text(count: int | float):
    texts = [read(body_of(line_of(quantity=form))).lines[0].quantity for form in (count, repr(count))]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("product", "variation", "name"),
    [(10, 0, "10"), ("10", "0", "10"), (30, 33, "30/33"), (0, 0, ""), ("0", None, ""), (None, None, ""), (0, 33, "")],
)
def test_a_product_is_named_as_listings_name_it(product, variation, name):
    assert product_name(product, variation) == name
    assert read(body_of(line_of(product_id=product, variation_id=variation))).lines[0].product == name


def test_custom_statuses_mean_what_the_configuration_says():
    packing = Terms({**PHASES, "packing": Phase.PAID})
    assert read(body_of(status="packing"), packing).phase is Phase.PAID


def test_an_unknown_status_goes_to_quarantine_and_says_which_setting_is_missing():
    found = read_order(packed(body_of(status="packing")), TERMS)
    assert isinstance(found, Unreadable)
    assert (found.order, found.modified) == ("45", read_gmt("2026-11-23T10:58:10"))
    assert "packing" in found.reason
    assert "stores.NAME.statuses" in found.reason


@pytest.mark.parametrize(
    "change",
    [
        {"id": "45x"},
        {"id": None},
        {"status": None},
        {"status": 5},
        {"date_created_gmt": None},
        {"date_created_gmt": "2026-11-23T10:58:08Z"},
        {"date_modified_gmt": "soon"},
        {"date_paid_gmt": "2026-11-31T00:00:00"},
        {"line_items": None},
        {"line_items": {}},
        {"line_items": [None]},
        {"line_items": [line_of(quantity="many")]},
        {"line_items": [line_of(quantity=0.00001)]},
        {"line_items": [line_of(quantity=10**13)]},
        {"line_items": [line_of(meta_data=metas(_reduced_stock="abc"))]},
        {"line_items": [line_of(meta_data=metas(_reduced_stock=[3]))]},
        {"meta_data": metas(_syncd_key={"a": 1})},
    ],
)
def test_what_cannot_be_read_goes_to_quarantine_with_its_bytes(change: dict[str, Any]):
    raw = packed(body_of() | change)
    found = read_order(raw, TERMS)
    assert isinstance(found, Unreadable)
    assert found.raw == raw
    assert found.reason


@pytest.mark.parametrize(
    "raw", [b"", b"null", b"[]", b'{"id":', b"<br />", b"[" * 10_000, b'{"code":"x","message":"y"}', b"\xff"]
)
def test_what_is_no_order_at_all_has_no_name(raw: bytes):
    found = read_order(raw, TERMS)
    assert isinstance(found, Unreadable)
    assert (found.order, found.modified) == ("", None)


def test_a_missing_list_of_lines_is_not_an_order_without_lines():
    body = body_of()
    del body["line_items"]
    assert isinstance(read_order(packed(body), TERMS), Unreadable)
    assert read(body_of() | {"line_items": []}).lines == ()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(body_of())), json_values)
def test_no_value_in_any_field_does_worse_than_making_the_order_unreadable(name: str, value: Any):
    read_order(packed(body_of() | {name: value}), TERMS)


@given(st.sampled_from(sorted(line_of())), json_values)
def test_no_value_in_any_field_of_a_line_does_worse_either(name: str, value: Any):
    read_order(packed(body_of(line_of(**{name: value}))), TERMS)
