"""What a tenant decided about counting. A change applies to later states of orders, never to what was pinned (PIN-POLICY)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from syncd.core.order import Phase
from syncd.core.quantity import UNIT, Quantity

RULES_VERSION = 1  # raised when the rules of this package decide differently; stored with each order

Recipe = tuple[tuple[str, Quantity], ...]  # ERP SKUs with units of each for one unit sold


class CountOn(StrEnum):
    """What makes an order's units count in the ERP."""

    PLACED = "placed"
    PAID = "paid"
    COMPLETED = "completed"

    __hash__ = str.__hash__  # as Phase's


class OnCancel(StrEnum):
    """What a cancelled order still commits: nothing, or what the shop keeps off its counter for it."""

    RELEASE = "release"
    FOLLOW_STORE = "follow_store"


class Returns(StrEnum):
    """Who books goods that come back after they were shipped: the shop's restocking refunds, or the ERP by itself."""

    STORE = "store"
    ERP = "erp"


class Baseline(StrEnum):
    """Whether the ERP's book already contains the orders that were open at the cutover."""

    COUNTED = "counted"
    NOT_COUNTED = "not_counted"
    ASK_ERP = "ask_erp"


class Policy(msgspec.Struct, frozen=True):
    """One store's rules. `skus` maps the shop's SKUs to the ERP's, `kits` a SKU to its components."""

    returns: Returns
    baseline: Baseline
    count_on: CountOn = CountOn.PLACED
    on_cancel: OnCancel = OnCancel.RELEASE
    location: str = "main"
    skus: Mapping[str, str] = {}
    kits: Mapping[str, Recipe] = {}

    def recipe(self, sku: str) -> Recipe:
        """The ERP SKUs that one unit of the shop's `sku` takes."""
        name = self.skus.get(sku, sku)
        kit = self.kits.get(name)
        return kit if kit is not None else ((name, Quantity(UNIT)),)


_COUNTED_PHASES: Mapping[CountOn, frozenset[Phase]] = {
    CountOn.PLACED: frozenset({Phase.PLACED, Phase.PAID, Phase.COMPLETED, Phase.REFUNDED}),
    CountOn.PAID: frozenset({Phase.PAID, Phase.COMPLETED, Phase.REFUNDED}),
    CountOn.COMPLETED: frozenset({Phase.COMPLETED, Phase.REFUNDED}),
}


def counts(phase: Phase, count_on: CountOn) -> bool:
    """Whether an order in this phase counts under this policy."""
    return phase in _COUNTED_PHASES[count_on]


def may_still_count(phase: Phase, count_on: CountOn) -> bool:
    """Whether an order that doesn't count now may count later, without being placed anew."""
    return phase in (Phase.PENDING, Phase.PLACED, Phase.PAID) and not counts(phase, count_on)
