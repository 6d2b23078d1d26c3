"""Memory of the real daemon, `syncd run`, with its shops in other processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.daemon import STORE, TENANT, stock_the_erp, write_configuration
from benchmarks.shop import FULL

BIGCOMMERCE = """
[stores.{name}]
kind = "bigcommerce"
base_url = "{url}"
store_hash = "simshop"
access_token_file = "token"
baseline = "counted"
quota_share = 1.0
"""
PORTS = (18_801, 18_802)
IDLE_STORES, IDLE_TENANTS = 100, 2
START_SECONDS = 30.0
SETTLE_SECONDS = 6.0  # after the last store is ready: first polls, catalogues and levels are over


def measure(folder: Path, url: str) -> dict[str, Any]:
    """Resident memory in MB: one tenant with three stores, one of which has 20,000 orders in its baseline; and what a hundred
    idle stores more, in tenants of fifty, add to three idle ones."""
    with _bigcommerce(PORTS[0]) as first, _bigcommerce(PORTS[1]) as second:

        def three(shop: str) -> dict[str, Sequence[str]]:
            return {
                TENANT: [
                    STORE.format(name="woo", url=f"{url}/{shop}", more='cutover = "2026-10-01T00:00:00Z"'),
                    BIGCOMMERCE.format(name="big1", url=first),
                    BIGCOMMERCE.format(name="big2", url=second),
                ]
            }

        idle: dict[str, Sequence[str]] = {
            f"idle{tenant}": [
                STORE.format(name=f"s{n}", url=f"{url}/idle{n}", more="")
                for n in range(tenant, IDLE_STORES, IDLE_TENANTS)
            ]
            for tenant in range(IDLE_TENANTS)
        }
        working = _resident(folder / "working", three(FULL))
        few = _resident(folder / "few", three("quiet"))
        many = _resident(folder / "many", three("quiet") | idle)
    return {"three_stores_mb": working, "three_idle_mb": few, "with_idle_mb": many, "idle_mb": many - few}


def _resident(folder: Path, tenants: Mapping[str, Sequence[str]]) -> float:
    folder.mkdir()
    for tenant, stores in tenants.items():
        configuration = write_configuration(folder, stores, tenant)
        stock_the_erp(folder, tenant)
    log = folder / "daemon.jsonl"
    with log.open("wb") as stream:
        daemon = subprocess.Popen(
            [sys.executable, "-m", "syncd", "run", "--config", str(configuration)], stdout=stream, stderr=stream
        )
        try:
            _wait(log, b'"store.baseline_done"', sum(map(len, tenants.values())), daemon)
            time.sleep(SETTLE_SECONDS)
            return _resident_mb(daemon.pid)
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(timeout=START_SECONDS)


def _wait(log: Path, words: bytes, times: int, daemon: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS + times
    while log.read_bytes().count(words) < times:
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the daemon did not come up:\n{log.read_text()[-3_000:]}")
        time.sleep(0.1)


def _resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1_024
    raise RuntimeError("no VmRSS: this needs Linux")


@contextmanager
def _bigcommerce(port: int) -> Iterator[str]:
    shop = subprocess.Popen(
        [sys.executable, "-m", "syncd.simulator.bigcommerce", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        shop.terminate()
        shop.wait()
