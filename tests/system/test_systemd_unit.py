"""The systemd unit: valid, hardened, and in agreement with what the daemon does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from syncd.config.settings import Settings

UNIT = Path(__file__).resolve().parents[2] / "systemd" / "syncd.service"
DROP_IN = UNIT.with_name("notify-reload.conf")
EXPOSURE_MAX = 1.5
SYSTEMD_LEAST = 252  # Debian 12's


def analyze(*arguments) -> subprocess.CompletedProcess[str]:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed here")
    version = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False).stdout
    number = re.match(r"systemd (\d+)", version)
    if number is None or int(number[1]) < SYSTEMD_LEAST:
        pytest.skip(f"systemd {SYSTEMD_LEAST} or newer is needed to look at units offline")
    environment = {**os.environ, "LC_ALL": "C", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"}
    return subprocess.run([tool, *arguments], capture_output=True, text=True, check=False, env=environment, timeout=120)


def setting(name):
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text("utf-8"), re.MULTILINE)


def test_the_unit_is_valid(tmp_path):
    program = tmp_path / "syncd"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "syncd.service"
    unit.write_text(re.sub(r"^ExecStart=\S+", f"ExecStart={program}", UNIT.read_text("utf-8"), flags=re.MULTILINE))
    answer = analyze("verify", "--man=no", str(unit))
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
    assert setting("RestartPreventExitStatus") == ["78"]
    assert Settings.model_fields["state_dir"].default == Path("/var/lib") / setting("StateDirectory")[0]
    drain_seconds = Settings.model_fields["shutdown"].default.drain_seconds
    assert float(setting("TimeoutStopSec")[0]) >= 2 * drain_seconds


def test_the_drop_in_for_newer_systemds_replaces_the_way_to_reload():
    lines = [line for line in DROP_IN.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert lines == ["[Service]", "Type=notify-reload", "ExecReload="]
