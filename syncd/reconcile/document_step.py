"""The document step: orders that have changed become whole documents, kept until the ERP has them (`put_step.py`).

An order is due in the very transaction that took its new state. Its bytes come from the pages that the ledger keeps; only what
they don't hold is asked for. A document that says what the ERP has already isn't put again. In shadow mode nothing is read for
documents: what is due then is told when the tenant goes live, in the state of that day.

A few orders a turn, and the turn is the store's only one: nothing else is read or written there meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec
from sqlalchemy import Connection

from syncd.core.account import Account
from syncd.core.document import OrderDocument, PartState, digest, document_key
from syncd.core.document_erp import with_erp_units
from syncd.core.order import Phase
from syncd.core.quantity import LONG_AGO, Instant, microseconds, seconds
from syncd.core.signal import Kind
from syncd.errors import MisconfiguredError, RefusedError
from syncd.ledger import documents, orders, payloads, placing, quarantine, signals, stores, tenants
from syncd.ledger.documents import DueDocument
from syncd.observability import events
from syncd.observability.events import QUARANTINE_GREW
from syncd.ports.documents import DocumentRead, DocumentsPort, RawOrder
from syncd.reconcile.context import StoreContext
from syncd.reconcile.document_events import happenings
from syncd.reconcile.refund_poll import REFUNDS, RefundPoll

BATCH_MAX = 20  # orders in one turn
TURN_REQUESTS_MAX = (
    24  # in one turn, about: the store's orders and levels wait for its end, and a slow plan allows 2.5 a second
)
SIGNALS_MAX = 500  # taken up in one turn
IDLE_SECONDS = 5.0  # a look into the ledger; the bell rings for most of what becomes due
RETRY_SECONDS = (5.0, 15.0, 60.0, 300.0, 900.0)  # after failures in a row of one order; the last one stays
ATTEMPTS_MAX = 8  # about an hour; then the document goes without the part on which the store fails
MISCONFIGURED_SECONDS = 300.0  # somebody has to mend it
HELD = "document"  # the "line" under which an order that can't be a document is held; a part of it: "document taxes"
HINT = "mend the order in the store, or report the raw data; release --count reads it again"
UNPLACED = frozenset({Phase.DRAFT, Phase.PENDING})  # nothing to tell, unless it was told before


@dataclass(slots=True)
class DocumentStep:
    """One store's documents."""

    context: StoreContext
    port: DocumentsPort
    refunds: RefundPoll
    stuck: bool = False

    async def run(self) -> float:
        """A few orders. Returns the seconds until it is due again (the bell may ring before)."""
        context = self.context
        if not context.tenant.is_live:
            return context.options.poll_seconds
        try:
            wait = await self.refunds.run()
            await self._hear()
            most = orders_in_turn(self.port.wanted)
            rows, later, ready = await context.tenant.ledger.read(partial(self._look, most=most))
            if not ready:
                return context.options.poll_seconds
            if rows:
                await self._make(rows)
        except (MisconfiguredError, RefusedError) as error:  # its orders and levels go on
            self._tell_stuck(error)
            return MISCONFIGURED_SECONDS
        self.stuck = False
        if len(rows) == most:
            return 0.0
        now = context.tenant.clock.now()
        return min([IDLE_SECONDS, wait, *([max(0.2, seconds(later - now))] if later is not None else [])])

    def _look(self, connection: Connection, most: int) -> tuple[list[DueDocument], Instant | None, bool]:
        tenant, store = self.context.tenant.tenant, self.context.store
        rows, later = documents.due(connection, tenant, store, self.context.tenant.clock.now(), most)
        known = stores.read_store(connection, tenant, store) if rows else None
        return rows, later, not rows or (known is not None and known.state == stores.READY)

    async def _hear(self) -> None:
        """What the store has spoken of beside orders' states: messages, money. Each makes its order due."""
        tenant, store, epoch = self.context.tenant.tenant, self.context.store, self.context.tenant.epoch
        spoken = await self.context.tenant.ledger.read(
            partial(signals.waiting, tenant=tenant, store=store, limit=SIGNALS_MAX, kind=Kind.PARTS)
        )
        if not spoken:
            return
        now = self.context.tenant.clock.now()

        def unit(connection: Connection) -> None:
            tenants.assert_epoch(connection, tenant, epoch)
            documents.make_known_due(connection, tenant, store, spoken, now)
            signals.done(connection, tenant, store, list(spoken), Instant(max(spoken.values()) + 1), Kind.PARTS)

        await self.context.tenant.ledger.run(unit)

    def _tell_stuck(self, error: MisconfiguredError | RefusedError) -> None:
        if not self.stuck:
            hint = error.hint or "give the access token the right to read orders and transactions"
            self.context.log.emit(events.DOCUMENTS_STUCK, reason=str(error), hint=hint)
        self.stuck = True

    async def _make(self, rows: Sequence[DueDocument]) -> None:
        """Read what is missing, make the documents, keep them: each order ends in its own way."""
        context = self.context
        asleep = [row for row in rows if _is_asleep(row)]
        gone = {row.order for row in rows if row.phase == Phase.GONE}
        wanted = [row for row in rows if row not in asleep and row.order not in gone]
        given = await context.tenant.ledger.read(partial(self._kept, rows=wanted))
        given |= await self._read_again([row for row in wanted if row.order not in given], gone)
        reads = await self.port.documents(list(given.values())) if given else ()
        meter = context.tenant.meters.of(context.tenant.tenant, context.store)
        meter.document_requests += sum(read.requests for read in reads)
        ends = {read.order: read for read in reads}
        ends |= {order: DocumentRead(order, self._gone(order)) for order in gone}
        unit = _Unit(context, rows, ends, given, {row.order for row in asleep})
        await context.tenant.ledger.run(unit.run)
        unit.tell()

    def _kept(self, connection: Connection, rows: Sequence[DueDocument]) -> dict[str, RawOrder]:
        """The orders' bytes, from the pages that the ledger keeps."""
        pages: dict[int, dict[str, int]] = {}
        for row in rows:
            if row.batch is not None and row.place is not None:
                pages.setdefault(row.batch, {})[row.order] = row.place
        bodies: dict[str, bytes] = {}
        for number, places in pages.items():
            bodies |= payloads.orders_in(connection, self.context.tenant.tenant, number, places)
        return {
            row.order: RawOrder(row.order, bodies[row.order], row.read_at or LONG_AGO, _is_last(row))
            for row in rows
            if row.order in bodies
        }

    async def _read_again(self, rows: Sequence[DueDocument], gone: set[str]) -> dict[str, RawOrder]:
        """Orders whose pages are purged, or that the ledger has never seen: by their ids. Those that don't exist are `gone`."""
        if not rows:
            return {}
        page = await self.context.port.orders.by_ids([row.order for row in rows])
        self.context.tenant.meters.of(self.context.tenant.tenant, self.context.store).document_requests += 1
        gone |= set(page.missing)
        bodies = dict(
            zip(
                [entry.order for entry in page.orders],
                msgspec.json.decode(page.raw, type=list[msgspec.Raw]),
                strict=True,
            )
        )
        return {
            row.order: RawOrder(row.order, bytes(bodies[row.order]), page.began, _is_last(row))
            for row in rows
            if row.order in bodies
        }

    def _gone(self, order: str) -> OrderDocument:
        return OrderDocument("", self.context.store, order, str(Phase.GONE), str(Phase.GONE))


