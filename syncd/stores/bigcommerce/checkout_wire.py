"""What is read of the answers of `/v3/checkouts` and `/v3/carts` while an order goes by them."""

from __future__ import annotations

import msgspec

from syncd.stores.bigcommerce.wire import Noise


class Item(msgspec.Struct, gc=False):
    """A line of the cart."""

    id: str
    quantity: int


class Items(msgspec.Struct, gc=False):
    """The lines that are shipped."""

    physical_items: list[Item] = []


class Lines(msgspec.Struct, gc=False):
    """The cart in its checkout."""

    line_items: Items = msgspec.field(default_factory=Items)


class Option(msgspec.Struct, gc=False):
    """A way of shipping."""

    id: str
    description: str | None = ""
    cost: float = 0.0


class Consignment(msgspec.Struct, gc=False):
    """What goes to one address."""

    id: str
    selected_shipping_option: Noise = None
    available_shipping_options: list[Option] = []


class Billing(msgspec.Struct, gc=False):
    """Its e-mail tells whether it was given."""

    email: str | None = ""


class Checkout(msgspec.Struct, gc=False):
    """A checkout."""

    id: str
    cart: Lines = msgspec.field(default_factory=Lines)
    billing_address: Billing = msgspec.field(default_factory=Billing)
    consignments: list[Consignment] = []
    version: int | None = None


class CheckoutAnswer(msgspec.Struct, gc=False):
    """The vendor's envelope."""

    data: Checkout


class CartStub(msgspec.Struct, gc=False):
    """A cart that was made."""

    id: str


class MadeCart(msgspec.Struct, gc=False):
    """The vendor's envelope."""

    data: CartStub


class OrderStub(msgspec.Struct, gc=False):
    """An order that was made."""

    id: int


class Made(msgspec.Struct, gc=False):
    """The vendor's envelope."""

    data: OrderStub


class V3Error(msgspec.Struct, gc=False):
    """A refusal."""

    title: Noise = ""
    detail: Noise = ""
    errors: Noise = None
