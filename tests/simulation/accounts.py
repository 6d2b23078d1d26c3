"""What the ERP should have counted, at each moment: from the shops' truth, line by line, with its past."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.simulation.broken import Broken
from tests.simulation.erp import Line
from tests.simulation.script import KITS
from tests.simulation.shops import Shop, unpaid


@dataclass
class Accounts:
    """Commitments by line, now and ever. `before` is what the ERP had counted when the daemon first came (BASELINE).

    A line keeps the SKU that it bore when it was placed (PIN). Where the shop shows an old line under its product's new name,
    and the ERP has never heard of the line, it may have been read under either (`either`); what the ERP is told first, stays.
    """

    shops: dict[str, Shop]
    on_payment: bool = False  # the tenant counts what is paid; what is promised is more
    now: dict[Line, int] = field(default_factory=dict)
    promised: dict[Line, int] = field(default_factory=dict)
    most: dict[Line, int] = field(default_factory=dict)
    before: dict[Line, int] = field(default_factory=dict)
    pinned: dict[tuple[str, str, str], str] = field(default_factory=dict)
    either: dict[tuple[str, str, str], tuple[str, str]] = field(default_factory=dict)
    changed: dict[tuple[str, str], float] = field(default_factory=dict)
    past: dict[str, list[tuple[float, int, dict[str, int]]]] = field(
        default_factory=lambda: defaultdict(list)
    )  # at, stock, committed by each store
    stock: Counter[str] = field(
        default_factory=Counter
    )  # opening, receipts and adjustments, less what the ERP sold itself

    def refresh(self, at: float, stores: Iterable[str] | None = None) -> None:
        """Look at the shops again: something has happened at `at`."""
        for store in stores if stores is not None else self.shops:
            for order, status, lines in self.shops[store].truth():
                waits = self.on_payment and status not in {"Deleted", "deleted"} and unpaid(self.shops[store], order)
                for line, shown, units in lines:
                    sku = self.pinned.get((store, order, line), shown)
                    for part, factor in KITS.get(sku, {sku: 1}).items():
                        where = (store, order, line, part)
                        self._set(where, 0 if waits else units * factor, at)
                        self.promised[where] = units * factor
        committed: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(self.shops, 0))
        for where, units in self.promised.items():
            if where[:3] not in self.either:
                committed[where[3]][where[0]] += units
        for sku, total in self.stock.items():
            past = self.past[sku]
            if not past or past[-1][1:] != (total, committed[sku]):
                past.append((at, total, committed[sku]))

    def _set(self, where: Line, units: int, at: float) -> None:
        if self.now.get(where) != units:
            self.changed[where[:2]] = at
        self.now[where] = units
        self.most[where] = max(self.most.get(where, 0), units)

    def rename(self, store: str, old: str, new: str, told: Counter[Line]) -> None:
        """A shop has given a product another SKU, and shows the lines of old orders under it too."""
        for where in self.now:
            if where[0] == store and where[3] == old and not told[where] and not self.before.get(where):
                self.either[where[:3]] = (old, new)

    def _pin(self, where: Line) -> None:
        names = self.either.get(where[:3], ())
        if where[3] not in names:
            return
        del self.either[where[:3]]
        self.pinned[where[:3]] = where[3]
        for name in names:
            other = (*where[:3], name)
            for account in (self.now, self.promised, self.most):
                if name != where[3] and other in account:
                    account[where] = account.pop(other)

    def begin(self) -> None:
        """The cutover: what is committed now has been counted by the ERP."""
        self.before = dict(self.now)

    def owed(self, where: Line) -> int:
        """What the ERP should have been told for a line since the cutover."""
        return self.now.get(where, 0) - self.before.get(where, 0)

    def judge(self, where: Line, told: int) -> None:
        """ONCE, while it runs: never more confirmed than some state of the line has committed, never less than none."""
        self._pin(where)
        before, most = self.before.get(where, 0), self.most.get(where)
        if most is None:
            raise Broken("ONCE", f"the ERP was told {told} for {where}, which no shop has")
        if not -before <= told <= most - before:
            raise Broken(
                "ONCE",
                f"the ERP was told {told} for {where}; it ever was between 0 and {most}, {before} counted before",
            )

    def rest(self, sku: str) -> int:
        """What may still be promised of an ERP SKU, in truth."""
        return self.stock[sku] - sum(units for where, units in self.promised.items() if where[3] == sku)

    def capacity(self, item: str, since: float) -> int:
        """The most that anybody could think may be promised of a shop's item who knows all that happened up to `since`, and of
        what came later no matter what: each shop and the ERP are read at moments of their own."""
        return min(self._most_since(sku, since) // factor for sku, factor in KITS.get(item, {item: 1}).items())

    def _most_since(self, sku: str, since: float) -> int:
        past = self.past[sku]
        window = [entry for entry in past if entry[0] <= since][-1:] + [entry for entry in past if entry[0] > since]
        return max(stock for _, stock, _ in window) - sum(min(by[store] for _, _, by in window) for store in self.shops)
