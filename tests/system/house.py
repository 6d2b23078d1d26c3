"""The installed daemon as a real process, beside real shop processes, on sockets of this machine."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 120.0  # a hang, not a speed limit: these machines are slow and shared
STEP_SECONDS = 0.2

TENANT = """
returns = "store"
approve = "automatic"
[erp]
kind = "embedded"
[stores.us]
kind = "bigcommerce"
base_url = "http://127.0.0.1:{us}"
store_hash = "simshop"
access_token_file = "token"
baseline = "counted"
poll_seconds = 0.5
quota_share = 1.0
apply_seconds = 1
stale_seconds = 1
late_seconds = 5
read_items_every_seconds = 5
[stores.woo]
kind = "woocommerce"
base_url = "http://127.0.0.1:{woo}"
consumer_key_file = "key"
consumer_secret_file = "secret"
baseline = "counted"
poll_seconds = 0.5
settle_seconds = 1
late_seconds = 5
read_items_every_seconds = 5
"""


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def call(port: int, path: str, body: Any = None) -> Any:
    """A shop's driving API. None for a 409 (out of stock)."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/_sim{path}", data=data)
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 409:
            return None
        raise


def wait_for(what: Any, message: str) -> Any:
    """Until `what()` gives something true, which is returned."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        result = what()
        if result:
            return result
        time.sleep(STEP_SECONDS)
    raise AssertionError(f"waited in vain: {message}")


class House:
    """A folder with a configuration, two shops, and daemons that come and go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config"
        self.state = folder / "state"
        self.ports: dict[str, int] = {"us": free_port(), "woo": free_port()}
        self.processes: list[subprocess.Popen[bytes]] = []
        tenants = self.config / "tenants"
        tenants.mkdir(parents=True)
        for name, secret in (("token", "sim-token"), ("key", "ck_simulated"), ("secret", "cs_simulated")):
            (tenants / name).write_text(secret)
            (tenants / name).chmod(0o600)
        (self.config / "syncd.toml").write_text(f'state_dir = "{self.state}"\n[log]\nformat = "json"\n')
        (tenants / "acme.toml").write_text(TENANT.format(**self.ports))

    def start(
        self, arguments: Sequence[str], *, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """A Python process of ours; its output goes to `log`."""
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def open_shops(self, levels: Mapping[str, int]) -> None:
        """Start the shops, with the same stock as the ERP gets."""
        for name, kind in (("us", "bigcommerce"), ("woo", "woocommerce")):
            self.start([f"syncd.simulator.{kind}", "--port", str(self.ports[name])])
        products = [{"sku": sku, "name": sku, "stock": count} for sku, count in levels.items()]
        for name in self.ports:
            wait_for(lambda name=name: self._answers(name), f"shop {name}")
            call(self.ports[name], "/products", {"products": products})
        opening = self.folder / "opening.csv"
        opening.write_text("sku,quantity\n" + "".join(f"{sku},{count}\n" for sku, count in levels.items()))
        done = self.command("erp", "import", str(opening))
        assert done.returncode == 0, done.stdout + done.stderr

    def _answers(self, name: str) -> bool:
        try:
            call(self.ports[name], "/truth")
        except OSError:
            return False
        return True

    def daemon(self, *, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """The daemon, as the service manager starts it."""
        return self.start(["syncd", "run", "--config", str(self.config)], environment=environment)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command beside it."""
        return subprocess.run(
            [sys.executable, "-m", "syncd", *arguments, "--config", str(self.config)],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )

    def log(self) -> list[dict[str, Any]]:
        """Every event so far."""
        lines = (self.folder / "log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def has_logged(self, event: str, count: int = 1) -> bool:
        """Whether the event was logged so often."""
        return sum(entry["event"] == event for entry in self.log()) >= count

    def erp_levels(self) -> dict[str, str]:
        """What the ERP has, by the command line."""
        done = self.command("erp", "levels", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return {row["sku"]: row["level"] for row in json.loads(done.stdout)["levels"]}

    def shown(self, name: str) -> dict[str, int]:
        """What a shop shows."""
        return {sku: entry["level"] for sku, entry in call(self.ports[name], "/truth")["skus"].items()}

    def close(self) -> None:
        """Nothing stays behind."""
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def open_house(folder: Path) -> Iterator[House]:
    """A house; whatever was started in it is gone afterwards."""
    house = House(folder)
    try:
        yield house
    finally:
        house.close()
