"""Events as lines of JSON, in files by the day on which they were written: `all/2026-11-28.ndjson`.

Each batch is appended and synced before anybody says that it has arrived. A power cut may leave half a line at the end of a file:
it is cut off when the sink is opened, and before the next line is written; its event comes again. A day's file is closed with the
day: nothing is added to it later, only an erasure changes it, as a whole (another file in its place).
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from syncd.core.erasure import Mention, Whom
from syncd.core.quantity import SECOND, Instant
from syncd.errors import MisconfiguredError, StoreFault
from syncd.ports.clock import Clock
from syncd.ports.sink import Aside, Delivery, Erased, SinkTraits
from syncd.sinks import lines
from syncd.sinks.cloudevents import encode
from syncd.sinks.durable import TEMPORARY, append_synced, make_folder, put_in_place

BATCH_EVENTS_MAX: Final = 200  # one sync for so many; of the largest events 200 MB
FILES_MENDED_MAX: Final = (
    20_000  # the newest, looked at when the sink is opened; a file is mended again before it is written to
)
ENDING: Final = ".ndjson"
TAIL_BYTES: Final = 64 * 1024


class NdjsonSink:
    """One folder."""

    def __init__(self, folder: Path, *, by_kind: bool, aside: Aside, clock: Clock) -> None:
        self.traits = SinkTraits(batch_events_max=BATCH_EVENTS_MAX)
        self._folder, self._by_kind, self._aside, self._clock = folder, by_kind, aside, clock

    async def open(self) -> int:
        """Make the folder, and cut off what a power cut has left half written."""
        return await self._aside.run(self._open)

    async def deliver(self, events: Sequence[Delivery]) -> None:
        """Append them, and return when they are on disk."""
        day = day_of(self._clock.wall())
        rows: dict[Path, list[bytes]] = defaultdict(list)
        for each in events:
            place = each.kind if self._by_kind else "all"
            rows[self._folder / place / (day + ENDING)].append(encode(each) + b"\n")
        await self._aside.run(partial(_append, rows))

    async def erase(self, whom: Whom, *, only_look: bool = False) -> Erased:
        """Every file that has something of him is written anew without it, and put in its place."""
        return await self._aside.run(partial(self._erase, whom, only_look))

    def _open(self) -> int:
        try:
            make_folder(self._folder)
            for path in self._folder.glob(f"*/.*{TEMPORARY}"):  # an erasure that was interrupted begins anew
                path.unlink()
            newest = sorted(self._files(), key=lambda path: path.name)[-FILES_MENDED_MAX:]
            return sum([mend(path) for path in newest])
        except OSError as error:
            raise unusable(self._folder, error) from error

    def _erase(self, whom: Whom, only_look: bool) -> Erased:
        events = files = 0
        mention = Mention(whom.email)
        try:
            for path in self._files():
                mend(path)
                found = sum([1 for line in lines.of(path) if lines.erased(line, whom, mention) is not None])
                if found:
                    events, files = events + found, files + 1
                if found and not only_look:
                    put_in_place(path, _without(path, whom, mention))
        except OSError as error:
            raise StoreFault(f"the files in {self._folder}: {error.strerror}", operation="sink") from error
        return Erased(events, files)

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob(f"*/*{ENDING}"))


def day_of(at: Instant) -> str:
    """The day in UTC, as files are named by it."""
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%d")


def mend(path: Path) -> int:
    """Cut off a last line without its end; returns whether there was one (0 or 1)."""
    size = path.stat().st_size
    if not size:
        return 0
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) == b"\n":
            return 0
        end = size
        while end:
            begin = max(0, end - TAIL_BYTES)
            file.seek(begin)
            found = file.read(end - begin).rfind(b"\n")
            end = begin + found + 1 if found >= 0 else begin
            if found >= 0:
                break
        file.truncate(end)
        os.fsync(file.fileno())
    return 1


def _append(rows: dict[Path, list[bytes]]) -> None:
    for path, some in rows.items():
        try:
            make_folder(path.parent)
            if path.exists():
                mend(path)
            append_synced(path, b"".join(some))
        except OSError as error:
            raise StoreFault(
                f"{path} can't be written: {error.strerror}", operation="sink", hint="look at its disk and permissions"
            ) from error


def _without(path: Path, whom: Whom, mention: Mention) -> Iterable[bytes]:
    for line in lines.of(path):
        changed = lines.erased(line, whom, mention)
        yield line if changed is None else changed


def unusable(folder: Path, error: OSError) -> MisconfiguredError | StoreFault:
    """The error for a folder that can't be used: somebody has to act, or it may pass."""
    told = f"{folder} can't be used: {error.strerror}"
    if isinstance(error, PermissionError | FileExistsError | NotADirectoryError):
        return MisconfiguredError(told, operation="sink", hint="give syncd's user the folder, then run `syncd reload`")
    return StoreFault(told, operation="sink", hint="look at its disk")
