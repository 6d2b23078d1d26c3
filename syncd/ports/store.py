"""What a store must be able to do, split by capability: orders and inventory.

The same promises hold for all methods. They raise only `syncd.errors`: TransientError and its kinds when it may work
later (reads are retried inside already), MisconfiguredError for credentials, rights and wrong addresses, RefusedError
when the store says no to one thing. All are safe to repeat but `InventoryPort.write`, which is sent at most once.
Instants are microseconds UTC; `began` and `ended` are by our clock, all others by the store's.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from syncd.core.order import Order, Unreadable
from syncd.core.quantity import NEVER, Instant, Quantity


class StockBehaviour(msgspec.Struct, frozen=True):
    """When this shop takes stock for an order, by its settings in force at this moment.

    `takes_at` is "placed" or "shipped". `edits_adjust`: editing a placed order's lines moves its counter.
    `cancel_returns`: cancelling (or refunding by status) puts the units back. `witnessed`: lines carry `reduced`.
    """

    takes_at: str = "placed"
    edits_adjust: bool = True
    cancel_returns: bool = True
    witnessed: bool = False


class StoreDescription(msgspec.Struct, frozen=True):
    """Which shop this is, how it behaves, and how its clock differs from ours.

    `identity` is the platform's own (store hash, site URL): it is pinned at the first contact. `clock_ahead_us` is the
    store's clock minus ours, known to within `clock_error_us`.
    """

    identity: str
    name: str
    behaviour: StockBehaviour
    clock_ahead_us: int = 0
    clock_error_us: int = 1_000_000
    warnings: tuple[str, ...] = ()


class ScanTraits(msgspec.Struct, frozen=True):
    """What the platform's order list can do. Durations in microseconds."""

    grain_us: int  # of its stamps: two changes within it look the same
    page_max: int  # rows in one answer
    exclude_max: int  # ids that a request can leave out; 0 where the platform can't
    settle_us: int  # younger stamps than this may show an order half-written
    settle_wait_max_us: int  # after this an order that never settles is acted on all the same


class ScanRequest(msgspec.Struct, frozen=True):
    """One request of a scan: orders modified at or after `since`, oldest change first, without those in `exclude`."""

    since: Instant
    exclude: tuple[str, ...] = ()
    page: int = 1
    limit: int = 100


class OrderPage(msgspec.Struct, frozen=True):
    """One answer. `full`: it holds as many rows as asked for, so there may be more. `raw`: the answer's body, or b"".

    `clock_ahead_us` is the store's clock minus ours as the answer itself told it, known to within `clock_error_us`; None where
    it told nothing.
    """

    orders: tuple[Order | Unreadable, ...]
    raw: bytes
    began: Instant
    ended: Instant
    full: bool
    missing: tuple[str, ...] = ()  # by_ids only: ids for which the store has said explicitly that there is none
    clock_ahead_us: int | None = None
    clock_error_us: int = 0


class OrdersPort(Protocol):
    """Reading a store's orders."""

    @property
    def traits(self) -> ScanTraits:
        """What the order list can do."""

    async def describe(self) -> StoreDescription:
        """Identity, behaviour and clock, read from the store now."""

    async def changed(self, request: ScanRequest) -> OrderPage:
        """One page of changed orders, trashed and archived ones included, drafts too.

        `since` is inclusive here, whatever the platform's own rule is: the adapter may return more (it never returns
        less), and the caller checks that each row lies inside the bound.
        """

    async def by_ids(self, orders: Sequence[str]) -> OrderPage:
        """These orders as they are now (at most `traits.page_max` ids). Those that surely don't exist are in `missing`;
        an id that is in neither is unknown."""

    async def by_number(self, after: str, limit: int) -> OrderPage:
        """Orders by ascending id, beginning after this id ("" for the first): the sweep and the baseline read so."""


class Listing(msgspec.Struct, frozen=True):
    """One thing that the shop sells: a product or a variation.

    `product` is the name that order lines use. `item` is the stock item (counter) it draws from: often itself, the
    parent where the parent manages the stock, "" where the shop doesn't count it. `level` comes along where the answer
    had it (then it counts as a reading).
    """

    product: str
    item: str
    sku: str
    name: str = ""
    level: Quantity | None = None
    digital: bool = False


