"""The outside world in a process of its own: two BigCommerce shops and a WooCommerce shop on free ports of this machine.

    python -m syncd.demo.shops SEED

It prints one line of JSON, the addresses, and serves until it is ended. Each shop has its driving API under /_sim. The
desk, a fourth server, turns the faults on and tells how often each has struck: POST /storm, POST /calm, GET /tally.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Self

import anyio
import msgspec
from aiohttp import web

from syncd.clock import SystemClock
from syncd.demo.assortment import products
from syncd.simulator import bigcommerce, woocommerce

Kind = str
STORES: Final = {"us": "bigcommerce", "uk": "bigcommerce", "de": "woocommerce"}
TOKEN: Final = bigcommerce.TOKEN
KEY: Final = woocommerce.Settings().consumer_key
SECRET: Final = woocommerce.Settings().consumer_secret
GOODBYE_SECONDS: Final = 0.2


class Dial(float):
    """A fault's probability that knows its name, so that whoever draws can tell what struck."""

    name: str

    def __new__(cls, probability: float, name: str) -> Self:
        """A probability in [0, 1]."""
        dial = super().__new__(cls, probability)
        dial.name = name
        return dial


BOTH: Final[dict[str, Any]] = {
    "latency_seconds": (0.01, 0.12),
    "too_many_bare": Dial(0.008, "429"),
    "too_many_retry_after": Dial(0.008, "429"),
    "retry_after_seconds": 1,
    "error_500": Dial(0.008, "5xx"),
    "error_502": Dial(0.008, "5xx"),
    "error_503": Dial(0.008, "5xx"),
    "html_200": Dial(0.008, "HTML page"),
    "html_503": Dial(0.004, "HTML page"),
    "truncated": Dial(0.006, "cut connection"),
    "reset": Dial(0.006, "cut connection"),
    "lost_answer": Dial(0.05, "write without answer"),
    "torn_orders": Dial(0.2, "torn order"),
    "torn_seconds": (0.2, 0.9),
    "shuffled_ties": 0.5,
}
"""Moderate weather: each reading meets a fault in about one of twenty cases, and so does each write."""
STORMS: Final[dict[Kind, dict[str, Any]]] = {
    "bigcommerce": {
        **BOTH,
        "stale_seconds": 1.0,
        "apply_delay_seconds": (0.0, 1.5),
        "late_orders_seconds": (0.0, 0.6),
    },
    "woocommerce": {**BOTH, "php_notice": Dial(0.008, "PHP notice"), "oversell": Dial(0.2, "stale checkout")},
}


class _CountedBigCommerce(bigcommerce.Shop):
    """A shop that tells which faults struck."""

    def __init__(self, chance: Random, struck: Counter[str]) -> None:
        super().__init__(SystemClock(), chance)
        self.struck = struck

    def happens(self, probability: float) -> bool:
        """As the shop draws, and counted."""
        return _counted(self.struck, probability, super().happens(probability))


class _CountedWooCommerce(woocommerce.Shop):
    """A shop that tells which faults struck."""

    def __init__(self, chance: Random, struck: Counter[str]) -> None:
        super().__init__(clock=SystemClock(), rng=chance)
        self.struck = struck

    def draw(self, probability: float) -> bool:
        """As the shop draws, and counted."""
        return _counted(self.struck, probability, super().draw(probability))


def _counted(struck: Counter[str], probability: float, happened: bool) -> bool:
    if happened and isinstance(probability, Dial):
        struck[probability.name] += 1
    return happened


@dataclass(slots=True)
class _Stall:
    """One shop, whatever its kind."""

    kind: Kind
    shop: bigcommerce.Shop | woocommerce.Shop
    app: web.Application


def _open(name: str, chance: Random, struck: Counter[str]) -> _Stall:
    kind = STORES[name]
    if kind == "bigcommerce":
        shop = _CountedBigCommerce(chance, struck)
        shop.settings.change({"edit_order_stock_adjustment": name == "us"})  # two habits that merchants have
        shop.add_products(products("variants"))
        return _Stall(kind, shop, bigcommerce.make_app(shop, store=hash_of(name), token=TOKEN))
    store = _CountedWooCommerce(chance, struck)
    for row in products("variations"):
        children = row.get("variations", [])
        parent = store.add_product(
            row["sku"], name=row["name"], stock=row.get("stock"), kind="variable" if children else "simple"
        )
        for child in children:
            store.add_product(child["sku"], name=child["name"], stock=child["stock"], parent=parent)
    return _Stall(kind, store, woocommerce.make_app(store))


def hash_of(name: str) -> str:
    """A BigCommerce shop's store hash."""
    return f"demo{name}"


def _desk(stalls: list[_Stall], struck: Counter[str]) -> web.Application:
    async def storm(_: web.Request) -> web.Response:
        for stall in stalls:
            for name, value in STORMS[stall.kind].items():
                setattr(stall.shop.faults, name, value)
        return web.json_response({})

    async def calm(_: web.Request) -> web.Response:
        for stall in stalls:
            for name, value in msgspec.structs.asdict(type(stall.shop.faults)()).items():
                setattr(stall.shop.faults, name, value)
        return web.json_response({})

    async def tally(_: web.Request) -> web.Response:
        return web.json_response(dict(struck))

    app = web.Application()
    app.add_routes([web.post("/storm", storm), web.post("/calm", calm), web.get("/tally", tally)])
    return app


async def _serve(seed: int) -> None:
    chance = Random(seed)
    struck: Counter[str] = Counter()
    stalls = {name: _open(name, Random(chance.random()), struck) for name in STORES}
    apps = {name: stall.app for name, stall in stalls.items()} | {"desk": _desk(list(stalls.values()), struck)}
    addresses: dict[str, str] = {}
    stops: list[Callable[[], Any]] = []
    try:
        for name, app in apps.items():
            runner = web.AppRunner(app, shutdown_timeout=GOODBYE_SECONDS, access_log=None)
            await runner.setup()
            stops.append(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            addresses[name] = f"http://127.0.0.1:{runner.addresses[0][1]}"
        sys.stdout.write(msgspec.json.encode(addresses).decode() + "\n")
        sys.stdout.flush()
        await anyio.sleep_forever()
    finally:
        with anyio.CancelScope(shield=True):
            for stop in stops:
                await stop()


if __name__ == "__main__":
    anyio.run(_serve, int(sys.argv[1]))
