"""Asking the daemon to stop while it has its hands full."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.system.house import PATIENCE_SECONDS, House, call, open_house, wait_for

HANG_SECONDS = 3_600.0  # an answer that nobody waits for


def hang(house: House) -> None:
    """From now on the ERP counts and never answers, and the shops don't answer at all."""
    house.faults(house.erp_port, timeout_after_rate=1.0, hang_seconds=HANG_SECONDS)
    before = len(call(house.erp_port, "/truth")["posts"])
    for lines in ({"A": 2}, {"A": 1, "B": 1}):
        for shop in house.ports:
            assert house.buy(shop, lines)
    wait_for(lambda: len(call(house.erp_port, "/truth")["posts"]) > before, "a move on its way to the ERP")
    for port in house.ports.values():
        house.faults(port, slow=1.0, slow_seconds=HANG_SECONDS)


def recover(house: House) -> None:
    """Everybody answers again."""
    house.faults(house.erp_port, timeout_after_rate=0.0)
    for shop in house.ports.values():
        house.faults(shop, slow=0.0)


@pytest.mark.slow
def test_a_stop_amid_unanswered_requests_is_bounded_and_the_next_start_goes_on(tmp_path: Path) -> None:
    with open_house(tmp_path, rest_erp=True) as house:
        house.settings("[shutdown]\ndrain_seconds = 2.0")
        house.open_shops({"A": 50, "B": 20})
        daemon = house.run_until_baseline()
        for asked in ([signal.SIGTERM, signal.SIGTERM], [signal.SIGINT]):
            hang(house)
            house.begin_life()
            for number in asked:
                daemon.send_signal(number)
                wait_for(lambda: house.logged_since("daemon.stopping"), "the stop")
            assert house.buy("us", {"A": 1})
            assert daemon.wait(timeout=PATIENCE_SECONDS) == 0
            assert house.log()[-1]["event"] == "daemon.stopped"
            recover(house)
            daemon = house.daemon()
        house.agree()
        posts = call(house.erp_port, "/truth")["posts"]
        assert set(posts.values()) == {1}, "what was under way was asked for by its key, not sent again"
        assert [entry["reason"] for entry in house.entries("daemon.stopping")] == ["SIGTERM", "SIGINT"]
        assert "Traceback" not in (house.folder / "log").read_text()
