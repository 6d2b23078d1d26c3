"""What a client writes into an order: the body of POST and PUT /orders, put into effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncd.simulator.woocommerce.records import Line, Meta, Order, Product, ShopRefusal
from syncd.simulator.woocommerce.rest import Json, invalid, listed

if TYPE_CHECKING:
    from syncd.simulator.woocommerce.shop import Shop

LINE_KINDS = {"shipping_lines": "shipping", "fee_lines": "fee"}  # in the order that ids are given
PLAIN = ("payment_method", "transaction_id", "customer_note")


def cents(value: Any) -> int:
    """An amount as whole cents."""
    return round(float(value) * 100)


def check_status(shop: Shop, body: Json) -> str | None:
    """The wanted status. Raises ShopRefusal for an unknown one."""
    status = body.get("status")
    allowed = ["auto-draft", *shop.settings.statuses()]
    if status is not None and status not in allowed:
        raise invalid("status", f"status is not one of {listed(allowed)}.", "rest_not_in_enum")
    return status if isinstance(status, str) else None


def write_plain(shop: Shop, order: Order, body: Json) -> None:
    """Everything but product lines and the status: addresses, payment, notes, meta data, fees, shipping, coupons."""
    for name in PLAIN:
        if name in body:
            setattr(order, name, str(body[name]))
    if "payment_method_title" in body:
        order.payment_title = str(body["payment_method_title"])
    if "customer_id" in body:
        order.customer_id = int(body["customer_id"])
    for name in ("billing", "shipping"):
        given = body.get(name) or {}
        known = getattr(order, name)
        known.update({key: str(value) for key, value in given.items() if key in known})
    order.meta = merge_meta(shop, order.meta, body.get("meta_data"))
    for name, what in LINE_KINDS.items():
        for row in body.get(name) or []:
            _write_extra(shop, order, what, row)
    for row in body.get("coupon_lines") or []:
        _use_coupon(shop, order, str(row.get("code", "")).lower())


def merge_meta(shop: Shop, rows: list[Meta], given: Any) -> list[Meta]:
    """Rows of meta data as REST merges them: by id or by key; a null value removes."""
    merged = list(rows)
    for item in given or []:
        key, value = str(item.get("key", "")), item.get("value")
        old = next((row for row in merged if row.id == item.get("id") or (key and row.key == key)), None)
        if old is not None and value is None:
            merged.remove(old)
        elif old is not None:
            old.value = value
        elif value is not None:
            merged.append(Meta(shop.next_meta_id(), key, value))
    return merged


def _write_extra(shop: Shop, order: Order, what: str, row: Json) -> None:
    old = next((extra for extra in order.extras if extra.what == what and extra.id == row.get("id")), None)
    name = "name" if what == "fee" else "method_title"
    if old is None and row.get("id"):
        message = "Order item ID provided is not associated with order."
        raise ShopRefusal(400, "woocommerce_rest_invalid_item_id", message)
    if old is None:
        extra = shop.edits.extra_line(what, str(row.get(name) or ""), cents(row.get("total") or 0))
        extra.method_id = str(row.get("method_id") or "")
        order.extras.append(extra)
    elif any(key in row and row[key] is None for key in (name, "method_id")):
        order.extras.remove(old)
    else:
        old.label = str(row.get(name, old.label))
        old.total_cents = cents(row["total"]) if "total" in row else old.total_cents


def _use_coupon(shop: Shop, order: Order, code: str) -> None:
    per_cent = shop.settings.coupons.get(code)
    if per_cent is None:
        message = f'Coupon "{code}" does not exist!'
        raise ShopRefusal(400, "woocommerce_rest_invalid_coupon", message)
    discount = 0
    for line in order.lines:
        off = line.subtotal_cents * per_cent // 100
        line.total_cents -= off
        discount += off
    extra = shop.edits.extra_line("coupon", code, discount, per_cent=per_cent)
    extra.meta.append(Meta(shop.next_meta_id(), "coupon_info", f'[44,"{code}","percent",{per_cent}]'))
    order.extras.append(extra)


def new_lines(shop: Shop, body: Json) -> list[Line]:
    """The product lines of a new order. Raises ShopRefusal for one without product id and SKU."""
    return [_new_line(shop, row) for row in body.get("line_items") or []]


def edit_lines(shop: Shop, order: Order, body: Json) -> None:
    """The product lines of a PUT: with an id they are changed or removed, without one they are added."""
    for row in body.get("line_items") or []:
        if not row.get("id"):
            line = _new_line(shop, row)
            order.lines = [*order.lines, line]
            shop.edits.resize(order, line, line.quantity, by_rest=True)
            continue
        line = order.line(int(row["id"]))
        if row.get("quantity") == 0 or any(name in row and row[name] is None for name in ("product_id", "name")):
            shop.edits.remove(order, line, by_rest=True)
            continue
        if row.get("product_id") or row.get("variation_id") or row.get("sku"):
            _swap(shop, line, row)
        _write_amounts(shop, line, row)
        shop.edits.resize(order, line, int(row.get("quantity", line.quantity)), by_rest=True)


def _new_line(shop: Shop, row: Json) -> Line:
    if not row.get("product_id") and not row.get("sku") and not row.get("variation_id"):
        raise ShopRefusal(400, "woocommerce_rest_required_product_reference", "Product ID or SKU is required.")
    quantity = int(row.get("quantity") or 1)
    product = _product(shop, row)
    line = shop.edits.unknown_line(quantity) if product is None else shop.edits.new_line(product, quantity)
    _write_amounts(shop, line, row)
    return line


def _write_amounts(shop: Shop, line: Line, row: Json) -> None:
    if "subtotal" in row or "total" in row:
        line.subtotal_cents = cents(row.get("subtotal", row.get("total")))
        line.total_cents = cents(row.get("total", row.get("subtotal")))
    line.name = str(row.get("name") or line.name)
    line.meta = merge_meta(shop, line.meta, row.get("meta_data"))


def _product(shop: Shop, row: Json) -> Product | None:
    products = shop.catalog.products
    if row.get("sku"):
        return shop.catalog.by_sku.get(str(row["sku"]))
    return products.get(int(row.get("variation_id") or row.get("product_id") or 0))


def _swap(shop: Shop, line: Line, row: Json) -> None:
    """Another product in the line: what it held of the old one stays held; REST moves no stock for it."""
    product = _product(shop, row)
    if product is None or product.id == line.counter_id:
        return
    line.product_id = product.parent_id or product.id
    line.variation_id = product.id if product.parent_id else 0
    line.sku, line.name = product.sku, product.name
