"""Orders per CPU second of the daemon, for the whole path: fetch, decode, decide, ledger, effects."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.daemon import Daemon, HastyClock, composed, cpu_seconds
from benchmarks.orders import CUTOVER_AFTER, CUTOVER_BEFORE
from benchmarks.parts import OTHER_LOOP, Parts, measure_parts
from benchmarks.shop import FULL
from syncd.core.quantity import Instant
from syncd.ledger import orders, stores
from syncd.reconcile.inventory_step import InventoryStep
from syncd.reconcile.order_step import OrderStep
from syncd.reconcile.publish_step import PublishStep
from syncd.reconcile.start_store import start_store
from syncd.reconcile.watch_step import WatchStep

BASELINE, MOVES = "baseline", "moves"
TIMES = 200.0  # requests are spaced by a tenth of a second: with this, 20,000 orders take seconds


async def measure(folder: Path, url: str, setting: str, *, with_parts: bool) -> dict[str, Any]:
    """One run over all orders of the shop. `setting`: BASELINE (orders from before the cutover) or MOVES (from after)."""
    cutover = CUTOVER_AFTER if setting == BASELINE else CUTOVER_BEFORE
    clock = HastyClock.running(TIMES)
    async with composed(folder, f"{url}/{FULL}", f'cutover = "{cutover:%Y-%m-%dT%H:%M:%SZ}"', clock=clock) as daemon:
        await prepare(daemon, ready=setting == MOVES)
        step = OrderStep(daemon.store)
        await requests_since(url)
        parts = measure_parts() if with_parts else None
        began, began_wall, began_loop = cpu_seconds(), time.perf_counter(), time.thread_time_ns()
        await step.run()
        cpu, wall = cpu_seconds() - began, time.perf_counter() - began_wall
        loop_ns = time.thread_time_ns() - began_loop
        told = await daemon.ledger.read(lambda connection: _told(connection, daemon))
        asked = await requests_since(url)
    result = {"cpu_seconds": cpu, "wall_seconds": wall, "loop_seconds": loop_ns / 1e9, "requests": asked, **told}
    return result | ({"parts": _shares(parts, cpu)} if parts else {})


async def prepare(daemon: Daemon, *, ready: bool) -> None:
    """The first contact, the catalogue and the ERP's levels, by the steps that do it in production."""
    context = daemon.store
    await WatchStep(context.tenant).run()
    await start_store(context)
    await InventoryStep(context, PublishStep(context)).read_catalogue_if_due()
    if ready:
        await context.tenant.ledger.run(
            lambda connection: stores.change_store(
                connection, context.tenant.tenant, context.store, state=stores.READY, cursor=Instant(0), approved=1
            )
        )


async def requests_since(url: str) -> dict[str, int]:
    """What the shop was asked since the last look."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/requests") as answer:
        found: dict[str, int] = await answer.json()
        return found


def _told(connection: Any, daemon: Daemon) -> dict[str, int]:
    context = daemon.store
    count = orders.count_orders(connection, context.tenant.tenant, context.store)
    tables = {
        name: connection.exec_driver_sql(f'SELECT count(*) FROM "{name}"').scalar_one()  # noqa: S608
        for name in ("line", "move", "taking", "quarantine")
    }
    return {"orders": count, **tables}


def _shares(parts: Parts, cpu: float) -> dict[str, float]:
    """Seconds by part; what no part names is the loop's rest."""
    spent = {name: ns / 1e9 for name, ns in parts.spent_ns.items()}
    spent[OTHER_LOOP] = max(0.0, cpu - sum(spent.values()))
    return dict(sorted(spent.items(), key=lambda entry: -entry[1]))
