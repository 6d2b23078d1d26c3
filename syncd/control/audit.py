"""`audit`: the ERP against the ledger, the ledger against itself, the stores against their targets.

A difference is *explained* where something that syncd knows accounts for it: a move on its way, a doubt, a brake, a
quarantine, a store that can't be reached. What can't be explained at once is looked at again for a while, since shoppers
buy between two looks. What stays unexplained is drift: the command ends with exit code 1.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from syncd.control.audit_ledger import audit_accounts, audit_levels, audit_moves
from syncd.control.audit_stores import Steady, audit_store
from syncd.control.differences import Differences
from syncd.control.plain import iso
from syncd.control.scene import Scene, Tell
from syncd.control.stock import read_levels
from syncd.core.quantity import Instant, Quantity
from syncd.engine.reconciler import Reconciler
from syncd.engine.supervisor import TenantWork
from syncd.errors import SyncdError

LOOKS_MAX: Final = 4  # at what differs without a reason, while a daemon runs
PAUSE_SECONDS_MAX: Final = 20.0  # between two looks; a shop that is polled more often is looked at sooner
MOVES_ASKED: Final = 1_000  # the latest; older ones were asked for when they were younger
MOVES_ASKED_MAX: Final = 100_000


class AuditRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A tenant, and how many of its latest moves are looked up in the ERP."""

    tenant: str | None = None
    moves: int = MOVES_ASKED


async def audit(scene: Scene, request: AuditRequest, tell: Tell) -> dict[str, Any]:
    """Compare everything; differences come with their explanations."""
    work = scene.tenant(request.tenant)
    began = scene.clock.now()
    found = Differences()
    await tell({"doing": "the ledger's accounts"})
    accounts = await audit_accounts(scene, work, found)
    await tell({"doing": "moves in the ERP"})
    moves = await audit_moves(scene, work, found, max(0, min(request.moves, MOVES_ASKED_MAX)))
    await tell({"doing": "levels in the ERP"})
    erp = await _erp_levels(scene, work, found)
    shops = []
    for reconciler in work.reconcilers:
        await tell({"doing": f"levels in store {reconciler.context.store}"})
        shops.append(await _store(scene, reconciler, found))
    desk = scene.desks.get(work.context.tenant)
    for sku, location in desk.disagreements() if desk is not None else ():
        where = {"sku": sku, "location": location}
        found.add("stock_book", where, None, None, None, "the level isn't the sum of the journal: the file was changed")
    return {
        "tenant": work.context.tenant,
        "running": scene.running,
        "began_at": iso(began),
        "ended_at": iso(scene.clock.now()),
        "verdict": "unexplained" if found.unexplained_count else "explained" if found.explained_count else "exact",
        "accounts": accounts,
        "moves": {**moves, "in_flight": found.in_flight},
        "erp": erp,
        "stores": shops,
        "unexplained_count": found.unexplained_count,
        "explained_count": found.explained_count,
        "unexplained": found.unexplained,
        "explained": found.explained,
    }


async def _erp_levels(scene: Scene, work: TenantWork, found: Differences) -> dict[str, Any]:
    """The ERP's levels, looked at again where they differ without a reason."""
    told: dict[str, Any] = {"skus": 0, "agree": 0, "trouble": None}
    last = Differences()
    first: tuple[dict[tuple[str, str], Quantity], Instant] | None = None
    for look in range(LOOKS_MAX):
        try:
            live, began = await read_levels(work)
        except SyncdError as error:
            return {**told, "trouble": str(error)}
        here: dict[tuple[str, str], Quantity] = {
            place: level for place, level in live.items() if place[1] == work.context.erp_location
        }
        last, first = Differences(), first or (here, began)
        again = await audit_levels(scene, work, here, first, last)
        differing = last.explained_count + last.unexplained_count
        told |= {"skus": len(here), "agree": len(here) - differing}
        if not again or not scene.running or look == LOOKS_MAX - 1:
            break
        work.context.watcher_bell.ring()
        await scene.clock.sleep(min(PAUSE_SECONDS_MAX, work.context.options.poll_seconds + 1.0))
    found.absorb(last)
    return told


async def _store(scene: Scene, reconciler: Reconciler, found: Differences) -> dict[str, Any]:
    """One store, its items looked at again where they differ without a reason."""
    steady: Steady = {}
    told, again = await audit_store(scene, reconciler, first := Differences(), steady)
    options = reconciler.context.options
    result = first
    for _ in range(LOOKS_MAX - 1):
        if not again or not scene.running:
            break
        await scene.clock.sleep(min(PAUSE_SECONDS_MAX, options.poll_seconds + 3.0))
        kept = [entry for entry in result.explained + result.unexplained if entry.get("item") not in again]
        later, again = await audit_store(scene, reconciler, fresh := Differences(), steady, again)
        told["agree"] += later["agree"]
        for entry in kept:
            (fresh.explained if entry["why"] else fresh.unexplained).append(entry)
        fresh.explained_count, fresh.unexplained_count = len(fresh.explained), len(fresh.unexplained)
        result = fresh
    found.absorb(result)
    if told["trouble"] is not None:
        where = {"store": reconciler.context.store}
        found.add("store_level", where, None, None, f"the store can't be read: {told['trouble']}")
    return told
