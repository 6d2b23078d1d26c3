"""Lines of JSON as a sink has written them, and what an erasure makes of one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from syncd.core.event import scrub, strike
from syncd.ports.sink import Erasure


def of(path: Path) -> Iterator[bytes]:
    """The file's lines, with their ends. A temporary file of an earlier try is no such file."""
    with path.open("rb") as file:
        yield from file


def erased(line: bytes, erasure: Erasure) -> bytes | None:
    """The line as an erasure leaves it; None: as it is. What is no JSON, and holds the text, goes whole."""
    try:
        told: Any = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        found = erasure.text and erasure.text.encode() in line.lower()
        return b"" if found else None
    if not isinstance(told, dict):
        return None
    changed = event_without(told, erasure)
    return None if changed is None else msgspec.json.encode(changed) + b"\n"


def event_without(told: dict[str, Any], erasure: Erasure) -> dict[str, Any] | None:
    """An event (as CloudEvents writes it) without what an erasure takes from it; None: it takes nothing."""
    persons = set(filter(None, str(told.get("persons", "")).split(",")))
    store = str(told.get("source", "")).rpartition("/")[2]
    is_theirs = bool(persons & erasure.persons) or (store, str(told.get("subject", ""))) in erasure.subjects
    changed = dict(told)
    if is_theirs and told.get("personal"):
        changed["data"] = strike(told.get("data"), str(told["personal"]).split(","))
        del changed["personal"]
    if is_theirs and told.get("type") != "syncd.customer.erased":
        changed.pop("persons", None)
    if erasure.text:
        changed["data"] = scrub(changed.get("data"), erasure.text)
    return None if changed == told else changed
