"""What a driver's error means for the ledger: who must act, and whether the process may go on.

SQLite's primary result codes are in the low byte of `sqlite_errorcode` (sqlite.org/rescode.html). Only a few matter here:
the rest (a violated constraint, a statement that doesn't parse) belong to the unit that caused them and pass unchanged.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TypeAlias

from sqlalchemy.exc import DBAPIError

from syncd.errors import TransientError

Fatal: TypeAlias = Callable[[BaseException], None]
"""Ends the process. In a test it only takes note: then the ledger refuses every later unit."""

PERMISSION = 3
BUSY = 5
LOCKED = 6
READ_ONLY = 8
INTERRUPTED = 9
DISK_FAILED = 10
CORRUPT = 11
FULL = 13
CANNOT_OPEN = 14
NO_DATABASE = 26

ROOM_BYTES_MIN = 64 * 2**20  # the write-ahead log may grow to this beside a long reader
_UNREACHABLE = frozenset({PERMISSION, READ_ONLY, DISK_FAILED, CANNOT_OPEN})
EXIT_DISK_FAILED = (
    74  # EX_IOERR of sysexits.h: the service manager restarts us, and the ledger tells what was committed
)


def code_of(error: BaseException) -> int | None:
    """SQLite's primary result code behind `error`, or None where there is none."""
    driver_error = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(driver_error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None


def is_corruption(error: BaseException) -> bool:
    """Whether the ledger file itself is damaged: nothing that is read from it can be trusted."""
    return code_of(error) in {CORRUPT, NO_DATABASE}


def is_unwritable(error: BaseException) -> bool:
    """Whether `error` is of `explain`: not the unit's fault, but the disk's or a lock's; nothing can be written for now."""
    cause = error.__cause__
    return (
        isinstance(error, TransientError)
        and cause is not None
        and code_of(cause) in {FULL, BUSY, LOCKED} | _UNREACHABLE
    )


def explain(error: Exception) -> Exception:
    """The error for the caller: a full disk, a lock held by another or a disk that fails are transient; others pass as they are."""
    code = code_of(error)
    told: TransientError
    if code == FULL:
        told = TransientError(
            "the disk is full",
            operation="ledger",
            hint=f"free space in the state directory ({ROOM_BYTES_MIN // 2**20} MB should be free); the work goes on by "
            "itself, nothing was lost",
        )
    elif code in {BUSY, LOCKED}:
        told = TransientError(
            "the ledger is locked by another connection",
            operation="ledger",
            hint="only syncd may write to the ledger: close whatever else has it open for writing",
        )
    elif code in _UNREACHABLE:
        told = TransientError(
            f"the ledger's disk failed: {error}",
            operation="ledger",
            hint="look at the kernel's log, the mount and the permissions of the state directory",
        )
    else:
        return error
    told.__cause__ = error
    return told


def end_process(error: BaseException) -> None:
    """End this process at once, without any cleaning up: what was committed cannot be known from inside any more.

    The next start reads it from the disk. Exceptions would only end the writer's thread, and `finally` blocks must not
    act on a state that is in doubt.
    """
    sys.stderr.write(f"syncd: the ledger cannot go on: {error!r}\n")
    sys.stderr.flush()
    os._exit(EXIT_DISK_FAILED)
