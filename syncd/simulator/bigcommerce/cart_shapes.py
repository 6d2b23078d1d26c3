"""Carts and checkouts as the vendor's v3 API shows them. Prices hold no tax here."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final

from syncd.simulator.bigcommerce.cart_models import Cart, CartLine, Consignment, Option

FRONT: Final = "https://simshop.example"
OPTIONS: Final = "line_items.physical_items.options"
REDIRECTS: Final = "redirect_urls"
SHIPPING_OPTIONS: Final = "consignments.available_shipping_options"
_PERCENTAGE: Final = "1"
"""The carts API's number for what the checkouts API calls percentage_discount."""


def show_cart(cart: Cart, include: Collection[str] = ()) -> dict[str, Any]:
    """A cart; `include`: the parts that are shown only when asked for."""
    shown = {
        "id": cart.id,
        "customer_id": cart.customer_id,
        "channel_id": cart.channel_id,
        "email": cart.email,
        "currency": {"code": cart.currency},
        "tax_included": False,
        "base_amount": float(cart.base),
        "discount_amount": 0,
        "manual_discount_amount": 0,
        "cart_amount": float(cart.base - cart.discount),
        "coupons": [
            {
                "code": coupon.code,
                "id": str(coupon.id),
                "coupon_type": _PERCENTAGE,
                "discounted_amount": float(cart.discounted(coupon)),
                "display_name": f"{coupon.percent}% off",
            }
            for coupon in cart.coupons
        ],
        "discounts": [],
        "line_items": {
            "physical_items": [
                {**_item(line), "taxable": True, **({"options": []} if OPTIONS in include else {})}
                for line in cart.lines
                if line.product_id
            ],
            "digital_items": [],
            "gift_certificates": [],
            "custom_items": [
                {
                    "id": line.id,
                    "sku": line.sku,
                    "name": line.name,
                    "quantity": str(line.quantity),
                    "list_price": str(line.price),
                    "extended_list_price": float(line.total),
                    "image_url": "",
                }
                for line in cart.lines
                if not line.product_id
            ],
        },
        "created_time": moment(cart.created_seconds),
        "updated_time": moment(cart.updated_seconds),
        "locale": cart.locale,
        "version": cart.version,
    }
    if REDIRECTS in include and cart.by_api:
        shown["redirect_urls"] = show_redirects(cart)
    return shown


def show_checkout(cart: Cart, include: Collection[str] = ()) -> dict[str, Any]:
    """The checkout of a cart."""
    subtotal, shipping = cart.base, cart.shipping
    coupons = [
        {
            "id": coupon.id,
            "code": coupon.code,
            "coupon_type": "percentage_discount",
            "display_name": f"{coupon.percent}% off",
            "discounted_amount": float(cart.discounted(coupon)),
        }
        for coupon in cart.coupons
    ]
    return {
        "id": cart.id,
        "cart": _cart_of_checkout(cart, coupons),
        "billing_address": show_address(cart.billing),
        "consignments": [_consignment(one, include) for one in cart.consignments],
        "taxes": [],
        "coupons": coupons,
        "fees": [],
        "order_id": None,
        "shipping_cost_total_inc_tax": float(shipping),
        "shipping_cost_total_ex_tax": float(shipping),
        "handling_cost_total_inc_tax": 0,
        "handling_cost_total_ex_tax": 0,
        "tax_total": 0,
        "subtotal_inc_tax": float(subtotal),
        "subtotal_ex_tax": float(subtotal),
        "grand_total": float(subtotal - cart.discount + shipping),
        "created_time": moment(cart.created_seconds),
        "updated_time": moment(cart.updated_seconds),
        "customer_message": cart.message,
        "version": cart.version,
    }


