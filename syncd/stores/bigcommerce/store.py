"""One BigCommerce store, as the adapter hands it out."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from syncd.core.quantity import SECOND
from syncd.stores.bigcommerce.carts import BigCommerceCarts
from syncd.stores.bigcommerce.checkouts import BigCommerceCheckouts
from syncd.stores.bigcommerce.client import Client
from syncd.stores.bigcommerce.documents import BigCommerceDocuments
from syncd.stores.bigcommerce.inventory import BigCommerceInventory
from syncd.stores.bigcommerce.locations import DEFAULT_LOCATION_ID, Locations
from syncd.stores.bigcommerce.orders import SETTLE_US, SETTLE_WAIT_MAX_US, BigCommerceOrders
from syncd.stores.bigcommerce.placing import BigCommercePlacing
from syncd.stores.bigcommerce.settings import ShopSettings
from syncd.stores.bigcommerce.shipments import BigCommerceShipments

APPLY_US = 5 * SECOND  # the vendor names no bound for "a short delay"
STALE_US = 5 * SECOND  # reads straight after a write show the old value for as long
SHIPMENTS_STALE_US = 30 * SECOND  # the vendor names no bound for an order's lists
PLACING_STALE_US = 60 * SECOND  # nor for how soon a new order is in the list of orders
LATE_US = 30 * SECOND  # a request that long without an answer has been dropped by the vendor's gateway


class BigCommerceStore:
    """A store's orders and counters (`syncd.ports.store.Store`).

    `client` has the base address `https://api.bigcommerce.com/stores/{store_hash}` and sends `X-Auth-Token`. Needed
    scopes: orders read-only, products read-only, information & settings read-only, inventory modify. `channels` are
    those whose settings `describe` compares, besides the default one and those seen in orders. `location_id` is the
    location whose counters have the plain names, `locations` are others that are kept too (then the token should have
    the right to read locations). Durations in microseconds, as in `ScanTraits` and `InventoryTraits`.
    """

    def __init__(
        self,
        client: Client,
        *,
        store_hash: str,
        location_id: int = DEFAULT_LOCATION_ID,
        locations: Iterable[int] = (),
        channels: Iterable[int] = (),
        settle_us: int = SETTLE_US,
        settle_wait_max_us: int = SETTLE_WAIT_MAX_US,
        apply_us: int = APPLY_US,
        stale_us: int = STALE_US,
        late_us: int = LATE_US,
    ) -> None:
        kept = Locations(client, location_id, locations)
        self._orders = BigCommerceOrders(
            client,
            ShopSettings(client, channels),
            kept,
            store_hash=store_hash,
            settle_us=settle_us,
            settle_wait_max_us=settle_wait_max_us,
        )
        self._inventory = BigCommerceInventory(
            client, locations=kept, apply_us=apply_us, stale_us=stale_us, late_us=late_us
        )
        self._client = client
        self._shipments = BigCommerceShipments(client, late_us=late_us, stale_us=SHIPMENTS_STALE_US)
        self._carts = BigCommerceCarts(client, late_us=late_us)
        self._checkouts = BigCommerceCheckouts(client)
        self._placing = BigCommercePlacing(client, late_us=late_us, stale_us=PLACING_STALE_US)

    @property
    def orders(self) -> BigCommerceOrders:
        """Its orders."""
        return self._orders

    @property
    def inventory(self) -> BigCommerceInventory:
        """Its counters, at all locations that are kept."""
        return self._inventory

    def documents(self, wanted: Collection[str]) -> BigCommerceDocuments:
        """Its orders as whole documents, with these parts beside what the order list brings."""
        return BigCommerceDocuments(self._client, wanted)

    @property
    def shipments(self) -> BigCommerceShipments:
        """Its shipments: to be made only with the scope to modify orders."""
        return self._shipments

    @property
    def carts(self) -> BigCommerceCarts:
        """Its carts: to be read only with the scope for that."""
        return self._carts

    @property
    def checkouts(self) -> BigCommerceCheckouts:
        """Orders for it that go by a checkout: needs the scopes to modify carts and checkouts as well."""
        return self._checkouts

    @property
    def placing(self) -> BigCommercePlacing:
        """Orders for it: to be placed only with the scope to modify orders."""
        return self._placing
