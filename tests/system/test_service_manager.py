"""The real daemon under a service manager: its notify socket, its journal socket, a listening socket that it holds."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from syncd.ledger.lock import ProcessLock
from syncd.ports.hooks import secret_of
from syncd.stores.bigcommerce.hooks import HEADER
from tests.observability.test_journal import Journald
from tests.system.activated import DESCRIPTORS_VARIABLE, JOURNAL_VARIABLE
from tests.system.house import PATIENCE_SECONDS, House, open_house, wait_for

CALLERS = 4
CALLS = 120


class Manager:
    """A service manager's notify socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(PATIENCE_SECONDS)
        self.heard: list[dict[str, str]] = []

    def hear(self, name: str, value: str | None = None) -> dict[str, str]:
        """The next message that has this name (and value)."""
        while True:
            message = dict(line.split("=", 1) for line in self.socket.recv(4096).decode().split("\n"))
            self.heard.append(message)
            if name in message and value in (None, message[name]):
                return message

    def said(self, name: str) -> list[str]:
        """Every value of this name so far."""
        return [message[name] for message in self.heard if name in message]


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    there = Manager(tmp_path / "notify")
    yield there
    there.socket.close()


@contextmanager
def held_socket() -> Iterator[socket.socket]:
    """What a socket unit makes: it listens, and nobody accepts but the daemon that gets it."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen(512)
        yield one


def start(house: House, listener: socket.socket, manager: Manager) -> subprocess.Popen[bytes]:
    """The daemon with the socket handed over; returns when it is ready."""
    os.set_inheritable(listener.fileno(), True)
    with (house.folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.system.activated", "run", "--config", str(house.config)],
            stdout=log, stderr=log, start_new_session=True, pass_fds=[listener.fileno()],
            env={
                **os.environ, "NOTIFY_SOCKET": str(manager.path), DESCRIPTORS_VARIABLE: str(listener.fileno()),
                "LISTEN_FDNAMES": "webhooks",
            },
        )  # fmt: skip
    house.processes.append(process)
    manager.hear("READY")
    return process


def call(port: int, order: int) -> int:
    """A store's genuine call. Returns the answer's status; raises where it was refused or got none."""
    body = json.dumps({"scope": "store/order/updated", "data": {"type": "order", "id": order}}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/acme/us", data=body, method="POST")
    request.add_header(HEADER, secret_of("sim-token", "bigcommerce"))
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        return int(answer.status)


def webhooks(port: int) -> str:
    return f'[webhooks]\nlisten = "127.0.0.1:{port}"\npublic_url = "http://127.0.0.1:{port}"'


def test_calls_during_restarts_are_neither_refused_nor_lost(tmp_path: Path, manager: Manager) -> None:
    with open_house(tmp_path) as house, held_socket() as listener, ThreadPoolExecutor(CALLERS) as callers:
        port = listener.getsockname()[1]
        house.settings(webhooks(port))
        process = start(house, listener, manager)
        answers = [callers.submit(call, port, order) for order in range(1, CALLS + 1)]
        for _ in range(2):
            answers[0].result(PATIENCE_SECONDS)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE_SECONDS) == 0
            answers += [callers.submit(call, port, order) for order in range(1_000, 1_000 + CALLERS)]
            process = start(house, listener, manager)
        assert [each.result(PATIENCE_SECONDS) for each in answers] == [200] * len(answers)
        # One that dies has answered nothing that wasn't on disk, and whoever comes afterwards waits.
        process.kill()
        process.wait()
        late = callers.submit(call, port, 2_000)
        process = start(house, listener, manager)
        assert late.result(PATIENCE_SECONDS) == 200
        assert not house.entries("webhook.socket")
        assert not house.entries("webhook.unavailable")
        assert not house.entries("library.warned")
        assert not house.entries("bug.found")


def test_a_socket_at_another_address_than_the_configured_one_is_used_and_told(tmp_path: Path, manager: Manager) -> None:
    with open_house(tmp_path) as house, held_socket() as listener:
        port = listener.getsockname()[1]
        house.settings(webhooks(1))
        start(house, listener, manager)
        assert call(port, 1) == 200
        [told] = house.entries("webhook.socket")
        assert (told["socket"], told["configured"]) == (f"127.0.0.1:{port}", "127.0.0.1:1")


def test_a_socket_for_which_nothing_is_configured_is_told(tmp_path: Path, manager: Manager) -> None:
    with open_house(tmp_path) as house, held_socket() as listener:
        start(house, listener, manager)
        assert "no [webhooks]" in house.entries("webhook.socket")[0]["reason"]


def test_the_service_manager_hears_of_the_start_of_life_and_of_the_end(tmp_path: Path, manager: Manager) -> None:
    with open_house(tmp_path) as house:
        house.settings("[shutdown]\ndrain_seconds = 7.0")
        process = house.daemon(environment={"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "600000"})
        assert manager.hear("EXTEND_TIMEOUT_USEC")["EXTEND_TIMEOUT_USEC"] == "120000000", "the ledger is made"
        assert "ledger" in manager.hear("STATUS")["STATUS"]
        assert manager.hear("READY")["STATUS"].startswith("1 tenant(s) running")
        assert house.has_logged("tenant.started")
        assert manager.said("READY") == ["1"]
        for _ in range(3):
            manager.hear("WATCHDOG", "1")
        while "can't be read: acme/us, acme/woo" not in manager.hear("STATUS")["STATUS"]:
            pass  # there are no shops: which of them is missed first depends on the moment
        process.send_signal(signal.SIGTERM)
        manager.hear("STOPPING", "1")
        assert int(manager.hear("EXTEND_TIMEOUT_USEC")["EXTEND_TIMEOUT_USEC"]) >= 7_000_000
        assert process.wait(timeout=PATIENCE_SECONDS) == 0


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[Journald]:
    there = Journald(tmp_path / "journal")
    yield there
    there.socket.close()


def test_under_journald_the_log_goes_there_with_its_fields(tmp_path: Path, journald: Journald) -> None:
    with open_house(tmp_path) as house:
        house.config.joinpath("syncd.toml").write_text(f'state_dir = "{house.state}"\n')
        log = tmp_path / "log"
        log.touch()
        found = log.stat()
        environment = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}", JOURNAL_VARIABLE: str(journald.path)}
        process = house.daemon(environment=environment, module="tests.system.activated")
        entries: list[dict[str, str]] = []

        def has(event: str) -> bool:
            entries.extend(journald.entries())
            return any(entry["SYNCD_EVENT"] == event for entry in entries)

        wait_for(lambda: has("tenant.started"), "the tenant in the journal")
        wait_for(lambda: has("store.unreachable") or has("store.failed"), "a store's trouble")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE_SECONDS) == 0
        assert has("daemon.stopped")
        mine = [entry for entry in entries if entry.get("SYNCD_TENANT") == "acme"]
        assert {"tenant.started"} < {entry["SYNCD_EVENT"] for entry in mine}
        assert {entry["SYSLOG_IDENTIFIER"] for entry in entries} == {"syncd"}
        assert {entry["SYNCD_STORE"] for entry in mine if "SYNCD_STORE" in entry} & {"us", "woo"}
        assert log.read_text() == ""


def test_secrets_come_as_credentials(tmp_path: Path, manager: Manager) -> None:
    with open_house(tmp_path) as house:
        file = house.config / "tenants" / "acme.toml"
        kept = [line for line in file.read_text().splitlines() if "_file" not in line]
        file.write_text("\n".join(kept))
        credentials = tmp_path / "credentials"
        credentials.mkdir()
        for name, secret in (
            ("acme.us.access_token", "sim-token"), ("acme.woo.consumer_key", "ck_simulated"),
            ("acme.woo.consumer_secret", "cs_simulated"),
        ):  # fmt: skip
            (credentials / name).write_text(secret + "\n")
        assert house.daemon().wait(timeout=PATIENCE_SECONDS) == 78, "without them nothing can run"
        house.daemon(environment={"NOTIFY_SOCKET": str(manager.path), "CREDENTIALS_DIRECTORY": str(credentials)})
        manager.hear("READY")
        assert not (house.folder / "log").read_text().count("sim-token")


def test_a_ledger_that_a_command_has_at_this_moment_is_tried_again_later(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        house.state.mkdir()
        lock = ProcessLock.acquire(house.state)
        assert house.daemon().wait(timeout=PATIENCE_SECONDS) == 75, "78 would keep it from being started again"
        assert "another syncd" in house.entries("daemon.refused")[0]["reason"]
        lock.release()
