"""WooCommerce's webhooks: signed with a secret of ours, delivered once and never again, switched off after some failures.

Measured on 10.0.2: the signature is the body's HMAC; a new webhook is greeted by an unsigned form (the listener answers that
by itself); the seventh failure in a row disables a webhook, and one that is enabled again keeps its count, so that the next
failure disables it anew. So a disabled one is replaced by a new one.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec

from syncd.core.signal import Kind, Signal
from syncd.errors import NotFound, StoreFault
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


_NAME: Final = re.compile(r"syncd [0-9a-f]{8}")
_DECODER: Final = msgspec.json.Decoder(_Body)


class WooCommerceHooks:
    """The webhooks that syncd keeps in one shop, signed with `secret`."""

    def __init__(self, api: Api, *, secret: str) -> None:
        self._api = api
        self._secret = secret
        self._name = f"syncd {secret_of(secret, 'name')[:8]}"  # tells which secret a webhook was made with

    def read(self, headers: Mapping[str, str], body: bytes) -> tuple[Signal, ...]:
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
            return (Signal(Kind.ORDER, str(_DECODER.decode(body).id)),)
        except msgspec.MsgspecError:
            return ()  # a plugin's payload of another shape: polling finds the order

    async def keep(self, address: str) -> HooksKept:
        """One webhook for each topic, active, calling `address`, and no second one of ours. Others' webhooks are left alone,
        and so is one that somebody has paused."""
        mine = await self._mine()
        done: list[str] = []
        paused: list[str] = []
        for topic in TOPICS:
            old = [hook for hook in mine if hook.topic == topic and hook.status != PAUSED]
            good = next((hook for hook in old if self._is_good(hook, address)), None)
            if good is None and any(hook.topic == topic and hook.status == PAUSED for hook in mine):
                paused.append(topic)
                continue
            if good is None:
                await self._make(topic, address)
                done.append(f"replaced {topic}, which {self._wrong(old[0], address)}" if old else f"made {topic}")
            await self._drop([hook for hook in old if hook is not good])
        trouble = f"somebody has paused {', '.join(paused)} in the shop" if paused else ""
        return HooksKept(not paused, tuple(done), trouble)

    async def _mine(self) -> list[_Webhook]:
        """The webhooks that bear a name of ours, whichever secret and address they have: a new key or a new address
        replaces them. The newest first."""
        _, rows = await self._api.read_rows(ROUTE, [("per_page", str(PER_PAGE_MAX)), ("search", "syncd")])
        try:
            found = [msgspec.json.decode(row, type=_Webhook) for row in rows]
        except msgspec.MsgspecError as error:
            raise StoreFault(f"a webhook of an unknown shape: {error}", operation="webhooks") from error
        return [hook for hook in found if _NAME.fullmatch(hook.name)]

    def _is_good(self, hook: _Webhook, address: str) -> bool:
        return hook.status == ACTIVE and hook.name == self._name and hook.delivery_url == address

    def _wrong(self, hook: _Webhook, address: str) -> str:
        if hook.status != ACTIVE:
            return f"was {hook.status}"
        return "called another address" if hook.delivery_url != address else "had another secret"

    async def _make(self, topic: str, address: str) -> None:
        body: dict[str, Any] = {
            "name": self._name, "topic": topic, "delivery_url": address, "secret": self._secret, "status": ACTIVE,
        }  # fmt: skip
        await self._api.write("POST", ROUTE, body)

    async def _drop(self, hooks: Sequence[_Webhook]) -> None:
        for hook in hooks:
            with suppress(NotFound):  # somebody was quicker
                await self._api.write("DELETE", f"{ROUTE}/{hook.id}", query=[("force", "true")])
