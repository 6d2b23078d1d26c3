"""A state directory whose disk is full, read-only, or fails under the daemon's hands."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.ledger.faults import EXIT_DISK_FAILED
from tests.system.house import PATIENCE_SECONDS, House, open_house, wait_for
from tests.system.mounts import fail, failing_disk, fill, make_read_only, repair, small_disk


def sell(house: House) -> None:
    """One purchase in each shop."""
    for shop in house.ports:
        assert house.buy(shop, {"A": 1})


@pytest.mark.slow
def test_a_full_disk_is_said_nothing_is_lost_and_the_work_goes_on_with_new_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 16) as disk, open_house(tmp_path, state=disk / "state") as house:
        house.open_shops({"A": 50})
        daemon = house.run_until_baseline()
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


def test_a_start_on_a_read_only_disk_is_refused_in_clear_words(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 16) as disk, open_house(tmp_path, state=disk / "state") as house:
        house.state.mkdir()
        make_read_only(disk)
        assert house.daemon().wait(timeout=PATIENCE_SECONDS) == 1  # the service manager tries again
        (refusal,) = house.entries("daemon.refused")
        assert str(house.state) in refusal["reason"]
        assert "read-only" in refusal["hint"]
        assert "Traceback" not in (house.folder / "log").read_text()


@pytest.mark.slow
def test_a_disk_that_fails_under_a_running_daemon_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    with (
        failing_disk(tmp_path / "disk", 32) as disk,
        open_house(tmp_path, state=disk / "state", rest_erp=True) as house,
    ):
        house.open_shops({"A": 50})
        daemon = house.run_until_baseline()
        fail(disk)
        written = {name: house.level_writes(name) for name in house.ports}
        sell(house)
        # nobody knows whether its last commit is on disk: it ends, and the next start reads what is there
        assert daemon.wait(timeout=PATIENCE_SECONDS) == EXIT_DISK_FAILED
        (told,) = house.entries("ledger.unwritable")
        assert told["path"] == str(house.state)
        assert told["hint"]
        assert house.daemon().wait(timeout=PATIENCE_SECONDS) == 1
        assert house.has_logged("daemon.refused")
        assert written == {name: house.level_writes(name) for name in house.ports}
        assert "Traceback" not in (house.folder / "log").read_text()
        repair(disk)
        house.daemon()
        house.agree()
        house.audit()
