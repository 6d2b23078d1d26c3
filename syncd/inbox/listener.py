"""A listener's socket, the public one's and the private one's: opened here or handed over by the service manager.

It ends without dropping a call: it stops accepting, answers whoever has got in, and only then closes. Each connection is for
one call, because on one that is kept a next call could come just as it is closed. Whoever waits in the backlog of a socket
that the service manager holds is answered by the next process.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import anyio
import anyio.lowlevel
from aiohttp import web
from aiohttp.typedefs import Handler

from syncd.observability import events
from syncd.observability.log import Log

BACKLOG: Final = 512  # connections that wait to be accepted: a burst after a restart
CLOSE_SECONDS: Final = 2.0  # for calls that are on their way in, or being answered, when syncd stops
FORCED_SECONDS: Final = 0.1  # for those that are left then; 0 would mean for ever
LOOK_SECONDS: Final = 0.01
HEAD_SECONDS: Final = 10.0  # for a whole head of a call; a connection that sends none, or half of one, is closed
REAP_SECONDS: Final = 2.0
CONNECTIONS_MAX: Final = 1_000  # of one listener; descriptors are shared with the ledger and the shops' clients
TURNS: Final = 3  # of the loop, in which an accepted connection gets its transport


@asynccontextmanager
async def listening(
    app: web.Application,
    listen: str,
    log: Log,
    *,
    inherited: Sequence[socket.socket] = (),
    unavailable: events.Event = events.WEBHOOK_UNAVAILABLE,
) -> AsyncIterator[None]:
    """Serve `app` on `listen` ("HOST:PORT"), or on listening sockets that the service manager holds. Where the address can't
    be used that is logged as `unavailable`, and the daemon goes on without."""
    calls = _Calls()

    @web.middleware
    async def one_call(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await calls.take(request, handler)

    app.middlewares.insert(0, one_call)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=FORCED_SECONDS)
    await runner.setup()
    try:
        try:
            servers = await _open(runner, listen, inherited)
        except OSError as error:
            log.emit(unavailable, reason=str(error), address=listen)
            servers = []
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(calls.reap, runner, name="connections without a call")
                yield
                group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await _end(runner, servers)
    finally:
        with anyio.CancelScope(shield=True):
            await runner.cleanup()


async def _open(runner: web.AppRunner, listen: str, inherited: Sequence[socket.socket]) -> list[asyncio.Server]:
    loop, protocol = asyncio.get_running_loop(), runner.server
    assert protocol is not None
    if inherited:
        return [await loop.create_server(protocol, sock=one, backlog=BACKLOG) for one in inherited]
    host, _, port = listen.rpartition(":")
    return [await loop.create_server(protocol, host.strip("[]"), int(port), backlog=BACKLOG)]


async def _end(runner: web.AppRunner, servers: Sequence[asyncio.Server]) -> None:
    """Take no more calls, and answer those that were taken."""
    loop = asyncio.get_running_loop()
    for server in servers:
        for one in server.sockets:
            loop.remove_reader(one.fileno())
    for _ in range(TURNS):  # closed before, asyncio would drop what it has just accepted
        await anyio.lowlevel.checkpoint()
    for server in servers:
        server.close()
    with anyio.move_on_after(CLOSE_SECONDS):
        while runner.server is not None and runner.server.connections:  # noqa: ASYNC110 - aiohttp tells nobody
            await anyio.sleep(LOOK_SECONDS)


class _Calls:
    """Which connections have brought a call, and since when the others are there."""

    def __init__(self) -> None:
        self._called: set[object] = set()
        self._idle: dict[object, float] = {}

    async def take(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer one call, and end its connection."""
        self._called.add(request.protocol)
        try:
            answer = await handler(request)
        except web.HTTPException as told:
            told.force_close()
            raise
        answer.force_close()
        return answer

    async def reap(self, runner: web.AppRunner) -> None:
        """Close connections on which no call has come for too long, the oldest first where there are too many."""
        while True:
            await anyio.sleep(REAP_SECONDS)
            now = anyio.current_time()
            connections = runner.server.connections if runner.server is not None else []
            self._called.intersection_update(connections)
            waiting = [one for one in connections if one not in self._called]
            self._idle = {one: self._idle.get(one, now) for one in waiting}
            too_many = len(connections) - CONNECTIONS_MAX
            for number, one in enumerate(sorted(waiting, key=self._idle.__getitem__)):
                if number < too_many or now - self._idle[one] >= HEAD_SECONDS - REAP_SECONDS:
                    one.force_close()
