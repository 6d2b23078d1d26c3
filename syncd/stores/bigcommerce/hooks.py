"""BigCommerce's webhooks: one for all that happens to orders, others for carts and stock items where they are wanted, each with
a header of ours that its calls carry.

The vendor's wildcard over channels (`store/channel/{id}/*`) is never used: it brings all the traffic of carts with it.

Apps may have their calls signed as well (Standard Webhooks, with the app's client secret). A signature's age is not judged:
the vendor doesn't say whether late retries are stamped anew, and an old hint costs one reading.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

import msgspec

from syncd.core.signal import Kind, Signal
from syncd.errors import MisconfiguredError, NotFound, RefusedError
from syncd.ports.hooks import HooksKept, NotGenuine, same
from syncd.stores.bigcommerce.client import Client, decode
from syncd.stores.bigcommerce.items import product_item, variant_item

PATH: Final = "/v3/hooks"
SCOPE: Final = "store/order/*"  # the vendor's own wildcard
SCOPES: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.ORDER: (SCOPE,),
    Kind.PARTS: (),  # the orders' own scope brings them
    Kind.CART: ("store/cart/*",),  # its lines' scopes are in it
    Kind.ITEM: (  # the star is part of the scope's name, and stands for one channel
        "store/channel/*/inventory/product/stock_changed",
        "store/channel/*/inventory/product/settings_changed",
        "store/channel/*/inventory/product/low_stock_reached",
        "store/channel/*/inventory/product/out_of_stock_reached",
    ),
}
OF_PARTS: Final = ("store/order/message/", "store/order/transaction/", "store/order/refund/")  # within the wildcard
HEADER: Final = "X-Syncd-Token"
_ALL: Final = (("limit", "250"),)  # the vendor allows ten of a scope


class _Data(msgspec.Struct):
    type: str = ""
    id: int | str | None = ""
    order_id: int | str | None = ""
    orderId: int | str | None = ""  # noqa: N815 - the vendor's spelling
    cartId: str | None = ""  # noqa: N815
    product_id: int | None = 0
    variant_id: int | None = None


class _Body(msgspec.Struct):
    data: _Data
    scope: str = ""


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


_CART: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_BODY: Final = msgspec.json.Decoder(_Body)
_LIST: Final = msgspec.json.Decoder(_List)
_ADMIN: Final = msgspec.json.Decoder(_Admin)


class BigCommerceHooks:
    """The webhooks that syncd keeps at one store, with `secret` in their header. `client_secret`: the app's, "" for an API
    account without one. `kinds`: what it is asked to speak of; orders are always."""

    def __init__(
        self, client: Client, *, secret: str, client_secret: str = "", kinds: Collection[Kind] = frozenset({Kind.ORDER})
    ) -> None:
        self._client = client
        self._kinds = frozenset(kinds) | {Kind.ORDER}
        self._secret = secret
        self._key = client_secret.encode()

    def read(self, headers: Mapping[str, str], body: bytes) -> tuple[Signal, ...]:
        """The order, cart or stock item that a call speaks of; a cart that became an order speaks of both. Raises NotGenuine."""
        genuine = same(headers.get(HEADER, ""), self._secret)
        if self._key:
            genuine &= self._is_signed(headers, body)
        if not genuine:
            raise NotGenuine
        try:
            told = _BODY.decode(body)
        except msgspec.MsgspecError:
            return ()
        return tuple(signal for signal in _spoken(told.scope, told.data) if signal.kind in self._kinds)

    def _is_signed(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Standard Webhooks: `v1,` and the HMAC of `id.timestamp.body`, one of several separated by spaces."""
        told = f"{headers.get('webhook-id', '')}.{headers.get('webhook-timestamp', '')}.".encode(errors="replace")
        wanted = "v1," + base64.b64encode(hmac.digest(self._key, told + body, "sha256")).decode()
        found = False
        for given in headers.get("webhook-signature", "").split(" "):
            found |= same(given, wanted)
        return found

    async def keep(self, address: str) -> HooksKept:
        """One webhook of each wanted scope, active, calling `address` with our header, and no other one of ours. Those of
        others are left alone."""
        known = decode(await self._client.read(PATH, _ALL), _LIST).data
        done: list[str] = []
        trouble: list[str] = []
        for kind, scopes in SCOPES.items():
            for scope in scopes:
                same_scope = [hook for hook in known if hook.scope == scope]
                try:
                    if kind in self._kinds:
                        await self._keep(scope, same_scope, address, done)
                    else:
                        await self._take_away(scope, same_scope, done)
                except (RefusedError, MisconfiguredError) as error:
                    if kind is Kind.ORDER:
                        raise
                    trouble.append(f"{scope}: {error}")  # a right that the token hasn't: orders go on
        blocked = await self._blocked(address)
        return HooksKept(not blocked, tuple(done), "; ".join([blocked, *trouble] if blocked else trouble))

    async def _keep(self, scope: str, known: Sequence[_Hook], address: str, done: list[str]) -> None:
        """`known`: the store's webhooks of this scope. What is changed is appended to `done`."""
        mine = [hook for hook in known if hook.destination == address or _token(hook) is not None]
        mine.sort(
            key=lambda hook: (hook.destination != address, hook.id)
        )  # a scope calls an address once: mend that one
        wanted = {"scope": scope, "destination": address, "is_active": True, "headers": {HEADER: self._secret}}
        if not mine:
            await self._client.write("POST", PATH, msgspec.json.encode(wanted))
            done.append(f"made {scope}")
        elif wrong := self._wrong(mine[0], address):
            await self._client.write("PUT", f"{PATH}/{mine[0].id}", msgspec.json.encode(wanted))
            done.append(f"mended {scope}, which {wrong}")
        for hook in mine[1:]:
            await self._drop(hook)
            done.append(f"removed a second {scope}")

    async def _take_away(self, scope: str, known: Sequence[_Hook], done: list[str]) -> None:
        """A scope that isn't wanted any more: what carries our header is ours."""
        for hook in known:
            if _token(hook) is not None:
                await self._drop(hook)
                done.append(f"removed {scope}, which isn't wanted any more")

    async def _blocked(self, address: str) -> str:
        """Whether the platform calls that host at all; for one where too many calls fail it pauses. In words, "" if it does."""
        known = decode(await self._client.read(f"{PATH}/admin"), _ADMIN).data
        host = _host(address)
        left = max((entry.time_left for entry in known.blocked_domains if _host(entry.destination) == host), default=0)
        return f"the store doesn't call {host} for now: too many calls failed" if left else ""

    def _wrong(self, hook: _Hook, address: str) -> str:
        if not hook.is_active:
            return "was inactive"
        if hook.destination != address:
            return "called another address"
        return "" if _token(hook) == self._secret else "hadn't our header"

    async def _drop(self, hook: _Hook) -> None:
        with suppress(NotFound):  # somebody was quicker
            await self._client.write("DELETE", f"{PATH}/{hook.id}", b"")


def _spoken(scope: str, data: _Data) -> Iterator[Signal]:
    """All that a call speaks of. A cart's lines name their cart; a counter's call names product and variant, either of which
    may be the stock item."""
    order = str(data.orderId or data.order_id or (data.id if data.type == "order" else ""))
    if order.isascii() and order.isdigit():
        yield Signal(Kind.ORDER, order)
        if scope.startswith(OF_PARTS):
            yield Signal(Kind.PARTS, order)
    cart = data.cartId or (str(data.id) if data.type == "cart" else "")
    if _CART.fullmatch(cart):
        yield Signal(Kind.CART, cart.lower())
    if "/inventory/product/" in scope and data.product_id:
        yield Signal(Kind.ITEM, product_item(data.product_id))
        if data.variant_id:
            yield Signal(Kind.ITEM, variant_item(data.product_id, data.variant_id))


def _token(hook: _Hook) -> str | None:
    """Our header of a hook, if it has one."""
    return next((value for name, value in (hook.headers or {}).items() if name.lower() == HEADER.lower()), None)


def _host(address: str) -> str:
    return urlsplit(address if "//" in address else f"//{address}").hostname or ""
