"""A daemon that stands still for longer than every time-out, and then goes on as if nothing had been."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.system.hasty import GIVE_UP_SECONDS, INTERVAL_VARIABLE, NOT_AFTER_SECONDS
from tests.system.house import House, call, open_house, wait_for

FREEZE_SECONDS = max(NOT_AFTER_SECONDS, GIVE_UP_SECONDS) + 1.0
LOOK_SECONDS = 0.005
ARRIVAL_SECONDS = 0.3  # of a request that had left
TRIES_MAX = 6  # of stopping it between a decision and its request: some 0.4 s lie between


@contextmanager
def frozen(daemon: subprocess.Popen[bytes]) -> Iterator[None]:
    """Stopped inside, running again after it."""
    daemon.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        daemon.send_signal(signal.SIGCONT)


def under_way(house: House, table: str) -> int:
    """How many effects are on disk as sent and have no end yet."""
    with closing(sqlite3.connect(f"file:{house.state / 'ledger.sqlite3'}?mode=ro", uri=True)) as ledger:
        (count,) = ledger.execute(f"SELECT count(*) FROM {table} WHERE state = 'sent'").fetchone()
        return int(count)


def level_writes(house: House) -> int:
    """How many requests that change a level the shops got."""
    return sum(house.level_writes(shop) for shop in house.ports)


def catch(house: House, daemon: subprocess.Popen[bytes]) -> bool:
    """Freeze the daemon for long with a level that was decided; whether it was caught before its request had left."""
    before = level_writes(house)
    assert house.buy("us", {"A": 1})
    wait_for(lambda: under_way(house, "level_write"), "a decided level", step_seconds=LOOK_SECONDS)
    with frozen(daemon):
        time.sleep(ARRIVAL_SECONDS)
        caught = bool(under_way(house, "level_write")) and level_writes(house) == before
        for shop in house.ports:
            assert house.buy(shop, {"A": 2})  # now the decision is wrong
        if caught:
            time.sleep(FREEZE_SECONDS)
    return caught


def freeze_amid_move(house: House, daemon: subprocess.Popen[bytes]) -> None:
    """Freeze it while it waits for the ERP's answer, until nobody waits for it any more."""
    before = len(call(house.erp_port, "/truth")["posts"])
    house.faults(house.erp_port, timeout_after_rate=1.0, hang_seconds=FREEZE_SECONDS, faults_left=1)
    assert house.buy("woo", {"A": 2})
    wait_for(lambda: len(call(house.erp_port, "/truth")["posts"]) > before, "the move's request")
    with frozen(daemon):
        assert house.buy("us", {"A": 1})
        time.sleep(FREEZE_SECONDS)


@pytest.mark.slow
def test_after_a_freeze_beyond_every_timeout_nothing_is_sent_late_and_nothing_twice(tmp_path: Path) -> None:
    with open_house(tmp_path, rest_erp=True) as house:
        house.settings('level = "debug"')
        house.open_shops({"A": 100})
        daemon = house.run_until_baseline(module="tests.system.hasty", environment={INTERVAL_VARIABLE: "0.4"})
        freeze_amid_move(house, daemon)
        caught = any(catch(house, daemon) for _ in range(TRIES_MAX))
        house.agree()
        assert set(call(house.erp_port, "/truth")["posts"].values()) == {1}, "asked for by its key, not sent again"
        assert not house.entries("drift.found"), "every unit has its explanation"
        assert daemon.poll() is None
        if not caught:
            pytest.skip(f"in {TRIES_MAX} tries it was never stopped between a decision and its request")
        assert any("too late to be sent" in entry["reason"] for entry in house.entries("level.not_sent"))
