"""The shops as their customers and merchants see them: the driving API of each simulated shop, and the desk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import aiohttp
import anyio
import msgspec

from syncd.demo.shops import TOKEN, hash_of

ANSWER_SECONDS: Final = 10.0  # the driving API knows no faults; slower than this, the machine is stuck
TRIES_MAX: Final = 8  # of a call that goes through a shop's public, faulty API
REFUNDED: Final = 4  # BigCommerce's status


class NotNow(Exception):
    """The shop says no: out of stock, or the order is past that."""


class Shop:
    """One shop behind its driving API."""

    def __init__(self, name: str, kind: str, url: str, session: aiohttp.ClientSession) -> None:
        self.name = name
        self.kind = kind
        self._url = url
        self._session = session

    async def buy(self, wanted: Mapping[str, int], *, paid: bool) -> dict[str, Any]:
        """A purchase. Raises NotNow when the shop hasn't got that much."""
        lines = [{"sku": sku, "quantity": units} for sku, units in wanted.items()]
        bought: dict[str, Any] = await self._call("POST", "/orders", {"lines": lines, "paid": paid})
        return bought

    async def act(self, order: str, what: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Pay, cancel, complete, edit, refund. Returns the order as it is then. Raises NotNow."""
        changed: dict[str, Any] = await self._call("POST", f"/orders/{order}/{what}", body or {})
        return changed

    async def write_refunded(self, order: str) -> None:
        """The merchant's other system sets the order to Refunded by the public API, and tries again if that fails."""
        path = f"{self._url}/stores/{hash_of(self.name)}/v2/orders/{order}"
        for _ in range(TRIES_MAX):
            try:
                async with self._session.put(
                    path, json={"status_id": REFUNDED}, headers={"X-Auth-Token": TOKEN}
                ) as answer:
                    if answer.status == 200 and answer.content_type == "application/json":
                        return
            except aiohttp.ClientError:
                pass
            await anyio.sleep(0.1)

    async def truth(self) -> dict[str, Any]:
        """What really happened."""
        told: dict[str, Any] = await self._call("GET", "/truth")
        return told

    async def history(self, sku: str) -> list[dict[str, Any]]:
        """Each change of a SKU's counter."""
        told: list[dict[str, Any]] = await self._call("GET", f"/history/{sku}")
        return told

    async def _call(self, method: str, path: str, body: Any = None) -> Any:
        async with self._session.request(method, f"{self._url}/_sim{path}", json=body) as answer:
            text = await answer.read()
            if 400 <= answer.status < 500:
                raise NotNow(text.decode(errors="replace"))
            answer.raise_for_status()
            return msgspec.json.decode(text) if text else None


class Desk:
    """Where the faults are turned on and off."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def storm(self) -> None:
        """Faults from now on."""
        await self._ask("POST", "/storm")

    async def calm(self) -> None:
        """No more faults."""
        await self._ask("POST", "/calm")

    async def tally(self) -> dict[str, int]:
        """How often each fault has struck."""
        told: dict[str, int] = await self._ask("GET", "/tally")
        return told

    async def _ask(self, method: str, path: str) -> Any:
        async with self._session.request(method, f"{self._url}{path}") as answer:
            answer.raise_for_status()
            return msgspec.json.decode(await answer.read())


def make_session() -> aiohttp.ClientSession:
    """For all of them."""
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS))
