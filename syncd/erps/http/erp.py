"""The adapter of the REST contract.

What the statuses of `POST /v1/moves` mean, beyond what the HTTP client knows already (429: surely nothing; 5xx and no
answer: unknown; 401 and 403: misconfigured):

    200, an outcome for each move, in order    the outcomes
    200, anything else                         unknown: it may have been posted, ask by key
    409, 413, 422                              the batch was refused as a whole: each move is posted alone; alone, REFUSED
    404, 400, 405 and other 4xx                the other side doesn't keep the contract: misconfigured

The last row stops the tenant and not the move: a service that takes no batch at all must not send every sale of the day
to quarantine, one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote

from syncd.core.document import OrderDocument
from syncd.core.quantity import microseconds
from syncd.erps.http import orders_wire, wire
from syncd.errors import BugError, MisconfiguredError, OutcomeUnknown, RefusedError, StoreFault, TransientError
from syncd.ports.erp import (
    ErpDescription,
    ErpLevels,
    ErpMove,
    ErpTraits,
    PostOutcome,
    PostResult,
    ShipmentPage,
)
from syncd.ports.placing import OrderOutcome, WishPage
from syncd.transport.answer import Answer
from syncd.transport.client import HttpClient

BATCH_MAX = 100  # keys of 35 characters in one query: 4 kB, half of what servers take as a request line
LEVELS_MAX = 5_000  # asked for in one answer: below 1 MB
SHIPMENTS_MAX = 200  # asked for in one answer
DOCUMENT_BYTES_MAX = 2**20  # as the client's own limit: about a thousand lines
WISHES_MAX = 100  # orders asked for in one answer
LATE_SECONDS = 120.0  # longer than the common time limits of proxies and application servers
REFUSED_WHOLE = frozenset({409, 413, 422})
NO_DOCUMENTS = frozenset({404, 405})  # the address isn't there at all
GONE = 410  # the cursor is too old, or of another epoch: begin from the start

IDENTITY_PATH, MOVES_PATH, LEVELS_PATH = "/v1/identity", "/v1/moves", "/v1/levels"
ORDERS_PATH, SHIPMENTS_PATH = "/v1/orders", "/v1/shipments"

R = TypeVar("R")


class HttpErp:
    """`Erp`, `ErpDocuments` and `ErpOrdersPort` of a service that keeps the contract. It doesn't own the client."""

    def __init__(
        self,
        client: HttpClient,
        *,
        batch_max: int = BATCH_MAX,
        levels_max: int = LEVELS_MAX,
        late_seconds: float = LATE_SECONDS,
        shipments: bool = False,
        orders: bool = False,
    ) -> None:
        """`late_seconds`: after which a request without an answer is surely dead; `describe` checks it against the ERP's."""
        if not 1 <= batch_max <= BATCH_MAX:
            raise MisconfiguredError(f"batch_max is {batch_max}: 1 to {BATCH_MAX}", operation="erp.open")
        self._client = client
        self._levels_max = levels_max
        self._late_seconds = late_seconds
        self._traits = ErpTraits(frozenset({"move"}), batch_max, microseconds(late_seconds), shipments, orders)

    @property
    def traits(self) -> ErpTraits:
        """By configuration: they are needed while the ERP can't be reached."""
        return self._traits

    async def describe(self) -> ErpDescription:
        """Identity and epoch. MisconfiguredError where the ERP's own limits don't bear the configured ones."""
        told = (await self._read(IDENTITY_PATH)).json(wire.Identity)
        if told.contract != wire.CONTRACT_VERSION:
            raise _misconfigured(
                "erp.describe",
                f"contract {told.contract}, this syncd speaks {wire.CONTRACT_VERSION}",
                "update one of them",
            )
        if told.moves_max < self._traits.batch_max:
            hint = f"set batch_max = {told.moves_max}"
            raise _misconfigured("erp.describe", f"the ERP takes {told.moves_max} moves at once", hint)
        if told.late_seconds > self._late_seconds:
            hint = f"set late_seconds = {told.late_seconds:g}"
            raise _misconfigured("erp.describe", f"the ERP may apply a request {told.late_seconds:g} s late", hint)
        return ErpDescription(told.identity, told.epoch, told.name)

    async def post(self, moves: Sequence[ErpMove]) -> tuple[PostOutcome, ...]:
        """Post one batch; see the table above."""
        self._check(len(moves))
        if not moves:
            return ()
        try:
            answer = await self._client.write("POST", MOVES_PATH, wire.moves_body(moves))
        except RefusedError as error:
            if error.status not in REFUSED_WHOLE:
                raise _broken_contract(error, MOVES_PATH) from error
            if len(moves) > 1:
                return await self._post_each(moves)
            reason = wire.problem_text(error.body) or str(error)
            return (PostOutcome(moves[0].key, PostResult.REFUSED, reason),)
        return _outcomes(answer, moves)

    async def find(self, keys: Sequence[str]) -> Mapping[str, ErpMove]:
        """Ask by key. Absent from a good answer: not counted."""
        self._check(len(keys))
        if not keys:
            return {}
        answer = await self._read(MOVES_PATH, [("key", key) for key in keys])
        moves = _mapped(answer, lambda: [wire.erp_move(move) for move in answer.json(wire.Moves).moves])
        found = {move.key: move for move in moves}
        if not found.keys() <= set(keys) or len(found) != len(moves):
            raise _nonsense(answer, "other keys than those asked for, or one of them twice")
        return found

    async def levels(self, cursor: str) -> ErpLevels:
        """One page. A cursor that the ERP doesn't know any more begins from the start."""
        limit = ("limit", str(self._levels_max))
        answer = await self._read(LEVELS_PATH, [("since", cursor), limit] if cursor else [limit], accept={GONE})
        restarted = answer.status == GONE
        if restarted:
            cursor = ""
            answer = await self._read(LEVELS_PATH, [limit])
        page = answer.json(wire.Levels)
        if page.more and (page.cursor == cursor or page.complete):
            raise _nonsense(answer, "it says that there is more, and its cursor didn't move, or that it is complete")
        levels = _mapped(answer, lambda: wire.levels_by_place(page.levels))
        return ErpLevels(levels, page.cursor, page.complete, page.more, answer.began, answer.ended, restarted)

    async def put_order(self, order: OrderDocument) -> None:
        """Create or replace the document. RefusedError where the ERP says no to it (400, 409, 413, 422) or it is too large; MisconfiguredError for
        404 and 405, of a service that keeps none."""
        path, body = f"{ORDERS_PATH}/{quote(order.key, safe='')}", wire.order_body(order)
        if len(body) > DOCUMENT_BYTES_MAX:
            reason = f"the document has {len(body)} bytes, {DOCUMENT_BYTES_MAX} are sent at most"
            raise RefusedError(reason, operation="erp.put_order", key=order.key)
        try:
            await self._client.write("PUT", path, body)
        except RefusedError as error:
            if error.status not in NO_DOCUMENTS:
                raise
            hint = f"let the ERP's service answer PUT {ORDERS_PATH}/KEY, or set documents = false in [erp]"
            raise _misconfigured("erp.put_order", f"the ERP keeps no order documents: {error}", hint) from error

    async def shipments(self, cursor: str) -> ShipmentPage:
        """One page, oldest first. A cursor that the ERP doesn't know any more begins from the start."""
        limit = ("limit", str(SHIPMENTS_MAX))
        answer = await self._read(SHIPMENTS_PATH, [("since", cursor), limit] if cursor else [limit], accept={GONE})
        if answer.status == GONE:
            cursor = ""
            answer = await self._read(SHIPMENTS_PATH, [limit])
        page = answer.json(wire.Shipments)
        if page.more and page.cursor == cursor:
            raise _nonsense(answer, "it says that there is more, and its cursor didn't move")
        shipments = _mapped(answer, lambda: tuple(wire.port_shipment(one) for one in page.shipments))
        return ShipmentPage(shipments, page.cursor, page.more)

    async def wanted(self, cursor: str) -> WishPage:
        """One page, oldest change first. A cursor that the ERP doesn't know any more begins from the start."""
        limit = ("limit", str(WISHES_MAX))
        answer = await self._read(ORDERS_PATH, [("since", cursor), limit] if cursor else [limit], accept={GONE})
        if answer.status == GONE:
            cursor = ""
            answer = await self._read(ORDERS_PATH, [limit])
        page = answer.json(orders_wire.Orders)
        if page.more and page.cursor == cursor:
            raise _nonsense(answer, "it says that there is more, and its cursor didn't move")
        return WishPage(tuple(orders_wire.port_wish(bytes(raw)) for raw in page.orders), page.cursor, page.more)

    async def tell(self, outcome: OrderOutcome) -> None:
        """Tell what became of an order. RefusedError where the ERP says no to it."""
        path = f"{ORDERS_PATH}/{quote(outcome.key, safe='')}/outcome"
        await self._client.write("POST", path, orders_wire.outcome_body(outcome))

    async def _post_each(self, moves: Sequence[ErpMove]) -> tuple[PostOutcome, ...]:
        """The moves of a refused batch, each alone, so that one bad move fails alone."""
        outcomes: list[PostOutcome] = []
        for move in moves:
            try:
                outcomes += await self.post([move])
            except (TransientError, MisconfiguredError) as error:
                if not outcomes:
                    raise  # as if the first alone had been sent
                raise OutcomeUnknown(
                    f"{len(outcomes)} of {len(moves)} moves were posted, then: {error}",
                    operation=f"POST {MOVES_PATH}",
                    hint="ask by key",
                ) from error
        return tuple(outcomes)

    async def _read(
        self, path: str, query: Sequence[tuple[str, str]] = (), *, accept: frozenset[int] | set[int] = frozenset()
    ) -> Answer:
        """Read; what a cache has kept is no answer: an old "not counted" would be posted again."""
        try:
            answer = await self._client.read(path, query, accept=accept)
        except RefusedError as error:
            raise _broken_contract(error, path) from error
        if answer.headers.get("Age", "0").strip() not in {"", "0"}:
            raise _nonsense(answer, "a cache before the ERP answered; it must not keep anything")
        return answer

    def _check(self, count: int) -> None:
        if count > self._traits.batch_max:
            raise BugError(f"{count} in one call, {self._traits.batch_max} are allowed", operation="erp.batch")


