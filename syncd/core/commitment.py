"""commitment: how many units of a line the ERP should have counted, for one state of its order.

The table of the accounts, as code. The state says it all; nothing of the past is needed but for what was pinned.
"""

from __future__ import annotations

from syncd.core.order import DEAD, Line, Order, Phase
from syncd.core.policy import OnCancel, Policy, Returns, counts
from syncd.core.quantity import ZERO, Quantity

SHIPPED = "shipped"  # the rule's name in an account: what it commits is what had left the house


def commitment(
    order: Order, line: Line, policy: Policy, taken: Quantity, *, shipped_before: Quantity = ZERO
) -> tuple[Quantity, str]:
    """Units of `line` (in the shop's units, before any kit) that the ERP should have counted, and the rule that says so.

    `taken` is what the shop keeps off its counter for the line, for tenants who follow the shop on a cancellation.
    `shipped_before` is what was committed when the order was last seen completed: all of that had been shipped.
    """
    if order.phase in DEAD:
        base, rule = (taken, f"{order.phase}: as the shop keeps it") if _follows(policy) else (ZERO, str(order.phase))
    elif counts(order.phase, policy.count_on):
        base, rule = Quantity(line.quantity - line.restocked), str(order.phase)
        if line.restocked:
            rule = "restocked"
    else:
        base, rule = ZERO, "not placed" if order.phase in (Phase.DRAFT, Phase.PENDING) else f"not {policy.count_on} yet"
    floor = shipped_floor(line, policy, shipped_before)
    return (floor, SHIPPED) if floor > base else (base, rule)


def _follows(policy: Policy) -> bool:
    return policy.on_cancel is OnCancel.FOLLOW_STORE


def shipped_floor(line: Line, policy: Policy, shipped_before: Quantity = ZERO) -> Quantity:
    """SHIPPED: the commitment never falls below what was shipped and not returned.

    With `returns = "erp"` the ERP books what comes back by itself, so a shop's restocking of shipped goods is not counted
    a second time; with `returns = "store"` it is the return.
    """
    if policy.returns is Returns.ERP:
        return Quantity(max(ZERO, line.shipped, shipped_before))
    # What was put back were first the units that had not left the house: only more than those came back from shipping.
    returned = max(0, line.restocked - max(0, line.quantity - line.shipped)) if line.restocked else 0
    return Quantity(max(ZERO, line.shipped - returned))
