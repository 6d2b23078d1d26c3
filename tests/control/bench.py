"""One tenant with two shops on a real ledger and a real stock book; the shops' ports are small fakes.

States are made by the real order unit from orders written by hand, and by the real watcher and poster.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio.lowlevel
import msgspec

from syncd.app import App, Surroundings, compose, open_session
from syncd.clock import SystemChance, SystemClock
from syncd.config.load import Configuration, load
from syncd.control.commands import Commands
from syncd.core.order import Line, Order, Phase, Unreadable
from syncd.core.quantity import LONG_AGO, Instant, Quantity, units
from syncd.engine.reconciler import Reconciler
from syncd.engine.supervisor import TenantWork
from syncd.ledger import items, stores
from syncd.ledger.ledger import Ledger, open_ledger
from syncd.observability.log import make_log
from syncd.ports.store import (
    InventoryTraits,
    LevelPage,
    LevelReading,
    OrderPage,
    ScanRequest,
    ScanTraits,
    StoreDescription,
)
from syncd.reconcile.order_page import Page, Taken
from syncd.reconcile.order_step import OrderStep
from syncd.reconcile.order_unit import take_page
from syncd.reconcile.post_step import PostStep
from syncd.reconcile.watch_step import WatchStep

SECOND = 1_000_000

TENANT = """
returns = "store"
[erp]
kind = "embedded"
[stores.us]
kind = "bigcommerce"
store_hash = "abc"
base_url = "http://127.0.0.1:9"
access_token_file = "token"
baseline = "counted"
poll_seconds = 0.01
[stores.web]
kind = "woocommerce"
base_url = "http://127.0.0.1:9/web"
consumer_key_file = "token"
consumer_secret_file = "token"
auth = "basic"
baseline = "counted"
poll_seconds = 0.01
[kits]
"SET" = { "BOLT" = 4, "NUT" = 2 }
"""


class SwiftClock(SystemClock):
    """The machine's time; waiting takes none of it."""

    async def sleep(self, wait_seconds: float) -> None:
        await anyio.lowlevel.checkpoint()


def write_configuration(folder: Path, tenant: str = TENANT, name: str = "acme") -> Path:
    """A configuration folder with its state beside it."""
    tenants = folder / "config" / "tenants"
    tenants.mkdir(parents=True, exist_ok=True)
    (tenants / "token").write_text("a-token-of-a-test")
    (tenants / "token").chmod(0o600)
    (folder / "config" / "syncd.toml").write_text(f'state_dir = "{folder / "state"}"\n')
    (tenants / f"{name}.toml").write_text(tenant)
    return folder / "config"


@dataclass
class FakeShop:
    """A shop in memory: orders by id, levels by item."""

    clock: SystemClock
    known: dict[str, Order | Unreadable] = field(default_factory=dict)
    counters: dict[str, Quantity | None] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    page_max: int = 2
    requests: int = 0
    fail_after: int = 10**9

    @property
    def orders(self) -> FakeOrders:
        return FakeOrders(self)

    @property
    def inventory(self) -> FakeInventory:
        return FakeInventory(self)


@dataclass
class FakeOrders:
    shop: FakeShop

    @property
    def traits(self) -> ScanTraits:
        return ScanTraits(SECOND, self.shop.page_max, 100, 0, 0)

    async def describe(self) -> StoreDescription:
        raise NotImplementedError

    async def changed(self, request: ScanRequest) -> OrderPage:
        self.shop.requests += 1
        if self.shop.requests > self.shop.fail_after:
            raise KeyboardInterrupt  # as Ctrl-C in the middle
        now = self.shop.clock.now()
        rows = sorted(
            (o for o in self.shop.known.values() if isinstance(o, Order)), key=lambda o: (o.modified, o.order)
        )
        rows = [o for o in rows if o.modified >= request.since and o.order not in request.exclude]
        start = (request.page - 1) * request.limit
        page = rows[start : start + request.limit]
        return OrderPage(tuple(page), b"", now, self.shop.clock.now(), full=len(page) == request.limit)

    async def by_ids(self, orders: Sequence[str]) -> OrderPage:
        now = self.shop.clock.now()
        found = tuple(self.shop.known[name] for name in orders if name in self.shop.known)
        missing = tuple(name for name in orders if name in self.shop.gone)
        return OrderPage(found, b"", now, self.shop.clock.now(), full=False, missing=missing)


@dataclass
class FakeInventory:
    shop: FakeShop

    @property
    def traits(self) -> InventoryTraits:
        return InventoryTraits(
            relative=True, batch_max=50, apply_us=0, stale_us=0, late_us=SECOND, floor=Quantity(0), whole_units=True
        )

    async def levels(self, names: Sequence[str]) -> LevelPage:
        now = self.shop.clock.now()
        told = tuple(LevelReading(name, self.shop.counters[name]) for name in names if name in self.shop.counters)
        return LevelPage(told, now, self.shop.clock.now())


