"""No process of the demo outlives it, however it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.demo.child import PROJECT, Child

PATIENCE_SECONDS = 60.0  # before a test says that something hangs
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")


def alive(folder: Path) -> list[int]:
    """Processes that were started with this folder as their place for temporary files."""
    mark = f"TMPDIR={folder}\0".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            if mark in (entry / "environ").read_bytes() and state != "Z":
                found.append(int(entry.name))
        except (OSError, IndexError):
            continue  # gone meanwhile, or not ours
    return found


def until(what, message: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not what():
        assert time.monotonic() < end, message
        time.sleep(0.05)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The demo as a shell starts it, long enough to be interrupted."""
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(PROJECT)}
    arguments = [sys.executable, "-m", "syncd.demo", "--seconds", "600", "--seed", "1"]
    process = subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        yield process
    finally:
        for pid in alive(tmp_path):
            os.kill(pid, signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def wait_until_open(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if "the shops are open" in line:
            break
    return said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_demo_ends_its_processes_and_removes_its_folder(demo, tmp_path: Path, number):
    said = wait_until_open(demo)
    assert len(alive(tmp_path)) == 3, said
    demo.send_signal(number)
    rest, _ = demo.communicate(timeout=PATIENCE_SECONDS)
    assert demo.returncode == 130, rest
    assert "Interrupted" in rest
    assert not CONTROL.search(said + rest)
    assert not alive(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_killed_demo_takes_its_processes_with_it(demo, tmp_path: Path):
    wait_until_open(demo)
    assert len(alive(tmp_path)) == 3
    demo.kill()
    demo.wait()
    until(lambda: not alive(tmp_path), "a process has outlived the demo")


async def test_a_child_is_gone_after_its_block_with_all_that_it_started(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    child = Child(
        ["http.server", "0", "--bind", "127.0.0.1"], folder=tmp_path, out=tmp_path / "out", errors=tmp_path / "err"
    )
    async with child:
        await child.start()
        assert child.is_running
        pid = child.pid
        until(lambda: pid in alive(tmp_path), "the child did not start")
    assert not child.is_running
    assert child.exit_code == -signal.SIGKILL
    assert not alive(tmp_path)


async def test_variables_that_would_lead_a_daemon_elsewhere_do_not_reach_it(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("SYNCD_STATE_DIR", "/somewhere/else")
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/elsewhere")
    (tmp_path / "told.py").write_text("import os; print(sorted(os.environ))")
    async with Child(["told"], folder=tmp_path, out=None, errors=tmp_path / "err") as child:
        await child.start()
        told = await child.first_line()
    assert "PYTHONPATH" in told
    assert "SYNCD" not in told
    assert "NOTIFY_SOCKET" not in told
