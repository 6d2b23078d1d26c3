"""A burst of calls for few orders, and a power cut in the middle of it: few requests, and nothing that was answered is lost."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
from collections import deque
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import aiohttp
import anyio

from syncd.ports.hooks import secret_of
from syncd.stores.bigcommerce.hooks import HEADER
from tests.system.house import House, call, free_port, open_house

ORDERS, CALLS, CALLERS = 20, 600, 16
SPOKEN_OF = "SELECT name FROM signal WHERE store = 'us'"
BY_ID = re.compile(r"/v2/orders(/\d+|\?min_id=)")


async def speak(
    url: str, calls: list[str], *, kill_at: str = "", daemon: subprocess.Popen[bytes] | None = None
) -> set[str]:
    """Speak of the orders, as the store does; `daemon` is killed as soon as `kill_at` was answered. Returns those that were
    answered with 200."""
    queue, heard = deque(calls), set[str]()

    async def caller(session: aiohttp.ClientSession) -> None:
        while queue:
            order = queue.popleft()
            body = json.dumps({"scope": "store/order/updated", "data": {"type": "order", "id": int(order)}})
            headers = {HEADER: secret_of("sim-token", "bigcommerce")}
            with suppress(aiohttp.ClientError):
                async with session.post(url, data=body, headers=headers) as answer:
                    assert answer.status == 200
                    heard.add(order)
            if order == kill_at and daemon is not None:
                daemon.kill()
                queue.clear()

    async with aiohttp.ClientSession() as session, anyio.create_task_group() as group:
        for _ in range(CALLERS):
            group.start_soon(caller, session)
    return heard


def open_with_webhooks(house: House) -> str:
    """Shops and a daemon; returns where the shop `us` would call, which it doesn't by itself."""
    door = free_port()
    house.settings(f'[webhooks]\nlisten = "127.0.0.1:{door}"\npublic_url = "http://127.0.0.1:{door}"')
    house.open_shops({"A": 500})
    house.faults(house.ports["us"], webhook_lost=1.0)
    return f"http://127.0.0.1:{door}/acme/us"


def buy(house: House, count: int) -> list[str]:
    house.sold["A"] += count
    body = {"lines": [{"sku": "A", "quantity": 1}]}
    return [call(house.ports["us"], "/orders", body)["order"] for _ in range(count)]


def test_a_burst_of_calls_makes_few_requests(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        url = open_with_webhooks(house)
        house.run_until_baseline()
        asked = len(call(house.ports["us"], "/requests"))
        orders = buy(house, ORDERS)
        assert anyio.run(speak, url, orders * (CALLS // ORDERS)) == set(orders)
        house.agree()
        requests = [each["path"] for each in call(house.ports["us"], "/requests")[asked:]]
        examined = json.loads(house.command("doctor", "--json").stdout)["findings"]
        webhooks = [one["level"] for one in examined if one["what"] == "webhooks"]
        assert webhooks == ["ok", "ok", "ok"], "the address leads to the listener, and both stores call"
        assert 0 < sum(BY_ID.search(path) is not None for path in requests) <= CALLS / 10


def test_a_power_cut_in_a_burst_of_calls_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        url = open_with_webhooks(house)
        daemon = house.run_until_baseline()
        house.faults(
            house.ports["us"], error_503=1.0
        )  # neither calls nor polls have it read: what is known, calls have told
        orders, last = buy(house, ORDERS), buy(house, CALLERS)
        calls = orders * (CALLS // ORDERS) + last
        heard = anyio.run(partial(speak, url, calls, kill_at=last[0], daemon=daemon))
        daemon.wait()
        assert heard >= {*orders, last[0]}
        with closing(sqlite3.connect(house.state / "ledger.sqlite3", isolation_level=None)) as connection:
            waiting = {order for (order,) in connection.execute(SPOKEN_OF)}
            connection.execute("INSERT INTO signal VALUES ('acme', 'gone', 'order', '1', 1, 1)")
        assert heard <= waiting
        call(house.ports["us"], "/faults", method="DELETE")
        house.begin_life()
        house.daemon()
        house.agree()
        house.audit()
        with closing(sqlite3.connect(f"file:{house.state}/ledger.sqlite3?mode=ro", uri=True)) as connection:
            assert not connection.execute("SELECT * FROM signal WHERE store = 'gone'").fetchall()
