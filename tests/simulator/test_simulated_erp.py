"""The simulated ERP: its truth, its dials, its control over HTTP."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from syncd.simulator.erp.faults import Faults
from syncd.simulator.erp.server import SimulatedErp


class Hand:
    """Asks a served ERP."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, erp: SimulatedErp) -> None:
        self.session, self.base_url, self.erp = session, base_url, erp
        self.now = 0

    async def get(self, path: str, **query: str) -> Any:
        async with self.session.get(self.base_url + path, params=query) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def post(self, path: str, body: Any, *, status: int = 200) -> Any:
        async with self.session.post(self.base_url + path, json=body) as answer:
            assert answer.status == status, await answer.text()
            return await answer.json()

    async def sell(self, key: str, change: str = "-1", sku: str = "A") -> str:
        move = {"key": key, "sku": sku, "location": "", "change": change}
        return (await self.post("/v1/moves", {"moves": [move]}))["outcomes"][0]["result"]


@pytest.fixture
async def hand() -> AsyncIterator[Hand]:
    erp = SimulatedErp(now=lambda: told.now, chance=random.Random(1))
    runner = web.AppRunner(erp.app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        told = Hand(session, f"http://127.0.0.1:{runner.addresses[0][1]}", erp)
        yield told
    await runner.cleanup()


async def test_the_truth_adds_up(hand):
    await hand.post("/_sim/products", {"products": [{"sku": "A", "stock": 10}, {"sku": "B", "stock": 1.5}]})
    await hand.post("/_sim/receipts", {"sku": "A", "quantity": 5})
    await hand.post("/_sim/sales", {"sku": "A", "quantity": 2})
    assert await hand.sell("k1", "-3") == "confirmed"
    assert await hand.sell("k1", "-3") == "confirmed"
    truth = await hand.get("/_sim/truth")
    assert truth["skus"] == {"A": 10, "B": 1.5}
    assert truth["sums"]["opening"] == {"A": 10, "B": 1.5}
    assert (truth["sums"]["receipt"], truth["sums"]["sale"], truth["sums"]["move"]) == ({"A": 5}, {"A": -2}, {"A": -3})
    assert truth["moves"]["k1"]["change"] == -3
    assert truth["posts"] == {"k1": 2}


async def test_products_may_be_told_again(hand):
    for _ in range(2):
        await hand.post("/_sim/products", {"products": [{"sku": "A", "stock": 10}]})
    assert hand.erp.book.revision == 1
    await hand.post("/_sim/products", {"products": [{"sku": "A", "stock": 4}]})
    assert (await hand.get("/_sim/truth"))["skus"] == {"A": 4}


async def test_dials_are_turned_and_shown_and_wrong_ones_refused(hand):
    shown = await hand.post("/_sim/faults", {"down": True, "late_seconds": 7, "refused_skus": ["B"], "faults_left": 2})
    assert shown == await hand.get("/_sim/faults")
    assert (shown["down"], shown["late_seconds"], shown["refused_skus"], shown["faults_left"]) == (True, 7.0, ["B"], 2)
    for wrong in ({"dwon": True}, {"late_seconds": "soon"}, {"refused_skus": 1}, {"late_seconds": None}):
        await hand.post("/_sim/faults", wrong, status=400)
    await hand.post("/_sim/sales", {"sku": "nobody", "quantity": 1}, status=400)
    await hand.post("/_sim/sales", {"sku": "nobody"}, status=400)


async def test_a_sku_can_be_refused_for_a_while(hand):
    await hand.post("/_sim/products", {"products": [{"sku": "A", "stock": 10}]})
    hand.erp.faults.refused_skus = {"A"}
    assert await hand.sell("k1") == "refused"
    hand.erp.faults.refused_skus = set()
    assert await hand.sell("k1") == "confirmed"


async def test_stale_levels_are_those_of_a_while_ago_and_their_cursor_loses_nothing(hand):
    await hand.post("/_sim/products", {"products": [{"sku": "A", "stock": 10}]})
    hand.now = 5_000_000
    await hand.sell("k1")
    hand.erp.faults.stale_seconds = 2
    hand.now = 6_000_000
    page = await hand.get("/v1/levels")
    assert [level["available"] for level in page["levels"]] == ["10"]
    hand.now = 8_000_000
    page = await hand.get("/v1/levels", since=page["cursor"])
    assert [level["available"] for level in page["levels"]] == ["9"]


async def test_a_restore_forgets_the_newest_entries_and_keys_are_free_again(hand):
    await hand.post("/_sim/products", {"products": [{"sku": "A", "stock": 10}]})
    await hand.sell("k1")
    await hand.sell("k2")
    assert await hand.post("/_sim/restore", {"forget": 1}) == {"epoch": "epoch2"}
    assert (await hand.get("/_sim/truth"))["skus"] == {"A": 9}
    assert await hand.sell("k2", "-4") == "confirmed"
    assert hand.erp.book.levels() == {("A", ""): Decimal(5)}


async def test_a_late_posting_arrives_by_itself_and_never_after_the_server_has_gone(hand):
    await hand.post("/_sim/products", {"products": [{"sku": "A", "stock": 10}]})
    hand.erp.faults.turn({"late_rate": 1, "late_seconds": 0})
    with pytest.raises(aiohttp.ClientError):
        await hand.sell("k1")
    for _ in range(1_000):
        if "k1" in (await hand.get("/_sim/truth"))["moves"]:
            break
    assert not hand.erp.late
    hand.erp.faults.turn({"late_seconds": 3600})
    with pytest.raises(aiohttp.ClientError):
        await hand.sell("k2")
    assert len(hand.erp.late) == 1


def test_the_same_seed_strikes_the_same_postings():
    def strikes(seed: int) -> list[str]:
        faults = Faults(error_before_rate=0.2, late_rate=0.3, faults_left=20)
        chance = random.Random(seed)
        return [faults.strike(chance) for _ in range(200)]

    assert strikes(1) == strikes(1) != strikes(2)
    assert len([fault for fault in strikes(1) if fault]) == 20
    assert set(strikes(1)) == {"", "error_before", "late"}


def test_it_runs_as_a_program(project_folder):
    command = [sys.executable, "-m", "syncd.simulator.erp", "--port", "0", "--token", "t"]
    with subprocess.Popen(command, cwd=project_folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        asked = urllib.request.Request(
            process.stdout.readline().strip() + "/v1/identity", headers={"Authorization": "Bearer t"}
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:
            assert json.load(answer)["contract"] == 1
        process.terminate()
        assert process.wait(30) == 0
