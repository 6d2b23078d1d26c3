"""The judge of what passes between a client and the simulated BigCommerce shop, by the vendor's OpenAPI documents.

    app = judged(make_app(shop))        # a shop whose exchanges are kept
    ...                                 # use it
    verdict(app)                        # raises AssertionError that names what was wrong

Every request of a client is judged: its path and verb are known to the documents, so is each query parameter and its type,
and its body is valid. Every answer is judged, whatever the verb and the status. What the documents leave out, or say wrong,
stands in the tables below, each with its reason. Without the documents (they are not part of the project) nothing is judged,
and `tests/stores/test_bigcommerce_judge.py` is skipped, which says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import msgspec
from aiohttp import web

from tests.simulator.bigcommerce_documents import Documents, Operation, Schema, faults, query_fault, strange_fields

FOLDER = (Path(__file__).parents[2] / "../shared/specs/bigcommerce/reference").resolve()
EXCHANGES_MAX = 5_000
"""Kept of one shop; a test that asks more often is judged by its last ones."""
SHOWN_MAX = 300
"""Characters of a query that a complaint shows."""
CLEARED = 100_000
"""Bodies that were found right and aren't looked at again in this process, by their hash."""

GATE = {
    401: "the token is refused before the API is reached",
    403: "as above, for want of a scope",
    413: "the limit of a page, told in the manual pages",
    429: "the quota, told in the manual pages",
    500: "a fault",
    502: "a fault of a gateway",
    503: "as above",
    504: "as above",
}
"""Statuses that any request may have, whatever its document says."""
GENERAL = {
    400: "the manual page on status codes",
    404: "as above",
    409: "the orders API's refusal for want of stock: told in the older pages",
    422: "as above",
}
"""Refusals that a document may leave out; the shape of an error is judged where it has one."""
UNNAMED = {
    "custom_status": "shown by the API; the document has it in prose only",
    "credit_card_type": "in the document's examples, null or {}; not in its schema",
    "$.fees": "the answer of /fees, in the document's example; its schema is that of one fee",
    "$[].order": "the order statuses' sort order",
    "$.order": "as above",
    "$.errors": "what is wrong by field, in all errors of v3; some schemas leave it out",
    "$.data[].variants": "documented under include, not in the schema of a product",
    "DELETE /v3/carts/{cartId}/items/{itemId} $.data": "the envelope is in the document's example, not in its schema",
    "DELETE /v3/carts/{cartId}/items/{itemId} $.meta": "as above",
    "$.data.redirect_urls": "documented under include, not in the schema of a cart",
    "$.data.line_items.physical_items[].options": "as above",
}
"""Fields of answers that the documents don't name: a path, also of one operation alone, or a name wherever it stands."""
NULLS = {
    "update_stock_behavior": "a channel's value that inherits",
    "edit_order_stock_adjustment": "as above",
    "refund_order_stock_adjustment": "as above",
    "product_out_of_stock_behavior": "as above",
    "option_out_of_stock_behavior": "as above",
    "stock_level_display": "as above",
    "default_out_of_stock_message": "as above",
    "hide_in_product_filtering": "as above",
    "show_pre_order_stock_levels": "as above",
    "show_out_of_stock_message": "as above",
    "base_variant_id": "a product with variants has none",
    "sku_id": "a base variant has none",
    "parent_id": "a line that belongs to no bundle has none",
    "order_product_id": "a tax on what is no line has none, by the document's text",
    "reference_transaction_id": "a transaction that acts upon none",
    "credit_card": "a payment without one",
    "total_inventory_onhand": "a level that was never set (switch unset_level)",
    "available_to_sell": "as above",
}
"""Fields of answers that are null by the text of the documents and not by their schemas."""
ASKED_ANYWAY = {
    ("/v2/orders", "is_deleted"): "archived orders: documented until 2021, and harmless where it is ignored",
}
"""Query parameters that the documents don't name and the adapter sends."""
LIST_OF = ":in"
"""How the names of filters end that take a list with commas, by the guides; the schema of some has only the type of one value."""
SENT_ANYWAY: dict[tuple[str, str], str] = {}
"""Fields of bodies (operation, path) that the documents don't name, or name as only shown."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Exchange:
    """One request and its answer. `answer` None: none was given, or it was cut."""

    method: str
    path: str
    query: list[tuple[str, str]]
    body: bytes
    status: int
    answer: bytes | None
    content_type: str
    content_type_sent: str = "application/json"

    def __str__(self) -> str:
        asked = "&".join(f"{name}={value}" for name, value in self.query)
        return f"{self.method} {self.path}{'?' if asked else ''}{asked[:SHOWN_MAX]}"


class Judge:
    """Finds what the documents forbid."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._cleared: set[int] = set()

    def request(self, exchange: Exchange) -> Iterator[str]:
        """What is wrong with a request."""
        operations = self._documents.operations(exchange.method, exchange.path)
        if not operations:
            yield "the documents know no such request"
        elif all([*self._asked(one, exchange)] for one in operations):
            yield from self._asked(operations[0], exchange)

    def _asked(self, operation: Operation, exchange: Exchange) -> Iterator[str]:
        for name, text in exchange.query:
            schema = operation.queries.get(name)
            if schema is None and (operation.template, name) in ASKED_ANYWAY:
                continue
            if schema is None:
                yield f"the query parameter {name!r} is unknown"
                continue
            bare = text.removesuffix(":asc").removesuffix(":desc") if name == "sort" else text  # by the prose
            parts = bare.split(",") if name.endswith(LIST_OF) else [bare]
            if fault := next((fault for part in parts if (fault := query_fault(schema, part))), None):
                yield f"the query parameter {name!r}: {fault}"
        given = {name for name, _ in exchange.query}
        for name, schema in operation.queries.items():
            if schema.get("required") is True and name not in given:
                yield f"the query parameter {name!r} is missing"
        if not exchange.body:
            if operation.body is not None and operation.operation.get("requestBody", {}).get("required"):
                yield "the body is missing"
            return
        if operation.body is None:
            yield "a body where none is taken"
            return
        if exchange.content_type_sent != "application/json":
            yield f"the body is sent as {exchange.content_type_sent!r}"
        yield from self._body(operation, operation.body, exchange.body)

    def _body(self, operation: Operation, schema: Schema, raw: bytes) -> Iterator[str]:
        try:
            body = msgspec.json.decode(raw)
        except msgspec.DecodeError:
            yield "the body is no JSON"
            return
        yield from faults(schema, body)
        name = f"{operation.verb.upper()} {operation.template}"
        for path in strange_fields(schema, body, sent=True):
            if (name, path) not in SENT_ANYWAY:
                yield f"{path}: no such field to be written"

    def answer(self, exchange: Exchange) -> Iterator[str]:
        """What is wrong with an answer."""
        operations = self._documents.operations(exchange.method, exchange.path)
        if exchange.answer is None or exchange.status in GATE or not operations:
            return
        if exchange.content_type == "text/html":  # a fault: a page in the place of the API
            return
        schema = self._documents.schema(exchange.method, exchange.path, exchange.status)
        if schema is None:
            empty = exchange.status == 204 and not exchange.answer
            if exchange.method == "GET" and exchange.path.startswith("/v2/") and empty:
                return  # the v2 API's empty list, which its documents leave out
            if exchange.status not in GENERAL:
                yield f"the documents know no {exchange.status}"
            return
        if not exchange.answer:
            if schema and exchange.status != 204:
                yield "an empty body"
            return
        if not schema:
            return
        for path, part, raw in _rows(schema, exchange.answer):
            key = hash((exchange.method, id(part), raw))
            if key not in self._cleared:
                found = [*self._shown(part, raw, path, f"{exchange.method} {operations[0].template}")]
                yield from found
                if not found and len(self._cleared) < CLEARED:
                    self._cleared.add(key)

    def _shown(self, schema: Schema, raw: bytes, path: str, operation: str) -> Iterator[str]:
        try:
            answer = msgspec.json.decode(raw)
        except msgspec.DecodeError:
            yield "the answer is no JSON"
            return
        yield from (path + fault[1:] for fault in faults(schema, answer) if not _is_known_null(fault))
        for name in strange_fields(schema, answer, path):
            if not UNNAMED.keys() & {name, name.rpartition(".")[2], f"{operation} {name}"}:
                yield f"{name}: no such field"


