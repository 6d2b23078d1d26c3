"""Asking a running daemon, from the command line: synchronous, one connection for one command."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from syncd.control.failure import EXIT_AGAIN, EXIT_FAILED, EXIT_UNAVAILABLE, CommandFailed
from syncd.control.socket_file import socket_name, socket_path

SILENCE_SECONDS: Final = 30.0  # a daemon that works gives a sign of life every 5 s
CONNECT_SECONDS: Final = 5.0
ANSWER_BYTES_MAX: Final = 256 * 1024 * 1024  # an answer larger than this is no answer
CHUNK_BYTES: Final = 256 * 1024

Progress = Callable[[Mapping[str, Any]], None]


class NoDaemonError(Exception):
    """Nobody listens on the control socket."""


def ask(state_dir: Path, command: str, arguments: Mapping[str, Any], progress: Progress) -> Any:
    """The result of a command. `progress` gets each thing it tells meanwhile.

    Raises NoDaemonError when nothing runs, CommandFailed with the daemon's own words, or when it can't be reached.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(CONNECT_SECONDS)
        _connect(connection, state_dir)
        connection.settimeout(SILENCE_SECONDS)
        try:
            connection.sendall(json.dumps({"command": command, "arguments": dict(arguments)}).encode() + b"\n")
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has answered before it read all: the answer says why
        except TimeoutError as error:
            raise _silent() from error
        return _answer(connection, progress)


def _connect(connection: socket.socket, state_dir: Path) -> None:
    try:
        with socket_name(state_dir) as name:
            connection.connect(name)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
        raise NoDaemonError from error
    except PermissionError as error:
        raise CommandFailed(
            f"no permission to use {socket_path(state_dir)}",
            hint="run this command as root or as the daemon's user",
            exit_code=EXIT_UNAVAILABLE,
        ) from error
    except (BlockingIOError, TimeoutError) as error:
        raise _silent() from error
    except OSError as error:
        raise CommandFailed(
            f"can't reach the daemon by {socket_path(state_dir)}: {error}", exit_code=EXIT_UNAVAILABLE
        ) from error


def _answer(connection: socket.socket, progress: Progress) -> Any:
    buffer = bytearray()
    while True:
        line = _line(connection, buffer)
        try:
            told = json.loads(line)
        except ValueError as error:
            raise CommandFailed("the daemon's answer is no JSON", exit_code=EXIT_FAILED) from error
        if "error" in told:
            raise CommandFailed(
                str(told["error"]), hint=str(told.get("hint", "")), exit_code=int(told.get("exit", EXIT_FAILED))
            )
        if "result" in told:
            return told["result"]
        if "progress" in told:
            progress(told["progress"])


def _line(connection: socket.socket, buffer: bytearray) -> bytes:
    searched = 0
    while (end := buffer.find(b"\n", searched)) < 0:
        searched = len(buffer)
        try:
            chunk = connection.recv(CHUNK_BYTES)
        except TimeoutError as error:
            raise _silent() from error
        except ConnectionResetError:
            chunk = b""
        if not chunk or searched > ANSWER_BYTES_MAX:
            raise CommandFailed(
                "the daemon has ended the connection before its answer",
                hint="it was stopped or restarted, and the command may have been done: look (for stock by `syncd erp"
                " journal`) before you repeat it",
                exit_code=EXIT_AGAIN,
            )
        buffer += chunk
    line = bytes(buffer[:end])
    del buffer[: end + 1]
    return line


def _silent() -> CommandFailed:
    return CommandFailed(
        f"the daemon has said nothing for {SILENCE_SECONDS:.0f} s",
        hint="is the machine overloaded, or the process stopped? Look at its log",
        exit_code=EXIT_UNAVAILABLE,
    )
