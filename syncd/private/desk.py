"""The private listener's answers: GET /live, /ready, /health, /metrics, which only look; and the page (`syncd.page`).

With a token, whoever doesn't send it gets the same 401 for every path, a browser with the form that asks for it. Two things are
for everybody: what that form looks like (`ASSETS`), and POST /login, which takes it. Without a token the configuration lets it
listen on this machine alone, and only names of this machine are believed: else a page in a browser here could ask it under its
own name. Nor is a proxy heard then: whoever stands behind it is elsewhere.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import anyio
import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from yarl import URL

from syncd.config.values import is_loopback
from syncd.control.commands import Commands
from syncd.control.scene import Scene
from syncd.control.status import glance
from syncd.core.quantity import seconds
from syncd.engine.pulse import STUCK_SECONDS, pulse
from syncd.engine.supervisor import Supervisor
from syncd.errors import TransientError
from syncd.observability.meters import Meters
from syncd.page.access import ASSETS, Access
from syncd.private.exposition import Exposition
from syncd.private.numbers import gather

if TYPE_CHECKING:
    from syncd.page.site import Site

ANSWER_SECONDS: Final = 5.0  # a probe that waits longer learns nothing better; scrapers give up after ten
LOOK_SECONDS: Final = 2.0  # for the one query of an answer: commands, too, wait for the reader
ASKED_MAX: Final = 8  # at once; probes and scrapers are few
BODY_BYTES_MAX: Final = 4_096  # a form of the page: a token, or a decision
PROXIED: Final = ("Forwarded", "X-Forwarded-For", "X-Real-IP")  # what proxies add
TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"


class Desk:
    """Answers whoever looks after this daemon."""

    def __init__(
        self,
        commands: Callable[[], Commands],
        supervisor: Supervisor,
        meters: Meters,
        *,
        token: str | None,
    ) -> None:
        """`commands` gives those that are in force now: a reload changes what they work on."""
        self._commands = commands
        self._supervisor = supervisor
        self._meters = meters
        self._access = Access(token, self._scene().clock)
        self._exposition = Exposition(lambda: seconds(self._scene().clock.wall()))
        self._asked = 0
        self._opened: Site | None = None

    def _scene(self) -> Scene:
        return self._commands().scene

    @property
    def _site(self) -> Site:
        """The page, made when somebody first looks at it: what it is made of takes memory, and a scraper needs none of it."""
        if self._opened is None:
            from syncd.page.site import Site  # noqa: PLC0415

            self._opened = Site(self._commands, self._supervisor, self._access)
        return self._opened

    def app(self) -> web.Application:
        """The listener's application."""
        app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[self._guard])
        for path, answer in (
            ("/live", self._live), ("/ready", self._ready), ("/health", self._health), ("/metrics", self._metrics),
        ):  # fmt: skip
            app.router.add_get(path, answer)
            app.router.add_route("*", path, _only_get)
        app.router.add_route("*", "/{page:.*}", self._page)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._access.has_token:
            if not self._access.is_known(request):
                return await self._unknown(request)
        elif not _is_named_so(request.host) or any(name in request.headers for name in PROXIED):
            return web.Response(status=421)
        if request.match_info.handler == self._page:  # it has its own room and its own patience
            return await handler(request)
        if self._asked >= ASKED_MAX:
            return _late("too many ask at once")
        self._asked += 1
        try:
            with anyio.fail_after(ANSWER_SECONDS):
                return await handler(request)
        except TimeoutError:
            return _late("no answer in time")
        finally:
            self._asked -= 1

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        """Whoever hasn't shown the token learns nothing; a browser may show it."""
        if request.method in {"GET", "HEAD"} and request.path in ASSETS:
            return await self._page(request)
        if request.path == "/login" and request.method == "POST":
            return await self._site.answer(request)
        if request.method in {"GET", "HEAD"} and _reads_html(request):
            return self._site.ask_for_token(request)
        return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})

    async def _page(self, request: web.Request) -> web.Response:
        return self._site.asset(request) or await self._site.answer(request)

    async def _live(self, _request: web.Request) -> web.Response:
        """The loop turns, the writer answers, nothing is stuck: what the watchdog asks."""
        return await _unless_busy(self._pulse)

    async def _pulse(self) -> web.Response:
        stuck = await pulse(self._supervisor, self._scene().ledger)
        return _late(f"stuck: {', '.join(sorted(set(stuck)))}") if stuck else web.Response(text="alive\n")

    async def _ready(self, _request: web.Request) -> web.Response:
        """A tenant is at work; its shops and its ERP need not be reachable."""
        at_work = [name for name, work in self._scene().works.items() if work.loops]
        return web.Response(text="ready\n") if at_work else _late("no tenant runs yet")

    async def _health(self, _request: web.Request) -> web.Response:
        return await _unless_busy(self._told)

    async def _told(self) -> web.Response:
        told = await glance(self._scene(), LOOK_SECONDS)
        told["stuck"] = sorted(set(self._supervisor.stuck(STUCK_SECONDS)))
        calling = [store["webhooks"] for each in told["tenants"] for store in each["stores"] if store.get("webhooks")]
        told["webhooks"] = {"backlog": sum(each["waiting"] for each in calling)} if calling else None
        told["says"] = [sentence for each in told["tenants"] for sentence in _says(each)]
        return web.Response(body=msgspec.json.encode(told), content_type="application/json")

    async def _metrics(self, _request: web.Request) -> web.Response:
        """What is in memory is told even where the ledger doesn't answer; `syncd_ledger_answers` says which."""
        scene = self._scene()
        try:
            with anyio.fail_after(LOOK_SECONDS):
                told: dict[str, Any] | None = await glance(scene, LOOK_SECONDS)
        except (TransientError, TimeoutError):
            told = None
        samples = gather(scene, told, self._meters, scene.clock.now())
        return web.Response(body=self._exposition.show(samples), headers={"Content-Type": TEXT})


def _says(tenant: dict[str, Any]) -> list[str]:
    """How far behind everything is, in words."""
    name, behind = tenant["tenant"], tenant["erp"]["behind_seconds"]
    said = [f"{name}: the ERP is {_ago(behind)}"]
    said += [f"{name}/{each['store']} is {_ago(each.get('behind_seconds'))}" for each in tenant["stores"]]
    return said


def _ago(behind_seconds: float | None) -> str:
    return "not read yet" if behind_seconds is None else f"{behind_seconds:.0f} s behind"


async def _only_get(_request: web.Request) -> web.Response:
    return web.Response(status=405, headers={"Allow": "GET, HEAD"})


def _reads_html(request: web.Request) -> bool:
    """Whether a browser asks for a page to show, and not a script or a scraper."""
    return "text/html" in request.headers.get("Accept", "")


def _is_named_so(host: str) -> bool:
    """Whether a request was addressed to a name of this machine."""
    try:
        return is_loopback(URL(f"http://{host}").host or "")
    except ValueError:
        return False


def _late(why: str) -> web.Response:
    return web.Response(status=503, text=f"{why}\n", headers={"Retry-After": "5"})


async def _unless_busy(answer: Callable[[], Awaitable[web.Response]]) -> web.Response:
    try:
        return await answer()
    except TransientError as error:
        return _late(str(error))
