"""The ledger against itself and against the ERP: accounts and moves add up, and the ERP has each confirmed move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from syncd.control.differences import Differences
from syncd.control.explain_order import ask_erp
from syncd.control.scene import Scene
from syncd.core.account import COUNTED, QUARANTINED
from syncd.core.quantity import Instant, Quantity, show
from syncd.engine.supervisor import TenantWork
from syncd.ledger import history, levels
from syncd.ledger.history import LineRecord, MoveRecord

Levels = Mapping[tuple[str, str], Quantity]

QUERY_SECONDS: Final = 60.0  # the latest moves are found by looking at all of them: some seconds for millions
ORDERS_AT_ONCE: Final = 500  # in one query, which others wait for


async def audit_accounts(scene: Scene, work: TenantWork, found: Differences) -> dict[str, int]:
    """Each account: commitment = confirmed + moves without an end; and confirmed = the moves that were confirmed."""
    tenant = work.context.tenant
    booked = await scene.ledger.read(lambda c: history.released_as_booked(c, tenant))
    switched = await scene.ledger.read(lambda c: history.switched_stores(c, tenant))
    counts = {"accounts": 0, "quarantined": 0}
    after: tuple[str, str] | None = ("", "")
    while after is not None:
        rows, after = await scene.ledger.read(
            lambda c, after=after: history.lines_after(c, tenant, after, ORDERS_AT_ONCE)  # type: ignore[misc]
        )
        for row in rows:
            counts["accounts"] += 1
            counts["quarantined"] += row.state == QUARANTINED
            if row.state == COUNTED:
                _account(row, booked, switched, found)
            elif row.state == QUARANTINED and row.commitment != row.confirmed:
                found.add(
                    "account", _where(row), show(row.commitment), show(row.confirmed),
                    "quarantined: it waits for a decision",
                )  # fmt: skip
    return counts


def _account(row: LineRecord, booked: set[tuple[str, str, str]], switched: set[str], found: Differences) -> None:
    if row.commitment != row.confirmed + row.pending:
        found.add(
            "account", _where(row), show(row.commitment), show(row.confirmed + row.pending), None,
            "the commitment is neither confirmed nor on its way",
        )  # fmt: skip
    by_hand = {(row.store, row.order, row.line), (row.store, row.order, "")} & booked
    if row.confirmed != row.posted and not (row.baseline or by_hand or row.store in switched):
        found.add(
            "account", _where(row), show(row.posted), show(row.confirmed), None,
            "what is confirmed is not the sum of the confirmed moves",
        )  # fmt: skip
    if row.pending:
        found.in_flight += 1


def _where(row: LineRecord) -> dict[str, str]:
    return {"store": row.store, "order": f"{row.store}/{row.order}", "line": row.line, "sku": row.sku}


async def audit_moves(scene: Scene, work: TenantWork, found: Differences, limit: int) -> dict[str, Any]:
    """The moves that were confirmed last: the ERP has each under its key, with the same content."""
    tenant = work.context.tenant
    moves: Sequence[MoveRecord] = await scene.ledger.read(
        lambda c: history.latest_moves(c, tenant, limit), limit_seconds=QUERY_SECONDS
    )
    there, trouble = 0, None
    for start in range(0, len(moves), work.context.erp.traits.batch_max):
        batch = moves[start : start + work.context.erp.traits.batch_max]
        known, trouble = await ask_erp(work.context.erp, [move.key for move in batch])
        if known is None:
            break
        for move in batch:
            content = known.get(move.key)
            where = {"store": move.store, "order": f"{move.store}/{move.order}", "line": move.line, "sku": move.sku}
            if content is None:
                found.add("move", where, show(move.change), None, None, f"the ERP has nothing under {move.key}")
            elif (content.sku, content.location, content.change) != (move.sku, move.location, move.change):
                why = f"noted when it was posted: {move.reason}" if move.reason else None
                text = f"the ERP has {show(content.change)} of {content.sku} at {content.location} under {move.key}"
                found.add("move", where, show(move.change), show(content.change), why, text)
            else:
                there += 1
    return {"asked": len(moves), "found": there, "trouble": trouble}


async def audit_levels(
    scene: Scene, work: TenantWork, live: Levels, first: tuple[Levels, Instant], found: Differences
) -> list[str]:
    """The ERP's levels now against those that the ledger goes by. Returns the SKUs to look at again.

    `first` is what the first look showed, and when it began: what has stood still since then, while the ERP was read by
    the watcher, and differs all the same, is unexplained: its feed of changes has lost one.
    """
    context = work.context
    skus = [sku for sku, _ in live]
    known = await scene.ledger.read(lambda c: levels.erp_readings(c, context.tenant, context.erp_location, skus))
    again = []
    for place, level in live.items():
        sku = place[0]
        reading = known.get(sku)
        if reading is not None and reading.level == level:
            continue
        again.append(sku)
        why = None
        if not scene.running:
            why = "no daemon runs: the ERP has changed since it was read"
        elif first[0].get(place) != level or context.erp_watched <= first[1]:
            why = "the ERP is changing, or hasn't been read since"
        found.add(
            "erp_level", {"sku": sku}, None if reading is None else show(reading.level), show(level), why,
            "the ledger goes by another level than the ERP has",
        )  # fmt: skip
    return again
