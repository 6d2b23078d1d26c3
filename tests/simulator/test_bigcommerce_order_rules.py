"""What the BigCommerce shop lets somebody write into an order, by the vendor's document, and what its tax provider is told."""

from __future__ import annotations

import pytest

from tests.simulator.bigcommerce_bench import open_bench

BILLING = {"first_name": "Ann", "zip": "78751", "email": "ann@example.com", "state": "Texas"}
PAID, UNPAID = 11, 7


@pytest.fixture
async def bench():
    async with open_bench() as bench:
        bench.shop.add_products(
            [
                {"sku": "A", "stock": 50, "price": "3.50", "minimum": 2, "maximum": 6},
                {"sku": "B", "stock": 50, "price": "10"},
                {"sku": "P", "stock": 5, "variants": [{"sku": "P-1", "stock": 2}, {"sku": "P-2", "stock": 0}]},
                {
                    "sku": "M",
                    "stock": 5,
                    "modifiers": [
                        {"name": "Engraving", "required": True},
                        {"name": "Colour", "kind": "Multiple choice", "values": {"1": "Red"}},
                        {"name": "Picture", "kind": "File Upload"},
                    ],
                },
            ]
        )
        yield bench


def line(bench, sku="B", quantity=1, **more):
    product, variant = bench.shop.catalog.sold_as(sku)
    return {"product_id": product.id, "variant_id": variant.id, "quantity": quantity, **more}


def draft(bench, *lines, **more):
    return {"billing_address": BILLING, "products": list(lines) or [line(bench)], **more}


async def post(bench, *lines, **more):
    made = await bench.call("POST", "/v2/orders", draft(bench, *lines, **more))
    assert made.status == 201, made.json
    return made.json


async def put(bench, number, **body):
    return await bench.call("PUT", f"/v2/orders/{number}", body)


async def products(bench, number):
    return (await bench.get(f"/v2/orders/{number}/products")).json


@pytest.mark.parametrize(
    ("field", "missing"),
    [
        ("subtotal_ex_tax", "subtotal_inc_tax"),
        ("total_inc_tax", "total_ex_tax"),
        ("shipping_cost_ex_tax", "shipping_cost_inc_tax"),
    ],
)
async def test_amounts_that_come_in_pairs_are_refused_alone(bench, field, missing):
    refused = await bench.call("POST", "/v2/orders", draft(bench, **{field: "1.00"}))
    assert (refused.status, refused.json[0]["message"]) == (400, f"The field '{missing}' is invalid.")
    made = await post(bench)
    assert (await put(bench, made["id"], status_id=1, **{field: 1})).status == 400
    assert (await put(bench, made["id"], status_id=1, **{field: 1, missing: "2"})).json[missing] == "2.0000"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"discount_amount": "-1"}, "discount_amount"),
        ({"base_shipping_cost": "free"}, "base_shipping_cost"),
        ({"handling_cost_ex_tax": True}, "handling_cost_ex_tax"),
        ({"customer_locale": "English"}, "customer_locale"),
        ({"ip_address": "1" * 31}, "ip_address"),
        ({"staff_notes": "x" * 65_536}, "staff_notes"),
        ({"date_created": "yesterday"}, "date_created"),
        ({"billing_address": {"first_name": "Ann"}}, "zip"),
        ({"channel_id": 9}, "channel_id"),
        ({"shipping_addresses": ["home"]}, "shipping_addresses"),
        ({"fees": [{"cost_ex_tax": 1, "cost_inc_tax": 1}]}, "fees"),
        ({"fees": [{"display_name_customer": "Fee", "cost_ex_tax": 1}]}, "fees"),
        ({"fees": [{"id": 5, "display_name_customer": "Fee", "cost_ex_tax": 1, "cost_tax": 0}]}, "fees"),
        ({"products": [{"name": "x", "quantity": 1}]}, "price_ex_tax"),
        ({"products": [{"name": "", "quantity": 1, "price_ex_tax": 1, "price_inc_tax": 1}]}, "name"),
        ({"products": [{"name": "x", "name_customer": "y", "quantity": 1}]}, "name_customer"),
        (
            {"products": [{"name": "x", "quantity": 1, "price_ex_tax": 1, "price_inc_tax": 1, "variant_id": 3}]},
            "variant",
        ),
        ({"products": []}, "products"),
    ],
    ids=str,
)
async def test_a_field_that_cannot_be_is_named(bench, change, field):
    refused = await bench.call("POST", "/v2/orders", {**draft(bench), **change})
    assert refused.status == 400
    assert field in refused.json[0]["message"]
    assert await bench.listed() == []


