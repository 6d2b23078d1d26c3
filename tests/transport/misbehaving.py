"""A shop on 127.0.0.1 that answers by a script, and a clock, a chance and a listener that tests can look into."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
from aiohttp import web

from syncd.core.quantity import SECOND, Instant
from syncd.transport import HeaderSigner, HttpClient, Limits, Signer, make_session

Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]
EPOCH = Instant(1_700_000_000 * SECOND)  # Tue, 14 Nov 2023 22:13:20 GMT
TOKEN = "s3cr3t-t0ken/with+signs"


class FakeClock:
    """Time that passes only where somebody sleeps, at once; each wait is kept."""

    def __init__(self) -> None:
        self.passed_seconds = 0.0
        self.waits: list[float] = []
        self.on_sleep: Callable[[], Awaitable[None]] | None = None

    def now(self) -> Instant:
        return Instant(EPOCH + round(self.passed_seconds * SECOND))

    wall = now

    def monotonic(self) -> float:
        return 1_000.0 + self.passed_seconds

    async def sleep(self, wait_seconds: float) -> None:
        self.waits.append(round(wait_seconds, 3))
        if self.on_sleep is not None:
            await self.on_sleep()
        await anyio.lowlevel.checkpoint()
        self.passed_seconds += wait_seconds


class FakeChance:
    """Draws always the same share of the range; tokens count."""

    def __init__(self, draw: float = 1.0) -> None:
        self.draw = draw
        self.tokens = 0

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * self.draw

    def token(self, length_bytes: int) -> str:
        self.tokens += 1
        return f"{self.tokens:0{2 * length_bytes}x}"


class HeardListener:
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []

    def unreachable(self, reason: str) -> None:
        self.heard.append(("unreachable", reason))

    def recovered(self, after_seconds: float) -> None:
        self.heard.append(("recovered", after_seconds))

    def throttled(self, wait_seconds: float) -> None:
        self.heard.append(("throttled", wait_seconds))

    @property
    def edges(self) -> list[str]:
        return [name for name, _ in self.heard]


@dataclass
class Request:
    """What reached the shop."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: object = field(repr=False)


class Shop:
    """Answers with the script's behaviours in order; the last one again and again."""

    def __init__(self) -> None:
        self.script: list[Behaviour] = [answers([])]
        self.requests: list[Request] = []
        self.url = ""
        self.under_way = 0
        self.under_way_most = 0
        self._arrival = anyio.Event()

    async def arrived(self, requests: int) -> None:
        """Wait until so many requests have come."""
        while len(self.requests) < requests:
            await self._arrival.wait()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(
            Request(request.method, request.raw_path, request.headers, await request.read(), request.transport)
        )
        self._arrival.set()
        self._arrival = anyio.Event()
        behaviour = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        self.under_way += 1
        self.under_way_most = max(self.under_way_most, self.under_way)
        try:
            return await behaviour(request)
        finally:
            self.under_way -= 1

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Shop]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()


# Behaviours ---------------------------------------------------------------------------------------------------------


def answers(
    value: Any = None, status: int = 200, headers: Mapping[str, str] | None = None, *, raw: bytes | None = None
) -> Behaviour:
    """JSON, or these raw bytes."""

    async def behave(request: web.Request) -> web.StreamResponse:
        body = json.dumps(value).encode() if raw is None else raw
        return web.Response(status=status, body=body, headers={"Content-Type": "application/json", **(headers or {})})

    return behave


def shows_page(status: int = 200, text: str = "<html><body>Attention required</body></html>", **headers) -> Behaviour:
    """A page for people, as firewalls and hosts make them."""
    return answers(status=status, raw=text.encode(), headers={"Content-Type": "text/html; charset=utf-8", **headers})


def resets() -> Behaviour:
    """The connection ends before a byte of the answer."""

    async def behave(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    return behave


def cuts_off(
    body: bytes = b'[{"id": 1}', declared: int = 1000, *, status: int = 200, chunked: bool = False
) -> Behaviour:
    """The head and a part of the body, then the connection ends."""

    async def behave(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {declared}"
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{length}\r\n\r\n".encode()
        request.transport.write(head + (b"%x\r\n%s\r\n" % (len(body), body) if chunked else body))
        request.transport.close()
        return web.Response()

    return behave


def says(raw: bytes) -> Behaviour:
    """These bytes instead of HTTP, then the connection ends."""

    async def behave(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(raw)
        request.transport.close()
        return web.Response()

    return behave


def hangs(after: bytes = b"") -> Behaviour:
    """Nothing more comes, for as long as a test may take."""

    async def behave(request: web.Request) -> web.StreamResponse:
        if after:
            assert request.transport is not None
            request.transport.write(after)
        await anyio.sleep(60)
        return web.Response()

    return behave


def pours(chunk: bytes, times: int) -> Behaviour:
    """A chunked body that just goes on."""

    async def behave(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for _ in range(times):
            await response.write(chunk)
        return response

    return behave


def explodes(size: int) -> Behaviour:
    """A small gzip body of `size` bytes."""
    packed = gzip.compress(b"[" + b" " * (size - 2) + b"]")
    return answers(raw=packed, headers={"Content-Encoding": "gzip"})


# The client under test ----------------------------------------------------------------------------------------------


@dataclass
class Guest:
    """A client of the shop, with all it was given."""

    client: HttpClient
    clock: FakeClock
    chance: FakeChance
    listener: HeardListener
    shop: Shop


GuestMaker = Callable[..., Guest]


@asynccontextmanager
async def guests(shop: Shop) -> AsyncIterator[GuestMaker]:
    """Makes clients of this shop; by default without spacing, so that `clock.waits` shows the other waits alone."""
    async with make_session() as session:

        def make(*, base_url: str = "", signer: Signer | None = None, **limits: Any) -> Guest:
            clock, chance, listener = FakeClock(), FakeChance(), HeardListener()
            client = HttpClient(
                session=session,
                base_url=base_url or shop.url,
                signer=signer or HeaderSigner({"X-Auth-Token": TOKEN}),
                clock=clock,
                chance=chance,
                limits=Limits(**{"interval_default_seconds": 0.0, **limits}),
                listener=listener,
                secrets=[TOKEN],
            )
            return Guest(client, clock, chance, listener, shop)

        yield make
