"""The public listener: POST /TENANT/STORE, from the store's platform.

Whoever doesn't know the secret gets the same empty 404, for a store that exists and for one that doesn't.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from syncd.core.signal import Kind, Signal
from syncd.inbox.bodies import Bodies, Crowded, TooLarge
from syncd.inbox.caller import address_of
from syncd.inbox.inbox import FULL_SECONDS, Full, Inbox
from syncd.inbox.sources import Sources
from syncd.observability import events
from syncd.observability.log import Log
from syncd.observability.meters import Meters
from syncd.ports.clock import Clock
from syncd.ports.hooks import HooksPort, NotGenuine

GREETING: Final = re.compile(rb"webhook_id=[0-9]{1,20}")  # WooCommerce's, unsigned, when a webhook is made


@dataclass(frozen=True, slots=True)
class Door:
    """A store that may call. `wake` makes its reconciler look for signals of a kind."""

    tenant: str
    store: str
    hooks: HooksPort
    log: Log
    wake: Callable[[Kind], None]


class Receiver:
    """Answers the calls of all stores. `doors` by (tenant, store); it may change while it runs."""

    def __init__(
        self,
        inbox: Inbox,
        doors: Mapping[tuple[str, str], Door],
        *,
        clock: Clock,
        log: Log,
        meters: Meters | None = None,
    ) -> None:
        self._inbox = inbox
        self._meters = meters if meters is not None else Meters()
        self._doors = doors
        self._clock = clock
        self._log = log
        self._sources = Sources()
        self._bodies = Bodies()

    def app(self) -> web.Application:
        """The listener's application."""
        app = web.Application()
        app.router.add_post("/{tenant}/{store}", self._called)
        app.router.add_route("*", "/{anything:.*}", _nothing_here)
        return app

    async def _called(self, request: web.Request) -> web.Response:
        address, now = address_of(request), self._clock.monotonic()
        if not self._sources.may_speak(address, now):
            return web.Response(status=429, headers={"Retry-After": "60"})
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            return web.Response(
                status=415, headers={"Connection": "close"}
            )  # no store packs; a small body may unpack to any size
        try:
            body = await self._bodies.read(request, address)
        except ConnectionError:  # it has hung up: nobody reads this
            return web.Response(status=400)
        except TimeoutError:
            return web.Response(status=408, headers={"Connection": "close"})
        except TooLarge:
            return web.Response(status=413, headers={"Connection": "close"})
        except Crowded:
            return web.Response(status=503, headers={"Retry-After": str(FULL_SECONDS), "Connection": "close"})
        if GREETING.fullmatch(body):
            self._sources.has_greeted(address, now)
            return web.Response()
        door = self._doors.get((request.match_info["tenant"], request.match_info["store"]))
        spoken = _read(door, request.headers, body)
        if door is None or spoken is None:
            self._meters.webhooks_refused += 1
            if self._sources.was_wrong(address, now):
                (self._log if door is None else door.log).emit(events.WEBHOOK_REFUSED, address=address)
            return web.Response(status=404)
        self._sources.was_genuine(address, now)
        try:
            await self._inbox.take(door.tenant, door.store, spoken, door.wake)
        except Full:
            self._meters.of(door.tenant, door.store).webhooks_turned_away += 1
            return web.Response(status=503, headers={"Retry-After": str(FULL_SECONDS)})
        self._meters.of(door.tenant, door.store).webhooks += 1
        return web.Response()


def _read(door: Door | None, headers: Mapping[str, str], body: bytes) -> tuple[Signal, ...] | None:
    """What a call speaks of; None if it isn't genuine. A store that doesn't exist takes as long as a wrong secret."""
    if door is None:
        hmac.digest(b"nobody", body, "sha256")
        return None
    try:
        return door.hooks.read(headers, body)
    except NotGenuine:
        return None


async def _nothing_here(_request: web.Request) -> web.Response:
    return web.Response(status=404)
