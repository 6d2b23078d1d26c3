"""Tasks by name in one task group, each of which can be ended by itself, for sure: nothing of it runs afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio
import anyio.abc


@dataclass(slots=True)
class _Life:
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    ended: anyio.Event = field(default_factory=anyio.Event)


class Lives:
    """What runs in a task group, by name."""

    def __init__(self, group: anyio.abc.TaskGroup) -> None:
        self._group = group
        self._lives: dict[str, _Life] = {}

    def start(self, name: str, run: Callable[[], Awaitable[None]], *, task_name: str) -> None:
        """Run it beside the others, under a name that nothing else has at this moment."""
        life = self._lives[name] = _Life()
        self._group.start_soon(self._live, name, life, run, name=task_name)

    async def end(self, name: str) -> None:
        """Cancel it, and return when it has ended. Nothing to do where nothing of that name runs."""
        life = self._lives.get(name)
        if life is not None:
            life.scope.cancel()
            await life.ended.wait()

    async def _live(self, name: str, life: _Life, run: Callable[[], Awaitable[None]]) -> None:
        try:
            with life.scope:
                await run()
        finally:
            self._lives.pop(name, None)
            life.ended.set()
