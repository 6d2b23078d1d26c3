"""Reading and writing WooCommerce's counters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from syncd.core.quantity import NEVER, SECOND, Instant
from syncd.errors import BugError
from syncd.ports.store import InventoryTraits, LevelPage, LevelWrite, Listing, ListingPage, WriteOutcome
from syncd.stores.woocommerce.api import PER_PAGE_MAX, Api
from syncd.stores.woocommerce.items import read_item
from syncd.stores.woocommerce.levels import LevelReader
from syncd.stores.woocommerce.listings import ListingReader
from syncd.stores.woocommerce.writes import LevelWriter

BATCH_MAX = PER_PAGE_MAX  # 101 rows in a batch are refused (413)
LATE_US = 30 * SECOND  # PHP ends a request after 30 s by default; a stock write takes 0.2 s
SKUS_MAX = 20_000  # variations whose SKU is remembered for reading levels: about 4 MB


class WooCommerceInventory:
    """InventoryPort of one WooCommerce shop: absolute levels of whole units, which may lie below zero."""

    def __init__(self, api: Api, *, stale_us: int, late_us: int = LATE_US) -> None:
        self._api = api
        self._skus: dict[str, str] = {}
        self._traits = InventoryTraits(
            relative=False,
            batch_max=BATCH_MAX,
            apply_us=0,
            stale_us=stale_us,
            late_us=late_us,
            floor=None,
            whole_units=True,
        )

    @property
    def traits(self) -> InventoryTraits:
        """What the counters can do."""
        return self._traits

    async def listings(self, position: str) -> ListingPage:
        """One request for up to a hundred products, and one for each variable one among them (at most 25 a page)."""
        page = await ListingReader(self._api).read(position)
        self._remember(page.listings)
        return page

    async def levels(self, items: Sequence[str]) -> LevelPage:
        """One request for all products; one for variations whose SKUs are known, or one per parent.

        An item that doesn't count its stock (any more) has level None; one that is gone, or is none of this shop's, is absent.
        """
        _check_size(items)
        return await LevelReader(self._api, self._skus).read([item for name in items if (item := read_item(name))])

    async def write(self, writes: Sequence[LevelWrite], *, not_after: Instant = NEVER) -> tuple[WriteOutcome, ...]:
        """One request for all products, and one per parent for variations; each sent once, one after the other,
        and none after `not_after`.

        Where an earlier request was sent, a later one that surely wasn't ends as REFUSED, its reason beginning "not sent".
        """
        _check_size(writes)
        return await LevelWriter(self._api, not_after).write(writes)

    def _remember(self, listings: Iterable[Listing]) -> None:
        """Where to find variations. A SKU with a comma can't be asked for: the shop would take it for two."""
        for listing in listings:
            known = listing.item in self._skus or len(self._skus) < SKUS_MAX
            if listing.item.startswith("v:") and listing.sku and "," not in listing.sku and known:
                self._skus[listing.item] = listing.sku


def _check_size(asked: Sequence[object]) -> None:
    if len(asked) > BATCH_MAX:
        raise BugError(f"{len(asked)} items at once, {BATCH_MAX} are allowed")
