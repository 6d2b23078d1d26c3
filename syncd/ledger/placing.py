"""Orders on their way from the ERP to a shop: each is its own effect, on disk before anything is sent; and the room that a shop's
counter is given for them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection

from syncd.core.following import ShopStatus
from syncd.core.placing import Address, Flaw, Offer, PlacedLine, Room, WantedOrder, Way, order_key
from syncd.core.quantity import Instant
from syncd.core.target import OpenRoom
from syncd.ledger.rows import Among, OneRow, Rows, Statement
from syncd.ledger.schema_placing import placement, placing_feed, placing_room, placing_store
from syncd.ledger.tenants import take_numbers
from syncd.ports.placing import OrderOutcome, Result

INTENDED, SENT, CONFIRMED = "intended", "sent", "confirmed"
REFUSED, QUARANTINED = "refused", "quarantined"  # the ERP is told; a person must look
WITHDRAWN, SKIPPED, BOOKED = "withdrawn", "skipped", "booked"  # by the ERP; not for a shop; there by other hands
ENDED = frozenset({CONFIRMED, REFUSED, WITHDRAWN, SKIPPED, BOOKED})  # nothing is sent any more: nobody has to be named
OPEN = "open"  # the stage of a cart that a shopper may buy: it isn't ours alone
DONE = "done"  # of a change of status, beside intended, sent and refused
STRANGE = "it carries the key of order {}, which the ERP has placed: nothing is counted for it"
REFUSED_YET_THERE = "the ERP was told that it is {}, and it is there all the same: nothing is counted for it"
STRANGE_HINT = "was it copied in the shop? Cancel it there, or book what it sold in the ERP by hand; then release --already-counted"
WAITING_MAX = 500  # looked at for the next one to work on
UNTOLD_MAX = 100  # told in one go

_FIELDS = (
    "key, store, content, own_key, state, lines, seq, told_at, sent_at, dead_at, confirmed_at, retry_at, attempts, reason, "
    "flaws, shop_order, epoch, revision, wanted, following, written, result, untold, telling, stage, cart, draft"
)
_TELL = Rows(
    placement,
    (
        "tenant", "key", "store", "content", "own_key", "state", "seq", "told_at", "reason", "epoch", "revision", "wanted",
        "flaws", "result", "untold",
    ),
    update=(),
)  # fmt: skip
_ROW = OneRow(placement)
_FEED = Statement("SELECT cursor FROM placing_feed WHERE tenant = :tenant")
_MOVE_ON = Rows(placing_feed, ("tenant", "cursor"))
_STORES = Statement("SELECT store FROM placing_store WHERE tenant = :tenant")
_BEGIN = Rows(placing_store, ("tenant", "store"), update=())
_END = Statement("DELETE FROM placing_store WHERE tenant = :tenant AND store = :store")
_ONE = Statement(f"SELECT {_FIELDS} FROM placement WHERE tenant = :tenant AND key = :key")  # noqa: S608 - names of ours
_WAITING = Statement(
    f"SELECT {_FIELDS} FROM placement WHERE tenant = :tenant AND store = :store AND "  # noqa: S608
    "(state IN ('intended', 'sent') OR following IN ('intended', 'sent')) ORDER BY seq LIMIT :most"
)
_OF_ORDER = Statement(
    f"SELECT {_FIELDS} FROM placement WHERE tenant = :tenant AND store = :store AND shop_order = :shop_order "  # noqa: S608
    "ORDER BY seq"
)
_IS_OURS = Statement(
    "SELECT 1 FROM placement WHERE tenant = :tenant AND store = :store AND cart = :cart AND cart != '' "
    "AND stage != 'open'"
)
_OF_KEYS = Among(
    f"SELECT {_FIELDS} FROM placement WHERE tenant = :tenant AND store = :store AND own_key IN :among"  # noqa: S608
)
_UNTOLD = Statement(
    f"SELECT {_FIELDS} FROM placement WHERE tenant = :tenant AND untold = 1 ORDER BY seq LIMIT :most"  # noqa: S608
)
_TOLD = Statement(
    "UPDATE placement SET untold = 0 WHERE tenant = :tenant AND key = :key AND telling = :telling AND untold = 1"
)
_ADD_ROOM = Rows(placing_room, ("tenant", "store", "key", "sku", "units", "since", "open"), update=("open",))
_ROOMS = Among(
    "SELECT sku, key, units, since, open FROM placing_room WHERE tenant = :tenant AND store = :store AND sku IN :among"
)
_ROOM_SKUS = Among("SELECT DISTINCT sku FROM placing_room WHERE tenant = :tenant AND store = :store AND key IN :among")
_END_ROOMS = Among("DELETE FROM placing_room WHERE tenant = :tenant AND store = :store AND key IN :among")
_ALL_ROOMS = Statement("SELECT DISTINCT key FROM placing_room WHERE tenant = :tenant AND store = :store")
_WAITING_ROOMS = Statement(
    "SELECT DISTINCT placing_room.key FROM placing_room JOIN placement ON placement.tenant = placing_room.tenant AND "
    "placement.key = placing_room.key WHERE placing_room.tenant = :tenant AND placing_room.store = :store AND "
    "placement.state IN ('intended', 'sent')"
)
_OLD_ROOMS = Statement(
    "SELECT placing_room.key FROM placing_room JOIN placement ON placement.tenant = placing_room.tenant AND "
    "placement.key = placing_room.key WHERE placing_room.tenant = :tenant AND placing_room.store = :store AND "
    "placement.state NOT IN ('intended', 'sent') AND placement.confirmed_at < :before"
)
_OFFERS = Among(
    "SELECT product, item, sku, seen FROM listing WHERE tenant = :tenant AND store = :store AND sku IN :among"
)


class PlacementRow(msgspec.Struct, frozen=True):
    """One order of the ERP's. Times in microseconds."""

    key: str
    store: str
    content: str
    own_key: str
    state: str
    lines: str
    seq: int
    told_at: Instant
    sent_at: Instant
    dead_at: Instant
    confirmed_at: Instant
    retry_at: Instant
    attempts: int
    reason: str
    flaws: str
    shop_order: str
    epoch: int
    revision: int
    wanted: str
    following: str
    written: str
    result: str
    untold: int
    telling: int
    stage: str = ""
    cart: str = ""
    draft: str = ""

    @property
    def name(self) -> str:
        """As people name it, and the quarantine."""
        return f"placement {self.key}"

    @property
    def order(self) -> WantedOrder:
        """What the ERP told first."""
        return msgspec.json.decode(self.content, type=WantedOrder)

    @property
    def placed(self) -> tuple[PlacedLine, ...]:
        """Its lines in the shop's terms, once they are known."""
        return msgspec.json.decode(self.lines, type=tuple[PlacedLine, ...]) if self.lines else ()

    @property
    def outcome(self) -> OrderOutcome:
        """What the ERP is told."""
        return msgspec.json.decode(self.result, type=OrderOutcome)