@pytest.mark.parametrize(
    "field",
    [
        "total_tax",
        "coupon_discount",
        "store_credit_amount",
        "date_modified",
        "tax_provider_id",
        "is_tax_inclusive_pricing",
    ],
)
async def test_what_is_only_shown_cannot_be_written(bench, field):
    made = await post(bench)
    for reply in (
        await bench.call("POST", "/v2/orders", draft(bench, **{field: "x"})),
        await put(bench, made["id"], **{field: "x"}),
    ):
        assert reply.status == 400
        assert reply.json[0]["message"].startswith(f"The field '{field}' cannot be written to.")


async def test_the_merchant_id_and_the_currency_are_written_once(bench):
    made = await post(bench, external_merchant_id="M-7", default_currency_code="EUR")
    assert (made["external_merchant_id"], made["default_currency_code"]) == ("M-7", "EUR")
    for field in ("external_merchant_id", "default_currency_code"):
        assert (await put(bench, made["id"], status_id=1, **{field: "x"})).status == 400


async def test_quantities_that_are_refused_say_why(bench):
    for quantity, fault in (
        (1, {"type": "InsufficientQuantity", "minimum_quantity": 2}),
        (7, {"type": "ExceedsMaxQuantity", "maximum_quantity": 6}),
    ):
        refused = await bench.call("POST", "/v2/orders", draft(bench, line(bench, "A", quantity)))
        error = refused.json[0]["details"]["errors"][0]
        assert refused.status == 409
        assert {name: error[name] for name in fault} == fault
        assert error["product"]["sku"]["inventory_level"] == 50
    made = await post(bench, line(bench, "A", 4))
    first = (await products(bench, made["id"]))[0]["id"]
    for change in ({"id": first, "quantity": 7}, {"id": first, "quantity": 1}, line(bench, "A", 3)):
        assert (await put(bench, made["id"], status_id=1, products=[change])).status == 409
    assert (await products(bench, made["id"]))[0]["quantity"] == 4
    assert (await put(bench, made["id"], status_id=1, products=[{"id": first, "quantity": 0}])).status == 200


async def test_options_make_the_variant_and_mandatory_ones_must_come(bench):
    catalog = bench.shop.catalog
    parent, second = catalog.sold_as("P-2")
    kind = {"id": parent.id, "value": str(second.id)}
    short = await bench.call(
        "POST", "/v2/orders", draft(bench, {"product_id": parent.id, "quantity": 1, "product_options": [kind]})
    )
    assert (short.status, short.json[0]["details"]["errors"][0]["product"]["sku"]["sku"]) == (409, "P-2")
    modified, _ = catalog.sold_as("M")
    engraving, colour, picture = (modifier.id for modifier in modified.modifiers)
    for number, options, error in (
        (parent.id, [], "MandatoryProductOptions"),
        (parent.id, [{"id": parent.id, "value": "1"}], "InvalidProductOption"),
        (modified.id, [], "MandatoryProductOptions"),
        (modified.id, [{"id": engraving, "value": ""}], "InvalidProductOption"),
        (modified.id, [{"id": engraving, "value": "Hi"}, {"id": colour, "value": "2"}], "InvalidProductOption"),
        (modified.id, [{"id": engraving, "value": "Hi"}, {"id": picture, "value": "x"}], "InvalidProductOption"),
        (modified.id, [{"id": 1, "value": "Hi"}], "InvalidProductOption"),
    ):
        wanted = {"product_id": number, "quantity": 1, "product_options": options}
        refused = await bench.call("POST", "/v2/orders", draft(bench, wanted))
        assert (refused.status, refused.json[0]["details"]["errors"][0]["type"]) == (400, error)
    options = [{"id": engraving, "value": "Hi"}, {"id": colour, "value": "1"}]
    made = await post(bench, {"product_id": modified.id, "quantity": 1, "product_options": options})
    shown = (await products(bench, made["id"]))[0]["product_options"]
    assert [(one["display_name"], one["display_value"]) for one in shown] == [("Engraving", "Hi"), ("Colour", "Red")]


