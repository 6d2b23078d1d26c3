"""`syncd run` as a service manager starts it: descriptors from 3 on, LISTEN_PID, and a journal whose socket a test has."""

from __future__ import annotations

import fcntl
import os
import sys
from functools import partial
from pathlib import Path

from syncd import daemon
from syncd.cli import main
from syncd.observability.journal import Journal

DESCRIPTORS_VARIABLE = "ACTIVATED_DESCRIPTORS"  # of listening sockets, with commas between
JOURNAL_VARIABLE = "ACTIVATED_JOURNAL"  # where journald's socket is


def run() -> int:
    """The daemon; its arguments are those of `syncd`."""
    given = [int(each) for each in os.environ.pop(DESCRIPTORS_VARIABLE, "").split(",") if each]
    kept = [fcntl.fcntl(each, fcntl.F_DUPFD, 100) for each in given]  # out of the way
    for position, each in enumerate(kept):
        os.dup2(each, 3 + position)
        os.close(each)
    if given:
        os.environ["LISTEN_FDS"], os.environ["LISTEN_PID"] = str(len(given)), str(os.getpid())
    there = os.environ.pop(JOURNAL_VARIABLE, "")
    if there:
        vars(daemon)["Journal"] = partial(Journal, Path(there))
    return main()


if __name__ == "__main__":
    sys.exit(run())
