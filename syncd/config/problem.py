"""One mistake in the configuration, as an operator needs it: where, what was expected, what is there, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from syncd.observability.redact import Redaction

SHOWN_CHARACTERS_MAX = 80  # of a value that is quoted: enough to find it
Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A mistake. `key` is dotted ("stores.us.poll_seconds"), `line` counts from 1 and is 0 where there is none.

    `tenant` is "" when it concerns the whole daemon. A "warning" keeps nothing from running.
    """

    file: str
    key: str
    expected: str
    found: str
    hint: str
    line: int = 0
    tenant: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        subject = f"{place}: {self.key}" if self.key else place
        return f"{subject}: expected {self.expected}; found {self.found}. {self.hint}"


def show_value(value: Any) -> str:
    """A value as it would stand in the file, cut, and without what looks like a secret."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = f'"{Redaction().text(value)}"'
    elif isinstance(value, dict):
        text = "a table"
    elif isinstance(value, list):
        text = f"a list of {len(value)}"
    else:
        text = str(value)
    return text if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[:SHOWN_CHARACTERS_MAX]}…"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`Did you mean "x"?`, or "" when nothing is near."""
    near = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.6)
    return f'Did you mean "{near[0]}"?' if near else ""


def join_key(parts: Iterable[str | int]) -> str:
    """The dotted key, with quotes where TOML wants them; list positions in brackets."""
    key = ""
    for part in parts:
        if isinstance(part, int):
            key += f"[{part}]"
        else:
            plain = part.replace("-", "").replace("_", "")
            text = part if plain.isascii() and plain.isalnum() else f'"{part}"'
            key += f".{text}" if key else text
    return key
