"""What a poll costs that brings nothing: the usual case, every half minute for each store, for ever."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio

from benchmarks.daemon import HastyClock, composed, cpu_seconds
from benchmarks.order_path import prepare, requests_since
from benchmarks.orders import CUTOVER_AFTER
from benchmarks.shop import FULL
from syncd.core.quantity import Instant, microseconds
from syncd.ledger import stores
from syncd.reconcile.context import ErpOptions
from syncd.reconcile.order_step import OrderStep

POLLS = 400
LEVELS_PER_REQUEST = 100
TIMES = 1_000.0  # the reconciler polls each 30 s: with this, thirty times a second
RUN_SECONDS = 8.0
WARM_SECONDS = 2.0
FOR_EVER_SECONDS = 1e9
QUIET = "read_items_every_seconds = 604800"  # no level falls due while we look


async def measure(folder: Path, url: str) -> dict[str, Any]:
    """Milliseconds of CPU: of a poll by the order step alone; of one in the reconciler, with its timers, the settings read
    each hour, the catalogue of 400 products too; and of reading one level, each 15 minutes."""
    alone, quiet, _ = await _run(folder / "quiet", url, QUIET)
    _, busy, asked = await _run(folder / "busy", url, "")
    levels = max(1, asked["products"]) * LEVELS_PER_REQUEST
    level = (busy - quiet) * asked["orders"] / levels
    return {"step_ms": alone * 1e3, "reconciler_ms": quiet * 1e3, "level_ms": max(0.0, level) * 1e3}


async def _run(folder: Path, url: str, more: str) -> tuple[float, float, dict[str, int]]:
    """CPU seconds of a poll by the step, and in the reconciler; what the shop was asked meanwhile. The shop has no order
    that is newer than the cursor."""
    folder.mkdir()  # noqa: ASYNC240 - before anything is measured
    clock = HastyClock.running(TIMES)
    async with composed(folder, f"{url}/{FULL}", more, clock=clock) as daemon:
        await prepare(daemon, ready=True)
        context = daemon.store
        context.tenant.options = ErpOptions(fresh_seconds=FOR_EVER_SECONDS)  # no watcher runs here
        late = Instant(microseconds((CUTOVER_AFTER + timedelta(days=1)).timestamp()))
        await context.tenant.ledger.run(
            lambda connection: stores.change_store(connection, context.tenant.tenant, context.store, cursor=late)
        )
        step = OrderStep(context)
        for _ in range(POLLS // 10):
            await step.run()
        began = cpu_seconds()
        for _ in range(POLLS):
            await step.run()
        alone = (cpu_seconds() - began) / POLLS
        async with anyio.create_task_group() as group:
            group.start_soon(daemon.reconciler.run)
            await anyio.sleep(WARM_SECONDS)
            await requests_since(url)
            began = cpu_seconds()
            await anyio.sleep(RUN_SECONDS)
            cpu = cpu_seconds() - began
            asked = await requests_since(url)
            group.cancel_scope.cancel()
    return alone, cpu / asked["orders"], asked
