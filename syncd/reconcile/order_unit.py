"""The unit of work that takes a page of orders into the ledger: the one place where commitments become moves.

It decides inside the transaction, from rows read there: live scan, sweep and backfill may bring the same order, in any
sequence. It is re-runnable: nothing outside the connection changes. Orders, accounts, moves, takings, quarantine, the
raw page and the scan's cursor go to disk together or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection

from syncd.core import baseline
from syncd.core.account import COUNTED, QUARANTINED, Account, Accounts, Book, LineTaking, account, lowers_only, scaled
from syncd.core.commitment import commitment
from syncd.core.moves import LiveMove, NewMove, difference, with_questions
from syncd.core.order import Order, Phase, Unreadable
from syncd.core.policy import Baseline
from syncd.core.quantity import LONG_AGO, ZERO, Instant
from syncd.core.taking import UNSEEN, put_back
from syncd.ledger import documents, flow, items, moves, orders, payloads, placing, quarantine, restored, stores
from syncd.ledger.orders import OrderRow
from syncd.ledger.tenants import assert_epoch, take_numbers
from syncd.observability.events import QUARANTINE_GREW
from syncd.reconcile.cart_unit import end_carts
from syncd.reconcile.order_page import Page, StoreFacts, Taken


def take_page(connection: Connection, facts: StoreFacts, page: Page, **cursor: int) -> Taken:
    """Take a page into the ledger. `cursor` holds columns of the store's row to set in the same transaction."""
    assert_epoch(connection, facts.tenant, facts.epoch)
    unit = _Unit(connection, facts, page)
    unit.run()
    if facts.carts:
        end_carts(connection, facts.tenant, facts.store, page.orders, unit.taken.applied, page.ended)
    if cursor:
        stores.change_store(connection, facts.tenant, facts.store, **cursor)
    if facts.documents and not facts.in_baseline:
        documents.make_due(connection, facts.tenant, facts.store, [str(row[2]) for row in unit.order_rows], page.ended)
    held = len(unit.taken.quarantined)
    if held:
        facts.alerts.note(connection, QUARANTINE_GREW, facts.tenant, facts.store, now=page.ended, entries=held)
    return unit.taken