class Told(msgspec.Struct, frozen=True):
    """An order of the ERP's, and what becomes of it: it is intended; or skipped, or refused, for this reason."""

    order: WantedOrder
    revision: int
    status: ShopStatus
    skipped: str = ""
    refused: str = ""
    flaws: tuple[Flaw, ...] = ()
    rooms: tuple[Room, ...] = ()


def read_feed(connection: Connection, tenant: str) -> tuple[str, set[str]]:
    """Where the ERP's list of orders continues; the stores that get what it tells from now on."""
    return str(_FEED.scalar(connection, tenant=tenant) or ""), set(_STORES.scalars(connection, tenant=tenant))


def forget_store(connection: Connection, tenant: str, store: str) -> set[str]:
    """The store gets no orders any more: what the ERP tells until it does again isn't made up for, and what waits has no room.
    Returns the SKUs whose targets fall."""
    _END.change(connection, tenant=tenant, store=store)
    return end_rooms(connection, tenant, store, _ALL_ROOMS.scalars(connection, tenant=tenant, store=store))


def take_wishes(
    connection: Connection,
    tenant: str,
    told: Iterable[Told],
    cursor: str,
    *,
    begin: Iterable[str],
    epoch: int,
    now: Instant,
) -> tuple[list[Told], set[str]]:
    """Take a page of the ERP's list, and its cursor with it; the stores `begin` get all that comes after it. Returns what is new
    (a key that is known is the same order; its status may be another), and the SKUs whose targets may have changed."""
    new: dict[str, Told] = {}
    skus: set[str] = set()
    for each in told:
        row = read_placement(connection, tenant, each.order.key)
        if row is None:
            new[each.order.key] = each  # the last word of several
        elif each.revision > row.revision:
            skus |= _revise(connection, tenant, row, each)
    first = take_numbers(connection, tenant, len(new)) if new else 0
    rows = []
    for k, (key, each) in enumerate(new.items()):
        state = SKIPPED if each.skipped else REFUSED if each.refused else INTENDED
        outcome = ""
        if state == REFUSED:
            outcome = _encoded(
                OrderOutcome(key, each.order.store, each.revision, Result.REFUSED, "", "", each.refused, each.flaws)
            )
        rows.append(
            (
                tenant, key, each.order.store, _encoded(without_people(each.order) if state in ENDED else each.order),
                order_key(tenant, each.order.store, key), state, first + k, now, each.skipped or each.refused, epoch,
                each.revision, each.status, _encoded(each.flaws) if each.flaws else "", outcome, int(bool(outcome)),
            )
        )  # fmt: skip
    _TELL.write(connection, rows)
    for each in new.values():
        if not each.skipped and not each.refused:
            skus |= add_rooms(connection, tenant, each.order.store, each.order.key, each.rooms, now)
    _MOVE_ON.write(connection, [(tenant, cursor)])
    _BEGIN.write(connection, [(tenant, name) for name in begin])
    return list(new.values()), skus


