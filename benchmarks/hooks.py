"""Webhooks a CPU second, each on disk before it is answered, beside a bare aiohttp handler that only answers. The callers are
a process of their own, and the two take turns."""

from __future__ import annotations

import io
import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import anyio
from aiohttp import web

from benchmarks.daemon import cpu_seconds
from syncd.clock import SystemClock
from syncd.inbox.inbox import Inbox
from syncd.inbox.receiver import Door, Receiver
from syncd.ledger import signals
from syncd.ledger.ledger import open_ledger
from syncd.observability.log import make_log
from syncd.stores.bigcommerce.hooks import HEADER, BigCommerceHooks

CALLS, CALLERS, ORDERS = 6_000, 64, 500
ROUNDS = 3
SECRET = "benchmark"  # noqa: S105 - of nothing


async def call(url: str, calls: int = CALLS) -> list[float]:
    """Call as a store does; the seconds that each answer took."""
    waits: list[float] = []

    async def caller(session: aiohttp.ClientSession, first: int) -> None:
        for n in range(first, calls, CALLERS):
            body = json.dumps({"scope": "store/order/updated", "data": {"type": "order", "id": n % ORDERS}}).encode()
            began = time.perf_counter()
            async with session.post(url, data=body, headers={HEADER: SECRET}) as answer:
                assert answer.status == 200
                await answer.read()
            waits.append(time.perf_counter() - began)

    connector = aiohttp.TCPConnector(
        limit=CALLERS, force_close=True
    )  # WordPress keeps none; the listener takes one call each
    async with aiohttp.ClientSession(connector=connector) as session, anyio.create_task_group() as group:
        for first in range(CALLERS):
            group.start_soon(caller, session, first)
    return waits


async def measure(folder: Path) -> dict[str, Any]:
    """Calls a CPU second of the listener's process, and the median wait in milliseconds; the median of some rounds."""
    clock = SystemClock()
    ledger = open_ledger(folder, clock=clock)

    async def note(places: Any, shops: Any) -> Any:
        return await ledger.run(partial(signals.note, places=places, shops=shops, now=clock.now()))

    async def bare(request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    log = make_log(io.StringIO(), form="json", level="error", clock=clock)
    inbox = Inbox(note)
    door = Door("bench", "shop", BigCommerceHooks(_nobody(), secret=SECRET), log, lambda: None)
    receiver = Receiver(inbox, {("bench", "shop"): door}, clock=clock, log=log)
    found: dict[str, list[tuple[float, float]]] = {"bare": [], "inbox": []}
    async with anyio.create_task_group() as group:
        group.start_soon(inbox.run)
        for _ in range(ROUNDS):
            for name, app in (("bare", _only(bare)), ("inbox", receiver.app())):
                found[name].append(await _round(app))
        group.cancel_scope.cancel()
    await ledger.close()
    middle = ROUNDS // 2
    return {
        name: {
            "per_cpu_second": sorted(rate for rate, _ in rounds)[middle],
            "wait_ms": sorted(wait for _, wait in rounds)[middle],
        }
        for name, rounds in found.items()
    }


def _only(handler: Any) -> web.Application:
    app = web.Application()
    app.router.add_post("/{tenant}/{store}", handler)
    return app


async def _round(app: web.Application) -> tuple[float, float]:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    began = cpu_seconds()
    told = await anyio.run_process([sys.executable, "-m", "benchmarks.hooks", f"http://{host}:{port}/bench/shop"])
    used = cpu_seconds() - began
    await runner.cleanup()
    return CALLS / used, json.loads(told.stdout) * 1_000


def _nobody() -> Any:
    """No client: nothing is asked of the store."""


if __name__ == "__main__":
    taken = sorted(anyio.run(call, sys.argv[1]))
    print(json.dumps(taken[len(taken) // 2]))
