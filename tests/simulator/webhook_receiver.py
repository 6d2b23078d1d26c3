"""Who is called by webhooks: a server that keeps what came, and answers as a test says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web
from multidict import CIMultiDictProxy


@dataclass
class Called:
    path: str
    headers: CIMultiDictProxy[str]
    raw: bytes

    @property
    def body(self) -> Any:
        return msgspec.json.decode(self.raw)


@dataclass
class Receiver:
    """`status` is answered to every call."""

    url: str = ""
    status: int = 200
    calls: list[Called] = field(default_factory=list)

    def take(self) -> list[Called]:
        """What came since this was asked last."""
        came, self.calls = self.calls, []
        return came

    async def answer(self, request: web.Request) -> web.Response:
        self.calls.append(Called(request.path, request.headers, await request.read()))
        return web.Response(status=self.status)


@asynccontextmanager
async def open_receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application(client_max_size=8 * 1024 * 1024)
    app.router.add_route("*", "/{any:.*}", receiver.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        await runner.cleanup()