def _outcomes(answer: Answer, moves: Sequence[ErpMove]) -> tuple[PostOutcome, ...]:
    """The outcomes, if they are those of these moves; else OutcomeUnknown."""
    told = answer.json(wire.Outcomes).outcomes
    if [outcome.key for outcome in told] != [move.key for move in moves]:
        raise _nonsense(answer, "its outcomes aren't those of the moves sent, in their order")
    return _mapped(answer, lambda: tuple(wire.post_outcome(outcome) for outcome in told))


def _mapped(answer: Answer, read: Callable[[], R]) -> R:
    try:
        return read()
    except ValueError as error:
        raise _nonsense(answer, str(error)) from error


def _nonsense(answer: Answer, what: str) -> StoreFault | OutcomeUnknown:
    """An answer that breaks the contract: of a read a fault, of a write an unknown outcome."""
    message = f"{answer.operation}: {what}"
    if answer.wrote:
        return OutcomeUnknown(message, operation=answer.operation, hint="ask by key; the ERP's service needs mending")
    return StoreFault(message, status=answer.status, operation=answer.operation, hint="the ERP's service needs mending")


def _broken_contract(error: RefusedError, path: str) -> MisconfiguredError:
    said = wire.problem_text(error.body)
    return _misconfigured(
        error.operation,
        f"the ERP refused what the contract promises: {error}{f' ({said})' if said else ''}",
        f"is this the address of a service that keeps the contract, up to before {path}?",
    )


def _misconfigured(operation: str, message: str, hint: str) -> MisconfiguredError:
    return MisconfiguredError(message, operation=operation, hint=hint)
