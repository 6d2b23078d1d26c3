"""Says when the ledger can't be written to, and when it can again: what else fails then fails because of it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from syncd.errors import TransientError
from syncd.ledger.ledger import Failure, Ledger
from syncd.observability import events
from syncd.observability.log import Log
from syncd.ports.clock import Clock

LOOK_SECONDS = 1.0
QUIET_SECONDS = 5.0  # without a failure: on a full disk small writes succeed now and then


@dataclass(slots=True)
class LedgerWatch:
    """Watches one ledger. `folder` is its state directory."""

    ledger: Ledger
    folder: Path
    clock: Clock
    log: Log
    told: Failure | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.clock.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Log the edge, if there is one."""
        last = self.ledger.state().last_failure
        if last is None:
            return
        if self.told is None:
            if self.clock.monotonic() - last.at < QUIET_SECONDS:
                self.told = last
                self.log.emit(
                    events.LEDGER_UNWRITABLE,
                    path=str(self.folder),
                    free_megabytes=self._free_megabytes(),
                    reason=str(last.error),
                    hint=getattr(last.error, "hint", ""),
                )
        elif self.clock.monotonic() - last.at >= QUIET_SECONDS and await self._can_write():
            self.log.emit(events.LEDGER_WRITABLE, after_seconds=round(self.clock.monotonic() - self.told.at, 1))
            self.told = None

    async def _can_write(self) -> bool:
        try:
            await self.ledger.try_writing()
        except TransientError:
            return False
        return True

    def _free_megabytes(self) -> float | None:
        try:
            return round(shutil.disk_usage(self.folder).free / 2**20, 1)
        except OSError:
            return None
