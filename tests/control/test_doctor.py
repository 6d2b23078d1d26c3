"""`doctor` finds what stands against a quiet night, and names a remedy for each."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
from pathlib import Path

import pytest

from syncd.cli.connect import greet
from syncd.clock import SystemClock
from syncd.config.load import load
from syncd.control import doctor
from syncd.control.examine_webhooks import examine_webhooks
from syncd.ledger.connection import ledger_path
from tests.control.test_command_line import folder, run

__all__ = ["folder"]


@pytest.fixture
def state(folder):
    (folder / "s.csv").write_text("sku,quantity\nTEA,5\n")
    assert run("erp", "import", str(folder / "s.csv"), folder=folder).returncode == 0
    return folder / "state"


def examined(folder, clock=None):
    found = doctor.examine(load(folder / "config", {}), None, clock or SystemClock())
    assert all(entry["remedy"] and entry["expected"] for entry in found if entry["level"] != "ok")
    return {entry["what"]: entry for entry in found}


def levels(found):
    return {what: entry["level"] for what, entry in found.items() if entry["level"] not in ("ok", "note")}


def test_a_sound_house_has_no_finding_above_a_note(folder, state):
    assert levels(examined(folder)) == {}


def test_an_open_state_directory_and_a_wall_clock_behind_the_ledger_are_warnings(folder, state):
    class Behind(SystemClock):
        def wall(self):
            return super().wall() - 3_600_000_000

    state.chmod(0o755)
    connection = sqlite3.connect(ledger_path(state))
    connection.execute("INSERT OR REPLACE INTO clock (id, seen) VALUES (1, ?)", (SystemClock().wall(),))
    connection.commit()
    connection.close()
    found = examined(folder, Behind())
    assert levels(found) == {"state_dir": "warning", "clock": "warning"}
    assert "chmod 700" in found["state_dir"]["remedy"]


def test_a_damaged_ledger_is_an_error_with_exit_code_1(folder, state):
    path = ledger_path(state)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    with path.open("r+b") as stream:
        stream.seek(4_096)
        stream.write(b"\xff" * 40_960)
    assert levels(examined(folder)) == {"ledger": "error"}
    assert run("doctor", "--offline", folder=folder).returncode == 1


def test_a_full_disk_and_an_old_move_and_a_quarantine_are_told(folder, state, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1_000_000}))
    connection = sqlite3.connect(ledger_path(state))
    connection.execute(
        'INSERT INTO move (tenant, store, "order", line, n, part, sku, location, change, key, state, seq, reading, rule, planned_at)'
        " VALUES ('acme', 'us', '1', '1', 0, 0, 'TEA', 'main', -10000, 'k', 'intended', 1, 1, 'paid', 1000000)"
    )
    connection.execute(
        'INSERT INTO quarantine (tenant, id, store, "order", line, reason, hint, raw, since, state)'
        " VALUES ('acme', 1, 'us', '1', '', 'r', 'h', x'', 1, 'held')"
    )
    connection.commit()
    connection.close()
    assert levels(examined(folder)) == {"disk": "error", "moves": "warning", "quarantine": "warning"}


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/srv/share/state", "nfs4"), ("/srv/local", "ext4"), ("/srv/shared", "ext4"), ("/srv/a b/c", "cifs")],
)
def test_the_file_system_of_a_path_is_that_of_the_longest_mount_above_it(path, kind):
    mounts = "dev / ext4 rw 0 0\nserver:/x /srv/share nfs4 rw 0 0\n//s/y /srv/a\\040b cifs rw 0 0\n"
    assert doctor._kind_of(Path(path), mounts) == kind


def test_what_stores_answered_becomes_findings():
    entry = {
        "tenant": "acme", "name": "us", "reached": True, "identity": "x", "error": "", "hint": "", "exit": 0,
        "warnings": ["edits don't move the counter"], "notes": [], "clock_ahead_seconds": -20.0, "clock_error_seconds": 1.0,
        "quota": {"left": 1, "limit": 100},
    }  # fmt: skip
    silent = {**entry, "reached": False, "error": "401", "hint": "renew the key", "exit": 78}
    found = doctor.examine_connections([entry, silent])
    told = [(one["what"], one["level"]) for one in found if one["level"] != "ok"]
    assert told == [("settings", "warning"), ("clock", "warning"), ("quota", "warning"), ("connection", "error")]


def test_the_command_prints_json_and_refuses_an_unknown_tenant(folder, state):
    done = run("doctor", "acme", "--offline", "--json", folder=folder)
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (0, True)
    assert run("doctor", "nobody", "--offline", folder=folder).returncode == 2
    unreachable = run("doctor", "--json", folder=folder)
    assert unreachable.returncode == 69
    assert not json.loads(unreachable.stdout)["ok"]


def test_what_the_daemon_says_of_its_webhooks_becomes_findings(folder):
    configuration = load(folder / "config", {})
    stores = [
        {"store": "us", "webhooks": {"alive": True, "trouble": None, "waiting": 0}},
        {"store": "uk", "webhooks": {"alive": False, "trouble": "somebody has paused them", "waiting": 0}},
        {"store": "de", "webhooks": {"alive": False, "trouble": None, "waiting": 0}},
        {"store": "web", "webhooks": None},
    ]
    told = {"tenants": [{"tenant": "acme", "stores": stores}]}
    assert [one["level"] for one in examine_webhooks(configuration, None, None)] == ["note"]
    polled = examine_webhooks(configuration, told, None)
    assert [(one["what"], one["level"]) for one in polled] == [("daemon", "ok"), ("webhooks", "ok")]
    with (folder / "config" / "syncd.toml").open("a") as file:
        file.write('[webhooks]\npublic_url = "https://hooks.example/syncd"\n')
    called = load(folder / "config", {})
    assert not called.errors
    for reached, level in (("it answers 502", "warning"), ("", "ok")):
        found = examine_webhooks(called, told, reached)
        assert [one["level"] for one in found] == ["ok", level, "ok", "warning", "note"]
        assert all(one["remedy"] and one["expected"] for one in found if one["level"] != "ok")
    assert "somebody has paused them" in found[3]["found"]


def test_an_address_that_leads_to_no_listener_is_told():
    with socket.socket() as taken:  # nobody listens there
        taken.bind(("127.0.0.1", 0))
        assert "doesn't answer" in greet(f"http://127.0.0.1:{taken.getsockname()[1]}")
