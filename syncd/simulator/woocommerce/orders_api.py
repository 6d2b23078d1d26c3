"""Orders over REST v3: lists, single orders, writes, batches, notes and statuses."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from syncd.simulator.woocommerce import checkout, order_payload
from syncd.simulator.woocommerce.order_book import SECOND
from syncd.simulator.woocommerce.order_query import select_orders
from syncd.simulator.woocommerce.order_view import order_doc
from syncd.simulator.woocommerce.records import Order, ShopRefusal
from syncd.simulator.woocommerce.rest import (
    Answer,
    Call,
    Json,
    batch_of,
    item_error,
    listing,
    one,
    page_of,
    pick,
    without_filters,
)
from syncd.simulator.woocommerce.wp_time import gmt_text, local_text, zone_of

if TYPE_CHECKING:
    from syncd.simulator.woocommerce.shop import Shop

INVALID_ID = "woocommerce_rest_shop_order_invalid_id"
VARIANTS_MAX = 4  # renderings kept for one order: the whole, and what a scanner asks for


def rendered(shop: Shop, order: Order, base: str, fields: list[str]) -> bytes:
    """An order's JSON, from its cache where nothing has changed."""
    key = f"{base}|{','.join(fields)}|{shop.catalog.revision}|{shop.settings.timezone}|{shop.settings.version}"
    known = order.rendered.get(key)
    if known is None:
        known = msgspec.json.encode(pick(order_doc(shop, order, base), fields))
        if len(order.rendered) >= VARIANTS_MAX:
            order.rendered.clear()
        order.rendered[key] = known
    return known


def seen_orders(shop: Shop) -> dict[int, Order]:
    """The orders as a read sees them: now, or as they were where reads are stale."""
    if shop.faults.stale_seconds <= 0:
        return shop.book.orders
    return shop.book.as_of(shop.now() - round(shop.faults.stale_seconds * SECOND))


async def list_orders(shop: Shop, call: Call) -> Answer:
    """GET /orders."""
    if shop.draw(shop.faults.ignored_filters):
        call = without_filters(call)
    _, per_page, first = page_of(call)
    orders = seen_orders(shop)
    found = select_orders(shop, call, orders)
    fields = call.fields()
    rows = [rendered(shop, orders[number], call.base, fields) for _, number in found[first : first + per_page]]
    answer = listing(call, rows, len(found))
    shop.order_lists += 1
    if shop.faults.move_order_every and shop.order_lists % shop.faults.move_order_every == 0:
        shop.move_some_order()
    return answer


def _found(shop: Shop, order_id: int, status: int) -> Order:
    try:
        return shop.order(order_id)
    except ShopRefusal as refusal:
        raise ShopRefusal(status, refusal.code, refusal.message) from None


async def get_order(shop: Shop, call: Call, order_id: int) -> Answer:
    """GET /orders/{id}; trashed ones are found."""
    order = seen_orders(shop).get(order_id)
    if order is None:
        raise ShopRefusal(404, INVALID_ID, "Invalid ID.")
    if not call.fields():
        return Answer(200, rendered(shop, order, call.base, []))
    return one(call, order_doc(shop, order, call.base))


async def create_order(shop: Shop, call: Call) -> Answer:
    """POST /orders: availability isn't checked, an unknown product is taken (measured on WooCommerce 10.0.2)."""
    order, torn_us = _create(shop, call.params)
    if torn_us:
        await asyncio.sleep(torn_us / SECOND)  # the client waits while others already see the unfinished order
        shop.finish(order)
    headers = {"Location": f"{call.base}/wp-json/wc/v3/orders/{order.id}"}
    answer = one(call, order_doc(shop, order, call.base), 201)
    answer.headers.update(headers)
    return answer


def _create(shop: Shop, body: Json) -> tuple[Order, int]:
    status = order_payload.check_status(shop, body) or "pending"
    lines = order_payload.new_lines(shop, body)
    order = checkout.new_order(shop, "pending", "rest-api")
    order.created_via = str(body.get("created_via") or "rest-api")
    order.lines = lines
    order_payload.write_plain(shop, order, body)
    order.lines = []
    if body.get("set_paid") and status in {"pending", "on-hold", "failed"}:
        status = "processing" if any(line.product_id for line in lines) else "completed"
    checkout.file_order(shop, order)
    return order, checkout.settle(shop, order, lines, status)


