"""Orders, lines and books as short words, for the tests of counting."""

from __future__ import annotations

from typing import Any

import msgspec

from syncd.core.account import Account, Accounts, Book, Product, account
from syncd.core.order import Line, Order, Phase
from syncd.core.policy import Baseline, Policy, Returns
from syncd.core.quantity import SECOND, Instant, parse, units
from syncd.core.taking_rule import TakingRule

CREATED = Instant(1_700_000_000 * SECOND)
WITNESSED = TakingRule(witnessed=True)
FOLDED = TakingRule()
SHOP = {
    "1": Product("1", "BOLT"),
    "2": Product("2", "NUT"),
    "3": Product("3", "SET"),
    "4": Product("", "", digital=False),
    "5": Product("", "EBOOK", digital=True),
    "6": Product("6", "GHOST"),
}
ERP_SKUS = frozenset({"BOLT", "NUT", "WASHER"})
KITS = {"SET": (("BOLT", units(4)), ("NUT", units(2)))}


def policy(**values: Any) -> Policy:
    return Policy(**({"returns": Returns.STORE, "baseline": Baseline.COUNTED, "kits": KITS} | values))


def book(rule: TakingRule = FOLDED, **values: Any) -> Book:
    return Book(policy(**values), rule, SHOP, ERP_SKUS.__contains__)


def line(quantity: float = 1, product: str = "1", name: str = "a", **values: Any) -> Line:
    for word in ("restocked", "shipped", "reduced"):
        if word in values:
            values[word] = parse(values[word])
    known = SHOP.get(product)
    return Line(name, product, values.pop("sku", known.sku if known else ""), parse(quantity), **values)


def order(phase: Phase, *lines: Line, after_seconds: int = 0, **values: Any) -> Order:
    """An order created at CREATED and modified `after_seconds` later."""
    modified = Instant(CREATED + after_seconds * SECOND)
    content = msgspec.msgpack.encode((phase, lines, modified))
    return Order("77", CREATED, modified, phase, str(phase), lines, content, **values)


class Told:
    """An order as it is read state by state: keeps the accounts as the ledger does."""

    def __init__(self, using: Book) -> None:
        self.book = using
        self.rows: dict[tuple[str, int], Account] = {}
        self.phase: Phase | None = None
        self.clock = 0

    def read(self, phase: Phase, *lines: Line, **values: Any) -> Accounts:
        """Read a state, a minute after the one before."""
        state = order(phase, *lines, after_seconds=self.clock, **values)
        self.clock += 60
        outcome = account(state, list(self.rows.values()), self.book, phase_before=self.phase)
        self.rows.update({(row.line, row.part): row for row in outcome.changed})
        self.phase = phase
        return outcome

    def commits(self) -> dict[str, float]:
        """Units committed by ERP SKU, but for accounts at 0."""
        found: dict[str, float] = {}
        for row in self.rows.values():
            if row.commitment:
                found[row.sku] = found.get(row.sku, 0) + row.commitment / units(1)
        return found

    def only(self) -> Account:
        """The one account."""
        (row,) = self.rows.values()
        return row
