"""The installed daemon as a real process, beside real shop processes, on sockets of this machine."""

from __future__ import annotations

import ctypes
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

EMBEDDED = 'kind = "embedded"'
REST = """kind = "http"
base_url = "http://127.0.0.1:{erp}"
token_file = "token"
poll_seconds = 0.5
"""
TENANT = """
returns = "store"
approve = "automatic"
[erp]
{erp_table}
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
late_seconds = 2
read_items_every_seconds = 2
[stores.woo]
kind = "woocommerce"
base_url = "http://127.0.0.1:{woo}"
consumer_key_file = "key"
consumer_secret_file = "secret"
baseline = "counted"
poll_seconds = 0.5
settle_seconds = 1
late_seconds = 2
read_items_every_seconds = 2
"""


DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>
_LIBC = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """In a child, before its program begins: whoever kills the tests kills it too."""
    _LIBC.prctl(DIE_WITH_PARENT, signal.SIGKILL)


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def call(port: int, path: str, body: Any = None, *, method: str | None = None) -> Any:
    """A simulator's driving API. None for a 409 (out of stock)."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/_sim{path}", data=data, method=method)
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 409:
            return None
        raise


def wait_for(what: Any, message: str, *, step_seconds: float = STEP_SECONDS) -> Any:
    """Until `what()` gives something true, which is returned."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        result = what()
        if result:
            return result
        time.sleep(step_seconds)
    raise AssertionError(f"waited in vain: {message}")


