"""Hands at the shops' webhooks, as a shop shows them to its merchant, and the judge who looks whether they stand as they should."""

from __future__ import annotations

from collections import Counter
from typing import Any

from syncd.simulator.bigcommerce.shop import Shop as BigCommerceShop
from syncd.simulator.woocommerce.webhooks import ACTIVE, DISABLED
from tests.simulation.shops import BigCommerce, Shop

LISTENER, LISTENER_PORT = "syncd.localhost", 8484  # not the shops' own port: what is cut there is cut for calls alone
ADDRESS = f"http://{LISTENER}:{LISTENER_PORT}"
ELSEWHERE = "http://elsewhere.localhost/hooks"
TOPICS = ("order.created", "order.deleted", "order.restored", "order.updated")
LIVE_SECONDS = 60.0  # a new webhook of BigCommerce is deaf for about a minute, the vendor says
FLURRY = 30


def courier(shop: Shop) -> Any:
    """Who makes the shop's calls."""
    return shop.shop.hooks.courier if isinstance(shop, BigCommerce) else shop.shop.webhooks.courier


def meddle(shop: Shop, dial: str) -> None:
    """Somebody switches the webhooks off (`hook_off`), deletes them (`hook_gone`), has them call elsewhere (`hook_moved`)."""
    if isinstance(shop, BigCommerce):
        kept, place = shop.shop.hooks.known, "destination"
    else:
        kept, place = shop.shop.webhooks.hooks, "delivery_url"
    if dial == "hook_gone":
        kept.clear()
    for hook in kept.values():
        if dial == "hook_moved":
            setattr(hook, place, ELSEWHERE)
        elif isinstance(shop, BigCommerce):
            shop.shop.hooks.set_active(hook, active=False)
        else:
            shop.shop.webhooks.set_status(hook, DISABLED)


def wrong(shop: Shop, tenant: str) -> str:
    """What is wrong with the shop's webhooks; "" if they stand as syncd should keep them."""
    address = f"{ADDRESS}/{tenant}/{shop.name}"
    if isinstance(shop, BigCommerce):
        found = [(hook.destination, hook.is_active) for hook in shop.shop.hooks.known.values()]
        return "" if found == [(address, True)] else f"{found}"
    topics = Counter(
        hook.topic
        for hook in shop.shop.webhooks.hooks.values()
        if hook.status == ACTIVE and hook.delivery_url == address
    )
    return "" if topics == Counter(TOPICS) and len(shop.shop.webhooks.hooks) == len(TOPICS) else f"{dict(topics)}"


def is_live(shop: Shop, since_us: int) -> bool:
    """Whether a BigCommerce shop has called for all that happened to its orders since then."""
    if not isinstance(shop, BigCommerce):
        return False
    hooks = shop.shop.hooks.known.values()
    return any(hook.is_active and hook.live_from_us <= since_us for hook in hooks)


def flurry(shop: Shop, order: str) -> None:
    """Some plugin saves an order again and again: each time the shop calls."""
    for _ in range(FLURRY):
        if isinstance(shop, BigCommerce):
            assert isinstance(shop.shop, BigCommerceShop)
            shop.shop.touch(shop.shop.order(order))
        else:
            with shop.shop.changing(shop.shop.order(int(order))):
                """Nothing but the date."""
