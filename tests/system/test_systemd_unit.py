"""The systemd unit: valid, hardened, and in agreement with what the daemon does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from syncd.cli.run import run_daemon
from syncd.config.settings import Settings, WebhookSettings
from syncd.daemon import EXIT_CONFIG, MIGRATING_SECONDS, STOPPING_SECONDS
from syncd.inbox.inherited import WEBHOOKS
from syncd.inbox.listener import BACKLOG

UNIT = Path(__file__).resolve().parents[2] / "systemd" / "syncd.service"
SOCKET = UNIT.with_name("syncd-webhooks.socket")
DROP_IN = UNIT.with_name("notify-reload.conf")
EXPOSURE_MAX = 1.3
EXIT_USAGE = 2
SYSTEMD_LEAST = 252  # Debian 12's
NOTIFY_RELOAD = 253


def newest() -> int:
    """The version of systemd here; 0 without one."""
    tool = shutil.which("systemd-analyze")
    version = (
        "" if tool is None else subprocess.run([tool, "--version"], capture_output=True, text=True, check=False).stdout
    )
    number = re.match(r"systemd (\d+)", version)
    return 0 if number is None else int(number[1])


def analyze(*arguments) -> subprocess.CompletedProcess[str]:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed here")
    if newest() < SYSTEMD_LEAST:
        pytest.skip(f"systemd {SYSTEMD_LEAST} or newer is needed to look at units offline")
    environment = {**os.environ, "LC_ALL": "C", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"}
    return subprocess.run([tool, *arguments], capture_output=True, text=True, check=False, env=environment, timeout=120)


def setting(name, unit=UNIT):
    return re.findall(rf"^{name}=(.*)$", unit.read_text("utf-8"), re.MULTILINE)


def test_the_units_are_valid(tmp_path):
    program = tmp_path / "syncd"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "syncd.service"
    unit.write_text(re.sub(r"^ExecStart=\S+", f"ExecStart={program}", UNIT.read_text("utf-8"), flags=re.MULTILINE))
    drop_in = tmp_path / "syncd.service.d"
    drop_in.mkdir()
    lines = DROP_IN.read_text("utf-8")
    if newest() < NOTIFY_RELOAD:
        lines = lines.replace("Type=notify-reload", "Type=notify")
    (drop_in / DROP_IN.name).write_text(lines)
    shutil.copy(SOCKET, tmp_path)
    answer = analyze("verify", "--man=no", str(unit), str(tmp_path / SOCKET.name))
    complaints = [line for line in answer.stderr.splitlines() if "syncd" in line]
    assert (answer.returncode, complaints) == (0, [])


def test_the_units_exposure_is_low():
    answer = analyze("security", "--offline=true", "--no-pager", str(UNIT))
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", answer.stdout)
    assert exposure is not None, answer.stderr
    assert float(exposure[1]) <= EXPOSURE_MAX, answer.stdout


def test_the_unit_agrees_with_the_daemon():
    assert setting("Type") == ["notify"]
    assert setting("ExecStart") == ["/opt/syncd/.venv/bin/syncd run --config /etc/syncd"]
    assert setting("ExecReload") == ["/bin/kill -HUP $MAINPID"]
    assert setting("NotifyAccess") == ["main"]
    assert setting("Restart") == ["on-failure"]
    assert setting("RestartPreventExitStatus") == [f"{EXIT_CONFIG} {EXIT_USAGE}"]
    assert float(setting("TimeoutStartSec")[0]) < MIGRATING_SECONDS
    assert Settings.model_fields["state_dir"].default == Path("/var/lib") / setting("StateDirectory")[0]
    drain_seconds = Settings.model_fields["shutdown"].default.drain_seconds
    assert float(setting("TimeoutStopSec")[0]) >= drain_seconds + STOPPING_SECONDS
    assert float(setting("WatchdogSec")[0]) >= 30, "a full disk may hold the writer up for some seconds"


def test_the_socket_is_the_listeners():
    default = WebhookSettings.model_fields["listen"].default
    assert setting("ListenStream", SOCKET) == [default]
    assert setting("Service", SOCKET) == [UNIT.name]
    assert set(setting("FileDescriptorName", SOCKET)) <= WEBHOOKS
    assert SOCKET.name in WEBHOOKS, "the name of a socket whose unit gives it none"
    assert setting("Backlog", SOCKET) == [str(BACKLOG)]
    assert setting("Accept", SOCKET) == []
    assert f"tcp:{default.rpartition(':')[2]}" in setting("SocketBindAllow")


def test_a_wrong_command_line_ends_with_the_code_that_is_not_tried_again(capsys):
    assert run_daemon(["--no-such-option"]) == EXIT_USAGE
    assert "--no-such-option" in capsys.readouterr().err


def test_the_drop_in_for_newer_systemds_replaces_the_way_to_reload():
    lines = [line for line in DROP_IN.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert lines == ["[Service]", "Type=notify-reload", "ExecReload="]
