"""Orders and refunds as REST v3 shows them: the keys, types and oddities of recorded answers."""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from syncd.simulator.woocommerce.records import ExtraLine, Line, Meta, Order, Refund
from syncd.simulator.woocommerce.wp_time import gmt_text, local_text, zone_of

if TYPE_CHECKING:
    from syncd.simulator.woocommerce.shop import Shop

Doc = dict[str, Any]
WRITABLE = {"targetHints": {"allow": ["GET", "POST", "PUT", "PATCH", "DELETE"]}}
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£"}


def money(cents: int) -> str:
    """Cents as WooCommerce writes amounts: `"5.00"`, `"-1.50"`."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def number(value: float) -> float:
    """A number as PHP writes it in JSON: 8, not 8.0."""
    return int(value) if value == int(value) else value


def order_doc(shop: Shop, order: Order, base: str) -> Doc:
    """A whole order; `base` is the address of the shop."""
    zone = zone_of(shop.settings.timezone)
    total = order.total_cents if order.total_ready else 0
    discount = sum(line.subtotal_cents - line.total_cents for line in order.lines)
    shipping = sum(extra.total_cents for extra in order.extras if extra.what == "shipping")
    unpaid = order.status in {"pending", "failed", "checkout-draft"}
    return {
        "id": order.id,
        "parent_id": 0,
        "status": order.status,
        "currency": shop.settings.currency,
        "version": shop.settings.version,
        "prices_include_tax": False,
        "date_created": local_text(order.created_us, zone),
        "date_modified": local_text(order.modified_us, zone),
        "discount_total": money(discount),
        "discount_tax": "0.00",
        "shipping_total": money(shipping),
        "shipping_tax": "0.00",
        "cart_tax": "0.00",
        "total": money(total),
        "total_tax": "0.00",
        "customer_id": order.customer_id,
        "order_key": order.key,
        "billing": order.billing,
        "shipping": order.shipping,
        "payment_method": order.payment_method,
        "payment_method_title": order.payment_title,
        "transaction_id": order.transaction_id,
        "customer_ip_address": order.customer_ip,
        "customer_user_agent": "",
        "created_via": order.created_via,
        "customer_note": order.customer_note,
        "date_completed": local_text(order.completed_us, zone),
        "date_paid": local_text(order.paid_us, zone),
        "cart_hash": order.cart_hash,
        "number": str(order.id),
        "meta_data": [meta_doc(row) for row in order.meta],
        "line_items": [line_doc(shop, line) for line in order.lines],
        "tax_lines": [],
        "shipping_lines": [_shipping(extra) for extra in order.extras if extra.what == "shipping"],
        "fee_lines": [_fee(extra) for extra in order.extras if extra.what == "fee"],
        "coupon_lines": [_coupon(extra) for extra in order.extras if extra.what == "coupon"],
        "refunds": [
            {"id": refund.id, "reason": refund.reason, "total": money(-refund.amount_cents)} for refund in order.refunds
        ],
        "payment_url": f"{base}/checkout/order-pay/{order.id}/?pay_for_order=true&key={order.key}",
        "is_editable": order.status in {"pending", "on-hold", "auto-draft"},
        "needs_payment": unpaid and total > 0,
        "needs_processing": shop.needs_processing(order),
        "date_created_gmt": gmt_text(order.created_us),
        "date_modified_gmt": gmt_text(order.modified_us),
        "date_completed_gmt": gmt_text(order.completed_us),
        "date_paid_gmt": gmt_text(order.paid_us),
        "currency_symbol": SYMBOLS.get(shop.settings.currency, shop.settings.currency),
        "_links": _links(order, base),
    }


def _links(order: Order, base: str) -> Doc:
    api = f"{base}/wp-json/wc/v3/orders"
    return {
        "self": [{"href": f"{api}/{order.id}", **WRITABLE}],
        "collection": [{"href": api}],
        "email_templates": [{"embeddable": True, "href": f"{api}/{order.id}/actions/email_templates"}],
    }


def meta_doc(row: Meta) -> Doc:
    """A row of an order's or a product's meta data."""
    return {"id": row.id, "key": row.key, "value": row.value}


def _line_meta(row: Meta) -> Doc:
    shown = row.key if row.key.startswith("_") else row.key.capitalize()
    if row.key == "coupon_info":
        shown = row.key
    return {"id": row.id, "key": row.key, "value": row.value, "display_key": shown, "display_value": row.value}


def line_doc(shop: Shop, line: Line) -> Doc:
    """A product line. The SKU is read live from the product, so it is null once that is deleted."""
    product = shop.catalog.products.get(line.counter_id)
    simple = product is not None and not line.variation_id
    return {
        "id": line.id,
        "name": line.name,
        "product_id": line.product_id,
        "variation_id": line.variation_id,
        "quantity": line.quantity,
        "tax_class": "",
        "subtotal": money(line.subtotal_cents),
        "subtotal_tax": "0.00",
        "total": money(line.total_cents),
        "total_tax": "0.00",
        "taxes": [],
        "meta_data": [_line_meta(row) for row in line.meta],
        "sku": product.sku if product is not None else None,
        "price": number(line.total_cents / 100 / line.quantity) if line.quantity else 0,
        "image": {"id": "" if simple else 0, "src": ""},
        "parent_name": line.parent_name,
    }


def _shipping(extra: ExtraLine) -> Doc:
    return {
        "id": extra.id,
        "method_title": extra.label,
        "method_id": extra.method_id,
        "instance_id": "",
        "total": money(extra.total_cents),
        "total_tax": "0.00",
        "taxes": [],
        "tax_status": "taxable",
        "meta_data": [_line_meta(row) for row in extra.meta],
    }


def _fee(extra: ExtraLine) -> Doc:
    return {
        "id": extra.id,
        "name": extra.label,
        "tax_class": "",
        "tax_status": "taxable",
        "amount": "",
        "total": money(extra.total_cents),
        "total_tax": "0.00",
        "taxes": [],
        "meta_data": [_line_meta(row) for row in extra.meta],
    }


def _coupon(extra: ExtraLine) -> Doc:
    return {
        "id": extra.id,
        "code": extra.label,
        "discount": f"{extra.total_cents / 100:g}",
        "discount_tax": "0",
        "meta_data": [_line_meta(row) for row in extra.meta],
        "discount_type": "percent",
        "nominal_amount": extra.per_cent,
        "free_shipping": False,
    }


def refund_doc(shop: Shop, order: Order, refund: Refund, base: str, *, of_shop: bool = False) -> Doc:
    """A refund; in the list of the whole shop it names its order as `parent_id`."""
    zone: tzinfo = zone_of(shop.settings.timezone)
    api = f"{base}/wp-json/wc/v3/orders/{order.id}"
    return {
        "id": refund.id,
        **({"parent_id": order.id} if of_shop else {}),
        "date_created": local_text(refund.created_us, zone),
        "date_created_gmt": gmt_text(refund.created_us),
        "amount": money(refund.amount_cents),
        "reason": refund.reason,
        "refunded_by": 1,
        "refunded_payment": False,
        "meta_data": [meta_doc(row) for row in refund.meta],
        "line_items": [line_doc(shop, line) for line in refund.lines],
        "shipping_lines": [],
        "tax_lines": [],
        "fee_lines": [],
        "_links": {
            "self": [{"href": f"{api}/refunds/{refund.id}", "targetHints": {"allow": ["GET", "DELETE"]}}],
            "collection": [{"href": f"{api}/refunds"}],
            "up": [{"href": api}],
        },
    }
