"""The world of one seed: a tenant with two BigCommerce shops and one WooCommerce shop, an ERP, the daemon, and the network
between them, each on a host of its own; and the playing of a script in it."""

from __future__ import annotations

import asyncio
from collections import Counter
from email.utils import formatdate
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from aiohttp import web

from tests.simulation.accounts import Accounts
from tests.simulation.books import NAME as BOOKS
from tests.simulation.books import Books
from tests.simulation.broken import Broken
from tests.simulation.calls import Calls
from tests.simulation.checkers import TENANT, Judges
from tests.simulation.clocks import HostClock
from tests.simulation.dials import CALM
from tests.simulation.erp import Line, WatchedErp
from tests.simulation.fate import Fate
from tests.simulation.hands import LISTENER, LIVE_SECONDS, courier, flurry, is_live
from tests.simulation.health import Health
from tests.simulation.house import HOST, POLL_SECONDS, House
from tests.simulation.journal import Journal
from tests.simulation.loop import Loop
from tests.simulation.script import BIGCOMMERCE, KITS, RENAMED, SKUS, STORES, Script, Step
from tests.simulation.shops import REFUSALS, BigCommerce, Shop, WooCommerce, unpaid
from tests.simulation.stranger import Stranger

START_AT = 30.0  # the daemon is installed; what was bought before is its baseline
LOOK_SECONDS = 10.0
PATIENCE_SECONDS = 3_600.0  # after the faults: sweeps, probes, pauses of 300 s, lists read again; then all must agree
CALM_SECONDS = 150.0  # everything must still agree this long after it did
UNSEEN_NEVER_TOLD = {"archive"}  # BigCommerce hides archived orders: of one that nobody has read, no list tells
GRAIN_SECONDS = 1.0  # of stamps
READ_SECONDS = 150.0  # of health, after which what happened in a shop has been read: a poll, settling, a retry
SEEN_SECONDS = 660.0  # of a shop in trouble, after which its orders have surely been read
MEDDLING = {"hand", "delete", "archive", "trash", "rename", "recreate"}  # moves a counter, or hides what has moved it
LATENCY = (0.001, 0.08)