class Bench:
    """The tenant acme."""

    def __init__(self, configuration: Configuration, given: Surroundings, app: App, log: io.StringIO) -> None:
        self.configuration = configuration
        self.given = given
        self.app = app
        self.ledger: Ledger = given.ledger
        self.clock = given.clock
        self.log = log
        self.work: TenantWork = app.tenants["acme"]
        self.shops: dict[str, FakeShop] = {}
        self.commands = Commands.for_daemon(configuration, given, app)
        self.told: list[Any] = []
        for reconciler in self.work.reconcilers:
            shop = FakeShop(SystemClock())
            self.shops[reconciler.context.store] = shop
            reconciler.context.port = shop  # type: ignore[assignment]
            reconciler.orders = OrderStep(reconciler.context)

    def store(self, name: str) -> Reconciler:
        return next(each for each in self.work.reconcilers if each.context.store == name)

    async def call(self, name: str, /, **arguments: Any) -> Any:
        async def tell(progress: Any) -> None:
            self.told.append(progress)

        return await self.commands.call(name, arguments, tell)

    async def stock(self, **levels: float) -> None:
        """Opening stock in the ERP, seen by the watcher."""
        for sku, level in levels.items():
            self.app.books[0].add(sku, location="main")
            if level:
                self.app.books[0].adjust(sku, "main", Quantity(round(level * 10_000)), "opening")
        await self.watch()

    async def watch(self) -> None:
        await WatchStep(self.work.context).run()

    async def post(self) -> None:
        await PostStep(self.work.context).run()

    async def open_store(self, name: str, *, state: str = stores.READY, approved: bool = True, **counters: int) -> None:
        """A store that is ready, with one item for each SKU, read just now."""
        now = self.clock.now()
        context = self.store(name).context
        row = stores.StoreRow(
            identity=name, state=state, mode="live", cutover=Instant(now - 3_600 * SECOND), cursor=now, drained=now,
            behaviour="{}", approved=now if approved else LONG_AGO, brake="", paused=False, swept=now, catalogued=now,
        )  # fmt: skip

        def unit(connection: Any) -> None:
            stores.add_store(connection, "acme", name, row)
            items.write_listings(
                connection, [("acme", name, f"p-{sku}", f"i-{sku}", sku, f"The {sku}", 0, now) for sku in counters]
            )
            items.write_items(
                connection,
                "acme",
                name,
                {f"i-{sku}": (sku, f"The {sku}", context.policy.recipe(sku)) for sku in counters},
            )

        await self.ledger.run(unit)
        self.shops[name].counters = {f"i-{sku}": units(level) for sku, level in counters.items()}
        await self.read_levels(name)

    async def read_levels(self, name: str) -> None:
        """A reading of every counter, with the orders drained past it."""
        context = self.store(name).context
        shown = {key: level for key, level in self.shops[name].counters.items() if level is not None}
        began = self.clock.now()
        ended = self.clock.now()
        context.drained = ended
        await self.ledger.run(
            lambda c: items.add_readings(c, "acme", name, shown, began, ended, drained=context.drained)
        )

    async def take(self, name: str, *orders: Order | Unreadable, force: bool = True) -> Taken:
        """Read these states of orders."""
        context = self.store(name).context
        step = self.store(name).orders
        assert step is not None
        row = await self.ledger.read(lambda c: stores.read_store(c, "acme", name))
        assert row is not None
        facts = step.facts(row, in_baseline=False)
        reading = await step.take_reading()
        now = self.clock.now()
        named = frozenset(order.order for order in orders) if force else frozenset()
        page = Page(orders, reading, now, self.clock.now(), b"", now, named)
        self.shops[name].known |= {order.order: order for order in orders}
        assert context.tenant.ledger is self.ledger
        return await self.ledger.run(lambda c: take_page(c, facts, page))


def order(
    number: str,
    lines: dict[str, float],
    *,
    phase: Phase = Phase.PAID,
    at: int | None = None,
    key: str = "",
    edit: int = 0,
) -> Order:
    """An order with a line for each SKU: line "1" the first, and so on."""
    created = Instant(at if at is not None else SystemClock().now() - 60 * SECOND)
    made = tuple(
        Line(str(n), f"p-{sku}", sku, Quantity(round(count * 10_000)))
        for n, (sku, count) in enumerate(lines.items(), 1)
    )
    content = msgspec.msgpack.encode((number, lines, phase.value, edit))
    return Order(number, created, Instant(created + edit * SECOND), phase, phase.value, made, content, key=key)


@asynccontextmanager
async def open_bench(folder: Path, tenant: str = TENANT) -> AsyncIterator[Bench]:
    """The bench, closed at the end."""
    configuration = load(write_configuration(folder, tenant), {})
    assert [each.name for each in configuration.tenants] == ["acme"], [str(each) for each in configuration.problems]
    assert configuration.settings is not None
    clock = SwiftClock()
    stream = io.StringIO()
    log = make_log(stream, form="json", level="debug", clock=clock)
    ledger = open_ledger(configuration.settings.state_dir, clock=clock)
    try:
        async with open_session() as session:
            given = Surroundings(ledger, clock, SystemChance(), log, session, configuration.settings.state_dir)
            app = await compose(configuration, given)
            try:
                yield Bench(configuration, given, app, stream)
            finally:
                app.close()
    finally:
        await ledger.close()
