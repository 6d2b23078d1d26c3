"""What all tests share: the folder of reference material, and how Hypothesis searches."""

from __future__ import annotations

import os
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
