"""Which calls are believed: WooCommerce's as a real shop (10.0.2) sent them, BigCommerce's as its documents describe them."""

from __future__ import annotations

import base64
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict

from syncd.core.signal import Kind, Signal
from syncd.ports.hooks import NotGenuine, secret_of
from syncd.stores.bigcommerce.hooks import HEADER, BigCommerceHooks
from syncd.stores.woocommerce.hooks import WooCommerceHooks

RECORDED = Path(__file__).parent / "recorded_webhooks"
DELIVERIES = ["order_created", "order_updated", "order_deleted", "product_updated"]
NOBODY: Any = None


def recorded(name: str) -> tuple[WooCommerceHooks, CIMultiDict[str], bytes]:
    told = json.loads((RECORDED / f"webhook_delivery_{name}.json").read_text("utf-8"))
    return WooCommerceHooks(NOBODY, secret=told["secret"]), CIMultiDict(told["headers"]), told["body"].encode()


@pytest.mark.parametrize("name", DELIVERIES)
def test_woocommerce_a_real_delivery_is_genuine_and_names_its_order(name: str) -> None:
    hooks, headers, body = recorded(name)
    order = () if name == "product_updated" else (Signal(Kind.ORDER, str(json.loads(body)["id"])),)
    assert hooks.read(headers, body) == order


@pytest.mark.parametrize("name", DELIVERIES)
@pytest.mark.parametrize("how", ["body", "secret", "signature", "none", "no base64", "not ascii"])
def test_woocommerce_whatever_is_changed_on_the_way_is_not_believed(name: str, how: str) -> None:
    hooks, headers, body = recorded(name)
    signature = "X-WC-Webhook-Signature"
    if how == "body":
        body = body[:-2] + b" }"
    elif how == "secret":
        hooks = WooCommerceHooks(NOBODY, secret="another")
    elif how == "signature":
        headers[signature] = base64.b64encode(bytes(32)).decode()
    elif how == "none":
        del headers[signature]
    else:
        headers[signature] = "%%%" if how == "no base64" else "ü"
    with pytest.raises(NotGenuine):
        hooks.read(headers, body)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"id": "x"}', b"<html>"])
def test_woocommerce_a_signed_body_of_another_shape_names_nothing(body: bytes) -> None:
    signature = base64.b64encode(hmac.digest(b"s", body, "sha256")).decode()
    headers = CIMultiDict({"X-WC-Webhook-Signature": signature, "X-WC-Webhook-Resource": "order"})
    assert WooCommerceHooks(NOBODY, secret="s").read(headers, body) == ()


def call(data: Any, scope: str = "store/order/updated") -> bytes:
    return json.dumps(
        {"scope": scope, "store_id": "1", "data": data, "hash": "00", "created_at": 1, "producer": "stores/h"}
    ).encode()


@pytest.mark.parametrize(
    ("data", "order"),
    [
        ({"type": "order", "id": 173331}, "173331"),
        ({"type": "order", "id": 250, "status": {"previous_status_id": 0, "new_status_id": 11}}, "250"),
        ({"type": "order", "id": 7, "refund": {"refund_id": 3}}, "7"),
        ({"type": "shipment", "id": 12, "orderId": 251}, "251"),
        ({"type": "order", "id": "251"}, "251"),
        ({"type": "cart", "id": "09346904-4175-44fd-be53-f7e598531b6c"}, None),
        ({"type": "order", "id": "../../x"}, None),
        ({}, None),
    ],
)
def test_bigcommerce_a_call_with_our_header_names_its_order(data: Any, order: str | None) -> None:
    hooks = BigCommerceHooks(NOBODY, secret="ours")
    headers = CIMultiDict({HEADER: "ours"})
    assert hooks.read(headers, call(data)) == (() if order is None else (Signal(Kind.ORDER, order),))


CART = "09346904-4175-44fd-be53-f7e598531b6c"


