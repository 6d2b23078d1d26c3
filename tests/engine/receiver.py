"""Somebody's webhook: a real server that verifies as Standard Webhooks says, on its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import web

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
TOLERANCE_SECONDS = 300  # the standard's libraries refuse what is older or newer


class Call(NamedTuple):
    """What came, and whether it is genuine."""

    name: str
    body: dict[str, Any]
    headers: dict[str, str]
    genuine: bool
    answered: int


def is_genuine(headers: dict[str, str], body: bytes) -> bool:
    """By the text of the standard: HMAC-SHA256 of id, time and body with dots between, in Base64, after `v1,`."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    made = "v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    late = abs(time.time() - int(headers["webhook-timestamp"]))
    return made in headers["webhook-signature"].split(" ") and late <= TOLERANCE_SECONDS


class Receiver:
    """Answers with `status`, or as `answer` says; None: it closes the connection without one."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.status = 204
        self.answer: Callable[[dict[str, Any]], int | None] | None = None
        self.meanwhile: Callable[[], Awaitable[None]] | None = None  # while the first call waits for its answer
        self.headers: dict[str, str] = {}
        self.text = ""
        self.url = ""

    async def _take(self, request: web.Request) -> web.StreamResponse:
        data = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = json.loads(data)
        status = self.status if self.answer is None else self.answer(body)
        self.calls.append(Call(headers["webhook-id"], body, headers, is_genuine(headers, data), status or 0))
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        if status is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return web.Response(status=status, headers=self.headers, text=self.text or None)

    @asynccontextmanager
    async def open(self, port: int = 0) -> AsyncIterator[Receiver]:
        """While it listens."""
        app = web.Application()
        app.router.add_post("/alerts", self._take)
        app.router.add_get("/alerts", self._take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/alerts"
            yield self
        finally:
            await runner.cleanup()
