"""The listener, over real sockets and a real ledger: nothing is answered before it is on disk, nobody learns anything."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal as signals_of_the_system
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest
from aiohttp import web

from syncd.clock import SystemClock
from syncd.core.signal import Kind
from syncd.errors import TransientError
from syncd.inbox import bodies as bodies_module
from syncd.inbox import inbox as inbox_module
from syncd.inbox.bodies import BODY_BYTES_MAX
from syncd.inbox.inbox import Inbox
from syncd.inbox.receiver import Door, Receiver
from syncd.inbox.sources import WRONG_MAX
from syncd.ledger import signals
from syncd.ledger.ledger import Ledger, open_ledger
from syncd.observability.log import make_log
from syncd.stores.bigcommerce.hooks import HEADER, BigCommerceHooks

NOBODY: Any = None
GENUINE = {HEADER: "ours"}


def call(order: int) -> bytes:
    return json.dumps({"scope": "store/order/updated", "data": {"type": "order", "id": order}}).encode()


def large(order: int) -> bytes:
    return call(order) + b" " * bodies_module.SMALL_BYTES_MAX


class Bench:
    """A receiver for one store, and what it did."""

    def __init__(self, folder: Path) -> None:
        self.clock = SystemClock()
        self.ledger: Ledger = open_ledger(folder, clock=self.clock)
        self.text = io.StringIO()
        self.log = make_log(self.text, form="json", level="info", clock=self.clock)
        self.inbox = Inbox(self.note)
        self.groups: list[int] = []
        self.rung = 0
        self.refuses: Exception | None = None
        hooks = BigCommerceHooks(NOBODY, secret="ours")
        self.doors = {("acme", "us"): Door("acme", "us", hooks, self.log, self.ring)}
        self.receiver = Receiver(self.inbox, self.doors, clock=self.clock, log=self.log)
        self.url = ""
        self.session: aiohttp.ClientSession = NOBODY

    def ring(self, _kind: Kind) -> None:
        self.rung += 1

    async def note(self, places: Any, queues: Any) -> Any:
        if self.refuses is not None:
            raise self.refuses
        self.groups.append(len(places))
        return await self.ledger.run(partial(signals.note, places=places, queues=queues, now=self.clock.now()))

    async def waiting(self) -> list[str]:
        return await self.ledger.read(lambda connection: list(signals.waiting(connection, "acme", "us", 100_000)))

    async def post(self, path: str = "/acme/us", body: Any = b"", **headers: str) -> tuple[int, bytes, dict[str, str]]:
        async with self.session.post(self.url + path, data=body, headers={**headers}) as answer:
            told = {name: value for name, value in answer.headers.items() if name not in {"Date", "Server"}}
            return answer.status, await answer.read(), told


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Bench]:
    bench = Bench(folder)
    runner = web.AppRunner(bench.receiver.app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    bench.url = f"http://{host}:{port}"
    try:
        async with aiohttp.ClientSession() as bench.session, anyio.create_task_group() as group:
            group.start_soon(bench.inbox.run)
            yield bench
            group.cancel_scope.cancel()
    finally:
        await runner.cleanup()
        await bench.ledger.close()


async def test_a_genuine_call_is_on_disk_when_it_is_answered_and_wakes_its_store(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        assert (await bench.post(body=call(7), **GENUINE))[:2] == (200, b"")
        assert await bench.waiting() == ["7"]
        assert bench.rung == 1


async def test_orders_wait_once_however_often_they_are_spoken_of(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        async with anyio.create_task_group() as group:
            for n in range(300):
                group.start_soon(partial(bench.post, body=call(n % 10), **GENUINE))
        assert sorted(await bench.waiting(), key=int) == [str(n) for n in range(10)]
        assert len(bench.groups) < 100, "calls that come while a group is written share the next one"


async def test_nobody_learns_which_stores_there_are(tmp_path: Path) -> None:
    """Answers to strangers are the same, whatever they ask for; so is WooCommerce's unsigned greeting."""
    async with opened(tmp_path) as bench:
        strangers = [
            await bench.post("/acme/us", call(1)),
            await bench.post("/acme/us", call(1), **{HEADER: "wrong"}),
            await bench.post("/acme/eu", call(1), **GENUINE),
            await bench.post("/nobody/us", call(1), **GENUINE),
            await bench.post("/", call(1), **GENUINE),
            await bench.post("/acme/us/more", call(1), **GENUINE),
        ]
        assert strangers == [strangers[0]] * len(strangers)
        assert strangers[0][:2] == (404, b"")
        async with bench.session.get(bench.url + "/acme/us", headers=GENUINE) as answer:
            assert answer.status == 404
        greetings = [await bench.post(path, b"webhook_id=3") for path in ("/acme/us", "/acme/eu", "/nobody/at-all")]
        assert greetings == [greetings[0]] * 3
        assert greetings[0][0] == 200
        assert await bench.waiting() == []
        assert bench.rung == 0


