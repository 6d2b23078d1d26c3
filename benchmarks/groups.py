"""Small units of work a second: one commit each, beside the group commit that callers get who don't wait for each other."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import anyio
from sqlalchemy import Connection

from benchmarks.daemon import cpu_seconds
from syncd.clock import SystemClock
from syncd.core.quantity import Instant
from syncd.ledger import tenants
from syncd.ledger.ledger import open_ledger

ALONE, TOGETHER = 600, 6_000
CALLERS = 64


async def measure(folder: Path) -> dict[str, Any]:
    """Units a second of wall time and of CPU, one caller and 64 callers."""
    ledger = open_ledger(folder, clock=SystemClock())
    await ledger.run(lambda connection: tenants.take_lease(connection, "bench", "bench", Instant(0)))

    def unit(connection: Connection) -> int:
        return tenants.take_numbers(connection, "bench", 1)

    async def call(times: int) -> None:
        for _ in range(times):
            await ledger.run(unit)

    result: dict[str, Any] = {}
    for name, callers, units in (("alone", 1, ALONE), ("together", CALLERS, TOGETHER)):
        commits, began, began_cpu = ledger.state().commits, time.perf_counter(), cpu_seconds()
        async with anyio.create_task_group() as group:
            for _ in range(callers):
                group.start_soon(call, units // callers)
        wall, cpu = time.perf_counter() - began, cpu_seconds() - began_cpu
        done = units // callers * callers
        result[name] = {
            "units": done,
            "commits": ledger.state().commits - commits,
            "per_second": done / wall,
            "per_cpu_second": done / cpu,
        }
    await ledger.close()
    return result
