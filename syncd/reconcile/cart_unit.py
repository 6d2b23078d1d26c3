"""Carts inside a transaction: an order ends the cart that it came of, and what was read of carts reaches the ledger.

A cart's hold ends in the very transaction that takes its order in. So at each instant other shops see one or the other of the two,
never both and never neither.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import msgspec
from sqlalchemy import Connection

from syncd.core.cart import ALIVE, PERSONAL, PLACED, CartState, Happened, KnownCart, SeenCart, document, settle
from syncd.core.cart_hold import HoldPolicy, held_until, hold_lines
from syncd.core.event import Event, event_id
from syncd.core.order import Order, Unreadable
from syncd.core.policy import Policy
from syncd.core.quantity import SECOND, Instant
from syncd.ledger import carts, items, orders, placing
from syncd.ledger.carts import CartRow
from syncd.ledger.outbox import Outbox
from syncd.ports.carts import CartTraits

ORDER_US = 30 * 86_400 * SECOND  # an order that is older than any cart lives tells nothing new of its cart
LOOKS = 2  # a cart that is missing so often in a row, with no order to be found, is no more
MISSING_US = 30 * SECOND  # between these two: an order may show later than its cart has gone
MARGIN_US = 60 * SECOND  # after the moment at which a cart is abandoned, or has lived out its time
IDLE_LOOK_US = 86_400 * SECOND  # of a cart that nobody touches: calls get lost
KINDS = {happened: f"cart.{happened}" for happened in Happened}


@dataclass(frozen=True, slots=True)
class CartFacts:
    """What the unit needs of its store, as plain values."""

    tenant: str
    store: str
    policy: Policy
    holds: HoldPolicy
    traits: CartTraits
    clock_ahead_us: int
    outbox: Outbox


@dataclass(frozen=True, slots=True)
class Looked:
    """One look at a cart: what the store has shown (None: it has none), and the order that was found. It was true at some instant
    since `began`."""

    cart: str
    seen: SeenCart
    began: Instant


@dataclass(slots=True)
class CartsTaken:
    """What became of some looks, for the log: after the commit, never before."""

    happened: list[tuple[str, Happened, str]] = field(default_factory=list)  # cart, what, order
    held: bool = False  # some target may have changed
    told: bool = False  # sinks are told of something


def end_carts(
    connection: Connection,
    tenant: str,
    store: str,
    page: Sequence[Order | Unreadable],
    applied: Collection[tuple[str, str, int]],
    now: Instant,
) -> None:
    """The orders that this transaction takes in have come of these carts: whatever those held ends here."""
    names = {order for order, _, _ in applied}
    placed = {
        order.cart.lower(): order.order
        for order in page
        if isinstance(order, Order) and order.order in names and order.cart and order.phase in PLACED
        and now - order.created < ORDER_US
    }  # fmt: skip
    if placed:
        items.make_due(connection, tenant, carts.ordered(connection, tenant, store, placed, now), now)


def take_carts(connection: Connection, facts: CartFacts, looks: Sequence[Looked], now: Instant) -> CartsTaken:
    """Take some looks into the ledger: state, holds, and what sinks are told. Decides by what is in the ledger now: an order may
    have ended a cart since it was looked at, and a reading that began earlier never overwrites a later one."""
    taken = CartsTaken()
    rows = carts.read_carts(connection, facts.tenant, facts.store, [look.cart for look in looks])
    for look in looks:
        row = rows.get(look.cart)
        if row is not None and row.began > look.began:
            continue
        known, happened = settle(
            row.known if row else None, look.seen, life_us=facts.traits.life_us,
            abandoned_us=facts.traits.abandoned_us, looks=LOOKS,
        )  # fmt: skip
        if known is None:
            continue
        look_next = _next_look(known, facts, now)
        ended = Instant(0) if known.state in ALIVE else (row.ended if row and row.ended else now)
        carts.write_cart(
            connection,
            facts.tenant,
            facts.store,
            look.cart,
            known,
            began=look.began,
            look=look_next,
            now=now,
            ended=ended,
        )
        if happened:
            skus = _hold(connection, facts, look.cart, known, now)
            taken.held |= bool(items.make_due(connection, facts.tenant, skus, now)) if skus else False
            taken.happened += [(look.cart, what, known.order) for what in happened]
            taken.told |= bool(facts.outbox.put(connection, _events(facts, look.cart, known, happened, row, now), now))
    return taken


def _next_look(known: KnownCart, facts: CartFacts, now: Instant) -> Instant | None:
    if known.state not in ALIVE:
        return None
    if known.missing:
        return Instant(now + MISSING_US)
    if known.content is None:
        return Instant(now + IDLE_LOOK_US)
    updated = known.content.updated - facts.clock_ahead_us
    over = updated + facts.traits.life_us + MARGIN_US
    open_ends = updated + facts.traits.abandoned_us + MARGIN_US
    after = open_ends if known.state is CartState.OPEN else now + IDLE_LOOK_US
    return Instant(max(now + MISSING_US, min(after, over)))


def _hold(connection: Connection, facts: CartFacts, name: str, known: KnownCart, now: Instant) -> set[str]:
    """What the cart keeps from other shops from now on. Returns the SKUs whose targets that concerns."""
    content = known.content
    # One that an order of the ERP's goes by keeps nothing: the ERP has taken its units.
    is_own = placing.is_own_cart(connection, facts.tenant, facts.store, name)
    if known.state not in ALIVE or content is None or not facts.holds.minutes or is_own:
        return set(carts.release(connection, facts.tenant, facts.store, [name]))
    until = held_until(content, facts.clock_ahead_us, now, facts.holds)
    if until <= now:
        return set(carts.release(connection, facts.tenant, facts.store, [name]))
    names = {line.product for line in content.lines if line.product}
    products = orders.read_products(connection, facts.tenant, facts.store, names) if names else {}
    shop_skus = {line.sku for line in content.lines if line.sku} | {each.sku for each in products.values() if each.sku}
    skus = {sku for shop_sku in shop_skus for sku, _ in facts.policy.recipe(shop_sku)}
    known_skus = orders.known_skus(connection, facts.tenant, facts.policy.location, skus) if skus else frozenset()
    lines = hold_lines(content, facts.policy, products, known_skus.__contains__, facts.holds)
    return carts.hold(
        connection, facts.tenant, facts.store, name, lines,
        location=facts.policy.location, until=until, share=facts.holds.share,
    )  # fmt: skip


def _events(
    facts: CartFacts, name: str, known: KnownCart, happened: Sequence[Happened], row: CartRow | None, now: Instant
) -> list[Event]:
    """What sinks are told, each happening once: its id follows from the cart and the state that it was found in."""
    wanted = [what for what in happened if facts.outbox.wants(KINDS[what])]
    if not wanted:
        return []
    content = known.content
    data = msgspec.json.encode(document(facts.store, name, known))
    version, updated = (content.version, content.updated) if content else (0, 0)
    persons = facts.outbox.persons(
        email=content.email if content else "", store=facts.store, customer=content.customer if content else ""
    )
    return [
        Event(
            event_id(facts.store, "cart", name, str(what), version, updated, known.order, row.began if row else 0),
            KINDS[what], facts.store, f"{facts.store}/{name}", f"carts/{name}", now, data, PERSONAL, persons,
        )
        for what in wanted
    ]  # fmt: skip
