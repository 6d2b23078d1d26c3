"""The contract over HTTP, with the faults between the truth and the answer."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from aiohttp import web

from syncd.simulator.erp.book import KEY, QUANTITY, Book, decimal_text
from syncd.simulator.erp.control import control_routes
from syncd.simulator.erp.faults import Faults
from syncd.simulator.erp.wishes import Wishes

BODY_BYTES_MAX = 2**20
MOVES_MAX = 100
PAGE_MAX = 5_000
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SimulatedErp:
    """The ERP: `book` is its truth, `faults` its dials, `app()` its server.

    `now` gives microseconds since 1970; `chance` draws the faults. Delays are the event loop's.
    """

    def __init__(
        self, *, now: Callable[[], int], chance: random.Random, token: str = "", page_max: int = PAGE_MAX
    ) -> None:
        self.book = Book(now)
        self.wishes = Wishes(self.book)
        self.faults = Faults()
        self.now = now
        self.chance = chance
        self.token = token
        self.page_max = page_max
        self.tells_shipments = True  # an optional part of the contract
        self.tells_orders = True  # another
        self.keeps_orders = True  # another
        self.order_faults = 0  # documents to come that find it busy
        self.refused_orders: set[str] = set()  # keys of documents that it can't take
        self.late: dict[asyncio.TimerHandle, list[dict[str, Any]]] = {}  # requests on their way, with their moves

    def app(self) -> web.Application:
        """A new application; it may be made again after a crash of the server, the book stays."""
        app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[self._guard])
        app.router.add_get("/v1/identity", self._identity)
        app.router.add_post("/v1/moves", self._post_moves)
        app.router.add_get("/v1/moves", self._find_moves)
        app.router.add_get("/v1/levels", self._levels)
        app.router.add_put("/v1/orders/{key}", self._put_order)
        app.router.add_get("/v1/shipments", self._shipments)
        app.router.add_get("/v1/orders", self._wanted)
        app.router.add_post("/v1/orders/{key}/outcome", self._outcome)
        app.add_routes(control_routes(self.book, self.faults, self.wishes))
        app.on_shutdown.append(self._forget_late)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Faults that strike every request of the contract, then the token, then the contract."""
        if request.path.startswith("/_sim/"):
            return await handler(request)
        if self.faults.latency_seconds:
            await asyncio.sleep(self.chance.uniform(0, self.faults.latency_seconds))
        if self.faults.down:
            return _cut(request)
        if self.faults.html:
            return web.Response(text="<html><h1>One moment, please</h1></html>", content_type="text/html")
        if self.faults.unavailable:
            return problem(503, "unavailable", "the ERP is being maintained")
        if self.faults.throttled:
            answer = problem(429, "throttled", "too many requests")
            answer.headers["Retry-After"] = str(self.faults.retry_after_seconds)
            return answer
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return problem(401, "unauthorized", "the bearer token is not the right one")
        try:
            return await handler(request)
        except web.HTTPException as error:
            return problem(error.status, "http", error.reason)

    async def _identity(self, _request: web.Request) -> web.StreamResponse:
        return answer(
            {
                "contract": 1,
                "identity": self.book.identity,
                "epoch": self.book.epoch,
                "name": self.book.name,
                "moves_max": MOVES_MAX,
                "late_seconds": self.faults.late_seconds if self.faults.late_rate else 30,
            }
        )

    async def _post_moves(self, request: web.Request) -> web.StreamResponse:
        try:
            moves = checked_moves(await request.json())
        except (ValueError, json.JSONDecodeError) as error:
            return problem(400, "malformed", str(error))
        if len(moves) > MOVES_MAX:
            return problem(413, "too_many_moves", f"{len(moves)} moves, {MOVES_MAX} are allowed")
        fault = self.faults.strike(self.chance)
        if fault == "error_before":
            return problem(500, "crashed", "before anything was counted")
        if fault == "late":
            self._apply_later(moves)
            return _cut(request)
        outcomes = self._apply(moves[: (len(moves) + 1) // 2] if fault == "partial" else moves)
        if fault in {"error_after", "partial"}:
            return problem(500, "crashed", "after something was counted")
        if fault == "timeout_after":
            await asyncio.sleep(self.faults.hang_seconds)
        if fault in {"timeout_after", "reset_after"}:
            return _cut(request)
        return answer({"outcomes": outcomes})

    def _apply(self, moves: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [self.book.post(move, self.faults.refused_skus) for move in moves]

    def _apply_later(self, moves: list[dict[str, Any]]) -> None:
        def arrive() -> None:
            self._apply(self.late.pop(timer))

        timer: asyncio.TimerHandle = asyncio.get_running_loop().call_later(self.faults.late_seconds, arrive)
        self.late[timer] = moves

    def apply_late_ones(self) -> None:
        """Let the requests that are on their way arrive now."""
        for timer in list(self.late):
            timer.cancel()
            self._apply(self.late.pop(timer))

    async def _forget_late(self, _app: web.Application) -> None:
        for timer in self.late:
            timer.cancel()
        self.late.clear()

    async def _find_moves(self, request: web.Request) -> web.StreamResponse:
        keys = request.query.getall("key", [])
        if not keys or len(keys) > MOVES_MAX:
            return problem(400, "malformed", f"1 to {MOVES_MAX} keys are asked for at once")
        found = {key: self.book.journal[self.book.numbers[key] - 1] for key in keys if key in self.book.numbers}
        moves = [
            {
                "key": entry.key,
                "sku": entry.sku,
                "location": entry.location,
                "change": decimal_text(entry.change),
                "reference": entry.reference,
            }
            for entry in found.values()
        ]
        return answer({"moves": moves})

    async def _levels(self, request: web.Request) -> web.StreamResponse:
        since = self._position(request.query.get("since", ""), self.book.revision)
        if since is None:
            return problem(410, "cursor_gone", "this cursor is of another epoch")
        revision = self.book.revision
        if self.faults.stale_seconds:
            revision = max(since, self.book.revision_before(self.now() - int(self.faults.stale_seconds * 1_000_000)))
        changes = list(self.book.last_changes(since, revision))
        page = changes[: self._limit(request)]
        levels = self.book.levels(revision)
        more = len(page) < len(changes)
        return answer(
            {
                "levels": [
                    {"sku": sku, "location": location, "available": decimal_text(levels[sku, location])}
                    for _, (sku, location) in page
                ],
                "cursor": f"{self.book.epoch}.{page[-1][0] if more else revision}",
                "complete": since == 0 and not more,
                "more": more,
            }
        )

    async def _put_order(self, request: web.Request) -> web.StreamResponse:
        key = request.match_info["key"]
        if not self.keeps_orders:
            raise web.HTTPNotFound
        if self.order_faults:
            self.order_faults -= 1
            return problem(503, "busy", "the ERP has no time")
        if key in self.refused_orders:
            return problem(422, "refused", "this order can't be booked")
        self.book.order_puts[key] += 1
        self.book.orders[key] = await request.json()
        return web.Response(status=204)

    async def _shipments(self, request: web.Request) -> web.StreamResponse:
        if not self.tells_shipments:
            raise web.HTTPNotFound
        since = self._position(request.query.get("since", ""), len(self.book.shipments))
        if since is None:
            return problem(410, "cursor_gone", "this cursor is of another epoch")
        page = self.book.shipments[since : since + self._limit(request)]
        reached = since + len(page)
        more = reached < len(self.book.shipments)
        return answer({"shipments": page, "cursor": f"{self.book.epoch}.{reached}", "more": more})

    async def _wanted(self, request: web.Request) -> web.StreamResponse:
        if not self.tells_orders:
            raise web.HTTPNotFound
        since = self._position(request.query.get("since", ""), len(self.wishes.told))
        if since is None:
            return problem(410, "cursor_gone", "this cursor is of another epoch")
        page = self.wishes.told[since : since + self._limit(request)]
        reached = since + len(page)
        more = reached < len(self.wishes.told)
        return answer({"orders": page, "cursor": f"{self.book.epoch}.{reached}", "more": more})

    async def _outcome(self, request: web.Request) -> web.StreamResponse:
        if not self.wishes.hear(request.match_info["key"], await request.json()):
            return problem(404, "unknown_order", "there is no such order")
        fault = self.faults.strike(self.chance)
        if fault in {"error_after", "error_before", "late", "partial"}:
            return problem(500, "crashed", "after it was heard")
        if fault in {"timeout_after", "reset_after"}:
            return _cut(request)
        return web.Response(status=204)

    def _limit(self, request: web.Request) -> int:
        wanted = request.query.get("limit", "")
        return max(1, min(int(wanted) if wanted.isdigit() else self.page_max, self.page_max))

    def _position(self, cursor: str, newest: int) -> int | None:
        """Where a cursor stands; None for one that isn't of this epoch."""
        if not cursor:
            return 0
        epoch, _, position = cursor.partition(".")
        if epoch != self.book.epoch or not position.isdigit() or int(position) > newest:
            return None
        return int(position)


def checked_moves(body: Any) -> list[dict[str, Any]]:
    """The moves of a request. ValueError where it breaks the contract."""
    moves = body.get("moves") if isinstance(body, dict) else None
    if not isinstance(moves, list) or not moves:
        raise ValueError("no moves")
    for move in moves:
        texts = [move.get(name) for name in ("key", "sku", "location", "change")] if isinstance(move, dict) else [None]
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("a move has the texts key, sku, location and change")
        if not KEY.fullmatch(move["key"]) or not move["sku"] or not QUANTITY.fullmatch(move["change"]):
            raise ValueError(f"not a key, a SKU or a quantity: {move}")
        if Decimal(move["change"]) != round(Decimal(move["change"]), 4):
            raise ValueError("finer than four decimals")
    return moves


def answer(body: dict[str, Any]) -> web.Response:
    """A good answer; no cache may keep it."""
    return web.json_response(body, headers={"Cache-Control": "no-store"})


def problem(status: int, code: str, detail: str) -> web.Response:
    """An error as RFC 9457 has it."""
    body = {"type": "about:blank", "title": code.replace("_", " "), "status": status, "detail": detail, "code": code}
    return web.json_response(body, status=status, content_type="application/problem+json")


def _cut(request: web.Request) -> web.Response:
    """Cut the connection: what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