class ListingPage(msgspec.Struct, frozen=True):
    """One answer of the catalogue; `next` continues it, "" ends it."""

    listings: tuple[Listing, ...]
    next: str
    began: Instant
    ended: Instant


class LevelReading(msgspec.Struct, frozen=True):
    """One stock item's level. None: the shop has no counter there yet (BigCommerce: needs an absolute write first).
    `warning`: at which level the merchant has the shop warn; None where the platform doesn't tell."""

    item: str
    level: Quantity | None
    warning: Quantity | None = None


class LevelPage(msgspec.Struct, frozen=True):
    """Levels with the times of the request and its answer. An item that was asked for and is absent is unknown."""

    readings: tuple[LevelReading, ...]
    began: Instant
    ended: Instant


class LevelWrite(msgspec.Struct, frozen=True):
    """One write to a counter: add `change` (relative), or put `level` (absolute). `key` names our effect."""

    key: str
    item: str
    change: Quantity | None = None
    level: Quantity | None = None


class WriteResult(StrEnum):
    """How one write of a batch ended."""

    APPLIED = "applied"  # applied, or accepted and applied within `InventoryTraits.apply_us`
    REFUSED = "refused"  # surely not applied: this item's own fault, or lack of stock
    NOT_SENT = "not_sent"  # surely not applied, for no fault of this item: worth another try soon
    NEEDS_ABSOLUTE = "needs_absolute"  # surely not applied: the counter has no level yet
    IGNORED = "ignored"  # answered as if applied, but the shop doesn't count this item (any more)
    UNKNOWN = "unknown"  # it may have been applied, or may still be


class WriteOutcome(msgspec.Struct, frozen=True):
    """One write's end. `level` is what the store says the level is after it, where it says so. `repeats`: how often a relative
    change may have been applied beyond what `result` says (requests with it that were refused, perhaps for others' sake)."""

    key: str
    result: WriteResult
    reason: str = ""
    level: Quantity | None = None
    repeats: int = 0


class InventoryTraits(msgspec.Struct, frozen=True):
    """What the platform's counters can do. Durations in microseconds."""

    relative: bool  # it can add; absolute writes are for the first level and as a last resort
    batch_max: int  # items that are read in one request; writes too, where nothing else is said
    apply_us: int  # a write that was answered is applied at most this much later
    stale_us: int  # a reading may be this much older than its request
    late_us: int  # a request without an answer is surely dead after this
    floor: Quantity | None  # the lowest level it can show; None: it can go below zero
    whole_units: bool = True
    writes_max: int = 0  # writes in one request; 0: as `batch_max`


class InventoryPort(Protocol):
    """Reading and writing a store's counters."""

    @property
    def traits(self) -> InventoryTraits:
        """What the counters can do."""

    async def listings(self, position: str) -> ListingPage:
        """One page of what the shop sells, "" for the first."""

    async def levels(self, items: Sequence[str]) -> LevelPage:
        """The levels of these items (at most `traits.batch_max`)."""

    async def write(self, writes: Sequence[LevelWrite], *, not_after: Instant = NEVER) -> tuple[WriteOutcome, ...]:
        """Send these writes (at most `traits.writes_max`, one per item), once, and nothing after `not_after` (our clock; the
        transport looks at it just before sending). One outcome per write, in order.

        Raises StoreFault or Throttled only when surely nothing was written. An unclear end is an UNKNOWN outcome of
        each write concerned, never an exception.
        """


class Sweep(Protocol):
    """The counters of a store, read page by page. `untold`: those that were asked for and that no page has told yet: at the
    end they have to be asked for by name."""

    @property
    def untold(self) -> Sequence[str]:
        """The items that no page has told yet."""

    async def next_page(self) -> LevelPage | None:
        """The next page's levels of the items that are wanted; None at the end. Raises as a read; then it may be asked again."""


class LevelSweeps(Protocol):
    """Where the platform lists all counters, so that many are read with fewer requests than by name."""

    rows_max: int
    """Counters in one page."""

    def begin_sweep(self, items: Sequence[str]) -> Sweep:
        """Read all pages for these items."""


class Store(Protocol):
    """One store's capabilities, as an adapter hands them out."""

    @property
    def orders(self) -> OrdersPort:
        """Its orders."""

    @property
    def inventory(self) -> InventoryPort:
        """Its counters."""
