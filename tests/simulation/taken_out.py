"""The safeguards, each taken out of the daemon: functions of syncd with what stands there instead.

Only tests have this hand; the daemon has no switch for it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import msgspec
from sqlalchemy import update

from syncd.core import account, baseline, publish, scan, target
from syncd.core import moves as core_moves
from syncd.core.moves import INTENDED, REFUSED, SENT
from syncd.core.quantity import LONG_AGO, NEVER, UNIT, ZERO, Instant, Quantity
from syncd.ledger import moves, orders, stores, writes
from syncd.ledger.schema import level_write, move
from syncd.ledger.writer import Done, Failed, Writer, Written
from syncd.ports.store import OrderPage, WriteResult
from syncd.reconcile import context, end_write, evaluate, order_step, order_unit, post_step, sweep_step
from syncd.transport.client import HttpClient

Patch = list[tuple[Any, str, Any]]
"""Place, name, what stands there instead."""


def _always(value: Any) -> Callable[..., Any]:
    return lambda *_given, **_named: value


def not_asked() -> Patch:
    return [(post_step, "_asked", _always(Instant(0)))]


def dead_at_once() -> Patch:
    plain = post_step._asked
    return [(post_step, "_asked", lambda entry, found, *more: plain(entry, found, *more) if found else Instant(0))]


def key_by_quantity() -> Patch:
    plain = moves.move_row

    def row(tenant: str, store: str, order: str, new: Any, **told: Any) -> tuple[object, ...]:
        made = list(plain(tenant, store, order, new, **told))
        made[9] = core_moves.move_key(tenant, store, order, new.line, int(new.change))
        return tuple(made)

    return [(moves, "move_row", row)]


def cursor_first() -> Patch:
    async def take(self: Any, page: Any, reading: int, row: Any, cursor: Any, settled: Any, **how: Any) -> Any:
        context = self.context
        drained = max(context.drained, page.began - context.port.orders.traits.settle_us)

        def advance(connection: Any) -> None:
            stores.change_store(connection, context.tenant.tenant, context.store, cursor=cursor, drained=drained)

        await context.tenant.ledger.run(advance)
        return await plain(self, page, reading, row, cursor, settled, **how)

    plain = order_step.OrderStep._take
    return [(order_step.OrderStep, "_take", take)]


def no_overlap() -> Patch:
    return [(order_step, "microseconds", _always(0))]


def no_settling() -> Patch:
    bigcommerce_orders: Any = import_module("syncd.stores.bigcommerce.orders")
    plain = bigcommerce_orders.ScanTraits

    def traits(*given: Any, **named: Any) -> Any:
        return plain(*given, **{**named, "settle_us": 0})

    return [(bigcommerce_orders, "ScanTraits", traits)]


def always_restart() -> Patch:
    plain = scan.after_page

    def after(state: Any, rows: Any, *, full: bool) -> Any:
        if full and state.page == 1 and not max(r.modified for r in rows) - state.grain_us > state.since:
            return scan.Scan(state.grain_us, state.exclude_max, state.since, last=state.last)
        return plain(state, rows, full=full)

    return [(scan, "after_page", after)]


def by_stamp_alone() -> Patch:
    plain = order_unit._Unit._is_news

    def is_news(self: Any, order: Any, row: Any) -> bool:
        if row is not None and row.modified == order.modified and row.phase is order.phase:
            self.taken.contents[order.order] = order.content
            return False
        return plain(self, order, row)

    return [(order_unit._Unit, "_is_news", is_news)]


def lower_bound() -> Patch:
    plain = publish.decide

    def decide(wanted: Any, belief: Any, floor: Any, around: Any, *, absolute: bool) -> Any:
        if belief.interval.is_known:
            low = msgspec.structs.replace(belief.interval, hi=belief.interval.lo)
            belief = msgspec.structs.replace(belief, interval=low)
        around = msgspec.structs.replace(around, in_doubt=False, write_alive=False, lowering_alive=False)
        return plain(wanted, belief, floor, around, absolute=absolute)

    return [(evaluate, "decide", decide)]


def doubt_freezes() -> Patch:
    plain = publish.decide

    def decide(wanted: Any, belief: Any, floor: Any, around: Any, *, absolute: bool) -> Any:
        decision = plain(wanted, belief, floor, around, absolute=absolute)
        if decision.change < 0 and not around.erp_fresh:
            return publish.Decision(ZERO, decision.shown, publish.Blocked.ERP_STALE)
        return decision

    return [(evaluate, "decide", decide)]


def raise_early() -> Patch:
    def untold(owed: Any, reading: Any) -> Quantity:
        told = owed.confirmed
        for sent in owed.moves:
            if sent.state == core_moves.CONFIRMED and sent.confirmed_at >= reading.began:
                told = Quantity(told + sent.change)
        return Quantity(owed.commitment - told)

    return [(target, "untold", untold)]


def forget_refused() -> Patch:
    def refuse(connection: Any, tenant: str, entry: Any, reason: str, now: Instant) -> None:
        where = (tenant, entry.store, entry.order, entry.line, entry.part)
        moves.set_move(connection, tenant, entry, state=REFUSED, doubt=0, reason=reason)
        orders.confirm_units(connection, *where, Quantity(-entry.change))

    return [(post_step, "_refuse", refuse)]


def no_claims() -> Patch:
    return [(account, "may_still_count", _always(False))]


def all_new() -> Patch:
    return [(baseline, "belongs", _always(False))]


def every_refund_restocks() -> Patch:
    woocommerce_orders: Any = import_module("syncd.stores.woocommerce.orders")
    plain = woocommerce_orders.read_order

    def read(raw: Any, terms: Any) -> Any:
        order = plain(raw, terms)
        if b'"refunds":[{' not in bytes(raw) or not hasattr(order, "lines"):
            return order
        lines = tuple(msgspec.structs.replace(line, restocked=Quantity(UNIT)) for line in order.lines)
        return msgspec.structs.replace(order, lines=lines)

    return [(woocommerce_orders, "read_order", read)]


def never_too_late() -> Patch:
    plain = HttpClient._call

    def call(self: Any, *given: Any, **named: Any) -> Any:
        return plain(self, *given, **{**named, "not_after": NEVER})

    return [(HttpClient, "_call", call)]


def sent_before_written() -> Patch:
    return [(moves, "mark_sent", _always(None))]


def orphans_did_nothing() -> Patch:
    plain = writes.orphans_in_doubt

    def orphans(connection: Any, tenant: str, store: str, *given: Any) -> list[str]:
        plain(connection, tenant, store, *given)
        mine = (level_write.c.tenant == tenant, level_write.c.store == store, level_write.c.state == writes.DOUBT)
        connection.execute(update(level_write).where(*mine).values(state=writes.REFUSED))
        return []

    return [(writes, "orphans_in_doubt", orphans)]


def forget_sent() -> Patch:
    plain = core_moves.difference

    def difference(accounts: Any, live: Any, counts: Any) -> Any:
        return plain(accounts, [entry for entry in live if entry.state != SENT], counts)

    return [(order_unit, "difference", difference)]


def never_void() -> Patch:
    return [(moves, "void_move", _always(None))]


def fence_ignored() -> Patch:
    plain = order_unit._Unit._is_news

    def is_news(self: Any, order: Any, row: Any) -> bool:
        return plain(self, order, None if row is None else msgspec.structs.replace(row, reading=0))

    return [(order_unit._Unit, "_is_news", is_news)]


def sku_as_shown() -> Patch:
    plain = account.account

    def counted(order: Any, before: Any, book: Any, **named: Any) -> Any:
        shown = {line.line: line.sku for line in order.lines if line.sku and book.known(line.sku)}
        rows = [msgspec.structs.replace(row, sku=shown.get(row.line, row.sku)) for row in before]
        return plain(order, rows, book, **named)

    return [(order_unit, "account", counted)]


def decided_before() -> Patch:
    plain = order_step.OrderStep.take_reading
    old: dict[str, dict[str, Any]] = {}

    async def take_reading(self: Any) -> int:
        """What begins a request: the rows are read now."""
        tenant, store = self.context.tenant.tenant, self.context.store

        def look(connection: Any) -> dict[str, Any]:
            names = orders.living_orders(connection, tenant, store, "", 1_000, LONG_AGO)
            return {
                name: getattr(place, name)(connection, tenant, store, names)
                for place, name in ((orders, "read_orders"), (orders, "read_accounts"), (moves, "live_moves"))
            }

        reading = await plain(self)
        old[store] = await self.context.tenant.ledger.read(look)
        return reading

    def remembering(name: str, fresh: Callable[..., Any]) -> Callable[..., Any]:
        def read(connection: Any, tenant: str, store: str, ids: Any) -> Any:
            if store not in old:
                return fresh(connection, tenant, store, ids)
            return {one: old[store][name][one] for one in ids if one in old[store][name]}

        return read

    with_old = {name: remembering(name, getattr(orders, name)) for name in ("read_orders", "read_accounts")}
    live = {"live_moves": remembering("live_moves", moves.live_moves)}
    return [
        (order_step.OrderStep, "take_reading", take_reading),
        (order_unit, "orders", SimpleNamespace(**{**vars(orders), **with_old})),
        (order_unit, "moves", SimpleNamespace(**{**vars(moves), **live})),
    ]


def group_not_run_again() -> Patch:
    def write(self: Any, units: Any) -> Written:
        group = self._attempt(units)
        outcomes: list[Any] = [Done(value) for value in group.values]
        if group.error is not None:
            outcomes = [*outcomes, Failed(group.error)][: group.started]
        return Written(outcomes, 1, 0.0)

    return [(Writer, "write", write)]


def half_a_unit_stays() -> Patch:
    plain = Writer._run

    def run(self: Any, unit: Any, *given: Any) -> Any:
        try:
            return plain(self, unit, *given)
        except ZeroDivisionError as error:  # what the aimed bad unit raises
            return error

    return [(Writer, "_run", run)]


def another_key() -> Patch:
    plain = post_step._settle

    def settle(connection: Any, tenant: str, entry: Any, outcome: Any, *given: Any) -> None:
        plain(connection, tenant, entry, outcome, *given)
        if outcome == Instant(0):
            moves.set_move(connection, tenant, entry, key=f"{entry.key[:-2]}{entry.attempts:02}")

    return [(post_step, "_settle", settle)]


def writes_in_shadow() -> Patch:
    return [(context.TenantContext, "is_live", property(_always(True)))]


def unclear_did_nothing() -> Patch:
    plain = end_write._end

    def end(connection: Any, shop: Any, write: Any, outcome: Any, *given: Any) -> None:
        if outcome.result is WriteResult.UNKNOWN:
            outcome = msgspec.structs.replace(outcome, result=WriteResult.NOT_SENT)
        plain(connection, shop, write, outcome, *given)

    return [(end_write, "_end", end)]


def sent_by_the_dead() -> Patch:
    def doubt(connection: Any, tenant: str, _dead_at: Instant) -> None:
        sent = (move.c.tenant == tenant, move.c.state == SENT)
        connection.execute(update(move).where(*sent).values(state=INTENDED, retry_at=0))

    return [(moves, "doubt_sent", doubt)]


def claims_for_ever() -> Patch:
    plain = account._Counting.at

    def at(self: Any, row: Any, *given: Any) -> Any:
        after = plain(self, row, *given)
        return msgspec.structs.replace(after, claim=max(row.claim, after.claim))

    return [(account._Counting, "at", at)]


def no_brake_for_gone() -> Patch:
    plain = sweep_step.SweepStep._bury

    async def bury(self: Any, row: Any, missing: Any) -> None:
        self.context.options = dataclasses.replace(self.context.options, brake_gone_orders=1_000_000)
        await plain(self, row, missing)

    return [(sweep_step.SweepStep, "_bury", bury)]


def one_clock_for_all() -> Patch:
    def clock_is(store: Any, ahead_us: int, error_us: int, was_ahead_us: int | None, now: Instant) -> bool:
        store.clock_ahead_us, store.clock_error_us = 0, error_us
        return False

    return [(context.StoreContext, "clock_is", clock_is)]


def gone_at_first_sight() -> Patch:
    async def bury(self: Any, row: Any, missing: Any) -> None:
        tenant, store = self.context.tenant.tenant, self.context.store
        reading = await self.orders.take_reading()
        now = self.context.tenant.clock.now()
        known = await self.context.tenant.ledger.read(lambda c: orders.read_orders(c, tenant, store, missing))
        page = OrderPage(tuple(sweep_step._gone(entry) for entry in known.values()), b"", now, now, full=False)
        self.orders.after_commit(page, await self._take(row, page, reading), quiet=False)

    return [(sweep_step.SweepStep, "_bury", bury)]
