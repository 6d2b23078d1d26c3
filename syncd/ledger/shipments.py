"""Shipments on their way from the ERP to a shop: each is its own effect, on disk before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection

from syncd.core.quantity import Instant
from syncd.core.shipping import ParcelLine
from syncd.ledger.levels import change_erp
from syncd.ledger.rows import OneRow, Rows, Statement
from syncd.ledger.schema import shipment
from syncd.ledger.stores import change_store
from syncd.ledger.tenants import take_numbers
from syncd.ports.erp import Shipment

INTENDED, SENT, CONFIRMED = "intended", "sent", "confirmed"
REFUSED, QUARANTINED = "refused", "quarantined"  # by the shop; by us, before anything was sent
SKIPPED, BOOKED = "skipped", "booked"  # not for a shop; entered there by a person
WAITING_MAX = 500  # looked at for the next one to work on

_TOLD = ("tenant", "key", "part", "store", "order", "content", "state", "seq", "told_at", "reason", "epoch")
_TELL = Rows(shipment, _TOLD, update=())
_PART = Rows(shipment, (*_TOLD, "place", "lines", "own_key"), update=())
_ROW = OneRow(shipment)
_KNOWN = Statement("SELECT 1 FROM shipment WHERE tenant = :tenant AND key = :key AND part = 0")
_FEED = Statement("SELECT shipments FROM erp WHERE tenant = :tenant")
_STORES = Statement("SELECT store, ships FROM store WHERE tenant = :tenant")
_FIELDS = (
    'key, part, store, "order", content, place, lines, own_key, state, seq, told_at, sent_at, dead_at, confirmed_at, '
    "retry_at, attempts, reason, shop_ref, epoch"
)
_WAITING = Statement(
    f"SELECT {_FIELDS} FROM shipment WHERE tenant = :tenant AND store = :store AND "  # noqa: S608 - names of ours
    "state IN ('intended', 'sent') ORDER BY seq, part LIMIT :most"
)
_OF_ORDER = Statement(
    f'SELECT {_FIELDS} FROM shipment WHERE tenant = :tenant AND store = :store AND "order" = :of_order '  # noqa: S608
    "ORDER BY seq, part"
)
_ONE = Statement(f"SELECT {_FIELDS} FROM shipment WHERE tenant = :tenant AND key = :key AND part = :part")  # noqa: S608


class ShipmentRow(msgspec.Struct, frozen=True):
    """One shipment to one place (`place` is "" until the shop's order was read)."""

    key: str
    part: int
    store: str
    order: str
    content: str
    place: str
    lines: str
    own_key: str
    state: str
    seq: int
    told_at: Instant
    sent_at: Instant
    dead_at: Instant
    confirmed_at: Instant
    retry_at: Instant
    attempts: int
    reason: str
    shop_ref: str
    epoch: int

    @property
    def name(self) -> str:
        """As people name it, and the quarantine."""
        return f"shipment {self.key}/{self.part}"

    @property
    def told(self) -> Shipment:
        """What the ERP said."""
        return msgspec.json.decode(self.content, type=Shipment)

    @property
    def parcel(self) -> tuple[ParcelLine, ...]:
        """What goes to its place, in the shop's terms; nothing until that is known."""
        return msgspec.json.decode(self.lines, type=tuple[ParcelLine, ...]) if self.lines else ()


class Told(msgspec.Struct, frozen=True):
    """A shipment of the ERP, and what becomes of it: it is intended, or skipped for this reason."""

    shipment: Shipment
    skipped: str = ""


def read_feed(connection: Connection, tenant: str) -> tuple[str, dict[str, bool]] | None:
    """Where the ERP's feed of shipments continues; and each store that was reached once, with whether the feed has been read to
    its end since it is told of shipments. None: no ERP is pinned yet."""
    row = _FEED.one(connection, tenant=tenant)
    if row is None:
        return None
    return str(row[0]), {name: bool(ships) for name, ships in _STORES.read(connection, tenant=tenant)}


def take_shipments(
    connection: Connection,
    tenant: str,
    told: Iterable[Told],
    cursor: str,
    *,
    begin: Iterable[str],
    epoch: int,
    now: Instant,
) -> list[Told]:
    """Take a page of the feed, and its cursor with it; the stores `begin` are told of all that comes after it. Returns what is
    new: a key that is known is the same shipment."""
    new: dict[str, Told] = {}
    for each in told:
        if _KNOWN.one(connection, tenant=tenant, key=each.shipment.key) is None:
            new.setdefault(each.shipment.key, each)
    first = take_numbers(connection, tenant, len(new)) if new else 0
    rows = [
        (
            tenant, key, 0, each.shipment.store, each.shipment.order, msgspec.json.encode(each.shipment).decode(),
            SKIPPED if each.skipped else INTENDED, first + k, now, each.skipped, epoch,
        )
        for k, (key, each) in enumerate(new.items())
    ]  # fmt: skip
    _TELL.write(connection, rows)
    change_erp(connection, tenant, shipments=cursor)
    for name in begin:
        change_store(connection, tenant, name, ships=1)
    return list(new.values())


def waiting(connection: Connection, tenant: str, store: str) -> list[ShipmentRow]:
    """Shipments without an end, in the order in which they go out."""
    return [ShipmentRow(*row) for row in _WAITING.read(connection, tenant=tenant, store=store, most=WAITING_MAX)]


def of_order(connection: Connection, tenant: str, store: str, order: str) -> list[ShipmentRow]:
    """All of an order."""
    return [ShipmentRow(*row) for row in _OF_ORDER.read(connection, tenant=tenant, store=store, of_order=order)]


def read_shipment(connection: Connection, tenant: str, key: str, part: int) -> ShipmentRow | None:
    """One by its key."""
    row = _ONE.one(connection, tenant=tenant, key=key, part=part)
    return None if row is None else ShipmentRow(*row)


def split(
    connection: Connection,
    tenant: str,
    row: ShipmentRow,
    parts: Sequence[tuple[str, str, Sequence[ParcelLine]]],
    epoch: int,
) -> None:
    """The shipment goes to these places: each as (place, our key, lines). The first stays in its row."""
    packed = [(place, own_key, msgspec.json.encode(lines).decode()) for place, own_key, lines in parts]
    place, own_key, lines = packed[0]
    change(connection, tenant, row, place=place, own_key=own_key, lines=lines)
    _PART.write(
        connection,
        [
            (
                tenant, row.key, row.part + k, row.store, row.order, row.content, INTENDED, row.seq, row.told_at, "", epoch,
                place, lines, own_key,
            )
            for k, (place, own_key, lines) in enumerate(packed[1:], 1)
        ],
    )  # fmt: skip


def change(connection: Connection, tenant: str, row: ShipmentRow, **values: object) -> None:
    """Set columns of one."""
    _ROW.change(connection, (tenant, row.key, row.part), values)
