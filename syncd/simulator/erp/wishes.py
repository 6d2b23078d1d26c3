"""Orders that the ERP's people take, by phone or at the till, and want in a shop; and what they hear of them.

An order is on the ERP's book from the moment it is taken: its units aren't available any more. One that the shop refuses is
cancelled, and gives them back; so is one that is cancelled by the ERP's people, in the shop or not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from syncd.simulator.erp.book import Book

GIVES_BACK = frozenset({"refused", "withdrawn"})  # outcomes after which the order isn't in the shop


@dataclass(slots=True)
class Wishes:
    """The list, as it is told: each change of an order once more, at the end."""

    book: Book
    location: str = ""
    told: list[dict[str, Any]] = field(default_factory=list)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)  # by key, as they are now
    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)  # the last one of each key
    heard: Counter[str] = field(default_factory=Counter)  # how often something was said of a key
    over: set[str] = field(default_factory=set)  # orders that have given their units back

    def take(self, order: Mapping[str, Any], location: str | None = None) -> None:
        """An order is taken. Lines with a SKU take their units at once."""
        assert order["key"] not in self.orders, order["key"]
        self.location = self.location if location is None else location
        entry = {"revision": 1, "status": "pending", **order}
        self.orders[entry["key"]] = entry
        self._move(entry, -1)
        self.told.append(dict(entry))

    def change(self, key: str, status: str, lines: list[dict[str, Any]] | None = None) -> None:
        """The order's status changes, or the lines of a cart; cancelled, it gives its units back."""
        entry = self.orders[key]
        entry |= {"revision": entry["revision"] + 1, "status": status}
        if lines is not None:
            entry["lines"] = lines
        self.told.append(dict(entry))
        if status == "cancelled":
            self._give_back(key)

    def hear(self, key: str, outcome: dict[str, Any]) -> bool:
        """The shop's side has something to say about it. False: there is no such order."""
        if key not in self.orders:
            return False
        self.heard[key] += 1
        self.outcomes[key] = outcome
        if outcome["result"] in GIVES_BACK:
            self._give_back(key)
        return True

    def _give_back(self, key: str) -> None:
        if key not in self.over:
            self.over.add(key)
            self._move(self.orders[key], 1)

    def _move(self, entry: Mapping[str, Any], sign: int) -> None:
        if entry.get("as") == "cart":
            return  # a sale of the shop, once somebody buys it
        for line in entry["lines"]:
            if line.get("sku") in self.book.skus:
                change = Decimal(line["quantity"]) * sign
                self.book.record("sale", line["sku"], self.location, change, reference=entry["key"])
