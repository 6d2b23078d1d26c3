"""The first contact with a store in this process: who is it, how does it behave, where did we stop."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from syncd.core.policy import Baseline
from syncd.core.quantity import LONG_AGO, NEVER, Instant
from syncd.core.taking_rule import TakingRule
from syncd.errors import MisconfiguredError
from syncd.ledger import carts, items, placing, stores, tenants, writes
from syncd.ledger.stores import StoreRow
from syncd.ledger.switch import count_all
from syncd.observability import events
from syncd.ports.store import StoreDescription
from syncd.reconcile.context import LIVE, SHADOW, StoreContext


async def start_store(context: StoreContext) -> None:
    """Describe the store, pin or compare its identity, and make what a crash left behind doubtful.

    Raises MisconfiguredError when another shop answers behind the same configuration.
    """
    told = await _describe(context)
    context.clock_ahead_us, context.clock_error_us = told.clock_ahead_us, told.clock_error_us
    row = await context.tenant.ledger.run(lambda connection: _begin(connection, context, told))
    was = row.clock_ahead if row.clock_at else None
    await _set_clock(context, told, was)
    context.drained = row.drained


async def describe_store(context: StoreContext) -> bool:
    """Read behaviour and clock; settings apply to what is read from now on (PIN-POLICY). Returns whether the store's clock has
    been stepped since it was measured last."""
    return await _set_clock(context, await _describe(context), context.clock_ahead_us)


async def _set_clock(context: StoreContext, told: StoreDescription, was_ahead_us: int | None) -> bool:
    """Take the measure, and note it in the ledger where it differs: another life has to know by which clock the orders that were
    not read before have their stamps."""
    now = context.tenant.clock.now()
    stepped = context.clock_is(told.clock_ahead_us, told.clock_error_us, was_ahead_us, now)
    if was_ahead_us is None or stepped:
        noted = {"clock_ahead": told.clock_ahead_us, "clock_at": now}
        tenant, store = context.tenant.tenant, context.store
        await context.tenant.ledger.run(lambda connection: stores.change_store(connection, tenant, store, **noted))
    return stepped


async def _describe(context: StoreContext) -> StoreDescription:
    told = await context.port.orders.describe()
    behaviour = told.behaviour
    context.rule = TakingRule(
        takes_at=behaviour.takes_at,
        edits_adjust=behaviour.edits_adjust,
        cancel_returns=behaviour.cancel_returns,
        witnessed=behaviour.witnessed,
    )
    for warning in told.warnings:
        if warning not in context.warned:
            context.log.emit(events.STORE_WARNED, reason=warning)
    context.warned = frozenset(told.warnings)
    return told


def _first_cutover(context: StoreContext, now: Instant) -> Instant:
    """Now, by the store's clock, and not later than it can be: an order placed in the very second of the first start has a
    stamp from that second's beginning, and no ERP has counted it yet."""
    earliest = now + context.clock_ahead_us - context.clock_error_us
    grain_us = context.port.orders.traits.grain_us
    return Instant(earliest // grain_us * grain_us)


def _begin(connection: Connection, context: StoreContext, told: StoreDescription) -> StoreRow:
    tenant, store = context.tenant.tenant, context.store
    tenants.assert_epoch(connection, tenant, context.tenant.epoch)
    row = stores.read_store(connection, tenant, store)
    now = context.tenant.clock.now()
    if row is None:
        cutover = context.options.cutover or _first_cutover(context, now)
        behaviour = msgspec.json.encode(context.rule).decode()
        row = StoreRow(
            identity=told.identity, state=stores.BASELINE, mode=context.tenant.mode, cutover=cutover, cursor=LONG_AGO,
            drained=LONG_AGO, behaviour=behaviour, approved=LONG_AGO, brake="", paused=False, swept=now,
            catalogued=LONG_AGO,
        )  # fmt: skip
        stores.add_store(connection, tenant, store, row)
        return row
    if row.identity != told.identity:
        raise MisconfiguredError(
            f"another shop answers: {told.identity} instead of {row.identity}",
            tenant=tenant,
            store=store,
            operation="store",
            hint="point the configuration back at the shop of this ledger, or give the new shop a name of its own",
        )
    if row.mode == SHADOW and context.tenant.mode == LIVE:
        # Until now the old process counted. From here on we do: a new cutover, with all that is committed as told.
        if context.policy.baseline is Baseline.NOT_COUNTED:
            raise MisconfiguredError(
                "a store can't go from shadow to live with baseline = not_counted",
                tenant=tenant,
                store=store,
                hint='set baseline = "counted": what was sold meanwhile was counted by the old process',
            )
        count_all(connection, tenant, store)
    values: dict[str, object] = {"mode": context.tenant.mode}
    if context.shipments is None:
        values["ships"] = 0  # what the ERP ships until it is told again isn't made up for
    if context.placing is None:
        items.make_due(connection, tenant, placing.forget_store(connection, tenant, store), now)
    if context.carts is None:  # nobody would see them end, nor end them with their orders
        items.make_due(connection, tenant, carts.release_over(connection, tenant, store, NEVER), now)
    stores.change_store(connection, tenant, store, **values)
    if context.options.drift != "report":
        items.accept_nothing(connection, tenant, store, now)
    doubtful = writes.orphans_in_doubt(connection, tenant, store, now, context.port.inventory.traits.late_us)
    if doubtful:
        items.read_soon(connection, tenant, store, doubtful)
    return row
