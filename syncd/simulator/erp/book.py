"""The simulated ERP's stock: the truth that everything else is checked against. Quantities are decimals."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

KEY = re.compile(r"[A-Za-z0-9_-]{1,35}")
QUANTITY = re.compile(r"-?[0-9]{1,11}(\.[0-9]{1,12})?")
Place = tuple[str, str]  # SKU and location


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal. `kind`: opening, receipt, sale or move; its place in the journal is its revision."""

    kind: str
    sku: str
    location: str
    change: Decimal
    at: int
    key: str = ""
    reference: str = ""


@dataclass(slots=True)
class Book:
    """Journal and documents. `now` gives microseconds since 1970."""

    now: Callable[[], int]
    identity: str = "simulated-erp"
    name: str = "The simulated ERP"
    epoch_number: int = 1
    locations: set[str] = field(default_factory=lambda: {""})
    skus: set[str] = field(default_factory=set)
    journal: list[Entry] = field(default_factory=list)
    current: dict[Place, Decimal] = field(default_factory=dict)  # what follows from the journal, by last change
    numbers: dict[str, int] = field(default_factory=dict)  # of the journal's entry, by move key
    lost: dict[str, Entry] = field(default_factory=dict)  # moves that a restore has forgotten
    posts: Counter[str] = field(default_factory=Counter)  # how often each key was posted, counted or not
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    order_puts: Counter[str] = field(default_factory=Counter)
    shipments: list[dict[str, Any]] = field(default_factory=list)

    @property
    def epoch(self) -> str:
        """Changes with each restore."""
        return f"epoch{self.epoch_number}"

    @property
    def revision(self) -> int:
        """How many entries there are."""
        return len(self.journal)

    def record(
        self, kind: str, sku: str, location: str, change: Decimal, *, key: str = "", reference: str = ""
    ) -> Entry:
        """Append an entry; the SKU must be known."""
        assert sku in self.skus, sku
        entry = Entry(kind, sku, location, change, self.now(), key, reference)
        self.journal.append(entry)
        apply(entry, self.current)
        if key:
            assert key not in self.numbers, key
            self.numbers[key] = len(self.journal)
        return entry

    def add_product(self, sku: str, stock: Decimal, location: str = "") -> None:
        """Make a SKU known, at this level."""
        self.skus.add(sku)
        self.locations.add(location)
        before = self.current.get((sku, location))
        if before is None or before != stock:
            self.record("opening", sku, location, stock - (before or 0))

    def post(self, move: dict[str, Any], refused: set[str]) -> dict[str, Any]:
        """One move of the contract: its outcome."""
        key = move["key"]
        self.posts[key] += 1
        if (number := self.numbers.get(key)) is not None:
            there = self.journal[number - 1]
            if (there.sku, there.location, there.change) == (move["sku"], move["location"], Decimal(move["change"])):
                return {"key": key, "result": "confirmed", "ref": str(number)}
            return {"key": key, "result": "different", "ref": str(number), "found": shown_move(there)}
        if move["sku"] in refused:
            return {"key": key, "result": "refused", "reason": "this SKU is blocked"}
        if move["sku"] not in self.skus or move["location"] not in self.locations:
            return {"key": key, "result": "refused", "reason": "unknown SKU or location"}
        change = Decimal(move["change"])
        self.record("move", move["sku"], move["location"], change, key=key, reference=move.get("reference", ""))
        return {"key": key, "result": "confirmed", "ref": str(self.numbers[key])}

    def levels(self, revision: int | None = None) -> dict[Place, Decimal]:
        """All levels as they were at a revision, in the order of their last change."""
        if revision is None or revision == self.revision:
            return dict(self.current)
        levels: dict[Place, Decimal] = {}
        for entry in self.journal[:revision]:
            apply(entry, levels)
        return levels

    def last_changes(self, since: int, revision: int) -> Iterator[tuple[int, Place]]:
        """Places that changed after `since`, up to `revision`, with the revision of their last change, in that order."""
        last: dict[Place, int] = {}
        for number, entry in enumerate(self.journal[since:revision], since + 1):
            last.pop((entry.sku, entry.location), None)
            last[entry.sku, entry.location] = number
        return ((number, place) for place, number in last.items())

    def revision_before(self, at: int) -> int:
        """The revision that the book had at an instant."""
        return sum(1 for entry in self.journal if entry.at <= at)

    def restore(self, forget: int) -> None:
        """The disk broke: the newest `forget` entries are gone, and the book has a new epoch."""
        keep = max(0, len(self.journal) - forget)
        for entry in self.journal[keep:]:
            if entry.key:
                self.lost[entry.key] = entry
                del self.numbers[entry.key]
        del self.journal[keep:]
        self.current = {}
        for entry in self.journal:
            apply(entry, self.current)
        self.epoch_number += 1

    def truth(self) -> dict[str, Any]:
        """Everything that a judge may want to know."""
        total: Counter[str] = Counter()
        for (sku, _), level in self.levels().items():
            total[sku] += level  # type: ignore[assignment]
        by_kind: dict[str, dict[str, Decimal]] = {kind: {} for kind in ("opening", "receipt", "sale", "move")}
        for entry in self.journal:
            sums = by_kind[entry.kind]
            sums[entry.sku] = sums.get(entry.sku, Decimal(0)) + entry.change
        return {
            "identity": self.identity,
            "epoch": self.epoch,
            "revision": self.revision,
            "skus": {sku: number(level) for sku, level in total.items()},
            "levels": [
                {"sku": sku, "location": location, "level": number(level)}
                for (sku, location), level in self.levels().items()
            ],
            "sums": {kind: {sku: number(total) for sku, total in sums.items()} for kind, sums in by_kind.items()},
            "moves": {
                entry.key: {**shown_move(entry), "change": number(entry.change), "at": entry.at}
                for entry in self.journal
                if entry.key
            },
            "lost": {key: {**shown_move(entry), "change": number(entry.change)} for key, entry in self.lost.items()},
            "posts": dict(self.posts),
            "orders": self.orders,
            "shipments": self.shipments,
        }


def apply(entry: Entry, levels: dict[Place, Decimal]) -> None:
    """Change a level by an entry; the place moves to the end."""
    place = (entry.sku, entry.location)
    levels[place] = levels.pop(place, Decimal(0)) + entry.change


def shown_move(entry: Entry) -> dict[str, Any]:
    """A move as the contract shows it."""
    return {
        "key": entry.key,
        "sku": entry.sku,
        "location": entry.location,
        "change": decimal_text(entry.change),
        "reference": entry.reference,
    }


def decimal_text(value: Decimal) -> str:
    """The contract's decimal string."""
    return f"{value:f}"


def number(value: Decimal | int) -> int | float:
    """A JSON number for the control API."""
    return int(value) if value == int(value) else float(value)
