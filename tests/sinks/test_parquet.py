"""Parts of events as Parquet: whole or not there, gathered, and of the same shape for ever."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from syncd.clock import SystemClock
from syncd.core.erasure import Whom
from syncd.core.quantity import SECOND
from syncd.errors import MisconfiguredError, StoreFault
from syncd.ledger.aside import HopAside
from syncd.sinks import parquet
from syncd.sinks.parquet import ParquetSink, read_part
from syncd.testing.sink_contract import NOON, an_event
from tests.reconcile.sink_bench import Bench
from tests.reconcile.sink_bench import an_event as happening

pyarrow = pytest.importorskip("pyarrow", reason="the extra syncd[parquet] is not installed")


def a_sink(folder: Path, gather_seconds: int = 0) -> ParquetSink:
    return ParquetSink(folder, gather_us=gather_seconds * SECOND, aside=HopAside(), clock=SystemClock())


def parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("day=*/*.parquet"))


async def test_a_part_has_the_columns_that_the_manual_names_and_any_tool_reads_the_day(tmp_path):
    from pyarrow import dataset

    sink = a_sink(tmp_path)
    await sink.open()
    await sink.deliver([an_event("e1", 4_711), an_event("e2", 4_712)])
    [path] = parts(tmp_path)
    table = pyarrow.parquet.read_table(path, partitioning=None)
    assert {name: str(kind) for name, kind in zip(table.schema.names, table.schema.types, strict=True)} == {
        **dict.fromkeys(["id", "kind", "tenant", "store", "stream", "subject"], "string"),
        "at": "timestamp[us, tz=UTC]", "sequence": "int64",
        **dict.fromkeys(["personal", "persons", "data"], "string"),
    }  # fmt: skip
    assert read_part(path)[0] == {
        "id": "e1", "kind": "order.changed", "tenant": "acme", "store": "us", "stream": "us/1001",
        "subject": "orders/1001", "at": NOON, "sequence": 4_711, "personal": "email",
        "persons": "key-of-ada@example.test", "data": '{"id":"us/1001","n":"e1","email":"ada@example.test"}',
    }  # fmt: skip
    found = dataset.dataset(tmp_path, partitioning="hive").to_table().to_pylist()
    assert [f"day={row['day']}" for row in found] == [path.parent.name] * 2


async def test_the_same_batch_again_replaces_itself(tmp_path):
    sink = a_sink(tmp_path)
    await sink.open()
    for _ in range(2):
        await sink.deliver([an_event("e1"), an_event("e2", 2)])
    await sink.deliver([an_event("e1"), an_event("e2", 2), an_event("e3", 3)])
    assert [[row["id"] for row in read_part(path)] for path in parts(tmp_path)].count(["e1", "e2"]) == 1
    assert len(parts(tmp_path)) == 2


async def test_a_crash_while_a_part_is_written_leaves_nothing_that_a_reader_sees(tmp_path, monkeypatch):
    sink = a_sink(tmp_path)
    await sink.open()

    def cut(_path: Path, _target: Path) -> None:
        raise OSError(5, "the power is gone")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", cut)
        with pytest.raises(StoreFault):
            await sink.deliver([an_event("e1")])
    assert parts(tmp_path) == []
    assert len(list(tmp_path.glob("day=*/.*"))) == 1
    assert await a_sink(tmp_path).open() == 1
    assert list(tmp_path.glob("day=*/*")) == list(tmp_path.glob("day=*/.*")) == []


async def test_events_are_gathered_until_there_are_enough_or_the_first_has_waited(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "ROWS_MAX", 4)
    bench = Bench(tmp_path / "state", a_sink(tmp_path / "lake", 300))
    await bench.begin()
    await bench.put(happening("e1"), happening("e2"))
    await bench.turns(3)
    assert parts(tmp_path / "lake") == []
    await bench.put(happening("e3"), happening("e4"), happening("e5"))
    await bench.turns(3)
    assert [len(read_part(path)) for path in parts(tmp_path / "lake")] == [4], "full"
    bench.clock.move(301.0)
    await bench.turns(3)
    assert [len(read_part(path)) for path in parts(tmp_path / "lake")] == [4, 1]
    assert (await bench.backlog()).waiting == 0
    await bench.ledger.close()


async def test_an_erasure_leaves_no_byte_of_it_in_any_part(tmp_path):
    sink = a_sink(tmp_path)
    await sink.open()
    await sink.deliver([an_event("e1"), an_event("e2", 2, "us/1002", "bob@example.test")])
    await sink.deliver([an_event("e3", 3, "us/1003", "bob@example.test")])
    ada = "ada@example.test"
    untouched = parts(tmp_path)[1].read_bytes()
    erased = await sink.erase(Whom(ada, frozenset(), frozenset([f"key-of-{ada}"])))
    assert (erased.events, erased.files) == (1, 1)
    rows = [row for path in parts(tmp_path) for row in read_part(path)]
    assert [(row["id"], "bob@" in row["data"], row["persons"] is None) for row in rows] == [
        ("e1", False, True), ("e2", True, False), ("e3", True, False),
    ]  # fmt: skip
    assert ada not in str(rows)
    assert parts(tmp_path)[1].read_bytes() == untouched
    assert not list(tmp_path.glob("day=*/.*"))


async def test_a_damaged_part_ends_an_erasure_with_its_name(tmp_path):
    sink = a_sink(tmp_path)
    await sink.open()
    await sink.deliver([an_event("e1")])
    [part] = parts(tmp_path)
    part.write_bytes(part.read_bytes()[:-8])
    with pytest.raises(StoreFault, match=part.name):
        await sink.erase(Whom("ada@example.test", frozenset(), frozenset()))


async def test_without_pyarrow_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MisconfiguredError) as raised:
        await a_sink(tmp_path).open()
    assert "syncd[parquet]" in raised.value.hint
