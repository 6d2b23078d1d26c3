"""BASELINE: what an order from before the cutover had committed at the cutover.

Orders created before the cutover are the old world's business: whether the ERP has counted them is the tenant's to say.
What they commit *after* the cutover is ours. So for each of them the commitment as of the cutover is reconstructed from its
dates, and only the difference from then on moves stock. What the dates can't decide is quarantined, never guessed.
"""

from __future__ import annotations

import msgspec

from syncd.core.order import DEAD, Line, Order, Phase
from syncd.core.policy import CountOn, Policy
from syncd.core.quantity import ZERO, Instant, Quantity


class AtCutover(msgspec.Struct, frozen=True):
    """Units of a line committed at the cutover (shop's units); `undecided` says why that can't be known."""

    units: Quantity
    undecided: str = ""


def belongs(order: Order, cutover: Instant) -> bool:
    """Whether the order is from before the cutover. Both instants are the shop's clock."""
    return order.created < cutover


def at_cutover(order: Order, line: Line, now_committed: Quantity, policy: Policy, cutover: Instant) -> AtCutover:
    """What `line` had committed at the cutover, given what it commits in the state read now."""
    if order.modified < cutover:
        return AtCutover(now_committed)
    if line.restocked and order.phase not in DEAD:
        return AtCutover(
            now_committed, "units were restocked, and the dates don't tell whether before or after the cutover"
        )
    if order.phase in DEAD:
        if policy.count_on is CountOn.PAID and order.paid is None:
            return AtCutover(ZERO)  # it never counted
        if policy.count_on is CountOn.COMPLETED and order.completed is None:
            return AtCutover(ZERO)
        return AtCutover(
            now_committed, f"it is {order.phase}, and the dates don't tell whether before or after the cutover"
        )
    if now_committed == 0:
        return AtCutover(ZERO)  # drafts, unpaid: it counts later, if ever
    if policy.count_on is CountOn.PAID and order.paid is not None and order.paid >= cutover:
        return AtCutover(ZERO)
    if policy.count_on is CountOn.COMPLETED and order.completed is not None and order.completed >= cutover:
        return AtCutover(ZERO)
    if policy.count_on is CountOn.COMPLETED and order.phase is Phase.COMPLETED and order.completed is None:
        return AtCutover(now_committed, "it is completed, and has no date that tells when")
    return AtCutover(now_committed)
