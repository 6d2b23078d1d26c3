"""How a write to a shop's counter ended, into the ledger; and when its item is looked at again."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from syncd.core.quantity import Instant, Quantity, seconds, show
from syncd.ledger import items, tenants, writes
from syncd.ledger.writes import PlannedWrite
from syncd.ports.store import WriteOutcome, WriteResult
from syncd.reconcile.evaluate import DOUBT_PAUSE_US, Shop
from syncd.reconcile.publish_round import RECHECK_SECONDS, later

DOUBT_RECHECK_SECONDS = seconds(DOUBT_PAUSE_US)
IGNORED_RECHECK_SECONDS = 3_600.0  # the shop doesn't count it, or its location can't be used: a person's business


def end_writes(
    connection: Connection,
    shop: Shop,
    batch: Sequence[PlannedWrite],
    outcomes: Sequence[WriteOutcome],
    now: Instant,
    wait_seconds: float,
    epoch: int,
) -> None:
    """Record how these writes ended."""
    for write, outcome in zip(batch, outcomes, strict=True):
        _end(connection, shop, write, outcome, now, wait_seconds)
    repeated = [(write, outcome) for write, outcome in zip(batch, outcomes, strict=True) if outcome.repeats]
    if repeated:
        _doubt_repeats(connection, shop, repeated, now, epoch)


def _doubt_repeats(
    connection: Connection, shop: Shop, repeated: Sequence[tuple[PlannedWrite, WriteOutcome]], now: Instant, epoch: int
) -> None:
    """Requests that were refused for others' sake may have applied these changes all the same: an effect in doubt, beside the
    write itself. The next reading tells."""
    first = tenants.take_numbers(connection, shop.tenant, len(repeated))
    doubts = [
        msgspec.structs.replace(
            write,
            seq=first + k,
            key=f"{write.key}-again",
            change=Quantity(write.change * outcome.repeats),
            why=f"perhaps {show(write.change)} {outcome.repeats} times more: requests with it were refused",
        )
        for k, (write, outcome) in enumerate(repeated)
    ]
    writes.add_writes(connection, shop.tenant, shop.store, doubts, epoch)
    ended = Instant(now + shop.traits.apply_us)
    for doubt in doubts:
        writes.end_write(
            connection, shop.tenant, shop.store, doubt.item, doubt.seq, state=writes.DOUBT, ended=ended,
            reason="the request was refused for another item",
        )  # fmt: skip
        items.set_item(
            connection, shop.tenant, shop.store, doubt.item, due=later(now, DOUBT_RECHECK_SECONDS), read_at=0
        )


def _end(
    connection: Connection, shop: Shop, write: PlannedWrite, outcome: WriteOutcome, now: Instant, wait_seconds: float
) -> None:
    """Record one write's end, and when its item is looked at again."""
    soon = later(now, RECHECK_SECONDS)
    values: dict[str, object]
    ended, state, values = now, writes.REFUSED, {"due": later(now, wait_seconds)}
    if outcome.result is WriteResult.APPLIED:
        ended, state, values = Instant(now + shop.traits.apply_us), writes.CONFIRMED, {"due": soon, "refused_at": 0}
        if write.level is not None:
            values["needs_absolute"] = 0
            items.add_write_reading(
                connection, shop.tenant, shop.store, write.item, write.level, write.sent_at, ended, write.seq
            )
    elif outcome.result is WriteResult.UNKNOWN:
        ended, state = Instant(max(now, write.sent_at + shop.traits.late_us)), writes.DOUBT
        values = {"due": later(now, DOUBT_RECHECK_SECONDS), "read_at": 0}
    elif outcome.result is WriteResult.NEEDS_ABSOLUTE:
        values = {"due": now, "needs_absolute": 1}
    elif outcome.result is WriteResult.NOT_SENT:
        pass
    elif outcome.result is WriteResult.IGNORED:
        values = {"due": later(now, IGNORED_RECHECK_SECONDS), "read_at": 0}
    elif write.level is None:
        values["refused_at"] = now
    writes.end_write(
        connection, shop.tenant, shop.store, write.item, write.seq, state=state, ended=ended, reason=outcome.reason
    )
    items.set_item(connection, shop.tenant, shop.store, write.item, **values)
