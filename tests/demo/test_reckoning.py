"""What the demo says must be true, counted from the shops' truth alone."""

from __future__ import annotations

import pytest

from syncd.demo.assortment import ARTICLES
from syncd.demo.reckoning import Row, reckon, unsettled
from syncd.demo.scene import Scene
from syncd.demo.verdict import Outcome

KINDS = {"us": "bigcommerce", "de": "woocommerce"}
SKU = ARTICLES[0].sku
OPENING = ARTICLES[0].opening


def order(status, quantity, *, restocked=0, refunded=0, **more):
    line = {"line": "1", "sku": SKU, "quantity": quantity, "restocked": restocked, "refunded": refunded}
    return {"order": "7", "status": status, "lines": [line], **more}


def row_of(store, *orders, level=None, pending=0, erp=None) -> Row:
    truth = {"skus": {SKU: {"level": level, "pending": pending}}, "orders": list(orders)}
    return reckon({store: truth}, KINDS, {} if erp is None else {SKU: erp})[0]


@pytest.mark.parametrize(
    ("store", "one", "sold", "returned"),
    [
        ("us", order("Awaiting Fulfillment", 3), 3, 0),
        ("us", order("Awaiting Payment", 3), 3, 0),
        ("us", order("Incomplete", 3), 0, 0),
        ("us", order("Cancelled", 3), 3, 3),
        ("us", order("Partially Refunded", 3, refunded=1), 3, 0),  # money alone
        ("us", order("Refunded", 3, refunded=3), 3, 0),  # money alone, all of it
        ("us", order("Refunded", 3), 3, 3),  # the status, written by hand: the shop puts all back
        ("de", order("processing", 3), 3, 0),
        ("de", order("pending", 3), 0, 0),
        ("de", order("processing", 3, restocked=1, refunded=1), 3, 1),
        ("de", order("refunded", 3, refunded=3), 3, 0),
        ("de", order("refunded", 3, refunded=3, restocked=3), 3, 3),
        ("de", order("cancelled", 3), 3, 3),
    ],
)
def test_what_customers_keep_is_sold_and_not_returned(store, one, sold, returned):
    row = row_of(store, one)
    assert (row.sold, row.returned) == (sold, returned)
    assert row.should == OPENING - sold + returned


def test_a_row_is_exact_when_the_erp_and_the_shop_show_what_they_should():
    row = row_of("us", order("Awaiting Fulfillment", 3), level=OPENING - 3, erp=OPENING - 3)
    assert not row.complaints


@pytest.mark.parametrize(
    ("level", "pending", "erp", "complaint"),
    [
        (OPENING - 3, 0, OPENING - 2, "the ERP has"),
        (OPENING - 2, 0, OPENING - 3, "us shows"),
        (OPENING - 3, 1, OPENING - 3, "us has not applied"),
        (None, 0, OPENING - 3, "us shows None"),
    ],
)
def test_one_unit_off_anywhere_is_a_complaint(level, pending, erp, complaint):
    row = row_of("us", order("Awaiting Fulfillment", 3), level=level, pending=pending, erp=erp)
    assert [found for found in row.complaints if found.startswith(complaint)] == row.complaints != []


def test_what_was_oversold_shows_as_nothing_where_a_platform_knows_no_less():
    sold = order("processing", OPENING + 2)
    truth = {"skus": {}, "orders": [sold]}
    row = reckon({"de": truth, "us": {"skus": {}, "orders": []}}, KINDS, {})[0]
    assert row.oversold == 2
    assert row.expected == {"de": -2, "us": 0}


def test_orders_that_wait_for_their_payment_are_found():
    assert unsettled({"de": {"orders": [order("pending", 1), order("processing", 1)]}}) == {"de": ["7"]}


def test_the_verdict_is_good_only_if_nothing_is_off_and_nothing_went_wrong():
    scene = Scene(1, KINDS, 1.0)
    assert not Outcome().is_good(scene), "nothing was looked at"
    scene.rows = [row_of("us", level=OPENING, erp=OPENING)]
    assert Outcome().is_good(scene)
    assert not Outcome(troubles=["the daemon ended by itself"]).is_good(scene)
    scene.rows = [row_of("us", level=OPENING, erp=OPENING - 1)]
    assert not Outcome().is_good(scene)
