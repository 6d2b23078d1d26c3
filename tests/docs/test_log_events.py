"""The manual page of the log and the list of events say the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from syncd.observability import events
from syncd.observability.events import EVENTS

PROJECT = Path(__file__).resolve().parents[2]
PAGE = PROJECT / "docs" / "log-events.md"
ENTRY = re.compile(
    r"^### (?P<name>\S+)\n\n(?P<level>\w+): (?P<meaning>.+)\n\n- Fields: (?P<fields>.+)\n- What to do: (?P<action>.+)$",
    re.MULTILINE,
)


def entries():
    return {found["name"]: found for found in ENTRY.finditer(PAGE.read_text("utf-8"))}


def test_every_event_has_its_entry_and_every_entry_its_event():
    headings = re.findall(r"^### (.+)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert headings == [event.name for event in EVENTS]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_an_entry_tells_the_events_level_meaning_fields_and_what_to_do(event):
    entry = entries().get(event.name)
    assert entry is not None, "an entry has: ### name, 'level: meaning', '- Fields: ...', '- What to do: ...'"
    assert (entry["level"], entry["meaning"]) == (event.level, event.meaning)


def test_every_event_that_the_page_speaks_of_elsewhere_exists():
    parts = "|".join(sorted({event.name.split(".")[0] for event in EVENTS}))
    spoken_of = set(re.findall(rf"`((?:{parts})\.[a-z_]+)`", PAGE.read_text("utf-8")))
    assert spoken_of - {"syncd.toml"} <= {event.name for event in EVENTS}


def emitted():
    """Each event that the code logs by its constant, with the fields that are written out there."""
    names = {constant: event.name for constant, event in vars(events).items() if isinstance(event, events.Event)}
    for path in sorted((PROJECT / "syncd").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "emit":
                constant = getattr(node.args[0], "attr", "") if node.args else ""
                if constant in names:
                    fields = {keyword.arg for keyword in node.keywords if keyword.arg is not None}
                    yield f"{path.relative_to(PROJECT)}:{node.lineno}", names[constant], fields


def test_every_field_that_the_code_logs_is_on_the_page():
    told = {name: set(re.findall(r"`(\w+)`", entry["fields"])) for name, entry in entries().items()}
    untold = [f"{place}: {name} has {fields - told[name]}" for place, name, fields in emitted() if fields - told[name]]
    assert not untold, "\n".join(["", *untold])
