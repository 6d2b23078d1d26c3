"""The whole path runs in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.reconcile.virtual_time import VirtualLoop

HERE = Path(__file__).parent


def pytest_asyncio_loop_factories(config: Any, item: Any) -> Mapping[str, Callable[[], Any]]:
    """The loop of every test in this folder."""
    del config, item
    return {"virtual": VirtualLoop}
