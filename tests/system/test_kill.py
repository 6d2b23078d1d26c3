"""A power supply that fails again and again, at every stage of the daemon's life."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import pytest

from tests.system.house import House, open_house, wait_for

LOOK_SECONDS = 0.002
PURCHASE_SECONDS = 0.25
Stage = Callable[[House, int], bool]


def holds_lock(house: House, pid: int) -> bool:
    """Whether this process is the state directory's."""
    path = house.state / "syncd.lock"
    return path.exists() and path.read_text().strip() == str(pid)


def has_begun_ledger(house: House, _pid: int) -> bool:
    """Whether there is a write-ahead log: in the first lives, the schema is being made."""
    return (house.state / "ledger.sqlite3-wal").exists()


def logs(event: str) -> Stage:
    """Whether the event was logged in this life."""
    return lambda house, _pid: house.logged_since(event)


STAGES: tuple[Stage, ...] = (
    holds_lock,
    has_begun_ledger,
    has_begun_ledger,
    logs("daemon.started"),
    logs("store.baseline_started"),
    logs("order.applied"),
    logs("move.confirmed"),
    logs("level.written"),
)


def wait_buying(house: House, reached: Callable[[], bool], chance: Random) -> None:
    """Wait for a stage while shoppers buy."""
    bought = 0.0

    def look() -> bool:
        nonlocal bought
        if reached():
            return True
        if time.monotonic() >= bought + PURCHASE_SECONDS:
            bought = time.monotonic()
            assert house.buy(chance.choice(("us", "woo")), {"A": chance.randint(1, 3), "B": 1})
        return False

    wait_for(look, "the next stage", step_seconds=LOOK_SECONDS)


@pytest.mark.slow
def test_sales_count_once_though_the_daemon_is_killed_at_each_stage_of_its_life(tmp_path: Path) -> None:
    chance = Random(7)
    with open_house(tmp_path) as house:
        house.cut_over_long_ago()  # so that a sale counts from the very first life on
        house.open_shops({"A": 2_000, "B": 1_000})
        for reached in STAGES:
            house.begin_life()
            daemon = house.daemon()
            wait_buying(house, partial(reached, house, daemon.pid), chance)
            time.sleep(chance.choice((0.0, 0.0, 0.02, 0.2)))  # the kill comes at another moment of the stage
            assert daemon.poll() is None, "it should be killed, and has ended by itself"
            daemon.send_signal(signal.SIGKILL)
            daemon.wait()
            assert house.buy("us", {"A": 1})  # shoppers don't wait for us
        house.daemon()
        house.agree()
        house.audit()
