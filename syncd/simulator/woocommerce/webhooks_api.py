"""Webhooks over REST v3, as the plugin's controller has them. The secret is never shown, nor is the count of failures."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from syncd.simulator.woocommerce.records import ShopRefusal
from syncd.simulator.woocommerce.rest import Answer, Call, Json, listing, one, page_of, pick
from syncd.simulator.woocommerce.webhooks import ACTIVE, DISABLED, PAUSED, Webhook
from syncd.simulator.woocommerce.wp_time import gmt_text, local_text, zone_of

if TYPE_CHECKING:
    from syncd.simulator.woocommerce.shop import Shop

STATUSES = [ACTIVE, PAUSED, DISABLED]
RESOURCES = frozenset({"coupon", "customer", "order", "product"})
EVENTS = frozenset({"created", "updated", "deleted", "restored"})
ACTIONS = {
    "order.created": ["woocommerce_new_order"],
    "order.updated": ["woocommerce_update_order", "woocommerce_order_refunded"],
    "order.deleted": ["wp_trash_post", "woocommerce_trash_order"],
    "order.restored": ["untrashed_post", "woocommerce_untrash_order"],
}
LINKS = {"targetHints": {"allow": ["GET", "POST", "PUT", "PATCH", "DELETE"]}}


async def list_webhooks(shop: Shop, call: Call) -> Answer:
    """GET /webhooks: newest first; `search` looks into names."""
    _, per_page, first = page_of(call)
    status = call.choice("status", "all", ["all", *STATUSES])
    search = str(call.params.get("search") or "").lower()
    include, exclude = call.ids("include"), call.ids("exclude")
    newest_first = call.choice("order", "desc", ["asc", "desc"]) == "desc"
    found = [
        hook
        for hook in sorted(shop.webhooks.hooks.values(), key=lambda each: each.id, reverse=newest_first)
        if status in {"all", hook.status}
        and search in hook.name.lower()
        and (not include or hook.id in include)
        and hook.id not in exclude
    ]
    fields = call.fields()
    rows = [msgspec.json.encode(pick(_doc(shop, hook, call), fields)) for hook in found[first : first + per_page]]
    return listing(call, rows, len(found))


async def get_webhook(shop: Shop, call: Call, number: int) -> Answer:
    """GET /webhooks/{id}."""
    return one(call, _doc(shop, shop.webhooks.find(number), call))


async def create_webhook(shop: Shop, call: Call) -> Answer:
    """POST /webhooks: active whatever `status` says; an unsigned greeting follows."""
    missing = [name for name in ("topic", "delivery_url") if name not in call.params]
    if missing:
        text = f"Missing parameter(s): {', '.join(missing)}"
        raise ShopRefusal(400, "rest_missing_callback_param", text, params=missing)
    call.choice("status", ACTIVE, STATUSES)
    topic, url = str(call.params["topic"]), str(call.params["delivery_url"])
    _check_topic(topic, "Webhook topic is required and must be valid.")
    _check_url(url)
    name = str(call.params.get("name") or "Webhook created on Nov 23, 2026 @ 10:58 AM")
    hook = shop.webhooks.add(name, topic, url, str(call.params.get("secret") or shop.order_key()), call.base)
    answer = one(call, _doc(shop, hook, call), 201)
    answer.headers["Location"] = f"{call.base}/wp-json/wc/v3/webhooks/{hook.id}"
    return answer


async def update_webhook(shop: Shop, call: Call, number: int) -> Answer:
    """PUT /webhooks/{id}: what is given and not empty."""
    call.choice("status", ACTIVE, STATUSES)
    hook = shop.webhooks.find(number, 400, "ID is invalid.")
    if call.params.get("topic"):
        _check_topic(str(call.params["topic"]), "Webhook topic must be valid.")
        hook.topic = str(call.params["topic"])
    if call.params.get("delivery_url"):
        _check_url(str(call.params["delivery_url"]))
        hook.delivery_url = str(call.params["delivery_url"])
    if call.params.get("secret"):
        hook.secret = str(call.params["secret"])
    if call.params.get("name"):
        hook.name = str(call.params["name"])
    shop.webhooks.set_status(hook, str(call.params.get("status") or hook.status))
    return one(call, _doc(shop, hook, call))


async def delete_webhook(shop: Shop, call: Call, number: int) -> Answer:
    """DELETE /webhooks/{id}: only with force."""
    if not call.flag("force"):
        raise ShopRefusal(501, "woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.")
    hook = shop.webhooks.find(number)
    before = _doc(shop, hook, call)
    shop.webhooks.drop(hook)
    return one(call, before)


def _check_topic(topic: str, text: str) -> None:
    lower = topic.lower()
    resource, _, event = lower.partition(".")
    if lower.startswith(("action.woocommerce_", "action.wc_")) or (resource in RESOURCES and event in EVENTS):
        return
    raise ShopRefusal(400, "woocommerce_rest_shop_webhook_invalid_topic", text)


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        text = "Webhook delivery URL must be a valid URL starting with http:// or https://."
        raise ShopRefusal(400, "woocommerce_rest_shop_webhook_invalid_delivery_url", text)


def _doc(shop: Shop, hook: Webhook, call: Call) -> Json:
    zone = zone_of(shop.settings.timezone)
    resource, _, event = hook.topic.partition(".")
    api = f"{call.base}/wp-json/wc/v3/webhooks"
    return {
        "id": hook.id,
        "name": hook.name,
        "status": hook.status,
        "topic": hook.topic,
        "resource": resource,
        "event": event,
        "hooks": ACTIONS.get(hook.topic, [event] if resource == "action" else []),
        "delivery_url": hook.delivery_url,
        "date_created": local_text(hook.created_us, zone),
        "date_created_gmt": gmt_text(hook.created_us),
        "date_modified": local_text(hook.modified_us, zone),
        "date_modified_gmt": gmt_text(hook.modified_us),
        "_links": {"self": [{"href": f"{api}/{hook.id}", **LINKS}], "collection": [{"href": api}]},
    }
