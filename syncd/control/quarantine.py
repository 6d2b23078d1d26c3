"""`quarantine list|show|release`: what waits for a person, and the person's decision.

A line is released as counted (its moves are planned) or as counted already (the ERP has it by other hands). A whole order
is read again from its store first: it may be readable now.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from sqlalchemy import Connection

from syncd.control.failure import EXIT_AGAIN, EXIT_FAILED, EXIT_USAGE, CommandFailed
from syncd.control.plain import iso
from syncd.control.release_document import is_document, release_document
from syncd.control.release_placement import is_placement, release_placement
from syncd.control.release_shipment import is_shipment, release_shipment
from syncd.control.scene import Scene, Tell
from syncd.core.account import COUNTED, Account
from syncd.core.moves import SENT
from syncd.core.order import Order, Unreadable
from syncd.core.quantity import show
from syncd.engine.reconciler import Reconciler
from syncd.engine.supervisor import TenantWork
from syncd.ledger import history, moves, orders, payloads, quarantine, release, stores, tenants
from syncd.ledger.quarantine import Held
from syncd.observability import events
from syncd.reconcile.order_page import Page, Taken
from syncd.reconcile.order_step import OrderStep
from syncd.reconcile.order_unit import take_page
from syncd.reconcile.replan import replan
from syncd.reconcile.start_store import describe_store
from syncd.reconcile.watch_step import WatchStep

LIST_MAX: Final = 1_000
RAW_SHOWN_MAX: Final = 16 * 1024  # of what the store sent
UNKNOWN_SKU: Final = ("the ERP has no SKU", "product ")  # how the reasons of lines without a usable SKU begin


class HeldRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A tenant's entries: up to `limit`, with numbers above `after`."""

    tenant: str | None = None
    after: int = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=LIST_MAX)] = LIST_MAX


class EntryRequest(msgspec.Struct, forbid_unknown_fields=True):
    """One entry by its number."""

    id: int
    tenant: str | None = None


class ReleaseRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A decision about an entry."""

    id: int
    decision: Literal["count", "already_counted"]
    tenant: str | None = None


async def list_held(scene: Scene, request: HeldRequest, tell: Tell) -> dict[str, Any]:  # noqa: ARG001 - as all commands
    """What is held now, oldest first; of all tenants where none is named."""
    works = list(scene.works.values()) if request.tenant is None else [scene.tenant(request.tenant)]
    entries: list[dict[str, Any]] = []
    total = 0
    for work in works:
        tenant = work.context.tenant
        held, count = await scene.ledger.read(
            lambda c, t=tenant: (
                quarantine.held(c, t, limit=request.limit, after=request.after),
                quarantine.count_held(c, t),
            )  # type: ignore[misc]
        )
        entries += [_view(tenant, entry) for entry in held]
        total += count
    return {"held": total, "entries": entries}


async def show_held(scene: Scene, request: EntryRequest, tell: Tell) -> dict[str, Any]:  # noqa: ARG001 - as all commands
    """One entry, with the accounts that it concerns and what the store sent."""
    work = scene.tenant(request.tenant)
    tenant = work.context.tenant
    entry = await _entry(scene, tenant, request.id)
    accounts = await scene.ledger.read(lambda c: orders.read_accounts(c, tenant, entry.store, [entry.order]))
    rows = [row for row in accounts.get(entry.order, []) if entry.line in ("", row.line)]
    raw = (entry.raw or await scene.ledger.read(lambda c: _as_sent(c, tenant, entry)))[:RAW_SHOWN_MAX]
    try:
        text: dict[str, Any] = {"raw": raw.decode() or None}
    except UnicodeDecodeError:
        text = {"raw": None, "raw_base64": base64.b64encode(raw).decode()}
    return {
        **_view(tenant, entry),
        "accounts": [
            {
                "line": row.line, "part": row.part, "sku": row.sku, "state": row.state, "commitment": show(row.commitment),
                "confirmed": show(row.confirmed), "rule": row.rule,
            }
            for row in rows
        ],
        **text,
    }  # fmt: skip


async def release_held(scene: Scene, request: ReleaseRequest, tell: Tell) -> dict[str, Any]:  # noqa: ARG001 - as all commands
    """Decide about an entry. Says what followed."""
    work = scene.tenant(request.tenant)
    tenant = work.context.tenant
    entry = await _entry(scene, tenant, request.id)
    if entry.state != quarantine.HELD:
        raise CommandFailed(
            f"entry {entry.id} is not held any more: {entry.state} at {iso(entry.released)}", exit_code=EXIT_FAILED
        )
    booked = request.decision == "already_counted"
    if not entry.order:
        await scene.ledger.run(lambda c: _close(c, work, entry, scene, booked=booked))
        told: dict[str, Any] = {"moves": 0, "note": "it names no order: the entry is closed, nothing else changes"}
    elif is_shipment(entry):
        told = await release_shipment(scene, work, entry, booked=booked)
    elif is_placement(entry):
        told = await release_placement(scene, work, entry, booked=booked)
    elif is_document(entry):
        told = await release_document(scene, work, entry, left=booked)
    elif entry.line:
        told = await _release_line(scene, work, entry, booked=booked)
    else:
        told = await _release_order(scene, work, entry, booked=booked)
    work.context.log.emit(
        events.QUARANTINE_RELEASED, store=entry.store, order=entry.order, line=entry.line, decision=request.decision
    )
    work.context.poster_bell.ring()
    work.context.publish()
    return {**_view(tenant, entry), "decision": request.decision, **told}


async def _entry(scene: Scene, tenant: str, number: int) -> Held:
    entry = await scene.ledger.read(lambda c: quarantine.find(c, tenant, number))
    if entry is None:
        raise CommandFailed(
            f"tenant {tenant} has no quarantine entry {number}",
            hint="`syncd quarantine list` shows their numbers",
            exit_code=EXIT_USAGE,
        )
    return entry


def _as_sent(connection: Connection, tenant: str, entry: Held) -> bytes:
    """The order of a held line, as the store sent it last; b"" once its page was purged, or the entry has ended."""
    if entry.state != quarantine.HELD:
        return b""
    head = history.read_order_head(connection, tenant, entry.store, entry.order)
    return b"" if head is None else payloads.order_in(connection, tenant, head.batch, head.place, entry.order)


def _view(tenant: str, entry: Held) -> dict[str, Any]:
    return {
        "id": entry.id,
        "tenant": tenant,
        "store": entry.store,
        "order": entry.order or None,
        "line": entry.line or None,
        "reason": entry.reason,
        "hint": entry.hint,
        "since": iso(entry.since),
        "state": entry.state,
        "released_at": iso(entry.released),
    }


def _close(connection: Connection, work: TenantWork, entry: Held, scene: Scene, *, booked: bool) -> None:
    state = quarantine.ALREADY_COUNTED if booked else quarantine.COUNTED
    tenants.assert_epoch(connection, work.context.tenant, work.context.epoch)
    quarantine.release(connection, work.context.tenant, entry.id, state=state, now=scene.clock.now())


# -- a line


async def _release_line(scene: Scene, work: TenantWork, entry: Held, *, booked: bool) -> dict[str, Any]:
    context = work.context
    if entry.reason.startswith(UNKNOWN_SKU) and not booked:
        await WatchStep(context).run()  # perhaps the ERP has the SKU since a moment
    reconciler = scene.store(work, entry.store)

    def unit(connection: Connection) -> int:
        now = scene.clock.now()
        all_rows = orders.read_accounts(connection, context.tenant, entry.store, [entry.order]).get(entry.order, [])
        rows = release.held_rows(all_rows, entry.line)
        if booked:
            _refuse_if_sent(connection, context.tenant, entry, [row.part for row in rows])
        elif entry.reason.startswith(UNKNOWN_SKU):
            free = max((row.part for row in all_rows if row.line == entry.line), default=-1) + 1
            rows = [part for row in rows for part in _resolved(connection, reconciler, row, free)]
        release.count(connection, context.tenant, entry.store, entry.order, rows, booked=booked)
        _close(connection, work, entry, scene, booked=booked)
        return replan(connection, context.tenant, entry.store, entry.order, now=now, epoch=context.epoch)

    return {"moves": await scene.ledger.run(unit), "note": None}


def _refuse_if_sent(connection: Connection, tenant: str, entry: Held, parts: Sequence[int]) -> None:
    """A move under way would be counted on top of what is booked already."""
    live = moves.live_moves(connection, tenant, entry.store, [entry.order]).get(entry.order, [])
    if any(move.state == SENT and move.line == entry.line and move.part in parts for move in live):
        raise CommandFailed(
            "a move of this line is under way, or its end is unknown",
            hint="wait until `syncd explain order` shows its end, then decide",
            exit_code=EXIT_AGAIN,
        )


def _resolved(connection: Connection, reconciler: Reconciler, row: Account, free_part: int) -> list[Account]:
    """The row with a SKU that the ERP knows, by catalogue and policy as they are now."""
    context = reconciler.context
    tenant, policy = context.tenant.tenant, context.policy
    if not release.is_plain(row):
        return [row]
    product = orders.read_products(connection, tenant, context.store, [row.product]).get(row.product)
    sku = row.sku or (product.sku if product is not None else "")
    recipe = policy.recipe(sku) if sku else ()
    known = orders.known_skus(connection, tenant, policy.location, [name for name, _ in recipe])
    missing = [name for name, _ in recipe if name not in known]
    if missing or not recipe:
        what = f"the ERP still has no SKU {', '.join(missing)}" if recipe else f"product {row.product} still has no SKU"
        raise CommandFailed(
            what,
            hint="create it in the ERP, or map it under [stores.NAME.skus] or [kits] and restart; or release it with"
            " --already-counted if it was booked by hand",
            exit_code=EXIT_FAILED,
        )
    item = row.item or (product.item if product is not None and row.lead else "")
    return release.resolve(msgspec.structs.replace(row, item=item), recipe, free_part)


# -- a whole order


async def _release_order(scene: Scene, work: TenantWork, entry: Held, *, booked: bool) -> dict[str, Any]:
    """Read the order again, and take it in; `booked`: with all that it commits as told."""
    context = scene.store(work, entry.store).context
    step = await order_step(scene, scene.store(work, entry.store))
    row = await scene.ledger.read(lambda c: stores.read_store(c, context.tenant.tenant, context.store))
    if row is None:
        raise CommandFailed(f"store {context.store} has never been read", exit_code=EXIT_AGAIN)
    facts = step.facts(row, in_baseline=False)  # before the request: what is drained later may not be in its answer
    reading = await step.take_reading()
    page = await context.port.orders.by_ids([entry.order])
    found = next((each for each in page.orders if each.order == entry.order), None)
    if found is None and entry.order not in page.missing:
        raise CommandFailed(f"the store doesn't tell order {entry.order} now", hint="try again", exit_code=EXIT_AGAIN)
    if isinstance(found, Unreadable) and not booked:
        raise CommandFailed(
            f"order {entry.order} still can't be read: {found.reason}",
            hint="mend it in the store and release it again; or close the entry with --already-counted",
            exit_code=EXIT_FAILED,
        )
    if not isinstance(found, Order):
        await scene.ledger.run(lambda c: _close(c, work, entry, scene, booked=booked))
        note: str | None = "the store has no such order any more: the entry is closed"
        if found is not None:
            note = "it still can't be read: the entry is closed; if the order becomes readable, it counts as a new one"
        return {"moves": 0, "note": note}
    packed = payloads.compress(page.raw) if page.raw else b""
    settled = context.settled(page.began)
    work_page = Page(
        (found,), reading, page.began, page.ended, packed, type(page.began)(settled), frozenset({found.order})
    )

    def unit(connection: Connection) -> Taken:
        tenant = context.tenant.tenant
        known = orders.read_orders(connection, tenant, context.store, [found.order]).get(found.order)
        if known is not None and (known.created, known.key) != (found.created, found.key or known.key):
            release.adopt_identity(connection, tenant, context.store, found.order, found.created, found.key)
        taken = take_page(connection, facts, work_page)
        if booked:
            _count_all(connection, scene, work, entry)
        _close(connection, work, entry, scene, booked=booked)
        return taken

    taken = await scene.ledger.run(unit)
    step.after_commit(page, taken, quiet=False)
    note = "; ".join(f"line {line}: {reason}" for _, line, reason in taken.quarantined) or None
    return {"moves": 0 if booked else taken.moves, "note": note}


def _count_all(connection: Connection, scene: Scene, work: TenantWork, entry: Held) -> None:
    """Everything that the order commits now is in the ERP already."""
    context = work.context
    rows = orders.read_accounts(connection, context.tenant, entry.store, [entry.order]).get(entry.order, [])
    counted = [row for row in rows if row.state == COUNTED]
    live = moves.live_moves(connection, context.tenant, entry.store, [entry.order]).get(entry.order, [])
    if any(move.state == SENT for move in live):
        raise CommandFailed(
            "a move of this order is under way, or its end is unknown",
            hint="wait until `syncd explain order` shows its end, then decide",
            exit_code=EXIT_AGAIN,
        )
    release.count(connection, context.tenant, entry.store, entry.order, counted, booked=True)
    replan(connection, context.tenant, entry.store, entry.order, now=scene.clock.now(), epoch=context.epoch)


async def order_step(scene: Scene, reconciler: Reconciler) -> OrderStep:
    """The order step whose reading numbers are the store's: the running one, so that later readings have higher numbers.

    Where nothing runs, one of our own, after a look at the shop's settings and clock.
    """
    if not scene.running:
        await describe_store(reconciler.context)
        return OrderStep(reconciler.context)
    if reconciler.orders is None:
        raise CommandFailed(
            f"store {reconciler.context.store} isn't at work yet",
            hint=reconciler.trouble or "its first contact is under way: try again",
            exit_code=EXIT_AGAIN,
        )
    return reconciler.orders
