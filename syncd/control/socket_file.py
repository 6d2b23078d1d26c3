"""The control socket's file, `<state_dir>/control.sock`, and how to name it where its path is too long for a socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

SOCKET_NAME: Final = "control.sock"
PATH_BYTES_MAX: Final = 107  # Linux: sockaddr_un.sun_path has 108 with the closing zero
BACKLOG: Final = 16


def socket_path(state_dir: Path) -> Path:
    """Where the socket of a state directory is."""
    return state_dir / SOCKET_NAME


@contextmanager
def socket_name(state_dir: Path) -> Iterator[str]:
    """A name for the socket that the kernel takes: its path, or, where that is too long, one by way of an open folder."""
    path = str(socket_path(state_dir))
    if len(os.fsencode(path)) <= PATH_BYTES_MAX:
        yield path
        return
    folder = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{SOCKET_NAME}"
    finally:
        os.close(folder)


def listen(state_dir: Path) -> socket.socket:
    """A listening socket for the user of this process alone. One that a dead process left behind is replaced.

    The caller holds the process lock, so nobody alive listens there. Raises OSError.
    """
    path = socket_path(state_dir)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        before = os.umask(0o177)  # no moment in which others could connect
        try:
            with socket_name(state_dir) as name:
                listener.bind(name)
        finally:
            os.umask(before)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener
