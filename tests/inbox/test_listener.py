"""The listener's end and its inherited sockets, over real connections: whoever has got in is answered."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from aiohttp import web

from syncd.clock import SystemClock
from syncd.inbox import listener as listener_module
from syncd.inbox.inherited import fit, inherited_sockets
from syncd.inbox.listener import listening
from syncd.observability.log import Log, make_log

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"


def a_log() -> tuple[Log, io.StringIO]:
    text = io.StringIO()
    return make_log(text, form="json", level="debug", clock=SystemClock()), text


def logged(text: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.getvalue().splitlines()]


def held(port: int = 0) -> socket.socket:
    """A listening socket, as the service manager has it."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", port))
    one.listen(64)
    return one


class Host:
    """An application that answers when it is let."""

    def __init__(self) -> None:
        self.asked = anyio.Event()
        self.let = anyio.Event()

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.asked.set()
        await self.let.wait()
        return web.Response(body=body)


@asynccontextmanager
async def serving(host: Host, manager: socket.socket) -> AsyncIterator[tuple[str, int]]:
    log, text = a_log()
    async with listening(host.app(), "127.0.0.1:1", log, inherited=[manager.dup()]):
        yield manager.getsockname()
    assert not logged(text)


async def everything(stream: anyio.abc.SocketStream) -> bytes:
    """All that is said until the connection ends; which it does."""
    answer = b""
    try:
        with anyio.fail_after(60):
            while True:
                answer += await stream.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        return answer


async def test_a_call_that_is_being_answered_when_the_listener_ends_gets_its_answer() -> None:
    host = Host()
    with held() as manager:
        async with anyio.create_task_group() as group:
            ended = anyio.Event()

            async def serve() -> None:
                async with serving(host, manager):
                    await ended.wait()

            group.start_soon(serve)
            stream = await anyio.connect_tcp(*manager.getsockname())
            await stream.send(HEAD + b"hi")
            await host.asked.wait()
            ended.set()
            await anyio.wait_all_tasks_blocked()
            host.let.set()
            answer = await everything(stream)
            await stream.aclose()
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in answer.lower(), "on a kept one a next call could come just as it is closed"


async def test_one_who_says_the_rest_while_the_listener_ends_is_answered() -> None:
    host = Host()
    host.let.set()
    whole = HEAD + b"hi"
    with held() as manager:
        for said in (1, 20, len(HEAD), len(HEAD) + 1):
            async with anyio.create_task_group() as group:
                ended = anyio.Event()

                async def serve(ended: anyio.Event = ended) -> None:
                    async with serving(host, manager):
                        await ended.wait()

                group.start_soon(serve)
                stream = await anyio.connect_tcp(*manager.getsockname())
                await stream.send(whole[:said])
                await anyio.sleep(0.02)
                ended.set()
                await anyio.sleep(0.02)
                await stream.send(whole[said:])
                answer = await everything(stream)
                await stream.aclose()
            assert answer.startswith(b"HTTP/1.1 200"), said


async def test_whoever_comes_between_two_lives_waits_for_the_second() -> None:
    host = Host()
    host.let.set()
    with held() as manager:
        async with serving(host, manager):
            pass
        stream = await anyio.connect_tcp(*manager.getsockname())
        await stream.send(HEAD + b"hi")
        async with serving(host, manager):
            answer = await everything(stream)
        await stream.aclose()
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"hi")


async def test_a_flood_while_lives_come_and_go_is_answered_to_the_last_call() -> None:
    host = Host()
    host.let.set()
    calls, answered = 400, []
    with held() as manager:

        async def call(number: int) -> None:
            await anyio.sleep(number / 400)
            stream = await anyio.connect_tcp(*manager.getsockname())
            await stream.send(HEAD + b"hi")
            answer = await everything(stream)
            await stream.aclose()
            answered.append(answer[:12])

        async with anyio.create_task_group() as group:
            for number in range(calls):
                group.start_soon(call, number)
            while len(answered) < calls:
                async with serving(host, manager):
                    await anyio.sleep(0.03)
    assert answered == [b"HTTP/1.1 200"] * calls


async def test_who_says_nothing_keeps_the_daemon_for_a_bounded_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "CLOSE_SECONDS", 0.05)
    host = Host()
    with held() as manager:
        async with serving(host, manager) as address:
            stream = await anyio.connect_tcp(*address)
            await anyio.sleep(0.02)
        assert await everything(stream) == b""
        await stream.aclose()


async def test_an_address_that_cannot_be_had_is_told_and_nothing_else_ends() -> None:
    log, text = a_log()
    with held() as taken:
        async with listening(Host().app(), f"127.0.0.1:{taken.getsockname()[1]}", log):
            pass
    assert [entry["event"] for entry in logged(text)] == ["webhook.unavailable"]


# What the service manager hands over ----------------------------------------------------------------------------------


