"""WooCommerce's webhooks: signed with a secret of ours, delivered once and never again, switched off after some failures.

Measured on 10.0.2: the signature is the body's HMAC; a new webhook is greeted by an unsigned form (the listener answers that
by itself); the seventh failure in a row disables a webhook, and one that is enabled again keeps its count, so that the next
failure disables it anew. So a disabled one is replaced by a new one.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from syncd.ports.hooks import HooksKept, NotGenuine, secret_of
from syncd.stores.woocommerce.api import PER_PAGE_MAX, V3, Api

ROUTE: Final = f"{V3}/webhooks"
TOPICS: Final = ("order.created", "order.updated", "order.deleted", "order.restored")
ACTIVE, PAUSED = "active", "paused"


class _Body(msgspec.Struct):
    id: int


class _Webhook(msgspec.Struct):
    id: int
    name: str
    status: str
    topic: str
    delivery_url: str


_DECODER: Final = msgspec.json.Decoder(_Body)


class WooCommerceHooks:
    """The webhooks that syncd keeps in one shop, signed with `secret`."""

    def __init__(self, api: Api, *, secret: str) -> None:
        self._api = api
        self._secret = secret
        self._name = f"syncd {secret_of(secret, 'name')[:8]}"  # tells which secret a webhook was made with

    def read(self, headers: Mapping[str, str], body: bytes) -> tuple[str, ...]:
        """The order that a delivery speaks of. Raises NotGenuine."""
        try:
            given = base64.b64decode(headers.get("X-WC-Webhook-Signature", ""), validate=True)
        except (binascii.Error, ValueError):
            given = b""
        if not hmac.compare_digest(given, hmac.digest(self._secret.encode(), body, "sha256")):
            raise NotGenuine
        if headers.get("X-WC-Webhook-Resource") != "order":
            return ()
        try:
            return (str(_DECODER.decode(body).id),)
        except msgspec.MsgspecError:
            return ()  # a plugin's payload of another shape: polling finds the order

    async def keep(self, address: str) -> HooksKept:
        """One webhook for each topic, active, calling `address`. Others' webhooks are left alone, and so is a paused one."""
        _, rows = await self._api.read_rows(ROUTE, [("per_page", str(PER_PAGE_MAX)), ("search", "syncd")])
        found = [msgspec.json.decode(row, type=_Webhook) for row in rows]
        mine = {hook.topic: hook for hook in found if hook.name.startswith("syncd ") and hook.delivery_url == address}
        done: list[str] = []
        for topic in TOPICS:
            hook = mine.get(topic)
            if hook is None:
                await self._make(topic, address)
                done.append(f"made {topic}")
            elif hook.status == PAUSED:
                continue
            elif hook.status != ACTIVE or hook.name != self._name:
                await self._api.write("DELETE", f"{ROUTE}/{hook.id}", {"force": True})
                await self._make(topic, address)
                done.append(f"replaced {topic}, which was {hook.status}")
        paused = [topic for topic in TOPICS if topic in mine and mine[topic].status == PAUSED]
        trouble = f"somebody has paused {', '.join(paused)} in the shop" if paused else ""
        return HooksKept(not paused, tuple(done), trouble)

    async def _make(self, topic: str, address: str) -> None:
        body: dict[str, Any] = {
            "name": self._name, "topic": topic, "delivery_url": address, "secret": self._secret, "status": ACTIVE,
        }  # fmt: skip
        await self._api.write("POST", ROUTE, body)
