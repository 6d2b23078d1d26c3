"""taken: how many units of a line the shop keeps off its own counter.

TAKEN says where the number comes from: the platform's own witness where there is one (WooCommerce `_reduced_stock`), else
a fold over the states seen, under the settings the shop had when each was read. The fold can be wrong where a platform's
documents are silent, so it says within which bounds it is right, and belief widens by just that until a reading tells.
"""

from __future__ import annotations

import msgspec

from syncd.core.order import DEAD, Line, Order, Phase
from syncd.core.quantity import UNIT, ZERO, Quantity


class TakingRule(msgspec.Struct, frozen=True):
    """When the shop takes stock: `takes_at` "placed" or "shipped"; the switches as in the shop's settings."""

    takes_at: str = "placed"
    edits_adjust: bool = True
    cancel_returns: bool = True
    witnessed: bool = False


class Taking(msgspec.Struct, frozen=True):
    """A line's new account of what the shop took, with its doubt.

    `taken` is the account. Since the change, the truth is within [low, high]; while it went on, within [least, most].
    `plain`: a single placing, in which nothing else can hide.
    """

    was: Quantity
    taken: Quantity
    low: Quantity
    high: Quantity
    least: Quantity
    most: Quantity
    plain: bool

    @property
    def matters(self) -> bool:
        """Whether the counter may have moved, or the order may hide a move there and back."""
        return not (self.plain and self.least == self.most == self.low == self.high)


UNTOLD_MAX = Quantity(100_000 * UNIT)  # of a line whose first quantity nobody has seen: more than any shopper orders
_NOT_YET = (None, Phase.DRAFT, Phase.PENDING)  # states before the order was placed, as far as we have seen
_HOLDING = frozenset({Phase.PLACED, Phase.PAID, Phase.COMPLETED})


def take(order: Order, line: Line, was: Quantity, rule: TakingRule, *, before: Phase | None) -> Taking:
    """The line's taken account after this state. `was` is the account before, `before` the order's phase then (None: the
    order is seen for the first time)."""
    entering = before in _NOT_YET
    # Units that came back within the second of the placing are another change than the placing, with the same stamp.
    plain = order.created == order.modified and entering and order.phase not in DEAD and not line.restocked
    if line.reduced is not None:
        return _exactly(was, line.reduced, line, plain=plain)
    taken = _folded(order, line, was, rule, before)
    # A shop whose counter doesn't follow edits took what was placed: of an order that was changed before anybody saw it,
    # that is not what its line says now.
    told = before is not None or rule.edits_adjust or rule.takes_at == "shipped"
    if plain or (entering and told and order.phase not in DEAD and not line.restocked):
        return _exactly(was, taken, line, plain=plain)
    # Edits, cancellations and refunds without a witness: the settings say what the shop does, no reading has shown it.
    low, high = (ZERO, max(was, taken, line.quantity)) if before is None else (min(was, taken), max(was, taken))
    if order.phase is Phase.REFUNDED:  # where it was the API's, no document says what the counter does
        low = ZERO
    if not told:
        high = max(high, UNTOLD_MAX)
    least, most = _between(was, taken, line.quantity, Quantity(high))
    return Taking(was, taken, Quantity(low), Quantity(high), least, most, plain=False)


def take_back(was: Quantity, rule: TakingRule) -> Taking:
    """The account of a line that vanished from its order: what the shop does with the units depends on its version."""
    taken = ZERO if rule.edits_adjust else was
    low = ZERO if taken != was and not rule.witnessed else taken
    high = was if taken != was and not rule.witnessed else taken
    least, most = _between(was, taken)
    return Taking(was, taken, low, high, least, most, plain=False)


def _exactly(was: Quantity, taken: Quantity, line: Line, *, plain: bool) -> Taking:
    """The end is known; what lies between is only where the order did nothing but appear."""
    least, most = (
        (Quantity(min(was, taken)), Quantity(max(was, taken))) if plain else _between(was, taken, line.quantity)
    )
    return Taking(was, taken, taken, taken, least, most, plain=plain)


def _between(*known: Quantity) -> tuple[Quantity, Quantity]:
    """Between two looks an order may have been cancelled and placed again, or edited and edited back: nothing of it shows
    in the state that is read in the end. So anything from nothing to the most that is known of the line."""
    return Quantity(min(ZERO, *known)), Quantity(max(ZERO, *known))


def _folded(order: Order, line: Line, was: Quantity, rule: TakingRule, before: Phase | None) -> Quantity:
    if order.phase is Phase.GONE:
        return was  # nobody put anything back
    if order.phase in (Phase.DRAFT, Phase.PENDING):
        return ZERO
    if order.phase is Phase.CANCELLED:
        return ZERO if rule.cancel_returns else was
    if rule.takes_at == "shipped":
        return Quantity((line.quantity if order.phase is Phase.COMPLETED else line.shipped) - line.restocked)
    if before in _HOLDING and not rule.edits_adjust:
        return Quantity(min(was, line.quantity - line.restocked) if line.restocked else was)
    return Quantity(line.quantity - line.restocked)
