"""What libraries say by Python's own logging (asyncio, aiohttp, SQLAlchemy) becomes events of our log."""

from __future__ import annotations

import logging

from syncd.observability.events import LIBRARY_WARNED
from syncd.observability.log import Log


class LibraryHandler(logging.Handler):
    """Passes warnings and worse on as `library.warned`. Whoever starts the process adds it to the root logger."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """One record of a library. Never raises."""
        try:
            message = record.getMessage()
        except Exception as error:  # noqa: BLE001 -- a library's wrong format string must not stop the work
            message = f"{record.msg!r} ({type(error).__name__})"
        failure = record.exc_info[1] if record.exc_info else None
        fields = {"error": failure} if failure is not None else {}
        self._log.emit(
            LIBRARY_WARNED, library=record.name, severity=record.levelname.lower(), message=message, **fields
        )
