"""What a store must be able to do so that its orders become documents (`syncd.core.document`).

It raises only `syncd.errors`, as the ports of `syncd.ports.store` do. Reading only; all may be repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from syncd.core.document import OrderDocument
from syncd.core.quantity import Instant


class RawOrder(msgspec.Struct, frozen=True):
    """An order as the store's list sent it: `raw` its bytes, `read_at` when its request began. `is_last_try`: a part on which the
    store fails again is left out, so that the rest gets there."""

    order: str
    raw: bytes
    read_at: Instant
    is_last_try: bool = False


class UnreadablePart(msgspec.Struct, frozen=True):
    """A part that came and could not be understood; `raw` is what came. The document goes without it."""

    part: str
    reason: str
    raw: bytes


class DocumentRead(msgspec.Struct, frozen=True):
    """What became of one order: its document, or None and the reason. `is_passing`: the store fails on this order, it is worth
    another try; else its bytes can't be understood. `requests` were sent for it alone: those for several orders together aren't
    counted."""

    order: str
    document: OrderDocument | None
    reason: str = ""
    is_passing: bool = False
    unreadable: tuple[UnreadablePart, ...] = ()
    requests: int = 0


class RefundNews(msgspec.Struct, frozen=True):
    """A refund of the store's list: its number, its order, and when it was made (the store's clock)."""

    refund: str
    order: str
    created: Instant


class RefundPage(msgspec.Struct, frozen=True):
    """Refunds since an instant, whole: the list's pages were followed to their end. `began` is when the first was asked for."""

    refunds: tuple[RefundNews, ...]
    began: Instant


class DocumentsPort(Protocol):
    """A store's orders, whole."""

    @property
    def wanted(self) -> frozenset[str]:
        """The parts that are read beside what comes with the order itself (`order_parts`)."""

    async def documents(self, orders: Sequence[RawOrder]) -> tuple[DocumentRead, ...]:
        """The documents of these orders, in their sequence, without the key of the document (`key` is ""). What the bytes hold
        isn't asked for again; of the wanted parts those that the order doesn't rule out are read.

        What is wrong with one order, or one part of it, is in its answer. Raises what concerns all: a store that can't be
        reached, that asks to wait, or refuses everything.
        """

    async def refunded(self, since: Instant) -> RefundPage:
        """Refunds made at or after `since` (the store's clock), also of orders whose own stamp didn't move."""