async def test_prices_with_and_without_tax_give_the_totals(bench):
    wanted = line(
        bench,
        quantity=2,
        price_ex_tax=10,
        price_inc_tax="11.00",
        wrapping_id=3,
        wrapping_cost_ex_tax=1,
        wrapping_cost_inc_tax=2,
    )
    costs = {"shipping_cost_ex_tax": "5", "shipping_cost_inc_tax": 6}
    made = await post(bench, wanted, **costs, discount_amount=4)
    assert {
        name: made[name] for name in ("subtotal_ex_tax", "subtotal_inc_tax", "subtotal_tax", "wrapping_cost_tax")
    } == {
        "subtotal_ex_tax": "20.0000",
        "subtotal_inc_tax": "22.0000",
        "subtotal_tax": "1.6000",
        "wrapping_cost_tax": "1.0000",
    }
    assert (made["total_ex_tax"], made["total_tax"], made["total_inc_tax"]) == ("22.0000", "3.6000", "25.6000")
    row = (await products(bench, made["id"]))[0]
    assert (row["total_tax"], row["discounted_total_inc_tax"]) == ("1.6000", "17.6000")
    assert row["applied_discounts"] == [
        {"id": "manual-discount", "amount": "4.0000", "name": "Manual Discount", "code": None, "target": "order"}
    ]


async def test_totals_that_are_set_stand_and_nothing_follows_from_a_set_subtotal(bench):
    made = await post(bench, subtotal_ex_tax=1, subtotal_inc_tax=2)
    assert (made["subtotal_ex_tax"], made["subtotal_tax"], made["total_inc_tax"]) == ("1.0000", "1.0000", "10.0000")
    made = await post(bench, total_ex_tax=7, total_inc_tax=8)
    assert (made["total_ex_tax"], made["total_tax"], made["subtotal_inc_tax"]) == ("7.0000", "1.0000", "10.0000")


async def test_a_put_clears_the_discounts_of_the_lines_that_it_touches_and_of_no_others(bench):
    made = await post(bench, line(bench, quantity=1), line(bench, quantity=3), discount_amount="4.00")
    first, second = (row["id"] for row in await products(bench, made["id"]))
    changed = await put(
        bench, made["id"], status_id=1, products=[{"id": first, "price_ex_tax": 20, "price_inc_tax": 20}]
    )
    assert (changed.json["discount_amount"], changed.json["total_inc_tax"]) == ("3.0000", "47.0000")
    changed = await put(bench, made["id"], status_id=1, products=[{"id": second, "quantity": 1}])
    assert (changed.json["discount_amount"], changed.json["total_inc_tax"]) == ("0.0000", "30.0000")
    for discount in ("2.0000", "3.0000"):
        changed = await put(bench, made["id"], status_id=1, discount_amount=discount)
        assert changed.json["discount_amount"] == discount
    changed = await put(bench, made["id"], status_id=1, products=[line(bench)])
    changed = await put(bench, made["id"], status_id=1, discount_amount="1.0000")
    assert (changed.json["discount_amount"], changed.json["total_inc_tax"]) == ("1.0000", "39.0000")


async def test_the_fees_of_a_put_replace_all_that_were_there(bench):
    fee = {
        "type": "custom_fee",
        "display_name_customer": "Insurance",
        "source": "ERP",
        "cost_ex_tax": "8",
        "cost_tax": "2",
    }
    made = await post(bench, fees=[fee, {**fee, "display_name_merchant": "Other"}])
    assert made["total_inc_tax"] == "30.0000"
    kept, _ = bench.shop.order(made["id"]).details.fees
    again = {"id": kept.id, "display_name_customer": "Insurance", "cost_ex_tax": 1, "cost_inc_tax": 1}
    assert (await put(bench, made["id"], status_id=1, fees=[again])).json["total_inc_tax"] == "11.0000"
    assert (await put(bench, made["id"], status_id=1, staff_notes="x")).json["total_inc_tax"] == "11.0000"
    bench.shop.settings.switches.put_without_fees_deletes = True
    assert (await put(bench, made["id"], status_id=1, staff_notes="x")).json["total_inc_tax"] == "10.0000"
    assert (await put(bench, made["id"], status_id=1, fees=[again])).status == 400


