"""The daemon's log in plain words."""

from __future__ import annotations

import json
from pathlib import Path

from syncd.demo.tidings import WORDS, Tidings, in_words
from syncd.observability.events import EVENTS

NAMES = {("us", "p:1"): "MUG-RED"}


def test_only_events_that_syncd_logs_have_words():
    assert set(WORDS) <= {event.name for event in EVENTS}


def test_every_event_with_words_can_be_told_even_without_its_fields():
    for name in WORDS:
        assert isinstance(in_words({"event": name}, {}), str)


def test_a_written_level_is_told_by_its_sku():
    entry = {"event": "level.written", "store": "us", "item": "p:1", "change": "2", "target": "9"}
    assert in_words(entry, NAMES) == "us: MUG-RED +2, to show 9"


def test_the_log_is_read_while_it_is_written_and_half_a_line_waits_for_its_rest(tmp_path: Path):
    path = tmp_path / "daemon.jsonl"
    tidings = Tidings(path)
    assert tidings.read({}) == []
    line = json.dumps({"event": "daemon.started", "pid": 7}) + "\n"
    path.write_text(line + line[:10])
    assert tidings.read({}) == ["syncd is up, process 7"]
    with path.open("a") as file:
        file.write(line[10:])
    assert tidings.read({}) == ["syncd is up, process 7"]
    assert tidings.counts["daemon.started"] == 2


def test_a_line_that_a_kill_cut_short_is_passed_over(tmp_path: Path):
    path = tmp_path / "daemon.jsonl"
    path.write_text('{"event":"order.app\n{"event":"store.baseline_done","store":"us"}\n')
    tidings = Tidings(path)
    tidings.read({})
    assert tidings.stores == {"store.baseline_done": {"us"}}
    tidings.forget()
    assert not tidings.stores
