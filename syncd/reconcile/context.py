"""What the steps of a tenant and of a store are given. `app` makes these from the configuration; nothing here reads files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import anyio

from syncd.core.cart_hold import HoldPolicy
from syncd.core.places import MAIN, Places
from syncd.core.policy import Policy
from syncd.core.quantity import LONG_AGO, SECOND, ZERO, Instant, Quantity, microseconds
from syncd.core.signal import Kind
from syncd.core.taking_rule import TakingRule
from syncd.ledger import pauses
from syncd.ledger.alerts import Alerts
from syncd.ledger.ledger import Ledger
from syncd.ledger.outbox import Outbox
from syncd.ledger.pauses import Pause
from syncd.observability.events import Event
from syncd.observability.log import Log
from syncd.observability.meters import Meters
from syncd.ports.carts import CartsPort
from syncd.ports.checkouts import CheckoutPort
from syncd.ports.clock import Chance, Clock
from syncd.ports.documents import DocumentsPort
from syncd.ports.erp import Erp, ErpDocuments
from syncd.ports.hooks import HooksPort
from syncd.ports.placing import ErpOrdersPort, PlacingPort
from syncd.ports.shipments import ShipmentsPort
from syncd.ports.store import LevelSweeps, Store
from syncd.transport.client import HttpClient

LIVE, SHADOW = "live", "shadow"
CLOCK_STEP_US = 5 * SECOND  # a clock that moved by less wasn't stepped: a shop's servers differ by a second or two
SETTLED_SLACK_US_MAX = 5 * SECOND  # a shop whose clock isn't known must not have all of its orders wait


class Bell:
    """Wakes whoever waits for work. A hint, never data: what there is to do stands in the ledger."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def ring(self) -> None:
        """There may be something to do."""
        self._event.set()

    async def wait(self, clock: Clock, wait_seconds: float) -> bool:
        """Return when rung (True), or after this long (False)."""
        if not self._event.is_set():
            async with anyio.create_task_group() as group:

                async def time_out() -> None:
                    await clock.sleep(wait_seconds)
                    group.cancel_scope.cancel()

                group.start_soon(time_out)
                await self._event.wait()
                group.cancel_scope.cancel()
        rung = self._event.is_set()
        if rung:
            self._event = anyio.Event()
        return rung


@dataclass(frozen=True, slots=True)
class ErpOptions:
    """How often the ERP is asked. `late_us` bounds how old a reading may be for raising."""

    poll_seconds: float = 15.0
    full_seconds: float = 3_600.0
    fresh_seconds: float = 120.0


@dataclass(slots=True)
class TenantContext:
    """One tenant at work: the ledger's epoch it writes under, its ERP, and the bells of its loops."""

    tenant: str
    mode: str
    epoch: int
    ledger: Ledger
    clock: Clock
    chance: Chance
    log: Log
    erp: Erp
    erp_location: str
    options: ErpOptions = field(default_factory=ErpOptions)
    approve_automatically: bool = False
    payload_days: int = 90
    payload_bytes_max: int = 1024 * 1024 * 1024
    documents: ErpDocuments | None = None  # the ERP again, where it tells shipments or keeps documents
    keeps_documents: bool = False  # it is put each order's document
    documents_bell: Bell = field(default_factory=Bell)
    orders: ErpOrdersPort | None = None  # the ERP again, where it has orders for stores
    poster_bell: Bell = field(default_factory=Bell)
    watcher_bell: Bell = field(default_factory=Bell)
    erp_watched: Instant = LONG_AGO  # soft: when the last reading of the ERP's levels began
    publish: Callable[[], None] = lambda: None  # rings every store's publisher
    siblings: Callable[[], Sequence[StoreContext]] = tuple  # its stores, as they are at this moment
    pauses: dict[str, Pause] = field(default_factory=dict)  # by store, as the ledger has them; "": the whole tenant
    meters: Meters = field(default_factory=Meters)
    alerts: Alerts = field(default_factory=Alerts)
    outbox: Outbox = field(default_factory=Outbox)  # what sinks are told, put down with what happens
    client: HttpClient | None = (
        None  # what the ERP is asked by, for whoever shows its breaker; None: it is in this process
    )

    @property
    def is_live(self) -> bool:
        """Whether anything outside may be written (SHADOW)."""
        return self.mode == LIVE

    @property
    def is_paused(self) -> bool:
        """Whether an operator has paused the whole tenant: then the ERP gets nothing either."""
        pause = self.pauses.get(pauses.WHOLE)
        return pause is not None and pause.scope == pauses.ALL


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """How a store is read and written."""

    poll_seconds: float = 30.0
    overlap_seconds: float = 60.0
    overlap_long_seconds: float = 1_800.0
    overlap_long_every: int = 20
    sweep_seconds: float = 86_400.0
    read_items_seconds: float = 900.0
    catalogue_seconds: float = 3_600.0
    buffer: Quantity = ZERO
    drift: str = "erp"
    brake_share: float = 0.3
    brake_gone_orders: int = 20
    cutover: Instant | None = None
    level_signals: bool = False  # the store is asked to speak of stock items
    places: Places | None = None  # None: one location, the policy's

    @property
    def fresh_us(self) -> int:
        """How far the order stream may be behind for raising."""
        return microseconds(3 * self.poll_seconds + 30.0)


class Stream(StrEnum):
    """What is known of a store's order stream since this life began."""

    UNKNOWN = "unknown"  # nothing yet
    BASELINE = "baseline"
    FLOWING = "flowing"  # it was read when last tried; how far, `drained` says
    FAILING = "failing"  # it couldn't be read when last tried


