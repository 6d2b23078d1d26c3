from __future__ import annotations

import pytest

from tests.control.bench import open_bench
from tests.page.life import fill


@pytest.fixture
async def bench(tmp_path):
    async with open_bench(tmp_path) as opened:
        yield opened


@pytest.fixture
async def lively(bench):
    await fill(bench)
    return bench
