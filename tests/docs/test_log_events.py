"""The manual page of the log and the list of events say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from syncd.observability.events import EVENTS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "log-events.md"
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
