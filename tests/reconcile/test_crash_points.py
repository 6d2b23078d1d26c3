"""The process ends between any two commits: the next one finds its way, nothing counts twice, nothing is lost."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest
from sqlalchemy import select

from syncd.core.quantity import UNIT
from syncd.ledger.hop import InlineHop
from syncd.ledger.schema import line, move
from tests.reconcile.shoppers import Shoppers, committed, is_bigcommerce, pay_all
from tests.reconcile.world import World, open_world

OPENING = {"A": 40, "B": 40}
COMMITS_PER_ROUND = 10  # of a sale and a cancellation, until all is quiet, in three shops


class FragileHop(InlineHop):
    """Lets the process end at the n-th transaction: right after its COMMIT, before anybody knows (`kept`), or before it
    (`lost`: the next process finds the disk as it was)."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.left = -1
        self.lost = False
        self.ended = anyio.Event()

    def arm(self, commits: int, *, lost: bool) -> None:
        self.left, self.lost, self.ended = commits, lost, anyio.Event()

    def submit(self, job: Any) -> None:
        if isinstance(job, partial):  # a group of units; whatever else comes by is a read
            self.left -= 1
            if self.left == 0:
                if self.lost:
                    shutil.rmtree(self.state.with_name("before"), ignore_errors=True)
                    self.state.with_name("before").mkdir()
                    for file in self.state.glob("ledger.sqlite3*"):
                        shutil.copy(file, self.state.with_name("before") / file.name)
                asyncio.get_running_loop().call_soon(self._end, job)
                return
        super().submit(job)

    def _end(self, job: Any) -> None:
        delivery = job()
        self.ended.set()
        asyncio.get_running_loop().call_later(0.5, delivery)  # to a task that was cancelled meanwhile

    def restore(self) -> None:
        """What the next process finds."""
        if self.lost:
            for file in self.state.glob("ledger.sqlite3*"):
                file.unlink()
            for file in self.state.with_name("before").iterdir():
                shutil.copy(file, self.state / file.name)
        self.left = -1


async def accounts_add_up(world: World) -> None:
    """ONCE: the confirmed moves of every account add up to its commitment; CONSERVE: the ERP's moves are the ledger's."""

    def read(connection: Any) -> tuple[list[Any], list[Any]]:
        rows = connection.execute(select(line.c.store, line.c.order, line.c.line, line.c.part, line.c.commitment)).all()
        where = move.c.state == "confirmed"
        moves = select(move.c.store, move.c.order, move.c.line, move.c.part, move.c.change, move.c.key, move.c.sku)
        return rows, connection.execute(moves.where(where)).all()

    rows, moves = await world.ledger.read(read)
    sums: Counter[Any] = Counter()
    for row in moves:
        sums[tuple(row[:4])] -= row[4]
    wrong = [(tuple(row[:4]), row[4], sums[tuple(row[:4])]) for row in rows if row[4] != sums[tuple(row[:4])]]
    assert not wrong, wrong
    if world.erp is not None:
        posted = {entry.key: (entry.sku, int(entry.change * UNIT)) for entry in world.erp.book.journal if entry.key}
    else:
        book = world.book()
        found = book.find([row[5] for row in moves])
        posted = {key: (entry.sku, int(entry.change)) for key, entry in found.items()}
        book.close()
    assert posted == {row[5]: (row[6], row[4]) for row in moves}


