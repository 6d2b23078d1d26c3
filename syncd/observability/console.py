"""Log lines for people at a terminal: one line an event, the time of day, the level, the event, then `name=value`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

NEEDS_QUOTES = re.compile(r"[\s\"'=\x00-\x1f\x7f-\x9f]")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
PLAIN_KEYS: Final = ("time", "level", "event", "trace")
EVENT_WIDTH = 24  # the longest common names; longer ones push their line a little
COLOURS: Final[Mapping[str, str]] = {"debug": "2", "info": "32", "warning": "33", "error": "31;1"}  # ANSI SGR codes


def render_for_people(entry: Mapping[str, Any], *, colours: bool) -> str:
    """One entry of the log as a readable line; a trace follows on lines of its own.

    Line breaks and control characters of values are escaped, so that what a shop sends can neither forge a line nor
    steer the terminal.
    """

    def paint(text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if colours else text

    time = str(entry["time"])[11:23]
    level = str(entry["level"])
    event = f"{entry['event']:{EVENT_WIDTH}}"
    head = f"{paint(time, '2')} {paint(f'{level:7}', COLOURS[level])} {paint(event, '1')}"
    fields = [f"{paint(name + '=', '2')}{value}" for name, value in _shown(entry)]
    return "\n".join([" ".join([head, *fields]).rstrip(), *_trace(entry)])


def describe(entry: Mapping[str, Any]) -> str:
    """The same without time, level and colours, for a journal that has its own."""
    return "\n".join(
        [" ".join([entry["event"], *(f"{name}={value}" for name, value in _shown(entry))]), *_trace(entry)]
    )


def _shown(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, _show(value)) for name, value in entry.items() if name not in PLAIN_KEYS]


def _trace(entry: Mapping[str, Any]) -> list[str]:
    return [f"    {CONTROL.sub('?', line)}" for line in str(entry.get("trace", "")).splitlines()]


def _show(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if not value or NEEDS_QUOTES.search(value) else value
    return json.dumps(value, ensure_ascii=False)
