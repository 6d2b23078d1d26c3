from __future__ import annotations

import asyncio
import contextlib
import json
import os
import stat

import anyio
import anyio.to_thread
import pytest

from syncd.control import commands as command_table
from syncd.control.client import NoDaemonError, ask
from syncd.control.commands import Command
from syncd.control.failure import CommandFailed
from syncd.control.server import CLIENTS_MAX, REQUEST_BYTES_MAX, serve_control
from syncd.control.socket_file import PATH_BYTES_MAX, listen, socket_path
from syncd.control.status import StatusRequest
from tests.control.bench import open_bench


def silent(_told):
    pass


async def asked(bench, command, progress=silent, **arguments):
    return await anyio.to_thread.run_sync(ask, bench.given.state_dir, command, arguments, progress)


@pytest.fixture
async def served(bench):
    ready = anyio.Event()

    class Started:
        def started(self, value=None):
            ready.set()

    # a fixture's two halves may run in different tasks, where a task group can't
    serving = asyncio.create_task(
        serve_control(bench.given.state_dir, bench.commands, bench.given.log, task_status=Started())
    )
    await ready.wait()
    yield bench
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


@pytest.fixture
def more_commands(monkeypatch):
    """Commands that wait, fail and tell, beside the real ones."""
    started, ended = anyio.Event(), anyio.Event()

    async def wait(scene, request, tell):
        started.set()
        try:
            await anyio.sleep(60)
        finally:
            ended.set()

    async def fail(scene, request, tell):
        raise KeyError("a bug")

    async def count(scene, request, tell):
        for n in range(3):
            await tell({"n": n})
        return "told"

    more = {name: Command(StatusRequest, run) for name, run in (("wait", wait), ("fail", fail), ("count", count))}
    monkeypatch.setattr(command_table, "COMMANDS", {**command_table.COMMANDS, **more})
    return started, ended


async def connect(bench):
    return await anyio.connect_unix(socket_path(bench.given.state_dir))


async def line(stream):
    received = b""
    while not received.endswith(b"\n"):
        received += await stream.receive()
    return [json.loads(each) for each in received.splitlines()]


async def test_a_command_is_answered_and_logged(served):
    told = await asked(served, "status", tenant="acme")
    assert told["tenants"][0]["tenant"] == "acme"
    assert '"control.command"' in served.log.getvalue()


async def test_the_socket_is_for_its_owner_alone(served):
    mode = socket_path(served.given.state_dir).stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


async def test_an_operators_mistake_comes_with_hint_and_exit_code(served):
    with pytest.raises(CommandFailed, match="no tenant is called") as caught:
        await asked(served, "plan", tenant="nobody")
    assert (caught.value.hint, caught.value.exit_code) == ("the tenants are: acme", 2)


async def test_many_clients_are_served_at_the_same_time(served):
    told = []

    async def one():
        told.append(await asked(served, "status"))

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(one)
    assert len(told) == 10


async def test_one_connection_may_ask_several_times(served):
    async with await connect(served) as stream:
        for _ in range(3):
            await stream.send(b'{"command": "status"}\n')
            (answer,) = await line(stream)
            assert "result" in answer


@pytest.mark.parametrize(
    "garbage",
    [b"hello\n", b"[]\n", b"{}\n", b'{"command": 5}\n', b'{"command": "status", "arguments": []}\n', b"\xff\xfe\n",
     b"[" * 100_000 + b"\n"],
)  # fmt: skip
async def test_garbage_is_told_so_and_harms_nobody(served, garbage):
    async with await connect(served) as stream:
        await stream.send(garbage)
        (answer,) = await line(stream)
        assert answer["error"].startswith("not a request")
        assert answer["exit"] == 2
    assert (await asked(served, "status"))["running"]


