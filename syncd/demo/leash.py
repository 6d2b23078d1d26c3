"""Runs a command that cannot outlive its parent: python -m syncd.demo.leash PARENT_PID PROGRAM ARGUMENT ...

The kernel ends the command when the parent dies, even of SIGKILL, when nobody is left to clean up. The request survives
exec, so the command needn't know.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from typing import Final

PR_SET_PDEATHSIG: Final = 1  # prctl(2)
EXIT_ORPHANED: Final = 3  # the parent was gone before the leash was on


def main(arguments: list[str]) -> int:
    """Put the leash on and become the command. Returns only where that can't be."""
    parent, *command = arguments
    with suppress(OSError, AttributeError):  # another kernel: the demo's own cleaning up has to do
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == int(parent):
        os.execv(command[0], command)  # noqa: S606 - that is what a leash is for
    return EXIT_ORPHANED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
