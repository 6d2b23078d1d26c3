"""The private listener's answers: GET /live, /ready, /health, /metrics. They only look.

With a token, whoever doesn't send it gets the same 401 for every path. Without one the configuration lets it listen on this
machine alone, and only names of this machine are believed: else a page in a browser here could ask it under its own name.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Final

import anyio
import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from yarl import URL

from syncd.config.values import is_loopback
from syncd.control.scene import Scene
from syncd.control.status import glance
from syncd.core.quantity import seconds
from syncd.engine.pulse import STUCK_SECONDS, pulse
from syncd.engine.supervisor import Supervisor
from syncd.errors import TransientError
from syncd.inbox.inbox import Inbox
from syncd.observability.meters import Meters
from syncd.private.exposition import Exposition
from syncd.private.numbers import gather

ANSWER_SECONDS: Final = 5.0  # a probe that waits longer learns nothing better; scrapers give up after ten
LOOK_SECONDS: Final = 2.0  # for the one query of an answer: commands, too, wait for the reader
ASKED_MAX: Final = 8  # at once; probes and scrapers are few
BODY_BYTES_MAX: Final = 1_024  # nobody has to send anything
TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"


class Desk:
    """Answers whoever looks after this daemon."""

    def __init__(
        self,
        scene: Callable[[], Scene],
        supervisor: Supervisor,
        meters: Meters,
        *,
        token: str | None,
        inbox: Inbox | None = None,
    ) -> None:
        """`scene` gives what the commands work on now: a reload changes it."""
        self._scene = scene
        self._supervisor = supervisor
        self._meters = meters
        self._token = None if token is None else f"Bearer {token}".encode()
        self._inbox = inbox
        self._exposition = Exposition(lambda: seconds(scene().clock.wall()))
        self._asked = 0

    def app(self) -> web.Application:
        """The listener's application."""
        app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[self._guard])
        for path, answer in (
            ("/live", self._live), ("/ready", self._ready), ("/health", self._health), ("/metrics", self._metrics),
        ):  # fmt: skip
            app.router.add_get(path, answer)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._token is not None:
            sent = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
            if not hmac.compare_digest(sent, self._token):
                return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})
        elif not _is_named_so(request.host):
            return web.Response(status=421)
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
        told["webhooks"] = None if self._inbox is None else {"backlog": self._inbox.backlog}
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
