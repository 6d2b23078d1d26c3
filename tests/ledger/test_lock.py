from __future__ import annotations

import os
import subprocess
import sys

import pytest

from syncd.errors import MisconfiguredError
from syncd.ledger.hop import InlineHop
from syncd.ledger.lock import ProcessLock
from tests.ledger.entries import add, opened

HOLD = """
import sys
from pathlib import Path
from syncd.ledger.lock import ProcessLock
lock = ProcessLock.acquire(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def holder(folder, project_folder):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=project_folder,
    )
    assert process.stdout.readline() == b"held\n"
    return process


def test_a_second_process_is_refused_and_told_the_pid_of_the_first(folder, project_folder):
    with holder(folder, project_folder) as process:
        with pytest.raises(MisconfiguredError, match=rf"pid {process.pid}\b") as caught:
            opened(folder)
        assert caught.value.hint
        process.stdin.close()
        process.wait()
    ProcessLock.acquire(folder).release()


def test_the_lock_of_a_killed_process_is_free(folder, project_folder):
    with holder(folder, project_folder) as process:
        process.kill()
        process.wait()
    ProcessLock.acquire(folder).release()


def test_a_second_opening_in_the_same_process_is_refused_too(folder):
    lock = ProcessLock.acquire(folder)
    with pytest.raises(MisconfiguredError, match=f"pid {os.getpid()}"):
        opened(folder)
    lock.release()
    lock.release()
    ProcessLock.acquire(folder).release()


async def test_a_closed_ledger_lets_go_and_an_open_one_does_not(folder):
    ledger = opened(folder, InlineHop())
    await ledger.run(add("k"))
    with pytest.raises(MisconfiguredError):
        ProcessLock.acquire(folder)
    await ledger.close()
    ProcessLock.acquire(folder).release()


async def test_a_caller_may_hand_over_the_lock_that_it_has(folder):
    ledger = opened(folder, InlineHop(), lock=ProcessLock.acquire(folder))
    await ledger.close()
    ProcessLock.acquire(folder).release()
