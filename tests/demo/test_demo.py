"""The whole demo, shorter than by default."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from syncd.demo.child import PROJECT

BOUND_SECONDS = 400.0  # all of its own bounds together: a hang, not a speed limit


@pytest.mark.slow
def test_the_demo_ends_with_every_unit_in_its_place(tmp_path: Path):
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(PROJECT), "FORCE_COLOR": "1"}
    arguments = [sys.executable, "-m", "syncd.demo", "--seconds", "10", "--seed", "5"]
    done = subprocess.run(
        arguments, env=environment, capture_output=True, text=True, timeout=BOUND_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kills     2 by SIGKILL" in done.stdout
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", done.stdout), "control characters in piped output"
    assert not done.stderr
    assert not list(tmp_path.iterdir()), "something was left behind"
