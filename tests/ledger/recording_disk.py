"""A disk that remembers each write and each sync, and can say what would be left of it had the power failed at any point.

What was synced is there. Of what was written since, any part may be there, in any order, torn at sectors of 512 bytes.
The files' existence and the WAL's index (shared memory) are not part of it: SQLite makes the index anew.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Protocol

import apsw

SECTOR_BYTES = 512


@dataclass(frozen=True)
class Write:
    name: str
    offset: int
    data: bytes

    def sectors(self) -> Iterator[Write]:
        for start in range(0, len(self.data), SECTOR_BYTES):
            yield Write(self.name, self.offset + start, self.data[start : start + SECTOR_BYTES])

    def apply(self, image: bytearray) -> None:
        if len(image) < self.offset:
            image.extend(bytes(self.offset - len(image)))
        image[self.offset : self.offset + len(self.data)] = self.data


@dataclass(frozen=True)
class Truncate:
    name: str
    size: int

    def apply(self, image: bytearray) -> None:
        del image[self.size :]


@dataclass(frozen=True)
class Sync:
    name: str


@dataclass(frozen=True)
class Acknowledged:
    """Not the disk's: a caller was told that this unit is done."""

    key: str


class Survivors(Protocol):
    """Which of the sectors that were not synced are on the disk after all."""

    def __call__(self) -> bool: ...


def none() -> bool:
    return False


def all_of_them() -> bool:
    return True


def some_of_them(chance: Random) -> Survivors:
    return lambda: chance.random() < 0.5


@dataclass
class Disk:
    durable: dict[str, bytearray]
    log: list[Write | Truncate | Sync | Acknowledged] = field(default_factory=list)

    def cuts(self) -> Iterator[tuple[int, Cut]]:
        """The disk before each of the recorded operations, and after the last."""
        cut = Cut({name: bytearray(image) for name, image in self.durable.items()})
        for number, operation in enumerate(self.log):
            yield number, cut
            cut.pass_by(operation)
        yield len(self.log), cut


@dataclass
class Cut:
    """The power fails here."""

    durable: dict[str, bytearray]
    unsynced: dict[str, list[Write | Truncate]] = field(default_factory=lambda: defaultdict(list))
    acknowledged: set[str] = field(default_factory=set)

    def pass_by(self, operation: Write | Truncate | Sync | Acknowledged) -> None:
        if isinstance(operation, Acknowledged):
            self.acknowledged.add(operation.key)
        elif isinstance(operation, Sync):
            image = self.durable.setdefault(operation.name, bytearray())
            for waiting in self.unsynced.pop(operation.name, []):
                waiting.apply(image)
        else:
            self.unsynced[operation.name].append(operation)

    def write_to(self, folder: Path, survives: Survivors) -> None:
        """Put into `folder` what is left."""
        for name in {*self.durable, *self.unsynced}:
            image = bytearray(self.durable.get(name, b""))
            for waiting in self.unsynced.get(name, []):
                parts = waiting.sectors() if isinstance(waiting, Write) else [waiting]
                for part in parts:
                    if survives():
                        part.apply(image)
            (folder / name).write_bytes(image)


class RecordingVFS(apsw.VFS):
    def __init__(self, name: str, disk: Disk) -> None:
        self._disk = disk
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        return RecordingFile(self._disk, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self._disk.log.append(Truncate(Path(filename).name, 0))
        super().xDelete(filename, syncdir)


class RecordingFile(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._name = os.path.basename(path or "temporary")  # noqa: PTH119 - a string of SQLite's
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._disk.log.append(Write(self._name, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._disk.log.append(Truncate(self._name, newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        super().xSync(flags)
        self._disk.log.append(Sync(self._name))
