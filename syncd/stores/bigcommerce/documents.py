"""BigCommerce's orders as whole documents (`syncd.ports.documents.DocumentsPort`).

What the order list brings (lines, places, fees) isn't asked for again; lines are read apart only where the list came without
them. Of the wanted parts those are read that the order doesn't rule out (`document_rules.py`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import TypeVar

import msgspec

from syncd.core.document import OrderDocument, Part, PartState, instant_of, moment
from syncd.core.document_history import Quote
from syncd.core.document_place import PlaceKind
from syncd.core.quantity import SECOND, Instant
from syncd.errors import StoreFault
from syncd.ports.documents import DocumentRead, RawOrder, RefundNews, RefundPage, UnreadablePart
from syncd.stores.bigcommerce.client import Client
from syncd.stores.bigcommerce.document_mapping import (
    Sent,
    map_fee,
    map_lines,
    map_order_document,
    pickup_of,
    place_of,
    sent_with,
)
from syncd.stores.bigcommerce.document_parts import (
    map_coupon,
    map_message,
    map_quote,
    map_refund,
    map_shipment,
    map_tax,
    map_transaction,
    within_ordered,
)
from syncd.stores.bigcommerce.document_reading import OrderReader, PartUnreadable, Rows, StoreFails
from syncd.stores.bigcommerce.document_rules import PARTS, not_needed
from syncd.stores.bigcommerce.mapping import OWN_KEY_PREFIX, decode_order, included_lines, phase_of
from syncd.stores.bigcommerce.noisy import Fields, read_object

LIST = "/v2/orders"  # where what comes with the order was read
REFUNDS = "/v3/orders/payment_actions/refunds"
REFUND_ORDERS_MAX = 100  # ids in one request: 1 kB of its line
MARGIN_US = SECOND  # whether `created:min` takes the very second isn't tested by anybody: ask from one earlier


class _Work:
    """One order on its way to a document: what is known so far."""

    def __init__(self, given: RawOrder, client: Client) -> None:
        self.given = given
        self.reader = OrderReader(client)
        self.parts: list[Part] = []
        self.unreadable: list[UnreadablePart] = []
        self.order: Fields
        self.document: OrderDocument
        self.failed = ""
        self.is_passing = False

    def put(self, **fields: object) -> None:
        self.document = msgspec.structs.replace(self.document, **fields)

    def note(
        self, name: str, state: PartState, resource: str = "", read_at: Instant | None = None, reason: str = ""
    ) -> None:
        when = None if read_at is None else moment(read_at)
        self.parts.append(Part(name, state, resource, when, reason))

    def leave_out(self, name: str, resource: str, reason: str, raw: bytes) -> None:
        self.note(name, PartState.UNREADABLE, resource, reason=reason)
        self.unreadable.append(UnreadablePart(name, reason, raw))

    def read(self) -> DocumentRead:
        if self.failed:
            return DocumentRead(self.given.order, None, self.failed, self.is_passing, requests=self.reader.requests)
        document = msgspec.structs.replace(self.document, parts=tuple(self.parts))
        return DocumentRead(
            self.given.order, document, unreadable=tuple(self.unreadable), requests=self.reader.requests
        )


class BigCommerceDocuments:
    """The orders of one store, whole. Needs the scope to read orders, and transactions where these are wanted."""

    def __init__(self, client: Client, wanted: Collection[str] = ()) -> None:
        self._client = client
        self._wanted = frozenset(wanted)
        self.shared_requests = 0  # those that were sent for several orders together

    @property
    def wanted(self) -> frozenset[str]:
        """The parts that are read beside what the order list brings."""
        return self._wanted

    async def documents(self, orders: Sequence[RawOrder]) -> tuple[DocumentRead, ...]:
        """One after the other; refunds of all of them together."""
        works = [_Work(given, self._client) for given in orders]
        for work in works:
            await self._try(work, self._begin)
        await self._refunds([work for work in works if not work.failed])
        for work in works:
            if not work.failed:
                await self._try(work, self._parts)
        return tuple(work.read() for work in works)

    async def refunded(self, since: Instant) -> RefundPage:
        """The store's list by date. Raises StoreFault for rows that can't be read: a refund must not be passed by."""
        reader = OrderReader(self._client)
        earliest = moment(Instant(max(0, since - MARGIN_US))).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            rows = await reader.rows(REFUNDS, [("created:min", earliest)], has_data=True)
            news = tuple(_news(row) for row in rows.rows)
        except (PartUnreadable, StoreFails, ValueError) as error:
            raise StoreFault(f"the list of refunds: {error}", operation="list refunds") from error
        return RefundPage(news, rows.began)

    async def _try(self, work: _Work, do: Callable[[_Work], Awaitable[None]]) -> None:
        """A step of one order: what is wrong with it stays with it."""
        try:
            await do(work)
        except StoreFails as error:
            work.failed, work.is_passing = str(error), True
        except (PartUnreadable, ValueError) as error:
            work.failed = str(error)

    # -- what comes with the order

    async def _begin(self, work: _Work) -> None:
        """The order's own bytes; lines, places and fees by requests of their own only where the list left them out."""
        given = work.given
        work.order = order = read_object(given.raw, f"order {given.order}")
        if order.ident("id") != given.order:
            raise ValueError(f"asked for order {given.order}, these are bytes of order {order.ident('id')}")
        counted = decode_order(given.raw)
        external = order.text("external_order_id")
        work.document = map_order_document(
            order,
            phase=str(phase_of(counted)),
            status=order.text("status") or f"status {counted.status_id}",
            own_key=external if external.startswith(OWN_KEY_PREFIX) else "",
        )
        work.note("order", PartState.READ, LIST, given.read_at)
        sent = sent_with(order.inner("consignments") if order.is_object("consignments") else None)
        if not sent.is_whole:
            sent = await self._places(work)
        lines = sent.lines
        if included_lines(counted) is None:
            path = f"/v2/orders/{given.order}/products"
            rows = await work.reader.rows(path)
            lines = [(row, place_of(row, sent.places)) for row in rows.rows]
            if not lines and order.count("items_total"):
                raise ValueError(
                    f"the order has {order.count('items_total')} units, and the store shows none of its lines"
                )
            work.note("lines", PartState.READ, path, rows.began)
        else:
            work.note("lines", PartState.READ, LIST, given.read_at)
        work.put(lines=map_lines(lines), places=tuple(sent.places))
        await self._fees(work)

    async def _places(self, work: _Work) -> Sent:
        path = f"/v2/orders/{work.given.order}/consignments"
        row, _, began = await work.reader.one(path)
        work.note("places", PartState.READ if row is not None else PartState.NONE, path, began)
        return sent_with(row)

    async def _fees(self, work: _Work) -> None:
        if work.order.is_object("fees"):
            await self._read(work, "fees", f"/v2/orders/{work.given.order}/fees", _map_fees)
            return
        try:
            _map_fees(work, list(work.order.rows("fees")))
            work.note("fees", PartState.READ if work.document.fees else PartState.NONE, LIST, work.given.read_at)
        except ValueError as error:
            work.leave_out("fees", LIST, str(error), work.given.raw)

    # -- parts with a request of their own

    async def _parts(self, work: _Work) -> None:
        order = work.given.order
        lists: dict[str, tuple[str, Query, Mapper]] = {
            "taxes": (f"/v2/orders/{order}/taxes", (("details", "true"),), _map_taxes),
            "coupons": (f"/v2/orders/{order}/coupons", (), partial(_map_rows, "coupons", map_coupon)),
            "messages": (f"/v2/orders/{order}/messages", (), partial(_map_rows, "messages", map_message)),
            "transactions": (
                f"/v3/orders/{order}/transactions",
                (),
                partial(_map_rows, "transactions", map_transaction),
            ),
            "shipments": (f"/v2/orders/{order}/shipments", (), _map_shipments),
        }
        for name in PARTS:
            if name == "refunds" or not self._is_due(work, name):
                continue
            if name == "quotes":
                await self._quotes(work)
            else:
                path, query, mapper = lists[name]
                await self._read(work, name, path, mapper, query)

    def _is_due(self, work: _Work, name: str) -> bool:
        """Whether a part is to be read; else its origin says why it isn't."""
        if name not in self._wanted:
            work.note(name, PartState.NOT_WANTED)
            return False
        reason = not_needed(name, work.order, work.document)
        if reason:
            work.note(name, PartState.NOT_NEEDED, reason=reason)
        return not reason

    async def _read(self, work: _Work, name: str, path: str, mapper: Mapper, query: Query = ()) -> None:
        """Read a list into the document. What is wrong with it is left out."""
        body = b""
        try:
            is_v3 = path.startswith("/v3/")  # of these lists transactions alone, of which the vendor names no pages
            rows = await work.reader.rows(path, query, has_data=is_v3, is_paged=not is_v3)
            body = rows.bodies
            mapper(work, rows.rows)
        except (PartUnreadable, ValueError) as error:
            work.leave_out(name, path, str(error), error.raw if isinstance(error, PartUnreadable) else body)
        except StoreFails as error:
            if not work.given.is_last_try:
                raise
            work.leave_out(name, path, str(error), b"")
        else:
            work.note(name, PartState.READ if rows.rows else PartState.NONE, path, rows.began)

    async def _quotes(self, work: _Work) -> None:
        """One request for each shipping address."""
        quotes: list[Quote] = []
        body, began, path = b"", None, ""
        try:
            for place in work.document.places:
                if place.kind is not PlaceKind.SHIPPING:
                    continue
                path = f"/v2/orders/{work.given.order}/shipping_addresses/{place.id.partition('/')[2]}/shipping_quotes"
                row, body, asked = await work.reader.one(path)
                began = began or asked
                quotes += [map_quote(row, place.id)] if row is not None else []
        except (PartUnreadable, ValueError) as error:
            work.leave_out("quotes", path, str(error), error.raw if isinstance(error, PartUnreadable) else body)
        except StoreFails as error:
            if not work.given.is_last_try:
                raise
            work.leave_out("quotes", path, str(error), b"")
        else:
            work.put(quotes=tuple(quotes))
            work.note("quotes", PartState.READ if quotes else PartState.NONE, path, began)

    # -- refunds, of many orders in one request

    async def _refunds(self, works: Sequence[_Work]) -> None:
        due = [work for work in works if self._is_due(work, "refunds")]
        for start in range(0, len(due), REFUND_ORDERS_MAX):
            some = due[start : start + REFUND_ORDERS_MAX]
            ids = ",".join(work.given.order for work in some)
            reader = OrderReader(self._client)
            try:
                rows = await reader.rows(REFUNDS, [("order_id:in", ids)], has_data=True)
            except (
                StoreFails
            ) as error:  # whose fault it is nobody knows; others' documents must not wait for it for ever
                for work in some:
                    if work.given.is_last_try:
                        work.leave_out("refunds", REFUNDS, str(error), b"")
                    else:
                        work.failed, work.is_passing = str(error), True
                continue
            except PartUnreadable as error:
                for work in some:
                    work.leave_out("refunds", REFUNDS, error.reason, error.raw)
                continue
            self.shared_requests += reader.requests
            for work in some:
                _take_refunds(work, rows)


