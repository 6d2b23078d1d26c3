"""ERPs to test with: the simulated one in this process, the documented example as a process, the adapter before either."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp import web

from syncd.clock import SystemChance, SystemClock
from syncd.core.quantity import Quantity, show
from syncd.erps.http.erp import HttpErp
from syncd.ports.erp import Shipment
from syncd.simulator.erp.server import SimulatedErp
from syncd.transport.client import HttpClient
from syncd.transport.edges import QuietListener
from syncd.transport.limits import Limits
from syncd.transport.session import make_session
from syncd.transport.signing import HeaderSigner

TOKEN = "the-token"
EXAMPLE = Path(__file__).resolve().parents[2] / "docs/erp-contract/example_server.py"


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def http_client(base_url: str, *, token: str = TOKEN, **limits: Any) -> AsyncIterator[HttpClient]:
    chosen = {"interval_default_seconds": 0.0, "tries_max": 1, "share": 1.0, "failures_max": 1000, **limits}
    async with make_session() as session:
        yield HttpClient(
            session=session,
            base_url=base_url,
            signer=HeaderSigner({"Authorization": f"Bearer {token}"}),
            clock=SystemClock(),
            chance=SystemChance(),
            limits=Limits(**chosen),
            listener=QuietListener(),
            secrets=[token],
        )


class Simulated:
    """A simulated ERP, served, with the adapter before it; the contract suite's driver too."""

    def __init__(self, truth: SimulatedErp, erp: HttpErp, base_url: str) -> None:
        self.truth = truth
        self.erp = erp
        self.base_url = base_url

    async def set_level(self, sku: str, quantity: Quantity) -> None:
        self.truth.book.add_product(sku, Decimal(show(quantity)))

    async def receive(self, sku: str, quantity: Quantity) -> None:
        self.truth.book.record("receipt", sku, "", Decimal(show(quantity)))

    async def ship(self, shipment: Shipment) -> None:
        lines = [{"line": line.line, "quantity": show(line.quantity)} for line in shipment.lines]
        told = {"key": shipment.key, "store": shipment.store, "order": shipment.order, "lines": lines}
        self.truth.book.shipments.append({**told, "carrier": shipment.carrier, "tracking": shipment.tracking})


def now() -> int:
    return SystemClock().now()


@asynccontextmanager
async def simulated_erp(*, page_max: int = 5_000, **limits: Any) -> AsyncIterator[Simulated]:
    truth = SimulatedErp(now=now, chance=random.Random(1), token=TOKEN, page_max=page_max)
    async with served(truth.app()) as base_url, http_client(base_url, **limits) as client:
        yield Simulated(truth, HttpErp(client, shipments=True), base_url)


class ExampleHand:
    """The example ERP's own business: it writes its tables directly."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _write(self, sku: str, quantity: int, *, add: bool) -> None:
        book = sqlite3.connect(self.path, timeout=10)
        with book:
            book.execute("BEGIN IMMEDIATE")
            newest = book.execute("SELECT coalesce(max(revision), 0) FROM level").fetchone()[0]
            before = book.execute("SELECT available FROM level WHERE sku = ?", (sku,)).fetchone()
            level = quantity + (before[0] if before and add else 0)
            book.execute("INSERT OR REPLACE INTO level VALUES (?, ?, ?)", (sku, level, newest + 1))
        book.close()

    async def set_level(self, sku: str, quantity: Quantity) -> None:
        self._write(sku, quantity, add=False)

    async def receive(self, sku: str, quantity: Quantity) -> None:
        self._write(sku, quantity, add=True)


@contextmanager
def example_server(path: Path) -> Iterator[str]:
    command = [sys.executable, str(EXAMPLE), str(path), "0", TOKEN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()
