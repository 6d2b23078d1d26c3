"""The production daemon for one shop, composed by `app.compose`, whose steps a measurement runs by hand."""

from __future__ import annotations

import resource
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

from benchmarks.orders import PRODUCTS, STOCK, sku_of
from syncd.app import Surroundings, compose, open_session
from syncd.clock import SystemChance, SystemClock
from syncd.config.load import load
from syncd.core.quantity import Instant, units
from syncd.engine.reconciler import Reconciler
from syncd.erps.embedded.book import Kind, StockBook
from syncd.ledger.ledger import Ledger, open_ledger
from syncd.observability.log import make_log
from syncd.reconcile.context import StoreContext

TENANT = "bench"
SETTINGS = """
state_dir = "{folder}/state"
"""
HEAD = """
returns = "store"
approve = "automatic"
[erp]
kind = "embedded"
"""
STORE = """
[stores.{name}]
kind = "woocommerce"
base_url = "{url}"
consumer_key_file = "key"
consumer_secret_file = "secret"
auth = "basic"
baseline = "counted"
quota_share = 1.0
{more}
"""


@dataclass(frozen=True, slots=True)
class HastyClock:
    """The machine's clocks, so many times as fast: the waits between requests and polls cost no time to measure.
    What is counted is CPU, which nothing here touches."""

    began_us: int
    began_seconds: float
    times: float

    @classmethod
    def running(cls, times: float) -> HastyClock:
        """Starting now."""
        return cls(time.time_ns() // 1_000, time.monotonic(), times)

    def now(self) -> Instant:
        """Microseconds since 1970."""
        return Instant(self.began_us + int((time.monotonic() - self.began_seconds) * self.times * 1e6))

    wall = now

    def monotonic(self) -> float:
        """Seconds."""
        return self.began_seconds + (time.monotonic() - self.began_seconds) * self.times

    async def sleep(self, wait_seconds: float) -> None:
        """Wait a fraction of it."""
        await anyio.sleep(max(0.0, wait_seconds / self.times))


@dataclass(slots=True)
class Daemon:
    """A composed daemon whose tasks were not started."""

    reconciler: Reconciler
    ledger: Ledger

    @property
    def store(self) -> StoreContext:
        """Its first store."""
        return self.reconciler.context


def write_configuration(folder: Path, stores: Sequence[str], tenant: str = TENANT) -> Path:
    """A configuration folder with this tenant (among others); `stores` are the TOML tables of its shops."""
    tenants = folder / "config" / "tenants"
    tenants.mkdir(parents=True, exist_ok=True)
    for name, secret in (("key", "ck_bench"), ("secret", "cs_bench"), ("token", "sim-token")):
        (tenants / name).write_text(secret)
        (tenants / name).chmod(0o600)
    (folder / "config" / "syncd.toml").write_text(SETTINGS.format(folder=folder))
    (tenants / f"{tenant}.toml").write_text(HEAD + "".join(stores))
    return folder / "config"


def stock_the_erp(folder: Path, tenant: str = TENANT) -> None:
    """The embedded ERP knows every SKU of the shop, and has as many as the shop shows."""
    path = folder / "state" / "erp" / f"{tenant}.sqlite3"
    path.parent.mkdir(parents=True, exist_ok=True)
    book = StockBook(path, clock=SystemClock(), chance=SystemChance(), name=tenant, create=True)
    with book.writing() as page:
        for number in range(PRODUCTS):
            page.know(sku_of(number), "main")
            page.record(Kind.ADJUSTMENT, sku_of(number), "main", units(STOCK), reference="opening")
    book.close()


@asynccontextmanager
async def composed(folder: Path, url: str, more: str, *, clock: HastyClock) -> AsyncIterator[Daemon]:
    """The daemon for the shop at `url`, with `more` settings of it; its log goes to a file, as JSON lines."""
    configuration = load(write_configuration(folder, [STORE.format(name="shop", url=url, more=more)]), {})
    assert configuration.settings is not None, configuration.problems
    assert not configuration.errors, configuration.errors
    state = configuration.settings.state_dir
    stock_the_erp(folder)
    with (folder / "log.jsonl").open("w") as stream:
        log = make_log(stream, form="json", level="info", clock=clock, secrets=configuration.secrets)
        ledger = open_ledger(state, clock=SystemClock())
        session = open_session()
        app = await compose(configuration, Surroundings(ledger, clock, SystemChance(), log, session, state))
        try:
            yield Daemon(app.tenants[TENANT].reconcilers[0], ledger)
        finally:
            app.close()
            await session.close()
            await ledger.close()


def cpu_seconds() -> float:
    """User and system time of this process, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