async def test_a_put_moves_the_order_to_a_channel_that_there_is(bench):
    made = await post(bench)
    assert (await put(bench, made["id"], status_id=1, channel_id=9)).status == 400
    bench.shop.channels[9] = "Market"
    assert (await put(bench, made["id"], status_id=1, channel_id=9)).json["channel_id"] == 9


async def test_one_address_of_the_customers_machine_resets_the_other(bench):
    made = await post(bench, ip_address="10.1.1.1")
    changed = (await put(bench, made["id"], status_id=1, ip_address_v6="2001:db8::1")).json
    assert (changed["ip_address"], changed["ip_address_v6"]) == ("", "2001:db8::1")


async def test_an_order_may_have_been_made_long_ago(bench):
    made = await post(bench, date_created="Tue, 20 Nov 2012 00:00:00 +0000", external_source="M-MIG")
    assert made["date_created"] == "Tue, 20 Nov 2012 00:00:00 +0000"
    assert made["date_modified"] != made["date_created"]


async def test_addresses_are_changed_one_by_one_and_no_cost_follows(bench):
    home = {"first_name": "Trish", "city": "Austin", "form_fields": [{"name": "Gate", "value": "7"}]}
    made = await post(
        bench, shipping_addresses=[home, {"first_name": "Bob"}], shipping_cost_ex_tax=1, shipping_cost_inc_tax=1
    )
    path = f"/v2/orders/{made['id']}/shipping_addresses"
    first, second = (await bench.get(path)).json
    assert [first["first_name"], second["first_name"], second["items_total"]] == ["Trish", "Bob", 0]
    assert first["form_fields"] == home["form_fields"]
    changed = await put(bench, made["id"], status_id=1, shipping_addresses=[{"id": second["id"], "city": "Houston"}])
    assert changed.json["total_inc_tax"] == "11.0000"
    assert [row["city"] for row in (await bench.get(path)).json] == ["Austin", "Houston"]
    assert (await put(bench, made["id"], status_id=1, shipping_addresses=[{"id": 5, "city": "x"}])).status == 400


async def test_an_order_that_is_fetched_has_one_pickup_and_no_address(bench):
    pickup = {
        "pickup_method_id": 2,
        "location": {"name": "Shop", "code": "S1"},
        "line_items": [line(bench, quantity=2)],
    }
    wrong: list[list[object]] = [[], [pickup, pickup], [{"line_items": []}]]
    for pickups in wrong:
        consignments = {"pickups": pickups}
        body = {"billing_address": BILLING, "consignments": consignments}
        assert (await bench.call("POST", "/v2/orders", body)).status == 400
    body = {"billing_address": BILLING, "consignments": {"pickups": [pickup]}}
    assert (await bench.call("POST", "/v2/orders", {**body, "shipping_addresses": [{}]})).status == 400
    assert (await bench.call("POST", "/v2/orders", {**body, "products": [line(bench)]})).status == 400
    made = (await bench.call("POST", "/v2/orders", body)).json
    row = (await products(bench, made["id"]))[0]
    assert (row["order_address_id"], row["order_pickup_method_id"], await bench.level("B")) == (0, 2, 48)
    assert (await bench.get(f"/v2/orders/{made['id']}/shipping_addresses")).status == 204
    number = bench.shop.order(made["id"]).details.pickup.id
    change = {"id": number, "location": {"name": "Depot"}, "line_items": [{"id": row["id"], "quantity": 1}]}
    assert (await put(bench, made["id"], status_id=1, consignments={"pickups": [change]})).status == 200
    assert bench.shop.order(made["id"]).details.pickup.location["name"] == "Depot"
    assert (await products(bench, made["id"]))[0]["quantity"] == 1
    assert (await put(bench, made["id"], status_id=1, consignments={"pickups": [{"id": 9}]})).status == 400


