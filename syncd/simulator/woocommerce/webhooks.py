"""A shop's webhooks and their deliveries, with the rules measured on WooCommerce 10.0.2.

A change of an order puts one delivery for each webhook of that topic into the queue, unless one for the same order waits
there already. The body is built when it is delivered. A failed delivery is never repeated; the seventh failure in a row
disables the webhook, and to enable it again doesn't set the count back: then the next failure disables it anew.

Only orders have events here: webhooks of other topics can be made, and are never called but for the greeting.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from syncd.simulator.courier import Courier
from syncd.simulator.woocommerce.order_book import SECOND
from syncd.simulator.woocommerce.order_view import order_doc
from syncd.simulator.woocommerce.records import ShopRefusal

if TYPE_CHECKING:
    from syncd.simulator.woocommerce.shop import Shop

ACTIVE, PAUSED, DISABLED = "active", "paused", "disabled"
FAILURES_MAX: Final = 5  # wc_max_webhook_delivery_failures: more than these before the one that fails now
TIMEOUT_SECONDS: Final = 60.0
DELIVERIES_KEPT: Final = 1_000  # shown by /_sim/webhooks
PORTS: Final = frozenset({None, 80, 443, 8080})  # wp_safe_remote_request's
SUCCESSES: Final = range(200, 303)


@dataclass(slots=True)
class Webhook:
    """One webhook. `base`: the shop's address as it was called when this was made."""

    id: int
    name: str
    topic: str
    delivery_url: str
    secret: str
    base: str
    created_us: int
    modified_us: int | None = None
    status: str = ACTIVE
    failures: int = 0


@dataclass(slots=True, frozen=True)
class Delivery:
    """One call that was made, or lost by a fault. `status` 0: there was no answer; `lost`: it was never sent."""

    at: int
    webhook: int
    topic: str
    order: int
    status: int
    lost: bool = False


