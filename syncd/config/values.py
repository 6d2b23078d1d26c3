"""The kinds of values that stand in configuration files, with their checks. Each refusal says what was expected and why."""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, Strict, WithJsonSchema
from pydantic_core import PydanticCustomError

from syncd.core.quantity import ZERO, Quantity, parse

NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
NAME_RULE: Final = "a name of 1 to 31 characters a-z, 0-9 and -, beginning with a letter or digit"
RESERVED_STORE: Final = "erp"  # a credential `acme.erp.token` is the ERP's


def refusal(expected: str, hint: str) -> PydanticCustomError:
    """What a check raises: `syncd.config.translate` makes a Problem of it."""
    return PydanticCustomError("syncd", "expected {expected}", {"expected": expected, "hint": hint})


def _quantity(value: Any) -> Quantity:
    expected = "a number of units, 0 or more, with at most four decimal places"
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise refusal(expected, "Write it as a number without quotes.")
    try:
        quantity = parse(value)
    except ValueError as error:
        raise refusal(expected, "Write fewer decimal places.") from error
    if quantity < ZERO:
        raise refusal(expected, "Write 0 to keep nothing back.")
    return quantity


def _factor(value: Any) -> Quantity:
    quantity = _quantity(value)
    if quantity == ZERO:
        raise refusal("a number of units above 0", "Leave the component out if the kit doesn't need it.")
    return quantity


def _address(value: str) -> str:
    expected = "an address that begins with https:// (or http://), without a query"
    try:
        parts = urlsplit(value)
        port_is_valid = parts.port != 0
    except ValueError:
        raise refusal(expected, 'Write it like "https://shop.example".') from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_valid or re.search(r"\s", value):
        raise refusal(expected, 'Write it like "https://shop.example".')
    if parts.username is not None or parts.password is not None:
        raise refusal(expected, "Take name and password out of the address: credentials have keys of their own.")
    if parts.query or parts.fragment or value.endswith(("?", "#")):
        raise refusal(expected, "Take out everything from the ? or # on.")
    return value.rstrip("/")


def is_plain_and_far(address: str) -> bool:
    """Whether credentials sent to this address could be read on the way: http to another machine."""
    parts = urlsplit(address)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    """Whether this host is this very machine, whatever a name server says."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _instant(value: Any) -> datetime:
    expected = "an instant with its offset, like 2026-11-01T00:00:00Z"
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise refusal(expected, "Write date, time and Z (UTC), without quotes.") from None
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    if isinstance(value, date):
        raise refusal(expected, "Add the time and a Z for UTC: without them, nobody knows which moment is meant.")
    raise refusal(expected, "Write date, time and Z (UTC), without quotes.")


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise refusal(NAME_RULE, "Choose another name; it stays in the ledger for ever.")
    if value == RESERVED_STORE:
        raise refusal('a name other than "erp"', "Its credentials would have the same names as those of the ERP.")
    return value


def _filled(value: str) -> str:
    if not value or value != value.strip():
        raise refusal("a text without spaces around it", "Write it between the quotes.")
    return value


NUMBER_SCHEMA: Final = {"type": "number", "minimum": 0}

Units = Annotated[Quantity, BeforeValidator(_quantity), WithJsonSchema(NUMBER_SCHEMA)]
"""A quantity: units in the file, ten-thousandths of a unit (`syncd.core.quantity`) in the model."""

Factor = Annotated[Quantity, BeforeValidator(_factor), WithJsonSchema({"type": "number", "exclusiveMinimum": 0})]
"""Units of a component in one kit, as a quantity."""

Address = Annotated[str, AfterValidator(_address), WithJsonSchema({"type": "string", "pattern": "^https?://[^?#@]+$"})]
"""An http or https address, without the slash at its end."""

Moment = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "x-taplo": {"docs": {"main": "2026-11-01T00:00:00Z"}}}),
]
"""An instant in UTC."""

StoreName = Annotated[str, AfterValidator(_name), WithJsonSchema({"type": "string", "pattern": f"^{NAME.pattern}$"})]
Text = Annotated[str, AfterValidator(_filled), Field(min_length=1, max_length=200)]
Sku = Annotated[str, AfterValidator(_filled), Field(min_length=1, max_length=255)]
Secret = SecretStr
FilePath = Annotated[Path, Strict(strict=False)]
