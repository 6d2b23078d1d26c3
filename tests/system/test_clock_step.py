"""A machine whose wall clock is stepped, under a running daemon and between two lives of it.

libfaketime steps it for the daemon alone: the machine's own clock stays as it is. Its clocks that run by themselves
(CLOCK_MONOTONIC, CLOCK_BOOTTIME) are left alone, as in reality.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.system.house import PATIENCE_SECONDS, House, call, open_house, wait_for

PLACES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib*/faketime/libfaketime.so.1")
HOUR_SECONDS = 3_600
DAY_SECONDS = 86_400


class WallClock:
    """What the daemon takes for the wall clock: the machine's, and `step` on top."""

    def __init__(self, folder: Path) -> None:
        found = sorted(path for pattern in PLACES for path in Path("/").glob(pattern.lstrip("/")))
        if not found:
            pytest.skip("libfaketime (package faketime) is not installed here")
        self._library = found[0]
        self._file = folder / "wall-clock"
        self.step(0)

    def step(self, seconds: int) -> None:
        """From now on the wall clock is so far ahead of the machine's."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self._file)

    def environment(self) -> dict[str, str]:
        """For whoever is to see it."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }


def sign_without_time(house: House) -> None:
    """As over https: OAuth 1.0a, which plain http needs, is refused by the shop while the wall clock is off by 15 minutes."""
    path = house.config / "tenants" / "acme.toml"
    path.write_text(path.read_text() + 'auth = "basic"\n')
    call(house.ports["woo"], "/settings", {"plain_http": "basic"})


def sell(house: House) -> None:
    """A purchase in each shop, and the confirmation that it was counted."""
    counted = len(house.entries("move.confirmed"))
    for shop in house.ports:
        assert house.buy(shop, {"A": 1})
    wait_for(lambda: len(house.entries("move.confirmed")) >= counted + len(house.ports), "the moves")


@pytest.mark.slow
def test_sales_count_once_and_at_once_though_the_wall_clock_is_stepped(tmp_path: Path) -> None:
    wall = WallClock(tmp_path)
    with open_house(tmp_path, rest_erp=True) as house:
        house.open_shops({"A": 100})
        sign_without_time(house)
        daemon = house.run_until_baseline(module="tests.system.hasty", environment=wall.environment())
        for step_seconds in (HOUR_SECONDS, -HOUR_SECONDS, -DAY_SECONDS):
            told = len(house.entries("clock.stepped"))
            wall.step(step_seconds)
            wait_for(lambda told=told: len(house.entries("clock.stepped")) > told, "words about the clock")
            sell(house)
        house.agree()
        ahead = [round(entry["ahead_seconds"]) for entry in house.entries("clock.stepped")]
        assert ahead == [HOUR_SECONDS, -HOUR_SECONDS, -DAY_SECONDS]
        daemon.send_signal(signal.SIGTERM)  # the next life begins a day before this one ended
        assert daemon.wait(timeout=PATIENCE_SECONDS) == 0
        house.daemon(environment=wall.environment())
        sell(house)
        house.agree()
        assert [round(entry["behind_seconds"] / HOUR_SECONDS) for entry in house.entries("clock.behind")] == [24]
        assert not house.entries("drift.found")
