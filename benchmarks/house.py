"""The real daemon as a process, between real simulated shops in others, all on this machine and without any delay of theirs.
The shops' own calls are switched off: the measurement calls in their place, so it knows when."""

from __future__ import annotations

import base64
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import anyio

from syncd.ports.hooks import secret_of
from syncd.stores.bigcommerce.hooks import HEADER

TENANT: Final = "bench"
TOKEN, KEY, SECRET = "sim-token", "ck_simulated", "cs_simulated"  # the simulators', known to all
STOCK: Final = 1_000
PATIENCE_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.1
KINDS: Final = {"us": "bigcommerce", "uk": "bigcommerce", "web": "woocommerce"}
SETTINGS = """
state_dir = "{folder}/state"
[log]
format = "json"
level = "debug"
[webhooks]
listen = "127.0.0.1:{door}"
public_url = "http://127.0.0.1:{door}"
"""
HEAD = """
returns = "store"
approve = "automatic"
[erp]
kind = "embedded"
"""
STORES = {
    "bigcommerce": """
[stores.{name}]
kind = "bigcommerce"
base_url = "http://127.0.0.1:{port}"
store_hash = "simshop"
access_token_file = "token"
baseline = "counted"
""",
    "woocommerce": """
[stores.{name}]
kind = "woocommerce"
base_url = "http://127.0.0.1:{port}"
consumer_key_file = "key"
consumer_secret_file = "secret"
auth = "basic"
baseline = "counted"
""",
}


class House:
    """A folder, the processes in it, and what they say."""

    def __init__(self, folder: Path, stores: tuple[str, ...]) -> None:
        self.folder = folder
        self.ports = {name: _free_port() for name in stores}
        self.door = _free_port()
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self.processes: list[subprocess.Popen[bytes]] = []
        self._read_bytes = 0
        tenants = folder / "config" / "tenants"
        tenants.mkdir(parents=True)
        for name, secret in (("token", TOKEN), ("key", KEY), ("secret", SECRET)):
            (tenants / name).touch(mode=0o600)
            (tenants / name).write_text(secret)
        (folder / "config" / "syncd.toml").write_text(SETTINGS.format(folder=folder, door=self.door))
        tables = [STORES[KINDS[name]].format(name=name, port=port) for name, port in self.ports.items()]
        (tenants / f"{TENANT}.toml").write_text(HEAD + "".join(tables))

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A Python process; what it prints goes to `log`."""
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen([sys.executable, "-m", *arguments], stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def daemon(self) -> subprocess.Popen[bytes]:
        """The daemon."""
        return self.start("syncd", "run", "--config", str(self.folder / "config"))

    async def open(self, skus: list[str]) -> None:
        """Shops and ERP with this stock."""
        for name, port in self.ports.items():
            self.start(f"syncd.simulator.{KINDS[name]}", "--port", str(port))
        for name in self.ports:
            await self.until(lambda name=name: self._answers(name))  # type: ignore[misc]
            await self.sim(
                name, "POST", "products", {"products": [{"sku": s, "name": s, "stock": STOCK} for s in skus]}
            )
            await self.sim(name, "PUT", "faults", {"webhook_lost": 1.0})
        opening = self.folder / "opening.csv"
        opening.write_text("sku,quantity\n" + "".join(f"{sku},{STOCK}\n" for sku in skus))
        command = [
            sys.executable,
            "-m",
            "syncd",
            "erp",
            "import",
            str(opening),
            "--config",
            str(self.folder / "config"),
        ]
        await anyio.run_process(command)

    async def _answers(self, name: str) -> bool:
        try:
            await self.sim(name, "GET", "truth")
        except aiohttp.ClientConnectionError:
            return False
        return True

    async def sim(self, name: str, method: str, path: str, body: Any = None) -> Any:
        """A shop's driving API."""
        url = f"http://127.0.0.1:{self.ports[name]}/_sim/{path}"
        async with self.session.request(method, url, json=body) as answer:
            answer.raise_for_status()
            return await answer.json(content_type=None)

    async def buy(self, name: str, sku: str, quantity: int = 1) -> dict[str, Any]:
        """A purchase."""
        lines = [{"sku": sku, "quantity": quantity}]
        result: dict[str, Any] = await self.sim(name, "POST", "orders", {"lines": lines, "paid": True})
        return result

    async def call(self, name: str, order: str) -> int:
        """Speak of an order, as the shop would. Returns the answer's status; 0 if there was none."""
        body, headers = _spoken(KINDS[name], order)
        try:
            async with self.session.post(
                f"http://127.0.0.1:{self.door}/{TENANT}/{name}", data=body, headers=headers
            ) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, OSError):
            return 0

    def news(self) -> list[dict[str, Any]]:
        """What was logged since the last look."""
        with (self.folder / "log").open("rb") as log:
            log.seek(self._read_bytes)
            whole = log.read().rpartition(b"\n")[0]
        self._read_bytes += len(whole) + bool(whole)
        return [json.loads(line) for line in whole.splitlines() if line.startswith(b"{")]

    async def until(self, what: Callable[[], Any], *, look_seconds: float = LOOK_SECONDS) -> Any:
        """Wait until `what()`, sync or async, gives something true."""
        with anyio.fail_after(PATIENCE_SECONDS):
            while True:
                found = what()
                found = await found if hasattr(found, "__await__") else found
                if found:
                    return found
                await anyio.sleep(look_seconds)

    async def logged(self, *wanted: tuple[str, str]) -> None:
        """Wait until each of these (event, store) was logged from now on."""
        left = set(wanted)

        def all_there() -> bool:
            left.difference_update((entry["event"], entry.get("store", "")) for entry in self.news())
            return not left

        await self.until(all_there)


def _spoken(kind: str, order: str) -> tuple[bytes, dict[str, str]]:
    """The body and headers of a store's call."""
    if kind == "bigcommerce":
        body = json.dumps({"scope": "store/order/updated", "data": {"type": "order", "id": int(order)}}).encode()
        return body, {HEADER: secret_of(TOKEN, kind)}
    body = json.dumps({"id": int(order), "status": "processing"}).encode()
    return body, {"X-WC-Webhook-Resource": "order", "X-WC-Webhook-Signature": _signature(secret_of(SECRET, kind), body)}


def _signature(secret: str, body: bytes) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def open_house(folder: Path, *stores: str) -> AsyncIterator[House]:
    """A house; nothing of it stays behind."""
    house = House(folder, stores)
    try:
        yield house
    finally:
        await house.session.close()
        for process in house.processes:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
            process.wait()
