"""Refunds over REST v3: of one order, and of the whole shop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from syncd.simulator.woocommerce.order_payload import cents, merge_meta
from syncd.simulator.woocommerce.order_view import refund_doc
from syncd.simulator.woocommerce.records import Order, Refund, ShopRefusal
from syncd.simulator.woocommerce.rest import Answer, Call, listing, one, page_of, pick

if TYPE_CHECKING:
    from syncd.simulator.woocommerce.shop import Shop


def _order(shop: Shop, order_id: int) -> Order:
    order = shop.book.orders.get(order_id)
    if order is None:
        raise ShopRefusal(404, "woocommerce_rest_invalid_order_id", "Invalid order ID.")
    return order


def _refund(order: Order, refund_id: int) -> Refund:
    for refund in order.refunds:
        if refund.id == refund_id:
            return refund
    raise ShopRefusal(404, "woocommerce_rest_invalid_order_refund_id", "Invalid order refund ID.")


def _listed(shop: Shop, call: Call, pairs: list[tuple[Order, Refund]], *, of_shop: bool) -> Answer:
    _, per_page, first = page_of(call)
    pairs.sort(key=lambda pair: (pair[1].created_us, pair[1].id), reverse=call.params.get("order", "desc") != "asc")
    fields = call.fields()
    rows = [
        msgspec.json.encode(pick(refund_doc(shop, order, refund, call.base, of_shop=of_shop), fields))
        for order, refund in pairs[first : first + per_page]
    ]
    return listing(call, rows, len(pairs))


async def list_refunds(shop: Shop, call: Call, order_id: int) -> Answer:
    """GET /orders/{id}/refunds."""
    order = _order(shop, order_id)
    return _listed(shop, call, [(order, refund) for refund in order.refunds], of_shop=False)


async def list_all_refunds(shop: Shop, call: Call) -> Answer:
    """GET /refunds: every refund of the shop, with its order's id."""
    pairs = [(order, refund) for order in shop.book.orders.values() for refund in order.refunds]
    return _listed(shop, call, pairs, of_shop=True)


async def get_refund(shop: Shop, call: Call, order_id: int, refund_id: int) -> Answer:
    """GET /orders/{id}/refunds/{id}."""
    order = _order(shop, order_id)
    return one(call, refund_doc(shop, order, _refund(order, refund_id), call.base))


async def create_refund(shop: Shop, call: Call, order_id: int) -> Answer:
    """POST /orders/{id}/refunds: lines are put back to stock unless api_restock is false."""
    order = _order(shop, order_id)
    units: dict[int, int] = {}
    amounts: dict[int, int] = {}
    for row in call.params.get("line_items") or []:
        line_id = int(row.get("id") or 0)
        units[line_id] = int(row.get("quantity") or 0)
        amounts[line_id] = cents(row.get("refund_total") or 0)
    given = call.params.get("amount")
    amount = sum(amounts.values()) if given is None else cents(given)
    reason = str(call.params.get("reason") or "")
    restock = call.flag("api_restock", default=True)
    refund = shop.edits.refund(order, amount, reason, units, amounts, restock=restock)
    refund.meta = merge_meta(shop, refund.meta, call.params.get("meta_data"))
    return one(call, refund_doc(shop, order, refund, call.base), 201)


async def delete_refund(shop: Shop, call: Call, order_id: int, refund_id: int) -> Answer:
    """DELETE /orders/{id}/refunds/{id}: only with force; stock isn't taken back."""
    order = _order(shop, order_id)
    refund = _refund(order, refund_id)
    if not call.flag("force"):
        raise ShopRefusal(501, "woocommerce_rest_trash_not_supported", "Refunds do not support trashing.")
    before = refund_doc(shop, order, refund, call.base)
    shop.edits.drop_refund(order, refund)
    return one(call, before)
