"""The daemon as a process: what the service manager, a power supply and an operator's mistakes do to it."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

from syncd.ledger import migrate
from syncd.ledger.connection import ledger_path, write_engine
from tests.system.house import open_house, wait_for


def test_the_service_manager_hears_that_it_is_ready_and_that_it_lives(tmp_path: Path) -> None:
    with open_house(tmp_path) as house, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        address = str(tmp_path / "notify")
        manager.bind(address)
        manager.settimeout(60)
        house.open_shops({"A": 1})
        daemon = house.daemon(environment={"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "900000"})
        heard = b""
        while b"WATCHDOG=1" not in heard:
            heard += manager.recv(4096) + b"\n"
        assert b"READY=1" in heard
        daemon.send_signal(signal.SIGTERM)
        while b"STOPPING=1" not in heard:
            heard += manager.recv(4096) + b"\n"
        assert daemon.wait(timeout=60) == 0


def test_ready_does_not_wait_for_a_reachable_shop(tmp_path: Path) -> None:
    with open_house(tmp_path) as house, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        address = str(tmp_path / "notify")
        manager.bind(address)
        manager.settimeout(60)
        house.daemon(environment={"NOTIFY_SOCKET": address})
        heard = b""
        while b"READY=1" not in heard:
            heard += manager.recv(4096) + b"\n"
        wait_for(lambda: house.has_logged("store.failed"), "words about the shop that is not there")


def test_a_wrong_configuration_ends_with_exit_code_78_and_names_every_mistake(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        text = (house.config / "tenants" / "acme.toml").read_text()
        broken = text.replace('returns = "store"', 'returns = "shop"').replace('baseline = "counted"', "", 1)
        (house.config / "tenants" / "acme.toml").write_text(broken)
        assert house.daemon().wait(timeout=60) == 78
        keys = {entry["key"] for entry in house.log() if entry["event"] == "config.invalid"}
        assert {"returns", "stores.us.baseline"} <= keys


def test_a_second_daemon_on_the_same_state_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        first = house.daemon()
        wait_for(lambda: house.has_logged("daemon.started"), "the first daemon")
        assert house.daemon().wait(timeout=60) == 75
        refusals = [entry for entry in house.log() if entry["event"] == "daemon.refused"]
        assert str(first.pid) in refusals[0]["reason"]
        assert first.poll() is None


def test_a_state_directory_that_cannot_be_used_is_said_in_clear_words(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        house.state.write_text("a file where a folder should be")
        assert house.daemon().wait(timeout=60) != 0
        refusal = next(entry for entry in house.log() if entry["event"] == "daemon.refused")
        assert str(house.state) in refusal["reason"]
        assert refusal["hint"]


def test_a_ledger_of_an_older_version_is_brought_to_this_one_and_that_is_said_once(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        house.state.mkdir()
        migrate.upgrade(write_engine(ledger_path(house.state)), head="0001")
        first = house.daemon()
        wait_for(lambda: house.has_logged("daemon.started"), "the daemon on the older ledger")
        assert [(entry["was"], entry["now"]) for entry in house.entries("ledger.migrated")] == [("0001", migrate.HEAD)]
        first.send_signal(signal.SIGTERM)
        assert first.wait(timeout=60) == 0
        house.daemon()
        wait_for(lambda: house.has_logged("daemon.started", 2), "the daemon on its own ledger")
        assert len(house.entries("ledger.migrated")) == 1
