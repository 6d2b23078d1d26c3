"""A store's webhooks and their calls, by the vendor's pages "Webhooks overview" and "Webhook events".

A call names what changed and tells nothing of it. One that isn't answered with 2xx is made again up to eleven times within
two days, then its hook is switched off. Nothing orders calls, and a call may come twice.

Only orders, shipments, carts and stock levels have events here: hooks of other scopes can be made, and are never called.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import deque
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from syncd.simulator.bigcommerce.dates import SECOND_US
from syncd.simulator.bigcommerce.hook_domains import Domains
from syncd.simulator.courier import Courier

if TYPE_CHECKING:
    from syncd.simulator.bigcommerce.premises import Premises

RETRY_SECONDS: Final = (60, 180, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 50_400, 86_400)
"""The pauses after each failure; after the last try the hook is switched off."""
UNUSED_US: Final = 90 * 86_400 * SECOND_US
"""A hook without any event for so long is switched off."""
TIMEOUT_SECONDS: Final = 10.0
CALLS_KEPT: Final = 1_000
"""Shown by /_sim/hooks."""
FIRST_ID: Final = 18_048_287
STORE_ID: Final = "1025646"


@dataclass(slots=True)
class Hook:
    """One webhook of one store."""

    id: int
    store: str
    scope: str
    destination: str
    headers: dict[str, str] | None
    is_active: bool
    created_seconds: int
    updated_seconds: int
    live_from_us: int
    heard_us: int
    gave_up: bool = False
    """The platform switched it off, not somebody."""

    @property
    def domain(self) -> str:
        """The destination's host, as the denylist has it."""
        return urlsplit(self.destination).hostname or ""

    def hears(self, scope: str) -> bool:
        """Whether an event of this scope is for it; `store/order/*` is for all below `store/order/`."""
        return scope == self.scope or (self.scope.endswith("/*") and scope.startswith(self.scope[:-1]))


@dataclass(slots=True, frozen=True)
class Call:
    """What is sent for one event; `number` is the Standard Webhooks id, `stamp` its time."""

    hook: int
    scope: str
    body: bytes
    number: int
    stamp: int
    failures: int = 0


@dataclass(slots=True, frozen=True)
class Made:
    """A call that was made. `status` 0: no answer; `lost`: a fault or the denylist kept it from being made at all."""

    at: int
    hook: int
    scope: str
    id: int | str
    status: int
    lost: bool = False


