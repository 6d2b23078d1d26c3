"""A state directory whose disk is full, read-only, or fails under the daemon's hands."""

from __future__ import annotations

from pathlib import Path

from tests.system.house import PATIENCE_SECONDS, House, open_house, wait_for
from tests.system.mounts import fill, small_disk


def sell(house: House) -> None:
    """One purchase in each shop."""
    for shop in house.ports:
        assert house.buy(shop, {"A": 1})


def test_a_full_disk_is_said_nothing_is_lost_and_the_work_goes_on_with_new_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 16) as disk, open_house(tmp_path, state=disk / "state") as house:
        house.open_shops({"A": 50})
        daemon = house.run_until_baseline()
        sell(house)
        house.agree()
        ballast = fill(disk)
        written = {name: house.level_writes(name) for name in house.ports}
        sell(house)
        wait_for(lambda: house.entries("ledger.unwritable"), "words about the disk")
        told = house.entries("ledger.unwritable")[0]
        assert str(house.state) in told["path"]
        assert "full" in told["reason"]
        assert "MB" in told["hint"]
        sell(house)
        # what could not be recorded was not written either
        assert written == {name: house.level_writes(name) for name in house.ports}
        assert daemon.poll() is None
        ballast.unlink()
        house.agree()
        wait_for(lambda: house.entries("ledger.writable"), "the all-clear")
        assert daemon.poll() is None, "it goes on by itself"


def test_a_start_on_a_full_disk_is_refused_in_clear_words_and_works_with_new_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 16) as disk, open_house(tmp_path, state=disk / "state") as house:
        ballast = fill(disk)
        assert house.daemon().wait(timeout=PATIENCE_SECONDS) == 1  # the service manager tries again
        (refusal,) = house.entries("daemon.refused")
        assert str(house.state) in refusal["reason"]
        assert refusal["hint"]
        assert "Traceback" not in (house.folder / "log").read_text()
        ballast.unlink()
