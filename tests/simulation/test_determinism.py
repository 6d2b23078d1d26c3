"""A seed runs the same in every process; and wouldn't, without what it takes for that."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation import precautions
from tests.simulation.test_seeds import run_seeds


def _scene(project: Path, *arguments: str) -> str:
    """The hash of a scene, played in a process of its own."""
    told = subprocess.run(
        [sys.executable, "-m", "tests.simulation.scenes", *arguments], cwd=project, capture_output=True, check=False,
        env={**os.environ, "PYTHONHASHSEED": str(len(arguments))},
    )  # fmt: skip
    [digest] = told.stdout.split() or [told.stderr]
    return digest.decode()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [8, 14, 43])  # the last: shops call, and strangers
def test_a_seed_runs_the_same_in_every_process(project_folder: Path, seed: int) -> None:
    runs = [
        run_seeds(project_folder, "outcomes", "--first", str(seed), "--seeds", "1", PYTHONHASHSEED=number)[0]
        for number in ("1", "77")
    ]
    assert runs[0].digest == runs[1].digest


@pytest.mark.slow
def test_without_ordered_sets_tasks_are_cancelled_in_the_order_of_their_addresses(project_folder: Path) -> None:
    scattered = [_scene(project_folder, "restarts", "--scatter", n) for n in ("1", "2")]
    assert scattered[0] == scattered[1]
    without = [_scene(project_folder, "restarts", "--without", "ordered", "--scatter", n) for n in "123456"]
    assert len(set(without)) > 1, "`ordered` makes no difference any more: find a scene where it does, or delete it"


@pytest.mark.slow
def test_without_simulated_monotonic_time_kept_connections_never_get_old(project_folder: Path) -> None:
    told = _scene(project_folder, "calm")
    assert told != _scene(project_folder, "calm", "--without", "monotonic"), "`monotonic` makes no difference any more"
    assert told == _scene(project_folder, "calm", "--without", "date"), "the machine's date is in some answer"


def test_what_no_seed_decides_is_refused() -> None:
    undo = precautions.take(lambda: 0.0)
    with pytest.raises(precautions.Undetermined):
        random.random()
    with pytest.raises(precautions.Undetermined, match=r"random\.random was called"):
        undo()
    assert random.random() < 1.0
