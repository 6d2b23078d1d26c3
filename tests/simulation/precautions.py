"""What makes one seed run the same in every process. Each precaution has a name, and a test sees determinism fail without it.

- `ordered`: anyio keeps tasks and scopes in sets and cancels in their order, which follows memory addresses.
- `random`: the global `random` is drawn from by libraries.
- `monotonic`: aiohttp decides by `time.monotonic` which kept connection is too old.
- `date`: aiohttp puts the machine's date into answers.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator, MutableSet
from types import SimpleNamespace
from typing import Any

import aiohttp.connector
import aiohttp.helpers
from anyio._backends import _asyncio as backend

from tests.simulation.clocks import START_SECONDS

NAMES = ("ordered", "random", "monotonic", "date")


class OrderedSet(MutableSet[Any]):
    """A set that iterates in the order of insertion."""

    def __init__(self, items: Iterable[Any] = ()) -> None:
        self._items = dict.fromkeys(items)

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._items))

    def __len__(self) -> int:
        return len(self._items)

    def add(self, value: Any) -> None:
        """Add, at the end."""
        self._items[value] = None

    def discard(self, value: Any) -> None:
        """Remove, if it is there."""
        self._items.pop(value, None)

    def copy(self) -> OrderedSet:
        """Another one with the same items."""
        return OrderedSet(self._items)


def take(seed: int, now: Callable[[], float], *, without: Collection[str] = ()) -> Callable[[], None]:
    """Take all precautions but those in `without`; returns what undoes them. `now`: the simulated seconds."""
    undo: list[Callable[[], None]] = []

    def put(place: Any, name: str, value: Any) -> None:
        before = getattr(place, name)
        undo.append(lambda: setattr(place, name, before))
        setattr(place, name, value)

    if "ordered" not in without:
        for cls, names in ((backend.CancelScope, ("_child_scopes", "_tasks")), (backend.TaskGroup, ("_tasks",))):
            put(cls, "__init__", _with_ordered_sets(cls.__init__, names))
    if "random" not in without:
        state = random.getstate()
        undo.append(lambda: random.setstate(state))
        random.seed(seed)
    if "monotonic" not in without:
        put(aiohttp.connector, "monotonic", now)
    if "date" not in without:
        real = {name: getattr(time, name) for name in dir(time) if not name.startswith("_")}
        put(aiohttp.helpers, "time", SimpleNamespace(**{**real, "time": lambda: START_SECONDS + now()}))

    def put_back() -> None:
        for step in reversed(undo):
            step()

    return put_back


def _with_ordered_sets(plain: Callable[..., None], names: Collection[str]) -> Callable[..., None]:
    def make(self: Any, *given: Any, **named: Any) -> None:
        plain(self, *given, **named)
        for name in names:
            setattr(self, name, OrderedSet(getattr(self, name)))

    return make
