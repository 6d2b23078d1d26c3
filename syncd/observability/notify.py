"""Messages to systemd: ready, stopping, alive, what is being done (sd_notify(3)), without a library.

The protocol is datagrams of `NAME=value` lines to the socket that NOTIFY_SOCKET names: a path, or an abstract address
written with a leading `@`. Where there is no such socket, nothing is sent. A message that can't be delivered is dropped:
systemd judges by what arrives, and the work goes on.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping

from syncd.core.quantity import microseconds

STATUS_CHARACTERS_MAX = 200  # systemctl shows one line


class Notify:
    """The way to the service manager. Sends at once, never blocks, never raises."""

    def __init__(self, address: str = "", *, watchdog_seconds: float | None = None) -> None:
        """`address` as in NOTIFY_SOCKET, "" for none; `watchdog_seconds` is how often systemd wants a sign of life."""
        self.watchdog_seconds = watchdog_seconds
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket: socket.socket | None = None
        if self._address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)

    @property
    def is_heard(self) -> bool:
        """Whether a service manager listens at all."""
        return self._socket is not None

    def ready(self, status: str = "") -> None:
        """Start-up is over. It doesn't wait for shops to be reachable."""
        self._send("READY=1", _status(status))

    def status(self, text: str) -> None:
        """One line on what is going on, shown by `systemctl status`."""
        self._send(_status(text))

    def stopping(self, status: str = "") -> None:
        """The way down has begun."""
        self._send("STOPPING=1", _status(status))

    def reloading(self, monotonic_seconds: float) -> None:
        """The configuration is being read again, as asked for before now (the machine's monotonic clock). `ready` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={microseconds(monotonic_seconds)}")

    def watchdog(self) -> None:
        """A sign of life: sent only when the whole house has shown progress."""
        self._send("WATCHDOG=1")

    def extend_timeout(self, more_seconds: float) -> None:
        """Starting (or stopping) takes longer: so much more from now, e.g. while the ledger is migrated."""
        self._send(f"EXTEND_TIMEOUT_USEC={microseconds(more_seconds)}")

    def close(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, *lines: str) -> None:
        if self._socket is None:
            return
        message = "\n".join(line for line in lines if line).encode()
        with contextlib.suppress(OSError):  # nobody listens any more, or the queue is full: there is no one to tell
            self._socket.sendto(message, self._address)


def from_environment(environment: Mapping[str, str]) -> Notify:
    """The way that systemd has set up for this process by NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        address = ""
    interval_us = environment.get("WATCHDOG_USEC", "")
    meant = environment.get("WATCHDOG_PID", "") in {"", str(os.getpid())}
    watched = bool(address) and meant and interval_us.isascii() and interval_us.isdigit() and int(interval_us) > 0
    return Notify(address, watchdog_seconds=int(interval_us) / 1_000_000 if watched else None)


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.split())[:STATUS_CHARACTERS_MAX]}" if text else ""
