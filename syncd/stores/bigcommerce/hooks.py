"""BigCommerce's webhooks: one for all that happens to orders, with a header of ours that each call carries.

Apps may have their calls signed as well (Standard Webhooks, with the app's client secret). A signature's age is not judged:
the vendor doesn't say whether late retries are stamped anew, and an old hint costs one reading.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from typing import Final

import msgspec

from syncd.ports.hooks import HooksKept, NotGenuine, same
from syncd.stores.bigcommerce.client import Client, decode

PATH: Final = "/v3/hooks"
SCOPE: Final = "store/order/*"  # the vendor's own wildcard
HEADER: Final = "X-Syncd-Token"


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


class _Blocked(msgspec.Struct):
    destination: str = ""
    time_left: int = 0


class _Known(msgspec.Struct):
    hooks_list: list[_Hook] = []
    blocked_domains: list[_Blocked] = []


class _Admin(msgspec.Struct):
    data: _Known


_BODY: Final = msgspec.json.Decoder(_Body)
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
        """The one webhook, active, calling `address` with our header. Those of others are left alone."""
        known = decode(await self._client.read(f"{PATH}/admin"), _ADMIN).data
        mine = [hook for hook in known.hooks_list if hook.scope == SCOPE and hook.destination == address]
        done: list[str] = []
        wanted = {"scope": SCOPE, "destination": address, "is_active": True, "headers": {HEADER: self._secret}}
        if not mine:
            await self._client.write("POST", PATH, msgspec.json.encode(wanted))
            done.append(f"made {SCOPE}")
        elif not mine[0].is_active or (mine[0].headers or {}).get(HEADER) != self._secret:
            was = "inactive" if not mine[0].is_active else "without our header"
            await self._client.write("PUT", f"{PATH}/{mine[0].id}", msgspec.json.encode(wanted))
            done.append(f"mended {SCOPE}, which was {was}")
        host = address.split("/")[2].partition(":")[0]
        blocked = [entry.time_left for entry in known.blocked_domains if host in entry.destination]
        trouble = f"the store doesn't call {host} for {blocked[0]} s: too many calls failed" if blocked else ""
        return HooksKept(not blocked, tuple(done), trouble)