@dataclass(slots=True)
class StoreContext:
    """One store at work. `drained` is soft: every taking up to it has been read; a lost one is only later than it could be."""

    tenant: TenantContext
    store: str
    port: Store
    policy: Policy
    options: StoreOptions
    log: Log
    rule: TakingRule = field(default_factory=TakingRule)
    clock_ahead_us: int = 0
    clock_error_us: int = 1_000_000
    clock_was_ahead_us: int | None = None  # before it was stepped: orders of then may still have to be read
    clock_stepped: Instant = LONG_AGO
    drained: Instant = LONG_AGO
    stream: Stream = Stream.UNKNOWN
    warned: frozenset[str] = frozenset()  # what its description warned of last: told once
    unknown_products: bool = False  # an order named a product that the catalogue doesn't know
    bell: Bell = field(default_factory=Bell)
    sweeps: LevelSweeps | None = None  # None: its counters are read by name alone
    shipments: ShipmentsPort | None = None  # None: this store isn't told of shipments
    carts: CartsPort | None = None  # None: this store's carts aren't read
    cart_holds: HoldPolicy = field(default_factory=HoldPolicy)
    cart_bell: Bell = field(default_factory=Bell)
    carts_trouble: str = ""  # soft: why its carts can't be read
    placing: PlacingPort | None = None  # None: this store gets no orders from the ERP
    takes_no_orders: bool = False  # soft: it refuses all of them, whatever they are
    checkouts: CheckoutPort | None = None  # None: none by a checkout
    links: CartsPort | None = None  # None: no carts that the ERP prepares
    catalogued: Instant = LONG_AGO  # soft: when the last whole reading of its catalogue began
    documents: DocumentsPort | None = None  # None: nobody wants its orders whole
    hooks: HooksPort | None = None  # None: this store is only polled
    hooks_address: str = ""  # where it should call
    hooks_alive: bool = False  # soft: it calls, as far as was seen last
    hooks_trouble: str | None = None  # why it doesn't, where that can't be mended from here; None: not looked yet
    client: HttpClient | None = None  # what the store is asked by, for whoever shows its quota
    may_fall: set[str] = field(default_factory=set)  # soft: items of an approved plan that may go to 0 (BRAKE)

    def wake(self, kind: Kind) -> None:
        """There are signals of this kind; a hint, as each ring of a bell."""
        (self.cart_bell if kind is Kind.CART else self.bell).ring()

    def tell(self, event: Event, **details: int) -> None:
        """An alert about this store, of what is only seen while it runs."""
        self.tenant.alerts.tell(event, self.tenant.tenant, self.store, now=self.tenant.clock.now(), **details)

    @property
    def places(self) -> Places:
        """Where its counters are."""
        return self.options.places or Places({MAIN: self.policy.location}, self.policy.location)

    def is_fresh(self, now: Instant) -> bool:
        """Whether its orders are read up to lately."""
        return now - self.drained <= self.options.fresh_us + self.port.orders.traits.settle_us

    def may_hide_sales(self, now: Instant) -> bool:
        """Whether a look at its orders is due that would tell of sales: nobody knows them after a restart or a long sleep. A
        store that can't be read, or is paused, tells nothing for hours: others don't wait for that (ISOLATED)."""
        if self.is_paused:
            return False
        return self.stream is Stream.UNKNOWN or (self.stream is Stream.FLOWING and not self.is_fresh(now))

    @property
    def clock_span_us(self) -> tuple[int, int]:
        """The least and the most by which a stamp that is read now may be ahead of our clock."""
        was = self.clock_ahead_us if self.clock_was_ahead_us is None else self.clock_was_ahead_us
        return min(was, self.clock_ahead_us), max(was, self.clock_ahead_us)

    def clock_is(self, ahead_us: int, error_us: int, was_ahead_us: int | None, now: Instant) -> bool:
        """The store's clock was measured, as it was before (None: never). Returns whether it, or ours, has been stepped since."""
        stepped = was_ahead_us is not None and abs(ahead_us - was_ahead_us) > CLOCK_STEP_US + error_us
        if stepped:
            self.clock_was_ahead_us, self.clock_stepped = was_ahead_us, now
        self.clock_ahead_us, self.clock_error_us = ahead_us, error_us
        return stepped

    @property
    def slack_us(self) -> int:
        """By how much an instant of the store's clock may be wrong in ours: clock error and grain."""
        return self.clock_error_us + self.port.orders.traits.grain_us

    @property
    def is_paused(self) -> bool:
        """Whether an operator has paused this store, or its tenant: nothing is read there, and nothing written."""
        pause = pauses.pause_of(self.tenant.pauses, self.store)
        return pause is not None and pause.scope == pauses.ALL

    @property
    def may_write(self) -> bool:
        """Whether the tenant is live and no operator's pause is in the way of writing (SHADOW)."""
        return self.tenant.is_live and pauses.pause_of(self.tenant.pauses, self.store) is None

    def settled(self, began: Instant) -> Instant:
        """Up to which stamp (the store's clock) a state read by a request that began then is whole. Stamps are cut to the
        grain and clocks are off, so settling is counted from the latest moment that a stamp can mean."""
        slack_us = min(self.slack_us, SETTLED_SLACK_US_MAX)
        return Instant(began + self.clock_ahead_us - self.port.orders.traits.settle_us - slack_us)
