"""What the BigCommerce shop tells of an order with everything that one can have."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from syncd.simulator.bigcommerce.rich_orders import CODE, PARTS, sell_rich
from tests.simulator.bigcommerce_bench import Bench, open_bench
from tests.simulator.webhook_receiver import open_receiver

LINES = [{"sku": "A", "quantity": 2}, {"sku": "B", "quantity": 3}]
INCLUDED = {"include": "consignments.line_items,fees", "consignment_structure": "object"}


@pytest.fixture
async def bench():
    async with open_bench() as bench:
        bench.shop.add_products([{"sku": "A", "stock": 50, "price": "20"}, {"sku": "B", "stock": 50, "price": "5"}])
        yield bench


def rich(bench: Bench, *parts: str, **how: Any) -> str:
    return f"/v2/orders/{sell_rich(bench.shop, LINES, parts=parts or PARTS, **how).id}"


async def rows(bench: Bench, path: str, **query: Any) -> Any:
    return (await bench.get(path, **query)).json


def money(of: dict[str, Any], *names: str) -> Decimal:
    return sum((Decimal(of[name]) for name in names), Decimal(0))


@pytest.mark.parametrize("inclusive", [False, True])
async def test_the_amounts_of_an_order_add_up(bench, inclusive):
    path = rich(bench, *PARTS, *(["inclusive"] if inclusive else []))
    order = await rows(bench, path)
    lines = await rows(bench, f"{path}/products")
    assert order["is_tax_inclusive_pricing"] is inclusive
    for end in ("ex_tax", "inc_tax"):
        assert money(order, f"subtotal_{end}") == sum(money(line, f"total_{end}") for line in lines)
    assert money(order, "subtotal_tax") == sum(money(line, "total_tax") for line in lines)
    paid = sum(money(line, "discounted_total_inc_tax") for line in lines)
    fees = sum(money(fee, "cost_inc_tax") for fee in (await rows(bench, f"{path}/fees"))["fees"])
    costs = money(order, "shipping_cost_inc_tax", "handling_cost_inc_tax", "wrapping_cost_inc_tax")
    assert money(order, "total_inc_tax") == paid + costs + fees
    assert money(order, "total_ex_tax", "total_tax") == money(order, "total_inc_tax")
    taken_off = sum(money(cut, "amount") for line in lines for cut in line["applied_discounts"])
    assert money(order, "discount_amount", "coupon_discount") == taken_off
    assert (order["discount_amount"], order["refunded_amount"]) == ("2.0000", "0.0000")
    first = lines[0]
    assert (first["price_inc_tax"] if inclusive else first["price_ex_tax"]) == "20.0000" == first["base_price"]


async def test_the_taxes_add_up_to_the_orders_tax_with_and_without_their_details(bench):
    path = rich(bench)
    order = await rows(bench, path)
    plain, detailed = await rows(bench, f"{path}/taxes"), await rows(bench, f"{path}/taxes", details="true")
    for taxes in (plain, detailed):
        assert sum(money(tax, "line_amount") for tax in taxes) == money(order, "total_tax")
    assert {(tax["order_address_id"], tax["name"]) for tax in plain} >= {(100, "State Tax"), (100, "City Tax")}
    assert {tax["line_item_type"] for tax in detailed} == {"item", "shipping", "handling", "gift-wrapping"}
    assert all(isinstance(tax["order_product_id"], str) for tax in detailed if tax["line_item_type"] == "item")
    assert not any("line_item_type" in tax for tax in plain)


async def test_prices_that_were_written_with_tax_show_an_override_and_no_rate(bench):
    body = {
        "billing_address": {"zip": "78751"},
        "products": [{"name": "x", "quantity": 2, "price_ex_tax": 10, "price_inc_tax": 11}],
    }
    made = (await bench.call("POST", "/v2/orders", body)).json
    (tax,) = await rows(bench, f"/v2/orders/{made['id']}/taxes")
    assert (tax["class"], tax["rate"], tax["line_amount"]) == ("API Tax Override", "0.0000", "2.0000")
    assert made["tax_provider_id"] == ""


async def test_lines_go_to_their_addresses_and_some_are_not_sent(bench):
    path = rich(bench)
    home, other = await rows(bench, f"{path}/shipping_addresses")
    assert (home["first_name"], home["shipping_method"], other["first_name"]) == ("Trish", "Flat Rate", "Bob")
    assert other["form_fields"] == [{"name": "Gate", "value": "7"}]
    lines = {line["name"]: line for line in reversed(await rows(bench, f"{path}/products"))}
    assert (lines["A"]["order_address_id"], lines["B"]["order_address_id"]) == (home["id"], other["id"])
    assert {name: lines[name]["type"] for name in ("A guide", "$25 Gift Certificate")} == {
        "A guide": "digital",
        "$25 Gift Certificate": "giftcertificate",
    }
    assert lines["A guide"]["order_address_id"] == 0
    for each in (home, other):
        shown = await rows(bench, f"{path}/shippingaddresses/{each['id']}")
        assert shown == each
    assert (await bench.get(f"{path}/shipping_addresses/7")).status == 404
    order = await rows(bench, path)
    for name, cost in (("base_cost", "base_shipping_cost"), ("handling_cost_tax", "handling_cost_tax")):
        assert money(home, name) + money(other, name) == money(order, cost)


async def test_consignments_hold_each_line_once(bench):
    path = rich(bench)
    names = sorted(line["name"] for line in await rows(bench, f"{path}/products"))
    for shown in (
        (await rows(bench, path, **INCLUDED))["consignments"],
        await rows(bench, f"{path}/consignments", include="consignments.line_items"),
    ):
        groups = [*shown["shipping"], *shown["downloads"], *shown["email"]["gift_certificates"]]
        assert sorted(line["name"] for group in groups for line in group["line_items"]) == names
        assert shown["downloads"][0]["recipient_email"] == "reader@example.com"
        assert shown["email"]["gift_certificates"][0]["recipient_email"] == "friend@example.com"
        assert isinstance(shown["shipping"][0]["cost_inc_tax"], float)
    linked = await rows(bench, f"{path}/consignments")
    assert linked["shipping"][0]["line_items"][0]["resource"] == f"/orders/100/products/{1}"


async def test_an_order_that_is_fetched_has_a_pickup_and_no_address(bench):
    path = rich(bench, "pickup", "custom")
    shown = await rows(bench, f"{path}/consignments", include="consignments.line_items")
    assert [line["name"] for line in shown["pickups"][0]["line_items"]] == ["A", "B", "Engraving"]
    assert shown["pickups"][0]["location"]["code"] == "LOCATION-1"
    assert (shown["shipping"], (await bench.get(f"{path}/shipping_addresses")).status) == ([], 204)


async def test_only_the_storefront_has_shipping_quotes(bench):
    for source, status in (("www", 200), ("manual", 204)):
        path = rich(bench, source=source)
        number = path.rpartition("/")[2]
        for quotes in (f"shipping_addresses/{number}", f"consignments/shipping/{number}"):
            assert (await bench.get(f"{path}/{quotes}/shipping_quotes")).status == status
        assert (await bench.get(f"{path}/shippingaddresses/{number}/shippingquotes")).status == 204


async def test_a_bundle_has_its_price_in_the_parent_and_its_stock_in_the_child(bench):
    path = rich(bench, "bundle")
    parent, child = (await rows(bench, f"{path}/products"))[2:]
    assert (child["parent_order_product_id"], child["is_bundled_product"], parent["is_bundled_product"]) == (
        parent["id"],
        True,
        False,
    )
    assert (child["sku"], child["price_inc_tax"]) == ("B", "0.0000")
    assert [option["type"] for option in parent["product_options"]] == ["Product Pick List"]
    assert await bench.level("B") == 50 - 3 - 1


async def test_a_line_tells_its_options_its_event_and_its_fields(bench):
    line, other = await rows(bench, f"{rich(bench, 'options')}/products")
    assert [(option["display_name"], option["value"]) for option in line["product_options"]] == [("Add Letters", "Zoë")]
    assert (line["event_name"], line["event_date"]) == ("Delivery Date", "2023-12-24")
    assert line["configurable_fields"] == [{"name": "Engraving", "value": "Rabin"}]
    assert (other["product_options"], other["event_date"]) == ([], None)


async def test_a_coupon_is_told_with_what_it_took_off(bench):
    path = rich(bench)
    (coupon,) = await rows(bench, f"{path}/coupons")
    assert (coupon["code"], coupon["type"], coupon["amount"], coupon["discount"]) == (CODE, 1, 10.0, 4.0)
    assert (await bench.get(f"/v2/orders/{bench.shop.sell(LINES).id}/coupons")).status == 204


async def test_fees_come_in_the_order_too_or_as_a_list(bench):
    path = rich(bench, "fee")
    alone = (await rows(bench, f"{path}/fees"))["fees"]
    assert [fee["cost_inc_tax"] for fee in alone] == ["8.5000"]
    assert (await rows(bench, path, **INCLUDED))["fees"] == alone
    assert (await rows(bench, "/v2/orders", **INCLUDED))[0]["fees"] == alone
    bench.shop.settings.switches.fees_answer = "list"
    bench.forgive("the document has an object here")
    assert await rows(bench, f"{path}/fees") == alone
    bare = bench.shop.sell(LINES).id
    assert (await bench.get(f"/v2/orders/{bare}/fees")).status == 204
    assert (await rows(bench, f"/v2/orders/{bare}", **INCLUDED))["fees"] == []


async def test_messages_are_filtered_and_paged(bench):
    path = rich(bench, "message")
    first, second = await rows(bench, f"{path}/messages")
    assert (first["type"], first["is_flagged"], second["subject"]) == ("customer", True, "Re: Order #100")
    assert await rows(bench, f"{path}/messages", min_id=second["id"]) == [second]
    assert await rows(bench, f"{path}/messages", is_flagged="true") == [first]
    assert await rows(bench, f"{path}/messages", limit=1, page=2) == [second]
    assert (await bench.get(f"{path}/messages", status="read")).status == 204


async def test_transactions_name_what_they_act_upon(bench):
    path = "/v3" + rich(bench, "transactions").removeprefix("/v2") + "/transactions"
    found = (await rows(bench, path))["data"]
    assert [(one["event"], one["method"]) for one in found] == [
        ("purchase", "gift_certificate"),
        ("purchase", "store_credit"),
        ("authorization", "credit_card"),
        ("capture", "credit_card"),
    ]
    assert found[3]["reference_transaction_id"] == found[2]["id"]
    assert found[0]["order_id"] == "100"
    order = await rows(bench, "/v2/orders/100")
    assert sum(Decimal(str(one["amount"])) for one in found if one["event"] != "authorization") == money(
        order, "total_inc_tax"
    )
    assert (order["gift_certificate_amount"], order["store_credit_amount"]) == ("5.0000", "1.5000")


@pytest.mark.parametrize("status", [200, 204, 404])
async def test_an_order_without_transactions_is_answered_in_one_of_three_ways(bench, status):
    bench.shop.settings.switches.no_transactions = status
    reply = await bench.get(f"/v3/orders/{bench.shop.sell(LINES).id}/transactions")
    assert reply.status == status
    assert (await bench.get("/v3/orders/9/transactions")).status == 404


async def test_a_refund_is_quoted_then_made_of_units_and_of_amounts(bench):
    sell_rich(bench.shop, LINES)
    order = await rows(bench, "/v2/orders/100")
    lines = await rows(bench, "/v2/orders/100/products")
    path = "/v3/orders/100/payment_actions"
    items = [
        {"item_type": "PRODUCT", "item_id": lines[0]["id"], "quantity": 1},
        {"item_type": "SHIPPING", "item_id": 100, "amount": 2.5},
    ]
    quote = (await bench.call("POST", f"{path}/refund_quotes", {"items": items})).json["data"]
    half = money(lines[0], "discounted_total_inc_tax") / 2
    assert quote["total_refund_amount"] == float(round(half + Decimal("2.5"), 2))
    assert [way[0]["provider_id"] for way in quote["refund_methods"]][-2:] == ["stripe", "custom"]
    assert (await rows(bench, path + "/refunds"))["data"] == []
    payments = [{"provider_id": "stripe", "amount": quote["total_refund_amount"], "offline": False}]
    made = await bench.call("POST", f"{path}/refunds", {"items": items, "payments": payments})
    (again,) = (await rows(bench, path + "/refunds"))["data"]
    assert (made.status, again) == (201, made.json["data"])
    assert [(item["item_type"], item.get("quantity")) for item in again["items"]] == [
        ("PRODUCT", 1),
        ("SHIPPING", None),
    ]
    number = again["payments"][0]["transaction_id"]
    transactions = (await rows(bench, "/v3/orders/100/transactions"))["data"]
    assert [str(one["id"]) for one in transactions if one["event"] == "refund"] == [number]
    for query, count in (({"transaction_id": number}, 1), ({"transaction_id": "x"}, 0), ({"id:in": again["id"]}, 1)):
        assert len((await rows(bench, "/v3/orders/payment_actions/refunds", **query))["data"]) == count
    alone = (await rows(bench, f"/v3/orders/payment_actions/refunds/{again['id']}"))["data"]
    assert (alone["total_amount"], alone["items"][1]["requested_amount"]) == (again["total_amount"], "2.50")
    after = await rows(bench, "/v2/orders/100")
    assert (after["status_id"], after["refunded_amount"], after["total_inc_tax"]) == (
        14,
        "0.0000",
        order["total_inc_tax"],
    )


@pytest.mark.parametrize(
    "items",
    [
        [],
        [{"item_type": "PRODUCT", "item_id": 1, "quantity": 3}],
        [{"item_type": "PRODUCT", "item_id": 77, "quantity": 1}],
        [{"item_type": "GIFT_WRAPPING", "item_id": 1, "quantity": 1}],
        [{"item_type": "SHIPPING", "item_id": 100}],
        [{"item_type": "ORDER", "item_id": 100, "amount": 500}],
        [{"item_type": "SMILE", "item_id": 100, "amount": 1}],
    ],
    ids=str,
)
async def test_a_refund_that_cannot_be_is_422(bench, items):
    sell_rich(bench.shop, LINES, parts=("transactions",))
    path = "/v3/orders/100/payment_actions"
    payments = [{"provider_id": "custom", "amount": 1, "offline": True}]
    assert (await bench.call("POST", f"{path}/refund_quotes", {"items": items})).status == 422
    assert (await bench.call("POST", f"{path}/refunds", {"items": items, "payments": payments})).status == 422
    assert bench.shop.refunds == []


@pytest.mark.parametrize(
    ("action", "pending", "done"), [("capture", "capture pending", "captured"), ("void", "void pending", "void")]
)
async def test_the_gateway_is_asked_and_does_it_later(bench, action, pending, done):
    order = sell_rich(bench.shop, LINES, parts=("custom",))
    bench.shop.transact(order.id, "authorization", "55.00")
    path = f"/v3/orders/{order.id}/payment_actions/{action}"
    assert (await bench.call("POST", path)).status == 422
    order.payment_status = "authorized"
    assert (await bench.call("POST", path)).status == 201
    assert (await rows(bench, "/v2/orders/100"))["payment_status"] == pending
    assert (await bench.call("POST", path)).status == 422
    bench.clock.turn(6)
    await bench.shop.hooks.courier.catch_up()
    assert (await rows(bench, "/v2/orders/100"))["payment_status"] == done
    last = (await rows(bench, "/v3/orders/100/transactions"))["data"][-1]
    assert (last["event"], last["amount"]) == (action, 55.0)
    assert (await bench.call("POST", "/v3/orders/9/payment_actions/void")).status == 404


async def test_an_order_has_no_metafields(bench):
    shown = await rows(bench, f"/v3/orders/{bench.shop.sell(LINES).id}/metafields")
    assert (shown["data"], shown["meta"]["pagination"]["total"]) == ([], 0)


@pytest.mark.parametrize("moves", [True, False])
async def test_messages_transactions_and_refunds_move_the_stamp_or_do_not(bench, moves):
    switches = bench.shop.settings.switches
    switches.message_moves_date = switches.transaction_moves_date = switches.refund_moves_date = moves
    order = bench.shop.sell(LINES)
    for happens in (
        lambda: bench.shop.add_message(order.id, "Hello"),
        lambda: bench.shop.transact(order.id, "purchase", "5"),
        lambda: bench.shop.fail_transaction(order.id, order.detailed().transactions[0].id),
        lambda: bench.shop.book_refund(order, {order.lines[0].id: 1}),
    ):
        before = order.modified_seconds
        shown = (await rows(bench, "/v2/orders/100"))["date_modified"]
        bench.clock.turn(60)
        happens()
        assert (order.modified_seconds > before) is moves
        assert ((await rows(bench, "/v2/orders/100"))["date_modified"] != shown) is moves
    assert (await rows(bench, "/v2/orders/100"))["payment_status"] == "partially refunded"


async def test_each_event_has_its_webhook(bench):
    async with open_receiver() as receiver:
        hook = {"scope": "store/order/*", "destination": receiver.url, "is_active": True}
        await bench.call("POST", "/v3/hooks", hook)
        order = sell_rich(bench.shop, LINES)
        bench.shop.fail_transaction(order.id, 1)
        bench.shop.book_refund(order, {order.lines[0].id: 1}, provider_id="stripe")
        bench.clock.turn(1)
        await bench.shop.hooks.courier.catch_up()
        data: dict[str, list[dict[str, Any]]] = {}
        for call in receiver.take():
            data.setdefault(call.body["scope"].removeprefix("store/order/"), []).append(call.body["data"])
    assert data["message/created"][0] == {"type": "order", "id": order.id, "message": {"order_message_id": 1}}
    assert data["refund/created"] == [{"type": "order", "id": order.id, "refund": {"refund_id": 1}}]
    assert len(data["transaction/created"]) == 5
    assert data["transaction/updated"][0]["order_id"] == str(order.id)
    assert data["transaction/updated"][0]["transaction_status"] == "error"
    assert {call["id"] for call in (await bench.sim("GET", "/hooks")).json["calls"]} == {order.id, str(order.id)}


async def test_noise_is_what_the_vendors_examples_show(bench):
    plain = bench.shop.sell(LINES).id
    clean = await rows(bench, f"/v2/orders/{plain}", **INCLUDED)
    bench.shop.settings.switches.type_noise = True
    bench.forgive("the noise of the examples is against the schemas")
    noisy = await rows(bench, f"/v2/orders/{plain}", **INCLUDED)
    assert (clean["credit_card_type"], noisy["credit_card_type"], noisy["payment_provider_id"]) == (None, {}, None)
    assert noisy["consignments"]["shipping"][0]["line_items"][0]["order_address_id"] == str(plain)
    download = (await rows(bench, rich(bench, "digital"), **INCLUDED))["consignments"]["downloads"][0]
    assert download["line_items"]["name"] == "A guide"
    sell_rich(bench.shop, LINES, parts=("transactions",))
    assert (await rows(bench, "/v3/orders/102/transactions"))["data"][0]["reference_transaction_id"] == {}


async def test_the_driving_api_sells_writes_and_pays(bench):
    made = await bench.sim("POST", "/orders", {"lines": LINES, "rich": True})
    assert (made.status, len(made.json["lines"])) == (201, 7)
    some = await bench.sim("POST", "/orders", {"lines": LINES, "rich": ["fee", "taxes"], "paid": False})
    assert (await rows(bench, f"/v2/orders/{some.json['order']}"))["status_id"] == 7
    assert (await bench.sim("POST", "/orders", {"lines": LINES, "rich": ["cake"]})).status == 400
    assert (await bench.sim("POST", "/orders", {"rich": True})).status == 400
    assert (await bench.sim("POST", "/orders/101/message", {"text": "Hi", "by_customer": True})).status == 200
    assert (await bench.sim("POST", "/orders/101/transaction", {"event": "purchase", "amount": 9.99})).status == 200
    assert (await rows(bench, "/v3/orders/101/transactions"))["data"][0]["amount"] == 9.99


async def test_a_stale_reader_sees_the_details_as_they_were(bench):
    bench.shop.faults.stale_orders_seconds = 60.0
    order = sell_rich(bench.shop, LINES, parts=("fee", "coupon"))
    bench.clock.turn(600)
    bench.shop.add_message(order.id, "Hello")
    await bench.call(
        "PUT", "/v2/orders/100", {"status_id": 11, "products": [{"id": order.lines[0].id, "quantity": 1}], "fees": []}
    )
    assert (await bench.get("/v2/orders/100/messages")).status == 204
    assert (await rows(bench, "/v2/orders/100"))["coupon_discount"] == "4.0000"
    bench.clock.turn(61)
    assert len(await rows(bench, "/v2/orders/100/messages")) == 1
    assert (await rows(bench, "/v2/orders/100"))["coupon_discount"] == "0.0000"
