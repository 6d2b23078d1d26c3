"""The catalog and the locations of the shop."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal

Tracking = Literal["none", "product", "variant"]
ItemKey = tuple[Literal["product", "variant"], int]
"""One stock item: what has a counter at a location."""

DEFAULT_LOCATION: Final = 1
"""The vendor's default location: always there, not deletable."""


@dataclass(slots=True)
class Variant:
    """A purchasable thing; a simple product has one, its base variant."""

    id: int
    product_id: int
    sku: str
    label: str
    price: Decimal


@dataclass(slots=True)
class Modifier:
    """A choice of a product that makes no variant. `values` are the choices by their ids; without any, it is free text."""

    id: int
    name: str
    required: bool = False
    kind: str = "Text field"
    values: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Product:
    """A product and where its stock is counted."""

    id: int
    sku: str
    name: str
    price: Decimal
    tracking: Tracking
    created_seconds: int
    modified_seconds: int
    simple: bool
    variants: list[Variant] = field(default_factory=list)
    kind: Literal["physical", "digital"] = "physical"
    minimum: int = 0
    maximum: int = 0
    """How many one may buy at once; 0 is without a limit."""
    modifiers: list[Modifier] = field(default_factory=list)

    def item_of(self, variant_id: int) -> ItemKey | None:
        """The stock item that a sale of this variant moves; None if nothing is tracked."""
        if self.tracking == "none":
            return None
        return ("product", self.id) if self.tracking == "product" else ("variant", variant_id)


@dataclass(slots=True)
class Location:
    """A place that holds stock."""

    id: int
    code: str
    label: str
    enabled: bool = True


@dataclass(slots=True)
class Catalog:
    """All products, by id and by SKU. SKUs are unique in a shop."""

    products: dict[int, Product] = field(default_factory=dict)
    variants: dict[int, Variant] = field(default_factory=dict)
    locations: dict[int, Location] = field(default_factory=dict)
    by_sku: dict[str, tuple[Product, Variant | None]] = field(default_factory=dict)

    def add(self, product: Product) -> None:
        """Put a product on sale. Raises ValueError when one of its SKUs is taken."""
        skus = [variant.sku for variant in product.variants]
        if not product.simple:
            skus.append(product.sku)
        for sku in skus:
            if not sku or sku in self.by_sku or skus.count(sku) > 1:
                raise ValueError(f"the SKU {sku!r} is empty or taken")
        self.products[product.id] = product
        for variant in product.variants:
            self.variants[variant.id] = variant
            self.by_sku[variant.sku] = (product, variant)
        if not product.simple:
            self.by_sku[product.sku] = (product, None)

    def sold_as(self, sku: str) -> tuple[Product, Variant]:
        """What a shopper buys under a SKU. Raises KeyError if nothing, or only a product whose variants one buys."""
        product, variant = self.by_sku[sku]
        if variant is None:
            raise KeyError(sku)
        return product, variant

    def item_under(self, sku: str) -> ItemKey | None:
        """The stock item that a SKU's counter is. Raises KeyError for an unknown SKU."""
        product, variant = self.by_sku[sku]
        return product.item_of(variant.id if variant else 0)

    def sku_of(self, item: ItemKey) -> str:
        """The SKU by which a stock item is known."""
        kind, number = item
        return self.products[number].sku if kind == "product" else self.variants[number].sku
