"""The simulated ERP, watched: every move that it books is looked at in that very moment.

It may be an ERP that counts: it can be asked for a key, and books whatever is posted, twice if it comes twice. With it, only
asking before sending again keeps ONCE.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

from syncd.simulator.erp.book import Book
from syncd.simulator.erp.server import SimulatedErp
from tests.simulation.broken import Broken
from tests.simulation.clocks import SECOND_US, START_SECONDS, HostClock

LOCATION = "main"
TOKEN = "erp-token"
Line = tuple[str, str, str, str]
"""Store, order, line, ERP SKU."""


class _Book(Book):
    """A book whose postings somebody watches."""

    watch: Any

    def post(self, move: dict[str, Any], refused: set[str]) -> dict[str, Any]:
        answer: dict[str, Any] = self.watch(move, refused)
        return answer


class WatchedErp:
    """The ERP's truth: what it has, and what it was told for each order line."""

    def __init__(self, clock: HostClock, random: Random, *, counting: bool, judge: Callable[[Line, int], None]) -> None:
        self.simulated = SimulatedErp(now=clock.now, chance=random, token=TOKEN)
        self.book = _Book(clock.now)
        self.simulated.book = self.book
        self.told: Counter[Line] = Counter()
        self.booked: list[str] = []  # keys, in the order of booking
        self._judge = judge
        self._ahead = clock.ahead_seconds
        self._counting = counting
        self.book.watch = self._watched
        self.broken: Broken | None = None
        self._opened = 0
        self._forgotten: list[tuple[int, str, int]] = []  # until when, SKU, level: what it had before it was restored

    def open(self, levels: dict[str, int]) -> None:
        """Opening stock."""
        for sku, level in levels.items():
            self.book.add_product(sku, Decimal(level), LOCATION)
        self._opened = len(self.book.journal)

    def happen(self, kind: str, sku: str, units: int) -> None:
        """The ERP's own business: a receipt (units above 0) or a sale (below)."""
        self.book.record(kind, sku, LOCATION, Decimal(units))

    def restore(self, forget: int) -> None:
        """It comes back from a backup, without its last entries. What people had booked they book again; the moves are ours."""
        self._remember()
        kept = max(self._opened, len(self.book.journal) - forget)
        gone = self.book.journal[kept:]
        self.book.restore(len(gone))
        lost = {entry.key for entry in gone}
        self.booked = [key for key in self.booked if key not in lost]
        for entry in gone:
            if entry.kind == "move":
                store, order, line = entry.reference.split("/")
                self.told[store, order, line, entry.sku] += int(entry.change)
            else:
                self.book.record(entry.kind, entry.sku, entry.location, entry.change)

    def _remember(self) -> None:
        """What it has and has had: people saw it, whatever its books will say."""
        levels = {sku: self.level(sku) for sku, _ in self.book.current}
        until = dict.fromkeys(levels, self.book.now())
        for entry in reversed(self.book.journal):
            self._forgotten.append((until[entry.sku], entry.sku, levels[entry.sku]))
            levels[entry.sku] -= int(entry.change)
            until[entry.sku] = entry.at

    def renumber(self, old: str, new: str) -> int:
        """An article gets another number: all stock is booked over to it, the old number stays known. Returns the units."""
        units = self.level(old)
        self.book.add_product(new, Decimal(0), LOCATION)
        self.happen("sale", old, -units)
        self.happen("receipt", new, units)
        return units

    def most_since(self, sku: str, at: float) -> int:
        """The most that it had at some moment since that second of the story."""
        level = most = self.level(sku)
        since = (START_SECONDS + at + self._ahead) * SECOND_US
        for entry in reversed(self.book.journal):
            if entry.at < since:
                break
            if entry.sku == sku and entry.kind != "opening":
                level -= int(entry.change)
                most = max(most, level)
        return max([most, *(had for until, name, had in self._forgotten if name == sku and until >= since)])

    def level(self, sku: str) -> int:
        """What it has available."""
        return int(self.book.current[sku, LOCATION])

    def _watched(self, move: dict[str, Any], refused: set[str]) -> dict[str, Any]:
        key = move["key"]
        twice = key in self.book.numbers
        answer = Book.post(self.book, move, refused)
        if twice and self._counting and move["sku"] not in refused:
            self.book.record("move", move["sku"], move["location"], Decimal(move["change"]))
            self._book(move, f"key {key} was posted and booked twice")
        elif not twice and answer["result"] == "confirmed":
            self._book(move, "")
        return answer

    def _book(self, move: dict[str, Any], complaint: str) -> None:
        store, order, line = move["reference"].split("/")
        where = (store, order, line, move["sku"])
        self.booked.append(move["key"])
        self.told[where] -= int(Decimal(move["change"]))
        if self.broken is not None:
            return
        try:
            if complaint:
                raise Broken("ONCE", f"{complaint}: {where}, change {move['change']}")
            self._judge(where, self.told[where])
        except Broken as broken:
            self.broken = broken
