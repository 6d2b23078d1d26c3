"""Holds: what a cart keeps from the other shops for a while, in the ERP's units.

A hold is a promise to nobody and takes no stock; it only lets the others promise less. Somebody who fills carts must not empty
the other shops: a cart holds only so many units of a SKU, and `core/target.py` lets all carts of a shop together hold only a
share of what the ERP has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from syncd.core.account import Product, scaled
from syncd.core.cart import Cart, stock_lines
from syncd.core.policy import Policy
from syncd.core.quantity import UNIT, ZERO, Instant, Quantity, microseconds


class HoldPolicy(msgspec.Struct, frozen=True):
    """How long a cart holds its lines since its last change (0: not at all), how many units of one SKU a cart may hold, and which
    share of the ERP's level all carts of the shop may (in ten-thousandths)."""

    minutes: float = 0.0
    units_max: Quantity = Quantity(10 * UNIT)
    share: Quantity = Quantity(UNIT // 5)

    @property
    def life_us(self) -> int:
        """How long a hold lasts, in microseconds."""
        return microseconds(60.0 * self.minutes)


class HoldLine(msgspec.Struct, frozen=True):
    """Units of one SKU that a line of a cart holds. `part` counts the components of a kit."""

    line: str
    part: int
    sku: str
    units: Quantity


def hold_lines(
    content: Cart, policy: Policy, products: Mapping[str, Product], known: Callable[[str], bool], limits: HoldPolicy
) -> tuple[HoldLine, ...]:
    """What a cart holds: by the same SKUs, kits and factors by which an order of these lines would count. A line whose SKU the ERP
    doesn't know holds nothing."""
    left: dict[str, int] = {}
    found: list[HoldLine] = []
    for line in stock_lines(content):
        product = products.get(line.product)
        sku = line.sku or (product.sku if product else "")
        recipe = policy.recipe(sku) if sku and not (product and product.digital) else ()
        if not all(known(name) for name, _ in recipe):
            continue
        for part, (name, factor) in enumerate(recipe):
            room = left.setdefault(name, scaled(limits.units_max, factor))
            units = min(scaled(line.quantity, factor), room)
            if units > ZERO:
                left[name] = room - units
                found.append(HoldLine(line.line, part, name, Quantity(units)))
    return tuple(found)


def held_until(content: Cart, clock_ahead_us: int, now: Instant, limits: HoldPolicy) -> Instant:
    """Until when the cart holds its lines, in our clock: since its last change, as the shop stamps it; a stamp of tomorrow is one
    of now."""
    return Instant(min(content.updated - clock_ahead_us, now) + limits.life_us)