async def test_an_oversized_request_is_refused(served):
    async with await connect(served) as stream:
        async with anyio.create_task_group() as group:

            async def flood():
                with contextlib.suppress(anyio.BrokenResourceError):  # it hangs up in the middle
                    for _ in range(2 * REQUEST_BYTES_MAX // 65_536):
                        await stream.send(b"x" * 65_536)

            group.start_soon(flood)
            (answer,) = await line(stream)
        assert "more than" in answer["error"]
    assert (await asked(served, "status"))["running"]


async def test_one_client_too_many_is_told_to_come_again(served):
    streams = [await connect(served) for _ in range(CLIENTS_MAX + 1)]
    try:
        (answer,) = await line(streams[-1])
        assert answer["exit"] == 75
    finally:
        for stream in streams:
            await stream.aclose()


async def test_progress_arrives_before_the_result(served, more_commands):
    told: list[object] = []
    assert await asked(served, "count", told.append) == "told"
    assert told == [{"n": 0}, {"n": 1}, {"n": 2}]


async def test_a_client_that_goes_away_cancels_its_command(served, more_commands):
    started, ended = more_commands
    stream = await connect(served)
    await stream.send(b'{"command": "wait"}\n')
    await started.wait()
    await stream.aclose()
    with anyio.fail_after(30):
        await ended.wait()
    assert (await asked(served, "status"))["running"]


async def test_a_bug_in_a_command_is_logged_and_stops_nothing(served, more_commands):
    with pytest.raises(CommandFailed, match="KeyError: 'a bug'"):
        await asked(served, "fail")
    assert '"bug.found"' in served.log.getvalue()
    assert (await asked(served, "status"))["running"]


async def test_a_socket_that_a_dead_process_left_behind_is_replaced(bench):
    listen(bench.given.state_dir).close()
    assert socket_path(bench.given.state_dir).exists()
    with pytest.raises(NoDaemonError):
        await asked(bench, "status")
    async with anyio.create_task_group() as group:
        await group.start(serve_control, bench.given.state_dir, bench.commands, bench.given.log)
        assert (await asked(bench, "status"))["running"]
        group.cancel_scope.cancel()
    assert not socket_path(bench.given.state_dir).exists()
    with pytest.raises(NoDaemonError):
        await asked(bench, "status")


async def test_a_path_too_long_for_a_socket_works_all_the_same(tmp_path):
    folder = tmp_path / ("d" * 100)
    folder.mkdir()
    async with open_bench(folder) as bench:
        assert len(os.fsencode(socket_path(bench.given.state_dir))) > PATH_BYTES_MAX
        async with anyio.create_task_group() as group:
            await group.start(serve_control, bench.given.state_dir, bench.commands, bench.given.log)
            assert (await asked(bench, "status"))["running"]
            group.cancel_scope.cancel()


async def test_where_no_socket_can_be_made_the_daemon_goes_on_and_says_so(bench):
    path = socket_path(bench.given.state_dir)
    path.mkdir()
    await serve_control(bench.given.state_dir, bench.commands, bench.given.log)
    assert '"control.unavailable"' in bench.log.getvalue()


async def test_a_daemon_that_dies_before_its_answer_is_told(tmp_path):
    listener = listen(tmp_path)
    listener.setblocking(True)

    def die():
        connection, _ = listener.accept()
        connection.recv(10)
        connection.close()

    async with anyio.create_task_group() as group:
        group.start_soon(anyio.to_thread.run_sync, die)
        with pytest.raises(CommandFailed, match="before its answer") as caught:
            await anyio.to_thread.run_sync(ask, tmp_path, "status", {}, silent)
    assert caught.value.exit_code == 75
    listener.close()


async def test_an_answer_that_is_no_json_is_told(tmp_path):
    listener = listen(tmp_path)
    listener.setblocking(True)

    def babble():
        connection, _ = listener.accept()
        with connection:
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 400\n")

    async with anyio.create_task_group() as group:
        group.start_soon(anyio.to_thread.run_sync, babble)
        with pytest.raises(CommandFailed, match="no JSON"):
            await anyio.to_thread.run_sync(ask, tmp_path, "status", {}, silent)
    listener.close()


def test_nothing_listens_where_there_is_no_state_directory(tmp_path):
    with pytest.raises(NoDaemonError):
        ask(tmp_path / "none", "status", {}, silent)
