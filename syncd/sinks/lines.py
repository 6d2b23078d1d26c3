"""Lines of JSON as a sink has written them, and what an erasure makes of one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from syncd.core.erasure import Mention, Whom, without
from syncd.core.event import ERASED
from syncd.sinks.cloudevents import TYPE_PREFIX


def of(path: Path) -> Iterator[bytes]:
    """The file's lines, with their ends."""
    with path.open("rb") as file:
        yield from file


def erased(line: bytes, whom: Whom, mention: Mention) -> bytes | None:
    """The line as an erasure leaves it; None: as it is. What is no event, and holds the e-mail, goes whole."""
    try:
        told: Any = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return b"" if mention.stands_in_bytes(line) else None
    if not isinstance(told, dict):
        return b"" if mention.stands_in_document(told) else None
    changed = event_without(told, whom, mention)
    return None if changed is None else msgspec.json.encode(changed) + b"\n"


def event_without(told: dict[str, Any], whom: Whom, mention: Mention) -> dict[str, Any] | None:
    """An event (as CloudEvents writes it) without what an erasure takes from it; None: it takes nothing."""
    persons = set(filter(None, str(told.get("persons", "")).split(",")))
    store = str(told.get("source", "")).rpartition("/")[2]
    theirs = bool(persons & whom.persons) or (store, str(told.get("subject", ""))) in whom.subjects
    theirs = theirs and told.get("type") != TYPE_PREFIX + ERASED  # that one says so, and nothing else
    personal = tuple(filter(None, str(told.get("personal", "")).split(",")))
    changed = {name: value for name, value in told.items() if not (theirs and name in {"personal", "persons"})}
    if "data" in changed:
        changed["data"] = without(changed["data"], personal, mention, theirs=theirs)
    return None if changed == told else changed
