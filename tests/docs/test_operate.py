"""The page for operators knows every event that asks for somebody, every state of a store and every exit code."""

from __future__ import annotations

import re

import pytest

from syncd.ledger import stores
from syncd.ledger.faults import EXIT_DISK_FAILED
from syncd.observability.events import EVENTS
from tests.docs.pages import PROJECT

TEXT = (PROJECT / "docs/operate.md").read_text("utf-8")


@pytest.mark.parametrize("event", [e.name for e in EVENTS if e.level in {"warning", "error"}])
def test_every_warning_and_error_has_its_place(event):
    assert re.search(rf"^\|[^|]*`{re.escape(event)}`[^|]*\|", TEXT, re.MULTILINE)


def test_no_event_is_told_that_doesnt_exist():
    parts = "|".join(sorted({event.name.split(".")[0] for event in EVENTS}))
    spoken_of = set(re.findall(rf"`((?:{parts})\.[a-z_]+)`", TEXT)) - {"syncd.toml"}
    assert spoken_of <= {event.name for event in EVENTS}


@pytest.mark.parametrize("state", [stores.NEW, stores.BASELINE, stores.READY])
def test_every_state_of_a_store_is_told(state):
    assert f"| `{state}` |" in TEXT


def test_every_exit_code_is_told():
    failure = pytest.importorskip("syncd.control.failure")
    codes = {value for name, value in vars(failure).items() if name.startswith("EXIT_")}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)} == codes | {EXIT_DISK_FAILED}
