"""The control socket's server: one JSON line asks, JSON lines answer.

    -> {"command": "status", "arguments": {}}
    <- {"progress": {...}}    any number of times, while it works; {"alive": true} where there is nothing to tell
    <- {"result": ...}        or {"error": "...", "hint": "...", "exit": 2}

A connection may ask several times, one after the other. A client that goes away cancels what it asked for.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.abc
import msgspec

from syncd.control.commands import Commands
from syncd.control.failure import EXIT_AGAIN, EXIT_FAILED, EXIT_USAGE, CommandFailed, as_answer
from syncd.control.socket_file import listen, socket_path
from syncd.errors import SyncdError
from syncd.observability import events
from syncd.observability.log import Log

UNSHOWN: Final[Mapping[str, frozenset[str]]] = {"erase": frozenset({"email", "customers"})}  # of commands, in the log
CLIENTS_MAX: Final = 16  # people and scripts; one more is told to come again
ACCEPT_PAUSE_SECONDS = 0.2  # after a failed accept: what failed may fail again at once
REQUEST_BYTES_MAX: Final = 8 * 1024 * 1024  # an opening stock of some 200,000 rows; everything else is far smaller
CHUNK_BYTES: Final = 64 * 1024
IDLE_SECONDS: Final = 30.0  # a client that is connected and asks nothing
ALIVE_SECONDS: Final = 5.0  # between two signs of life
SEND_SECONDS: Final = 30.0  # a client that doesn't read its answer


class Gone(Exception):
    """The client has closed the connection, or doesn't read."""


async def serve_control(
    state_dir: Path,
    commands: Commands,
    log: Log,
    *,
    task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled. Where the socket can't be made, that is logged, and the daemon goes on without commands."""
    try:
        listener = listen(state_dir)
    except OSError as error:
        log.emit(events.CONTROL_UNAVAILABLE, reason=str(error), path=str(socket_path(state_dir)))
        task_status.started()
        return
    try:
        async with anyio.create_task_group() as group:
            task_status.started()
            room = anyio.Semaphore(CLIENTS_MAX)
            while True:
                await anyio.wait_readable(listener)
                try:
                    connection, _ = listener.accept()
                except OSError:  # the client was gone before we looked, or there is no descriptor left
                    await anyio.sleep(ACCEPT_PAUSE_SECONDS)
                    continue
                connection.setblocking(False)
                group.start_soon(_serve, Line(connection), room, commands, log, name="control client")
    finally:
        listener.close()
        socket_path(state_dir).unlink(missing_ok=True)


class Line:
    """A connection that speaks in lines."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._buffer = bytearray()
        self._sending = anyio.Lock()

    async def receive(self) -> bytes:
        """The next line. Raises Gone at the end, CommandFailed when it is too long."""
        searched = 0
        while True:
            end = self._buffer.find(b"\n", searched)
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                return line
            searched = len(self._buffer)
            if searched > REQUEST_BYTES_MAX:
                raise CommandFailed(
                    f"a request of more than {REQUEST_BYTES_MAX} bytes",
                    hint="split the file, or stop the daemon first",
                    exit_code=EXIT_USAGE,
                )
            await anyio.wait_readable(self.connection)
            try:
                chunk = self.connection.recv(CHUNK_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                raise Gone from error
            if not chunk:
                raise Gone
            self._buffer += chunk

    async def until_gone(self) -> None:
        """Return when the client hangs up; what it sends meanwhile waits (in the kernel: bounded)."""
        while True:
            await anyio.wait_readable(self.connection)
            try:
                chunk = self.connection.recv(CHUNK_BYTES, socket.MSG_PEEK)
            except BlockingIOError:
                continue
            except OSError:
                return
            if not chunk:
                return
            await anyio.sleep(ALIVE_SECONDS)

    async def send(self, answer: Mapping[str, Any]) -> None:
        """Send one line. Raises Gone when the client isn't there or doesn't read."""
        rest = memoryview(msgspec.json.encode(answer) + b"\n")
        async with self._sending:
            with anyio.move_on_after(SEND_SECONDS) as scope:
                while rest:
                    await anyio.wait_writable(self.connection)
                    try:
                        rest = rest[self.connection.send(rest) :]
                    except BlockingIOError:
                        continue
                    except OSError as error:
                        raise Gone from error
            if scope.cancelled_caught:
                raise Gone


async def _serve(line: Line, room: anyio.Semaphore, commands: Commands, log: Log) -> None:
    """One client, from hello to goodbye. Whatever goes wrong stays here."""
    try:
        try:
            room.acquire_nowait()
        except anyio.WouldBlock:
            busy = CommandFailed("too many commands at once", hint="try again in a moment", exit_code=EXIT_AGAIN)
            await line.send(as_answer(busy))
            return
        try:
            while await _turn(line, commands, log):
                pass
        finally:
            room.release()
    except Gone:
        pass
    finally:
        line.connection.close()


async def _turn(line: Line, commands: Commands, log: Log) -> bool:
    """One question and its answer. False when the connection can't be used any more."""
    try:
        with anyio.fail_after(IDLE_SECONDS):
            asked = await line.receive()
    except TimeoutError:
        return False
    except CommandFailed as error:
        await line.send(as_answer(error))
        return False
    try:
        request = msgspec.json.decode(asked, type=dict[str, Any])
        name, arguments = request["command"], request.get("arguments", {})
        if not isinstance(name, str) or not isinstance(arguments, dict):
            raise TypeError("command is a text, arguments an object")
    except (msgspec.DecodeError, KeyError, TypeError, RecursionError) as error:
        hint = 'send one line: {"command": "status", "arguments": {}}'
        await line.send(as_answer(CommandFailed(f"not a request: {error}", hint=hint, exit_code=EXIT_USAGE)))
        return False
    await line.send(await _answer(line, name, arguments, commands, log))
    return True


async def _answer(line: Line, name: str, arguments: dict[str, Any], commands: Commands, log: Log) -> dict[str, Any]:
    """Run the command, with signs of life; cancelled when the client goes away (then Gone is raised)."""
    log.emit(events.CONTROL_COMMAND, command=name[:100], arguments=_for_log(name, arguments))
    answer: dict[str, Any] = {}

    async def work(group: anyio.abc.TaskGroup) -> None:
        try:
            answer["result"] = await commands.call(name, arguments, tell)
        except SyncdError as error:
            answer.update(as_answer(error))
        except Exception as error:  # noqa: BLE001 - a bug in a command must not stop the daemon
            log.bug(error, command=name[:100])
            hint = "this is a bug: please report it with the log's line bug.found"
            answer.update({"error": f"{type(error).__name__}: {error}", "hint": hint, "exit": EXIT_FAILED})
        group.cancel_scope.cancel()

    async def tell(progress: Mapping[str, Any]) -> None:
        await line.send({"progress": progress})

    async def live() -> None:
        while True:
            await anyio.sleep(ALIVE_SECONDS)
            await line.send({"alive": True})

    async def watch(group: anyio.abc.TaskGroup) -> None:
        await line.until_gone()
        group.cancel_scope.cancel()

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(work, group)
            group.start_soon(live)
            group.start_soon(watch, group)
    except* Gone as error:
        raise Gone from error
    if not answer:
        raise Gone
    return answer


def _for_log(command: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments without what is long, and without what names a customer."""
    return {
        key: "(not shown)"
        if key in UNSHOWN.get(command, ())
        else value
        if len(str(value)) <= 200
        else f"({len(str(value))} characters)"
        for key, value in arguments.items()
    }
