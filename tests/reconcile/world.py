"""A tenant with two BigCommerce stores, one WooCommerce store and the embedded ERP, all over real HTTP on this machine, and the
daemon as `app.compose` makes it. Tests drive the shops by their `/_sim` API and look at their ground truth."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import anyio
import msgspec
from aiohttp import web

from syncd.app import App, Surroundings, compose, open_session
from syncd.clock import SystemChance, SystemClock
from syncd.config.load import load
from syncd.core.quantity import UNIT, Quantity
from syncd.erps.embedded.book import StockBook
from syncd.ledger.ledger import Ledger, open_ledger
from syncd.observability.log import make_log
from syncd.simulator.bigcommerce.server import make_app as bigcommerce_app
from syncd.simulator.bigcommerce.shop import Shop as BigCommerceShop
from syncd.simulator.woocommerce.server import make_app as woocommerce_app
from syncd.simulator.woocommerce.shop import Shop as WooCommerceShop

PATIENCE_SECONDS = 20.0  # how long a test waits for agreement before it says what is off: a hang, not a speed limit

TENANT = """
returns = "store"
approve = "automatic"
{more}
[erp]
kind = "embedded"
"""
BIGCOMMERCE = """
[stores.{name}]
kind = "bigcommerce"
base_url = "{url}"
store_hash = "simshop"
apply_seconds = {apply}
stale_seconds = {stale}
access_token_file = "token"
baseline = "counted"
poll_seconds = 0.3
settle_seconds = {settle}
quota_share = 1.0
read_items_every_seconds = 2
{more}
"""
WOOCOMMERCE = """
[stores.{name}]
kind = "woocommerce"
base_url = "{url}"
consumer_key_file = "key"
consumer_secret_file = "secret"
auth = "basic"
baseline = "counted"
poll_seconds = 0.3
settle_seconds = {settle}
quota_share = 1.0
read_items_every_seconds = 2
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
        """The true counters."""
        truth = await self.call("GET", "/truth")
        return {sku: entry["level"] + entry.get("pending", 0) for sku, entry in truth["skus"].items()}


class World:
    """Everything of one tenant."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.random = Random(seed)
        self.stores: dict[str, Store] = {}
        self.runners: list[web.AppRunner] = []
        self.session: aiohttp.ClientSession
        self.log = io.StringIO()
        self.ledger: Ledger
        self.app: App
        self.settle = 0.5
        self.apply = 0.5  # the simulators apply at once, unless a test says otherwise
        self.stale = 0.5

    async def serve(self, name: str, kind: str) -> Store:
        """Start a shop."""
        clock = SystemClock()
        random = Random(self.random.random())
        shop: Any
        if kind == "bigcommerce":
            shop = BigCommerceShop(clock, random)
            app = bigcommerce_app(shop)
        else:
            shop = WooCommerceShop(clock=clock, rng=random)
            app = woocommerce_app(shop)
        runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.runners.append(runner)
        store = Store(name, f"http://127.0.0.1:{runner.addresses[0][1]}", self.session, shop)
        self.stores[name] = store
        return store

    def configure(
        self, more: str = "", *, per_store: Mapping[str, str] | None = None, erp: str = "", end: str = ""
    ) -> None:
        """Write the configuration for the shops that run."""
        tenants = self.folder / "config" / "tenants"
        tenants.mkdir(parents=True, exist_ok=True)
        for name, secret in (("token", "sim-token"), ("key", "ck_simulated"), ("secret", "cs_simulated")):
            (tenants / name).write_text(secret)
            (tenants / name).chmod(0o600)
        (self.folder / "config" / "syncd.toml").write_text(f'state_dir = "{self.folder / "state"}"\n')
        text = TENANT.format(more=more) + erp
        for name, store in self.stores.items():
            is_bigcommerce = isinstance(store.shop, BigCommerceShop)
            form = BIGCOMMERCE if is_bigcommerce else WOOCOMMERCE
            extra = (per_store or {}).get(name, "")
            text += form.format(name=name, url=store.url, settle=self.settle, apply=self.apply, stale=self.stale, more=extra)
        (tenants / "acme.toml").write_text(text + end)

    def book(self) -> StockBook:
        """The embedded ERP's book, beside the daemon."""
        path = self.folder / "state" / "erp" / "acme.sqlite3"
        path.parent.mkdir(parents=True, exist_ok=True)
        return StockBook(path, clock=SystemClock(), chance=SystemChance(), name="acme", create=True)

    def open_stock(self, levels: Mapping[str, int]) -> None:
        """Opening stock in the ERP."""
        book = self.book()
        for sku, count in levels.items():
            book.add(sku, location="main")
            if count:
                book.adjust(sku, "main", Quantity(count * UNIT), "opening")
        book.close()

    def erp_levels(self) -> dict[str, int]:
        """What the ERP has."""
        book = self.book()
        try:
            levels = book.levels_since(0, 10_000).levels
            return {sku: level // UNIT for (sku, _), level in levels.items()}
        finally:
            book.close()

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator[App]:
        """The daemon, until the block ends (then it is stopped as by SIGTERM)."""
        configuration = load(self.folder / "config", {})
        assert not configuration.errors, [str(problem) for problem in configuration.errors]
        assert configuration.settings is not None
        clock = SystemClock()
        log = make_log(self.log, form="json", level="debug", clock=clock, secrets=configuration.secrets)
        self.ledger = open_ledger(configuration.settings.state_dir, clock=clock)
        session = open_session()
        self.app = await compose(
            configuration,
            Surroundings(self.ledger, clock, SystemChance(), log, session, configuration.settings.state_dir),
        )
        stop = anyio.Event()
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(lambda: self.app.supervisor.run(stop, drain_seconds=2.0))
                try:
                    yield self.app
                finally:
                    stop.set()
        finally:
            with anyio.CancelScope(shield=True):
                self.app.close()
                await session.close()
                await self.ledger.close()

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
                await anyio.sleep(0.1)
        tail = "\n".join(self.log.getvalue().splitlines()[-40:])
        raise AssertionError(f"{message} {complaint}\n{tail}")

    async def disagreement(self) -> str:
        """AGREE: "" if every shop shows max(0, what the ERP has) of every SKU."""
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


@asynccontextmanager
async def open_world(folder: Path, *, seed: int = 1) -> AsyncIterator[World]:
    """A world without shops; closes all that was started."""
    world = World(folder, seed)
    async with aiohttp.ClientSession() as world.session:
        try:
            yield world
        finally:
            for runner in world.runners:
                await runner.cleanup()
