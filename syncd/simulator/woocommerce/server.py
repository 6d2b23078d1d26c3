"""The HTTP side: an aiohttp application that speaks for a shop, with its faults. `python -m` of this package runs it.

shop = Shop(clock=clock, rng=Random(7))
runner = web.AppRunner(make_app(shop), shutdown_timeout=1)
await runner.setup()
site = web.TCPSite(runner, "127.0.0.1", 0)
await site.start()
port = runner.addresses[0][1]
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from syncd.simulator.woocommerce.auth import Gate
from syncd.simulator.woocommerce.control import Control
from syncd.simulator.woocommerce.records import Seen, ShopRefusal
from syncd.simulator.woocommerce.rest import Answer, Call, Json, merge_params
from syncd.simulator.woocommerce.routes import all_routes, dispatch
from syncd.simulator.woocommerce.site_api import error_page, index

if TYPE_CHECKING:
    from syncd.simulator.woocommerce.shop import Shop

BODY_BYTES_MAX = 8 * 1024 * 1024  # php_post_max_size of the shop that was measured
JSON_TYPE = "application/json; charset=UTF-8"
HTML_TYPE = "text/html; charset=UTF-8"
TITLES = {
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def make_app(shop: Shop) -> web.Application:
    """The whole server for one shop: REST under /wp-json/ and /?rest_route=, the driving API under /_sim/."""
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app.cleanup_ctx.append(shop.webhooks.courier.lifetime)
    app.router.add_route("*", "/_sim/{tail:.*}", Control(shop).handle)
    app.router.add_route("*", "/{tail:.*}", _Server(shop).handle)
    return app


class _Server:
    """Answers REST calls: what goes wrong before, the call itself, what goes wrong after."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._gate = Gate(shop)
        self._routes = all_routes()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request, with its delays and its line in the log."""
        shop = self._shop
        shop.request_count += 1
        seen = Seen(request.method, request.raw_path, 0)
        shop.requests.append(seen)
        low, high = shop.faults.latency_seconds
        wait = shop.rng.uniform(low, high) if high > 0 else 0.0
        until_effect = shop.rng.uniform(0, wait) if wait else 0.0
        if shop.draw(shop.faults.slow):
            wait += shop.faults.slow_seconds
        await asyncio.sleep(until_effect)
        if shop.draw(shop.faults.reset):
            return _reset(request, seen)
        answer = self._fault_before()
        took_effect = answer is None
        if answer is None:
            answer = await self._answer(request)
        await asyncio.sleep(wait - until_effect)
        if took_effect and request.method in WRITES and answer.status < 400 and shop.draw(shop.faults.lost_answer):
            how = shop.faults.lost_answer_by
            if how == "hang":
                await asyncio.sleep(shop.faults.hang_seconds)
            if how in {"hang", "reset"}:
                return _reset(request, seen)
            answer, took_effect = _page(int(how)), False
        seen.status = answer.status
        return await self._send(request, answer, spoil=took_effect)

    def _fault_before(self) -> Answer | None:
        """A fault that keeps the request from having any effect."""
        draw, faults = self._shop.draw, self._shop.faults
        if draw(faults.too_many_bare):
            return _html(429, error_page(429, "Too Many Requests"))
        if draw(faults.too_many_retry_after):
            answer = _html(429, error_page(429, "Too Many Requests"))
            answer.headers["Retry-After"] = str(faults.retry_after_seconds)
            return answer
        if draw(faults.html_200):
            return _html(200, error_page(200, "Checking your browser"))
        if draw(faults.html_503):
            return _html(503, error_page(503, "Briefly unavailable for scheduled maintenance"))
        if draw(faults.error_500):
            body = {
                "code": "internal_server_error",
                "message": "<p>There has been a critical error on this website.</p>",
                "data": {"status": 500},
                "additional_errors": [],
            }
            return Answer(500, body)
        for status, dial in ((502, faults.error_502), (503, faults.error_503), (504, faults.error_504)):
            if draw(dial):
                return _page(status)
        return None

    async def _answer(self, request: web.Request) -> Answer:
        """What the shop itself says."""
        self._shop.advance()
        self._shop.webhooks.visited()
        try:
            return await self._call(request)
        except ShopRefusal as refusal:
            return Answer(refusal.status, refusal.body(), refusal.headers)

    async def _call(self, request: web.Request) -> Answer:
        query = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True)
        base = self._shop.settings.url or f"{request.scheme}://{request.host}"
        route = _route_of(request.path, query, pretty=self._shop.settings.pretty_permalinks)
        if route is None:
            return _html(404, error_page(404, "Page not found"))
        body = _body(await request.read(), request.content_type)
        method = request.method
        if method == "POST":
            method = str(dict(query).get("_method") or request.headers.get("X-HTTP-Method-Override") or method).upper()
        query = [(name, value) for name, value in query if name != "rest_route"]
        call = Call(method, route, base, merge_params(query, body), query)
        if route in {"", "/"}:
            return await index(self._shop, call)
        signed = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True)
        self._gate.check(request.method, f"{base}{request.rel_url.raw_path}", signed, request.headers)
        return await dispatch(self._shop, self._routes, call)

    async def _send(self, request: web.Request, answer: Answer, *, spoil: bool) -> web.StreamResponse:
        shop = self._shop
        body = answer.encoded()
        headers = {
            "Content-Type": JSON_TYPE,
            "X-Robots-Tag": "noindex",
            "Link": f'<{shop.settings.url or f"{request.scheme}://{request.host}"}/wp-json/>; rel="https://api.w.org/"',
            **answer.headers,
        }
        if spoil and shop.draw(shop.faults.php_notice):
            body = shop.settings.notices.encode() + body
        if spoil and shop.draw(shop.faults.truncated):
            return await _send_half(request, answer.status, headers, body)
        return web.Response(status=answer.status, body=body, headers=headers)


def _route_of(path: str, query: list[tuple[str, str]], *, pretty: bool) -> str | None:
    """The REST route of an address, "/" for the index; None where WordPress would show a page."""
    given = dict(query).get("rest_route")
    if given is not None:
        return given
    if not pretty or not (path == "/wp-json" or path.startswith("/wp-json/")):
        return None
    return path.removeprefix("/wp-json")


def _body(raw: bytes, content_type: str) -> Json | None:
    """The parameters of a body, JSON or a form. Raises ShopRefusal for broken JSON."""
    if not raw:
        return None
    if content_type == "application/x-www-form-urlencoded":
        return merge_params(parse_qsl(raw.decode(), keep_blank_values=True), None)
    try:
        decoded = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise ShopRefusal(400, "rest_invalid_json", "Invalid JSON body passed.") from error
    return decoded if isinstance(decoded, dict) else None


def _html(status: int, page: bytes) -> Answer:
    return Answer(status, page, {"Content-Type": HTML_TYPE})


def _page(status: int) -> Answer:
    return _html(status, error_page(status, TITLES[status]))


def _reset(request: web.Request, seen: Seen) -> web.Response:
    """Close the connection at once; what is returned can't be sent any more. The log shows status 0."""
    seen.status = 0
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _send_half(request: web.Request, status: int, headers: dict[str, str], body: bytes) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers={**headers, "Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
