"""taken: how many units of a line the shop keeps off its own counter.

TAKEN says where the number comes from: the platform's own witness where there is one (WooCommerce `_reduced_stock`), else
a fold over the states seen, under the settings the shop had for this order when each was read. Settings that change
while an order is open rule what happens to it from then on, and undo nothing: so the fold moves the account as it was.

The fold can be wrong where a platform's documents are silent, so it says within which bounds it is right, and belief
widens by just that until a reading tells. What is bounded is the *change*: where the account itself may have been wrong
(an unpaid order of which nobody knows whether the shop took it), the bounds after its next change are wide by that too.
"""

from __future__ import annotations

import msgspec

from syncd.core.order import DEAD, FINAL, Line, Order, Phase
from syncd.core.quantity import UNIT, ZERO, Quantity
from syncd.core.taking_rule import TakingRule


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


class Earlier(msgspec.Struct, frozen=True, gc=False):
    """A line as it was when its order was read last: the order's phase (None: it is seen for the first time), the account, the
    line's quantity, the units shipped, and whether that phase had put its units back."""

    phase: Phase | None = None
    taken: Quantity = ZERO
    quantity: Quantity = ZERO
    shipped: Quantity = ZERO
    put_back: bool = False


UNSEEN = Earlier()
UNTOLD_MAX = Quantity(100_000 * UNIT)  # of a line whose first quantity nobody has seen: more than any shopper orders
_NOT_YET = (None, Phase.DRAFT, Phase.PENDING)  # states before the order was placed, as far as we have seen
_HOLDING = frozenset({Phase.PLACED, Phase.PAID, Phase.COMPLETED})
_DEAD_OR_REFUNDED = DEAD | {Phase.REFUNDED}


def take(order: Order, line: Line, rule: TakingRule, earlier: Earlier) -> Taking:
    """The line's taken account after this state."""
    before, was = earlier.phase, earlier.taken
    phase, untold = order.phase, order.untold
    placing = before in _NOT_YET and phase not in DEAD and not line.restocked
    # Units that came back within the second of the placing are another change than the placing, with the same stamp.
    plain = placing and order.created == order.modified
    if line.reduced is not None:
        return _exactly(was, line.reduced, line, plain=plain)
    taken = _folded(order, line, rule, earlier)
    # A shop whose counter doesn't follow edits took what was placed: of an order that was changed before anybody saw it,
    # that is not what its line says now.
    told = before is not None or rule.edits_adjust or rule.takes_at == "shipped"
    silent = phase in untold or before in untold or (before is Phase.DRAFT and earlier.quantity)  # made a draft again
    if placing and (plain or told) and phase is not Phase.REFUNDED and not silent:
        return _exactly(was, taken, line, plain=plain)
    low, high = _bounds(order, line, taken, rule, earlier)
    if not told:
        high = Quantity(max(high, UNTOLD_MAX))
    least, most = _between(was, taken, line.quantity, low, high)
    return Taking(was, taken, low, high, least, most, plain=False)


def put_back(order: Order, line: Line, rule: TakingRule, earlier: Earlier) -> Line:
    """The line with what the shop's settings put back in this state, where the platform doesn't tell it for each line.

    It is decided when the order enters the state. Read again, the line says what was decided then, whatever the settings are
    by now.
    """
    if not order.puts_back:
        return line
    given = rule.cancel_returns if earlier.phase is not order.phase else earlier.put_back
    return msgspec.structs.replace(line, restocked=line.quantity) if given else line


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


def _folded(order: Order, line: Line, rule: TakingRule, earlier: Earlier) -> Quantity:
    phase, before, was = order.phase, earlier.phase, earlier.taken
    if phase is Phase.GONE:
        return was  # nobody put anything back
    if phase in (Phase.DRAFT, Phase.PENDING):
        return ZERO
    if phase is Phase.CANCELLED:
        if before is phase or not rule.cancel_returns or (phase in order.untold and not order.puts_back):
            return was  # read again, or over for a reason of which no document speaks
        return ZERO
    done = phase is Phase.COMPLETED and before is not Phase.COMPLETED
    due = line.quantity if rule.takes_at == "placed" or done else line.shipped
    if before in _NOT_YET:
        return Quantity(max(ZERO, due - line.restocked))
    if before in _HOLDING:
        taken = _edited(line, rule, earlier)
        if rule.takes_at == "shipped":
            # After a deleted shipment its units are shipped once more.
            again = Quantity(was + line.shipped - earlier.shipped)
            taken = Quantity(max(taken, due, min(again, line.quantity)))
    elif phase is Phase.REFUNDED:
        taken = was
    else:
        taken = was or due  # back from the dead: taken again, if it was put back
    return Quantity(min(taken, line.quantity - line.restocked)) if line.restocked else taken


def _edited(line: Line, rule: TakingRule, earlier: Earlier) -> Quantity:
    """An edit moves the counter by the difference, and only for units that the shop had taken when it was made."""
    was, held = earlier.taken, earlier.quantity
    if rule.takes_at == "placed":
        counted = was > ZERO or held == ZERO
    else:
        counted = was > line.shipped or earlier.phase is Phase.COMPLETED
    return Quantity(max(ZERO, was + line.quantity - held)) if rule.edits_adjust and counted else was


def _bounds(order: Order, line: Line, taken: Quantity, rule: TakingRule, earlier: Earlier) -> tuple[Quantity, Quantity]:
    """Edits, cancellations and refunds without a witness: the settings say what the shop does, no reading has shown it. And
    where no document tells what it does, anything that it may do."""
    phase, untold, before, was = order.phase, order.untold, earlier.phase, earlier.taken
    places = rule.takes_at == "placed"
    known = [was, taken]
    if before is None:
        known += [ZERO, line.quantity]
    if phase in _HOLDING:
        late = was <= line.shipped and earlier.quantity == line.quantity
        if before in _HOLDING and places and (rule.edits_adjust or late):
            # An edit may as well set the number; and what was not taken under other settings may be taken by any change.
            known.append(Quantity(line.quantity - line.restocked))
        if (before in untold or before in _DEAD_OR_REFUNDED) and (places or was > line.shipped):
            known.append(Quantity(was + line.quantity))
        if line.shipped < earlier.shipped:  # a shipment was deleted
            known.append(Quantity(was - earlier.shipped + line.shipped))
    if phase is Phase.REFUNDED:  # where it was the API's, no document says what the counter does
        known.append(ZERO)
    edited = line.quantity != earlier.quantity or line.shipped > earlier.shipped
    if phase is before and phase in _DEAD_OR_REFUNDED and (phase in untold or edited):  # changed while it is over
        known += [ZERO, Quantity(was + max(line.quantity, earlier.quantity))]
    if phase in untold and (before is not phase or phase in FINAL):
        known += [ZERO, was if phase in FINAL else line.quantity]
    if phase is before is Phase.CANCELLED and order.puts_back and rule.cancel_returns:
        known.append(ZERO)  # it may have been declined before
    return Quantity(min(known)), Quantity(max(known))
