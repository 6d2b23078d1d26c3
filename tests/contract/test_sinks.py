"""Every sink keeps the contract that syncd ships; the fake does, and broken ones are caught."""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from syncd.clock import SystemClock
from syncd.config.settings import signing_key
from syncd.core.erasure import Whom
from syncd.errors import StoreFault
from syncd.ledger.aside import HopAside
from syncd.ports.sink import Delivery, Erased
from syncd.sinks import ndjson, parquet
from syncd.sinks.ndjson import NdjsonSink
from syncd.sinks.parquet import ParquetSink
from syncd.sinks.webhook import WebhookSink
from syncd.testing.fake_sink import FakeSink
from syncd.testing.sink_contract import SinkContract
from syncd.transport.session import make_session
from tests.engine.receiver import SECRET, Receiver


class FakeHand:
    def __init__(self, port: FakeSink) -> None:
        self.port = port

    async def taken(self) -> list[dict[str, Any]]:
        return [{"id": each.id, "sequence": each.seq, "data": json.loads(each.data)} for each in self.port.taken]

    async def fail(self, *, failing: bool) -> None:
        self.port.fails = lambda _event: StoreFault("down") if failing else None


class TestFake(SinkContract):
    @pytest.fixture
    def port(self) -> Any:
        return FakeSink()

    @pytest.fixture
    def driver(self, port: FakeSink) -> FakeHand:
        return FakeHand(port)


class ReceiverHand:
    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver

    async def taken(self) -> list[dict[str, Any]]:
        return [call.body for call in self.receiver.calls if call.answered < 300]

    async def fail(self, *, failing: bool) -> None:
        self.receiver.status = 503 if failing else 200


class TestWebhook(SinkContract):
    @pytest.fixture
    async def receiver(self) -> AsyncIterator[Receiver]:
        async with Receiver().open() as receiver:
            yield receiver

    @pytest.fixture
    async def port(self, receiver: Receiver) -> AsyncIterator[Any]:
        async with make_session() as session:
            yield WebhookSink(receiver.url, signing_key(SECRET), session, SystemClock())

    @pytest.fixture
    def driver(self, receiver: Receiver) -> ReceiverHand:
        return ReceiverHand(receiver)


class FilesHand:
    def __init__(self, folder: Path, patched: pytest.MonkeyPatch) -> None:
        self.folder, self.patched = folder, patched

    async def taken(self) -> list[dict[str, Any]]:
        lines = [line for path in sorted(self.folder.glob("*/*.ndjson")) for line in path.read_text().splitlines()]
        return [json.loads(line) for line in lines]

    async def fail(self, *, failing: bool) -> None:
        def full(_path: Path, _content: bytes) -> None:
            raise OSError(28, "No space left on device")

        if failing:
            self.patched.setattr(ndjson, "append_synced", full)
        else:
            self.patched.undo()


class TestNdjson(SinkContract):
    @pytest.fixture
    def port(self, tmp_path: Path) -> Any:
        return NdjsonSink(tmp_path / "files", by_kind=False, aside=HopAside(), clock=SystemClock())

    @pytest.fixture
    def driver(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FilesHand:
        return FilesHand(tmp_path / "files", monkeypatch)


class PartsHand:
    def __init__(self, folder: Path, patched: pytest.MonkeyPatch) -> None:
        self.folder, self.patched = folder, patched

    async def taken(self) -> list[dict[str, Any]]:
        rows = [row for path in sorted(self.folder.glob("day=*/part-*")) for row in parquet.read_part(path)]
        return [{**row, "data": json.loads(row["data"])} for row in rows]

    async def fail(self, *, failing: bool) -> None:
        def full(_path: Path, _parts: object) -> None:
            raise OSError(28, "No space left on device")

        if failing:
            self.patched.setattr(parquet, "put_in_place", full)
        else:
            self.patched.undo()


class TestParquet(SinkContract):
    @pytest.fixture
    def port(self, tmp_path: Path) -> Any:
        pytest.importorskip("pyarrow", reason="the extra syncd[parquet] is not installed")
        return ParquetSink(tmp_path / "files", gather_us=0, aside=HopAside(), clock=SystemClock())

    @pytest.fixture
    def driver(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PartsHand:
        return PartsHand(tmp_path / "files", monkeypatch)


class Forgetful(FakeSink):
    """Says that it has taken what it hasn't."""

    async def deliver(self, events: Sequence[Delivery]) -> None:
        await super().deliver(events[:0])


class Backwards(FakeSink):
    """The last comes first."""

    async def deliver(self, events: Sequence[Delivery]) -> None:
        await super().deliver(events)
        self.taken.insert(0, self.taken.pop())


class Thorough(FakeSink):
    """Erases more than it should."""

    async def erase(self, whom: Whom, *, only_look: bool = False) -> Erased:
        found = await super().erase(whom, only_look=only_look)
        if not only_look:
            self.taken = [each for each in self.taken if b"example" not in each.data]
        return found


class Hasty(FakeSink):
    """Erases where it should only look."""

    async def erase(self, whom: Whom, *, only_look: bool = False) -> Erased:
        return await super().erase(whom)


@pytest.mark.parametrize("broken", [Forgetful, Backwards, Thorough, Hasty])
async def test_a_broken_sink_is_caught(broken):
    failed = []
    for name, test in inspect.getmembers(SinkContract, inspect.isfunction):
        if name.startswith("test_"):
            port = broken()
            try:
                await test(SinkContract(), port, FakeHand(port))
            except (AssertionError, KeyError, ValueError, pytest.fail.Exception):
                failed.append(name)
    assert failed
