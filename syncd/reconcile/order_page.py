"""A page of orders on its way into the ledger: what was read, what is known of the store, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from syncd.core.order import Order, Unreadable
from syncd.core.places import Places
from syncd.core.policy import Policy
from syncd.core.quantity import Instant, Quantity
from syncd.core.taking_rule import TakingRule
from syncd.ledger.alerts import Alerts


@dataclass(frozen=True, slots=True)
class Page:
    """A page of orders and what the unit must know about how it was read.

    `reading` is the number it took when its request began. `place` is each order's position in the raw page. Orders
    younger than `unsettled_after` (store's clock) may be torn: only states that lower are taken from them; unless `force`
    names them. `may_ask`: this lane reads the order again soon, so an unknown SKU need not be held at once; `drained_at` has,
    of orders that were left so, up to when the stream was drained then: their takings may be as old. `asked` holds, for
    `baseline = "ask_erp"`, what the ERP has counted under each (order, line, part).
    """

    orders: Sequence[Order | Unreadable]
    reading: int
    began: Instant
    ended: Instant
    compressed: bytes
    unsettled_after: Instant
    force: frozenset[str] = frozenset()
    may_ask: bool = False
    drained_at: Mapping[str, Instant] = field(default_factory=dict)
    asked: Mapping[tuple[str, str, int], Quantity] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What the unit needs of its store, as plain values."""

    tenant: str
    store: str
    epoch: int
    policy: Policy
    rule: TakingRule
    cutover: Instant
    in_baseline: bool
    clock_span_us: tuple[int, int]  # the least and the most by which the store's stamps are ahead of our clock
    slack_us: int
    drained: Instant
    places: Places
    alerts: Alerts = field(default_factory=Alerts)
    documents: bool = False  # somebody wants its orders whole
    carts: bool = False  # its carts are read


@dataclass(slots=True)
class Taken:
    """What became of a page, for the log and for the scan: after the commit, never before."""

    applied: list[tuple[str, str, int]] = field(default_factory=list)  # order, status, moves
    unsettled: list[str] = field(default_factory=list)
    quarantined: list[tuple[str, str, str]] = field(default_factory=list)  # order, line, reason
    unchanged: int = 0
    overtaken: int = 0
    moves: int = 0
    skus: set[str] = field(default_factory=set)
    items: set[str] = field(default_factory=set)
    unknown_products: bool = False
    asking: list[str] = field(default_factory=list)  # orders with lines whose SKU the ERP is asked for again
    contents: dict[str, bytes] = field(default_factory=dict)