async def test_a_shipment_is_changed_but_not_its_items(bench):
    made = await post(bench)
    row = (await products(bench, made["id"]))[0]
    body = {"order_address_id": row["order_address_id"], "items": [{"order_product_id": row["id"], "quantity": 1}]}
    path = f"/v2/orders/{made['id']}/shipments"
    number = (await bench.call("POST", path, body)).json["id"]
    changed = await bench.call("PUT", f"{path}/{number}", {"tracking_number": "T-2"})
    assert (changed.status, changed.json["tracking_number"]) == (200, "T-2")
    assert (await bench.call("PUT", f"{path}/{number}", body)).status == 400
    assert (await bench.call("PUT", f"{path}/{number}", {"tracking_link": "x" * 501})).status == 400
    assert (await bench.call("PUT", f"{path}/99", {})).status == 404


async def test_all_orders_are_archived_at_once(bench):
    for _ in range(3):
        await post(bench)
    await bench.call("DELETE", "/v2/orders", limit=2)
    assert len(await bench.listed()) == 1


# --- what the tax provider is told


def filings(bench):
    return [filing["kind"] for filing in bench.shop.truth()["tax_documents"]]


async def test_a_tax_document_is_submitted_once_paid_and_voided_once_unpaid_again(bench):
    made = await post(bench)
    assert filings(bench) == []
    for status_id, told in (
        (PAID, ["submitted"]),
        (2, []),
        (10, []),
        (UNPAID, ["voided"]),
        (1, []),
        (PAID, ["submitted"]),
    ):
        before = len(filings(bench))
        await put(bench, made["id"], status_id=status_id)
        assert filings(bench)[before:] == told


async def test_an_order_that_is_posted_as_paid_has_its_document_at_once(bench):
    await post(bench, status_id=PAID)
    assert bench.shop.truth()["tax_documents"] == [
        {"order": "100", "kind": "submitted", "at": bench.clock.now(), "status_id": PAID}
    ]


async def test_a_put_without_a_status_voids_the_document_of_a_paid_order(bench):
    """The trap: a note on a paid order files twice with the office, unless the status comes along."""
    made = await post(bench, status_id=PAID)
    await put(bench, made["id"], status_id=PAID, staff_notes="kept")
    assert filings(bench) == ["submitted"]
    await put(bench, made["id"], staff_notes="lost")
    assert filings(bench) == ["submitted", "voided"]
    await put(bench, made["id"], status_id=PAID)
    assert filings(bench) == ["submitted", "voided", "submitted"]
    bench.shop.settings.switches.put_resets_status = False
    await put(bench, made["id"], staff_notes="kept")
    assert filings(bench)[3:] == []


async def test_refunded_is_neither_paid_nor_unpaid_and_a_refund_by_the_api_touches_no_document(bench):
    paid = await post(bench, line(bench, quantity=2), status_id=PAID)
    bench.shop.book_refund(bench.shop.order(paid["id"]), {bench.shop.order(paid["id"]).lines[0].id: 1})
    await put(bench, paid["id"], status_id=4)
    await put(bench, paid["id"], status_id=UNPAID)
    assert filings(bench) == ["submitted"]


async def test_documents_may_be_submitted_when_orders_are_made(bench):
    bench.shop.settings.switches.document_submission_strategy = "ON_ORDER_CREATION"
    made = await post(bench)
    await put(bench, made["id"], status_id=PAID)
    assert filings(bench) == ["submitted"]


async def test_an_abbreviated_state_is_no_submission(bench):
    made = await post(bench, status_id=PAID, billing_address={**BILLING, "state": "TX"})
    await put(bench, made["id"], status_id=UNPAID)
    assert filings(bench) == ["failed"]


async def test_the_documents_are_in_the_truth_of_the_driving_api(bench):
    bench.shop.sell([{"sku": "B", "quantity": 1}])
    truth = (await bench.sim("GET", "/truth")).json
    assert [(one["order"], one["kind"]) for one in truth["tax_documents"]] == [("100", "submitted")]
