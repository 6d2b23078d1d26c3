"""The edges of a connection, as events in the log: unreachable once, recovered once."""

from __future__ import annotations

from syncd.observability import events
from syncd.observability.log import Log


class LoggedEdges:
    """What the transport tells of a store or an ERP (`syncd.transport.edges`)."""

    def __init__(self, log: Log, unreachable: events.Event, recovered: events.Event) -> None:
        self._log = log
        self._unreachable = unreachable
        self._recovered = recovered

    def unreachable(self, reason: str) -> None:
        """It no longer answers as it should."""
        self._log.emit(self._unreachable, reason=reason)

    def recovered(self, after_seconds: float) -> None:
        """It answers again."""
        self._log.emit(self._recovered, after_seconds=round(after_seconds, 1))

    def throttled(self, wait_seconds: float) -> None:
        """It asked for a pause."""
        self._log.emit(events.STORE_THROTTLED, wait_seconds=round(wait_seconds, 1))