def show_redirects(cart: Cart) -> dict[str, str]:
    """Where a shopper opens the cart; the sign in them is good for one visit."""
    sign = f"{cart.id}-{cart.version}"
    return {
        "cart_url": f"{FRONT}/cart.php?action=loadInCheckout&id={cart.id}&token={sign}",
        "checkout_url": f"{FRONT}/cart.php?action=loadInCheckout&id={cart.id}&token={sign}",
        "embedded_checkout_url": f"{FRONT}/cart.php?embedded=1&action=loadInCheckout&id={cart.id}&token={sign}",
    }


def moment(at_seconds: int) -> str:
    """`2018-09-17T14:27:39.000Z`."""
    return datetime.fromtimestamp(at_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def show_address(address: dict[str, Any]) -> dict[str, Any]:
    """All members, empty where nothing was given."""
    names = (
        "id", "first_name", "last_name", "email", "company", "address1", "address2", "city", "state_or_province",
        "state_or_province_code", "country_code", "postal_code", "phone",
    )  # fmt: skip
    return {**{name: str(address.get(name, "")) for name in names}, "custom_fields": []}


def _item(line: CartLine) -> dict[str, Any]:
    price, total = float(line.price), float(line.total)
    return {
        "id": line.id,
        "parent_id": None,
        "variant_id": line.variant_id or 0,
        "product_id": line.product_id,
        "sku": line.sku,
        "name": line.name,
        "url": f"{FRONT}/p/{line.product_id}/",
        "quantity": line.quantity,
        "image_url": f"{FRONT}/p/{line.product_id}.jpg",
        "discounts": [],
        "discount_amount": 0,
        "coupon_amount": 0,
        "original_price": price,
        "list_price": price,
        "sale_price": price,
        "extended_list_price": total,
        "extended_sale_price": total,
        "is_require_shipping": True,
        "is_mutable": True,
        "added_by_promotion": False,
    }


def _consignment(one: Consignment, include: Collection[str]) -> dict[str, Any]:
    cost = float(one.chosen.cost) if one.chosen else 0
    shown: dict[str, Any] = {
        "id": one.id,
        "shippingAddress": show_address(one.address),
        "address": show_address(one.address),
        "coupon_discounts": [],
        "discounts": [],
        "shipping_cost_inc_tax": cost,
        "shipping_cost_ex_tax": cost,
        "handling_cost_inc_tax": 0,
        "handling_cost_ex_tax": 0,
        "line_item_ids": list(one.units),
    }
    if one.chosen is not None:
        shown["selected_shipping_option"] = _option(one.chosen)
    if SHIPPING_OPTIONS in include:
        shown["available_shipping_options"] = [_option(option) for option in one.options]
    return shown


def _option(option: Option) -> dict[str, Any]:
    return {
        "id": option.id,
        "description": option.description,
        "type": "shipping_flatrate",
        "image_url": "",
        "cost": float(option.cost),
        "transit_time": "",
        "additional_description": "",
    }


def _cart_of_checkout(cart: Cart, coupons: list[dict[str, Any]]) -> dict[str, Any]:
    subtotal = cart.base
    return {
        "id": cart.id,
        "customer_id": cart.customer_id,
        "channel_id": cart.channel_id,
        "email": cart.email,
        "currency": {"code": cart.currency},
        "tax_included": False,
        "base_amount": float(subtotal),
        "discount_amount": 0,
        "cart_amount_inc_tax": float(subtotal - cart.discount),
        "cart_amount_ex_tax": float(subtotal - cart.discount),
        "coupons": coupons,
        "discounts": [],
        "line_items": {
            "physical_items": [{**_item(line), "is_taxable": True} for line in cart.lines if line.product_id],
            "digital_items": [],
            "gift_certificates": [],
            "custom_items": [
                {
                    "id": line.id,
                    "sku": line.sku,
                    "name": line.name,
                    "quantity": line.quantity,
                    "list_price": float(line.price),
                    "extended_list_price": float(line.total),
                    "image_url": "",
                }
                for line in cart.lines
                if not line.product_id
            ],
        },
        "created_time": moment(cart.created_seconds),
        "updated_time": moment(cart.updated_seconds),
    }
