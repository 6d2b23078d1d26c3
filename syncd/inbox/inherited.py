"""Listening sockets that the service manager holds and hands over (socket activation, sd_listen_fds(3)).

systemd keeps them open while syncd is restarted, so that a call which comes meanwhile waits instead of being refused.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from syncd.observability import events
from syncd.observability.log import Log

FIRST_DESCRIPTOR: Final = 3  # SD_LISTEN_FDS_START
DESCRIPTORS_MAX: Final = 32  # syncd has use for one or two
WEBHOOKS: Final = frozenset({"webhooks", "syncd-webhooks.socket"})  # FileDescriptorName=, by default the unit's name


def inherited_sockets(environment: Mapping[str, str], pid: int, log: Log) -> list[socket.socket]:
    """The sockets for the webhook listener. What else was handed over is logged and closed here."""
    count = environment.get("LISTEN_FDS", "")
    if environment.get("LISTEN_PID") != str(pid) or not (count.isascii() and count.isdigit()):
        return []
    names = environment.get("LISTEN_FDNAMES", "").split(":")
    found = []
    for position in range(min(int(count), DESCRIPTORS_MAX)):
        descriptor, name = FIRST_DESCRIPTOR + position, names[position] if position < len(names) else ""
        taken, reason = _take(descriptor, name)
        if taken is not None:
            found.append(taken)
            continue
        with suppress(OSError):
            os.close(descriptor)
        log.emit(
            events.WEBHOOK_SOCKET, socket=name, reason=reason,
            hint="look at FileDescriptorName= and ListenStream= of the socket unit",
        )  # fmt: skip
    return found


def fit(inherited: Sequence[socket.socket], listen: str | None, log: Log) -> list[socket.socket]:
    """Those that are served: all, if there is a listener. Where they aren't what syncd.toml says, that is logged: the socket
    counts, since its address can't be had a second time."""
    for one in inherited:
        host, port = one.getsockname()[:2]
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if listen is None:
            log.emit(
                events.WEBHOOK_SOCKET, socket=address,
                reason="the service manager listens, and syncd.toml has no [webhooks]: whoever calls there gets no answer",
                hint="add [webhooks], or run: systemctl disable --now syncd-webhooks.socket",
            )  # fmt: skip
            one.close()
        elif not _is_same(host, port, listen):
            log.emit(
                events.WEBHOOK_SOCKET, socket=address, configured=listen,
                reason="the service manager's socket has another address than webhooks.listen: the socket's is in use",
                hint="make ListenStream= of syncd-webhooks.socket and webhooks.listen the same",
            )  # fmt: skip
    return [] if listen is None else list(inherited)


def _take(descriptor: int, name: str) -> tuple[socket.socket | None, str]:
    """The socket, or what is wrong with it."""
    if name not in WEBHOOKS:
        return None, "syncd knows no socket of this name, only webhooks; nobody answers on it"
    try:
        os.set_inheritable(descriptor, False)
        taken = socket.socket(fileno=descriptor)
    except OSError as error:
        return None, f"it is no socket: {error}"
    if taken.family not in {socket.AF_INET, socket.AF_INET6} or not taken.getsockopt(
        socket.SOL_SOCKET, socket.SO_ACCEPTCONN
    ):
        taken.detach()
        return None, "it is no listening TCP socket; nobody answers on it"
    taken.setblocking(False)
    return taken, ""


def _is_same(host: str, port: int, listen: str) -> bool:
    wanted, _, number = listen.rpartition(":")
    if port != int(number):
        return False
    try:
        return ipaddress.ip_address(host) == ipaddress.ip_address(wanted.strip("[]"))
    except ValueError:  # a name: which address it has, the resolver knows
        return True
