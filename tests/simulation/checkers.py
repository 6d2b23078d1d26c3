"""The judges. They stand outside the killed host and know only what the shops and the ERP know; DURABLE and COMPLETE also read
copies of the ledger. Each bears the name of the invariant in the design.

While it runs: ONCE (each booking), no avoidable oversell (each sale), DURABLE (each crash), ISOLATED and COMPLETE (nothing that
could be read stays untold), BOUNDED, SHADOW (each request). At the end: all of them, exactly.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.simulation.accounts import Accounts
from tests.simulation.books import Books
from tests.simulation.broken import Broken
from tests.simulation.calls import Calls
from tests.simulation.erp import WatchedErp
from tests.simulation.hands import wrong
from tests.simulation.health import Health
from tests.simulation.script import FIRST_SECONDS, KITS, RENAMED, SKUS, STORES
from tests.simulation.shops import Shop

TOLD_SECONDS = (
    900.0  # of all being well, after which the ERP has been told: a sweep, and the wait for orders that are gone
)
MENDED_SECONDS = 420.0  # of all being well, after which webhooks are mended: a look every 300 s, and its retries
TENANT = "acme"
HAND_SECONDS = 700.0  # until a counter that somebody typed into was read twice, and the orders drained past it
CRASH_SECONDS = 20.0  # before a crash: orders settle, no reading of that time is usable, so no write of it is pruned
UNIT = 10_000  # of the ledger's quantities
OVERWRITE_SECONDS = 75.0  # between the reading of a level and its writing: not-after, and a request that travels slowly
TASKS_MAX = 120  # of the daemon at once; it has about 15, and some for each request
QUEUE_MAX = 300
REQUESTS_PER_SECOND_MAX = 3.0
WRITES_SECONDS = 120.0
WRITES_MAX = 10  # of ours to one counter in that time, and one for each change: more is a loop, whatever the reason


@dataclass
class Judges:
    """All of them, for one world."""

    accounts: Accounts
    erp: WatchedErp
    shops: dict[str, Shop]
    health: Health
    mode: str
    propagation_seconds: float
    first: Broken | None = None
    oversold: Counter[str] = field(default_factory=Counter)
    hands: dict[tuple[str, str], float] = field(default_factory=dict)  # when the merchant last typed a level
    erp_sales: dict[str, float] = field(default_factory=dict)
    begun: bool = False
    books: Books | None = None
    calls: Calls | None = None
    unhooked: dict[str, float] = field(
        default_factory=dict
    )  # shops whose webhooks aren't as they should be: since when
    only_called: set[tuple[str, str]] = field(default_factory=set)  # orders that nothing but a call tells of

    def blame(self, invariant: str, numbers: str) -> None:
        """The first broken invariant is the one to look at."""
        if self.first is None:
            self.first = Broken(invariant, numbers)

    # -- while it runs

    def sold(self, at: float, store: str, lines: dict[str, int], shown: dict[str, int]) -> None:
        """A sale took place: was it of units that nobody has, and could that have been known?"""
        if not self.begun or self.mode == "shadow":
            return
        short: dict[str, int] = {}
        for item, units in lines.items():
            for sku, factor in KITS.get(item, {item: 1}).items():
                if sku not in self.accounts.stock:
                    continue  # the ERP doesn't know it yet
                missing = min(units * factor, -self.accounts.rest(sku))
                if missing > 0:
                    short[item] = max(short.get(item, 0), missing)
        for item, missing in short.items():
            kind, why = self._judge_oversell(at, store, item, shown[item])
            self.oversold[f"{kind} {store}"] += missing
            if kind == "avoidable":
                self.blame("OVERSOLD", f"{missing} of {item} in {store} at {at:.0f} s: {why}")

    def _judge_oversell(self, at: float, store: str, item: str, shown: int) -> tuple[str, str]:
        hosts = [*STORES, "syncd"]
        parts = KITS.get(item, {item: 1})
        since = self.health.last_well(hosts, at, self.propagation_seconds)
        with_erp = self.health.last_well([*hosts, "erp"], at, self.propagation_seconds)
        if any(self.erp_sales.get(sku, -1.0) >= with_erp for sku in parts):
            since = min(since, with_erp)
        could = self._above_floor(store, self.accounts.capacity(item, since))
        could += self._given_back(self.shops[store], item, at - since)
        if shown <= could:
            return "unavoidable", ""
        if self._typed(store, item, since):
            return "unavoidable", ""
        shop = self.shops[store]
        if shown <= could + self._overwritten(shop, item, at - since):
            return "overwritten", ""
        return "avoidable", f"it showed {shown}; since {since:.0f} s there never were more than {could}"

    def requested(self, host: str, method: str, path: str) -> None:
        """SHADOW: nothing outside is written."""
        if self.mode == "shadow" and method != "GET":
            self.blame("SHADOW", f"{method} {host}{path} in shadow mode")

    def look(self, at: float, resources: dict[str, int], requests: int) -> None:
        """Now and then."""
        if self.erp.broken is not None and self.first is None:
            self.first = self.erp.broken
        if resources["tasks"] > TASKS_MAX or resources["queue"] > QUEUE_MAX:
            self.blame("BOUNDED", f"{resources} (at most {TASKS_MAX} tasks, {QUEUE_MAX} units)")
        if requests > 600 + REQUESTS_PER_SECOND_MAX * at:
            self.blame("BOUNDED", f"{requests} requests in {at:.0f} s")
        if self.calls is not None:
            self.calls.look(at)
            self._hooks_stand(at)
        if self.begun and self.mode == "live":
            self._told_in_time(at)
            self._shows_too_much(at)
            self._writes_too_often(at)

    def _hooks_stand(self, at: float) -> None:
        """MENDED: whatever somebody did to a shop's webhooks, they are soon as they should be."""
        for store, shop in self.shops.items():
            fault = wrong(shop, TENANT) if self.begun and self.mode == "live" else ""
            if not fault:
                self.unhooked.pop(store, None)
                continue
            since = max(self.unhooked.setdefault(store, at), self.health.well_since([store, "syncd"], at))
            if at - since > MENDED_SECONDS:
                self.blame("MENDED", f"the webhooks of {store}, for {at - since:.0f} s: {fault}")

    def _told_in_time(self, at: float) -> None:
        """COMPLETE and ISOLATED: what could be read and told for long enough has been."""
        for where in self.accounts.now:
            store, order = where[:2]
            owed = self.accounts.owed(where)
            if (
                owed == self.erp.told[where]
                or where[:2] in self.only_called
                or where[3] == RENAMED[1]
                or where[:3] in self.accounts.either
            ):
                continue  # what has a name that the ERP doesn't know is held, and judged at the end
            since = max(self.accounts.changed[store, order], self.health.well_since([store, "erp", "syncd"], at))
            if at - since > TOLD_SECONDS:
                others = [name for name in STORES if name != store and self.health.well_since([name], at) > since]
                name = "ISOLATED" if others else "COMPLETE"
                trouble = f"; meanwhile trouble in {', '.join(others)}" if others else ""
                self.blame(
                    name,
                    f"{where}: the ERP was told {self.erp.told[where]}, should be {owed} for {at - since:.0f} s{trouble}",
                )

    def _shows_too_much(self, at: float) -> None:
        """OVERSOLD before it happens: whatever is shown could be promised at some moment since all were last well for long
        enough (but for what its own shop's orders gave back: that shop does so by itself). NEVER-EARLY: a level rises only to what the ERP has shown, but for what its own shop's orders gave back."""
        window = self._window(at)
        if window <= FIRST_SECONDS:
            return
        ever = self.health.last_well([*STORES, "syncd", "erp"], at, self.propagation_seconds)
        for store, shop in self.shops.items():
            for item in (*SKUS, *KITS, RENAMED[1]):
                if not shop.sells(item) or not self.accounts.past.keys() >= KITS.get(item, {item: 1}).keys():
                    continue
                shown = shop.shown(item)
                if shown <= 0 or self._typed(store, item, min(window, ever)):
                    continue
                kind, why = self._judge_oversell(at, store, item, shown)
                if kind == "avoidable":
                    self.blame("OVERSOLD", f"{store} shows {shown} of {item} at {at:.0f} s: {why}")
                since = min(window, ever)
                known = min(self.erp.most_since(sku, since) // n for sku, n in KITS.get(item, {item: 1}).items())
                known = self._above_floor(store, known)
                back = self._given_back(shop, item, at - since)
                if shown > known + back + self._overwritten(shop, item, at - since):
                    self.blame(
                        "EARLY",
                        f"{store} shows {shown} of {item} at {at:.0f} s; since {since:.0f} s the ERP never had more than {known}, "
                        f"and {back} came back to this shop",
                    )

    def _writes_too_often(self, at: float) -> None:
        """BOUNDED: a store is a host, and each write to it has a reason: something that was sold, edited, given back or received."""
        for store, shop in self.shops.items():
            since = shop.now() - WRITES_SECONDS * 1e6
            for item in (*SKUS, *KITS, RENAMED[1]):
                ours = sum(1 for when, _, cause in shop.writes(item) if when >= since and cause.startswith("api"))
                if ours <= WRITES_MAX:
                    continue
                changes = sum(
                    1
                    for sku in KITS.get(item, {item: 1})
                    for entry in self.accounts.past[sku]
                    if entry[0] >= at - WRITES_SECONDS
                )
                if ours > WRITES_MAX + changes:
                    self.blame(
                        "BOUNDED",
                        f"{store}: {item} was written {ours} times, after {changes} changes, in {WRITES_SECONDS:.0f} s",
                    )

    def _typed(self, store: str, item: str, since: float) -> bool:
        """Whether somebody typed a level that the daemon, as far as it and the shop were well, may not have read twice by `since`."""
        typed = self.hands.get((store, item))
        return typed is not None and typed >= self.health.last_well([store, "syncd"], since, HAND_SECONDS)

    def _above_floor(self, store: str, level: int) -> int:
        """What is shown of it: where a counter stops at 0, what comes back to it counts from there."""
        floor = self.shops[store].floor
        return level if floor is None else max(floor, level)

    def _window(self, at: float) -> float:
        return self.health.last_well([*STORES, "syncd"], at, self.propagation_seconds)

    def _given_back(self, shop: Shop, item: str, seconds: float) -> int:
        """Units that orders gave back to this counter lately."""
        since = shop.now() - seconds * 1e6
        return sum(
            change for when, change, cause in shop.writes(item) if when >= since and change > 0 and _by_order(cause)
        )

    def _overwritten(self, shop: Shop, item: str, seconds: float) -> int:
        """Units of the sales over which a level was put, that had been read before them: less than OVERWRITE_SECONDS ago."""
        if shop.relative:
            return 0
        since, changes = shop.now() - seconds * 1e6, shop.writes(item)
        puts = [when for when, _, cause in changes if cause == "api" and when >= since]
        sales = [(when, -change) for when, change, cause in changes if change < 0 and _by_order(cause)]
        return sum(units for sale, units in sales if any(0 <= put - sale <= OVERWRITE_SECONDS * 1e6 for put in puts))

    def crashed(self, folder: Path) -> None:
        """DURABLE: what reached the outside was on disk before it left. `folder` is a copy of what the crash left."""
        with _Reading(folder) as ledger:
            states = dict(ledger.execute("SELECT key, state FROM move").fetchall())
            writes = Counter(
                ledger.execute("SELECT store, item, change, NULL FROM level_write WHERE state <> 'refused'")
            )
            puts = set(ledger.execute("SELECT store, item, level FROM level_write WHERE state <> 'refused'"))
            if self.calls is not None and (lost_call := self.calls.crashed(ledger)):
                self.blame("DURABLE", lost_call)
        for key in self.erp.booked:
            if states.get(key) in {None, "intended", "void"}:
                self.blame("DURABLE", f"the ERP has booked {key}, the ledger says {states.get(key)}")
        if self.books is not None and (lost_there := self.books.crashed(folder, states)):
            self.blame("DURABLE", lost_there)
        for store, shop in self.shops.items():
            added = Counter(
                (store, item, units * UNIT, None) for item, units, level in shop.ours(CRASH_SECONDS) if level is None
            )
            lost = [f"{item} {units / UNIT:+g}" for (_, item, units, _) in (added - writes)]
            lost += [
                f"{item} = {level}"
                for item, _, level in shop.ours(CRASH_SECONDS)
                if level is not None and (store, item, level * UNIT) not in puts
            ]
            if lost:
                self.blame("DURABLE", f"{store} was written to, and the ledger has nothing of it: {', '.join(lost)}")

    # -- when all faults are over

    def unsettled(self, folder: Path) -> str:
        """What does not agree yet, by the invariant's name; "" if everything does."""
        for where in self.accounts.now:
            told, owed = self.erp.told[where], self.accounts.owed(where)
            if self.mode == "live" and told != owed:
                return f"ONCE: the ERP was told {told} for {where}, should be {owed}"
        if self.mode == "live":
            for sku in self.accounts.stock:
                if self.erp.level(sku) != self.accounts.rest(sku):
                    return (
                        f"CONSERVE: the ERP has {self.erp.level(sku)} of {sku}, should have {self.accounts.rest(sku)}"
                    )
            for store, shop in self.shops.items():
                for item, level in shop.levels().items():
                    wanted = self._target(item, shop)
                    if level != wanted:
                        return f"AGREE: {store} shows {level} of {item}, should show {wanted}"
        return self._incomplete(folder)

    def _target(self, item: str, shop: Shop) -> int:
        level = min(self.erp.level(sku) // factor for sku, factor in KITS.get(item, {item: 1}).items())
        return level if shop.floor is None else max(shop.floor, level)

    def _incomplete(self, folder: Path) -> str:
        """COMPLETE: the ledger has each order in its latest state."""
        if self.calls is not None and self.unhooked:
            return f"MENDED: the webhooks of {', '.join(self.unhooked)} are not as they should be"
        query = 'SELECT store, "order", line, sku, sum(commitment) FROM line GROUP BY store, "order", line, sku'
        with _Reading(folder) as ledger:
            known: dict[Any, int] = {tuple(row[:4]): row[4] for row in ledger.execute(query)}
            waiting = ledger.execute("SELECT tenant, store, name FROM signal WHERE kind = 'order'").fetchall()
        if self.calls is not None and (made_up := self.calls.forged(waiting)):
            return f"FORGED: {made_up}"
        if waiting:
            return f"COMPLETE: {waiting[0]} was spoken of, and is still to be read"
        for where, units in self.accounts.now.items():
            if known.get(where, 0) != units * UNIT:
                return f"COMPLETE: the ledger counts {known.get(where, 0) / UNIT:g} for {where}, should be {units}"
        return ""


def _by_order(cause: str) -> bool:
    return cause.isdigit() or (cause.startswith("order ") and "refused" not in cause)


class _Reading:
    """A copy of the ledger, for looking at: SQLite's backup, as no other descriptor may open its files in this process."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "ledger.sqlite3"

    def __enter__(self) -> sqlite3.Connection:
        source = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)
        self._copy = sqlite3.connect(":memory:")
        source.backup(self._copy)
        source.close()
        return self._copy

    def __exit__(self, *_: object) -> None:
        self._copy.close()
