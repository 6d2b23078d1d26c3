"""A tenant with a day behind it: orders, moves, drift, what can't be counted; and the page over it, on a real socket."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from aiohttp import web

from syncd.core.order import Phase, Unreadable
from syncd.core.quantity import SECOND, Instant, units
from syncd.ledger import flow, level_changes, moves
from syncd.ledger.level_changes import ERP, Place
from syncd.ledger.schema import level_change, level_write
from syncd.private.desk import Desk
from tests.control.bench import Bench, order

TOKEN = "a-token-that-is-long-enough"
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
STOCK: dict[str, Any] = {
    "MUG-RED": 140, "MUG-BLUE": 47, "TEE-S": 24, "TEE-M": 40, "TEE-L": 19, "NOTEBOOK": 137, "POSTER": 12, "LAMP": 6,
    "VASE": 2, "TRAY-OAK": 1_250,
}  # fmt: skip
SOLD = 44  # orders of red mugs in a day
RECEIVED_AT, RECEIVED = 26, 30  # goods came in after so many of them
RAW = b'{"id": 1043, "billing_address": {"first_name": "Ada", "street_1": "1 Example Street"}, "products": "gone"}'


async def fill(bench: Bench) -> None:
    """A day of a small merchant: sales that the ERP and both shops show, one that they don't show yet, and some trouble."""
    book = bench.app.books[0]
    for sku, level in STOCK.items():
        book.add(sku, location="main")
        book.adjust(sku, "main", units(level), "opening")
    await bench.watch()
    for number in range(SOLD):
        if not number:
            for name in ("us", "web"):
                await bench.open_store(name, **STOCK)
        counts: dict[str, float] = {"MUG-RED": 1 + number % 3}
        if number % 5 == 0:
            counts["NOTEBOOK"] = 1
        await bench.take("us" if number % 3 else "web", order(str(1001 + number), counts))
    book.receive("MUG-RED", units(RECEIVED), location="main", reference="delivery 77")
    await bench.post()
    await bench.watch()
    told = await bench.call("erp.levels")
    levels = {entry["sku"]: int(entry["level"]) for entry in told["levels"]}
    for name in ("us", "web"):
        bench.shops[name].counters = {f"i-{sku}": units(level) for sku, level in levels.items()}
    bench.shops["web"].counters["i-TEE-L"] = units(21)
    bench.shops["us"].counters["i-MUG-RED"] = units(levels["MUG-RED"] + 2)
    await bench.ledger.run(lambda c: spread(c, bench.clock.now()))
    for _ in range(2):
        await bench.read_levels("us")
        await bench.read_levels("web")
    await bench.take("us", order("1102", {"MUG-BLUE": 2, "GHOST": 1}), order("1104", {"VASE": 1}, phase=Phase.PENDING))
    await bench.take("web", Unreadable("1103", "its lines are no list", RAW))


def spread(connection: Any, now: Instant) -> None:
    """Spread over a day what has just happened, as if it had; with the levels that the ERP and the shops showed meanwhile."""
    chance = random.Random(7)
    moved = connection.exec_driver_sql('SELECT store, "order", line, n, sku, change FROM move ORDER BY seq').all()
    at = now - 23 * HOUR
    levels = {sku: units(level) for sku, level in STOCK.items()}
    connection.execute(level_change.delete())
    connection.exec_driver_sql("DELETE FROM taking")
    connection.exec_driver_sql("DELETE FROM reading")
    for number, (store, name, line, n, sku, change) in enumerate(moved):
        at += chance.randrange(3, 44) * MINUTE
        at = min(at, now - 3 * MINUTE)
        connection.exec_driver_sql(
            'UPDATE move SET planned_at = ?, sent_at = ?, confirmed_at = ? WHERE store = ? AND "order" = ? AND line = ? AND n = ?',
            (at, at + SECOND, at + 2 * SECOND, store, name, line, n),
        )
        connection.exec_driver_sql(
            'UPDATE orders SET created = ?, modified = ?, read_at = ? WHERE store = ? AND "order" = ?',
            (at - 2 * MINUTE, at - MINUTE, at, store, name),
        )
        received = units(RECEIVED) if sku == "MUG-RED" and number == RECEIVED_AT else 0
        levels[sku] += change + received
        then = Instant(at + 20 * SECOND)
        level_changes.note(connection, "acme", then, [(Place(ERP, sku, "main"), levels[sku])])
        for shop, late in (("us", 30), ("web", 70)):
            slow = 80 * MINUTE if shop == "web" and number % 13 == 5 else 0
            seen = Instant(then + late * SECOND + slow)
            level_changes.note(connection, "acme", seen, [(Place(shop, f"i-{sku}"), levels[sku])])
    connection.exec_driver_sql("DELETE FROM flow")
    for back in range(96):
        busy = max(0.15, 1 - abs(back - 38) / 42)
        then = Instant(now - back * flow.BUCKET_US)
        for kind, most in ((flow.ORDERS, 9), (flow.MOVES, 14), (flow.WRITES, 22)):
            counts = {store: int(chance.random() * most * busy) for store in ("us", "web")}
            flow.count(connection, "acme", kind, then, counts)


async def doubt(bench: Bench) -> None:
    """A move and a write of which nobody knows the end."""
    now = bench.clock.now()

    def unit(connection: Any) -> None:
        due = moves.moves_to_post(connection, "acme", now, 1)
        moves.set_move(
            connection, "acme", due[0], state="sent", doubt=1, sent_at=Instant(now - 90 * SECOND), attempts=1,
            reason="the connection was cut before the answer",
        )  # fmt: skip
        connection.execute(
            level_write.insert().values(
                tenant="acme", store="web", item="i-LAMP", seq=900, key="w-lamp", state="doubt", change=-units(1), level=None,
                blind_from=0, sent_at=now - 60 * SECOND, not_after=now, ended=now + HOUR, target=units(5), low=units(6),
                high=units(6), why="add -1: target 5, shows 6", reason="no answer in 30 s",
            )
        )  # fmt: skip

    await bench.ledger.run(unit)


@asynccontextmanager
async def serving(bench: Bench, token: str | None = TOKEN) -> AsyncIterator[str]:
    """The private listener of this bench; its address."""
    desk = Desk(lambda: bench.commands, bench.app.supervisor, bench.given.meters, token=token)
    runner = web.AppRunner(desk.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        with anyio.CancelScope(shield=True):
            await runner.cleanup()
