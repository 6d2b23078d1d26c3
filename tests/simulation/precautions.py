"""What makes one seed run the same in every process. Each precaution has a name, and a test sees determinism fail without it.

- `ordered`: anyio keeps tasks and scopes in sets and cancels in their order, which follows memory addresses.
- `monotonic`: aiohttp decides by `time.monotonic` which kept connection is too old.

Nothing draws from the global `random`; whatever would is refused, and named at the end. The machine's date doesn't matter: each
simulated host puts a date of its own into its answers, over the one that aiohttp has put there.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Iterator, MutableSet
from typing import Any

import aiohttp.connector
from anyio._backends import _asyncio as backend

NAMES = ("ordered", "monotonic")
_DRAWS = (
    "random",
    "randint",
    "randrange",
    "uniform",
    "choice",
    "choices",
    "sample",
    "shuffle",
    "getrandbits",
    "randbytes",
)


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


def take(now: Callable[[], float], *, without: Collection[str] = ()) -> Callable[[], None]:
    """Take all precautions but those in `without`; returns what undoes them. `now`: the simulated seconds."""
    undo: list[Callable[[], None]] = []

    def put(place: Any, name: str, value: Any) -> None:
        before = getattr(place, name)
        undo.append(lambda: setattr(place, name, before))
        setattr(place, name, value)

    if "ordered" not in without:
        for cls, names in ((backend.CancelScope, ("_child_scopes", "_tasks")), (backend.TaskGroup, ("_tasks",))):
            put(cls, "__init__", _with_ordered_sets(cls.__init__, names))
    if "monotonic" not in without:
        put(aiohttp.connector, "monotonic", now)
    drawn: list[str] = []
    for name in _DRAWS:
        put(random, name, _refused(name, drawn))

    def put_back() -> None:
        for step in reversed(undo):
            step()
        if drawn:
            raise Undetermined(f"random.{drawn[0]} was called: no seed decides what it returns")

    return put_back


class Undetermined(AssertionError):
    """Something was asked that no seed decides."""


def _refused(name: str, drawn: list[str]) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        drawn.append(name)
        raise Undetermined(name)

    return refuse


def _with_ordered_sets(plain: Callable[..., None], names: Collection[str]) -> Callable[..., None]:
    def make(self: Any, *given: Any, **named: Any) -> None:
        plain(self, *given, **named)
        for name in names:
            setattr(self, name, OrderedSet(getattr(self, name)))

    return make
