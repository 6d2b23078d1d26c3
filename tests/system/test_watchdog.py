"""The watchdog's heart: what keeps it from being petted, and what doesn't."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from syncd.engine.herald import Herald
from syncd.errors import TransientError


class Stopped(Exception):
    """Ends the loop after its first turn."""


class FailingLedger:
    """Its writer turns, but its disk takes nothing."""

    async def ping(self) -> None:
        raise TransientError("the ledger's disk failed", operation="ledger")


async def stop(_wait_seconds: float) -> None:
    raise Stopped


async def test_a_disk_that_fails_does_not_end_the_watchdogs_loop() -> None:
    petted: list[bool] = []
    supervisor: Any = SimpleNamespace(clock=SimpleNamespace(sleep=stop), stuck=lambda _bound: [])
    notify: Any = SimpleNamespace(is_heard=True, watchdog=lambda: petted.append(True), watchdog_seconds=3.0)
    ledger: Any = FailingLedger()
    with pytest.raises(Stopped):
        await Herald(supervisor, ledger, notify).pet()
    assert petted == [True]
