"""A tenant with its shops and its ERP, all over real HTTP on this machine, and the daemon as `app.compose` makes it.

Tests drive the shops by their `/_sim` API and look at their ground truth. Everything lives on one event loop: on the one of
`virtual_time` minutes pass in a second, and the ledger needs no thread.
"""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from email.utils import formatdate
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import anyio
import msgspec
from aiohttp import web
from sqlalchemy import select

from syncd.app import App, Surroundings, compose, doors, open_session, signal_note
from syncd.clock import SystemClock
from syncd.config.load import load
from syncd.core.quantity import UNIT, Quantity
from syncd.erps.embedded.book import StockBook
from syncd.inbox.inbox import Inbox
from syncd.inbox.listener import listening
from syncd.inbox.receiver import Receiver
from syncd.ledger import alerts
from syncd.ledger.alerts import Alerts
from syncd.ledger.hop import Hop, InlineHop
from syncd.ledger.ledger import Ledger, open_ledger
from syncd.ledger.schema import signal
from syncd.observability.events import ALERTS
from syncd.observability.log import make_log
from syncd.simulator.bigcommerce.server import make_app as bigcommerce_app
from syncd.simulator.bigcommerce.shop import Shop as BigCommerceShop
from syncd.simulator.erp.server import SimulatedErp
from syncd.simulator.woocommerce.server import make_app as woocommerce_app
from syncd.simulator.woocommerce.shop import Shop as WooCommerceShop
from tests.reconcile.virtual_time import DelayingHop, LoopClock, SeededChance
from tests.simulator.bigcommerce_judge import judged, verdict

PATIENCE_SECONDS = 150.0  # how long a test waits for agreement before it says what is off; of the loop's time

TENANT = """
returns = "store"
{more}
[erp]
{erp}
"""
BIGCOMMERCE = """
[stores.{name}]
kind = "bigcommerce"
base_url = "{url}"
store_hash = "simshop"
access_token_file = "token"
baseline = "{baseline}"
poll_seconds = {poll}
quota_share = 1.0
read_items_every_seconds = 10
{more}
"""
WOOCOMMERCE = """
[stores.{name}]
kind = "woocommerce"
base_url = "{url}"
consumer_key_file = "key"
consumer_secret_file = "secret"
auth = "basic"
baseline = "{baseline}"
poll_seconds = {poll}
quota_share = 1.0
read_items_every_seconds = 10
{more}
"""


class Store:
    """A simulated shop behind its driving API."""

    def __init__(self, name: str, url: str, session: aiohttp.ClientSession, shop: Any) -> None:
        self.name = name
        self.url = url
        self.shop = shop
        self._session = session

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The driving API; raises on an error but 409 (out of stock), which gives None."""
        async with self._session.request(method, f"{self.url}/_sim{path}", json=body) as answer:
            if answer.status == 409:
                return None
            text = await answer.text()
            assert answer.status < 400, (path, answer.status, text)
            return msgspec.json.decode(text) if text else None

    async def stock(self, levels: Mapping[str, int]) -> None:
        """Give the shop these products with these levels."""
        await self.call(
            "POST", "/products", {"products": [{"sku": s, "name": s, "stock": n} for s, n in levels.items()]}
        )

    async def buy(self, lines: Mapping[str, int], *, paid: bool = True) -> dict[str, Any] | None:
        """A shopper's purchase; None if the shop refuses it."""
        wanted = [{"sku": sku, "quantity": n} for sku, n in lines.items()]
        result: dict[str, Any] | None = await self.call("POST", "/orders", {"lines": wanted, "paid": paid})
        return result

    async def act(self, order: str, what: str, body: Any = None) -> Any:
        """Pay, cancel, edit, refund ..."""
        return await self.call("POST", f"/orders/{order}/{what}", body or {})

    async def levels(self) -> dict[str, int]:
        """The true counters, with what is still on its way to them."""
        truth = await self.call("GET", "/truth")
        return {sku: entry["level"] for sku, entry in truth["skus"].items() if entry["level"] is not None}