class Hooks:
    """All webhooks of a store. Costs nothing, and takes no randomness, while there are none."""

    def __init__(self, shop: Premises) -> None:
        self._shop = shop
        self._last = FIRST_ID - 1
        self._events = 0
        self._unlucky = 0
        self.domains = Domains()
        self.emails: list[str] = []
        self.known: dict[int, Hook] = {}
        self.calls: deque[Made] = deque(maxlen=CALLS_KEPT)
        self.courier = Courier(shop.clock.now)

    def add(self, store: str, scope: str, destination: str, headers: dict[str, str] | None, *, active: bool) -> Hook:
        """A new hook; by the dial webhook_live_seconds it is called only from a later moment on."""
        self._last += 1
        shop, second, now_us = self._shop, self._shop.stamp(), self._shop.clock.now()
        live_us = now_us + round(shop.faults.webhook_live_seconds * SECOND_US)
        hook = Hook(self._last, store, scope, destination, headers, active, second, second, live_us, now_us)
        self.known[hook.id] = hook
        return hook

    def settle(self) -> None:
        """Switch off what had no event for 90 days."""
        for hook in self.known.values():
            if hook.is_active and self._shop.clock.now() - hook.heard_us > UNUSED_US:
                hook.is_active, hook.gave_up = False, True

    def set_active(self, hook: Hook, *, active: bool, by_platform: bool = False) -> None:
        """Switch a hook on or off; to switch it on begins its 90 days anew."""
        if active and not hook.is_active:
            hook.heard_us = self._shop.clock.now()
        hook.is_active, hook.gave_up = active, by_platform and not active
        hook.updated_seconds = self._shop.stamp()

    # --- events

    def fire(self, scope: str, kind: str, number: int | str, **more: Any) -> None:
        """Something happened: `data` is `{"type": kind, "id": number, ...}`."""
        self.announce(scope, {"type": kind, "id": number, **more})

    def announce(self, scope: str, data: dict[str, Any]) -> None:
        """Something happened: this is the call's `data`."""
        if not self.known:
            return
        self.settle()
        now_us = self._shop.clock.now()
        for hook in self.known.values():
            if hook.is_active and hook.hears(scope) and now_us >= hook.live_from_us:
                hook.heard_us = now_us
                self._queue(hook, scope, data)

    def _queue(self, hook: Hook, scope: str, data: dict[str, Any]) -> None:
        shop, faults = self._shop, self._shop.faults
        self._events += 1
        stamp = shop.stamp()
        payload = {
            "producer": f"stores/{hook.store}",
            "created_at": stamp,
            "store_id": STORE_ID,
            "scope": scope,
            "data": data,
        }
        digest = hashlib.sha1(msgspec.json.encode(payload)).hexdigest()  # noqa: S324 - the vendor's hash, no secret
        call = Call(hook.id, scope, msgspec.json.encode({**payload, "hash": digest}), self._events, stamp)
        if shop.happens(faults.webhook_lost):
            self._note(call, 0, lost=True)
            return
        for _ in range(2 if shop.happens(faults.webhook_repeated) else 1):
            late = shop.happens(faults.webhook_late)
            wait_us = shop.draw_us(faults.webhook_late_seconds if late else faults.webhook_seconds)
            self.courier.at(shop.clock.now() + wait_us, partial(self._make, call))

    # --- calls

    async def _make(self, call: Call) -> None:
        hook = self.known.get(call.hook)
        if hook is None or not hook.is_active:
            return
        now_us = self._shop.clock.now()
        if hook.domain in self.domains.blocked(now_us):
            self._unlucky += 1  # "some" of the events are kept: each n-th
            if self._unlucky % self._shop.settings.switches.blocked_kept_every:
                self._note(call, 0, lost=True)
            else:
                self._again(hook, call)
            return
        status = await self.courier.post(hook.destination, call.body, self._headers(hook, call), TIMEOUT_SECONDS) or 0
        well = 200 <= status < 300
        self._note(call, status)
        self.domains.called(hook.domain, self._shop.clock.now(), well=well)
        if self._shop.happens(self._shop.faults.webhook_disabled):
            self.set_active(hook, active=False)
        if not well:
            self._again(hook, call)

    def _again(self, hook: Hook, call: Call) -> None:
        if call.failures == len(RETRY_SECONDS):
            self.set_active(hook, active=False, by_platform=True)
            return
        wait = RETRY_SECONDS[call.failures] * self._shop.faults.webhook_retry_scale
        later = replace(call, failures=call.failures + 1)
        self.courier.at(self._shop.clock.now() + round(wait * SECOND_US), partial(self._make, later))

    def _headers(self, hook: Hook, call: Call) -> dict[str, str]:
        """The hook's own headers, and a Standard Webhooks signature if the app has a client secret."""
        switches = self._shop.settings.switches
        wrong = self._shop.happens(self._shop.faults.webhook_wrong_secret)
        own = {name: "wrong" if wrong else value for name, value in (hook.headers or {}).items()}
        headers = {**own, "Content-Type": "application/json", "Accept": "*/*"}
        if switches.client_secret:
            stamp = self._shop.stamp() if switches.retries_restamped else call.stamp
            key = b"wrong" if wrong else switches.client_secret.encode()
            digest = hmac.digest(key, f"msg_{call.number}.{stamp}.".encode() + call.body, "sha256")
            headers["webhook-id"] = f"msg_{call.number}"
            headers["webhook-timestamp"] = str(stamp)
            headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
        return headers

    def _note(self, call: Call, status: int, *, lost: bool = False) -> None:
        data = msgspec.json.decode(call.body)["data"]
        number = next(data[name] for name in ("id", "order_id", "product_id") if name in data)
        self.calls.append(Made(self._shop.clock.now(), call.hook, call.scope, number, status, lost))
