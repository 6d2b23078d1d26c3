"""What syncd reads of BigCommerce's answers: just these fields; the vendor adds others without warning.

The shapes are those of the vendor's API descriptions (orders v2, catalog v3, inventory v3, settings v3, store
information v2). They are wide on purpose where v2 is known to be noisy: an id comes as `128` or `"128"`, an absent
value as `null`, `""` or `{}`, an empty object as `[]`. Decode them with `strict=False`.
"""

from __future__ import annotations

import msgspec

Noise = object  # a field that may be anything: who reads it looks at its type

Number = int | float | str | None  # as written; `syncd.core.quantity.parse` reads it
Id = int | str | None


class OrderProduct(msgspec.Struct, gc=False):
    """A line of an order. `id` is 0 where the answer has a link (`url`, `resource`) in the place of the line."""

    id: int = 0
    product_id: Id = 0
    variant_id: Id = None
    sku: str | None = ""
    type: str | None = ""
    quantity: Number = None
    quantity_shipped: Number = 0
    quantity_refunded: Number = 0
    parent_order_product_id: Id = None
    order_address_id: Id = None


class ShipmentItem(msgspec.Struct, gc=False):
    """Units of a line in a shipment."""

    order_product_id: Id = None
    quantity: Number = None


class Shipment(msgspec.Struct, gc=False):
    """A shipment of `/v2/orders/{id}/shipments`."""

    id: int
    comments: Noise = ""
    tracking_number: Noise = ""
    items: list[ShipmentItem] | None = None


class Consignment(msgspec.Struct, gc=False):
    """What goes to one place: a pickup, a shipping address, a download or a gift certificate's recipient.

    The vendor's examples show `line_items` as a list of lines or links, and for downloads and gift certificates as one
    object.
    """

    line_items: list[OrderProduct] | OrderProduct | None = None


Recipients = list[Consignment] | Consignment | None


class EmailConsignments(msgspec.Struct, gc=False):
    """Gift certificates that go out by e-mail."""

    gift_certificates: Recipients = None


class Consignments(msgspec.Struct, gc=False):
    """An order's `consignments` with `consignment_structure=object`; all empty where it is only a link."""

    pickups: Recipients = None
    shipping: Recipients = None
    downloads: Recipients = None
    email: EmailConsignments | list[Consignment] | None = None


class Order(msgspec.Struct, gc=False):
    """An order of `GET /v2/orders` or `GET /v2/orders/{id}`."""

    id: int
    date_created: str
    date_modified: str
    status_id: int
    date_shipped: Noise = ""
    status: Noise = ""
    payment_status: Noise = ""
    items_total: Number = None
    is_deleted: Noise = False
    channel_id: Id = None
    cart_id: Noise = None
    external_order_id: Noise = ""
    order_source: Noise = ""
    external_source: Noise = None
    consignments: Consignments | list[object] | None = None


class MadeOrder(msgspec.Struct, gc=False):
    """The answer to an order that was posted: its number is what matters."""

    id: int


class OrderError(msgspec.Struct, gc=False):
    """One entry of a v2 error's list. `details` tell of the products concerned."""

    message: Noise = ""
    details: Noise = None


class OrderStub(msgspec.Struct, gc=False):
    """What can be told of an order that can't be read."""

    id: Noise = None
    date_modified: Noise = None


class StoreInformation(msgspec.Struct, gc=False):
    """`GET /v2/store`. `id` is the store hash."""

    id: Noise = ""
    name: str | None = ""
    default_channel_id: int | None = None


class StoreTime(msgspec.Struct, gc=False):
    """`GET /v2/time`: whole seconds since 1970."""

    time: int


class InventorySettings(msgspec.Struct, gc=False):
    """`GET /v3/settings/inventory`. None: not set for this channel, the store's own value holds."""

    update_stock_behavior: str | None = None
    edit_order_stock_adjustment: bool | None = None
    refund_order_stock_adjustment: bool | None = None


class InventorySettingsAnswer(msgspec.Struct, gc=False):
    """The envelope of `InventorySettings`."""

    data: InventorySettings


class Pagination(msgspec.Struct, gc=False):
    """How far a v3 list goes."""

    total_pages: int | None = None


class Meta(msgspec.Struct, gc=False):
    """A v3 list's `meta`."""

    pagination: Pagination | None = None


class OptionValue(msgspec.Struct, gc=False):
    """One choice that makes a variant."""

    label: str | None = ""


class Variant(msgspec.Struct, gc=False):
    """A product's variant. A product without options has one, the base variant."""

    id: int
    sku: str | None = ""
    option_values: list[OptionValue] | None = None


class Product(msgspec.Struct, gc=False):
    """A product of the catalogue with its variants (`include=variants`)."""

    id: int
    name: str | None = ""
    sku: str | None = ""
    type: str | None = ""
    inventory_tracking: str | None = ""
    variants: list[Variant] | None = None


class ProductsAnswer(msgspec.Struct, gc=False):
    """`GET /v3/catalog/products`."""

    data: list[Product]
    meta: Meta | list[object] | None = None


class Identity(msgspec.Struct, gc=False):
    """Which thing an inventory row is about."""

    product_id: int | None = None
    variant_id: int | None = None


class ItemSettings(msgspec.Struct, gc=False):
    """An inventory row's settings."""

    safety_stock: Number = None
    warning_level: Number = None


class InventoryLevel(msgspec.Struct, gc=False):
    """The level of an item at a location. It is null where none was ever set (or 0, says the vendor)."""

    available_to_sell: Number = None
    total_inventory_onhand: Number = None
    settings: ItemSettings | list[object] | None = None


class LocationLevel(InventoryLevel, kw_only=True, gc=False):
    """One of an item's locations, in a row of `GET /v3/inventory/items`."""

    location_id: int


class InventoryItem(InventoryLevel, kw_only=True, gc=False):
    """A row of `GET /v3/inventory/locations/{id}/items`, or (with `locations`) of `GET /v3/inventory/items`."""

    identity: Identity
    locations: list[LocationLevel] | None = None


class InventoryItemsAnswer(msgspec.Struct, gc=False):
    """The envelope of inventory rows."""

    data: list[InventoryItem]
    meta: Meta | list[object] | None = None


class Location(msgspec.Struct, gc=False):
    """A place that holds stock."""

    id: int
    label: str | None = ""
    enabled: bool | None = True


class LocationsAnswer(msgspec.Struct, gc=False):
    """`GET /v3/inventory/locations`."""

    data: list[Location]


class Adjusted(msgspec.Struct, gc=False):
    """The answer to an adjustment: accepted, to be applied a little later."""

    transaction_id: str


class Problem(msgspec.Struct, gc=False):
    """A v3 error. `title` is the message."""

    title: Noise = ""
    detail: Noise = ""
    errors: Noise = None