async def update_order(shop: Shop, call: Call, order_id: int) -> Answer:
    """PUT /orders/{id}: any of them moves date_modified, even an empty one."""
    order = _found(shop, order_id, 400)
    _update(shop, order, call.params)
    return one(call, order_doc(shop, order, call.base))


def _update(shop: Shop, order: Order, body: Json) -> None:
    status = order_payload.check_status(shop, body)
    edits_lines = bool(body.get("line_items"))
    with shop.changing(order, touch=not (edits_lines and shop.draw(shop.faults.silent_edits))):
        order_payload.write_plain(shop, order, body)
        order_payload.edit_lines(shop, order, body)
        if body.get("set_paid") and order.status in {"pending", "on-hold", "failed", "cancelled"}:
            shop.enter(order, "processing" if shop.needs_processing(order) else "completed")
        if status is not None:
            shop.enter(order, status)


async def delete_order(shop: Shop, call: Call, order_id: int) -> Answer:
    """DELETE /orders/{id}: to the trash, or with force for good. The answer shows the order as it was before."""
    order = _found(shop, order_id, 404)
    before = order_doc(shop, order, call.base)
    _delete(shop, order, force=call.flag("force"))
    return one(call, before)


def _delete(shop: Shop, order: Order, *, force: bool) -> None:
    if force:
        shop.delete(order)
    elif order.status == "trash":
        raise ShopRefusal(410, "woocommerce_rest_already_trashed", "The order has already been deleted.")
    else:
        shop.trash(order)


async def batch_orders(shop: Shop, call: Call) -> Answer:
    """POST /orders/batch: a 200 with each item's result or error; not transactional."""
    answers: dict[str, list[Json]] = {}
    for verb, item in batch_of(call):
        answers.setdefault(verb, []).append(_batch_item(shop, call, verb, item))
    return Answer(200, answers)


def _batch_item(shop: Shop, call: Call, verb: str, item: Any) -> Json:
    body: Json = item if isinstance(item, dict) else {"id": item}
    order_id = int(body.get("id") or 0)
    try:
        if verb == "create":
            order, _ = _create(shop, body)
            shop.finish(order)
        else:
            order = _found(shop, order_id, 400)
            if verb == "delete":
                before = order_doc(shop, order, call.base)
                _delete(shop, order, force=True)
                return before
            _update(shop, order, body)
    except ShopRefusal as refusal:
        return item_error(order_id, refusal)
    return order_doc(shop, order, call.base)


async def list_statuses(shop: Shop, _call: Call) -> Answer:
    """GET /orders/statuses, those of plugins included."""
    return Answer(200, [{"slug": slug, "name": name} for slug, name in shop.settings.statuses().items()])


async def list_notes(shop: Shop, _call: Call, order_id: int) -> Answer:
    """GET /orders/{id}/notes: they aren't kept."""
    _found(shop, order_id, 404)
    return Answer(200, [])


async def create_note(shop: Shop, call: Call, order_id: int) -> Answer:
    """POST /orders/{id}/notes: it is not kept, and does not move date_modified."""
    _found(shop, order_id, 404)
    now, zone = shop.now(), zone_of(shop.settings.timezone)
    note: Json = {
        "id": shop.next_meta_id(),
        "author": "WooCommerce",
        "date_created": local_text(now, zone),
        "date_created_gmt": gmt_text(now),
        "note": str(call.params.get("note", "")),
        "customer_note": call.flag("customer_note"),
    }
    api = f"{call.base}/wp-json/wc/v3/orders/{order_id}"
    note["_links"] = {
        "self": [{"href": f"{api}/notes/{note['id']}", "targetHints": {"allow": ["GET", "DELETE"]}}],
        "collection": [{"href": f"{api}/notes"}],
        "up": [{"href": api}],
    }
    return Answer(201, note)