async def test_a_stranger_is_logged_once_and_his_words_never(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        for n in range(5):
            await bench.post(body=call(n), **{HEADER: "his-own-words"})
        refused = [json.loads(line) for line in bench.text.getvalue().splitlines()]
        assert [entry["event"] for entry in refused] == ["webhook.refused"]
        assert refused[0]["address"] == "127.0.0.1"
        assert "his-own-words" not in bench.text.getvalue()


async def test_who_guesses_is_not_heard_any_more_but_genuine_callers_behind_the_same_proxy_are(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        far, near = {"X-Forwarded-For": "198.51.100.7"}, {"X-Forwarded-For": "10.0.0.1, 198.51.100.8"}
        assert (await bench.post(body=call(1), **GENUINE, **near))[0] == 200
        answers = [
            (await bench.post(body=call(1), **{HEADER: f"guess {n}"}, **far))[0] for n in range(int(WRONG_MAX) + 5)
        ]
        assert answers.count(404) >= int(WRONG_MAX)
        assert answers[-1] == 429
        assert (await bench.post(body=call(2), **GENUINE, **far))[0] == 429
        for n in range(int(WRONG_MAX) + 5):
            await bench.post(body=call(1), **{HEADER: f"guess {n}"}, **near)
        assert (await bench.post(body=call(3), **GENUINE, **near))[0] == 200


async def test_greetings_of_many_shops_are_answered_but_not_without_an_end(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        far, near = {"X-Forwarded-For": "198.51.100.7"}, {"X-Forwarded-For": "198.51.100.8"}
        answers = [(await bench.post(body=b"webhook_id=7", **far))[0] for _ in range(400)]
        assert answers[:100] == [200] * 100
        assert answers[-1] == 429
        assert (await bench.post(body=b"webhook_id=7", **near))[0] == 200


async def test_a_body_above_the_limit_is_not_read(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        assert (await bench.post(body=io.BytesIO(bytes(BODY_BYTES_MAX + 1)), **GENUINE))[0] == 413


async def test_a_packed_body_is_not_unpacked(tmp_path: Path) -> None:
    """A kilobyte may come to a megabyte, and nobody knows yet who calls."""
    async with opened(tmp_path) as bench:
        packed = {**GENUINE, "Content-Encoding": "gzip"}
        assert (await bench.post(body=gzip.compress(call(1)), **packed))[0] == 415
        assert await bench.waiting() == []


async def test_unfinished_bodies_of_one_address_leave_others_their_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies_module, "SOURCE_BYTES_MAX", 40_000)
    monkeypatch.setattr(bodies_module, "BODIES_BYTES_MAX", 60_000)
    async with opened(tmp_path) as bench:
        host, _, port = bench.url.removeprefix("http://").rpartition(":")

        async def begin(address: str) -> Any:
            stream = await anyio.connect_tcp(host, int(port))
            head = f"POST /acme/us HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {address}\r\nContent-Length: 90000\r\n\r\n"
            await stream.send(head.encode() + bytes(19_000))
            return stream

        def room() -> tuple[int, ...]:
            bodies = bench.receiver._bodies
            return (bodies._all, *bodies._of.values())

        async def until(wanted: tuple[int, ...]) -> None:
            with anyio.fail_after(30):
                while room() != wanted:  # noqa: ASYNC110 - nothing tells it
                    await anyio.sleep(0.01)

        greedy = [await begin("198.51.100.7") for _ in range(2)]
        await until((38_000, 38_000))
        third = await begin("198.51.100.7")
        with anyio.fail_after(30):
            assert (await third.receive()).startswith(b"HTTP/1.1 503 ")
        assert (await bench.post(body=large(1), **GENUINE, **{"X-Forwarded-For": "198.51.100.8"}))[0] == 200
        another = await begin("198.51.100.9")
        await until((57_000, 38_000, 19_000))
        assert (await bench.post(body=large(2), **GENUINE))[0] == 503
        for stream in (*greedy, third, another):
            await stream.aclose()
        await until((0,))
        assert (await bench.post(body=large(2), **GENUINE))[0] == 200


async def test_who_never_ends_a_body_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies_module, "BODY_SECONDS", 0.05)
    async with opened(tmp_path) as bench:
        host, _, port = bench.url.removeprefix("http://").rpartition(":")
        async with await anyio.connect_tcp(host, int(port)) as stream:
            await stream.send(b"POST /acme/us HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            with anyio.fail_after(30):
                assert (await stream.receive()).startswith(b"HTTP/1.1 408 ")
        assert (await bench.post(body=call(1), **GENUINE))[0] == 200


@pytest.mark.parametrize("length_bytes", [100, 90_000])
async def test_who_hangs_up_within_a_body_is_not_worth_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, length_bytes: int
) -> None:
    async with opened(tmp_path) as bench:
        host, _, port = bench.url.removeprefix("http://").rpartition(":")
        began, ended = anyio.Event(), anyio.Event()
        read = bench.receiver._bodies.read

        async def watched(request: web.Request, address: str) -> bytes:
            began.set()
            try:
                return await read(request, address)
            finally:
                ended.set()

        monkeypatch.setattr(bench.receiver._bodies, "read", watched)
        async with await anyio.connect_tcp(host, int(port)) as stream:
            await stream.send(f"POST /acme/us HTTP/1.1\r\nHost: x\r\nContent-Length: {length_bytes}\r\n\r\n{{".encode())
            with anyio.fail_after(30):
                await began.wait()
        with anyio.fail_after(30):
            await ended.wait()
        assert (await bench.post(body=call(1), **GENUINE))[0] == 200
        assert not caplog.records
        assert not bench.text.getvalue()


async def test_where_the_ledger_takes_nothing_the_store_is_asked_to_call_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.refuses = TransientError("the disk is full")
        status, _, headers = await bench.post(body=call(1), **GENUINE)
        assert (status, int(headers["Retry-After"]) > 0) == (503, True)
        bench.refuses = None
        assert (await bench.post(body=call(1), **GENUINE))[0] == 200
        assert await bench.waiting() == ["1"]


async def test_a_full_backlog_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path) as bench:
        monkeypatch.setattr(inbox_module, "BACKLOG_MAX", 2)
        assert [(await bench.post(body=call(n), **GENUINE))[0] for n in range(4)] == [200, 200, 503, 503]
        assert await bench.waiting() == ["0", "1"]


KILLED = """
import asyncio, sys
from pathlib import Path
import anyio
from tests.inbox.test_receiver import opened

async def main():
    async with opened(Path(sys.argv[1])) as bench:
        print(bench.url, flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


async def test_what_was_answered_survives_a_kill(tmp_path: Path, project_folder: Path) -> None:
    server = subprocess.Popen(  # noqa: ASYNC220 - it only starts
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=project_folder
    )
    assert server.stdout is not None
    answered: list[int] = []
    try:
        url = server.stdout.readline().strip()

        async def caller(session: aiohttp.ClientSession, first: int) -> None:
            for order in range(first, 100_000, 8):
                try:
                    async with session.post(url + "/acme/us", data=call(order), headers=GENUINE) as answer:
                        if answer.status != 200:
                            return
                        answered.append(order)
                except aiohttp.ClientError:
                    return
                if len(answered) == 100:
                    os.kill(server.pid, signals_of_the_system.SIGKILL)

        async with aiohttp.ClientSession() as session, anyio.create_task_group() as group:
            for n in range(8):
                group.start_soon(caller, session, n)
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    async with opened(tmp_path) as bench:
        waiting = {int(order) for order in await bench.waiting()}
    assert len(answered) >= 100
    assert set(answered) <= waiting
