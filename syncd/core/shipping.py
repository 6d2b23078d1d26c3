"""What left the house, in the shop's terms: from an ERP's shipment to units of an order's lines, by place.

An ERP names what it ships by the shop's line, by its own SKU, or by both. A SKU is looked for in the accounts of the order,
where it was pinned; a kit is shipped whole or not at all, since a shop can't ship half a unit of what it sold. Quantities
shipped never exceed those ordered. What can't be told to a shop raises `Unshippable`, with what to do about it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from syncd.core.account import Account
from syncd.core.moves import short_key
from syncd.core.quantity import UNIT, ZERO, Quantity, floor_to_whole, is_whole, show


class ShopLine(msgspec.Struct, frozen=True):
    """A line of an order, as far as shipping goes. `place` is where it goes ("" if it isn't sent anywhere), `shipped` what
    left the house already. `goods`: it is something that can be put in a parcel."""

    line: str
    place: str
    quantity: Quantity
    shipped: Quantity
    goods: bool = True

    @property
    def left(self) -> Quantity:
        """Units that may still be shipped."""
        return Quantity(max(0, self.quantity - self.shipped))


class ParcelLine(msgspec.Struct, frozen=True):
    """Units of a line in one shipment."""

    line: str
    quantity: Quantity


class Named(msgspec.Struct, frozen=True):
    """Units as the ERP names them: of the shop's `line` where `sku` is ""; else of the ERP's own `sku`, in that line or in any."""

    line: str
    sku: str
    quantity: Quantity


class Unshippable(Exception):
    """A shipment that can't be told to the shop as it is: the message says why, `hint` what to do."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.hint = hint


Parcels = tuple[tuple[str, tuple[ParcelLine, ...]], ...]  # by place


def parcel_key(tenant: str, store: str, order: str, shipment: str, place: str) -> str:
    """The name that a shipment to one place carries in the shop, for ever the same: "sp-" and 26 letters and digits."""
    return short_key("sp-", f"{tenant}/{store}/{order}/{place}/{shipment}")


def pack(named: Sequence[Named], accounts: Sequence[Account], lines: Sequence[ShopLine]) -> Parcels:
    """The parcels that a shipment comes to, one for each place, in the order of the shop's lines. None at all where all that
    it names is digital. Raises Unshippable."""
    known = {line.line: line for line in lines}
    units = _units(named, accounts, known)
    places: dict[str, list[ParcelLine]] = {}
    for line in lines:
        quantity = units.get(line.line, ZERO)
        if not quantity or not line.goods:
            continue
        if not line.place:
            raise Unshippable(
                f"line {line.line} isn't sent anywhere: it is to be picked up, or has no address",
                "complete the order in the shop by hand, then release --already-counted",
            )
        places.setdefault(line.place, []).append(ParcelLine(line.line, quantity))
    parcels = tuple((place, tuple(parts)) for place, parts in places.items())
    for _, parts in parcels:
        check(parts, lines)
    return parcels


def check(parcel: Sequence[ParcelLine], lines: Sequence[ShopLine]) -> None:
    """Whether the shop's order, as it is now, has these units left to ship. Raises Unshippable."""
    known = {line.line: line for line in lines}
    for part in parcel:
        line = known.get(part.line)
        if line is None:
            raise Unshippable(*_no_line(part.line))
        if not is_whole(part.quantity):
            raise Unshippable(
                f"the shop ships whole units, not {show(part.quantity)} of line {part.line}",
                "correct the shipment in the ERP, or enter it in the shop by hand and release --already-counted",
            )
        if part.quantity > line.left:
            raise Unshippable(
                f"{show(part.quantity)} of line {part.line} were shipped, but only {show(line.left)} of the "
                f"{show(line.quantity)} ordered are left to ship",
                "was it shipped in the shop already? Then release --already-counted; or correct the order in the shop, and "
                "release --count",
            )


def _units(named: Sequence[Named], accounts: Sequence[Account], known: Mapping[str, ShopLine]) -> dict[str, Quantity]:
    """Units of each of the shop's lines."""
    units: dict[str, Quantity] = {}
    by_sku: dict[tuple[str, str], Quantity] = {}
    for each in named:
        if each.line and each.line not in known:
            raise Unshippable(*_no_line(each.line))
        if each.sku:
            place = (each.line, each.sku)
            by_sku[place] = Quantity(by_sku.get(place, ZERO) + each.quantity)
        else:
            units[each.line] = Quantity(units.get(each.line, ZERO) + each.quantity)
    parts: dict[str, list[Account]] = {}
    for account in accounts:
        if account.quantity > 0 and account.sku and account.line in known:
            parts.setdefault(account.line, []).append(account)
    for only in dict.fromkeys(line for line, _ in by_sku):
        need = {sku: quantity for (line, sku), quantity in by_sku.items() if line == only}
        chosen = {line: rows for line, rows in parts.items() if only in ("", line)}
        for line, quantity in _spread(need, chosen, known, units).items():
            units[line] = Quantity(units.get(line, ZERO) + quantity)
    return units


def _spread(
    need: Mapping[str, Quantity],
    parts: Mapping[str, Sequence[Account]],
    known: Mapping[str, ShopLine],
    taken: Mapping[str, Quantity],
) -> dict[str, Quantity]:
    """Units of lines that hold these SKUs: whole kits first, since their components are of no use elsewhere."""
    left = dict(need)
    units: dict[str, Quantity] = {}
    for line in sorted(parts, key=lambda name: -len(parts[name])):
        rows = parts[line]
        room = floor_to_whole(known[line].left - taken.get(line, ZERO))
        able = [floor_to_whole(left.get(row.sku, ZERO) * UNIT // row.factor) for row in rows]
        quantity = Quantity(max(0, min([room, *able])))
        if quantity:
            units[line] = quantity
            for row in rows:
                left[row.sku] = Quantity(left[row.sku] - quantity * row.factor // UNIT)
    over = {sku: quantity for sku, quantity in left.items() if quantity}
    if over:
        raise _not_placed(over, [row for rows in parts.values() for row in rows], _kits(parts))
    return units


def _kits(parts: Mapping[str, Sequence[Account]]) -> frozenset[str]:
    return frozenset(row.sku for rows in parts.values() if len(rows) > 1 or rows[0].factor != UNIT for row in rows)


def _not_placed(over: Mapping[str, Quantity], rows: Sequence[Account], kits: Collection[str]) -> Unshippable:
    """Why units of these SKUs belong to no line."""
    told = ", ".join(f"{show(quantity)} of {sku}" for sku, quantity in over.items())
    if not {row.sku for row in rows} & over.keys():
        return Unshippable(
            f"the order has no line with {told}",
            "name the line and the SKU as the order has them; or enter it in the shop by hand and release --already-counted",
        )
    if kits & over.keys():
        return Unshippable(
            f"{told} make no whole kit that is left to ship, and the shop ships whole ones",
            "ship the kit's components together, in one shipment; or enter it in the shop by hand and release "
            "--already-counted",
        )
    return Unshippable(
        f"{told} were shipped beyond what is left to ship of the order",
        "was it shipped in the shop already? Then release --already-counted; or correct the order in the shop, and release "
        "--count",
    )


def _no_line(line: str) -> tuple[str, str]:
    return (
        f"the order has no line {line}",
        "was the line removed in the shop? Enter the shipment there by hand, then release --already-counted",
    )
