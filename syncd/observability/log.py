"""The log: one line for each event, JSON for machines, readable for people, without secrets, never fatal.

Built on structlog's bound loggers and its chain of processors, but without structlog's global configuration: a log is a
value that is handed down (`app.py` makes it), so that two incarnations in one process share nothing.

An order's way is followed with `grep 'acme/us/1001'`: every event about an order carries `order=<tenant>/<store>/<id>`.
Callers give the plain id, beside `tenant` and `store`, which are bound already; the full key is made here, once.
"""

from __future__ import annotations

import errno
import os
import select
import traceback
from collections.abc import Iterable, Mapping, MutableMapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Self, TextIO

import msgspec
import structlog

from syncd.errors import SyncdError
from syncd.observability.console import render_for_people
from syncd.observability.events import BUG_FOUND, LOG_LOST, Event, Level
from syncd.observability.journal import Journal, encode
from syncd.observability.redact import REDACTED, Redaction
from syncd.ports.clock import Clock

Form = Literal["auto", "json", "console"]
Entry = MutableMapping[str, Any]

VALUE_CHARACTERS_MAX = 2_000  # a line stays readable, and below journald's limit of 48 KB a line
TRACE_CHARACTERS_MAX = 12_000  # enough for the deepest stack that was seen, with its causes
ITEMS_MAX = 50  # of a list or a mapping in one value
DEPTH_MAX = 4  # of values within values

INTEGER_MAX = 2**63 - 1  # JSON readers know no greater one; those are written as text

LEVELS: Final[Mapping[Level, int]] = {"debug": 10, "info": 20, "warning": 30, "error": 40}
FIRST_KEYS: Final = (
    "time",
    "level",
    "event",
    "tenant",
    "store",
    "order",
    "line",
    "sku",
    "location",
    "effect",
    "attempt",
)
RESERVED: Final = frozenset({"time", "level", "event", "method_name"})  # the line's own; the last is structlog's
EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 -- UTC, said by the Z that is put behind


def order_key(tenant: str, store: str, order: str) -> str:
    """How an order is named in every line about it, e.g. `acme/us/1001`."""
    return f"{tenant}/{store}/{order}"


class Log(structlog.BoundLoggerBase):
    """Where events go, with what is known about them so far. Immutable: `bind` gives another one."""

    def bind(self, **fields: Any) -> Self:
        """A log that adds these fields to each event."""
        return super().bind(**fields)

    def emit(self, event: Event, /, **fields: Any) -> None:
        """Log one event. Never raises, whatever the fields hold.

        A field named `time`, `level` or `event` is logged as `time_value` and so on: those names are the line's own.
        """
        if not self._logger.wants(event.level):
            return
        for name in RESERVED & fields.keys():
            fields[f"{name}_value"] = fields.pop(name)
        self._proxy_to_logger("write", event=event.name, level=event.level, **fields)

    def bug(self, exception: BaseException, /, **fields: Any) -> None:
        """Log an exception that nobody foresaw, with its trace, as `bug.found`."""
        trace = "".join(traceback.format_exception(exception))
        self.emit(BUG_FOUND, error=exception, trace=trace[-TRACE_CHARACTERS_MAX:], **fields)

    def flush(self) -> bool:
        """Pass on what waits because the journal was busy, and tell what found no room. Returns whether nothing waits."""
        all_gone, lost = self._logger.flush()
        if lost:
            self.emit(LOG_LOST, entries=lost)
        return bool(all_gone)


def make_log(
    stream: TextIO,
    *,
    form: Form,
    level: Level,
    clock: Clock,
    secrets: Iterable[str] = (),
    colours: bool | None = None,
    redaction: Redaction | None = None,
    journal: Journal | None = None,
) -> Log:
    """A log that writes to `stream`: readable lines when `form` is "console", or "auto" on a terminal; else JSON lines. With
    `journal`, to which `stream` leads, "auto" means entries with fields there.

    `secrets` are blotted out wherever they turn up, and what `redaction` learns meanwhile. `colours` is by default whether the stream is a terminal.
    """
    terminal = _is_terminal(stream)
    redaction = Redaction() if redaction is None else redaction
    redaction.learn(secrets)

    def stamp(_logger: Any, _method: str, entry: Entry) -> Entry:
        entry["time"] = iso(clock.wall())
        return entry

    def clean(_logger: Any, _method: str, entry: Entry) -> Entry:
        for name, value in entry.items():
            if name not in RESERVED:
                limit = TRACE_CHARACTERS_MAX if name == "trace" else VALUE_CHARACTERS_MAX
                entry[name] = _clean(name, value, redaction, limit, DEPTH_MAX)
        return entry

    def to_people(_logger: Any, _method: str, entry: Entry) -> str:
        return render_for_people(entry, colours=terminal if colours is None else colours)

    processors: list[structlog.typing.Processor] = [stamp, _name_the_order, _add_hint, clean, _arrange]
    if journal is not None and form == "auto":
        return Log(_Entries(stream, level, journal), [*processors, _whole], {})
    readable = form == "console" or (form == "auto" and terminal)
    return Log(_Lines(stream, level), [*processors, to_people if readable else _to_json], {})