def orders_in_turn(wanted: Collection[str]) -> int:
    """How many orders a turn takes: the fewer, the more parts of each are read. Refunds of all of them are one request."""
    alone = len({*wanted} - {REFUNDS})
    return max(1, min(BATCH_MAX, TURN_REQUESTS_MAX // max(1, alone)))


def _is_asleep(row: DueDocument) -> bool:
    """Whether the order was never placed, as far as anybody was told."""
    return row.phase in UNPLACED and not row.told and not row.waits and not row.seen


def _is_last(row: DueDocument) -> bool:
    return row.attempts + 1 >= ATTEMPTS_MAX


class _Unit:
    """The transaction that ends a turn, and what is said of it after the commit."""

    def __init__(
        self,
        context: StoreContext,
        rows: Sequence[DueDocument],
        ends: Mapping[str, DocumentRead],
        given: Mapping[str, RawOrder],
        asleep: set[str],
    ) -> None:
        self.context = context
        self.rows = rows
        self.ends = ends
        self.given = given
        self.asleep = asleep
        self.now = context.tenant.clock.now()
        self.made = self.held = 0
        self.erp_keys: dict[str, str] = {}
        self.left_out: list[tuple[str, str, str]] = []  # order, part, reason
        self.refused: list[tuple[str, str]] = []  # order, reason

    def run(self, connection: Connection) -> None:
        """Re-runnable: nothing outside the connection changes but what is said of it."""
        tenant = self.context.tenant
        tenants.assert_epoch(connection, tenant.tenant, tenant.epoch)
        self.made = self.held = 0
        self.left_out, self.refused = [], []
        accounts = orders.read_accounts(connection, tenant.tenant, self.context.store, [row.order for row in self.rows])
        own_keys = [read.document.own_key for read in self.ends.values() if read.document and read.document.own_key]
        self.erp_keys = placing.keys_of(connection, tenant.tenant, self.context.store, own_keys)
        for row in self.rows:
            read = self.ends.get(row.order)
            if row.order in self.asleep:
                self._end(connection, row, {"reason": "not placed yet"})
            elif read is None:
                self._later(connection, row, "the store neither shows the order nor says that there is none")
            elif read.document is not None:
                self._keep(connection, row, read, read.document, accounts.get(row.order, []))
            elif read.is_passing and row.attempts + 1 < ATTEMPTS_MAX:
                self._later(connection, row, read.reason)
            else:
                self._hold(connection, row, HELD, read.reason, self.given[row.order].raw)
                self.refused.append((row.order, read.reason))
                self._end(connection, row, {"held": 1, "reason": read.reason[:500]})
        if self.held:
            tenant.alerts.note(
                connection, QUARANTINE_GREW, tenant.tenant, self.context.store, now=self.now, entries=self.held
            )

    def tell(self) -> None:
        """After the commit."""
        context = self.context
        meter = context.tenant.meters.of(context.tenant.tenant, context.store)
        for order, part, reason in self.left_out:
            meter.document("incomplete")
            context.log.emit(events.DOCUMENT_INCOMPLETE, order=order, part=part, reason=reason)
        for order, reason in self.refused:
            meter.document("refused")
            context.log.emit(events.DOCUMENT_REFUSED, order=order, reason=reason, hint=HINT)
        if self.held:
            context.log.emit(events.QUARANTINE_GREW, entries=self.held)
        if self.made:
            context.tenant.documents_bell.ring()

    def _keep(
        self,
        connection: Connection,
        row: DueDocument,
        read: DocumentRead,
        document: OrderDocument,
        accounts: Sequence[Account],
    ) -> None:
        """A document was made. It waits for the ERP, unless that is what the ERP has."""
        tenant, store = self.context.tenant.tenant, self.context.store
        whole = msgspec.structs.replace(
            document,
            key=document_key(tenant, store, row.order),
            store=store,
            revision=self.now,
            erp_key=self.erp_keys.get(document.own_key, ""),
            lines=with_erp_units(document.lines, accounts, self.context.policy),
        )
        content = digest(whole)
        values: dict[str, object] = {
            "held": 0, "reason": "", "parts": msgspec.json.encode(whole.parts).decode(), "requests": read.requests,
            "read_at": self.now,
        }  # fmt: skip
        if self.context.tenant.keeps_documents and (row.waits or content != row.told):
            values |= {
                "waits": 1, "content": content, "body": msgspec.json.encode(whole), "put_attempts": 0, "put_retry_at": 0,
                "put_reason": "",
            }  # fmt: skip
            self.made += 1
        outbox = self.context.tenant.outbox
        happened, seen = happenings(outbox, whole, row, content, self.now)
        outbox.put(connection, happened, self.now)
        self._end(connection, row, {**values, "seen": seen})
        self._mend(connection, row.order, whole, read)
        for part in read.unreadable:
            self.left_out.append((row.order, part.part, part.reason))
            self._hold(connection, row, f"{HELD} {part.part}", part.reason, part.raw)

    def _mend(self, connection: Connection, order: str, whole: OrderDocument, read: DocumentRead) -> None:
        """What was held of its document, and is read well now."""
        tenant, store = self.context.tenant.tenant, self.context.store
        unread = {f"{HELD} {part.name}" for part in whole.parts if part.state is PartState.UNREADABLE}
        unread |= {f"{HELD} {part.part}" for part in read.unreadable}  # read, and something is wrong with it
        for entry in quarantine.of_order(connection, tenant, store, order):
            if entry.state == quarantine.HELD and entry.line.split(" ")[0] == HELD and entry.line not in unread:
                quarantine.mend(connection, tenant, store, order, entry.line, self.now)

    def _hold(self, connection: Connection, row: DueDocument, line: str, reason: str, raw: bytes) -> None:
        number = quarantine.hold(
            connection, self.context.tenant.tenant, self.context.store, row.order, line,
            reason=reason, hint=HINT, raw=raw, now=self.now,
        )  # fmt: skip
        self.held += number is not None

    def _later(self, connection: Connection, row: DueDocument, reason: str) -> None:
        """It failed for now: the others go first."""
        wait = RETRY_SECONDS[min(row.attempts, len(RETRY_SECONDS) - 1)]
        values = {
            "attempts": row.attempts + 1, "retry_at": self.now + microseconds(wait), "reason": reason[:500],
        }  # fmt: skip
        documents.change(connection, self.context.tenant.tenant, self.context.store, row.order, values)

    def _end(self, connection: Connection, row: DueDocument, values: Mapping[str, object]) -> None:
        documents.made(connection, self.context.tenant.tenant, self.context.store, row.order, row.due_at, values)