def _revise(connection: Connection, tenant: str, row: PlacementRow, told: Told) -> set[str]:
    """The ERP has changed its mind about the order's status, or about a cart. What is under way ends first. Of one that it cancels its level has the
    units again: there is no room for them any more. Returns the SKUs of that room."""
    values: dict[str, object] = {"revision": told.revision, "wanted": told.status}
    if row.state in (INTENDED, SENT, CONFIRMED) and row.order.way is Way.CART:
        order = msgspec.structs.replace(told.order, way=Way.CART)  # what is wrong with it is looked at in its turn
        values["content"] = _encoded(without_people(order) if row.state == CONFIRMED else order)
    if row.state == CONFIRMED and row.following != SENT:
        values |= {"following": INTENDED, "retry_at": 0}
    elif row.result and row.state in (REFUSED, WITHDRAWN):  # it stays so, and the ERP hears it again
        outcome = msgspec.structs.replace(row.outcome, revision=told.revision)
        values |= {"result": _encoded(outcome), "untold": 1, "telling": row.telling + 1}
    over = told.status is ShopStatus.CANCELLED and row.state in (INTENDED, SENT)
    if over and row.state == INTENDED:
        values["retry_at"] = 0
    change(connection, tenant, row, **values)
    return end_rooms(connection, tenant, row.store, [row.key]) if over else set()


def waiting(connection: Connection, tenant: str, store: str) -> list[PlacementRow]:
    """Orders without an end, and those whose status is to follow, in the order in which they go out."""
    return [PlacementRow(*row) for row in _WAITING.read(connection, tenant=tenant, store=store, most=WAITING_MAX)]


def read_placement(connection: Connection, tenant: str, key: str) -> PlacementRow | None:
    """One by the ERP's key."""
    row = _ONE.one(connection, tenant=tenant, key=key)
    return None if row is None else PlacementRow(*row)


def of_order(connection: Connection, tenant: str, store: str, order: str) -> list[PlacementRow]:
    """The ERP's order that is this one in the shop, if it is one."""
    return [PlacementRow(*row) for row in _OF_ORDER.read(connection, tenant=tenant, store=store, shop_order=order)]


def is_own_cart(connection: Connection, tenant: str, store: str, cart: str) -> bool:
    """Whether a cart is one that an order of the ERP's goes by. One that a shopper shall buy is his."""
    return _IS_OURS.scalar(connection, tenant=tenant, store=store, cart=cart) is not None


def keys_of(connection: Connection, tenant: str, store: str, own_keys: Iterable[str]) -> dict[str, str]:
    """The ERP's keys of the orders that carry these names of ours in the shop."""
    rows = _OF_KEYS.read(connection, own_keys, tenant=tenant, store=store)
    return {found.own_key: found.key for found in [PlacementRow(*row) for row in rows]}


def change(connection: Connection, tenant: str, row: PlacementRow, **values: object) -> None:
    """Set columns of one."""
    _ROW.change(connection, (tenant, row.key), values)


def conclude(connection: Connection, tenant: str, row: PlacementRow, outcome: OrderOutcome, **values: object) -> None:
    """Set columns of one, and that the ERP is to hear this of it."""
    told: dict[str, object] = {"result": _encoded(outcome), "untold": 1, "telling": row.telling + 1}
    if values.get("state") in ENDED:
        told["content"] = _encoded(without_people(row.order))
    change(connection, tenant, row, **told, **values)


def without_people(order: WantedOrder) -> WantedOrder:
    """The order without names, addresses, and what people wrote: what is kept once nothing is to be sent any more."""
    return msgspec.structs.replace(
        order, billing=Address(), shipping=None, customer="", staff_notes="", customer_message=""
    )


def confirmed(row: PlacementRow, order: str, now: Instant, reason: str) -> dict[str, object]:
    """The columns of an order that the shop has. What the ERP has changed since it was sent follows."""
    moved_on = bool(row.written) and row.wanted != row.written
    return {
        "state": CONFIRMED, "shop_order": order, "confirmed_at": now, "retry_at": 0, "reason": reason,
        "following": INTENDED if moved_on else "",
    }  # fmt: skip


def placed(row: PlacementRow, order: str) -> OrderOutcome:
    """What the ERP is told of it."""
    return OrderOutcome(row.key, row.store, row.revision, Result.PLACED, order, row.written)