class _Lines:
    """Writes lines and survives a stream that is closed, broken or full: a log must never stop the work."""

    def __init__(self, stream: TextIO, level: Level) -> None:
        self._stream = stream
        self._least = LEVELS[level]

    def wants(self, level: Level) -> bool:
        return LEVELS[level] >= self._least

    def flush(self) -> tuple[bool, int]:
        return True, 0  # each line was

    def write(self, line: str) -> None:
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except OSError as error:
            if error.errno == errno.EPIPE:
                _send_to_nowhere(self._stream)
        except ValueError:  # closed in this process
            pass


class _Entries(_Lines):
    """Hands entries to the journal; where its socket doesn't work, JSON lines to the stream, if that takes them at once."""

    def __init__(self, stream: TextIO, level: Level, journal: Journal) -> None:
        super().__init__(stream, level)
        self._journal = journal

    def flush(self) -> tuple[bool, int]:
        self._journal.flush()
        return not self._journal.waits, self._journal.take_lost()

    def write(self, line: Any) -> None:
        if not self._journal.send(encode(line)) and self._has_room():
            super().write(_to_json(None, "", line))

    def _has_room(self) -> bool:
        """The stream leads to the same journal: one that stands still must not hold us up."""
        try:
            look = select.poll()
            look.register(self._stream.fileno(), select.POLLOUT)
            return bool(look.poll(0))
        except (OSError, ValueError):
            return False


def _whole(_logger: Any, _method: str, entry: Entry) -> tuple[tuple[Entry], dict[str, Any]]:
    return (entry,), {}


def _to_json(_logger: Any, _method: str, entry: Entry) -> str:
    return msgspec.json.encode(entry).decode()


def _send_to_nowhere(stream: TextIO) -> None:
    """After the reader has gone: else each line, and the interpreter's last flush, would fail again."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)
    except (OSError, ValueError):
        pass


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def iso(instant_us: int) -> str:
    """An instant as the log writes it: ISO 8601, UTC, with microseconds."""
    return (EPOCH + timedelta(microseconds=instant_us)).isoformat(timespec="microseconds") + "Z"


def _name_the_order(_logger: Any, _method: str, entry: Entry) -> Entry:
    order, tenant, store = entry.get("order"), entry.get("tenant"), entry.get("store")
    if order is not None and tenant is not None and store is not None:
        full = order_key(tenant, store, order)
        if not str(order).startswith(order_key(tenant, store, "")):
            entry["order"] = full
    return entry


def _add_hint(_logger: Any, _method: str, entry: Entry) -> Entry:
    """An error of ours tells the operator what to do, and what it was about."""
    error = entry.get("error")
    if isinstance(error, SyncdError):
        for name in ("hint", "operation", "key"):
            if name not in entry and getattr(error, name):
                entry[name] = getattr(error, name)
    return entry


def _arrange(_logger: Any, _method: str, entry: Entry) -> Entry:
    arranged = {name: entry.pop(name) for name in FIRST_KEYS if name in entry}
    return {**arranged, **entry}


def _clean(name: str, value: Any, redaction: Redaction, limit: int, depth: int) -> Any:
    """The value as JSON can hold it: redacted, cut at the limits."""
    if value is None or isinstance(value, bool):
        return value
    if redaction.is_secret_name(name):
        return REDACTED
    if type(value) is float or (type(value) is int and abs(value) <= INTEGER_MAX):
        return value
    if type(value) is not str and depth:
        if isinstance(value, Mapping):
            items = list(value.items())[:ITEMS_MAX]
            return {str(key): _clean(str(key), inner, redaction, limit, depth - 1) for key, inner in items}
        if isinstance(value, list | tuple | set | frozenset):
            return [_clean("", inner, redaction, limit, depth - 1) for inner in list(value)[:ITEMS_MAX]]
    return _cut(redaction.text(_as_text(value)), limit)


def _as_text(value: Any) -> str:
    if type(value) is str and value.isascii():
        return value
    try:
        if isinstance(value, bytes):
            return value.decode("utf-8", "backslashreplace")
        if isinstance(value, BaseException):
            return f"{type(value).__name__}: {value}"
        # lone surrogates (of a broken file name, say) can't be written as UTF-8
        return str(value).encode("utf-8", "backslashreplace").decode()
    except Exception as error:  # noqa: BLE001 -- a value that can't show itself must not stop the work
        return f"<{type(value).__name__} that can't be shown: {type(error).__name__}>"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… (+{len(text) - limit} characters)"