class World:
    """Everything of one tenant."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.random = Random(seed)
        self.clock = LoopClock(asyncio.get_running_loop())
        self.stores: dict[str, Store] = {}
        self.runners: dict[str, web.AppRunner] = {}
        self.judged: list[web.Application] = []  # BigCommerce shops: what passed is judged at the end
        self.session: aiohttp.ClientSession
        self.log = io.StringIO()
        self.ledger: Ledger
        self.app: App
        self.given: Surroundings
        self.stop: anyio.Event  # asks the daemon to stop
        self.erp: SimulatedErp | None = None
        self.erp_url = ""
        self.hop: Hop = InlineHop()
        self.door = 0  # the port of the webhook listener, once it is configured
        self.alerts = Alerts([event.name for event in ALERTS])  # noted, and nobody delivers them
        self.composed: Callable[[App], None] = lambda _: None  # a test's hand in the daemon, before it starts

    async def serve(self, name: str, kind: str, *, stock: Mapping[str, int] | None = None) -> Store:
        """Start a shop."""
        random = Random(self.random.random())
        shop: Any
        if kind == "bigcommerce":
            shop = BigCommerceShop(self.clock, random)
            app = judged(bigcommerce_app(shop))
            self.judged.append(app)
        else:
            shop = WooCommerceShop(clock=self.clock, rng=random)
            app = woocommerce_app(shop)
        url = await self.listen(name, app, lambda: shop.stamp() * 1_000_000 if kind == "bigcommerce" else shop.now())
        store = Store(name, url, self.session, shop)
        self.stores[name] = store
        if stock is not None:
            await store.stock(stock)
        return store

    async def serve_erp(self) -> SimulatedErp:
        """Start an ERP behind the REST contract."""
        self.erp = SimulatedErp(now=self.clock.now, chance=Random(self.random.random()), token="erp-token")
        self.erp_url = await self.listen("erp", self.erp.app(), self.clock.now)
        return self.erp

    async def listen(self, name: str, app: web.Application, now: Callable[[], int], port: int = 0) -> str:
        """Serve `app` on this machine, its clock being `now`. Returns its address."""

        async def stamp(_request: web.Request, response: web.StreamResponse) -> None:
            response.headers["Date"] = formatdate(now() / 1e6, usegmt=True)

        app.on_response_prepare.append(stamp)
        if name in self.runners:
            await self.runners.pop(name).cleanup()
        runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        self.runners[name] = runner
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    def configure(
        self,
        more: str = "",
        *,
        approve: str = "automatic",
        baseline: str = "counted",
        per_store: Mapping[str, str] | None = None,
        end: str = "",
        poll_seconds: float = 3.0,
        webhooks: bool = False,
    ) -> None:
        """Write the configuration for the shops that run."""
        tenants = self.folder / "config" / "tenants"
        tenants.mkdir(parents=True, exist_ok=True)
        secrets = {"token": "sim-token", "key": "ck_simulated", "secret": "cs_simulated", "erp": "erp-token"}
        for name, secret in secrets.items():
            (tenants / name).write_text(secret)
            (tenants / name).chmod(0o600)
        settings = f'state_dir = "{self.folder / "state"}"\n'
        if webhooks:
            self.door = self.door or free_port()
            address = f"127.0.0.1:{self.door}"
            settings += f'[webhooks]\nlisten = "{address}"\npublic_url = "http://{address}"\n'
        (self.folder / "config" / "syncd.toml").write_text(settings)
        erp = 'kind = "embedded"'
        if self.erp is not None:
            erp = f'kind = "http"\nbase_url = "{self.erp_url}"\ntoken_file = "erp"\npoll_seconds = 3.0'
        text = TENANT.format(more=f'approve = "{approve}"\n{more}', erp=erp)
        for name, store in self.stores.items():
            form = BIGCOMMERCE if isinstance(store.shop, BigCommerceShop) else WOOCOMMERCE
            extra = (per_store or {}).get(name, "")
            text += form.format(name=name, url=store.url, baseline=baseline, more=extra, poll=poll_seconds)
        (tenants / "acme.toml").write_text(text + end)

    def book(self) -> StockBook:
        """The embedded ERP's book, beside the daemon."""
        path = self.folder / "state" / "erp" / "acme.sqlite3"
        path.parent.mkdir(parents=True, exist_ok=True)
        chance = SeededChance(Random(self.random.random()))
        return StockBook(path, clock=self.clock, chance=chance, name="acme", create=True)

    def open_stock(self, levels: Mapping[str, int]) -> None:
        """Opening stock in the ERP."""
        if self.erp is not None:
            for sku, count in levels.items():
                self.erp.book.add_product(sku, Decimal(count), "main")
            return
        book = self.book()
        for sku, count in levels.items():
            book.add(sku, location="main")
            if count:
                book.adjust(sku, "main", Quantity(count * UNIT), "opening")
        book.close()

    def adjust(self, sku: str, change: int) -> None:
        """The ERP's own business: goods come in, or get lost."""
        if self.erp is not None:
            self.erp.book.record("receipt", sku, "main", Decimal(change))
            return
        book = self.book()
        book.adjust(sku, "main", Quantity(change * UNIT), "by hand")
        book.close()

    def erp_levels(self) -> dict[str, int]:
        """What the ERP has."""
        if self.erp is not None:
            return {sku: int(level) for (sku, _), level in self.erp.book.current.items()}
        book = self.book()
        try:
            levels = book.levels_since(0, 10_000).levels
            return {sku: level // UNIT for (sku, _), level in levels.items()}
        finally:
            book.close()

    @asynccontextmanager
    async def daemon(self, *, crash: bool = False) -> AsyncIterator[App]:
        """The daemon, until the block ends: then it is stopped as by SIGTERM or, with `crash`, dropped as it is."""
        configuration = load(self.folder / "config", {})
        assert not configuration.errors, [str(problem) for problem in configuration.errors]
        assert configuration.settings is not None
        log = make_log(self.log, form="json", level="debug", clock=self.clock, secrets=configuration.secrets)
        # The ledger looks at its clock for limits of real work alone.
        self.ledger = open_ledger(configuration.settings.state_dir, clock=SystemClock(), hop=self.hop)
        session = open_session()
        chance = SeededChance(Random(self.random.random()))
        self.given = given = Surroundings(
            self.ledger, self.clock, chance, log, session, configuration.settings.state_dir, alerts=self.alerts
        )
        self.app = await compose(configuration, given)
        self.composed(self.app)
        self.stop = stop = anyio.Event()

        async def work() -> None:
            await self.app.supervisor.run(stop, drain_seconds=10.0)
            group.cancel_scope.cancel()

        try:
            async with anyio.create_task_group() as group, AsyncExitStack() as listeners:
                if configuration.settings.webhooks is not None:
                    inbox = Inbox(signal_note(given))
                    receiver = Receiver(inbox, doors(self.app), clock=self.clock, log=log)
                    group.start_soon(inbox.run)
                    door = listening(receiver.app(), configuration.settings.webhooks.listen, log)
                    await listeners.enter_async_context(door)
                group.start_soon(work)
                try:
                    yield self.app
                finally:
                    if crash:
                        group.cancel_scope.cancel()
                    stop.set()
        finally:
            with anyio.CancelScope(shield=True):
                self.app.close()
                await session.close()
                await self.ledger.close()

    async def asked(self, store: Store, since: int = 0) -> list[str]:
        """The requests that a shop has seen, as "GET /path?query", but for the first `since`."""
        seen = await store.call("GET", "/requests")
        return [f"{row['method']} {row['path']}" for row in seen][since:]

    async def alerted(self) -> list[tuple[str, str, str]]:
        """The alerts that wait, with what came after them untold: event, store, details."""
        news = list(self.alerts.news)
        self.alerts.news.clear()
        await self.ledger.run(lambda connection: self.alerts.note_news(connection, news))
        return [(each.event, each.store, each.details) for each in await self.ledger.read(alerts.heads)]

    async def take_alerts(self) -> list[str]:
        """Somebody takes all alerts."""
        await self.alerted()

        def unit(connection: Any) -> list[str]:
            heads = alerts.heads(connection)
            for head in heads:
                alerts.begin_try(connection, head, head.due)
                alerts.end(connection, head, alerts.SENT, head.due)
            return [head.event for head in heads]

        return await self.ledger.run(unit)

    async def signals(self) -> list[tuple[str, str]]:
        """What stores have spoken of and what hasn't been read yet: store and order (or cart)."""
        rows = await self.ledger.read(
            lambda connection: connection.execute(select(signal.c.store, signal.c.name)).all()
        )
        return [(str(store), str(order)) for store, order in rows]

    def events(self) -> list[dict[str, Any]]:
        """What the daemon logged."""
        return [msgspec.json.decode(line) for line in self.log.getvalue().splitlines()]

    async def until(self, what: Callable[[], Any], message: str = "") -> None:
        """Wait until `what()` (sync or async) gives no complaint."""
        complaint: Any = None
        with anyio.move_on_after(PATIENCE_SECONDS):
            while True:
                complaint = what()
                if hasattr(complaint, "__await__"):
                    complaint = await complaint
                if not complaint:
                    return
                await anyio.sleep(0.5)
        tail = "\n".join(self.log.getvalue().splitlines()[-25:])
        raise AssertionError(f"{message} {complaint}\n{tail}")

    async def started(self) -> None:
        """Wait until every shop's baseline is complete: from then on orders move stock."""

        def complaint() -> str:
            done = {event["store"] for event in self.events() if event["event"] == "store.baseline_done"}
            return f"no baseline of {set(self.stores) - done}" if set(self.stores) - done else ""

        await self.until(complaint)

    async def disagreement(self) -> str:
        """AGREE: "" if every shop shows max(its floor, what the ERP has) of every SKU."""
        erp = self.erp_levels()
        for store in self.stores.values():
            floor = 0 if isinstance(store.shop, BigCommerceShop) else -(10**9)
            for sku, level in (await store.levels()).items():
                if sku in erp and level != max(floor, erp[sku]):
                    return f"{store.name} shows {level} of {sku}, the ERP has {erp[sku]}"
        return ""

    async def settled(self, erp: Mapping[str, int]) -> None:
        """Wait until the ERP has exactly these levels and every shop agrees."""

        async def complaint() -> str:
            have = self.erp_levels()
            wrong = {sku: (have.get(sku), n) for sku, n in erp.items() if have.get(sku) != n}
            return f"ERP (has, should): {wrong}" if wrong else await self.disagreement()

        await self.until(complaint, "not settled:")


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@asynccontextmanager
async def open_world(folder: Path, *, seed: int = 1, delay_seconds: float = 0.0) -> AsyncIterator[World]:
    """A world without shops; closes all that was started."""
    world = World(folder, seed)
    if delay_seconds:
        world.hop = DelayingHop(Random(seed), delay_seconds)
    async with aiohttp.ClientSession() as world.session:
        try:
            yield world
        finally:
            for runner in world.runners.values():
                await runner.cleanup()
        for app in world.judged:
            verdict(app)