class Webhooks:
    """All webhooks of a shop. Costs nothing, and takes no randomness, while there are none."""

    def __init__(self, shop: Shop, real_now: Callable[[], int]) -> None:
        self._shop = shop
        self._now = real_now
        self._last = 0
        self._queued: set[tuple[int, int]] = set()
        self._parked: list[tuple[int, int, int]] = []
        self.hooks: dict[int, Webhook] = {}
        self.deliveries: deque[Delivery] = deque(maxlen=DELIVERIES_KEPT)
        self.courier = Courier(real_now)

    # --- by the merchant, and by REST

    def find(self, number: int, status: int = 404, text: str = "Invalid ID.") -> Webhook:
        """A webhook by its id. Raises ShopRefusal."""
        if number not in self.hooks:
            raise ShopRefusal(status, "woocommerce_rest_shop_webhook_invalid_id", text)
        return self.hooks[number]

    def add(self, name: str, topic: str, delivery_url: str, secret: str, base: str) -> Webhook:
        """A new one, which is greeted at once: an unsigned form without any X-WC header."""
        self._last += 1
        hook = Webhook(self._last, name, topic, delivery_url, secret, base, self._shop.now())
        self.hooks[hook.id] = hook
        self.courier.at(self._now(), partial(self._greet, hook))
        return hook

    def set_status(self, hook: Webhook, status: str) -> None:
        """Enable, pause or disable; the count of failures stays."""
        hook.status = status
        hook.modified_us = self._shop.now()

    def drop(self, hook: Webhook) -> None:
        """Delete one: what waits for it is never delivered."""
        del self.hooks[hook.id]

    # --- what happens to orders

    def fire(self, event: str, order_id: int) -> None:
        """`order.EVENT` took place."""
        for hook in self.hooks.values():
            if hook.topic == f"order.{event}" and hook.status == ACTIVE and (hook.id, order_id) not in self._queued:
                self._queue(hook, order_id)

    def _queue(self, hook: Webhook, order_id: int) -> None:
        shop, faults = self._shop, self._shop.faults
        if shop.draw(faults.webhook_lost):
            self.deliveries.append(Delivery(shop.now(), hook.id, hook.topic, order_id, 0, lost=True))
            return
        self._queued.add((hook.id, order_id))
        for _ in range(2 if shop.draw(faults.webhook_repeated) else 1):
            low, high = faults.webhook_late_seconds if shop.draw(faults.webhook_late) else faults.webhook_seconds
            wait = shop.rng.uniform(low, high) if high > low else low
            due_us = self._now() + round(wait * SECOND)
            if faults.webhooks_need_visits:
                self._parked.append((due_us, hook.id, order_id))
            else:
                self.courier.at(due_us, partial(self._deliver, hook.id, order_id))

    def visited(self) -> None:
        """Somebody asked for a page: WordPress's cron has its turn (the dial webhooks_need_visits)."""
        if self._parked:
            now_us, parked = self._now(), self._parked
            self._parked = [entry for entry in parked if entry[0] > now_us]
            for due_us, hook_id, order_id in parked:
                if due_us <= now_us:
                    self.courier.at(now_us, partial(self._deliver, hook_id, order_id))

    # --- deliveries

    async def _greet(self, hook: Webhook) -> None:
        headers = {**self._headers(), "Content-Type": "application/x-www-form-urlencoded"}
        await self._post(hook, b"webhook_id=%d" % hook.id, headers)

    async def _deliver(self, hook_id: int, order_id: int) -> None:
        shop = self._shop
        shop.advance()
        self._queued.discard((hook_id, order_id))
        hook = self.hooks.get(hook_id)
        if hook is None or hook.status != ACTIVE:
            return
        body = php_json(self._payload(hook, order_id))
        secret = "wrong" if shop.draw(shop.faults.webhook_wrong_secret) else hook.secret
        resource, _, event = hook.topic.partition(".")
        headers = {
            **self._headers(),
            "Content-Type": "application/json",
            "X-WC-Webhook-Source": f"{shop.settings.url or hook.base}/",
            "X-WC-Webhook-Topic": hook.topic,
            "X-WC-Webhook-Resource": resource,
            "X-WC-Webhook-Event": event,
            "X-WC-Webhook-Signature": base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode(),
            "X-WC-Webhook-ID": str(hook.id),
            "X-WC-Webhook-Delivery-ID": hashlib.md5(f"{hook.id} {shop.now()}".encode()).hexdigest(),  # noqa: S324 - as wp_hash
        }
        status = await self._post(hook, body, headers)
        self.deliveries.append(Delivery(shop.now(), hook.id, hook.topic, order_id, status or 0))
        self._judge(hook, well=status in SUCCESSES)

    def _payload(self, hook: Webhook, order_id: int) -> dict[str, Any]:
        """The order as it is now; its id alone where it is trashed, and REST's error where it is gone."""
        if hook.topic == "order.deleted":
            return {"id": order_id}
        try:
            order = self._shop.order(order_id)
        except ShopRefusal as refusal:
            return refusal.body()
        return order_doc(self._shop, order, self._shop.settings.url or hook.base)

    def _judge(self, hook: Webhook, *, well: bool) -> None:
        if self._shop.draw(self._shop.faults.webhook_disabled):
            self.set_status(hook, DISABLED)
        if well:
            hook.failures = 0
        elif hook.failures > FAILURES_MAX:
            self.set_status(hook, DISABLED)
        else:
            hook.failures += 1
            hook.modified_us = self._shop.now()

    async def _post(self, hook: Webhook, body: bytes, headers: dict[str, str]) -> int | None:
        if not self._shop.settings.unsafe_delivery_urls and not is_safe(hook.delivery_url):
            return None
        return await self.courier.post(hook.delivery_url, body, headers, TIMEOUT_SECONDS)

    def _headers(self) -> dict[str, str]:
        version = self._shop.settings.version
        return {
            "User-Agent": f"WooCommerce/{version} Hookshot (WordPress/6.8.8)",
            "Accept": "*/*",
            "Accept-Encoding": "deflate, gzip, br, zstd",
            "Connection": "close",
        }


def php_json(value: Any) -> bytes:
    """JSON as PHP writes it: slashes and everything that isn't ASCII escaped."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode()


def is_safe(url: str) -> bool:
    """Whether wp_safe_remote_request would call there: no private address, and one of three ports."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        private = not ipaddress.ip_address(host).is_global
    except ValueError:
        private = host == "localhost" or "." not in host
    return not private and parts.port in PORTS
