"""The WooCommerce adapter before a simulated shop on a real socket: shared by its tests."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio.lowlevel

from syncd.core.quantity import Instant
from syncd.stores.woocommerce import WooCommerceStore
from syncd.transport import (
    BasicSigner,
    HttpClient,
    Limits,
    OAuth1Signer,
    QueryKeySigner,
    QuietListener,
    Signer,
    make_session,
)
from tests.simulator.woocommerce_shop import Bench, HandClock, open_bench

RECORDED = Path(__file__).resolve().parents[1] / "simulator" / "recorded_woocommerce"
KEY, SECRET = "ck_simulated", "cs_simulated"


def recorded(name: str) -> Any:
    """The body that a real shop (WooCommerce 10.0.2) answered with."""
    return json.loads((RECORDED / f"{name}.json").read_text("utf-8"))["response"]["body"]


def recorded_names() -> list[str]:
    return sorted(path.stem for path in RECORDED.glob("*.json"))


def packed(body: Any) -> bytes:
    """A body as PHP writes it."""
    return json.dumps(body, separators=(",", ":")).encode()


class StoreClock:
    """The simulator's own clock; sleeping passes the time at once."""

    def __init__(self, hand: HandClock) -> None:
        self.hand = hand
        self.passed_seconds = 0.0

    def now(self) -> Instant:
        return Instant(self.hand.at)

    wall = now

    def monotonic(self) -> float:
        return self.passed_seconds

    async def sleep(self, wait_seconds: float) -> None:
        self.passed_seconds += wait_seconds
        self.hand.pass_seconds(wait_seconds)
        await anyio.lowlevel.checkpoint()


class CountingChance:
    """Half of each range; tokens count."""

    def __init__(self) -> None:
        self.tokens = 0

    def uniform(self, low: float, high: float) -> float:
        return (low + high) / 2

    def token(self, length_bytes: int) -> str:
        self.tokens += 1
        return f"{self.tokens:0{2 * length_bytes}x}"


class Front:
    """A shop, and the store that syncd sees of it."""

    def __init__(self, bench: Bench, store: WooCommerceStore, clock: StoreClock) -> None:
        self.bench, self.store, self.clock = bench, store, clock
        self.shop = bench.shop
        self.orders = store.orders
        self.inventory = store.inventory

    def asked(self) -> list[str]:
        """The requests since this was asked last, without the host."""
        seen = [f"{row.method} {row.path}" for row in self.shop.requests]
        self.shop.requests.clear()
        return seen


@asynccontextmanager
async def open_front(
    *, auth: str = "basic", limits: Limits | None = None, settings: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[Front]:
    async with open_bench(**(settings or {})) as bench, make_session() as session:
        clock, chance = StoreClock(bench.clock), CountingChance()
        signers: dict[str, Callable[[], Signer]] = {
            "basic": lambda: BasicSigner(KEY, SECRET),
            "query": lambda: QueryKeySigner({"consumer_key": KEY, "consumer_secret": SECRET}),
            "oauth": lambda: OAuth1Signer(KEY, SECRET, clock=clock, chance=chance),
            "wrong": lambda: BasicSigner(KEY, "cs_wrong"),
        }
        client = HttpClient(
            session=session,
            base_url=bench.base,
            signer=signers[auth](),
            clock=clock,
            chance=chance,
            limits=limits or Limits(interval_default_seconds=0),
            listener=QuietListener(),
            secrets=[SECRET],
        )
        yield Front(bench, WooCommerceStore(client, **options), clock)
