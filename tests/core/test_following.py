"""Writing the status of an order that the ERP has placed: when, when not, and what it does to a tax document."""

from __future__ import annotations

from itertools import product

import pytest

from syncd.core.following import OVER, PAID, TARGETS, Deed, ShopStatus, TaxEffect, follow, tax_effect

S = ShopStatus
ALL = list(ShopStatus)


@pytest.mark.parametrize(
    ("shown", "wanted", "deed", "tax"),
    [
        (S.PENDING, S.PENDING, Deed.NOTHING, TaxEffect.NONE),
        (S.AWAITING_FULFILLMENT, S.AWAITING_FULFILLMENT, Deed.NOTHING, TaxEffect.NONE),
        (S.CANCELLED, S.CANCELLED, Deed.NOTHING, TaxEffect.NONE),
        (S.PENDING, S.AWAITING_PAYMENT, Deed.WRITE, TaxEffect.NONE),
        (S.PENDING, S.AWAITING_FULFILLMENT, Deed.WRITE, TaxEffect.SUBMITS),
        (S.AWAITING_PAYMENT, S.COMPLETED, Deed.WRITE, TaxEffect.SUBMITS),
        (S.INCOMPLETE, S.AWAITING_FULFILLMENT, Deed.WRITE, TaxEffect.SUBMITS),
        (S.VERIFICATION, S.AWAITING_SHIPMENT, Deed.WRITE, TaxEffect.SUBMITS),
        (S.AWAITING_FULFILLMENT, S.COMPLETED, Deed.WRITE, TaxEffect.NONE),
        (S.AWAITING_FULFILLMENT, S.CANCELLED, Deed.WRITE, TaxEffect.VOIDS),
        (S.PENDING, S.CANCELLED, Deed.WRITE, TaxEffect.NONE),
        (S.COMPLETED, S.REFUNDED, Deed.WRITE, TaxEffect.NONE),
        (S.AWAITING_FULFILLMENT, S.PENDING, Deed.REFUSE, TaxEffect.VOIDS),
        (S.SHIPPED, S.AWAITING_PAYMENT, Deed.REFUSE, TaxEffect.VOIDS),
        (S.COMPLETED, S.VERIFICATION, Deed.REFUSE, TaxEffect.VOIDS),
        (S.PENDING, S.INCOMPLETE, Deed.REFUSE, TaxEffect.NONE),
        (S.PENDING, S.DECLINED, Deed.REFUSE, TaxEffect.NONE),
        (S.CANCELLED, S.AWAITING_FULFILLMENT, Deed.REFUSE, TaxEffect.SUBMITS),
        (S.REFUNDED, S.COMPLETED, Deed.REFUSE, TaxEffect.NONE),
        (S.DECLINED, S.PENDING, Deed.REFUSE, TaxEffect.NONE),
    ],
)
def test_what_becomes_of_a_wish(shown: S, wanted: S, deed: Deed, tax: TaxEffect) -> None:
    step = follow(shown, wanted)
    assert (step.deed, step.tax) == (deed, tax)
    assert step.reason


@pytest.mark.parametrize("wanted", ALL)
def test_an_archived_order_is_left_alone(wanted: S) -> None:
    assert follow(S.PENDING, wanted, archived=True).deed is Deed.REFUSE


def test_a_write_voids_a_document_only_to_cancel_the_order() -> None:
    for shown, wanted in product(ALL, ALL):
        step = follow(shown, wanted)
        if step.deed is Deed.WRITE and step.tax is TaxEffect.VOIDS:
            assert wanted is S.CANCELLED


def test_no_chain_of_writes_submits_a_document_twice() -> None:
    """From any status, along any writes: what was submitted is never submitted again."""
    for first in TARGETS:
        seen = {(first, first in PAID)}
        while True:
            more = set()
            for shown, submitted in seen:
                for wanted in ALL:
                    step = follow(shown, wanted)
                    if step.deed is Deed.WRITE:
                        assert not (submitted and step.tax is TaxEffect.SUBMITS), (first, shown, wanted)
                        more.add((wanted, submitted or step.tax is TaxEffect.SUBMITS))
            if more <= seen:
                break
            seen |= more


def test_what_is_over_is_never_revived() -> None:
    for shown, wanted in product(OVER, ALL):
        assert follow(shown, wanted).deed is not Deed.WRITE


@pytest.mark.parametrize(
    ("before", "after", "effect"),
    [
        (None, S.PENDING, TaxEffect.NONE),
        (None, S.AWAITING_FULFILLMENT, TaxEffect.SUBMITS),
        (S.PENDING, S.SHIPPED, TaxEffect.SUBMITS),
        (S.SHIPPED, S.PENDING, TaxEffect.VOIDS),
        (S.SHIPPED, S.COMPLETED, TaxEffect.NONE),
        (S.SHIPPED, S.REFUNDED, TaxEffect.NONE),
        (S.REFUNDED, S.SHIPPED, TaxEffect.NONE),
    ],
)
def test_what_a_change_does_to_a_tax_document(before: S | None, after: S, effect: TaxEffect) -> None:
    assert tax_effect(before, after) is effect