def in_child(count: int, environment: dict[str, str], kind: str = "listening") -> list[dict[str, Any]]:
    """What a process makes of descriptors 3..: its log, and last the ports that it serves."""
    script = f"""
import io, json, os, socket, sys
from syncd.clock import SystemClock
from syncd.inbox.inherited import inherited_sockets
from syncd.observability.log import make_log
kept = []
for n in range({count}):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if {kind!r} == "udp" else socket.SOCK_STREAM)
    one.bind(("127.0.0.1", 0))
    if {kind!r} == "listening": one.listen()
    kept.append(one.detach())
for n, held in enumerate(kept):
    os.dup2(held, 100 + n)
for n in range({count}):
    os.dup2(100 + n, 3 + n)
text = io.StringIO()
environment = json.loads(sys.argv[1])
environment["LISTEN_PID"] = environment.get("LISTEN_PID") or str(os.getpid())
found = inherited_sockets(environment, os.getpid(), make_log(text, form="json", level="debug", clock=SystemClock()))
print(text.getvalue(), end="")
print(json.dumps({{"found": len(found), "inheritable": [one.get_inheritable() for one in found]}}))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(environment)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", ["webhooks", "syncd-webhooks.socket"])
def test_a_socket_of_the_right_name_is_taken_and_not_handed_on(name: str) -> None:
    assert in_child(1, {"LISTEN_FDS": "1", "LISTEN_FDNAMES": name}) == [{"found": 1, "inheritable": [False]}]
    assert in_child(2, {"LISTEN_FDS": "2", "LISTEN_FDNAMES": f"{name}:{name}"})[-1]["found"] == 2


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "webhooks", "LISTEN_PID": "1"},
        {"LISTEN_FDS": "some", "LISTEN_FDNAMES": "webhooks"},
        {"LISTEN_FDS": "0"},
    ],
)
def test_what_is_not_meant_for_this_process_is_left_alone(environment: dict[str, str]) -> None:
    assert in_child(1, environment) == [{"found": 0, "inheritable": []}]


@pytest.mark.parametrize(
    ("environment", "kind", "word"),
    [
        ({"LISTEN_FDS": "1", "LISTEN_FDNAMES": "ssh"}, "listening", "name"),
        ({"LISTEN_FDS": "1"}, "listening", "name"),
        ({"LISTEN_FDS": "1", "LISTEN_FDNAMES": "webhooks"}, "udp", "listening TCP"),
        ({"LISTEN_FDS": "1", "LISTEN_FDNAMES": "webhooks"}, "accepted", "listening TCP"),
    ],
)
def test_what_is_of_no_use_is_told(environment: dict[str, str], kind: str, word: str) -> None:
    told, last = in_child(1, environment, kind)
    assert (told["event"], last["found"]) == ("webhook.socket", 0)
    assert word in told["reason"]


def test_a_socket_that_fits_is_served_without_a_word() -> None:
    with held() as one:
        for name in ("127.0.0.1", "localhost"):
            log, text = a_log()
            assert fit([one], f"{name}:{one.getsockname()[1]}", log) == [one]
            assert not logged(text)


def test_a_socket_at_another_address_is_served_and_told() -> None:
    with held() as one:
        log, text = a_log()
        assert fit([one], "127.0.0.1:8484", log) == [one]
        [told] = logged(text)
        assert told["event"] == "webhook.socket"
        assert (told["socket"], told["configured"]) == (f"127.0.0.1:{one.getsockname()[1]}", "127.0.0.1:8484")
        log, text = a_log()
        assert fit([one], f"0.0.0.0:{one.getsockname()[1]}", log) == [one]
        assert logged(text)


def test_a_socket_without_webhooks_is_closed_and_told() -> None:
    log, text = a_log()
    one = held()
    assert fit([one], None, log) == []
    assert one.fileno() == -1
    assert "no [webhooks]" in logged(text)[0]["reason"]


def test_nothing_was_handed_over_here() -> None:
    log, _ = a_log()
    assert inherited_sockets(dict(os.environ), -1, log) == []


async def test_a_connection_that_brings_no_whole_head_is_closed_and_one_whose_call_takes_long_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener_module, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(listener_module, "REAP_SECONDS", 0.05)
    host = Host()
    with held() as manager:
        async with serving(host, manager) as place, await anyio.connect_tcp(*place) as slow:
            await slow.send(HEAD + b"ab")
            await host.asked.wait()
            for begun in (b"", b"POST / HTTP/1.1\r\nHost: x\r\n"):
                async with await anyio.connect_tcp(*place) as silent:
                    if begun:
                        await silent.send(begun)
                    assert await everything(silent) == b""
            host.let.set()
            assert (await everything(slow)).endswith(b"ab")


async def test_where_too_many_connections_bring_no_call_the_oldest_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "CONNECTIONS_MAX", 1)
    monkeypatch.setattr(listener_module, "REAP_SECONDS", 0.05)
    host = Host()
    host.let.set()
    with held() as manager:
        async with serving(host, manager) as place, await anyio.connect_tcp(*place) as first:
            await anyio.sleep(0.3)
            async with await anyio.connect_tcp(*place) as second:
                assert await everything(first) == b""
                await second.send(HEAD + b"ab")
                assert (await everything(second)).endswith(b"ab")
