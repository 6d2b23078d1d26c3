"""What stands before and behind every vendor request: the log, the token, the quota, and the faults.

The order is that of a real request: it travels, may be reset or refused at the edge, is checked and counted, takes
effect, and its answer may be lost, cut or late. The control API is never touched by any of it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import msgspec
from aiohttp import web

from syncd.simulator.bigcommerce.answers import answer, v2_error, v3_error
from syncd.simulator.bigcommerce.quota import Quota
from syncd.simulator.bigcommerce.shop import Shop

REQUESTS_KEPT: Final = 1000
"""Requests that the log keeps."""
HANG_STEP_SECONDS: Final = 1.0
"""How often a hanging answer looks whether the client is gone, so that a server stops soon."""
HTML: Final = "<!DOCTYPE html><html><head><title>One moment</title></head><body><h1>Please wait</h1></body></html>"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True, frozen=True)
class Seen:
    """One request, as the log shows it. Status 0: no answer was given."""

    at: int
    method: str
    path: str
    status: int


class Gate:
    """The middleware of the vendor's API."""

    def __init__(self, shop: Shop, store: str, token: str) -> None:
        self._shop = shop
        self._store = store
        self._token = token
        self._quota = Quota(shop)
        self.seen: deque[Seen] = deque(maxlen=REQUESTS_KEPT)
        self.request_count = 0

    async def pass_through(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Serve one request of the vendor's API."""
        at = self._shop.clock.now()
        self.request_count += 1
        status = 0
        try:
            response = await self._serve(request, handler)
            cut = not response.prepared and (request.transport is None or request.transport.is_closing())
            status = 0 if cut else response.status
            return response
        finally:
            self.seen.append(Seen(at, request.method, request.path_qs, status))

    async def _serve(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        shop, faults = self._shop, self._shop.faults
        travel = shop.draw_us(faults.latency_seconds) / 1_000_000
        if shop.happens(faults.slow):
            travel += faults.slow_seconds
        before = travel * shop.chance.random() if travel else 0.0
        if travel:
            await asyncio.sleep(before)
        if shop.happens(faults.reset):
            return _cut(request)
        refusal = self._edge() or self._check(request)
        if refusal is not None:
            return refusal
        try:
            response: web.StreamResponse = await handler(request)
        except web.HTTPException as bad:
            if not isinstance(bad, web.HTTPNotFound | web.HTTPMethodNotAllowed):
                raise
            response = _fault(request, bad.status, "The requested resource was not found.")
        if travel:
            await asyncio.sleep(travel - before)
        if request.method != "GET" and response.status < 300 and shop.happens(faults.lost_answer):
            return await self._lose(request)
        response.headers.update(self._quota.headers())
        if shop.happens(faults.truncated):
            return await _truncate(request, response)
        return response

    def _edge(self) -> web.Response | None:
        """What answers before the application does."""
        shop, faults = self._shop, self._shop.faults
        for status in (500, 502, 503, 504):
            if shop.happens(getattr(faults, f"error_{status}")):
                return _gateway_error(status)
        if shop.happens(faults.html_200):
            return web.Response(text=HTML, content_type="text/html")
        if shop.happens(faults.html_503):
            return web.Response(text=HTML, content_type="text/html", status=503)
        if shop.happens(faults.too_many_bare):
            return v3_error(429, "Too many requests")
        if shop.happens(faults.too_many):
            return self._too_many()
        if shop.happens(faults.too_many_retry_after):
            refusal = self._too_many()
            refusal.headers["X-Retry-After"] = str(faults.retry_after_seconds)
            return refusal
        return None

    def _too_many(self) -> web.Response:
        refusal = v3_error(429, "You have made too many requests to the API in a short time period.")
        refusal.headers.update(self._quota.headers())
        return refusal

    def _check(self, request: web.Request) -> web.Response | None:
        here = request.path.startswith(f"/stores/{self._store}/")
        if not here or request.headers.get("X-Auth-Token") != self._token:
            return _fault(request, 401, "Unauthorized")
        switches, path = self._shop.settings.switches, request.path.removeprefix(f"/stores/{self._store}")
        hooks, carts = path.startswith("/v3/hooks"), path.startswith(("/v3/carts", "/v3/checkouts"))
        if (hooks and not switches.webhooks_allowed) or (carts and not switches.carts_allowed):
            return _fault(request, 403, "Unauthorized Access. You do not have permission to make this request.")
        return None if self._quota.admit() else self._too_many()

    async def _lose(self, request: web.Request) -> web.StreamResponse:
        """The write is done, and the client doesn't learn it."""
        faults = self._shop.faults
        if faults.lost_answer_by == "reset":
            return _cut(request)
        if faults.lost_answer_by == "hang":
            left = faults.hang_seconds
            while left > 0 and request.transport is not None and not request.transport.is_closing():
                await asyncio.sleep(min(left, HANG_STEP_SECONDS))
                left -= HANG_STEP_SECONDS
            return _cut(request)
        return _gateway_error(int(faults.lost_answer_by))


def _gateway_error(status: int) -> web.Response:
    """500 is the application's JSON; the others are a gateway's HTML."""
    if status == 500:
        return answer({"status": 500, "title": "Internal Server Error", "type": "", "errors": {}}, 500)
    return web.Response(text=f"<html><body><h1>{status}</h1></body></html>", content_type="text/html", status=status)


def _fault(request: web.Request, status: int, text: str) -> web.Response:
    version_2 = "/v2/" in request.path
    return v2_error(status, text) if version_2 else v3_error(status, text)


def _cut(request: web.Request) -> web.StreamResponse:
    """Drop the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _truncate(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Announce the whole body, send half of it, and close."""
    body = response.body if isinstance(response, web.Response) else None
    if not isinstance(body, bytes | bytearray) or len(body) < 2:
        return response
    half = web.StreamResponse(status=response.status, headers=response.headers)
    half.content_length = len(body)
    half.force_close()
    await half.prepare(request)
    await half.write(bytes(body[: len(body) // 2]))
    if request.transport is not None:
        request.transport.close()
    return half


def show_seen(seen: Seen) -> dict[str, object]:
    """An entry of the log as JSON."""
    return {name: getattr(seen, name) for name in msgspec.to_builtins(Seen.__slots__)}
