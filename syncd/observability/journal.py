"""The journal's own way in: entries with fields, so that `journalctl SYNCD_TENANT=acme` finds what belongs to a tenant.

Where systemd has connected our output to the journal, JOURNAL_STREAM says so (systemd.exec(5)). Then each entry goes as one
datagram to journald's socket, in its native protocol: `NAME=value` lines, and for values with line breaks the name, the
length in eight bytes (little-endian) and the value. An entry above a datagram's size travels in a sealed memory file.
https://systemd.io/JOURNAL_NATIVE_PROTOCOL/

Nothing here waits for journald. While its queue is full, entries wait here, within limits, and are sent with the next one or
by `flush`; what finds no room is counted, and told when there is room. Where the socket doesn't work, the entry's JSON line
goes to the output, as without a journal.
"""

from __future__ import annotations

import array
import errno
import fcntl
import os
import re
import socket
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TextIO

import msgspec

from syncd.observability.console import describe

SOCKET: Final = Path("/run/systemd/journal/socket")
IDENTIFIER: Final = "syncd"
PRIORITIES: Final[Mapping[str, int]] = {"debug": 7, "info": 6, "warning": 4, "error": 3}  # syslog(3)
OWN: Final = frozenset({"time", "level"})  # the journal has its own time, and PRIORITY
NO_NAME: Final = re.compile(r"[^A-Z0-9_]")
NAME_CHARACTERS_MAX: Final = 64  # of a field, by journald
WAITING_MAX: Final = 5_000  # entries: a page of orders is a hundred
WAITING_BYTES_MAX: Final = 4 * 1024 * 1024
SEND_BUFFER_BYTES: Final = 8 * 1024 * 1024  # as systemd's own library asks for; the kernel gives what it allows
BUSY: Final = frozenset({errno.EAGAIN, errno.ENOBUFS})
SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def is_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether systemd has connected this very stream to the journal: a file put in its place has another inode."""
    device, _, inode = environment.get("JOURNAL_STREAM", "").partition(":")
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):  # not a file, or closed
        return False
    return (device, inode) == (str(found.st_dev), str(found.st_ino))


def encode(entry: Mapping[str, Any]) -> bytes:
    """An entry that was cleaned, as journald reads it: each of its names with SYNCD_ before it, and a message for people."""
    parts = [
        _field("MESSAGE", describe(entry)),
        _field("PRIORITY", str(PRIORITIES[entry["level"]])),
        _field("SYSLOG_IDENTIFIER", IDENTIFIER),
    ]
    parts += [_field(_name(name), _text(value)) for name, value in entry.items() if name not in OWN]
    return b"".join(parts)


class Journal:
    """The way to journald. Never blocks, never raises."""

    def __init__(self, path: Path = SOCKET) -> None:
        self._path = str(path)
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._lost = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def send(self, datagram: bytes) -> bool:
        """Pass one entry on, after those that wait. False where the socket doesn't work: it has to be told otherwise."""
        if not self.flush():
            return False
        passed = None if self._waiting else self._passed(datagram)
        if passed is None:
            self._keep(datagram)
        return passed is not False

    def flush(self) -> bool:
        """Send what waits, as far as journald takes it. False where the socket doesn't work: what waits stays."""
        while self._waiting:
            passed = self._passed(self._waiting[0])
            if not passed:
                return passed is None
            self._waiting_bytes -= len(self._waiting.popleft())
        return True

    @property
    def waits(self) -> bool:
        """Whether journald hasn't got all of it yet."""
        return bool(self._waiting)

    def take_lost(self) -> int:
        """How many entries found no room since this was last asked; 0 while others still wait."""
        lost, self._lost = (self._lost, 0) if not self._waiting else (0, self._lost)
        return lost

    def close(self) -> None:
        """Give the socket back; what still waits is lost."""
        self._socket.close()

    def _keep(self, datagram: bytes) -> None:
        if len(self._waiting) >= WAITING_MAX or self._waiting_bytes + len(datagram) > WAITING_BYTES_MAX:
            self._lost += 1
            return
        self._waiting.append(datagram)
        self._waiting_bytes += len(datagram)

    def _passed(self, datagram: bytes) -> bool | None:
        """Whether journald has it; None: it is busy for now."""
        try:
            self._socket.sendto(datagram, self._path)
        except OSError as error:
            if error.errno in BUSY:
                return None
            return self._passed_in_a_file(datagram) if error.errno == errno.EMSGSIZE else False
        return True

    def _passed_in_a_file(self, datagram: bytes) -> bool | None:
        """Above a datagram's size: a memory file that nobody can change any more, its descriptor in an empty datagram."""
        try:
            file = os.memfd_create("syncd-journal", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            try:
                rest = memoryview(datagram)
                while rest:
                    rest = rest[os.write(file, rest) :]
                fcntl.fcntl(file, fcntl.F_ADD_SEALS, SEALS)
                rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file]))
                self._socket.sendmsg([], [rights], 0, self._path)
            finally:
                os.close(file)
        except OSError as error:
            return None if error.errno in BUSY else False
        return True


def _name(name: str) -> str:
    return f"SYNCD_{NO_NAME.sub('_', name.upper())}"[:NAME_CHARACTERS_MAX]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _field(name: str, value: str) -> bytes:
    data = value.encode("utf-8", "backslashreplace")
    if b"\n" in data:
        return b"%s\n%s%s\n" % (name.encode(), len(data).to_bytes(8, "little"), data)
    return b"%s=%s\n" % (name.encode(), data)
