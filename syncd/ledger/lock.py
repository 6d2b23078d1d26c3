"""One process for each state directory.

The lock is `flock` on a file of its own: it belongs to the open file, so a second opening is refused even inside one
process, and the kernel lets go of it when the process dies. (`lockf` and SQLite's own locks belong to the process: a
second opening within it would pass.)
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from syncd.errors import MisconfiguredError

LOCK_FILE = "syncd.lock"
LOCK = "lock"  # the operation that was refused
_PID_BYTES_MAX = 32  # more than any pid's digits


class ProcessLock:
    """Held from `acquire` until `release`, or until the process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def acquire(cls, folder: Path) -> ProcessLock:
        """Take the lock of the state directory `folder`.

        Raises MisconfiguredError, with the pid of the holder, when another syncd has it.
        """
        path = folder / LOCK_FILE
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, _PID_BYTES_MAX, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise MisconfiguredError(
                f"another syncd (pid {holder}) is running on {folder}",
                operation=LOCK,
                key=str(path),
                hint="stop it first, or use the commands that talk to the running one; never delete the lock file",
            ) from error
        except BaseException:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Let go; a second call does nothing. The file stays: deleting it would let two holders in."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None
