"""A burst: 10,000 calls for 500 orders, each edited just before; once as it is, and once with the daemon killed by SIGKILL in
the middle. How many requests that makes, how long it takes, and whether anything is lost that was answered with 200.

Between the kill and the next start the ledger itself is asked, as the polls after the start would find the edits, too: an
order that was spoken of either waits there, or stands there in its new state.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from subprocess import Popen
from typing import Any, Final

import anyio

from benchmarks.house import House, open_house
from syncd.core.quantity import UNIT

CALLS, ORDERS, CALLERS = 10_000, 500, 64
KILL_AFTER: Final = 5_000  # answers
SHOP, SKU = "us", "SKU-000"
BY_ID: Final = re.compile(r"/v2/orders(/\d+|\?min_id=)")  # a request for orders that were named


async def measure(folder: Path) -> dict[str, Any]:
    """Requests and seconds, without and with a kill; and how many orders were lost by it."""
    return {
        "whole": await _burst(folder / "whole", kill=False),
        "killed": await _burst(folder / "killed", kill=True),
    }


async def _burst(folder: Path, *, kill: bool) -> dict[str, Any]:
    async with open_house(folder, SHOP) as house:
        await house.open([SKU])
        daemon = house.daemon()
        await house.logged(("store.baseline_done", SHOP), ("webhook.repaired", SHOP))
        orders = {
            sold["order"]: sold["lines"][0]["line"] for sold in [await house.buy(SHOP, SKU) for _ in range(ORDERS)]
        }
        await _speak(house, list(orders))
        await house.until(lambda: _with_units(house.folder, 1) == orders.keys())
        await _edit(house, orders)
        since, began = time.time_ns() // 1_000, time.perf_counter()
        calls, lost = list(orders) * (CALLS // ORDERS), 0
        if kill:
            heard = await _speak(house, calls, killed=daemon)
            daemon.wait()
            lost = len(heard - _waiting(house.folder) - _with_units(house.folder, 2))
            house.daemon()
            await house.logged(("daemon.started", ""))
            calls = calls[KILL_AFTER:]
        await _speak(house, calls)
        await house.until(lambda: _with_units(house.folder, 2) == orders.keys())
        took = time.perf_counter() - began
        asked = [row for row in await house.sim(SHOP, "GET", "requests") if row["at"] >= since]
        requests = sum(BY_ID.search(row["path"]) is not None for row in asked)
        return {"calls": CALLS, "orders": ORDERS, "requests": requests, "seconds": took, "lost": lost}


async def _edit(house: House, orders: Mapping[str, str]) -> None:
    """Each order has two units now."""
    for order, line in orders.items():
        await house.sim(SHOP, "POST", f"orders/{order}/edit", {"lines": [{"line": line, "quantity": 2}]})


async def _speak(house: House, calls: Sequence[str], *, killed: Popen[bytes] | None = None) -> set[str]:
    """Speak of these orders, many callers at once; what gets no 200 is said again, as the platform does. `killed` is killed
    after KILL_AFTER answers, and then nothing more is said. Returns the orders that were answered with 200."""
    queue, heard, answers = deque(calls), set(), 0

    async def caller() -> None:
        nonlocal answers
        while queue:
            order = queue.popleft()
            if await house.call(SHOP, order) == HTTPStatus.OK:
                heard.add(order)
                answers += 1
            elif killed is None:
                queue.append(order)
                await anyio.sleep(0.05)
            if killed is not None and answers >= KILL_AFTER:
                killed.kill()
                queue.clear()

    async with anyio.create_task_group() as group:
        for _ in range(CALLERS):
            group.start_soon(caller)
    return heard


def _with_units(folder: Path, units: int) -> set[str]:
    """The orders that the ledger has with so many units."""
    return _look(folder, 'SELECT "order" FROM line WHERE commitment = ?', units * UNIT)


def _waiting(folder: Path) -> set[str]:
    """The orders that the ledger has as spoken of."""
    return _look(folder, 'SELECT "order" FROM signal WHERE store = ?', SHOP)


def _look(folder: Path, query: str, value: object) -> set[str]:
    with closing(sqlite3.connect(f"file:{folder}/state/ledger.sqlite3?mode=ro", uri=True)) as connection:
        return {str(order) for (order,) in connection.execute(query, (value,))}
