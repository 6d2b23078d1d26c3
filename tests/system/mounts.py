"""Small, full and read-only disks: mounted for a test, gone after it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

BLOCK_BYTES = 4096
FSCK_MENDED = 2  # fsck(8): errors were corrected


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """A tool of the system."""
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def _tool(name: str) -> str:
    """A tool for ext4; skips the test where it is missing."""
    if (path := shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin")) is None:
        pytest.skip(f"{name} (package e2fsprogs) is not installed here")
    return path


@contextmanager
def mounted(place: Path, *arguments: str) -> Iterator[Path]:
    """Mount something at `place`; skips the test, with the reason, where that is not possible."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a file system")
    place.mkdir()
    done = run("mount", *arguments, str(place))
    if done.returncode != 0:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        run("umount", "-l", str(place))


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[Path]:
    """A disk of this size, empty."""
    with mounted(place, "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs"):
        yield place


@contextmanager
def failing_disk(place: Path, megabytes: int) -> Iterator[Path]:
    """A disk that turns read-only when it fails (`fail`), as ext4 does by default on Debian and Ubuntu."""
    make = _tool("mkfs.ext4")
    image = place.with_suffix(".image")
    with image.open("wb") as blank:
        blank.truncate(megabytes * 2**20)
    assert run(make, "-q", str(image)).returncode == 0
    with mounted(place, "-o", "loop,errors=remount-ro", str(image)):
        yield place


def fail(place: Path) -> None:
    """From now on nothing can be written there, not even to files that are open."""
    done = run("mount", "-o", "remount,abort", str(place))
    if done.returncode != 0:
        pytest.skip(f"this system can't let a disk fail: {done.stderr.strip()}")


def repair(place: Path) -> None:
    """What an operator does then: check the disk, mount it again."""
    assert run("umount", str(place)).returncode == 0
    image = str(place.with_suffix(".image"))
    checked = run(_tool("fsck.ext4"), "-y", "-f", image)
    assert checked.returncode <= FSCK_MENDED, checked.stdout + checked.stderr
    assert run("mount", "-o", "loop,errors=remount-ro", image, str(place)).returncode == 0


def fill(place: Path) -> Path:
    """Leave no room at all. Returns the file that takes it up."""
    ballast = place / "ballast"
    with ballast.open("ab", buffering=0) as out:
        for chunk in (64 * BLOCK_BYTES, BLOCK_BYTES):
            with suppress(OSError):
                while True:
                    out.write(bytes(chunk))
    assert shutil.disk_usage(place).free == 0
    return ballast


def make_read_only(place: Path) -> None:
    """Remount what nobody has open for writing."""
    done = run("mount", "-o", "remount,ro", str(place))
    assert done.returncode == 0, done.stderr