def _rows(schema: Schema, raw: bytes) -> Iterator[tuple[str, Schema, bytes]]:
    """An answer, and where it is a list its rows one by one: most have been seen before."""
    if schema.get("type") == "array" and raw.startswith(b"["):
        with suppress(msgspec.MsgspecError):
            for row in msgspec.json.decode(raw, type=list[msgspec.Raw]):
                yield "$[]", schema["items"], bytes(row)
            return
    yield "$", schema, raw


def _is_known_null(fault: str) -> bool:
    path, _, message = fault.partition(": ")
    return message.startswith("None is not") and path.rpartition(".")[2] in NULLS


@dataclass
class Record:
    """What passed between the clients of one shop and the shop. `forgiven`: why a test has answers unlike the documents."""

    exchanges: deque[Exchange] = field(default_factory=lambda: deque(maxlen=EXCHANGES_MAX))
    forgiven: str = ""
    _known: set[int] = field(default_factory=set)

    async def keep(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Serve a request and keep it with its answer."""
        _, stores, rest = request.path.partition("/stores/")
        if not stores:
            return await handler(request)
        body = await request.read()
        exchange = Exchange(
            request.method,
            "/" + rest.partition("/")[2],
            list(request.query.items()),
            body,
            0,
            None,
            "",
            request.content_type,
        )
        try:
            response = await handler(request)
            if isinstance(response, web.Response):  # else it was cut
                exchange.status, exchange.content_type = response.status, response.content_type
                exchange.answer = bytes(response.body) if isinstance(response.body, bytes | bytearray) else b""
            return response
        finally:
            key = hash((str(exchange), exchange.body, exchange.status, exchange.answer))
            if key not in self._known:  # most polls find nothing new
                self._known.add(key)
                self.exchanges.append(exchange)


RECORD = web.AppKey("record", Record)


def judged(app: web.Application) -> web.Application:
    """The same application, whose exchanges are kept; before it is started."""
    record = app[RECORD] = Record()

    @web.middleware
    async def keep(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await record.keep(request, handler)

    app.middlewares.insert(0, keep)
    return app


@cache
def the_judge() -> Judge | None:
    """The judge; None where the documents are missing."""
    return Judge(Documents(FOLDER)) if FOLDER.is_dir() else None


def verdict(app: web.Application, *, requests: bool = True) -> None:
    """Judge all that was kept. Raises AssertionError. Without `requests`, answers alone: the tests of a shop ask wrongly, too."""
    record = app[RECORD]
    found = [] if record.forgiven else [*complaints(record.exchanges, requests=requests)]
    assert not found, "\n".join(["against the vendor's documents:", *found[:20]])


def complaints(exchanges: Iterable[Exchange], *, requests: bool = True) -> Iterator[str]:
    """What is wrong, each once."""
    judge = the_judge()
    if judge is None:
        return
    told: set[str] = set()
    for exchange in exchanges:
        wrong = [f"{exchange}: {fault}" for fault in judge.request(exchange)] if requests else []
        wrong += [f"{exchange} -> {exchange.status}: {fault}" for fault in judge.answer(exchange)]
        for line in wrong:
            if line not in told:
                told.add(line)
                yield line
