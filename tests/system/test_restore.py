"""A ledger put back over real processes, an hour's sales after its backup: every unit counts once."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.system.house import open_house, wait_for


@pytest.mark.parametrize("only", [["--only", "ledger"], []], ids=["the ledger", "ledger and book"])
def test_a_backup_made_beside_the_daemon_is_put_back_and_nothing_counts_twice(tmp_path: Path, only: list[str]) -> None:
    with open_house(tmp_path) as house:
        house.open_shops({"A": 40, "B": 20})
        daemon = house.daemon()
        wait_for(lambda: house.has_logged("store.baseline_done", 2), "both baselines")
        assert house.buy("us", {"A": 2, "B": 1})
        house.agree()
        done = house.command("backup", str(tmp_path / "backups"), "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        backup = json.loads(done.stdout)["backup"]
        assert house.buy("us", {"A": 3})
        assert house.buy("woo", {"A": 4, "B": 5})
        house.agree()
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(timeout=60) == 0
        assert house.buy("woo", {"B": 2})
        done = house.command("restore", backup, *only)
        assert done.returncode == 0, done.stdout + done.stderr
        house.daemon()
        house.agree()
        audit = house.command("audit", "--json")
        assert audit.returncode == 0, audit.stdout + audit.stderr
        assert not house.has_logged("drift.found")
