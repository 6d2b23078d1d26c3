"""Whether syncd is alive: one truth for the service manager's watchdog and for whoever asks."""

from __future__ import annotations

from syncd.engine.supervisor import Supervisor
from syncd.ledger.ledger import Ledger

STUCK_SECONDS = 120.0  # a loop that neither turns nor works for this long is stuck


async def pulse(supervisor: Supervisor, ledger: Ledger) -> list[str]:
    """Return when the writer has answered: the loops that are stuck, none if all is well. A shop that hangs has its own
    time-outs and never shows here. Raises TransientError where the ledger is closed."""
    await ledger.ping()
    return supervisor.stuck(STUCK_SECONDS)
