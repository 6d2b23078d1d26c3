"""Writing files so that a power cut leaves the old content or the new one, and what was said to be on disk is."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

FILE_MODE: Final = 0o600  # orders carry people's addresses
FOLDER_MODE: Final = 0o700
TEMPORARY: Final = ".new"  # the end of a name that nobody reads


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, durably, for this user alone."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
    sync_folder(folder.parent)


def append_synced(path: Path, content: bytes) -> None:
    """Append, and return when it is on disk. Where that fails, the file is cut back to what it was."""
    is_new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, FILE_MODE)
    try:
        size = os.fstat(descriptor).st_size
        try:
            _write(descriptor, content)
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)
    if is_new:
        sync_folder(path.parent)


def put_in_place(path: Path, parts: Iterable[bytes]) -> None:
    """Put this content in the place of the file: whoever looks sees the old file or the new one."""
    new = path.with_name(f".{path.name}{TEMPORARY}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
    try:
        for part in parts:
            _write(descriptor, part)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    new.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """A name in a folder is on disk when the folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]
