"""The whole daemon, seed after seed, in a process of their own: `make soak SEEDS=10000` runs more of the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.simulation.campaign import Tally, report
from tests.simulation.play import Outcome

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "230"))
HOT_SEEDS = int(os.environ.get("HOT_SEEDS", "3"))
KEPT = sorted((Path(__file__).parent / "kept").glob("*.json"))


def run_seeds(project: Path, *arguments: str, **environment: str) -> list[Outcome]:
    """Outcomes of `python -m tests.simulation`, with these arguments."""
    told = subprocess.run(
        [sys.executable, "-m", "tests.simulation", *arguments],
        cwd=project, env={**os.environ, **environment}, capture_output=True, check=False,
    )  # fmt: skip
    assert told.stdout, told.stderr.decode()
    return [msgspec.json.decode(line, type=Outcome) for line in told.stdout.splitlines()]


@pytest.mark.slow
def test_every_seed_holds(project_folder: Path) -> None:
    tally = Tally()
    for outcome in run_seeds(project_folder, "outcomes", "--seeds", str(SEEDS)):
        tally.add(outcome)
    print("\n".join(tally.lines()))
    assert tally.seeds == SEEDS
    assert not tally.failed, "\n\n".join(report(outcome) for outcome in tally.failed)
    assert tally.kills
    assert not [name for name in tally.oversold if name.startswith("avoidable")]


@pytest.mark.slow
def test_one_sku_that_everybody_wants_is_never_oversold_without_need(project_folder: Path) -> None:
    tally = Tally()
    for outcome in run_seeds(project_folder, "outcomes", "--world", "hot", "--seeds", str(HOT_SEEDS)):
        tally.add(outcome)
    print("\n".join(tally.lines()))
    assert tally.seeds == HOT_SEEDS
    assert not tally.failed, "\n\n".join(report(outcome) for outcome in tally.failed)


@pytest.mark.parametrize("path", KEPT, ids=[path.stem for path in KEPT])
def test_what_was_found_once_stays_mended(project_folder: Path, path: Path) -> None:
    [outcome] = run_seeds(project_folder, "outcomes", "--script", str(path))
    assert not outcome.invariant, report(outcome)
