"""What must be true at the end, counted from the shops' own truth, and how what is shown compares with it.

The rules here are the merchant's, as plainly as they can be said: of what customers ordered, everything is theirs but what
was cancelled or put back on the shelf. Nothing is taken from syncd, whose answer this is held against.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from syncd.demo.assortment import ARTICLES

NEVER_ORDERED: Final = frozenset({"Incomplete", "checkout-draft", "pending", "auto-draft"})
CALLED_OFF: Final = frozenset({"Cancelled", "Declined", "cancelled", "failed", "trash", "deleted"})

Truth = Mapping[str, Any]
"""What a shop's `GET /_sim/truth` answers."""


@dataclass(slots=True)
class Row:
    """One SKU: units ordered, units that came back to the shelf, and what is shown where."""

    sku: str
    opening: int
    sold: int = 0
    returned: int = 0
    erp: int | None = None
    shown: dict[str, int] = field(default_factory=dict)
    expected: dict[str, int] = field(default_factory=dict)
    landing: set[str] = field(default_factory=set)

    @property
    def should(self) -> int:
        """What the ERP should have; below 0 if more was sold than there was."""
        return self.opening - self.sold + self.returned

    @property
    def oversold(self) -> int:
        """Units that customers were promised and nobody has."""
        return max(0, -self.should)

    @property
    def complaints(self) -> list[str]:
        """All that is off, in words."""
        found = []
        if self.erp != self.should:
            found.append(f"the ERP has {self.erp}, it should have {self.should}")
        for store, expected in self.expected.items():
            if self.shown.get(store) != expected:
                found.append(f"{store} shows {self.shown.get(store)}, it should show {expected}")
            elif store in self.landing:
                found.append(f"{store} has not applied a level yet")
        return found


def reckon(truths: Mapping[str, Truth], kinds: Mapping[str, str], erp: Mapping[str, int]) -> list[Row]:
    """A row for each article. `truths` and `kinds` by shop, `erp` the ERP's levels by SKU."""
    rows = {article.sku: Row(article.sku, article.opening) for article in ARTICLES}
    for store, truth in truths.items():
        for order in truth["orders"]:
            for sku, ordered, kept in _lines(kinds[store], order):
                if sku in rows:
                    rows[sku].sold += ordered
                    rows[sku].returned += ordered - kept
    for row in rows.values():
        row.erp = erp.get(row.sku)
        for store, truth in truths.items():
            entry = truth["skus"].get(row.sku, {})
            row.shown[store] = entry.get("level")
            row.expected[store] = max(0, row.should) if kinds[store] == "bigcommerce" else row.should
            if entry.get("pending"):
                row.landing.add(store)
    return list(rows.values())


def _lines(kind: str, order: Mapping[str, Any]) -> Iterator[tuple[str, int, int]]:
    """(SKU, units ordered, units that stay with the customer) for each line."""
    status = order["status"]
    if status in NEVER_ORDERED:
        return
    for line in order["lines"]:
        quantity = line["quantity"]
        if status in CALLED_OFF or order.get("deleted"):
            kept = 0
        elif kind == "bigcommerce" and status == "Refunded":
            # A refund through the API is money alone; the status Refunded, written by hand, puts all units back.
            kept = quantity if any(other["refunded"] for other in order["lines"]) else 0
        else:
            kept = max(0, quantity - line["restocked"])
        yield line["sku"], quantity, kept


def unsettled(truths: Mapping[str, Truth]) -> dict[str, list[str]]:
    """Orders that wait for their payment at a WooCommerce shop, by shop: it keeps units aside for them."""
    return {
        store: [order["order"] for order in truth["orders"] if order["status"] in {"pending", "checkout-draft"}]
        for store, truth in truths.items()
    }
