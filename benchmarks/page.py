"""How quickly the page answers over a large ledger: 10,000 SKUs in three shops, 100,000 orders with two moves each."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from sqlalchemy import Connection

from benchmarks.daemon import STORE, TENANT, stock_the_erp, write_configuration
from syncd.app import Surroundings, compose, open_session
from syncd.clock import SystemChance, SystemClock
from syncd.config.load import load
from syncd.control.commands import Commands
from syncd.core.quantity import SECOND, Instant, units
from syncd.ledger import flow, items, level_changes, levels, stores
from syncd.ledger.ledger import open_ledger
from syncd.ledger.level_changes import ERP, Place
from syncd.observability.log import make_log
from syncd.private.desk import Desk

SKUS, ORDERS, SHOPS, STEPS = 10_000, 100_000, ("a", "b", "c"), 20
HOT = "SKU-00007"  # every tenth order has it
TIMES = 15
PATHS = {
    "overview": "/",
    "stock, first": "/stock",
    "stock, last": "/stock?after=SKU-09900",
    "stock, a prefix": "/stock?q=sku-09",
    "differences, some": "/stock?only=differences",
    "differences, none": "/stock?only=differences&q=SKU-08",
    "a SKU": "/sku?sku=SKU-04711",
    "a hot SKU": f"/sku?sku={HOT}&span=30d",
    "orders": "/orders",
    "an order": "/order?store=a&order=1500",
    "effects": "/effects",
    "quarantine": "/quarantine",
    "find": "/find?q=1500",
}


async def measure(folder: Path) -> dict[str, Any]:
    """Milliseconds by page: the middle and the worst of some, over a real socket."""
    shops = [STORE.format(name=name, url=f"http://127.0.0.1:9/{name}", more="") for name in SHOPS]
    configuration = load(write_configuration(folder, shops), {})
    assert configuration.settings is not None
    stock_the_erp(folder)
    clock = SystemClock()
    with (folder / "log.jsonl").open("w") as stream:
        log = make_log(stream, form="json", level="info", clock=clock)
        ledger = open_ledger(configuration.settings.state_dir, clock=clock)
        session = open_session()
        given = Surroundings(ledger, clock, SystemChance(), log, session, configuration.settings.state_dir)
        app = await compose(configuration, given)
        try:
            await ledger.run(lambda connection: _fill(connection, clock.now()))
            for reconciler in app.tenants[TENANT].reconcilers:
                reconciler.context.drained = clock.now()
            commands = Commands.for_daemon(configuration, given, app)
            desk = Desk(lambda: commands, app.supervisor, given.meters, token=None)
            return await _ask(desk)
        finally:
            app.close()
            await session.close()
            await ledger.close()


async def _ask(desk: Desk) -> dict[str, Any]:
    runner = web.AppRunner(desk.app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    found: dict[str, Any] = {}
    async with aiohttp.ClientSession() as session:
        for name, path in PATHS.items():
            times = []
            for _ in range(TIMES):
                began = time.perf_counter()
                async with session.get(url + path, allow_redirects=False) as answer:
                    body = await answer.read()
                times.append((time.perf_counter() - began) * 1_000)
                assert answer.status in {200, 303}, body
            found[name] = {"middle_ms": statistics.median(times), "worst_ms": max(times), "kb": len(body) / 1_000}
    await runner.cleanup()
    return found


def _fill(connection: Connection, now: Instant) -> None:
    """The rows that a busy year would leave, by the ledger's own functions where they are about many rows."""
    skus = [f"SKU-{number:05}" for number in range(SKUS)]
    began = Instant(now - 60 * SECOND)
    level = units(50)
    levels.write_levels(connection, TENANT, {(sku, "main"): level for sku in skus}, began, began)
    for shop in SHOPS:
        row = stores.StoreRow(
            identity=shop, state=stores.READY, mode="live", cutover=Instant(1), cursor=now, drained=now, behaviour="{}",
            approved=now, brake="", paused=False, swept=now, catalogued=now,
        )  # fmt: skip
        stores.add_store(connection, TENANT, shop, row)
        named = {f"i{sku}": (sku, f"Thing {sku}", ((sku, units(1)),)) for sku in skus}
        items.write_items(connection, TENANT, shop, named)
        shown = {f"i{sku}": units(49) if number % 400 == 0 else level for number, sku in enumerate(skus)}
        items.add_readings(connection, TENANT, shop, shown, began, began, drained=now)
    _orders(connection, skus, now)
    for back in range(96):
        then = Instant(now - back * flow.BUCKET_US)
        for kind in (flow.ORDERS, flow.MOVES, flow.WRITES):
            flow.count(connection, TENANT, kind, then, dict.fromkeys(SHOPS, back))
    for sku in (HOT, *skus[:STEPS]):
        for step in range(STEPS * 20):
            at = Instant(now - (step + 1) * 600 * SECOND)
            for place in (Place(ERP, sku, "main"), *(Place(shop, f"i{sku}") for shop in SHOPS)):
                level_changes.note(connection, TENANT, at, [(place, units(50 + step % 17))])


def _orders(connection: Connection, skus: list[str], now: Instant) -> None:
    heads, lines, moves = [], [], []
    for number in range(ORDERS):
        shop, order = SHOPS[number % 3], str(1_000 + number // 3)
        at = now - (ORDERS - number) * 60 * SECOND
        phase = "paid" if number > ORDERS - 5_000 else "completed"
        heads.append((TENANT, shop, order, at, "", at, phase, phase, "", number, at, b""))
        for part, sku in enumerate((skus[number % SKUS], HOT if number % 10 == 0 else skus[(number * 7) % SKUS])):
            place = (TENANT, shop, order, str(part), 0)
            lines.append(
                (*place, "p", f"i{sku}", sku, "main", units(1), 1, *[units(1)] * 4, 0, 0, 0, "counted", "paid", 0, 1)
            )
            moves.append(
                (
                    *place,
                    0,
                    sku,
                    "main",
                    units(-1),
                    f"sy-{number}-{part}",
                    "confirmed",
                    2 * number + part,
                    number,
                    "paid",
                    at,
                    at,
                    at,
                )
            )
    for table, rows, columns in (
        ("orders", heads, 'tenant, store, "order", created, key, modified, phase, status, cart, reading, read_at, content'),
        ("line", lines, 'tenant, store, "order", line, part, product, item, sku, location, factor, lead, quantity, commitment, confirmed, taken, claim, hold, hold_until, state, rule, open, moves'),
        ("move", moves, 'tenant, store, "order", line, n, part, sku, location, change, key, state, seq, reading, rule, planned_at, sent_at, confirmed_at'),
    ):  # fmt: skip
        marks = ", ".join("?" * len(rows[0]))
        connection.exec_driver_sql(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)  # noqa: S608 -- no values
