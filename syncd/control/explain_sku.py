"""`explain sku`: where each number of a SKU comes from: the ERP's reading, what is told and untold, targets, beliefs, writes."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, select

from syncd.control.explain_order import move_view
from syncd.control.failure import EXIT_USAGE, CommandFailed
from syncd.control.plain import interval, iso
from syncd.control.plan import moment_of, target_terms
from syncd.control.scene import Scene, Tell
from syncd.core.belief import Reading
from syncd.core.quantity import Quantity, show
from syncd.core.target import CartHold, ErpReading, OpenAccount, sku_target
from syncd.engine.reconciler import Reconciler
from syncd.engine.supervisor import TenantWork
from syncd.ledger import carts, history, items, levels, placing, stores
from syncd.ledger.schema import erp_level, item
from syncd.reconcile.evaluate import Evaluation, evaluate
from syncd.reconcile.publish_step import PublishStep

MOVES_SHOWN_MAX: Final = 20
SKUS_COMPARED_MAX: Final = 50_000  # for "did you mean"


class SkuRequest(msgspec.Struct, forbid_unknown_fields=True):
    """An ERP SKU of a tenant."""

    sku: str
    tenant: str | None = None


async def explain_sku(scene: Scene, request: SkuRequest, tell: Tell) -> dict[str, Any]:  # noqa: ARG001 - as all commands
    """One SKU: what the ERP has, what every shop should show and is believed to show, and why."""
    work = scene.tenant(request.tenant)
    tenant, sku, location = work.context.tenant, request.sku, work.context.erp_location

    def unit(connection: Connection) -> dict[str, Any]:
        reading = levels.erp_readings(connection, tenant, location, [sku]).get(sku)
        where = history.items_with_sku(connection, tenant, sku)
        if reading is None and not where:
            raise _unknown(connection, tenant, sku)
        accounts = levels.open_accounts(connection, tenant, location, [sku]).get(sku, [])
        held = carts.holds(connection, tenant, location, [sku], scene.clock.now()).get(sku, [])
        moves = history.waiting_moves(connection, tenant, sku, MOVES_SHOWN_MAX)
        latest = history.latest_moves(connection, tenant, MOVES_SHOWN_MAX, sku=sku)
        return {
            "tenant": tenant,
            "sku": sku,
            "location": location,
            "erp": None if reading is None else {"level": show(reading.level), "read_at": iso(reading.began)},
            "open_orders": [_account(account) for account in accounts],
            "moves_waiting": [move_view(move, None) for move in moves],
            "moves_latest": [move_view(move, None) for move in latest],
            "stores": [
                _shop(connection, scene, reconciler, sku, reading, accounts, held, [i for s, i in where if s == name])
                for name, reconciler in _stores(work).items()
            ],
        }

    return await scene.ledger.read(unit)


def _stores(work: TenantWork) -> dict[str, Reconciler]:
    return {reconciler.context.store: reconciler for reconciler in work.reconcilers}


def _unknown(connection: Connection, tenant: str, sku: str) -> CommandFailed:
    """A SKU that neither the ERP nor a shop has; or one that only shops have, under another name in the ERP."""
    for row in connection.execute(
        select(item.c.recipe, item.c.store).where(item.c.tenant == tenant, item.c.sku == sku)
    ):
        parts = ", ".join(part for part, _ in msgspec.json.decode(row[0], type=list[tuple[str, int]]))
        return CommandFailed(
            f"{sku!r} is a shop's SKU (store {row[1]}); the ERP counts it as {parts}",
            hint=f"ask for {parts}",
            exit_code=EXIT_USAGE,
        )
    known = connection.execute(
        select(erp_level.c.sku).where(erp_level.c.tenant == tenant).distinct().limit(SKUS_COMPARED_MAX)
    ).scalars()
    near = difflib.get_close_matches(sku, list(known), n=3)
    hint = f"did you mean {', '.join(near)}?" if near else "SKUs are written exactly as in the ERP"
    return CommandFailed(f"neither the ERP nor a shop has the SKU {sku!r}", hint=hint, exit_code=EXIT_USAGE)


def _account(account: OpenAccount) -> dict[str, Any]:
    return {
        "order": f"{account.store}/{account.order}",
        "line": account.line,
        "commitment": show(account.commitment),
        "confirmed": show(account.confirmed),
        "claim": show(account.claim),
        "hold": show(account.hold),
        "hold_until": iso(account.hold_until),
    }


def _shop(
    connection: Connection,
    scene: Scene,
    reconciler: Reconciler,
    sku: str,
    reading: ErpReading | None,
    accounts: Sequence[OpenAccount],
    held: Sequence[CartHold],
    names: Sequence[str],
) -> dict[str, Any]:
    context = reconciler.context
    tenant, name = context.tenant.tenant, context.store
    row = stores.read_store(connection, tenant, name)
    moment = moment_of(context, row, running=scene.running)
    rows = items.some_items(connection, tenant, name, names)
    results = evaluate(connection, PublishStep(context).shop(), rows, moment)
    target = None
    if reading is not None:
        rooms = placing.open_rooms(connection, tenant, name, [sku]).get(sku, ())
        buffer = context.options.buffer
        target = target_terms(
            sku_target(sku, name, reading, accounts, buffer=buffer, now=moment.now, carts=held, rooms=rooms)
        )
    titles = history.item_names(connection, tenant, name, names)
    return {
        "store": name,
        "orders_read_to": iso(moment.drained),
        "target": target,
        "items": [
            _item(connection, tenant, name, result, sku, titles)
            | {"location": context.places.locations.get(result.row.place, "")}
            for result in results
        ],
    }


def _item(
    connection: Connection, tenant: str, name: str, result: Evaluation, sku: str, titles: Mapping[str, str]
) -> dict[str, Any]:
    counter, decision = result.row.item, result.decision
    return {
        "item": counter,
        "sku": result.row.sku,
        "name": titles.get(counter, ""),
        "factor": next(show(factor) for part, factor in result.row.recipe if part == sku),
        "is_kit": len(result.row.recipe) > 1,
        "is_apart": result.is_apart,
        "believed": interval(result.belief.interval),
        "target": None if result.target is None else show(result.target),
        "shown": None if result.target is None else show(decision.shown),
        "change": show(decision.change),
        "blocked": None if decision.blocked is None else decision.blocked.value,
        "accepted_drift": show(result.row.accepted),
        "warns_at": show(result.row.warning) if result.row.warning else None,
        "read_at": iso(result.row.read_at),
        "readings": [_reading(reading, result.belief.used) for reading in reversed(result.book.readings)],
        "takings": [
            {
                "order": f"{name}/{taking.order}",
                "line": taking.line,
                "between": [iso(taking.began), iso(taking.ended)],
                "was": show(taking.was),
                "taken": _span(taking.low, taking.high),
            }
            for taking in history.takings_of_item(connection, tenant, name, counter)
        ],
        "writes": [
            {
                "key": write.key,
                "state": write.state,
                "change": show(write.change),
                "level": None if write.level is None else show(write.level),
                "sent_at": iso(write.sent_at),
                "why": write.why,
                "reason": write.reason or None,
            }
            for write in history.writes_of_item(connection, tenant, name, counter)
        ],
    }


def _reading(reading: Reading, used: Sequence[Reading]) -> dict[str, Any]:
    return {
        "level": show(reading.level),
        "between": [iso(reading.began), iso(reading.ended)],
        "own_write": bool(reading.write),
        "used": reading in used,
    }


def _span(low: Quantity, high: Quantity) -> str:
    return show(low) if low == high else f"{show(low)}..{show(high)}"
