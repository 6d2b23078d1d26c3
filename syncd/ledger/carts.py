"""Carts in the state read last, and what they keep from the other shops for a while."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection

from syncd.core.cart import ALIVE, Cart, CartState, KnownCart
from syncd.core.cart_hold import HoldLine
from syncd.core.quantity import Instant, Quantity
from syncd.core.target import CartHold
from syncd.ledger.rows import Among, Rows, Statement
from syncd.ledger.schema_carts import cart, cart_hold

PURGED_PER_UNIT_MAX = 500

_WRITE = Rows(
    cart, ["tenant", "store", "cart", "state", "content", "order", "began", "missing", "look", "seen", "ended"],
    update=["state", "content", "order", "began", "missing", "look", "ended"],
)  # fmt: skip
_ORDERED = Rows(
    cart, ["tenant", "store", "cart", "state", "content", "order", "look", "seen"], update=["order", "look"]
)
_HOLD = Rows(cart_hold, ["tenant", "store", "cart", "line", "part", "sku", "location", "units", "until", "share"])
_OF = "WHERE tenant = :tenant AND store = :store"
_READ = Among(
    f'SELECT cart, state, content, "order", began, missing, look, seen, ended FROM cart {_OF} AND cart IN :among'  # noqa: S608
)
_DUE = Statement(f"SELECT cart FROM cart {_OF} AND look IS NOT NULL AND look <= :now ORDER BY look LIMIT :count")  # noqa: S608
_NEXT = Statement(f"SELECT min(look) FROM cart {_OF} AND look IS NOT NULL")  # noqa: S608
_LIVING = Statement(
    f"SELECT cart, look FROM cart {_OF} AND look IS NOT NULL AND began < :before ORDER BY began DESC LIMIT :count"  # noqa: S608
)
_LOOK = Statement(f"UPDATE cart SET look = :look {_OF} AND cart = :cart")  # noqa: S608
_COUNT = Statement(f"SELECT state, count(*) FROM cart {_OF} GROUP BY state")  # noqa: S608
_PURGE = Statement(
    "DELETE FROM cart WHERE tenant = :tenant AND (store, cart) IN (SELECT store, cart FROM cart "
    "WHERE tenant = :tenant AND ended > 0 AND ended < :before LIMIT :count)"
)
_PURGE_LOST = Statement(
    "DELETE FROM cart WHERE tenant = :tenant AND (store, cart) IN (SELECT store, cart FROM cart "
    "WHERE tenant = :tenant AND ended = 0 AND began < :before AND seen < :before LIMIT :count)"
)
_HELD_SKUS = Among(f"SELECT DISTINCT sku FROM cart_hold {_OF} AND cart IN :among")  # noqa: S608
_RELEASE = Among(f"DELETE FROM cart_hold {_OF} AND cart IN :among")  # noqa: S608
_OVER_SKUS = Statement(f"SELECT DISTINCT sku FROM cart_hold {_OF} AND until <= :until")  # noqa: S608
_OVER = Statement(f"DELETE FROM cart_hold {_OF} AND until <= :until")  # noqa: S608
_NEXT_OVER = Statement(f"SELECT min(until) FROM cart_hold {_OF}")  # noqa: S608
_FORGET_HOLDS = Statement("DELETE FROM cart_hold WHERE tenant = :tenant AND until < :before")
_HOLDS = Among(
    "SELECT sku, store, cart, line, units, until, share FROM cart_hold "
    "WHERE tenant = :tenant AND location = :location AND until > :now AND sku IN :among"
)


class CartRow(msgspec.Struct, frozen=True):
    """One cart. `look` None: it is looked at no more."""

    cart: str
    state: str
    content: str
    order: str
    began: Instant
    missing: int
    look: Instant | None
    seen: Instant
    ended: Instant

    @property
    def is_converted(self) -> bool:
        """Whether the order is known that came of it, or that there is one."""
        return bool(self.order) or self.state == CartState.CONVERTED

    @property
    def known(self) -> KnownCart:
        """As the rules want it."""
        content = msgspec.json.decode(self.content, type=Cart) if self.content else None
        return KnownCart(CartState(self.state), content, self.order, self.missing)


def read_carts(connection: Connection, tenant: str, store: str, names: Iterable[str]) -> dict[str, CartRow]:
    """The known ones among these."""
    return {row[0]: CartRow(*row) for row in _READ.read(connection, names, tenant=tenant, store=store)}


def write_cart(
    connection: Connection, tenant: str, store: str, name: str, known: KnownCart,
    *, began: Instant, look: Instant | None, now: Instant, ended: Instant,
) -> None:  # fmt: skip
    """Its state, read by a request that began then. `ended`: since when it is no more, 0 while it lives."""
    content = "" if known.content is None else msgspec.json.encode(known.content).decode()
    row = (tenant, store, name, str(known.state), content, known.order, began, known.missing, look, now, ended)
    _WRITE.write(connection, [row])


def look_at(connection: Connection, tenant: str, store: str, looks: Mapping[str, Instant]) -> None:
    """When these are looked at next."""
    place = {"tenant": tenant, "store": store}
    _LOOK.change_each(connection, [{**place, "cart": name, "look": look} for name, look in looks.items()])


def due(connection: Connection, tenant: str, store: str, now: Instant, limit: int) -> list[str]:
    """Carts to be looked at, the longest due first."""
    return _DUE.scalars(connection, tenant=tenant, store=store, now=now, count=limit)


def next_look(connection: Connection, tenant: str, store: str) -> Instant | None:
    """When the next one is due."""
    found: Instant | None = _NEXT.scalar(connection, tenant=tenant, store=store)
    return found


def unread_since(
    connection: Connection, tenant: str, store: str, before: Instant, limit: int
) -> list[tuple[str, Instant]]:
    """Carts that may have changed since `before`, when each was read last, and when each is looked at next; those read last first."""
    return [
        (row[0], row[1]) for row in _LIVING.read(connection, tenant=tenant, store=store, before=before, count=limit)
    ]


def ordered(connection: Connection, tenant: str, store: str, placed: Mapping[str, str], now: Instant) -> list[str]:
    """These carts (with the order that was placed from each) have become orders: they hold nothing any more, and are looked at soon;
    one that nobody has heard of is known from now on. Returns the SKUs that they have held."""
    known = read_carts(connection, tenant, store, placed)
    new = {name: order for name, order in placed.items() if name not in known or not known[name].is_converted}
    _ORDERED.write(
        connection, [(tenant, store, name, str(CartState.OPEN), "", order, now, now) for name, order in new.items()]
    )
    return release(connection, tenant, store, placed)


def counts(connection: Connection, tenant: str, store: str) -> dict[str, int]:
    """How many carts are in each state."""
    return {row[0]: row[1] for row in _COUNT.read(connection, tenant=tenant, store=store)}


def alive(told: Mapping[str, int]) -> int:
    """How many of `counts` are still there."""
    return sum(count for state, count in told.items() if state in ALIVE)


def purge(connection: Connection, tenant: str, before: Instant, lost: Instant) -> int:
    """Forget carts that ended before `before`, and those that nobody has looked at since `lost` (of a store whose carts aren't read
    any more); a few at a time. Returns how many."""
    ended = _PURGE.change(connection, tenant=tenant, before=before, count=PURGED_PER_UNIT_MAX)
    left = _PURGE_LOST.change(connection, tenant=tenant, before=lost, count=PURGED_PER_UNIT_MAX)
    _FORGET_HOLDS.change(connection, tenant=tenant, before=lost)
    return max(ended, left)


# --- holds


def hold(
    connection: Connection, tenant: str, store: str, name: str, lines: Sequence[HoldLine],
    *, location: str, until: Instant, share: Quantity,
) -> set[str]:  # fmt: skip
    """The cart holds these from now on, and nothing else. Returns the SKUs whose targets that concerns."""
    skus = set(release(connection, tenant, store, [name]))
    _HOLD.write(
        connection,
        [(tenant, store, name, row.line, row.part, row.sku, location, row.units, until, share) for row in lines],
    )
    return skus | {row.sku for row in lines}


def release(connection: Connection, tenant: str, store: str, names: Iterable[str]) -> list[str]:
    """These carts hold nothing any more. Returns the SKUs that they have held."""
    chosen = list(names)
    skus = [row[0] for row in _HELD_SKUS.read(connection, chosen, tenant=tenant, store=store)]
    if skus:
        _RELEASE.change(connection, chosen, tenant=tenant, store=store)
    return skus


def release_over(connection: Connection, tenant: str, store: str, until: Instant) -> list[str]:
    """What was held until then, or a time before it, is held no more. Returns the SKUs."""
    skus = _OVER_SKUS.scalars(connection, tenant=tenant, store=store, until=until)
    if skus:
        _OVER.change(connection, tenant=tenant, store=store, until=until)
    return skus


def next_over(connection: Connection, tenant: str, store: str) -> Instant | None:
    """When the next hold ends."""
    found: Instant | None = _NEXT_OVER.scalar(connection, tenant=tenant, store=store)
    return found


def holds(
    connection: Connection, tenant: str, location: str, skus: Iterable[str], now: Instant
) -> dict[str, list[CartHold]]:
    """What carts hold of these SKUs."""
    found: dict[str, list[CartHold]] = {}
    for row in _HOLDS.read(connection, skus, tenant=tenant, location=location, now=now):
        found.setdefault(row[0], []).append(CartHold(*row[1:]))
    return found
