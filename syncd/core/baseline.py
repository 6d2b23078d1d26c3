"""BASELINE: what an order from before the cutover had committed at the cutover.

Orders created before the cutover are the old world's business: whether the ERP has counted them is the tenant's to say.
What they commit *after* the cutover is ours. So for each of them the commitment as of the cutover is reconstructed from its
dates, and only the difference from then on moves stock. What the dates can't decide is quarantined, never guessed.
"""

from __future__ import annotations

import msgspec

from syncd.core.order import DEAD, FINAL, Line, Order
from syncd.core.policy import CountOn, Policy, counts
from syncd.core.quantity import ZERO, Instant, Quantity


class AtCutover(msgspec.Struct, frozen=True):
    """Units of a line committed at the cutover (shop's units); `undecided` says why that can't be known."""

    units: Quantity
    undecided: str = ""


def belongs(order: Order, cutover: Instant) -> bool:
    """Whether the order is from before the cutover. Both instants are the shop's clock."""
    return order.created < cutover


def was_over(order: Order, cutover: Instant) -> bool:
    """Whether the order had come to its end before the cutover. What `baseline` says of open orders is not about it: an ERP
    that goes by its own book has long counted it."""
    if order.phase not in FINAL:
        return False
    return order.modified < cutover or (order.completed is not None and order.completed < cutover)


def at_cutover(order: Order, line: Line, now_committed: Quantity, policy: Policy, cutover: Instant) -> AtCutover:
    """What `line` had committed at the cutover, given what it commits in the state read now.

    A quantity that was edited between the cutover and the first reading leaves no trace: the one read is taken for the one
    of the cutover.
    """
    if order.modified < cutover:
        return AtCutover(now_committed)
    began = _began_to_count(order, policy)
    if began is not None and began >= cutover:
        return AtCutover(ZERO)
    if order.phase in DEAD:
        if began is None and _tells(order, line, policy):
            return AtCutover(ZERO)  # it never counted
        return AtCutover(
            now_committed, f"it is {order.phase}, and the dates don't tell whether before or after the cutover"
        )
    if not counts(order.phase, policy.count_on):
        if now_committed:
            return AtCutover(now_committed, "units were shipped, and the dates don't tell when")
        return AtCutover(ZERO)  # drafts, unpaid: it counts later, if ever
    if line.restocked:
        return AtCutover(
            now_committed, "units were restocked, and the dates don't tell whether before or after the cutover"
        )
    if began is None:
        return AtCutover(now_committed, f"it is {order.phase}, and has no date that tells since when")
    return AtCutover(now_committed)


def _began_to_count(order: Order, policy: Policy) -> Instant | None:
    """Since when the order counts under this policy; None where no date tells."""
    if policy.count_on is CountOn.PLACED:
        return order.created
    if policy.count_on is CountOn.PAID:
        return order.paid
    return order.completed


def _tells(order: Order, line: Line, policy: Policy) -> bool:
    """Whether the platform dates what makes an order count, so that no date means that it never did. One that witnesses what
    it took (WooCommerce) dates payments too; BigCommerce names no instant of payment at all."""
    return policy.count_on is CountOn.COMPLETED or order.paid is not None or line.reduced is not None
