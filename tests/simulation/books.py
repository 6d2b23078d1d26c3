"""The second tenant of some seeds: a bookshop on WooCommerce whose ERP is syncd's own stock book, in the same daemon. Nothing ever
happens to its shop; what happens to the first tenant must not delay it (ISOLATED), and its stock book must survive each kill
beside the ledger.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from syncd.core.quantity import UNIT, Quantity
from syncd.erps.embedded.book import StockBook
from tests.simulation.accounts import Accounts
from tests.simulation.broken import Broken
from tests.simulation.clocks import HostClock, SeededChance
from tests.simulation.erp import Line
from tests.simulation.health import Health
from tests.simulation.script import BOOKS as OPENING
from tests.simulation.script import STORES
from tests.simulation.shops import WooCommerce

NAME = "books"
PLACE = "main"
FILE = Path("erp") / f"{NAME}.sqlite3"
TOLD_SECONDS = 420.0  # a sweep, as some edits touch no date; orders that are gone are asked for twice
SHOWN_SECONDS = 300.0  # until the level follows
LOOK_SECONDS = 60.0
CONFIGURATION = """
mode = "{mode}"
returns = "store"
approve = "automatic"
[erp]
kind = "embedded"
[stores.books]
kind = "woocommerce"
base_url = "http://books.localhost:80"
baseline = "counted"
poll_seconds = 60
settle_seconds = 20
sweep_hours = 0.1
read_items_every_seconds = 300
late_seconds = 120
quota_share = 1.0
consumer_key_file = "key"
consumer_secret_file = "secret"
auth = "basic"
"""


class Books:
    """The bookshop, its stock book, and the judges of both."""

    def __init__(self, clock: HostClock, seed: int, health: Health, state: Callable[[], Path], mode: str) -> None:
        self.shop = WooCommerce(NAME, clock, Random(f"books {seed}"), OPENING)
        self.accounts = Accounts({NAME: self.shop})
        self.orders: list[str] = []
        self.changed: dict[str, float] = {}
        self._health, self._state, self._mode = health, state, mode
        self._looked = 0.0
        self._watched: Any = None
        self._told: Counter[Line] = Counter()
        path = state() / FILE
        path.parent.mkdir()
        book = StockBook(path, clock=clock, chance=SeededChance(Random(seed)), name=NAME, create=True)
        for sku, units in OPENING.items():
            book.add(sku, location=PLACE)
            book.receive(sku, Quantity(units * UNIT), location=PLACE, reference="opening")
            self.accounts.stock[sku] = units
        book.close()
        self.accounts.refresh(0.0)
        self.accounts.begin()

    def act(self, at: float, args: dict[str, Any], app: Any) -> str:
        """One step. Raises what the shop refuses."""
        what, sku = args["do"], args.get("sku", "")
        if what == "stock":
            if app is None:
                return "no stock"  # nobody is at the desk while the daemon is down
            change = Quantity(args["units"] * UNIT)
            desk = app.desks[NAME]
            if change > 0:
                desk.receive(sku, "", change, "goods")
            else:
                desk.adjust(sku, "", change, "count")
            self.accounts.stock[sku] += args["units"]
        elif what == "buy":
            self.orders.append(self.shop.buy([(sku, 1)], paid=True, method=""))
        elif not self.orders:
            return f"nothing to {what}"
        else:
            self.shop.act(self.orders[args["pick"] % len(self.orders)], what, args)
        self.accounts.refresh(at)
        for name in OPENING:
            self.changed[name] = at
        return what

    def watch(self, app: Any, booked: Callable[[], None]) -> None:
        """Call `booked` after each posting to the book of this life."""
        if app is None or app is self._watched:
            return
        self._watched = app
        for book in app.books:
            plain = book.post

            def post(moves: Any, plain: Any = plain) -> Any:
                outcomes = plain(moves)
                booked()
                return outcomes

            book.post = post

    # -- the judges

    def look(self, at: float) -> None:
        """Now and then. Raises Broken."""
        if at - self._looked < LOOK_SECONDS:
            return
        self._looked = at
        levels = self._read_book(self._state())
        for where, told in self._told.items():
            self.accounts.judge(where, told)
        if self._mode != "live":
            return
        well = self._health.well_since([NAME, "syncd"], at)
        for where in self.accounts.now:
            since = max(self.accounts.changed[where[:2]], well)
            if self.accounts.owed(where) != self._told[where] and at - since > TOLD_SECONDS:
                owed = self.accounts.owed(where)
                raise self._late(at, since, f"{where}: the book was told {self._told[where]}, should be {owed}")
        since = max(well, *self.changed.values()) if self.changed else at
        for sku, level in levels.items():
            if self.shop.shown(sku) != level and at - since > TOLD_SECONDS + SHOWN_SECONDS:
                raise self._late(at, since, f"the shop shows {self.shop.shown(sku)} of {sku}, the book has {level}")

    def _late(self, at: float, since: float, numbers: str) -> Broken:
        others = [name for name in (*STORES, "erp") if self._health.well_since([name], at) > since]
        return Broken(
            "ISOLATED" if others else "COMPLETE",
            f"books: {numbers}, for {at - since:.0f} s" + (f"; trouble in {', '.join(others)}" if others else ""),
        )

    def crashed(self, folder: Path, states: dict[str, str]) -> str:
        """DURABLE: what the book has, the ledger has, as sent at least. Returns what is wrong."""
        keys = self._read_book(folder, keys=True)
        lost = [key for key in keys if states.get(key) in {None, "intended", "void"}]
        return f"the stock book has {lost[0]}, the ledger says {states.get(lost[0])}" if lost else ""

    def unsettled(self) -> str:
        """What doesn't agree at the end."""
        levels = self._read_book(self._state())
        if self._mode != "live":
            return "" if not self._told else "SHADOW: something was posted to the stock book"
        for where in self.accounts.now:
            if self._told[where] != self.accounts.owed(where):
                return f"ONCE: the book was told {self._told[where]} for {where}, should be {self.accounts.owed(where)}"
        for sku, level in levels.items():
            if level != self.accounts.rest(sku):
                return f"CONSERVE: the book has {level} of {sku}, should have {self.accounts.rest(sku)}"
            if self.shop.shown(sku) != level:
                return f"AGREE: books shows {self.shop.shown(sku)} of {sku}, should show {level}"
        return ""

    def _read_book(self, folder: Path, *, keys: bool = False) -> dict[str, int]:
        """Levels by SKU, and what was told for each line; or the keys of all moves. From a copy made by SQLite."""
        source = sqlite3.connect(f"file:{folder / FILE}?mode=ro", uri=True)
        rows = source.execute("SELECT kind, sku, change, key, reference FROM entry").fetchall()
        source.close()
        if keys:
            return {key: change for kind, _, change, key, _ in rows if kind == "move"}
        self._told = Counter()
        levels: Counter[str] = Counter()
        for kind, sku, change, _, reference in rows:
            levels[sku] += change // UNIT
            if kind == "move":
                store, order, line = reference.split("/")
                self._told[store, order, line, sku] -= change // UNIT
        return dict(levels)
