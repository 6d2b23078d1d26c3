"""Files of events: whole lines, on disk before anybody says so, by day and for syncd's user alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.clock import SystemClock
from syncd.core.erasure import Whom
from syncd.core.quantity import SECOND, Instant
from syncd.errors import MisconfiguredError, StoreFault
from syncd.ledger.aside import HopAside
from syncd.observability import events
from syncd.sinks import ndjson
from syncd.sinks.ndjson import NdjsonSink, mend
from syncd.testing.sink_contract import an_event
from tests.reconcile.sink_bench import Bench
from tests.reconcile.sink_bench import an_event as happening


class Noon(SystemClock):
    """A wall clock that stands still until a hand moves it."""

    def __init__(self) -> None:
        super().__init__()
        self.at = Instant(1_795_003_200 * SECOND)  # 2026-11-18T12:00:00Z

    def wall(self) -> Instant:
        return self.at


def a_sink(folder: Path, clock: SystemClock | None = None, *, by_kind: bool = False) -> NdjsonSink:
    return NdjsonSink(folder, by_kind=by_kind, aside=HopAside(), clock=clock or Noon())


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_a_day_is_a_file_and_only_syncds_user_reads_it(tmp_path):
    clock, folder = Noon(), tmp_path / "sinks" / "acme" / "lake"
    sink = a_sink(folder, clock)
    await sink.open()
    await sink.deliver([an_event("e1"), an_event("e2", 2)])
    clock.at = Instant(clock.at + 86_400 * SECOND)
    await sink.deliver([an_event("e3", 3)])
    files = sorted(folder.glob("*/*"))
    assert [str(path.relative_to(folder)) for path in files] == ["all/2026-11-18.ndjson", "all/2026-11-19.ndjson"]
    assert [[line["id"] for line in lines(path)] for path in files] == [["e1", "e2"], ["e3"]]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (folder, folder.parent, folder / "all")} == {0o700}


async def test_each_kind_may_have_a_folder(tmp_path):
    sink = a_sink(tmp_path, by_kind=True)
    await sink.open()
    await sink.deliver([an_event("e1")])
    assert [path.name for path in tmp_path.iterdir()] == ["order.changed"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 2_000))
async def test_a_power_cut_at_any_byte_costs_no_line_that_was_whole(tmp_path, cut):
    folder = tmp_path / str(cut)
    sink = a_sink(folder)
    await sink.open()
    await sink.deliver([an_event(f"e{k}", k) for k in range(4)])
    [path] = folder.glob("*/*.ndjson")
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])  # what the disk has of it
    expected = whole[:cut].count(b"\n")
    torn = cut < len(whole) and not whole[:cut].endswith(b"\n") and cut > 0
    again = a_sink(folder)
    assert await again.open() == int(torn)
    await again.deliver([an_event("again", 9)])
    assert [line["id"] for line in lines(path)] == [*[f"e{k}" for k in range(expected)], "again"]


async def test_half_a_line_that_appears_while_it_is_open_is_cut_off_too(tmp_path):
    sink = a_sink(tmp_path)
    await sink.open()
    await sink.deliver([an_event("e1")])
    [path] = tmp_path.glob("*/*.ndjson")
    with path.open("ab") as file:
        file.write(b'{"half')
    await sink.deliver([an_event("e2", 2)])
    assert [line["id"] for line in lines(path)] == ["e1", "e2"]


def test_a_long_half_line_is_found(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"{}\n" + b"x" * 200_000)
    assert mend(path) == 1
    assert path.read_bytes() == b"{}\n"
    path.write_bytes(b"x" * 200_000)
    assert mend(path) == 1
    assert path.read_bytes() == b""


async def test_a_full_disk_leaves_no_half_line(tmp_path, monkeypatch):
    sink = a_sink(tmp_path)
    await sink.open()
    await sink.deliver([an_event("e1")])
    write = os.write

    def full(descriptor: int, content: Any) -> int:
        write(descriptor, bytes(content)[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StoreFault, match="No space left"):
        await sink.deliver([an_event("e2", 2)])
    monkeypatch.undo()
    await sink.deliver([an_event("e2", 2)])
    [path] = tmp_path.glob("*/*.ndjson")
    assert [line["id"] for line in lines(path)] == ["e1", "e2"]


async def test_a_file_where_the_folder_should_be_is_told(tmp_path):
    (tmp_path / "lake").write_text("")
    with pytest.raises(MisconfiguredError, match="can't be used"):
        await a_sink(tmp_path / "lake").open()


async def test_it_is_synced_before_the_ledger_forgets_the_event(tmp_path, monkeypatch):
    synced: list[bytes] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        fsync(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").resolve()
        if path.suffix == ".ndjson":
            synced.append(path.read_bytes())

    monkeypatch.setattr(os, "fsync", watched)
    sink = a_sink(tmp_path / "lake")
    bench = Bench(tmp_path / "state", sink)
    await bench.begin()
    await bench.put(happening("e1"), happening("e2"))
    await bench.turns(3)
    assert b'"e1"' in synced[0]
    assert b'"e2"' in synced[0], "one sync for all that waited"
    assert (await bench.backlog()).waiting == 0
    await bench.ledger.close()


async def test_what_was_cut_off_comes_again_and_that_is_told(tmp_path):
    folder = tmp_path / "lake"
    bench = Bench(tmp_path / "state", a_sink(folder))
    await bench.begin()
    await bench.put(happening("e1"), happening("e2"))
    await bench.turns(1)
    await bench.ledger.close()
    [path] = folder.glob("*/*.ndjson")
    path.write_bytes(path.read_bytes()[:-5])
    bench = Bench(tmp_path / "state", a_sink(folder))
    await bench.begin()
    await bench.put(happening("e2"))
    await bench.turns(3)
    assert len(bench.logged(events.SINK_MENDED)) == 1
    assert [line["id"] for line in lines(path)] == ["e1", "e2"]
    await bench.ledger.close()


async def test_an_erasure_looks_at_every_file_however_many_there_are(tmp_path, monkeypatch):
    monkeypatch.setattr(ndjson, "FILES_MENDED_MAX", 1)
    clock, folder = Noon(), tmp_path / "lake"
    sink = a_sink(folder, clock)
    await sink.open()
    for number in range(3):
        await sink.deliver([an_event(f"e{number}", number)])
        clock.at = Instant(clock.at + 86_400 * SECOND)
    assert (await sink.erase(Whom(persons=frozenset(an_event("e").persons)))).files == 3


async def test_what_an_erasure_left_half_written_is_gone_with_the_next_start(tmp_path):
    sink = a_sink(tmp_path)
    await sink.open()
    await sink.deliver([an_event("e1")])
    [path] = tmp_path.glob("*/*.ndjson")
    left = path.with_name(f".{path.name}.new")
    left.write_bytes(b"{}\n")
    await a_sink(tmp_path).open()
    assert not left.exists()
    assert [line["id"] for line in lines(path)] == ["e1"]
