"""What WooCommerce sends, as far as syncd reads it: fields that aren't named here are skipped while parsing.

PHP is loose with types, and plugins filter everything; so numbers may come as strings, an empty object as `[]`, and a
list as an object with numbers for keys. What is accepted here is what has been seen or is harmless; the rest makes that
one item unreadable, never its page.
"""

from __future__ import annotations

import msgspec

Number = int | float | str | None
NOTHING = msgspec.Raw(b"null")


class Meta(msgspec.Struct, gc=False):
    """One entry of `meta_data`. Its value can be anything; it is parsed only where the key matters."""

    key: str | int | None = None
    value: msgspec.Raw = NOTHING


Metas = list[Meta] | dict[str, Meta]  # an object where a plugin has filtered the array without numbering it anew


class LineItem(msgspec.Struct, gc=False):
    """One product line of an order. `product_id` is the parent's for variations, 0 for a product that is gone."""

    id: int
    quantity: Number
    product_id: int | str | None = 0
    variation_id: int | str | None = 0
    sku: str | None = ""
    meta_data: Metas = []


class OrderBody(msgspec.Struct, gc=False):
    """One order. Without any of the first five fields it is not an order that we can read.

    Its own `meta_data` is parsed only where it holds something of ours: plugins put dozens of entries there.
    """

    id: int
    status: str
    date_created_gmt: str
    date_modified_gmt: str
    line_items: list[LineItem]
    order_key: str | None = ""
    created_via: str | None = ""
    date_paid_gmt: str | None = None
    date_completed_gmt: str | None = None
    meta_data: msgspec.Raw = NOTHING


class OrderMark(msgspec.Struct):
    """The least that is read of an order whose body can't be: enough to name it in quarantine."""

    id: int | str | None = None
    date_modified_gmt: str | None = None


class OrderId(msgspec.Struct):
    """A row of an order list that was asked for its ids alone."""

    id: int


class OrderStatus(msgspec.Struct):
    """A row of `orders/statuses`: the slug without its `wc-`."""

    slug: str


class ErrorBody(msgspec.Struct):
    """What comes with a refusal; `code` is the stable part of it."""

    code: str | int | None = ""
    message: str | None = ""

    def told(self) -> str:
        """Code and message in one line."""
        return f"{self.code}: {self.message}"


class Product(msgspec.Struct):
    """A product or a variation, by `_fields=` PRODUCT_FIELDS.

    `manage_stock` is true, false, or "parent" for a variation that draws on its parent's counter; `stock_quantity` is
    then the parent's. A variation in a list of its parent's has no `parent_id` in old versions.
    """

    id: int
    type: str = ""
    name: str | None = ""
    sku: str | None = ""
    parent_id: int | str | None = 0
    manage_stock: bool | str | None = False
    stock_quantity: Number = None
    virtual: bool = False
    downloadable: bool = False


PRODUCT_FIELDS = ",".join(Product.__struct_fields__)


class BatchRow(msgspec.Struct):
    """One row of a batch answer: the product as it is now, or the error for it."""

    id: int = 0
    manage_stock: bool | str | None = False
    stock_quantity: Number = None
    error: ErrorBody | None = None


class BatchAnswer(msgspec.Struct):
    """The answer to `products/batch` and `products/<id>/variations/batch`: 200, whatever became of each row."""

    update: list[BatchRow]


class Index(msgspec.Struct):
    """The index of WordPress's REST API."""

    name: str = ""
    url: str = ""
    home: str = ""
    namespaces: list[str] = []


class Environment(msgspec.Struct):
    """The part of `system_status` that we read."""

    version: str = ""


class SystemStatus(msgspec.Struct):
    """`system_status`, by `_fields`."""

    environment: Environment


class Setting(msgspec.Struct):
    """One setting of the shop."""

    value: Number | bool = None
