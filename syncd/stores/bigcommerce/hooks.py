"""BigCommerce's webhooks: one for all that happens to orders, with a header of ours that each call carries.

Apps may have their calls signed as well (Standard Webhooks, with the app's client secret). A signature's age is not judged:
the vendor doesn't say whether late retries are stamped anew, and an old hint costs one reading.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

import msgspec

from syncd.errors import NotFound
from syncd.ports.hooks import HooksKept, NotGenuine, same
from syncd.stores.bigcommerce.client import Client, decode

PATH: Final = "/v3/hooks"
SCOPE: Final = "store/order/*"  # the vendor's own wildcard
HEADER: Final = "X-Syncd-Token"
_ALL: Final = (("limit", "250"),)  # the vendor allows ten of a scope


class _Data(msgspec.Struct):
    type: str = ""
    id: int | str = ""
    order_id: int | str = ""
    orderId: int | str = ""  # noqa: N815 - the vendor's spelling


class _Body(msgspec.Struct):
    data: _Data


class _Hook(msgspec.Struct):
    id: int
    scope: str
    destination: str
    is_active: bool = True
    headers: dict[str, str] | None = None


class _List(msgspec.Struct):
    data: list[_Hook] = []


class _Blocked(msgspec.Struct):
    destination: str = ""
    time_left: int = 0


class _Known(msgspec.Struct):
    blocked_domains: list[_Blocked] = []


class _Admin(msgspec.Struct):
    data: _Known


_BODY: Final = msgspec.json.Decoder(_Body)
_LIST: Final = msgspec.json.Decoder(_List)
_ADMIN: Final = msgspec.json.Decoder(_Admin)


class BigCommerceHooks:
    """The webhook that syncd keeps at one store, with `secret` in its header. `client_secret`: the app's, "" for an API
    account without one."""

    def __init__(self, client: Client, *, secret: str, client_secret: str = "") -> None:
        self._client = client
        self._secret = secret
        self._key = client_secret.encode()

    def read(self, headers: Mapping[str, str], body: bytes) -> tuple[str, ...]:
        """The order that a call speaks of. Raises NotGenuine."""
        genuine = same(headers.get(HEADER, ""), self._secret)
        if self._key:
            genuine &= self._is_signed(headers, body)
        if not genuine:
            raise NotGenuine
        try:
            data = _BODY.decode(body).data
        except msgspec.MsgspecError:
            return ()
        order = str(data.orderId or data.order_id or (data.id if data.type == "order" else ""))
        return (order,) if order.isascii() and order.isdigit() else ()

    def _is_signed(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Standard Webhooks: `v1,` and the HMAC of `id.timestamp.body`, one of several separated by spaces."""
        told = f"{headers.get('webhook-id', '')}.{headers.get('webhook-timestamp', '')}.".encode(errors="replace")
        wanted = "v1," + base64.b64encode(hmac.digest(self._key, told + body, "sha256")).decode()
        found = False
        for given in headers.get("webhook-signature", "").split(" "):
            found |= same(given, wanted)
        return found

    async def keep(self, address: str) -> HooksKept:
        """The one webhook, active, calling `address` with our header, and no second one of ours. Those of others are left
        alone."""
        mine = [
            hook for hook in decode(await self._client.read(PATH, _ALL), _LIST).data if self._is_ours(hook, address)
        ]
        mine.sort(
            key=lambda hook: (hook.destination != address, hook.id)
        )  # a scope calls an address once: mend that one
        wanted = {"scope": SCOPE, "destination": address, "is_active": True, "headers": {HEADER: self._secret}}
        done: list[str] = []
        if not mine:
            await self._client.write("POST", PATH, msgspec.json.encode(wanted))
            done.append(f"made {SCOPE}")
        elif wrong := self._wrong(mine[0], address):
            await self._client.write("PUT", f"{PATH}/{mine[0].id}", msgspec.json.encode(wanted))
            done.append(f"mended {SCOPE}, which {wrong}")
        for hook in mine[1:]:
            await self._drop(hook)
            done.append(f"removed a second {SCOPE}")
        return await self._judge(address, done)

    async def _judge(self, address: str, done: list[str]) -> HooksKept:
        """Whether the platform calls that host at all; for one where too many calls fail it pauses."""
        known = decode(await self._client.read(f"{PATH}/admin"), _ADMIN).data
        host = _host(address)
        left = max((entry.time_left for entry in known.blocked_domains if _host(entry.destination) == host), default=0)
        trouble = f"the store doesn't call {host} for now: too many calls failed" if left else ""
        return HooksKept(not trouble, tuple(done), trouble)

    def _is_ours(self, hook: _Hook, address: str) -> bool:
        return hook.scope == SCOPE and (hook.destination == address or _token(hook) is not None)

    def _wrong(self, hook: _Hook, address: str) -> str:
        if not hook.is_active:
            return "was inactive"
        if hook.destination != address:
            return "called another address"
        return "" if _token(hook) == self._secret else "hadn't our header"

    async def _drop(self, hook: _Hook) -> None:
        with suppress(NotFound):  # somebody was quicker
            await self._client.write("DELETE", f"{PATH}/{hook.id}", b"")


def _token(hook: _Hook) -> str | None:
    """Our header of a hook, if it has one."""
    return next((value for name, value in (hook.headers or {}).items() if name.lower() == HEADER.lower()), None)


def _host(address: str) -> str:
    return urlsplit(address if "//" in address else f"//{address}").hostname or ""