@pytest.mark.parametrize(("erp", "lost"), [("embedded", False), ("http", True)])
async def test_it_may_end_at_any_commit(tmp_path: Path, erp: str, lost: bool) -> None:
    async with open_world(tmp_path) as world:
        for name, kind in (("us", "bigcommerce"), ("woo", "woocommerce")):
            await world.serve(name, kind, stock=OPENING)
        if erp == "http":
            await world.serve_erp()
        world.open_stock(OPENING)
        world.configure()
        hop = FragileHop(tmp_path / "state")
        world.hop = hop
        us, woo = world.stores.values()
        async with world.daemon():
            await world.started()
            await world.settled(OPENING)
        before: list[tuple[Any, str]] = []
        for n in range(1, COMMITS_PER_ROUND + 1):
            units = 1 + n % 3  # another sum in each round
            async with world.daemon(crash=True):
                await anyio.sleep(3.0)
                hop.arm(n, lost=lost)
                bought = [(store, await store.buy({"A": units, "B": 2 * units})) for store in (us, woo)]
                for store, order in before:
                    await store.act(order, "cancel")
                with anyio.move_on_after(30.0):
                    await hop.ended.wait()
            hop.restore()
            before = [(store, order["order"]) for store, order in bought if order]
            async with world.daemon():
                await world.settled({"A": 40 - 2 * units, "B": 40 - 4 * units})
                await accounts_add_up(world)


FAULTS = {
    "latency_seconds": [0.0, 0.5],
    "too_many_bare": 0.02,
    "too_many_retry_after": 0.02,
    "retry_after_seconds": 2,
    "error_500": 0.02,
    "error_503": 0.02,
    "html_200": 0.01,
    "html_503": 0.01,
    "truncated": 0.01,
    "reset": 0.02,
    "lost_answer": 0.1,
    "torn_orders": 0.3,
    "shuffled_ties": 1.0,
    "move_order_every": 5,
}
BIGCOMMERCE_FAULTS = {"apply_delay_seconds": [0.0, 3.0], "stale_seconds": 2.0, "torn_seconds": [0.3, 1.5]}
WOOCOMMERCE_FAULTS = {"torn_seconds": [0.1, 1.0], "php_notice": 0.005}
ERP_FAULTS = dict.fromkeys(
    ["error_before_rate", "error_after_rate", "partial_rate", "reset_after_rate", "late_rate"], 0.05
)


@pytest.mark.parametrize(("seed", "erp"), [(1, "embedded"), (2, "http"), (3, "http")])
async def test_after_faults_and_crashes_everything_agrees_to_the_unit(tmp_path: Path, seed: int, erp: str) -> None:
    opening = dict.fromkeys("ABCDE", 60)
    random = Random(seed)
    async with open_world(tmp_path, seed=seed, delay_seconds=0.05) as world:
        for name, kind in (("us", "bigcommerce"), ("eu", "bigcommerce"), ("woo", "woocommerce")):
            await world.serve(name, kind, stock=opening)
        if erp == "http":
            (await world.serve_erp()).faults.turn(ERP_FAULTS | {"late_seconds": 10.0})
        world.open_stock(opening)
        world.configure(per_store=dict.fromkeys(world.stores, "sweep_hours = 0.02"))
        shoppers = Shoppers(world, random, list(opening))
        async with world.daemon(crash=True):
            await world.started()
        for store in world.stores.values():
            own = BIGCOMMERCE_FAULTS if is_bigcommerce(store) else WOOCOMMERCE_FAULTS
            await store.call("PUT", "/faults", {**FAULTS, **own})

        async def shop() -> None:
            for _ in range(30):
                await shoppers.act()
                await anyio.sleep(random.choice([0.0, 0.2, 1.0, 4.0]))

        async with anyio.create_task_group() as group:
            group.start_soon(shop)
            for _ in range(3):
                async with world.daemon(crash=True):
                    await anyio.sleep(random.uniform(1.0, 20.0))
        for store in world.stores.values():
            await store.call("DELETE", "/faults")
        if world.erp is not None:
            world.erp.faults.turn(dict.fromkeys(ERP_FAULTS, 0.0))
        await pay_all(world)
        units = await committed(world, shoppers.completed)
        async with world.daemon():
            await world.settled({sku: n - units[sku] for sku, n in opening.items()})
            await accounts_add_up(world)
        assert not [event for event in world.events() if event["event"] == "bug.found"]
