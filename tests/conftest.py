"""What all tests share: the folder of reference material, and how Hypothesis searches."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

PROJECT = Path(__file__).resolve().parents[1]

# The same examples in each run, and no judgement by the wall clock: a slow machine is no failure.
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
# To look for what the others haven't seen: HYPOTHESIS_PROFILE=explore make test
settings.register_profile(
    "explore", derandomize=False, deadline=None, max_examples=1_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# With several workers (`make test` has one a core), these folders stay with one worker each: the seeds take all cores by
# themselves, and real processes are not started by the dozen at once.
TOGETHER = {"simulation": "simulation", "system": "processes", "demo": "processes"}


@pytest.hookimpl(tryfirst=True)  # before the workers name what belongs together
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if group := TOGETHER.get(item.path.relative_to(PROJECT / "tests").parts[0]):
            item.add_marker(pytest.mark.xdist_group(group))


# Here nothing asks what a disk keeps when its power fails (tests/ledger does), so no test waits for one.
IN_MEMORY = {"reconcile", "control", "private", "page"}
MEMORY = Path("/dev/shm")


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder of the test's own; of some tests, in memory where the machine has such a place."""
    if request.path.relative_to(PROJECT / "tests").parts[0] not in IN_MEMORY or not os.access(MEMORY, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="syncd-test-", dir=MEMORY, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def project_folder() -> Path:
    """The root of the project: where pyproject.toml lies."""
    return PROJECT


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The reference material beside the project; nothing in the product needs it."""
    folder = (PROJECT / "../shared").resolve()
    if not folder.is_dir():
        pytest.skip(f"the reference material is not here: {folder}")
    return folder
