"""What a sink must be able to do: it takes events about carts, orders and customers to a CRM, to analytics, to a file.

It raises only `syncd.errors`. It knows neither the ledger nor other sinks; what waits for it, in which order, and for how long is
not its concern.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import msgspec

from syncd.core.erasure import Whom
from syncd.core.quantity import Instant

T = TypeVar("T")


class SinkTraits(msgspec.Struct, frozen=True):
    """How a sink wants to be given events. `batch_events_max` 1: one at a time, of `streams_at_once` streams at the same time;
    more: many at once, in order, and only one such call at a time. A batch is gathered for `gather_us` before it is given."""

    batch_events_max: int = 1
    streams_at_once: int = 8
    gather_us: int = 0


class Delivery(msgspec.Struct, frozen=True):
    """One event as its sink gets it. `data` is JSON with the fields that the sink gets; `seq` grows within a stream, not without
    gaps. `personal` are the personal paths in `data`, and `persons` whom they concern: both empty where there are none."""

    tenant: str
    id: str
    seq: int
    kind: str
    store: str
    stream: str
    subject: str
    at: Instant
    data: bytes
    personal: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()


class Erased(msgspec.Struct, frozen=True):
    """What was changed (or, before it is done, would be)."""

    events: int = 0
    files: int = 0


class Aside(Protocol):
    """Where work is done that would hold up everything else: a disk's. One after the other, in the order of the calls."""

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns; raises what it raises. Once begun it is done, whatever becomes of the caller."""


class Sink(Protocol):
    """One sink."""

    @property
    def traits(self) -> SinkTraits:
        """How it wants to be given events."""

    async def open(self) -> int:
        """Mend what a crash has left half done; may be repeated. Returns how many events were cut off in the middle: they come
        again. Raises StoreFault or MisconfiguredError where the sink can't be used."""

    async def deliver(self, events: Sequence[Delivery]) -> None:
        """Return when all of them have arrived, durably. Events may come again, with the same id; those of a stream come in
        order, an earlier one perhaps after a later one that has arrived: then it has come before.

        Raises StoreFault when nobody knows or nothing arrived (it is tried again, all of it), Throttled with how long to wait,
        RefusedError when these very events are refused, MisconfiguredError when nothing should be sent here any more.
        """

    async def erase(self, whom: Whom, *, only_look: bool = False) -> Erased:
        """Take the personal fields of this customer out of what it keeps itself; may be repeated. What others keep is theirs:
        they are told by an event `customer.erased`. With `only_look` nothing is changed. Raises StoreFault."""