@pytest.mark.parametrize(
    ("scope", "data", "spoken"),
    [
        ("store/cart/created", {"type": "cart", "id": CART}, ["cart " + CART]),
        ("store/cart/updated", {"type": "cart", "id": CART.upper()}, ["cart " + CART]),
        (
            "store/cart/abandoned",
            {"type": "cart", "id": CART, "token": "1eed6d2d979776ff18e695ceeb10ea61"},
            ["cart " + CART],
        ),
        ("store/cart/couponApplied", {"type": "cart", "id": CART, "couponId": 1}, ["cart " + CART]),
        ("store/cart/converted", {"type": "cart", "id": CART, "orderId": 252}, ["order 252", "cart " + CART]),
        ("store/cart/converted", {"type": "cart", "id": CART, "orderId": None}, ["cart " + CART]),
        (
            "store/cart/lineItem/created",
            {"type": "cart_line_item", "id": "743bfd94-d5dd-47c5-9c19-6eec32ca6119", "cartId": CART},
            ["cart " + CART],
        ),
        ("store/cart/updated", {"type": "cart", "id": "../../x"}, []),
        ("store/cart/metafield/created", {"type": "cart_metafield", "metafield_id": 1, "resource_id": CART}, []),
        (
            "store/channel/1/inventory/product/low_stock_reached",
            {"variant_id": 7, "product_id": 5, "location_id": 1},
            ["item p:5", "item v:5/7"],
        ),
        ("store/channel/*/inventory/product/out_of_stock_reached", {"variant_id": None, "product_id": 5}, ["item p:5"]),
        ("store/order/updated", {"type": "order", "id": 8}, ["order 8"]),
    ],
)
def test_bigcommerce_a_call_names_carts_and_stock_items_where_they_are_wanted(
    scope: str, data: Any, spoken: list[str]
) -> None:
    headers, body = CIMultiDict({HEADER: "ours"}), call(data, scope)
    told = BigCommerceHooks(NOBODY, secret="ours", kinds=frozenset(Kind)).read(headers, body)
    assert [f"{kind} {name}" for kind, name in told] == spoken
    told = BigCommerceHooks(NOBODY, secret="ours").read(headers, body)
    assert [f"{kind} {name}" for kind, name in told] == [each for each in spoken if each.startswith("order")]


@pytest.mark.parametrize("headers", [{}, {HEADER: ""}, {HEADER: "our"}, {HEADER: "ours "}, {HEADER: "\udcff"}])
def test_bigcommerce_a_call_without_our_header_is_not_believed(headers: dict[str, str]) -> None:
    with pytest.raises(NotGenuine):
        BigCommerceHooks(NOBODY, secret="ours").read(CIMultiDict(headers), call({"type": "order", "id": 1}))


def signed(body: bytes, key: bytes, *, old: str = "") -> CIMultiDict[str]:
    """As the Standard Webhooks specification says."""
    told = b"msg_1.1614265330." + body
    value = f"{old}v1,{base64.b64encode(hmac.digest(key, told, 'sha256')).decode()}"
    return CIMultiDict(
        {HEADER: "ours", "webhook-id": "msg_1", "webhook-timestamp": "1614265330", "webhook-signature": value}
    )


def test_bigcommerce_signed_calls_are_believed_by_any_of_their_signatures_however_old() -> None:
    hooks, body = BigCommerceHooks(NOBODY, secret="ours", client_secret="app"), call({"type": "order", "id": 1})
    assert hooks.read(signed(body, b"app"), body) == (Signal(Kind.ORDER, "1"),)
    assert hooks.read(signed(body, b"app", old="v1,AAAA v2,BBBB "), body) == (Signal(Kind.ORDER, "1"),)


@pytest.mark.parametrize("wrong", ["key", "body", "id", "header", "unsigned"])
def test_bigcommerce_with_a_client_secret_only_signed_calls_are_believed(wrong: str) -> None:
    hooks, body = BigCommerceHooks(NOBODY, secret="ours", client_secret="app"), call({"type": "order", "id": 1})
    headers = signed(body, b"no" if wrong == "key" else b"app")
    if wrong == "body":
        body = call({"type": "order", "id": 2})
    elif wrong == "id":
        headers["webhook-id"] = "msg_2"
    elif wrong == "header":
        del headers[HEADER]
    elif wrong == "unsigned":
        del headers["webhook-signature"]
    with pytest.raises(NotGenuine):
        hooks.read(headers, body)


def test_the_secret_follows_from_the_credential_and_does_not_tell_it() -> None:
    told = secret_of("shpat_very_secret", "woocommerce")
    assert told == secret_of("shpat_very_secret", "woocommerce")
    assert len({told, secret_of("shpat_very_secret", "bigcommerce"), secret_of("another", "woocommerce")}) == 3
    assert "secret" not in told
    assert len(told) == 64
