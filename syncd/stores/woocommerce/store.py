"""One WooCommerce shop, as the rest of syncd sees it."""

from __future__ import annotations

from collections.abc import Mapping

from syncd.core.order import Phase
from syncd.stores.woocommerce.api import Api
from syncd.stores.woocommerce.inventory import LATE_US, WooCommerceInventory
from syncd.stores.woocommerce.orders import SETTLE_US, WooCommerceOrders
from syncd.transport import HttpClient

NO_STATUSES: Mapping[str, Phase] = {}


class WooCommerceStore:
    """Holds both ports of a shop.

    `client` has the shop's address without `/wp-json` as its base. `rest_route` is for shops without pretty permalinks.
    `statuses` gives a phase to each custom order status (slugs without `wc-`); it may also change one of the core's.
    `hold_stock_minutes` overrides the shop's own setting, for keys that may not read it. `settle_us`: how long an order
    may be seen half-written; `stale_us`: by how much a cache before the shop may age a reading.
    """

    def __init__(
        self,
        client: HttpClient,
        *,
        rest_route: bool = False,
        statuses: Mapping[str, Phase] = NO_STATUSES,
        hold_stock_minutes: int | None = None,
        settle_us: int = SETTLE_US,
        stale_us: int = 0,
        late_us: int = LATE_US,
    ) -> None:
        api = Api(client, rest_route=rest_route)
        self._orders = WooCommerceOrders(
            api, statuses=statuses, hold_stock_minutes=hold_stock_minutes, settle_us=settle_us
        )
        self._inventory = WooCommerceInventory(api, stale_us=stale_us, late_us=late_us)

    @property
    def orders(self) -> WooCommerceOrders:
        """Its orders."""
        return self._orders

    @property
    def inventory(self) -> WooCommerceInventory:
        """Its counters."""
        return self._inventory
