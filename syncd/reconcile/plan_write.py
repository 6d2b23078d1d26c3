"""From a decision to the effect that goes to disk, and then to the shop."""

from __future__ import annotations

from collections.abc import Mapping

from syncd.core.quantity import ZERO, Instant, Quantity, microseconds, show
from syncd.ledger.writes import PlannedWrite
from syncd.ports.store import LevelPage
from syncd.reconcile.evaluate import Evaluation, Moment, Shop

NOT_AFTER_SECONDS = 30.0  # a level that was decided longer ago is not sent any more


def plan_write(
    shop: Shop,
    result: Evaluation,
    seen: Mapping[str, Quantity],
    page: LevelPage | None,
    moment: Moment,
    seq: int,
    *,
    absolute: bool,
) -> PlannedWrite:
    """The effect for one decision, with the number `seq`. `seen`: what the shop showed when its counters were read for this write,
    on `page`; `absolute`: the shop gets a number, not a difference."""
    change = result.decision.change
    level: Quantity | None = None
    blind_from = Instant(2**62)
    if absolute:
        base = seen.get(result.row.item, ZERO)
        # Fewer than believed are sales that nobody has read yet: they stay. More are a hand's or a cancelled order's, and no
        # reason to show more than may be sold.
        level = Quantity(min(base + change, result.decision.shown))
        if shop.traits.floor is not None:
            level = Quantity(max(shop.traits.floor, level))
        change = Quantity(level - base)
        blind_from = Instant((page.began if page is not None else moment.now) - shop.traits.stale_us)
    target = result.target if result.target is not None else ZERO
    return PlannedWrite(
        item=result.row.item,
        seq=seq,
        key=f"w{seq}",
        change=change,
        level=level,
        blind_from=blind_from,
        sent_at=moment.now,
        not_after=Instant(moment.now + microseconds(NOT_AFTER_SECONDS)),
        ended=Instant(2**62),
        target=target,
        low=result.belief.interval.lo,
        high=result.belief.interval.hi,
        why=f"{'put ' + show(level) if level is not None else 'add ' + show(change)}: target {show(target)}, "
        f"believed {show(result.belief.interval.lo)}..{show(result.belief.interval.hi)}",
    )
