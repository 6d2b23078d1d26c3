"""Alerts of a real daemon on their way to a real server, through a kill."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.engine.receiver import SECRET, is_genuine
from tests.system.house import House, call, open_house, wait_for


class Server(ThreadingHTTPServer):
    """Takes alerts: (status it gave, id, body)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 503
        self.calls: list[tuple[int, str, dict[str, object]]] = []

    def answered(self, status: int, kind: str) -> list[tuple[int, str, dict[str, object]]]:
        """The calls about this that got this answer."""
        return [each for each in self.calls if each[0] == status and each[2]["type"] == kind]


class Handler(BaseHTTPRequestHandler):
    """One call."""

    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status = self.server.status if is_genuine(headers, body) else 401
        self.server.calls.append((status, headers["webhook-id"], json.loads(body)))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield one
    one.shutdown()
    thread.join()
    one.server_close()


def with_alerts(house: House, server: Server) -> None:
    house.settings(f'[alerts]\nurl = "http://127.0.0.1:{server.server_port}/alerts"\nsecret_file = "alerts.secret"')
    secret = house.config / "alerts.secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)


def test_an_alert_that_was_refused_for_now_arrives_after_a_kill_and_with_the_same_id(
    tmp_path: Path, server: Server
) -> None:
    with open_house(tmp_path) as house:
        with_alerts(house, server)
        house.open_shops({"A": 10})
        daemon = house.run_until_baseline()
        novelty = {"products": [{"sku": "NEW", "name": "NEW", "stock": 5, "location": "main"}]}
        call(house.ports["us"], "/products", novelty)
        assert call(house.ports["us"], "/orders", {"lines": [{"sku": "NEW", "quantity": 1}], "paid": True})
        wait_for(lambda: server.answered(503, "quarantine.grew"), "a first try")
        daemon.kill()
        daemon.wait()
        house.begin_life()
        server.status = 204
        house.daemon()
        [(_, name, body)] = wait_for(lambda: server.answered(204, "quarantine.grew"), "its arrival")
        assert name == server.answered(503, "quarantine.grew")[0][1]
        assert body["data"]["tenant"] == "acme"
        assert body["data"]["store"] == "us"
        assert house.buy("us", {"A": 1})
        wait_for(lambda: house.shown("woo") == {"A": 9}, "the other shop's level")
        log = (house.folder / "log").read_text()
        assert SECRET.removeprefix("whsec_") not in log
        assert not house.entries("alerts.given_up")


@pytest.mark.slow
def test_a_store_that_goes_and_comes_back_is_told_of_twice(tmp_path: Path, server: Server) -> None:
    server.status = 204
    with open_house(tmp_path) as house:
        with_alerts(house, server)
        house.open_shops({"A": 10})
        house.run_until_baseline(module="tests.system.hasty")
        house.faults(house.ports["us"], slow=1.0, slow_seconds=3_600.0)
        wait_for(lambda: server.answered(204, "store.stale"), "the alert")
        house.faults(house.ports["us"], slow=0.0)
        wait_for(lambda: server.answered(204, "store.fresh"), "its end")
        assert [each[2]["data"]["store"] for each in server.calls] == ["us", "us"]  # type: ignore[index]
