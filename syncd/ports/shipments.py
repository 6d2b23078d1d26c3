"""What a store must be able to do to be told of shipments. A store whose platform keeps none has no such port.

It raises only `syncd.errors`, as the ports of `syncd.ports.store` do. Quantities are in ten-thousandths of a unit.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from syncd.core.quantity import NEVER, Instant
from syncd.core.shipping import ParcelLine, ShopLine


class ShipmentTraits(msgspec.Struct, frozen=True):
    """Times of the platform, in microseconds."""

    late_us: int  # a request without an answer is surely dead after this
    stale_us: int  # a shipment that was answered shows in every reading that begins so much later


class Parcel(msgspec.Struct, frozen=True):
    """One shipment to be made: units of an order's lines that go to one place. `key` is ours; the platform carries it."""

    key: str
    order: str
    place: str
    lines: tuple[ParcelLine, ...]
    carrier: str = ""
    tracking: str = ""
    link: str = ""


class KnownParcel(msgspec.Struct, frozen=True):
    """A shipment that the shop has. `ref` is its own number for it; `key` is ours, "" where it carries none."""

    ref: str
    key: str
    lines: tuple[ParcelLine, ...]
    tracking: str = ""


class OrderShipments(msgspec.Struct, frozen=True):
    """An order's lines, and all of its shipments, as the shop has them."""

    lines: tuple[ShopLine, ...]
    parcels: tuple[KnownParcel, ...]
    began: Instant
    ended: Instant


class ShipmentsPort(Protocol):
    """Reading and making a store's shipments."""

    @property
    def traits(self) -> ShipmentTraits:
        """Times of the platform."""

    async def of_order(self, order: str) -> OrderShipments:
        """The order's lines and shipments as they are now; may be repeated. The lines are read after the shipments, so that
        what left the house meanwhile is in the lines. Raises NotFound when the shop says that there is no such order."""

    async def ship(self, parcel: Parcel, *, not_after: Instant = NEVER) -> str:
        """Make this shipment, once, and not after `not_after` (our clock; looked at just before sending). Returns the shop's
        number for it. Repeating it ships again: after OutcomeUnknown `of_order` is asked for the key.

        Raises StoreFault, Throttled or MisconfiguredError when surely nothing was made; NotFound for the order, and
        RefusedError, when the shop says no.
        """
