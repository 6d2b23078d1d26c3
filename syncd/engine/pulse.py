"""Whether syncd is alive: one truth for the service manager's watchdog and for whoever asks."""

from __future__ import annotations

from contextlib import suppress

from syncd.engine.supervisor import Supervisor
from syncd.errors import TransientError
from syncd.ledger.ledger import Ledger

STUCK_SECONDS = 120.0  # a loop that neither turns nor works for this long is stuck


async def pulse(supervisor: Supervisor, ledger: Ledger) -> list[str]:
    """Return when the writer has answered: the loops that are stuck, none if all is well. A shop that hangs has its own
    time-outs and never shows here; a disk that fails is an answer too, and `ledger.unwritable` tells of it."""
    with suppress(TransientError):
        await ledger.ping()
    return supervisor.stuck(STUCK_SECONDS)
