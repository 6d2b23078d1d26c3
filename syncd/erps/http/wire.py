"""The contract's bodies (docs/erp-contract/openapi.yaml), and how they become the port's values.

Quantities are decimal strings (`"-2.5"`), instants ISO 8601 in UTC with a `Z`. Unknown fields are ignored, so that the
contract can grow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from syncd.core.document import OrderDocument
from syncd.core.quantity import Quantity, parse, show
from syncd.ports.erp import ErpMove, PostOutcome, PostResult, Shipment, ShipmentLine

CONTRACT_VERSION = 1
REASON_CHARACTERS_MAX = 500  # of the ERP's own words, kept with a refused move

DecimalString = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,11}(\.[0-9]{1,12})?$")]


class Identity(msgspec.Struct, frozen=True):
    """`GET /v1/identity`."""

    contract: int
    identity: Annotated[str, msgspec.Meta(min_length=1)]
    epoch: Annotated[str, msgspec.Meta(min_length=1)]
    moves_max: Annotated[int, msgspec.Meta(ge=1)]
    late_seconds: Annotated[float, msgspec.Meta(ge=0)]
    name: str = ""


class Move(msgspec.Struct, frozen=True, omit_defaults=True):
    """One move, as it is sent and as it is found."""

    key: str
    sku: str
    location: str
    change: DecimalString
    reference: str = ""


class Moves(msgspec.Struct, frozen=True):
    """Body of `POST /v1/moves`, answer of `GET /v1/moves`."""

    moves: tuple[Move, ...]


class Outcome(msgspec.Struct, frozen=True):
    """How one move of a batch ended."""

    key: str
    result: Literal["confirmed", "different", "refused"]
    reason: str = ""
    ref: str = ""
    found: Move | None = None


class Outcomes(msgspec.Struct, frozen=True):
    """Answer of `POST /v1/moves`."""

    outcomes: tuple[Outcome, ...]


class Level(msgspec.Struct, frozen=True):
    """What is available of a SKU at a location."""

    sku: Annotated[str, msgspec.Meta(min_length=1)]
    location: str
    available: DecimalString


class Levels(msgspec.Struct, frozen=True):
    """Answer of `GET /v1/levels`."""

    levels: tuple[Level, ...]
    cursor: Annotated[str, msgspec.Meta(min_length=1)]
    complete: bool
    more: bool


class ShippedLine(msgspec.Struct, frozen=True):
    """Units of an order's line, or of a SKU, in a shipment."""

    quantity: DecimalString
    line: str = ""
    sku: str = ""


class Shipped(msgspec.Struct, frozen=True):
    """One shipment."""

    key: Annotated[str, msgspec.Meta(min_length=1)]
    store: str
    order: str
    lines: tuple[ShippedLine, ...]
    carrier: str = ""
    tracking: str = ""
    link: str = ""


class Shipments(msgspec.Struct, frozen=True):
    """Answer of `GET /v1/shipments`."""

    shipments: tuple[Shipped, ...]
    cursor: Annotated[str, msgspec.Meta(min_length=1)]
    more: bool


class Problem(msgspec.Struct, frozen=True):
    """An error's body (RFC 9457, application/problem+json)."""

    title: str = ""
    detail: str = ""
    code: str = ""


def moves_body(moves: Sequence[ErpMove]) -> bytes:
    """The body of `POST /v1/moves`."""
    sent = tuple(Move(move.key, move.sku, move.location, show(move.change), move.reference) for move in moves)
    return msgspec.json.encode(Moves(sent))


def order_body(order: OrderDocument) -> bytes:
    """The body of `PUT /v1/orders/{key}`: the document as it is."""
    return msgspec.json.encode(order)


def erp_move(move: Move) -> ErpMove:
    """A move as the port has it. ValueError where its quantity is none."""
    return ErpMove(move.key, move.sku, move.location, parse(move.change), move.reference)


def post_outcome(outcome: Outcome) -> PostOutcome:
    """An outcome as the port has it. ValueError where a quantity is none, or what is there isn't shown."""
    if outcome.result == "different" and (outcome.found is None or outcome.found.key != outcome.key):
        raise ValueError(f"{outcome.key} is different, and the move that is there isn't shown")
    found = None if outcome.found is None or outcome.result != "different" else erp_move(outcome.found)
    reason = outcome.reason[:REASON_CHARACTERS_MAX]
    return PostOutcome(outcome.key, PostResult(outcome.result), reason, outcome.ref, found)


def levels_by_place(levels: Sequence[Level]) -> dict[tuple[str, str], Quantity]:
    """Levels by (SKU, location). ValueError naming the SKU where one is no quantity, or where two answers contradict."""
    found: dict[tuple[str, str], Quantity] = {}
    for level in levels:
        try:
            quantity = parse(level.available)
        except ValueError as error:
            raise ValueError(f"level of SKU {level.sku!r}: {error}") from error
        if found.setdefault((level.sku, level.location), quantity) != quantity:
            raise ValueError(f"two levels of SKU {level.sku!r} at location {level.location!r} in one answer")
    return found


def port_shipment(shipped: Shipped) -> Shipment:
    """A shipment as the port has it. ValueError where a quantity is none, or a line has no name."""
    lines = tuple(ShipmentLine(line.line, parse(line.quantity), line.sku) for line in shipped.lines)
    if any(line.quantity <= 0 or not (line.line or line.sku) for line in lines):
        raise ValueError(f"shipment {shipped.key}: each line names a line or a SKU, and more than 0 units")
    return Shipment(shipped.key, shipped.store, shipped.order, lines, shipped.carrier, shipped.tracking, shipped.link)


def problem_text(body: bytes) -> str:
    """What an error's body says, for people; "" where it says nothing."""
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
    return (problem.detail or problem.title or problem.code)[:REASON_CHARACTERS_MAX]