class House:
    """A folder with a configuration, two shops, and daemons that come and go."""

    def __init__(self, folder: Path, *, state: Path | None = None, rest_erp: bool = False) -> None:
        """`state` is its state directory, `rest_erp` puts a simulated ERP behind HTTP in the stock book's place."""
        self.folder = folder
        self.config = folder / "config"
        self.state = state or folder / "state"
        self.ports: dict[str, int] = {"us": free_port(), "woo": free_port()}
        self.erp_port = free_port() if rest_erp else 0
        self.processes: list[subprocess.Popen[bytes]] = []
        self.earlier_bytes = 0
        self.opening: dict[str, int] = {}
        self.sold: dict[str, int] = {}
        tenants = self.config / "tenants"
        tenants.mkdir(parents=True)
        for name, secret in (("token", "sim-token"), ("key", "ck_simulated"), ("secret", "cs_simulated")):
            (tenants / name).write_text(secret)
            (tenants / name).chmod(0o600)
        self.settings("")
        table = REST.format(erp=self.erp_port) if rest_erp else EMBEDDED
        (tenants / "acme.toml").write_text(TENANT.format(erp_table=table, **self.ports))

    def settings(self, more: str) -> None:
        """Write syncd.toml, with more tables."""
        text = f'state_dir = "{self.state}"\n[log]\nformat = "json"\n{more}\n'
        (self.config / "syncd.toml").write_text(text)

    def cut_over_long_ago(self) -> None:
        """Let every order count, whenever the daemon first sees the shops."""
        path = self.config / "tenants" / "acme.toml"
        path.write_text(path.read_text().replace("baseline =", "cutover = 2020-01-01T00:00:00Z\nbaseline ="))

    def begin_life(self) -> None:
        """What was logged so far belongs to earlier lives."""
        log = self.folder / "log"
        self.earlier_bytes = log.stat().st_size if log.exists() else 0

    def logged_since(self, event: str) -> bool:
        """Whether the event was logged in this life."""
        with (self.folder / "log").open("rb") as log:
            log.seek(self.earlier_bytes)
            return f'"event":"{event}"'.encode() in log.read()

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
                preexec_fn=die_with_parent,  # noqa: PLW1509 - no threads here
            )
        self.processes.append(process)
        return process

    def open_shops(self, levels: Mapping[str, int]) -> None:
        """Start the shops, with the same stock as the ERP gets."""
        self.opening, self.sold = dict(levels), dict.fromkeys(levels, 0)
        for name, kind in (("us", "bigcommerce"), ("woo", "woocommerce")):
            self.start([f"syncd.simulator.{kind}", "--port", str(self.ports[name])])
        if self.erp_port:
            self.start(["syncd.simulator.erp", "--port", str(self.erp_port), "--token", "sim-token"])
        products = [{"sku": sku, "name": sku, "stock": count, "location": "main"} for sku, count in levels.items()]
        for port in (*self.ports.values(), *([self.erp_port] if self.erp_port else [])):
            wait_for(lambda port=port: self._answers(port), f"the simulator on port {port}")
            call(port, "/products", {"products": products})
        if not self.erp_port:
            opening = self.folder / "opening.csv"
            opening.write_text("sku,quantity\n" + "".join(f"{sku},{count}\n" for sku, count in levels.items()))
            done = self.command("erp", "import", str(opening))
            assert done.returncode == 0, done.stdout + done.stderr

    def _answers(self, port: int) -> bool:
        try:
            call(port, "/truth")
        except OSError:
            return False
        return True

    def buy(self, name: str, lines: Mapping[str, int]) -> bool:
        """A purchase, which is added to `sold`; False if the shop refused it."""
        wanted = [{"sku": sku, "quantity": count} for sku, count in lines.items()]
        if call(self.ports[name], "/orders", {"lines": wanted, "paid": True}) is None:
            return False
        for sku, count in lines.items():
            self.sold[sku] += count
        return True

    def faults(self, port: int, **dials: Any) -> None:
        """Turn a simulator's dials."""
        call(port, "/faults", dials, method="POST" if port == self.erp_port else "PUT")

    def level_writes(self, name: str) -> int:
        """How many requests a shop got that could change its levels."""
        seen = call(self.ports[name], "/requests")
        return sum(each["method"] != "GET" for each in seen)

    def run_until_baseline(
        self, *, environment: Mapping[str, str] | None = None, module: str = "syncd"
    ) -> subprocess.Popen[bytes]:
        """The daemon's first life, when all its stores are at work."""
        daemon = self.daemon(environment=environment, module=module)

        def all_done() -> bool:
            assert daemon.poll() is None, (self.folder / "log").read_text()
            return self.has_logged("store.baseline_done", len(self.ports))

        wait_for(all_done, "the baselines")
        return daemon

    def daemon(self, *, environment: Mapping[str, str] | None = None, module: str = "syncd") -> subprocess.Popen[bytes]:
        """The daemon, as the service manager starts it; or the hasty one."""
        return self.start([module, "run", "--config", str(self.config)], environment=environment)

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

    def entries(self, event: str) -> list[dict[str, Any]]:
        """What was logged under this name."""
        return [entry for entry in self.log() if entry["event"] == event]

    def erp_levels(self) -> dict[str, str]:
        """What the ERP has, by its own word or the command line."""
        if self.erp_port:
            return {sku: str(level) for sku, level in call(self.erp_port, "/truth")["skus"].items()}
        done = self.command("erp", "levels", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return {row["sku"]: row["level"] for row in json.loads(done.stdout)["levels"]}

    def shown(self, name: str) -> dict[str, int]:
        """What a shop shows."""
        return {sku: entry["level"] for sku, entry in call(self.ports[name], "/truth")["skus"].items()}

    def agree(self) -> None:
        """Wait until the ERP has the opening stock less what was sold, and both shops show it: each unit counted once."""
        levels = {sku: count - self.sold[sku] for sku, count in self.opening.items()}
        told = {sku: str(count) for sku, count in levels.items()}

        def all_agree() -> bool:
            return all(self.shown(name) == levels for name in self.ports) and self.erp_levels() == told

        try:
            wait_for(all_agree, "agreement")
        except AssertionError as error:
            shown = {name: self.shown(name) for name in self.ports}
            tail = "\n".join(str(entry)[:300] for entry in self.log()[-30:])
            raise AssertionError(f"should be {levels}, ERP {self.erp_levels()}, shops {shown}\n{tail}") from error
        assert not self.entries("bug.found")

    def audit(self) -> None:
        """The product's own verdict."""
        done = self.command("audit", "--json")
        assert done.returncode == 0, done.stdout + done.stderr

    def close(self) -> None:
        """Nothing stays behind."""
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def open_house(folder: Path, *, state: Path | None = None, rest_erp: bool = False) -> Iterator[House]:
    """A house; whatever was started in it is gone afterwards."""
    house = House(folder, state=state, rest_erp=rest_erp)
    try:
        yield house
    finally:
        house.close()
