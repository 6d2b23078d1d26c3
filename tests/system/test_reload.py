"""Changing what a running daemon does: SIGHUP, `syncd reload`, `syncd pause`, beside real shops."""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path

from tests.system.house import House, call, free_port, open_house, wait_for

SECOND = """
returns = "store"
approve = "automatic"
[erp]
kind = "embedded"
[stores.solo]
kind = "bigcommerce"
base_url = "http://127.0.0.1:{port}"
store_hash = "simshop"
access_token_file = "token"
baseline = "counted"
poll_seconds = 0.5
quota_share = 1.0
"""


def opened(house: House, level: int) -> None:
    """A daemon at work on two shops."""
    house.open_shops({"A": level})
    house.daemon()
    wait_for(lambda: house.has_logged("store.baseline_done", 2), "both baselines")


def test_sighup_adds_a_tenant_while_the_first_goes_on_selling(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        opened(house, 50)
        daemon = house.processes[-1]
        port = free_port()
        house.start(["syncd.simulator.bigcommerce", "--port", str(port)])

        def answers() -> bool:
            try:
                call(port, "/products", {"products": [{"sku": "A", "name": "A", "stock": 5}]})
            except OSError:
                return False
            return True

        wait_for(answers, "the new shop")
        (house.config / "tenants" / "beta.toml").write_text(SECOND.format(port=port))
        sold = 0
        for turn in range(6):
            assert house.buy(("us", "woo")[turn % 2], {"A": 1})
            sold += 1
            if turn in (2, 3):
                daemon.send_signal(signal.SIGHUP)
        wait_for(lambda: house.has_logged("store.baseline_done", 3), "the new tenant's baseline")
        started = [entry for entry in house.log() if entry["event"] == "config.reloaded"]
        assert started[0]["started"] == ["beta"]
        assert started[0]["unchanged"] == 1
        assert sum(entry["event"] == "tenant.started" for entry in house.log()) == 2

        def counted() -> bool:
            done = house.command("erp", "levels", "--json", "--tenant", "acme")
            levels = {row["sku"]: row["level"] for row in json.loads(done.stdout)["levels"]}
            return levels == {"A": str(50 - sold)} and all(house.shown(n) == {"A": 50 - sold} for n in house.ports)

        wait_for(counted, "agreement of the first tenant")
        assert daemon.poll() is None


def test_an_invalid_file_is_said_everywhere_and_the_tenant_goes_on_as_it_was(tmp_path: Path) -> None:
    with open_house(tmp_path) as house, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        address = str(tmp_path / "notify")
        manager.bind(address)
        manager.settimeout(60)
        house.open_shops({"A": 10})
        house.daemon(environment={"NOTIFY_SOCKET": address})
        wait_for(lambda: house.has_logged("store.baseline_done", 2), "both baselines")
        file = house.config / "tenants" / "acme.toml"
        good = file.read_text()
        file.write_text(good.replace('returns = "store"', 'returns = "shop"'))
        before_us = time.monotonic_ns() // 1_000
        done = house.command("reload")
        assert done.returncode == 78, done.stdout + done.stderr
        assert "goes on as it was" in done.stdout
        heard = b""
        while b"RELOADING=1" not in heard or b"acme" not in heard:
            heard += manager.recv(4096) + b"\n"
        at = int(heard.split(b"MONOTONIC_USEC=")[1].split(b"\n")[0])
        assert before_us <= at <= time.monotonic_ns() // 1_000
        assert heard.rindex(b"READY=1") > heard.rindex(b"RELOADING=1")
        assert "STATUS=1 tenant(s) running; not as configured: acme" in heard.decode()
        assert house.has_logged("config.kept")
        told = json.loads(house.command("status", "--json").stdout)
        assert "returns" in told["tenants"][0]["kept"][0]
        assert told["broken"] == []
        assert house.buy("us", {"A": 3})
        house.agree()
        file.write_text(good)
        done = house.command("reload", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(done.stdout)["unchanged"] == 1


def test_a_changed_key_is_used_and_blotted_out_from_then_on(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        opened(house, 10)
        (house.config / "tenants" / "token").write_text("another-token-of-the-shop")
        done = house.command("reload", "--json")
        assert json.loads(done.stdout)["stores"]["restarted"] == ["acme/us"], done.stdout + done.stderr
        wait_for(lambda: house.has_logged("store.failed"), "words of the shop that refuses the key")
        assert "another-token-of-the-shop" not in (house.folder / "log").read_text()
        (house.config / "tenants" / "token").write_text("sim-token")
        assert house.command("reload").returncode == 0
        assert house.buy("us", {"A": 1})
        house.agree()


def test_a_pause_survives_kill_9_and_ends_when_it_is_resumed(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        opened(house, 20)
        done = house.command("pause", "acme", "us", "--reason", "stocktake")
        assert done.returncode == 0, done.stdout + done.stderr
        house.processes[-1].kill()
        house.processes[-1].wait()
        house.daemon()
        wait_for(lambda: house.has_logged("daemon.started", 2), "the second start")
        assert house.buy("us", {"A": 2})
        assert house.buy("woo", {"A": 1})
        wait_for(lambda: house.erp_levels() == {"A": "19"} and house.shown("woo") == {"A": 19}, "the other shop's sale")
        assert house.shown("us") == {"A": 18}
        told = json.loads(house.command("status", "--json").stdout)
        us = next(store for store in told["tenants"][0]["stores"] if store["store"] == "us")
        assert (us["writes"], us["paused"]["reason"]) == ("paused", "stocktake")
        assert house.command("resume", "acme", "us").returncode == 0
        house.agree()


def test_reload_without_a_daemon_says_so(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        done = house.command("reload")
        assert done.returncode == 69
        assert "no daemon runs" in done.stderr