class _Unit:
    """One run of the unit: rows read, rows to write."""

    def __init__(self, connection: Connection, facts: StoreFacts, page: Page) -> None:
        self.connection = connection
        self.facts = facts
        self.page = page
        self.taken = Taken()
        self.restored = LONG_AGO
        self.order_rows: list[tuple[object, ...]] = []
        self.account_rows: list[tuple[object, ...]] = []
        self.takings: list[tuple[str, LineTaking, Order]] = []
        self.plans: list[tuple[str, NewMove]] = []
        self.voids: list[tuple[str, str, int]] = []
        self.own: dict[str, list[str]] = {}  # orders that the ERP has placed, by our key

    def run(self) -> None:
        tenant, store = self.facts.tenant, self.facts.store
        read = [entry for entry in self.page.orders if isinstance(entry, Order)]
        known = orders.read_orders(self.connection, tenant, store, [order.order for order in read]) if read else {}
        changed = [
            (place, entry)
            for place, entry in enumerate(self.page.orders)
            if isinstance(entry, Unreadable) or self._is_news(entry, known.get(entry.order))
        ]
        self._count([(place, entry) for place, entry in changed if isinstance(entry, Order)], known)
        for _, entry in changed:
            if isinstance(entry, Unreadable):
                self._hold(
                    entry.order, "", entry.reason, "mend the order in the store, or report the raw data", entry.raw
                )
                orders.forget_content(self.connection, tenant, store, entry.order)
        self._write()

    def _is_news(self, order: Order, row: OrderRow | None) -> bool:
        if row is None:
            return True
        if row.reading > self.page.reading:  # LAST-READ: a reading that began later is in the ledger already
            self.taken.overtaken += 1
            return False
        if _is_state(order, row, order.content):
            self.taken.unchanged += 1
            self.taken.contents[order.order] = order.content
            return False
        if row.created != order.created or (row.key and order.key and row.key != order.key):  # IDENTITY
            self._hold(
                order.order,
                "",
                "another order has this number now: its creation date or key is not the one the ledger knows",
                "was the shop restored from a backup? Release it once you know which of the two is in the ERP",
                b"",
            )
            self.taken.contents[order.order] = order.content
            return False
        return True

    def _count(self, changed: Sequence[tuple[int, Order]], known: Mapping[str, OrderRow]) -> None:
        """Account for each changed order."""
        if not changed:
            return
        facts = self.facts
        self.restored = restored.restored_at(self.connection)
        ids = [order.order for _, order in changed if order.order in known]
        accounts = orders.read_accounts(self.connection, facts.tenant, facts.store, ids)
        live = moves.live_moves(self.connection, facts.tenant, facts.store, ids)
        book = self._book([order for _, order in changed], accounts)
        names = [order.order for _, order in changed]
        for name in quarantine.held_orders(self.connection, facts.tenant, facts.store, names):
            quarantine.mend(self.connection, facts.tenant, facts.store, name, "", self.page.ended)
        for place, order in changed:
            row = known.get(order.order)
            before = accounts.get(order.order, [])
            outcome = self._without_unknown(
                order, account(order, before, book, phase_before=row.phase if row else None)
            )
            if row is not None and _is_state(order, row, _in_part(order.content)):
                outcome = _of_unknown(outcome, before)
                if not outcome.changed and order.order in self.taken.asking:
                    continue  # still unknown, and all else was counted when this very state was read first
            if self._waits(order, before, outcome):
                self.taken.unsettled.append(order.order)
                continue
            is_baseline = row.baseline if row else baseline.belongs(order, facts.cutover)
            fresh = row is None and is_baseline
            after = self._from_baseline(order, outcome) if fresh else list(outcome.changed)
            forgotten = restored.may_be_told(order.created, self.restored) and not (
                row and row.read_at >= self.restored
            )
            self._settle(order, before, after, live.get(order.order, ()), ask=forgotten)
            self._problems(order, outcome)
            if order.own_key and order.phase is not Phase.DRAFT:
                self.own.setdefault(order.own_key, []).append(order.order)
            asked = order.order in self.taken.asking  # not all of it is counted: it is no state that is known yet
            state = msgspec.structs.replace(order, content=_in_part(order.content)) if asked else order
            self.order_rows.append(
                orders.order_row(
                    facts.tenant, facts.store, state, reading=self.page.reading, read_at=self.page.began,
                    batch=self.page.reading, place=place, baseline=is_baseline,
                )
            )  # fmt: skip
            if not facts.in_baseline:
                self.takings.extend(
                    (order.order, LineTaking(counter, entry.line, taking), order)
                    for entry in outcome.takings
                    for counter, taking in self.facts.places.takings(entry.item, entry.taking)
                )
            if not asked:
                self.taken.contents[order.order] = order.content

    def _without_unknown(self, order: Order, outcome: Accounts) -> Accounts:
        """The outcome without the lines whose SKU the ERP doesn't know, while it may be asked: perhaps it has had the SKU for
        a moment. The other lines go on; when patience ends, the line is quarantined."""
        if not outcome.problems or not self.page.may_ask or order.order in self.page.force:
            return outcome
        unknown = {problem.line for problem in outcome.problems}
        self.taken.asking.append(order.order)
        return Accounts(
            tuple(row for row in outcome.changed if row.line not in unknown),
            tuple(taking for taking in outcome.takings if taking.line not in unknown),
            (),
        )

    def _book(self, changed: Sequence[Order], accounts: Mapping[str, Sequence[Account]]) -> Book:
        """The catalogue and the ERP's SKUs, as far as these orders need them."""
        facts = self.facts
        names = {line.product for order in changed for line in order.lines}
        names |= {row.product for rows in accounts.values() for row in rows if row.lead and not row.item}
        products = orders.read_products(self.connection, facts.tenant, facts.store, names) if names else {}
        self.taken.unknown_products = any(name and name not in products for name in names) or any(
            line.sku and line.product in products and line.sku != products[line.product].sku
            for order in changed
            for line in order.lines
            if all(row.line != line.line for row in accounts.get(order.order, ()))
        )  # a new line under another SKU: the product was renamed
        shop_skus = {line.sku for order in changed for line in order.lines if line.sku}
        shop_skus |= {product.sku for product in products.values() if product.sku}
        skus = {sku for name in shop_skus for sku, _ in facts.policy.recipe(name)}
        known = orders.known_skus(self.connection, facts.tenant, facts.policy.location, skus) if skus else frozenset()
        return Book(facts.policy, facts.rule, products, known.__contains__)

    def _waits(self, order: Order, before: Sequence[Account], outcome: Accounts) -> bool:
        """Whether this state may be torn and would give units back: then it is read again before it is believed."""
        if order.order in self.page.force or order.modified <= self.page.unsettled_after:
            return False
        return bool(outcome.problems) or not lowers_only(before, outcome.changed)

    def _from_baseline(self, order: Order, outcome: Accounts) -> list[Account]:
        """BASELINE: what the order had committed at the cutover counts as told, or not, as the tenant says."""
        policy, after = self.facts.policy, []
        lines = {line.line: line for line in order.lines}
        for row in outcome.changed:
            if row.state != COUNTED or not row.sku:
                after.append(row)
                continue
            line = put_back(order, lines[row.line], order.rule or self.facts.rule, UNSEEN)
            now, _ = commitment(order, line, policy, line.reduced or ZERO)
            then = baseline.at_cutover(order, line, now, policy, self.facts.cutover)
            told = scaled(then.units, row.factor)
            if not baseline.was_over(order, self.facts.cutover):
                if policy.baseline is Baseline.NOT_COUNTED:
                    told = ZERO
                elif policy.baseline is Baseline.ASK_ERP:
                    told = self.page.asked.get((order.order, row.line, row.part), ZERO)
            if then.undecided and policy.baseline is Baseline.COUNTED:
                after.append(msgspec.structs.replace(row, state=QUARANTINED, confirmed=told, rule="baseline"))
                hint = "release --count posts the difference, --already-counted takes it as booked"
                self._hold(order.order, row.line, f"baseline: {then.undecided}", hint, b"")
                continue
            rule = "baseline" if told == row.commitment else row.rule
            after.append(msgspec.structs.replace(row, confirmed=told, rule=rule))
        return after

    def _settle(
        self,
        order: Order,
        before: Sequence[Account],
        after: Sequence[Account],
        live: Sequence[LiveMove],
        *,
        ask: bool = False,
    ) -> None:
        """DIFFERENCE: the moves that follow, and the rows that hold the accounts. With `ask`, each line's next key is asked
        for even where nothing is to be told (`restored.py`)."""
        counts = {row.line: row.moves for row in before if row.part == 0}
        plan = difference(after, live, counts)
        if ask:
            accounts = {(row.line, row.part): row for row in (*before, *after)}
            plan = with_questions(plan, accounts.values(), live, counts)
        self.voids += [(order.order, line, n) for line, n in plan.void]
        self.plans += [(order.order, new) for new in plan.new]
        raised = dict(plan.counts)
        waiting = bool(live or plan.void)
        rows = {(row.line, row.part): row for row in after}
        for row in before:  # the line's number of moves stands on its part 0, changed or not
            if row.part == 0 and row.line in raised:
                rows.setdefault((row.line, 0), row)
        for entry in rows.values():
            row = entry
            if row.part == 0 and row.line in raised:
                row = msgspec.structs.replace(row, moves=raised[row.line])
            is_open = waiting or row.commitment != row.confirmed or bool(row.claim or row.hold)
            self.account_rows.append(
                orders.account_row(self.facts.tenant, self.facts.store, order.order, row, is_open=is_open)
            )
            if is_open or not self.facts.in_baseline:
                self.taken.skus.add(row.sku)
        self.taken.applied.append((order.order, order.status, sum(1 for new in plan.new if new.change)))

    def _problems(self, order: Order, outcome: Accounts) -> None:
        for problem in outcome.problems:
            self._hold(order.order, problem.line, problem.reason, problem.hint, b"")

    def _hold(self, order: str, line: str, reason: str, hint: str, raw: bytes) -> None:
        number = quarantine.hold(
            self.connection, self.facts.tenant, self.facts.store, order, line,
            reason=reason, hint=hint, raw=raw, now=self.page.ended,
        )  # fmt: skip
        if number is not None:
            self.taken.quarantined.append((order, line, reason))

    def _write(self) -> None:
        """All rows, in few statements."""
        connection, facts, page = self.connection, self.facts, self.page
        tenant, store = facts.tenant, facts.store
        if self.order_rows:
            orders.write_orders(connection, self.order_rows)
            orders.write_accounts(connection, self.account_rows)
            if not facts.in_baseline:
                flow.count(connection, tenant, flow.ORDERS, page.ended, {store: len(self.order_rows)})
            if page.compressed:
                payloads.keep(connection, tenant, store, page.reading, page.ended, page.compressed)
        if self.own:
            room, strange = placing.arrived(connection, tenant, store, self.own, page.ended)
            self.taken.skus |= room
            for order, reason in strange:
                self._hold(order, "", reason, placing.STRANGE_HINT, b"")
        for order, line, n in self.voids:
            moves.void_move(connection, tenant, store, order, line, n, "its order changed before it was sent")
        numbers = len(self.plans) + len(self.takings)
        first = take_numbers(connection, tenant, numbers) if numbers else 0
        moves.add_moves(
            connection,
            [
                moves.move_row(
                    tenant, store, order, new, seq=first + k, reading=page.reading, epoch=facts.epoch, now=page.ended
                )
                for k, (order, new) in enumerate(self.plans)
            ],
        )
        if self.restored:
            restored.ask_first(connection, tenant, first, len(self.plans))
        items.add_takings(
            connection,
            [
                self._taking_row(first + len(self.plans) + k, order, taking, state)
                for k, (order, taking, state) in enumerate(self.takings)
            ],
        )
        self.taken.moves = len(self.plans)
        self.taken.items = {taking.item for _, taking, _ in self.takings}
        unclear = {taking.item for _, taking, _ in self.takings if taking.taking.low != taking.taking.high}
        if unclear:
            items.read_soon(connection, tenant, store, unclear)
        items.make_items_due(connection, tenant, store, self.taken.items, page.ended)
        items.make_due(connection, tenant, self.taken.skus, page.ended)

    def _taking_row(self, seq: int, order: str, entry: LineTaking, state: Order) -> tuple[object, ...]:
        """When the change can have happened, in our clock: not before the order existed, nor before the stream was drained;
        not after its stamp, nor after the answer that showed it."""
        facts, taking = self.facts, entry.taking
        drained = self.page.drained_at.get(order, facts.drained)
        least_us, most_us = facts.clock_span_us
        began = max(state.created - most_us - facts.slack_us, drained)
        ended = min(state.modified - least_us + facts.slack_us, self.page.ended)
        if (
            ended < began or state.phase is Phase.GONE
        ):  # an edit that didn't touch the stamp: any time until it was seen
            ended = max(self.page.ended, Instant(began))
        return (
            facts.tenant, facts.store, entry.item, seq, order, entry.line, began, ended, taking.was, taking.low,
            taking.high, taking.least, taking.most, int(taking.plain),
        )  # fmt: skip


def _is_state(order: Order, row: OrderRow, content: bytes) -> bool:
    """Whether the ledger has the order in this very state."""
    return row.content == content and row.modified == order.modified and row.phase is order.phase


def _in_part(content: bytes) -> bytes:
    """The content of a state of which some lines wait for their SKU: news again when it is read again, and yet known."""
    return b"?" + content


def _of_unknown(outcome: Accounts, before: Sequence[Account]) -> Accounts:
    """What a state comes to that was counted in part before: of the lines that waited. The shop took nothing more for the others;
    each look would seem to be another chance that it had, and belief would widen with each."""
    known = {row.line for row in before}
    return Accounts(
        outcome.changed,
        tuple(taking for taking in outcome.takings if taking.line not in known),
        outcome.problems,
    )
