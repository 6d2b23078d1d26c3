"""The tenant's decisions: what makes an order count, and what a SKU stands for in the ERP."""

from __future__ import annotations

import pytest

from syncd.core.order import Phase
from syncd.core.policy import CountOn, counts, may_still_count
from syncd.core.quantity import units
from tests.core.orders_by_hand import policy

COUNTING = {
    CountOn.PLACED: {Phase.PLACED, Phase.PAID, Phase.COMPLETED, Phase.REFUNDED},
    CountOn.PAID: {Phase.PAID, Phase.COMPLETED, Phase.REFUNDED},
    CountOn.COMPLETED: {Phase.COMPLETED, Phase.REFUNDED},
}


@pytest.mark.parametrize("count_on", CountOn)
@pytest.mark.parametrize("phase", Phase)
def test_the_policy_s_table_says_which_phases_count(phase, count_on):
    assert counts(phase, count_on) == (phase in COUNTING[count_on])


@pytest.mark.parametrize("count_on", CountOn)
@pytest.mark.parametrize("phase", Phase)
def test_claim_an_order_may_still_count_until_it_counts_or_reaches_a_final_state(phase, count_on):
    living = phase in {Phase.PENDING, Phase.PLACED, Phase.PAID}
    assert may_still_count(phase, count_on) == (living and not counts(phase, count_on))


def test_a_sku_stands_for_itself_unless_it_is_mapped():
    rules = policy(skus={"BOLT-M8": "BOLT"})
    assert rules.recipe("NUT") == (("NUT", units(1)),)
    assert rules.recipe("BOLT-M8") == (("BOLT", units(1)),)


def test_kits_a_mapped_sku_may_be_a_kit():
    rules = policy(skus={"SET-RED": "SET"})
    assert rules.recipe("SET-RED") == rules.recipe("SET") == (("BOLT", units(4)), ("NUT", units(2)))
