"""Events as Parquet, in part files below a folder for the day on which they were written: `day=2026-11-28/part-....parquet`.

Events are gathered for some minutes, so that parts aren't too small to be of use. A part is written under another name, synced,
and then put in its place: whoever reads the folder sees whole parts alone. Its name follows from what is in it, so that the same
batch, written again after a crash, replaces itself.

pyarrow is large, and needed by nobody else: it is loaded when a part is written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from syncd.core.erasure import Mention, Whom
from syncd.errors import MisconfiguredError, StoreFault
from syncd.ports.clock import Clock
from syncd.ports.sink import Aside, Delivery, Erased, SinkTraits
from syncd.sinks.cloudevents import SEQUENCE_DIGITS, TYPE_PREFIX
from syncd.sinks.durable import TEMPORARY, make_folder, put_in_place
from syncd.sinks.lines import event_without
from syncd.sinks.ndjson import day_of, unusable

ROWS_MAX: Final = 5_000  # of a part
PART: Final = "part-{first:0{digits}d}-{digest}.parquet"
DIGEST_BYTES: Final = 6
COLUMNS: Final = ("id", "kind", "tenant", "store", "stream", "subject", "at", "sequence", "personal", "persons", "data")
NUMBERS: Final = frozenset({"sequence"})


class ParquetSink:
    """One folder."""

    def __init__(self, folder: Path, *, gather_us: int, aside: Aside, clock: Clock) -> None:
        self.traits = SinkTraits(batch_events_max=ROWS_MAX, gather_us=gather_us)
        self._folder, self._aside, self._clock = folder, aside, clock

    async def open(self) -> int:
        """Make the folder, and take away what a crash has left under another name: its events come again."""
        return await self._aside.run(self._open)

    async def deliver(self, events: Sequence[Delivery]) -> None:
        """Write them as one part, and return when it is on disk and in its place."""
        folder = self._folder / f"day={day_of(self._clock.wall())}"
        await self._aside.run(partial(_write, folder, [_row(each) for each in events]))

    async def erase(self, whom: Whom, *, only_look: bool = False) -> Erased:
        """Every part that has something of him is written anew without it, and put in its place."""
        return await self._aside.run(partial(self._erase, whom, only_look))

    def _open(self) -> int:
        _arrow()
        try:
            make_folder(self._folder)
            left = list(self._folder.glob(f"day=*/.*{TEMPORARY}"))
            for path in left:
                path.unlink()
        except OSError as error:
            raise unusable(self._folder, error) from error
        return len(left)

    def _erase(self, whom: Whom, only_look: bool) -> Erased:
        mention, events, files = Mention(whom.email), 0, 0
        try:
            for path in sorted(self._folder.glob("day=*/part-*.parquet")):
                rows = read_part(path)
                changed = {k: new for k, row in enumerate(rows) if (new := _without(row, whom, mention)) is not None}
                if not changed:
                    continue
                events, files = events + len(changed), files + 1
                if not only_look:
                    put_in_place(path, [_part([changed.get(k, row) for k, row in enumerate(rows)])])
        except OSError as error:
            raise StoreFault(f"the files in {self._folder}: {error}", operation="sink") from error
        return Erased(events, files)


def read_part(path: Path) -> list[dict[str, Any]]:
    """A part's rows, `at` in microseconds. Raises OSError for one that can't be read, damaged ones too."""
    arrow, parquet = _arrow()
    try:
        table = parquet.read_table(path, use_threads=False, partitioning=None)
    except arrow.ArrowException as error:
        raise OSError(f"{path.name} is damaged: {type(error).__name__}") from error
    return list(table.set_column(table.schema.get_field_index("at"), "at", table["at"].cast(arrow.int64())).to_pylist())


def _row(each: Delivery) -> dict[str, Any]:
    return {
        "id": each.id, "kind": each.kind, "tenant": each.tenant, "store": each.store, "stream": each.stream,
        "subject": each.subject, "at": each.at, "sequence": each.seq, "personal": ",".join(each.personal) or None,
        "persons": ",".join(each.persons) or None, "data": each.data.decode(),
    }  # fmt: skip


def _write(folder: Path, rows: list[dict[str, Any]]) -> None:
    digest = hashlib.blake2b("\n".join([row["id"] for row in rows]).encode(), digest_size=DIGEST_BYTES).hexdigest()
    path = folder / PART.format(first=rows[0]["sequence"], digits=SEQUENCE_DIGITS, digest=digest)
    try:
        make_folder(folder)
        put_in_place(path, [_part(rows)])
    except OSError as error:
        raise StoreFault(
            f"{path} can't be written: {error.strerror}", operation="sink", hint="look at its disk and permissions"
        ) from error


def _part(rows: list[dict[str, Any]]) -> bytes:
    arrow, parquet = _arrow()
    kinds = {name: arrow.int64() if name in NUMBERS else arrow.string() for name in COLUMNS}
    kinds["at"] = arrow.timestamp("us", tz="UTC")
    table = arrow.table({name: arrow.array([row[name] for row in rows], type=kind) for name, kind in kinds.items()})
    out = arrow.BufferOutputStream()
    parquet.write_table(table, out, compression="zstd")
    return bytes(out.getvalue())


def _without(row: dict[str, Any], whom: Whom, mention: Mention) -> dict[str, Any] | None:
    told = {
        "source": f"/{row['store']}", "subject": row["subject"], "type": TYPE_PREFIX + row["kind"],
        "data": msgspec.json.decode(row["data"]), "personal": row["personal"] or "", "persons": row["persons"] or "",
    }  # fmt: skip
    left = event_without(told, whom, mention)
    if left is None or (left["data"] == told["data"] and not told["personal"] and not told["persons"]):
        return None
    return {
        **row, "data": msgspec.json.encode(left["data"]).decode(), "personal": left.get("personal") or None,
        "persons": left.get("persons") or None,
    }  # fmt: skip


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as arrow  # noqa: PLC0415, ICN001 - see the head
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise MisconfiguredError(
            "pyarrow is not installed", operation="sink", hint="install it: pip install 'syncd[parquet]'"
        ) from error
    return arrow, parquet
