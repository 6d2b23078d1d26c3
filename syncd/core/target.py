"""Targets: the level that a shop should show for a stock item.

    target of a SKU = R - (untold decreases not confirmed before R's request) - claims - holds of other shops - buffer + room

What carts of another shop hold is a hold, too, up to that shop's share of R for all of its carts.

R is the ERP's last level of that very SKU. NEVER-EARLY: what gives units back counts only when R shows it, and R shows
surely only what the ERP had confirmed before R's request began. So per account the told units are the confirmed ones, less
those confirmed since R began, and an increase that may be in R already is assumed to be in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from syncd.core.moves import CONFIRMED, REFUSED, VOID
from syncd.core.quantity import UNIT, ZERO, Instant, Quantity, floor_to_whole


class ErpReading(msgspec.Struct, frozen=True):
    """The ERP's available quantity of a SKU, and when the request that returned it began."""

    level: Quantity
    began: Instant
    absent: bool = False  # a complete answer since then has not named the SKU: nothing is raised on this ground


class RecentMove(msgspec.Struct, frozen=True):
    """A move that R may or may not show: not confirmed, or confirmed since R's request began."""

    change: Quantity
    state: str
    confirmed_at: Instant


class OpenAccount(msgspec.Struct, frozen=True):
    """An account that may matter to a target, with its recent moves. `store` is the shop whose order it belongs to."""

    store: str
    order: str
    line: str
    commitment: Quantity
    confirmed: Quantity
    claim: Quantity
    hold: Quantity
    hold_until: Instant
    moves: tuple[RecentMove, ...] = ()


class CartHold(msgspec.Struct, frozen=True):
    """What a line of a cart holds until then. `share` of the ERP's level is the most that all carts of the shop may hold."""

    store: str
    cart: str
    line: str
    units: Quantity
    until: Instant
    share: Quantity


class OpenRoom(msgspec.Struct, frozen=True):
    """ROOM: units of an order that the ERP has on its own book already, and that this shop takes from its counter when the order is
    placed there. R lacks them if it was asked for since `since`, when the ERP told of the order; `is_open`: it was."""

    key: str
    units: Quantity
    since: Instant
    is_open: bool


class Term(msgspec.Struct, frozen=True):
    """One subtraction from R, for `explain`: what ("untold", "claim", "hold", "cart", "room"), of which order or cart (of room:
    the ERP's key of it), how many units."""

    what: str
    store: str
    order: str
    line: str
    units: Quantity


class SkuTarget(msgspec.Struct, frozen=True):
    """The target of one ERP SKU for one shop, and how it came about."""

    sku: str
    target: Quantity
    reading: ErpReading
    buffer: Quantity
    terms: tuple[Term, ...]


def untold(account: OpenAccount, reading: ErpReading) -> Quantity:
    """UNTOLD: units committed that R surely doesn't show yet; never negative (NEVER-EARLY)."""
    told = account.confirmed
    for move in account.moves:
        if move.state in (VOID, REFUSED):
            continue
        counted = -move.change
        if move.state == CONFIRMED:
            if move.confirmed_at < reading.began:
                continue
            told = Quantity(told - counted)
        told = Quantity(told + min(ZERO, counted))
    return Quantity(max(ZERO, account.commitment - told))


def sku_target(
    sku: str,
    store: str,
    reading: ErpReading,
    accounts: Iterable[OpenAccount],
    *,
    buffer: Quantity,
    now: Instant,
    carts: Iterable[CartHold] = (),
    rooms: Iterable[OpenRoom] = (),
) -> SkuTarget:
    """The target of `sku` for the shop `store`. `accounts` are all open accounts of the SKU, of every shop, `carts` all that
    carts hold of it; `rooms` are this shop's."""
    terms: list[Term] = []
    for entry in accounts:
        where = (entry.store, entry.order, entry.line)
        missing = untold(entry, reading)
        if missing:
            terms.append(Term("untold", *where, missing))
        if entry.claim:
            terms.append(Term("claim", *where, entry.claim))
        if entry.hold and entry.store != store and entry.hold_until > now:
            terms.append(Term("hold", *where, entry.hold))
    terms += _cart_terms(store, reading, carts, now)
    terms += _room_terms(rooms, store, reading, reading.level - sum(term.units for term in terms), buffer)
    total = sum(term.units for term in terms)
    return SkuTarget(sku, Quantity(reading.level - total - buffer), reading, buffer, tuple(terms))


def _cart_terms(store: str, reading: ErpReading, carts: Iterable[CartHold], now: Instant) -> list[Term]:
    """What the carts of other shops hold: of each shop's the oldest first, as far as its share goes."""
    left: dict[str, int] = {}
    terms: list[Term] = []
    for each in sorted(carts, key=lambda hold: (hold.until, hold.store, hold.cart, hold.line)):
        if each.store == store or each.until <= now:
            continue
        room = left.setdefault(each.store, max(0, reading.level) * each.share // UNIT)
        units = min(each.units, room)
        if units > 0:
            left[each.store] = room - units
            terms.append(Term("cart", each.store, each.cart, each.line, Quantity(units)))
    return terms


def _room_terms(rooms: Iterable[OpenRoom], store: str, reading: ErpReading, without: int, buffer: int) -> list[Term]:
    """ROOM: what orders on their way take from this shop's counter, beside what there is `without` them. The buffer is kept back
    from shoppers, not from the ERP's own orders. What the ERP itself doesn't have, they don't find either."""
    terms = [
        Term("room", store, room.key, "", Quantity(-room.units))
        for room in rooms
        if room.is_open or reading.began >= room.since
    ]
    lent = min(buffer, max(0, buffer - without)) if without >= 0 else buffer
    return [Term("buffer lent", store, "", "", Quantity(-lent)), *terms] if terms and lent else terms


def item_target(recipe: Sequence[tuple[str, Quantity]], targets: Mapping[str, SkuTarget], *, whole: bool) -> Quantity:
    """The least, over components, of component target / factor, rounded down (to whole units where the shop counts such)."""
    least = min(
        targets[sku].target if factor == UNIT else Quantity(targets[sku].target * UNIT // factor)
        for sku, factor in recipe
    )
    return floor_to_whole(least) if whole else Quantity(least)
