"""What lies between the daemon and the others, as HTTP sees it: proxies that ask twice, and what only mutants' scripts need: a
shop that hides its orders or shows other SKUs, an operator who reads an order beside the polls."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

from aiohttp import web
from sqlalchemy import Connection, update

from syncd.core.moves import INTENDED, VOID
from syncd.ledger import quarantine
from syncd.ledger.schema import move
from tests.simulation.house import HOST
from tests.simulation.lateness import judge_level

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.simulation.world import World

DIALS = ("duplicate_reads", "duplicate_levels", "duplicate_requests", "hidden_orders", "renamed", "operator_reads")
HELD_BACK_SECONDS = 15.0  # the answer to an operator's reading
BAD_UNIT_EVERY_SECONDS = 2.0
_ONE_ORDER = re.compile(r".*/v2/orders/\d+")
_LEVELS = re.compile(r".*(/adjustments/absolute|/(products|variations)/batch)")


class Wire:
    """One world's."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._on: set[tuple[str, str]] = set()

    def turn(self, dial: str, host: str, *, on: bool) -> None:
        """Turn one of DIALS."""
        (self._on.add if on else self._on.discard)((dial, host))
        if dial == "operator_reads" and on:
            self.world.loop.net.host(HOST).create_task(self._operator(host), name="operator")

    async def pass_on(
        self, host: str, request: web.Request, handler: Callable[[web.Request], Awaitable[Any]]
    ) -> web.StreamResponse:
        """Let the host answer. Of what was asked twice the second answer is the one that comes back."""
        path, fate = request.path, self.world.fate
        if ("hidden_orders", host) in self._on and "/orders" in path:
            return web.json_response([{"status": 404}], status=404) if _ONE_ORDER.fullmatch(path) else _nothing()
        response: web.StreamResponse = await handler(request)
        if self._is_doubled(host, request):
            response = await handler(request)
        if request.method == "GET":
            fate.asked(host, path)
        else:
            fate.written(host)
            judge_level(self.world, host)
        if ("renamed", host) in self._on and "/orders" in path and isinstance(response, web.Response):
            assert isinstance(response.body, bytes)
            response.body = response.body.replace(b'"sku":"cup"', b'"sku":"pen"')
        if ("operator_reads", host) in self._on and _ONE_ORDER.fullmatch(path):
            await asyncio.sleep(HELD_BACK_SECONDS)
        return response

    def _is_doubled(self, host: str, request: web.Request) -> bool:
        """Whether a proxy sends this request twice. Nobody could survive that of a posting to an ERP that books what it
        knows, nor of a change by so many units; a level that is put twice is no other level."""
        if request.method == "GET":
            return ("duplicate_reads", host) in self._on
        if host == "erp":
            return ("duplicate_requests", host) in self._on and not self.world.script.counting_erp
        return ("duplicate_levels", host) in self._on and _LEVELS.fullmatch(request.path) is not None

    # -- hands inside the daemon

    async def _operator(self, store: str) -> None:
        """Has the shop's first order read and taken in again, beside the polls."""
        house = self.world.house
        assert house.ledger is not None
        assert house.commands is not None
        order, now = self.world.orders[store][0], house.machine.now()

        def hold(connection: Connection) -> None:
            quarantine.hold(connection, "acme", store, order, "", reason="looked at", hint="", raw=b"", now=now)

        await house.ledger.run(hold)
        await house._release(house.commands)

    def bad_units(self, is_on: Callable[[], bool]) -> None:
        """Units that do some harm and then fail, among the others, for as long as the dial is on."""
        house = self.world.house
        if not is_on():
            return
        if house.ledger is not None:
            self.world.loop.net.host(HOST).create_task(_bad_unit(house.ledger), name="bad unit")
        self.world.loop.call_later(BAD_UNIT_EVERY_SECONDS, self.bad_units, is_on)


def _nothing() -> web.Response:
    return web.Response(status=204)


async def _bad_unit(ledger: Any) -> None:
    def harm(connection: Connection) -> None:
        connection.execute(update(move).where(move.c.state == INTENDED).values(state=VOID))
        raise ZeroDivisionError

    try:
        await ledger.run(harm)
    except ZeroDivisionError:
        return
