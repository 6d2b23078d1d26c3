"""From the vendor's orders to canonical ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.order import Line, LineKind, Order, Phase, Unreadable
from syncd.core.quantity import SECOND, Instant, units
from syncd.core.taking_rule import TakingRule
from syncd.stores.bigcommerce.mapping import (
    PHASES,
    UNPAID,
    decode_order,
    digest,
    included_lines,
    map_order,
    ruled_by,
    unreadable,
)
from tests.stores.bigcommerce_bodies import consignments, link, order, product, raw

RULE = TakingRule(edits_adjust=False)


def mapped(body: dict) -> Order:
    data = raw(body)
    decoded = decode_order(data)
    lines = included_lines(decoded)
    assert lines is not None, "the lines are in the body"
    return map_order(decoded, lines, digest(data), RULE)


def mapped_or_unreadable(body: dict) -> Order | Unreadable:
    data = raw(body)
    try:
        decoded = decode_order(data)
        return map_order(decoded, included_lines(decoded) or (), digest(data), RULE)
    except ValueError as error:
        return unreadable(data, str(error))


def line_of(**fields) -> Line:
    return mapped(order(lines=[product(**fields)])).lines[0]


def test_an_order_says_what_the_platform_says():
    body = order()
    result = mapped(body)
    assert result == Order(
        order="118",
        created=Instant(1_551_822_011 * SECOND),
        modified=Instant(1_551_859_200 * SECOND),
        phase=Phase.PAID,
        status="Awaiting Fulfillment",
        lines=(Line("25", "20/77", "S-GREE", units(2)),),
        content=digest(raw(body)),
        channel="1",
        cart="a8458391-ef68-4fe5-9ec1-442e6a767364",
        rule=RULE,
        untold=UNPAID,
    )
    assert len(result.content) == 16


@pytest.mark.parametrize(
    ("status_id", "phase"),
    [
        (0, Phase.DRAFT),
        (1, Phase.PLACED),
        (2, Phase.COMPLETED),
        (3, Phase.PAID),
        (4, Phase.REFUNDED),
        (5, Phase.CANCELLED),
        (6, Phase.CANCELLED),
        (7, Phase.PLACED),
        (8, Phase.PAID),
        (9, Phase.PAID),
        (10, Phase.COMPLETED),
        (11, Phase.PAID),
        (12, Phase.PLACED),
        (13, Phase.PAID),
        (14, Phase.PAID),
    ],
)
def test_each_status_has_its_phase(status_id, phase):
    assert mapped(order(status_id=status_id, payment_status="")).phase is phase
    assert len(PHASES) == 15


@pytest.mark.parametrize("status_id", [1, 7, 12])
@pytest.mark.parametrize("word", ["captured", "paid", "partially refunded", "Captured"])
def test_money_that_has_come_makes_an_unpaid_status_paid(status_id, word):
    assert mapped(order(status_id=status_id, payment_status=word)).phase is Phase.PAID


@pytest.mark.parametrize("word", ["authorized", "pending", "declined", "", None, {}, "void", "refunded"])
def test_other_payment_words_leave_an_unpaid_order_placed(word):
    assert mapped(order(status_id=7, payment_status=word)).phase is Phase.PLACED


@pytest.mark.parametrize("word", ["captured", "paid"])
def test_payment_does_not_wake_a_draft_or_a_dead_order(word):
    assert mapped(order(status_id=0, payment_status=word)).phase is Phase.DRAFT
    assert mapped(order(status_id=5, payment_status=word)).phase is Phase.CANCELLED


@pytest.mark.parametrize("flag", [True, "true", 1, "1"])
def test_an_archived_order_is_cancelled(flag):
    result = mapped(order(is_deleted=flag, status_id=9))
    assert result.phase is Phase.CANCELLED
    assert not result.puts_back, "nothing says that archiving puts units back"


@pytest.mark.parametrize(("status", "phase"), [(2, Phase.COMPLETED), (10, Phase.COMPLETED), (4, Phase.REFUNDED)])
def test_archiving_what_was_over_changes_nothing(status, phase):
    assert mapped(order(is_deleted=True, status_id=status)).phase is phase


@pytest.mark.parametrize("flag", [False, None, "", 0, "false", {}])
def test_other_flags_do_not_archive(flag):
    assert mapped(order(is_deleted=flag)).phase is Phase.PAID


def test_an_unknown_status_is_refused_with_what_to_do():
    with pytest.raises(ValueError, match=r"status_id 15 .* update syncd"):
        mapped(order(status_id=15))


@pytest.mark.parametrize("variant_id", [None, 0, "", "0"])
def test_a_line_without_a_variant_is_named_by_its_product(variant_id):
    assert line_of(variant_id=variant_id).product == "20"


def test_a_line_without_the_field_variant_id_is_named_by_its_product():
    line = product()
    del line["variant_id"]
    assert mapped(order(lines=[line])).lines[0].product == "20"


def test_ids_and_quantities_may_be_text():
    line = line_of(id="25", product_id="20", variant_id="77", quantity="2", quantity_shipped="1.0000")
    assert line == Line("25", "20/77", "S-GREE", units(2), shipped=units(1))


@pytest.mark.parametrize("quantity", [2, "2", 2.0, "2.0000"])
def test_every_way_to_write_a_quantity_is_read(quantity):
    assert mapped(order(lines=[product(quantity=quantity)], items_total="2")).lines[0].quantity == units(2)


@pytest.mark.parametrize("quantity", [None, "", "two", 1e300, "0.00001", -1])
def test_a_quantity_that_is_none_is_refused(quantity):
    body = order(lines=[product()])
    body["consignments"]["shipping"][0]["line_items"][0]["quantity"] = quantity
    body["items_total"] = 0
    with pytest.raises(ValueError, match=r"."):
        mapped(body)


@pytest.mark.parametrize("shipped", [None, "", 0, "0"])
def test_nothing_shipped_is_zero(shipped):
    assert line_of(quantity_shipped=shipped).shipped == 0


@pytest.mark.parametrize("product_id", [0, "0", None, ""])
def test_a_line_without_a_product_is_custom(product_id):
    line = line_of(product_id=product_id, variant_id=0, sku="JOUR")
    assert (line.kind, line.product, line.sku) == (LineKind.CUSTOM, "", "JOUR")


@pytest.mark.parametrize("kind", ["digital", "giftcertificate"])
def test_what_is_not_physical_is_digital(kind):
    assert line_of(type=kind).kind is LineKind.DIGITAL


def test_a_gift_certificate_without_a_product_is_digital():
    assert line_of(type="giftcertificate", product_id=0).kind is LineKind.DIGITAL


def test_of_a_bundle_the_children_are_counted():
    lines = [
        product(65, product_id=77),
        product(66, product_id=86, variant_id=None, sku="ABS", parent_order_product_id=65, is_bundled_product=True),
        product(67, product_id=87, variant_id=None, sku="CUP", parent_order_product_id="65", is_bundled_product=True),
        product(68),
    ]
    result = mapped(order(lines=lines)).lines
    assert [line.kind for line in result] == [LineKind.BUNDLE, LineKind.STOCK, LineKind.STOCK, LineKind.STOCK]
    assert [line.parent for line in result] == ["", "65", "65", ""]


def test_lines_of_all_kinds_of_consignments_are_found():
    body = order(items_total=8)
    body["consignments"] = consignments(
        shipping=[product(1)],
        pickups=[product(2)],
        downloads=[product(3, type="digital")],
        certificates=[product(4, type="giftcertificate", product_id=0)],
    )
    assert {line.line for line in mapped(body).lines} == {"1", "2", "3", "4"}


def test_a_line_that_stands_alone_instead_of_in_a_list_is_found():
    body = order(items_total=2)
    body["consignments"] = {"downloads": [{"line_items": product(3, type="digital")}]}
    assert [line.line for line in mapped(body).lines] == ["3"]


@pytest.mark.parametrize("empty", [None, [], {}])
def test_empty_parts_of_consignments_may_be_written_in_any_way(empty):
    body = order()
    body["consignments"]["email"] = empty
    body["consignments"]["downloads"] = empty
    body["consignments"]["pickups"] = empty
    assert len(mapped(body).lines) == 1


def test_a_line_that_is_shown_twice_counts_once():
    body = order(items_total=2)
    body["consignments"]["pickups"] = [{"id": 98, "line_items": [product()]}]
    assert len(mapped(body).lines) == 1


@pytest.mark.parametrize(
    "shape",
    [
        link(118, "consignments"),
        [],
        None,
        consignments(),
        consignments(shipping=[link(118, "products/25")]),
        {"pickups": [], "shipping": [], "downloads": [{"line_items": link(118, "products/25")}], "email": []},
    ],
)
def test_lines_that_did_not_come_along_are_asked_for(shape):
    assert included_lines(decode_order(raw(order(consignments=shape)))) is None


def test_lines_are_asked_for_when_neither_they_nor_their_number_came():
    body = order()
    del body["consignments"], body["items_total"]
    assert included_lines(decode_order(raw(body))) is None


def test_lines_are_asked_for_when_fewer_units_came_than_the_order_has():
    assert included_lines(decode_order(raw(order(items_total=3)))) is None


def test_an_order_that_has_no_lines_needs_none():
    assert mapped(order(lines=[])).lines == ()
    assert included_lines(decode_order(raw(order(lines=[], consignments=link(118, "consignments"))))) == []


def test_more_units_than_items_total_are_believed():
    assert len(mapped(order(items_total=1)).lines) == 1


@pytest.mark.parametrize(
    ("status_id", "refunded", "puts_back"),
    [
        (5, 0, True),
        (5, 1, True),
        (4, 0, True),
        (4, 2, False),  # an API refund leaves its mark on the line, and puts nothing back
        (14, 1, False),
        (6, 0, False),
        (11, 0, False),
    ],
)
def test_units_are_back_when_the_status_says_so_and_the_settings_do(status_id, refunded, puts_back):
    body = order(status_id=status_id, lines=[product(quantity_refunded=refunded)])
    assert mapped(body).puts_back == puts_back


@pytest.mark.parametrize("refunded", [0, "0", "0.0000", None, ""])
def test_nothing_refunded_may_be_written_in_any_way(refunded):
    body = order(status_id=4, lines=[product(quantity_refunded=refunded)])
    assert mapped(body).puts_back


def test_one_refunded_line_tells_an_api_refund_of_the_whole_order():
    assert not mapped(order(status_id=4, lines=[product(1, quantity_refunded="1"), product(2)])).puts_back


@pytest.mark.parametrize(
    ("fields", "untold"),
    [
        ({}, {Phase.PLACED}),
        ({"order_source": "external"}, {Phase.PLACED, Phase.DRAFT}),
        ({"order_source": "manual"}, {Phase.PLACED, Phase.DRAFT}),
        ({"order_source": "checkout_api", "status_id": 0}, {Phase.PLACED}),
        ({"status_id": 6}, {Phase.PLACED, Phase.CANCELLED}),
        ({"status_id": 5}, {Phase.PLACED}),
        ({"is_deleted": True}, {Phase.PLACED, Phase.CANCELLED, Phase.COMPLETED, Phase.REFUNDED}),
        ({"external_source": "M-MIG"}, set(Phase)),
        ({"external_source": {}, "order_source": []}, {Phase.PLACED}),
    ],
)
def test_what_no_page_of_the_vendor_tells_is_told(fields, untold):
    assert mapped(order(**fields)).untold == untold


@pytest.mark.parametrize(
    ("fields", "channel"),
    [
        ({}, "1"),
        ({"channel_id": 7}, "7"),
        ({"channel_id": 7, "order_source": "external"}, "7"),
        ({"channel_id": 7, "order_source": "manual"}, ""),
        ({"channel_id": None}, ""),
    ],
)
def test_an_order_is_ruled_by_its_channel_and_one_entered_by_hand_by_the_store(fields, channel):
    assert ruled_by(decode_order(raw(order(**fields)))) == channel


def test_a_merchants_own_names_of_statuses_do_not_matter():
    plain = mapped(order(status_id=8))
    renamed = mapped(order(status_id=8, status="Cancelled", custom_status="Shipped from Bonn"))
    assert (renamed.phase, renamed.untold, renamed.puts_back) == (plain.phase, plain.untold, plain.puts_back)


@pytest.mark.parametrize(
    ("external", "own"),
    [("syncd-7f3a", "syncd-7f3a"), ("AMZ-1", ""), ("", ""), (None, ""), ({}, ""), (12, ""), ("x-syncd-1", "")],
)
def test_only_our_own_key_is_ours(external, own):
    assert mapped(order(external_order_id=external)).own_key == own


def test_noise_in_fields_that_do_not_matter_is_borne():
    result = mapped(order(cart_id=None, date_shipped=None, status=None, channel_id=None, payment_status={}))
    assert (result.cart, result.completed, result.status, result.channel) == ("", None, "status 11", "")


def test_the_date_of_shipping_is_when_it_was_completed():
    result = mapped(order(status_id=2, date_shipped="Wed, 06 Mar 2019 08:00:00 +0000"))
    assert result.completed == result.modified


def test_other_bytes_are_another_content():
    assert mapped(order()).content != mapped(order(staff_notes="x")).content
    assert digest(b"ab", b"c") != digest(b"abd")


@pytest.mark.parametrize(
    ("body", "number", "modified"),
    [
        (order(status_id="new"), "118", 1_551_859_200 * SECOND),
        ({"id": "7", "date_modified": "yesterday"}, "7", None),
        ({"date_modified": None}, "", None),
        ([], "", None),
        ({"id": True, "date_modified": {}}, "", None),
    ],
)
def test_an_unreadable_order_keeps_what_could_be_read(body, number, modified):
    result = unreadable(raw(body), "why")
    assert (result.order, result.modified, result.reason, result.raw) == (number, modified, "why", raw(body))


json_values: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**40) | st.text(max_size=8) | st.just({}) | st.floats(0, 9),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "line_items"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(st.sampled_from(sorted(order())), json_values)
def test_no_value_of_a_field_does_more_than_make_its_order_unreadable(name, value):
    assert isinstance(mapped_or_unreadable({**order(), name: value}), Order | Unreadable)


@given(st.sampled_from(sorted(product())), json_values)
def test_no_value_of_a_lines_field_does_more_than_make_its_order_unreadable(name, value):
    body = order()
    body["consignments"]["shipping"][0]["line_items"][0][name] = value
    assert isinstance(mapped_or_unreadable(body), Order | Unreadable)
