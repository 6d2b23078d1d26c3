"""The products and their counters: who counts for whom, each change with its cause, and the truth of each SKU."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from syncd.simulator.woocommerce.records import Change, Product, ShopRefusal, Tally


class Catalog:
    """Products by id and SKU. `now` gives the shop's clock; `revision` grows when names, SKUs or parents change."""

    def __init__(
        self, now: Callable[[], int], stock_managed: Callable[[], bool], dates_follow_orders: Callable[[], bool]
    ) -> None:
        self._now = now
        self._stock_managed = stock_managed
        self._dates_follow_orders = dates_follow_orders
        self.products: dict[int, Product] = {}
        self.by_sku: dict[str, Product] = {}
        self.tallies: dict[str, Tally] = {}
        self.revision = 0
        self.absolute_writes = 0

    def add(self, product: Product) -> None:
        """Take a product in. Raises ShopRefusal where the SKU exists, with the holder's id."""
        self._refuse_double(product.sku, product.id)
        self.products[product.id] = product
        if product.sku:
            self.by_sku[product.sku] = product
        if product.parent_id:
            self.products[product.parent_id].children.append(product.id)
        product.history.append(Change(self._now(), 0, product.level, "hand"))  # the opening level
        self.revision += 1

    def rename(self, product: Product, sku: str) -> None:
        """Give a product another SKU. Raises ShopRefusal where that exists."""
        self._refuse_double(sku, product.id)
        self.by_sku.pop(product.sku, None)
        product.sku = sku
        if sku:
            self.by_sku[sku] = product
        self.revision += 1

    def remove(self, product: Product) -> None:
        """Delete a product with its variations: lines of old orders keep its id and lose its SKU."""
        for child in list(product.children):
            self.remove(self.products[child])
        del self.products[product.id]
        self.by_sku.pop(product.sku, None)
        parent = self.products.get(product.parent_id)
        if parent is not None:
            parent.children.remove(product.id)
        self.revision += 1

    def _refuse_double(self, sku: str, own_id: int) -> None:
        holder = self.by_sku.get(sku) if sku else None
        if holder is not None and holder.id != own_id:
            raise ShopRefusal(
                400,
                "product_invalid_sku",
                "Invalid or duplicated SKU.",
                resource_id=holder.id,
                unique_sku=f"{sku}-1",
            )

    def named(self, sku: str) -> Product:
        """The product with that SKU. Raises ShopRefusal."""
        product = self.by_sku.get(sku)
        if product is None:
            raise ShopRefusal(404, "unknown_sku", f"no product has the SKU {sku!r}")
        return product

    def counter_of(self, product: Product | None) -> Product | None:
        """Whose counter counts for this product: its own, its parent's, or None where no stock is managed."""
        if product is None or not self._stock_managed():
            return None
        if product.manage_stock:
            return product
        parent = self.products.get(product.parent_id)
        return parent if parent is not None and parent.manage_stock else None

    def level(self, product: Product, at: int | None = None) -> int | None:
        """What counts for this product, now or as of an instant; None where no stock is managed."""
        counter = self.counter_of(product)
        return None if counter is None else self.count(counter, at)

    def count(self, counter: Product, at: int | None = None) -> int:
        """The counter itself, now or as of an instant."""
        level = counter.level
        if at is not None:
            for change in reversed(counter.history):
                if change.at <= at:
                    break
                level -= change.change
        return level

    def move(self, product: Product, change: int, order_id: int, sku: str) -> bool:
        """An order takes (below 0) or gives back (above 0). False where nothing is counted."""
        counter = self.counter_of(product)
        if counter is None:
            return False
        tally = self.tallies.setdefault(sku, Tally())
        before = counter.level
        self._set(counter, before + change, str(order_id))
        if change < 0:
            tally.sold -= change
            tally.oversold += max(0, -counter.level) - max(0, -before)
        else:
            tally.returned += change
        product.total_sales = max(0, product.total_sales - change)
        if self._dates_follow_orders():
            self.touch(product)
            self.touch(counter)
        return True

    def write(self, counter: Product, level: int, cause: str) -> None:
        """An absolute write of the counter, by "api" or "hand"."""
        if cause == "api":
            self.absolute_writes += 1
        self._set(counter, level, cause)
        self.touch(counter)

    def touch(self, product: Product) -> None:
        """Move date_modified; a variation moves its parent's too (measured on WooCommerce 10.0.2)."""
        product.modified_us = self._now()
        parent = self.products.get(product.parent_id)
        if parent is not None:
            parent.modified_us = product.modified_us

    def _set(self, counter: Product, level: int, cause: str) -> None:
        counter.history.append(Change(self._now(), level - counter.level, level, cause))
        counter.level = level

    def sellable(self) -> Iterator[Product]:
        """Everything with a SKU."""
        return iter(self.by_sku.values())
