"""A listener's socket, the public one's and the private one's: opened once, served until cancelled."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Final

import anyio
import anyio.abc
from aiohttp import web

from syncd.observability import events
from syncd.observability.log import Log

BACKLOG: Final = 512  # connections that wait to be accepted: a burst after a restart
CLOSE_SECONDS: Final = 2.0  # for calls that are being answered when syncd stops


async def serve(
    app: web.Application,
    listen: str,
    log: Log,
    *,
    inherited: Sequence[socket.socket] = (),
    unavailable: events.Event = events.WEBHOOK_UNAVAILABLE,
    task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `app` on `listen` ("HOST:PORT"), or on sockets that the service manager holds. Where the address can't be used
    that is logged as `unavailable`, and the daemon goes on without."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=CLOSE_SECONDS)
    await runner.setup()
    try:
        host, _, port = listen.rpartition(":")
        if inherited:
            for one in inherited:
                await web.SockSite(runner, one, backlog=BACKLOG).start()
        else:
            await web.TCPSite(runner, host.strip("[]"), int(port), backlog=BACKLOG).start()
    except OSError as error:
        log.emit(unavailable, reason=str(error), address=listen)
        task_status.started()
        await runner.cleanup()
        return
    try:
        task_status.started()
        await anyio.sleep_forever()
    finally:
        with anyio.CancelScope(shield=True):
            await runner.cleanup()