class World:
    """One seed."""

    def __init__(self, script: Script, folder: Path) -> None:
        self.script = script
        self.loop = Loop(script.seed)
        self.loop.net.set_defaults(latency=LATENCY)
        self.journal = Journal(lambda: self.loop._now)
        self.random = Random(f"world {script.seed}")
        clocks = self.clocks = {name: HostClock(self.loop, script.skews.get(name, 0.0)) for name in (*STORES, "erp")}
        levels = {sku: script.opening[sku] for sku in SKUS}
        levels |= {kit: min(levels[sku] // count for sku, count in parts.items()) for kit, parts in KITS.items()}
        self.shops: dict[str, Shop] = {
            name: (BigCommerce if name in BIGCOMMERCE else WooCommerce)(
                name, clocks[name], Random(f"{name} {script.seed}"), levels
            )
            for name in STORES
        }
        self.accounts = Accounts(self.shops, script.knobs.get("count_on") == "paid")
        self.erp = WatchedErp(
            clocks["erp"], Random(f"erp {script.seed}"), counting=script.counting_erp, judge=self._judge
        )
        self.health = Health()
        self.judges = Judges(self.accounts, self.erp, self.shops, self.health, script.mode, script.propagation_seconds)
        self.house = House(self.loop, script, folder, self._committed)
        self.calls = Calls(
            {**dict.fromkeys(STORES, TENANT), BOOKS: BOOKS}, lambda: self.now, self.journal.note, self.judges.blame,
            lambda: self.fate.answered(),  # noqa: PLW0108 - there is no fate yet
        )  # fmt: skip
        self.house.watch_calls = self.calls.watch
        self.stranger = Stranger(self)
        self.judges.calls = self.calls if script.hooks else None
        self.books = None
        if script.books:
            clock = HostClock(self.loop)
            self.books = Books(clock, script.seed, self.health, lambda: self.house.state, script.mode)
            self.judges.books = self.books
        self.fate = Fate(self)
        self.orders: dict[str, list[str]] = {name: [] for name in STORES}
        self.over: set[tuple[str, str]] = set()
        self.meddled: set[str] = set()  # shops where drift is no wonder
        self.placed: dict[tuple[str, str], float] = {}
        self.shipped: dict[tuple[str, str], float] = {}  # in part: what left the house is told by the order alone
        self.done: Counter[str] = Counter()
        self.requests = 0
        self.settled_after = -1.0

    # -- the servers

    async def _serve(self, name: str, app: web.Application, now: Any) -> None:
        async def stamp(_request: web.Request, response: web.StreamResponse) -> None:
            response.headers["Date"] = formatdate(now() / 1e6 + self.fate.date_off[name], usegmt=True)

        @web.middleware
        async def watch(request: web.Request, handler: Any) -> web.StreamResponse:
            body = await request.read()
            self.requests += 1
            came = self.now
            self.journal.note("request", f"{name} {request.method} {request.path_qs} {body.decode(errors='replace')}")
            self.judges.requested(name, request.method, request.path)
            response = await self.fate.wire.pass_on(name, request, handler)
            self.journal.note("answer", f"{name} {response.status}")
            if name != "erp" and self.calls.asked(name, request, came, response.status):
                self.fate.named()
            return response

        app.middlewares.insert(0, watch)
        app.on_response_prepare.append(stamp)
        runner = web.AppRunner(app, handle_signals=False, access_log=None)
        await runner.setup()
        assert runner.server is not None
        await asyncio.get_running_loop().create_server(runner.server, f"{name}.localhost", 80)
        await asyncio.sleep(1e9)

    def _let_call(self) -> None:
        """Shops call from their own hosts, whoever did something to an order."""
        self.loop.name(HOST, LISTENER)
        shops = [*self.shops.values(), *([self.books.shop] if self.books is not None else [])]
        for shop in shops:
            if isinstance(shop, BigCommerce):
                shop.shop.faults.change({"webhook_live_seconds": LIVE_SECONDS})
            theirs = courier(shop)
            theirs.at = partial(self._at_home, f"{shop.name}.localhost", theirs.at)

    def _at_home(self, host: str, plain: Any, due_us: int, errand: Any) -> None:
        self.loop.host_call(host, lambda: plain(due_us, errand))

    def _booked(self) -> None:
        """The second tenant's stock book has committed, and the ledger doesn't know: a kill may strike before it does."""
        self.loop.host_call("driver", lambda: self.loop.call_later(0.0, self.fate.written, "erp"))

    def _judge(self, where: Line, told: int) -> None:
        """A booking, measured against what the shop says at this moment: an order may have come to rest since it was placed."""
        self.accounts.refresh(self.now, [where[0]])
        self.accounts.judge(where, told)

    def _committed(self) -> None:
        self.fate.committed()

    # -- the story

    async def live(self) -> None:
        """Play the script to its end; raises Broken as soon as an invariant doesn't hold."""
        net = self.loop.net
        for name, shop in self.shops.items():
            net.host(f"{name}.localhost").create_task(self._serve(name, shop.app(), shop.now))
        if self.books is not None:
            net.host("books.localhost").create_task(self._serve(BOOKS, self.books.shop.app(), self.books.shop.now))
        net.host("erp.localhost").create_task(self._serve("erp", self.erp.simulated.app(), self.erp.simulated.now))
        net.host(HOST)
        if self.script.hooks:
            self._let_call()
        self._open()
        steps = list(self.script.steps)
        while steps and steps[0].at < START_AT:
            await self._play(steps.pop(0))
        await self._until(START_AT)
        self.accounts.refresh(self.now)
        self.accounts.begin()
        committed: Counter[str] = Counter()
        for (_, _, _, sku), units in self.accounts.now.items():
            committed[sku] += units
        self.erp.open({sku: self.script.opening[sku] - committed[sku] for sku in SKUS})
        self.judges.begun = True
        self.house.start()
        for step in steps:
            await self._play(step)
        await self._until(self.script.story_seconds)
        await self.fate.over()
        for shop in self.shops.values():
            shop.shop.faults.clear()
        await self._settle()

    @property
    def now(self) -> float:
        """Seconds of the story."""
        return self.loop._now

    def _open(self) -> None:
        for sku in SKUS:
            self.accounts.stock[sku] = self.script.opening[sku]
        self.accounts.refresh(0.0)

    async def _until(self, at: float) -> None:
        """Let time pass, looking now and then."""
        while self.now < at:
            await asyncio.sleep(min(LOOK_SECONDS, at - self.now) or 0.001)
            self.look()

    def look(self) -> None:
        """Raise what is broken."""
        if self.books is not None:
            self.books.watch(self.house.app, self._booked)
            self.books.look(self.now)
        self.judges.look(self.now, self.house.resources(), self.requests)
        if self.house.failure is not None and self.judges.first is None:
            self.judges.blame("BUG", f"{type(self.house.failure).__name__}: {self.house.failure}")
        if self.judges.first is not None:
            raise self.judges.first

    async def _play(self, step: Step) -> None:
        await self._until(step.at)
        args = dict(step.args)
        self.journal.note("step", f"{step.what} {args}")
        if step.what == "fault":
            self.fate.strike(args)
            return
        try:
            if step.what == BOOKS:
                what = f"books: {self.books.act(self.now, args, self.house.app)}" if self.books else "no books"
            else:
                what = self._act(step.what, args)
            self.done[what] += 1
        except REFUSALS as error:
            self.done[f"no {step.what}"] += 1
            self.journal.note("refused", f"{step.what}: {type(error).__name__}: {error}")
        self.accounts.refresh(self.now, [args["store"]] if "store" in args else [])
        self.look()

    def _act(self, what: str, args: dict[str, Any]) -> str:
        sku = args.get("sku", "")
        if what == "restore":  # from then on the daemon asks for its moves again
            self.erp.restore(args["forget"])
            self.health.end("erp", self.health.begin("erp", self.now), self.now)
            return what
        if what in {"receipt", "erp_sale", "count", "renumber"}:
            self._in_erp(what, sku, args)
            return what
        shop = self.shops[args["store"]]
        sku = shop.named(sku)
        if what == "lossy":
            shop.shop.faults.change({"lost_answer": args["share"], "lost_answer_by": args["by"]})
            return what
        if what in MEDDLING or (what == "refund" and shop.relative and args["restock"]):
            self.meddled.add(shop.name)
        if what in {"rename", "recreate"}:
            return self._article(shop, what, sku, args)
        if what == "hand":
            shop.set_stock(sku, shop.shown(sku) + args["units"])
            self.judges.hands[shop.name, sku] = self.now
            return what
        if what in {"buy", "buy_all"}:
            self._buy(shop, what, args)
            return what
        return self._change(shop, what, args)

    def _change(self, shop: Shop, what: str, args: dict[str, Any]) -> str:
        """Something becomes of an order."""
        waiting = [order for order in self.orders[shop.name] if what == "refund" or (shop.name, order) not in self.over]
        if what in UNSEEN_NEVER_TOLD:
            waiting = [order for order in waiting if self._is_told(shop, order)]
        if what in {"edit", "remove"} and shop.relative:  # within the second of the placing its stamp is the placing's
            waiting = [order for order in waiting if self.now - self.placed[shop.name, order] > GRAIN_SECONDS]
        if what == "delete":
            waiting = [
                order for order in waiting if not self._is_news(shop.name, self.shipped.get((shop.name, order), 0.0))
            ]
        if not waiting:
            return f"nothing to {what}"
        order = waiting[args["pick"] % len(waiting)]
        silent = what in {"edit", "remove"} and shop.shop.faults.silent_edits  # there and back between two looks, say
        unseen = what == "remove" and shop.relative and self._is_news(shop.name, self.placed[shop.name, order])
        if silent or unseen:  # a counter that may be deaf to edits, and a line that nobody has read
            self.meddled.add(shop.name)
        self.journal.note("change", f"{shop.name} {order} {what}")
        if what == "flurry":
            flurry(shop, order)
            return what
        if what in UNSEEN_NEVER_TOLD and self.now - self.placed[shop.name, order] <= SEEN_SECONDS:
            self.judges.only_called.add((shop.name, order))
        shop.act(order, what, args)
        if what == "refund" and shop.relative and args["restock"]:  # units put back by hand
            for where in self.accounts.now:
                if where[:2] == (shop.name, order):
                    for item in (where[3], *(kit for kit, parts in KITS.items() if where[3] in parts)):
                        self.judges.hands[shop.name, item] = self.now
        if what == "ship_some":
            self.shipped[shop.name, order] = self.now
        if what in {"complete", "ship", "refund", "refunded"}:
            self.over.add((shop.name, order))
        if what in {"delete", "archive"}:  # what becomes of an archived one is told by the sweep alone
            self.orders[shop.name].remove(order)
        return what

    def _is_news(self, store: str, at: float) -> bool:
        """Whether what happened in a shop at that second may not have been read yet."""
        seconds = READ_SECONDS + (POLL_SECONDS if self.script.hooks else 0.0)  # polls come half as often then
        return at > self.health.last_well([store, "syncd"], self.now, seconds)

    def _is_told(self, shop: Shop, order: str) -> bool:
        """Whether the daemon learns what becomes of an order that lists hide: it has read it, or the shop calls for certain."""
        placed = self.placed[shop.name, order]
        if self.now - placed > SEEN_SECONDS:
            return True
        return self.script.tells(shop.name) and is_live(shop, shop.now() - round((self.now - placed) * 1e6))

    def _in_erp(self, what: str, sku: str, args: dict[str, Any]) -> None:
        """The ERP's own business: goods in, goods out, what a stock count finds, another number for an article."""
        old, new = RENAMED
        if what == "renumber":
            units = self.erp.renumber(sku, args["to"])
            self.accounts.stock[sku] -= units
            self.accounts.stock[args["to"]] += units
            self.judges.erp_sales[sku] = self.now
            return
        sku = new if sku == old and new in self.accounts.stock else sku
        units = -args["units"] if what == "erp_sale" else args["units"]
        self.erp.happen("receipt" if units > 0 else "sale", sku, units)
        self.accounts.stock[sku] += units
        if units < 0:
            self.judges.erp_sales[sku] = self.now

    def _article(self, shop: Shop, what: str, sku: str, args: dict[str, Any]) -> str:
        """A product gets another SKU, or is deleted and made anew under its SKU: not before the daemon can have read its orders,
        as nothing tells any more what they were of."""
        if what == "rename":
            if shop.lines_follow_names:
                self.accounts.rename(shop.name, sku, args["to"], self.erp.told)
            shop.rename(sku, args["to"])
            sku = args["to"]
        else:
            mine = [
                where for where in self.accounts.now if where[0] == shop.name and where[3] in KITS.get(sku, {sku: 1})
            ]
            for where in mine:
                if (
                    self.accounts.owed(where) != self.erp.told[where]
                    or self.now - self.accounts.changed[where[:2]] < 300.0
                ):
                    return "no recreate"
            shop.recreate(sku, args["units"])
        self.judges.hands[shop.name, sku] = self.now
        return what

    def _buy(self, shop: Shop, what: str, args: dict[str, Any]) -> None:
        everything = what == "buy_all"
        wanted = (
            {args["sku"]: min(3, max(1, shop.shown(shop.named(args["sku"]))))} if everything else dict(args["lines"])
        )
        wanted = {shop.named(sku): units for sku, units in wanted.items()}
        shown = {sku: shop.shown(sku) for sku in wanted}
        order = shop.buy(list(wanted.items()), paid=args.get("paid", True), method=args.get("method", ""))
        self.journal.note("sale", f"{shop.name} {order} {wanted} of {shown}")
        self.orders[shop.name].append(order)
        self.placed[shop.name, order] = self.now
        self.accounts.refresh(self.now, [shop.name])
        self.judges.sold(self.now, shop.name, wanted, shown)

    async def _settle(self) -> None:
        """The faults are over: nobody stays undecided, and everything must agree within a bounded time, and stay so."""
        for name, shop in self.shops.items():
            for order in self.orders[name]:
                if shop.is_open(order) or (self.accounts.on_payment and unpaid(shop, order)):
                    shop.act(order, "pay", {"line": 0})
        self.accounts.refresh(self.now)
        began, good_since, complaint = self.now, None, ""
        while self.now < began + PATIENCE_SECONDS:
            await self._until(self.now + 30.0)
            if good_since is None:
                self.house.release_all()
            complaint = self.judges.unsettled(self.house.state)
            if not complaint and self.books is not None:
                complaint = self.books.unsettled()
            if complaint:
                good_since = None
            elif good_since is None:
                good_since = self.now
                self.settled_after = self.now - began
            elif self.now - good_since >= CALM_SECONDS:
                self._close()
                return
        name, _, numbers = complaint.partition(": ")
        raise Broken(
            name or "AGREE", f"{numbers or 'it agreed, and then no more'} ({PATIENCE_SECONDS:.0f} s after all faults)"
        )

    def _close(self) -> None:
        """Nothing is broken; the last entries of the journal."""
        events = self.house.events()
        bugs = [event for event in events if event["event"] == "bug.found"]
        if bugs:
            raise Broken("BUG", f"{len(bugs)} in the log; the first: {bugs[0]}")
        drifts = [e for e in events if e["event"] == "drift.found" and e["store"] in set(self.shops) - self.meddled]
        if drifts and not CALM & set(self.script.dials):  # an aimed fault may break what a platform has promised
            raise Broken("DRIFT", f"{len(drifts)} found where nobody touched a counter; the first: {drifts[0]}")
        self.journal.note("erp", str(sorted(self.erp.book.current.items())))
        for name, shop in self.shops.items():
            self.journal.note("truth", f"{name} {sorted(shop.levels().items())} {shop.truth()}")