Query = Sequence[tuple[str, str]]
Mapper = Callable[[_Work, Sequence[Fields]], None]
T = TypeVar("T")


def _map_rows(name: str, row: Callable[[Fields], T], work: _Work, rows: Sequence[Fields]) -> None:
    work.put(**{name: tuple([row(each) for each in rows])})


def _map_taxes(work: _Work, rows: Sequence[Fields]) -> None:
    pickup = pickup_of(work.document.places)
    work.put(taxes=tuple(map_tax(each, pickup) for each in rows))


def _map_fees(work: _Work, rows: Sequence[Fields]) -> None:
    work.put(fees=tuple(map_fee(each) for each in rows))


def _map_shipments(work: _Work, rows: Sequence[Fields]) -> None:
    """The shop's shipments, with no more units than were ordered: what exceeds goes to a person."""
    kept, beyond = within_ordered([map_shipment(each) for each in rows], work.document.lines)
    work.put(shipments=kept, warnings=(*work.document.warnings, *beyond))
    if beyond:
        work.unreadable.append(UnreadablePart("shipments", "; ".join(beyond), b""))


def _take_refunds(work: _Work, rows: Rows) -> None:
    """The refunds of one order, out of those of many. Raises StoreFault where a row doesn't say whose it is."""
    try:
        mine = [row for row in rows.rows if row.ident("order_id") == work.given.order]
        work.put(refunds=tuple(map_refund(row) for row in mine))
    except ValueError as error:
        work.leave_out("refunds", REFUNDS, str(error), rows.bodies)
    else:
        work.note("refunds", PartState.READ if mine else PartState.NONE, REFUNDS, rows.began)


def _news(row: Fields) -> RefundNews:
    refund, order, created = row.ident("id"), row.ident("order_id"), row.when("created")
    if not refund or not order or created is None:
        raise ValueError(f"{row.what}: no number, no order, or no date")
    return RefundNews(refund, order, instant_of(created))
