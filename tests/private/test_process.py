"""A real daemon: its private listener, apart from the control socket and from the shops, which can't be reached here."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.control.bench import write_configuration
from tests.private.asking import parse

PROJECT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-that-is-long-enough"
PATIENCE = 600  # looks, each a tenth of a second: a hang, not a speed limit


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@contextmanager
def daemon(folder: Path, private: str) -> Iterator[subprocess.Popen[bytes]]:
    config = write_configuration(folder)
    (config / "private.token").write_text(TOKEN)
    (config / "private.token").chmod(0o600)
    with (config / "syncd.toml").open("a") as settings:
        settings.write(f'[private]\n{private}\n[log]\nformat = "json"\n')
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SYNCD_")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "syncd", "run", "--config", str(config)],
            cwd=PROJECT,
            stdout=log,
            stderr=log,
            env=clean,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def ask(port: int, path: str, token: str = "") -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def until_ready(process: subprocess.Popen[bytes], port: int, log: Path, token: str = "") -> None:
    for _ in range(PATIENCE):
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError):
            if ask(port, "/ready", token)[0] == 200:
                return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
    raise AssertionError(log.read_text())


def test_it_is_alive_and_ready_while_no_shop_answers_and_ends_cleanly(tmp_path):
    port = free_port()
    with daemon(tmp_path, f'listen = "127.0.0.1:{port}"\ntoken_file = "private.token"') as process:
        until_ready(process, port, tmp_path / "log", TOKEN)
        assert ask(port, "/live") == (401, "")
        assert ask(port, "/live", TOKEN) == (200, "alive\n")
        status, text = ask(port, "/health", TOKEN)
        assert status == 200
        assert msgspec.json.decode(text)["tenants"][0]["tenant"] == "acme"
        numbers = parse(ask(port, "/metrics", TOKEN)[1])
        assert numbers["syncd_tenant_runs", (("tenant", "acme"),)] == 1
        assert TOKEN not in (tmp_path / "log").read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_an_address_that_is_taken_keeps_nothing_else_from_running(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with daemon(tmp_path, f'listen = "127.0.0.1:{port}"') as process:
            for _ in range(PATIENCE):
                log = (tmp_path / "log").read_text()
                if "private.unavailable" in log and "tenant.started" in log:
                    break
                assert process.poll() is None, log
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.1)
            (line,) = [line for line in log.splitlines() if "private.unavailable" in line]
            assert msgspec.json.decode(line)["address"] == f"127.0.0.1:{port}"
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