def arrived(
    connection: Connection, tenant: str, store: str, read: Mapping[str, Collection[str]], now: Instant
) -> tuple[set[str], list[tuple[str, str]]]:
    """Orders with our keys (own key -> the shop's ids) are in the ledger now, with what the shop has taken for them: their room ends
    in the same transaction. Whatever became of the answers, they are there. Returns the SKUs of that room; and orders that carry
    the key of another one, or that shouldn't be there, as (the shop's id, why)."""
    strange: list[tuple[str, str]] = []
    ended: list[str] = []
    for row in (PlacementRow(*each) for each in _OF_KEYS.read(connection, read, tenant=tenant, store=store)):
        found = sorted(
            read[row.own_key], key=lambda order: (len(order), order)
        )  # the shop counts up: the first is ours
        if row.state in (REFUSED, WITHDRAWN) and not row.shop_order:
            strange += [(order, REFUSED_YET_THERE.format(row.state)) for order in found]
            continue
        known = row.shop_order
        if row.state in (INTENDED, SENT):
            known, reason = found[0], "read among the shop's orders"
            conclude(connection, tenant, row, placed(row, known), **confirmed(row, known, now, reason))
        if known:
            strange += [(order, STRANGE.format(known)) for order in found if order != known]
        if not known or known in found:
            ended.append(row.key)
    return end_rooms(connection, tenant, store, ended), strange


# -- what the ERP hears


def untold(connection: Connection, tenant: str) -> list[PlacementRow]:
    """What the ERP is to hear, the oldest first."""
    return [PlacementRow(*row) for row in _UNTOLD.read(connection, tenant=tenant, most=UNTOLD_MAX)]


def told(connection: Connection, tenant: str, row: PlacementRow) -> None:
    """The ERP has heard this of it; not what came after."""
    _TOLD.change(connection, tenant=tenant, key=row.key, telling=row.telling)


# -- room


def add_rooms(
    connection: Connection,
    tenant: str,
    store: str,
    key: str,
    rooms: Sequence[Room],
    now: Instant,
    *,
    is_open: bool = False,
) -> set[str]:
    """Room for an order's units, from now on; `is_open`: the ERP's levels have been asked for since it told of the order."""
    _ADD_ROOM.write(connection, [(tenant, store, key, one.sku, one.units, now, int(is_open)) for one in rooms])
    return {one.sku for one in rooms}


def has_room(connection: Connection, tenant: str, store: str, key: str, rooms: Sequence[Room]) -> bool:
    """Whether an order's room counts already, whole."""
    found = open_rooms(connection, tenant, store, [one.sku for one in rooms])
    return all(any(each.key == key and each.is_open for each in found.get(one.sku, ())) for one in rooms)


def end_rooms(connection: Connection, tenant: str, store: str, keys: Collection[str]) -> set[str]:
    """No room for these orders any more. Returns the SKUs whose targets fall."""
    if not keys:
        return set()
    skus = {row[0] for row in _ROOM_SKUS.read(connection, keys, tenant=tenant, store=store)}
    _END_ROOMS.change(connection, keys, tenant=tenant, store=store)
    return skus


def end_waiting_rooms(connection: Connection, tenant: str, store: str) -> set[str]:
    """No room for any order that waits. Returns the SKUs whose targets fall."""
    keys = _WAITING_ROOMS.scalars(connection, tenant=tenant, store=store)
    return end_rooms(connection, tenant, store, keys)


def left_over(connection: Connection, tenant: str, store: str, before: Instant) -> list[str]:
    """Orders that ended before this, and still have room: nobody has read them since."""
    return sorted(set(_OLD_ROOMS.scalars(connection, tenant=tenant, store=store, before=before)))


def open_rooms(connection: Connection, tenant: str, store: str, skus: Iterable[str]) -> dict[str, list[OpenRoom]]:
    """The room of these SKUs in a store."""
    found: dict[str, list[OpenRoom]] = {}
    for sku, key, units, since, is_open in _ROOMS.read(connection, skus, tenant=tenant, store=store):
        found.setdefault(sku, []).append(OpenRoom(key, units, since, bool(is_open)))
    return found


# -- what the shop sells


def offers(connection: Connection, tenant: str, store: str, skus: Iterable[str]) -> list[Offer]:
    """What the store sells under these SKUs of its own: of each, what the catalogue has shown last (a product that was deleted stays
    in the ledger)."""
    rows = _OFFERS.read(connection, skus, tenant=tenant, store=store)
    newest: dict[str, Instant] = {}
    for _, _, sku, seen in rows:
        newest[sku] = max(seen, newest.get(sku, seen))
    return [Offer(product, item, sku) for product, item, sku, seen in rows if seen == newest[sku]]


def _encoded(value: object) -> str:
    return msgspec.json.encode(value).decode()
