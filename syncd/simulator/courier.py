"""What a shop sends out by itself: errands that are due by the shop's clock, carried out beside its server.

Nothing runs while there is nothing to carry: the task starts with the first errand and ends with the last one.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

import aiohttp
from aiohttp import web

Errand = Callable[[], Awaitable[None]]

AT_ONCE_MAX: Final = 10
"""Errands that are under way together; more wait for their turn."""
_IDENTITY: Final = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class Courier:
    """Carries errands while a server runs. `now`: microseconds, by the clock that the shop was given."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._due: list[tuple[int, int, Errand]] = []
        self._added = 0
        self._under_way = 0
        self._stirred = asyncio.Event()
        self._done = asyncio.Event()
        self._open = False
        self._task: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None

    def at(self, due_us: int, errand: Errand) -> None:
        """Carry this out then, or at once if that is past."""
        self._added += 1  # errands of one instant leave in the order they came in
        heapq.heappush(self._due, (due_us, self._added, errand))
        self._stirred.set()
        self._start()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], timeout_seconds: float) -> int | None:
        """Send it; only from within an errand. The answer's status, or None if there was none. Redirects aren't followed."""
        assert self._session is not None
        timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        try:
            async with self._session.post(
                url, data=body, headers=headers, timeout=timeout, allow_redirects=False, skip_auto_headers=_IDENTITY
            ) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None

    async def catch_up(self) -> None:
        """Return when nothing is due and nothing is under way: for those who turn the clock by hand."""
        self._stirred.set()
        while self._open and (self._under_way or (self._due and self._due[0][0] <= self._now())):
            self._done.clear()
            await self._done.wait()

    async def lifetime(self, _app: web.Application) -> AsyncIterator[None]:
        """For `app.cleanup_ctx`: errands are carried from the server's start to its end; what is left then waits."""
        self._open = True
        self._start()
        yield
        self._open = False
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def _start(self) -> None:
        if self._open and self._due and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while self._due:  # what came while the session was closed begins another
            jar = aiohttp.DummyCookieJar()
            async with aiohttp.ClientSession(cookie_jar=jar) as self._session, asyncio.TaskGroup() as group:
                while self._due or self._under_way:
                    self._send_off(group)
                    waits = self._due and self._under_way < AT_ONCE_MAX
                    with suppress(TimeoutError):
                        async with asyncio.timeout((self._due[0][0] - self._now()) / 1e6 if waits else None):
                            await self._stirred.wait()

    def _send_off(self, group: asyncio.TaskGroup) -> None:
        self._stirred.clear()
        while self._due and self._under_way < AT_ONCE_MAX and self._due[0][0] <= self._now():
            _, _, errand = heapq.heappop(self._due)
            self._under_way += 1
            group.create_task(self._carry(errand))

    async def _carry(self, errand: Errand) -> None:
        try:
            await errand()
        finally:
            self._under_way -= 1
            self._stirred.set()
            self._done.set()
