"""BigCommerce's carts: reading one, finding its orders, making and changing one; over real HTTP before a simulated shop."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from syncd.core.cart import CartLineKind
from syncd.core.quantity import SECOND, Quantity, units
from syncd.errors import MisconfiguredError, NotFound, OutcomeUnknown, RefusedError, StoreFault
from syncd.ports.carts import CartConflict, PlacedOrder, WantedLine
from syncd.simulator.bigcommerce.cart_models import Cart
from syncd.stores.bigcommerce import BigCommerceStore
from syncd.stores.bigcommerce.cart_mapping import CartRow, map_cart
from tests.stores.bigcommerce_world import EPOCH, World, open_world
from tests.stores.test_bigcommerce_orders import Script

ABSENT = "09346904-4175-44fd-be53-f7e598531b6c"


@pytest.fixture
async def world():
    async with open_world() as world:
        world.add({"sku": "A", "stock": 9, "price": "12.50"}, {"sku": "P", "variants": [{"sku": "P-1", "stock": 5}]})
        yield world


def put(world: World, sku: str = "A", quantity: int = 2, **how) -> Cart:
    return world.shop.carts.create([world.shop.carts.line_of(sku, quantity)], **how)


def product(world: World, sku: str) -> str:
    found, variant = world.shop.catalog.sold_as(sku)
    return f"{found.id}/{variant.id}"


async def test_a_cart_is_read_with_all_that_it_has(world):
    made = put(world, "P-1", customer=7, email="ada@example.com")
    world.shop.carts.add(made, [world.shop.carts.custom_line("Wrap", 1, Decimal("2.5"), "W")])
    world.shop.carts.add_coupon("TEN", Decimal(10))
    world.shop.carts.apply_coupon(made, "ten")
    world.forget()
    look = await world.store.carts.read(made.id)
    assert world.asked.reads == [(f"/v3/carts/{made.id}", {})]
    content = look.content
    assert content is not None
    assert (content.cart, content.version, content.customer, content.email) == (made.id, 3, "7", "ada@example.com")
    assert (content.created, content.currency, content.channel) == (EPOCH, "USD", "1")
    assert (content.base, content.total) == (Decimal("22.5"), Decimal("20.25"))
    assert [(coupon.code, coupon.amount) for coupon in content.coupons] == [("TEN", Decimal("2.25"))]
    first, second = content.lines
    assert (first.product, first.sku, first.quantity, first.list_price) == (
        product(world, "P-1"), "P-1", units(2), Decimal(10),
    )  # fmt: skip
    assert (first.kind, second.kind, second.product) == (CartLineKind.STOCK, CartLineKind.CUSTOM, "")
    assert (second.quantity, second.list_price, second.total) == (units(1), Decimal("2.5"), Decimal("2.5"))
    assert look.began <= look.ended


async def test_a_cart_that_is_gone_is_none_and_nonsense_is_refused_before_it_is_asked_for(world):
    made = put(world)
    world.shop.carts.delete(made)
    assert (await world.store.carts.read(made.id)).content is None
    assert (await world.store.carts.read(ABSENT)).content is None
    world.forget()
    for name in ("", "../orders", ABSENT.upper(), "1"):
        with pytest.raises(RefusedError):
            await world.store.carts.read(name)
    assert world.asked.reads == []


async def test_the_orders_of_a_cart_are_found_drafts_and_placed_ones(world):
    made = put(world)
    assert await world.store.carts.orders_of(made.id) == ()
    first = world.shop.carts.order_of(made, source="www")
    second = world.shop.carts.order_of(made, source="www")
    world.sell("A")
    assert await world.store.carts.orders_of(made.id) == (
        PlacedOrder(str(second.id), placed=False), PlacedOrder(str(first.id), placed=False),
    )  # fmt: skip
    world.shop.pay(first.id)
    assert PlacedOrder(str(first.id), placed=True) in await world.store.carts.orders_of(made.id)


async def test_a_shop_that_ignores_the_filter_is_at_fault():
    order = {
        "id": 1, "date_created": "Tue, 14 Nov 2023 22:13:20 +0000", "date_modified": "Tue, 14 Nov 2023 22:13:20 +0000",
        "status_id": 11, "cart_id": "",
    }  # fmt: skip
    client = Script({"/v2/orders": [order]})
    with pytest.raises(StoreFault, match="others"):
        await BigCommerceStore(client, store_hash="abc").carts.orders_of(ABSENT)


@pytest.mark.parametrize("fault", ["html_200", "truncated", "error_503"])
async def test_nonsense_is_the_stores_fault_and_no_cart_that_is_gone(world, fault):
    made = put(world)
    world.shop.faults.change({fault: 1.0})
    with pytest.raises(StoreFault):
        await world.store.carts.read(made.id)


async def test_a_token_without_the_right_is_an_error_of_its_own(world):
    world.shop.settings.switches.carts_allowed = False
    with pytest.raises(MisconfiguredError):
        await world.store.carts.read(ABSENT)


# --- the vendor's noise


def row(**changes) -> CartRow:
    base = {
        "id": ABSENT.upper(), "created_time": "2018-09-17T14:27:39.000Z", "updated_time": "2018-09-17T14:53:40.000Z",
        "customer_id": 0, "line_items": {"physical_items": [], "digital_items": None},
    }  # fmt: skip
    return msgspec.convert(base | changes, CartRow, strict=False)


def test_what_is_absent_is_nothing():
    cart = map_cart(row(currency=None, coupons=None, email=None))
    assert (cart.cart, cart.customer, cart.currency, cart.lines, cart.base, cart.version) == (
        ABSENT,
        "",
        "",
        (),
        None,
        0,
    )


def test_a_bundles_parent_is_one_and_its_children_are_lines():
    parent = {"id": "p", "parent_id": {}, "product_id": 1, "variant_id": 2, "quantity": 1, "list_price": 5}
    child = {"id": "c", "parent_id": "p", "product_id": 3, "variant_id": 4, "quantity": 2, "list_price": 0}
    certificate = {"id": "g", "name": "Gift", "amount": 50, "sender": {"name": "Ada", "email": "ada@example.com"}}
    items = {"physical_items": [parent, child], "gift_certificates": [certificate]}
    lines = map_cart(row(line_items=items)).lines
    assert [(line.line, line.kind, line.parent) for line in lines] == [
        ("p", "bundle", ""), ("c", "stock", "p"), ("g", "gift_certificate", ""),
    ]  # fmt: skip
    assert (lines[2].total, lines[2].quantity) == (Decimal(50), units(1))


@pytest.mark.parametrize(
    ("value", "amount"), [(10.290000000000001, "10.29"), (0.1 + 0.2, "0.3"), ("5.00", "5"), (100, "100"), (0, "0")]
)
def test_money_is_exact(value, amount):
    assert str(map_cart(row(base_amount=value)).base) == amount


@pytest.mark.parametrize("quantity", ["many", -1, 1e300])
def test_a_quantity_that_is_none_is_refused(quantity):
    item = {"id": "x", "product_id": 1, "quantity": quantity}
    with pytest.raises(ValueError, match=r"quantity|number"):
        map_cart(row(line_items={"physical_items": [item]}))


# --- making and changing


async def test_a_cart_is_made_with_the_addresses_where_a_shopper_opens_it(world):
    wanted = (
        WantedLine(product(world, "A"), units(2), price=Decimal("9.99")),
        WantedLine(product(world, "P-1"), units(1)),
        WantedLine("", units(1), name="Wrap", sku="W", price=Decimal("2.5")),
    )
    made = await world.store.carts.create(wanted, customer="7")
    cart = world.shop.carts.kept[made.content.cart]
    assert [(line.sku, line.quantity, line.price) for line in cart.lines] == [
        ("A", 2, Decimal("9.99")), ("P-1", 1, Decimal(10)), ("W", 1, Decimal("2.5")),
    ]  # fmt: skip
    assert (cart.customer_id, made.content.version) == (7, 1)
    assert made.cart_url.startswith("https://")
    assert made.checkout_url.startswith("https://")


async def test_a_lost_answer_of_a_creation_leaves_one_cart_that_takes_nothing(world):
    world.shop.faults.change({"lost_answer": 1.0, "lost_answer_by": "504"})
    with pytest.raises(OutcomeUnknown):
        await world.store.carts.create((WantedLine(product(world, "A"), units(2)),))
    assert len(world.shop.carts.kept) == 1
    assert world.shop.truth()["skus"]["A"]["level"] == 9


async def test_a_cart_comes_to_hold_what_is_wanted_and_nothing_else(world):
    made = put(world)
    world.shop.carts.add(made, [world.shop.carts.custom_line("Wrap", 1, Decimal("2.5"))])
    wanted = (WantedLine(product(world, "A"), units(5)), WantedLine(product(world, "P-1"), units(1)))
    now = await world.store.carts.change(made.id, made.version, wanted)
    assert sorted((line.sku, line.quantity) for line in made.lines) == [("A", 5), ("P-1", 1)]
    assert now.content.version == made.version
    world.forget()
    assert (await world.store.carts.change(made.id, made.version, wanted)).content == now.content
    assert [row[:2] for row in world.asked.writes] == [("POST", "redirect_urls")], "new links, and nothing else to do"


async def test_a_version_that_is_no_more_is_a_conflict_and_nothing_is_done(world):
    made = put(world)
    wanted = (WantedLine(product(world, "A"), units(5)),)
    world.shop.carts.change(made, made.lines[0].id, 3)
    with pytest.raises(CartConflict) as caught:
        await world.store.carts.change(made.id, 1, wanted)
    assert caught.value.hint
    assert made.lines[0].quantity == 3


async def test_a_change_by_somebody_else_in_between_is_a_conflict(world):
    made = put(world)
    plain = world.asked.write

    async def meanwhile(*arguments, **how):
        world.shop.carts.add(made, [world.shop.carts.line_of("A", 1)])
        return await plain(*arguments, **how)

    world.asked.write = meanwhile
    with pytest.raises(CartConflict):
        await world.store.carts.change(made.id, 1, (WantedLine(product(world, "A"), units(5)),))
    assert made.lines[0].quantity == 3


async def test_a_cart_that_is_gone_can_not_be_changed_and_is_deleted_already(world):
    made = put(world)
    await world.store.carts.delete(made.id)
    assert made.gone == "deleted"
    await world.store.carts.delete(made.id)
    with pytest.raises(NotFound):
        await world.store.carts.change(made.id, 1, (WantedLine(product(world, "A"), units(5)),))


@pytest.mark.parametrize(
    "wanted",
    [
        (),
        (WantedLine("1/2", units(1)), WantedLine("1/2", units(2))),
        (WantedLine("1/2", units(0)),),
        (WantedLine("1/2", Quantity(5_000)),),
        (WantedLine("", units(1), name="Wrap"),),
        (WantedLine("", units(1), price=Decimal(1)),),
    ],
)
async def test_what_no_cart_can_hold_is_refused_before_anything_is_sent(world, wanted):
    made = put(world)
    with pytest.raises(RefusedError):
        await world.store.carts.change(made.id, 1, wanted)
    assert world.asked.writes == []
    assert (made.version, world.store.carts.traits.life_us) == (1, 30 * 86_400 * SECOND)


async def test_a_product_that_the_shop_does_not_sell_is_refused(world):
    with pytest.raises(RefusedError):
        await world.store.carts.create((WantedLine("999/1", units(1)),))
