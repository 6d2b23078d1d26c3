"""Each named safeguard, taken out of the daemon: the checkers must see it, and the same scripts must hold with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.simulation.mutants import MUTANTS


@pytest.mark.slow
def test_every_mutant_is_caught(project_folder: Path) -> None:
    many = os.environ.get("MUTANT_SEEDS")
    told = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "mutants", *(["--every", "--seeds", many] if many else [])],
        cwd=project_folder, capture_output=True, check=False,
    )  # fmt: skip
    assert told.stdout, told.stderr.decode()
    rows = [msgspec.json.decode(line) for line in told.stdout.splitlines()]
    for row in rows:
        print(f"{row['name']}: caught in {row['caught']} of {row['seeds']} seeds, by {', '.join(row['by'])}")
    assert {row["name"] for row in rows} == {mutant.name for mutant in MUTANTS}
    assert [row["name"] for row in rows if not row["caught"]] == []
    broken = [report for row in rows for report in row["control"]]
    assert not broken, "scripts that don't hold without the mutant:\n" + "\n\n".join(broken)
