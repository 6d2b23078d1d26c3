"""The command line as a process: exit codes, JSON, and nothing but words for an operator's mistakes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from syncd.cli.reach import check_owner
from syncd.control.failure import CommandFailed
from syncd.ledger.lock import ProcessLock
from tests.control.bench import write_configuration

PROJECT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60  # how long a daemon may take to come up on a busy machine: a hang, not a speed limit


def run(*words, folder=None, **environment):
    arguments = [sys.executable, "-m", "syncd", *words]
    if folder is not None:
        arguments += ["--config", str(folder / "config")]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SYNCD_")}
    return subprocess.run(
        arguments, cwd=PROJECT, env=clean | environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def folder(tmp_path):
    write_configuration(tmp_path)
    return tmp_path


@pytest.fixture
def daemon(folder):
    """A running daemon, its shops unreachable."""
    arguments = [sys.executable, "-m", "syncd", "run", "--config", str(folder / "config")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(arguments, cwd=PROJECT, stdout=log, stderr=log)
        try:
            for _ in range(READY_SECONDS * 10):
                if (folder / "state" / "control.sock").exists():
                    break
                assert process.poll() is None, (folder / "log").read_text()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.1)
            yield process
        finally:
            process.kill()
            process.wait()


def test_an_erasure_shows_first_what_there_is_and_asks_unless_it_was_told_not_to(folder):
    (folder / "stock.csv").write_text("sku,quantity\nA,1\n")
    assert run("erp", "import", str(folder / "stock.csv"), folder=folder).returncode == 0
    looked = run("erase", "acme", "--email", "ada@example.test", folder=folder)
    assert looked.returncode == 2
    assert "0 order(s) or carts of this customer" in looked.stdout
    assert "nothing was erased" in looked.stderr
    told = json.loads(run("erase", "acme", "--customer", "us/7", "--json", folder=folder).stdout)
    assert (told["done"], told["orders"]) == (False, 0)
    done = run("erase", "acme", "--customer", "us/7", "--yes", "--compact", folder=folder)
    assert (done.returncode, "Erased, as number" in done.stdout) == (0, True), done.stderr
    assert "Not within syncd's reach" in done.stdout
    for wrong in (["--email", "nobody"], [], ["--customer", "fr/7"]):
        failed = run("erase", "acme", *wrong, "--yes", folder=folder)
        assert (failed.returncode, "Traceback" in failed.stderr) == (2, False)


def test_a_right_configuration_checks_out(folder):
    done = run("check", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "The configuration is right" in done.stdout


def test_every_mistake_is_told_at_once_with_its_place_and_remedy(folder):
    (folder / "config" / "tenants" / "bad.toml").write_text(
        'returns = "nobody"\ncolour = "red"\n[erp]\nkind = "embedded"\n[stores.us]\nkind = "magento"\n'
    )
    (folder / "config" / "syncd.toml").write_text('state_dir = "state"\n[log]\nlevel = "loud"\n')
    done = run("check", folder=folder)
    assert done.returncode == 78
    assert "syncd.toml:3" in done.stdout
    assert "bad.toml:1" in done.stdout
    assert "bad.toml:2" in done.stdout
    for word in ("expected", "found", "hint", "colour", "magento", "Tenants that can run: acme"):
        assert word in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_check_gives_its_problems_as_json(folder):
    (folder / "config" / "tenants" / "bad.toml").write_text('returns = "nobody"\n')
    done = run("check", "--json", folder=folder)
    told = json.loads(done.stdout)
    assert done.returncode == 78
    assert set(told) == {"ok", "tenants", "broken", "problems", "connections"}
    assert (told["ok"], told["tenants"], told["broken"]) == (False, ["acme"], ["bad"])
    assert {"file", "line", "key", "expected", "found", "hint", "severity", "tenant"} == set(told["problems"][0])


def test_check_says_which_connections_fail(folder):
    done = run("check", "--connect", "--json", folder=folder)
    told = json.loads(done.stdout)
    assert done.returncode == 69
    assert [(entry["name"], entry["reached"]) for entry in told["connections"]] == [
        ("erp", True),
        ("us", False),
        ("web", False),
    ]


def test_the_folder_can_come_from_the_environment(folder):
    done = run("check", SYNCD_CONFIG=str(folder / "config"))
    assert done.returncode == 0
    assert "0 warning(s)" in done.stdout  # the variable isn't taken for a misspelt setting


@pytest.mark.parametrize("which", ["settings", "tenant"])
def test_the_schema_is_printed(which):
    done = run("config-schema", which)
    assert done.returncode == 0
    assert json.loads(done.stdout)["$schema"].startswith("https://json-schema.org/")


def test_the_version_and_the_manual_are_printed():
    assert run("--version").stdout.startswith("syncd ")
    manual = run("--help").stdout
    for word in (
        "run",
        "check",
        "status",
        "plan",
        "approve",
        "explain",
        "audit",
        "quarantine",
        "erp",
        "backfill",
        "78",
    ):
        assert word in manual


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("status", "--colour"),
        ("quarantine", "release", "1"),
        ("run", "--nonsense"),
        ("explain", "order"),
    ],
)
def test_a_wrong_command_line_ends_with_2(words):
    done = run(*words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_run_without_a_usable_configuration_ends_with_78(tmp_path):
    done = run("run", "--config", str(tmp_path / "none"))
    assert done.returncode == 78
    assert "syncd.toml" in done.stderr


def test_a_folder_without_a_configuration_is_told_with_78(tmp_path):
    done = run("status", "--config", str(tmp_path))
    assert done.returncode == 78
    assert "can't be used" in done.stderr
    assert "hint:" in done.stderr


def test_before_the_first_start_the_status_says_so_and_makes_no_files(folder):
    done = run("status", "--json", folder=folder)
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert told["running"] is False
    assert [store["state"] for store in told["tenants"][0]["stores"]] == ["new", "new"]
    assert not (folder / "state").exists()
    done = run("plan", folder=folder)
    assert done.returncode == 69
    assert "there is no ledger" in done.stderr


def test_stock_can_be_imported_before_the_first_start(folder):
    (folder / "stock.csv").write_text("sku,quantity\nBOLT,10\n")
    done = run("erp", "import", str(folder / "stock.csv"), folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    done = run("erp", "adjust", "BOLT", "-3", "--reason", "stocktake", "--json", folder=folder)
    assert json.loads(done.stdout)["level"] == "7"
    done = run("erp", "levels", folder=folder)
    assert done.stdout.split()[-3:] == ["BOLT", "main", "7"]
    done = run("erp", "import", str(folder / "none.csv"), folder=folder)
    assert done.returncode == 1
    assert "can't read" in done.stderr


def test_a_state_directory_that_another_process_holds_is_to_be_tried_again(folder):
    (folder / "state").mkdir()
    lock = ProcessLock.acquire(folder / "state")
    try:
        done = run("erp", "levels", folder=folder)
    finally:
        lock.release()
    assert done.returncode == 75
    assert "starting or stopping" in done.stderr


def test_a_state_directory_of_another_user_is_left_alone(folder, monkeypatch):
    (folder / "state").mkdir()
    owner = (folder / "state").stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(CommandFailed, match=f"uid {owner}") as refused:
        check_owner(folder / "state")
    assert refused.value.exit_code == 69
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    check_owner(folder / "state")


def test_what_root_makes_in_the_state_directory_belongs_to_its_owner(folder, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    (folder / "state").mkdir()
    os.chown(folder / "state", 12345, 12346)
    (tmp_path / "stock.csv").write_text("sku,quantity\nBOLT,10\n")
    (tmp_path / "roots").touch()
    (folder / "state" / "link").symlink_to(tmp_path / "roots")
    backup = tmp_path / "backup"
    for command in (
        ("erp", "import", str(tmp_path / "stock.csv")),
        ("backup", str(backup)),
        ("restore", lambda: str(next(backup.iterdir())), "--only", "books"),
        ("erp", "levels"),
    ):
        words = [word if isinstance(word, str) else word() for word in command]
        done = run(*words, folder=folder)
        assert done.returncode == 0, done.stderr
        for path in (folder / "state").rglob("*"):
            assert (path.lstat().st_uid, path.lstat().st_gid) == (12345, 12346), (words, path)
    assert (tmp_path / "roots").stat().st_uid == 0, "no link is followed"
    assert backup.stat().st_uid == 0


def test_a_running_daemon_answers_and_stops_cleanly(daemon, folder):
    (folder / "stock.csv").write_text("sku,quantity\nBOLT,10\n")
    assert run("erp", "import", str(folder / "stock.csv"), folder=folder).returncode == 0
    told = json.loads(run("status", "--json", folder=folder).stdout)
    assert told["running"] is True
    done = run("approve", "acme", "us", folder=folder)
    assert done.returncode == 75
    assert "never been read" in done.stderr
    done = run("plan", "nobody", folder=folder)
    assert (done.returncode, "the tenants are: acme" in done.stderr) == (2, True)
    done = run("erp", "levels", "BOLT", "--json", folder=folder)
    assert json.loads(done.stdout)["levels"][0]["level"] == "10"
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(60) == 0
    assert json.loads(run("status", "--json", folder=folder).stdout)["running"] is False


def test_after_a_kill_commands_work_on_the_ledger_itself(daemon, folder):
    daemon.kill()
    daemon.wait()
    assert (folder / "state" / "control.sock").exists()
    done = run("status", "--json", folder=folder)
    assert (done.returncode, json.loads(done.stdout)["running"]) == (0, False)


def test_watching_shows_the_status_again_and_again_and_ends_well_at_ctrl_c(daemon, folder):
    watch = start("status", "--watch", "--json", folder=folder)
    try:
        told = [json.loads(watch.stdout.readline()) for _ in range(2)]
        watch.send_signal(signal.SIGINT)
        assert watch.wait(30) == 0
    finally:
        watch.kill()
        watch.communicate()
    assert [each["running"] for each in told] == [True, True]
    assert told[0]["at"] < told[1]["at"]


def test_watching_takes_no_lock_and_waits_for_a_daemon(folder):
    watch = start("status", "--watch", folder=folder)
    try:
        assert watch.stdout.readline().startswith("daemon: not running")
        assert "\x1b" not in watch.stdout.readline(), "it is no terminal"
        assert not (folder / "state").exists(), "it only looks"
    finally:
        watch.kill()
        watch.communicate()


def start(*words, folder):
    """A command that goes on."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SYNCD_")}
    return subprocess.Popen(
        [sys.executable, "-m", "syncd", *words, "--config", str(folder / "config")],
        cwd=PROJECT, env=clean | {"PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
