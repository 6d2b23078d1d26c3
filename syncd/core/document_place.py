"""Where the parts of an order go: shipping addresses, pickups, downloads, recipients of e-mails."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from syncd.core.document_money import Amount


class NamedValue(msgspec.Struct, frozen=True):
    """A field of the shop's own making (a form, a line's text): its name and what was entered."""

    name: str
    value: str = ""


class Address(msgspec.Struct, frozen=True):
    """A person's address. `country` is its two letters; `region` a state or province, in words or letters as told."""

    first_name: str = ""
    last_name: str = ""
    company: str = ""
    street_1: str = ""
    street_2: str = ""
    city: str = ""
    region: str = ""
    postcode: str = ""
    country: str = ""
    country_name: str = ""
    phone: str = ""
    email: str = ""
    fields: tuple[NamedValue, ...] = ()


ADDRESS_PERSONAL: Final = (
    "first_name", "last_name", "company", "street_1", "street_2", "city", "region", "postcode", "phone", "email",
    "fields.value",
)  # fmt: skip
"""What names a person in an `Address`. The country alone names nobody."""


class PlaceKind(StrEnum):
    """How it gets there."""

    SHIPPING = "shipping"
    PICKUP = "pickup"
    DOWNLOAD = "download"
    EMAIL = "email"


class Place(msgspec.Struct, frozen=True):
    """One place of an order. `id` is `KIND/NUMBER`, which lines, taxes and shipments name.

    `address` is whom it goes to; of a download or an e-mail its `email` alone; None for a pickup, where `location` names the
    shop's own (its code, or its number where it has none). `method` is the shop's name for the way.
    """

    id: str
    kind: PlaceKind
    address: Address | None = None
    method: str = ""
    location: str = ""
    instructions: str = ""
    cost: Amount = Amount()
    base_cost: Decimal | None = None
    handling: Amount = Amount()
    base_handling: Decimal | None = None
    zone: str = ""


PLACE_PERSONAL: Final = tuple(f"address.{name}" for name in ADDRESS_PERSONAL)
"""What names a person in a `Place`."""
