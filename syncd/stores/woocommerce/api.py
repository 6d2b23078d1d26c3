"""WooCommerce's REST API over the one HTTP client: where its routes lie, and what its refusals mean.

A shop with pretty permalinks has its routes under `/wp-json/`; one without, behind `/?rest_route=`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from syncd.core.quantity import NEVER, Instant
from syncd.errors import MisconfiguredError, NotFound, RefusedError, StoreFault, SyncdError
from syncd.transport import Answer, HttpClient
from syncd.transport.signing import encode_query

Query = Sequence[tuple[str, str]]
Rows = list[msgspec.Raw]

V3 = "/wc/v3"
PER_PAGE_MAX = 100  # 101 is refused
QUERY_BYTES_MAX = 6_000  # beyond, the query goes as a body: servers take addresses of 8 kB, proxies add to them
CODED_LENGTH_MAX = 12  # bytes of one character in an address: %XX for each of up to four
NO_ROUTE = "rest_no_route"  # WordPress's 404 for a route that no plugin has registered
_RIGHTS_HINT = (
    "the key must be valid and belong to a user who may manage the shop, with the permission Read/Write; hosts that strip "
    'the Authorization header need auth = "query", and a shop on plain http takes auth = "oauth1" only (mind its clock)'
)


class Api:
    """Asks for routes such as `/wc/v3/orders`. Raises as HttpClient does, with remedies for this platform."""

    def __init__(self, client: HttpClient, *, rest_route: bool = False) -> None:
        self._client = client
        self._rest_route = rest_route

    async def read(self, route: str, query: Query = (), *, accept: Collection[int] = ()) -> Answer:
        """Ask by GET; by POST with `_method=GET` where the query is too long for an address.

        The shop takes such a POST for a GET of the same route (measured on 10.0.2), but looks for the right to write.
        """
        path, named = self._place(route)
        try:
            if _fits(query):
                return await self._client.read(path, [*named, *query], accept=accept)
            body = msgspec.json.encode(dict(query))
            return await self._client.read(path, [*named, ("_method", "GET")], accept=accept, method="POST", body=body)
        except (MisconfiguredError, NotFound) as error:
            raise _with_remedy(error) from None

    async def read_rows(self, route: str, query: Query = ()) -> tuple[Answer, Rows]:
        """A list, each row still as its own bytes. Raises StoreFault where the answer is no list."""
        answer = await self.read(route, query)
        return answer, answer.json(Rows)

    async def write(
        self, method: str, route: str, body: Any = None, query: Query = (), *, not_after: Instant = NEVER
    ) -> Answer:
        """Change something: sent at most once, and not after `not_after`. Without a `body` none is sent."""
        path, named = self._place(route)
        sent = b"" if body is None else msgspec.json.encode(body)
        try:
            return await self._client.write(method, path, sent, [*named, *query], not_after=not_after)
        except (MisconfiguredError, NotFound) as error:
            raise _with_remedy(error) from None

    def _place(self, route: str) -> tuple[str, Query]:
        return ("/", [("rest_route", route)]) if self._rest_route else (f"/wp-json{route}", ())


def _fits(query: Query) -> bool:
    """Whether the query may stand in the address. Most are so short that they needn't be encoded to know."""
    characters = sum([len(name) + len(value) + 2 for name, value in query])
    return CODED_LENGTH_MAX * characters <= QUERY_BYTES_MAX or len(encode_query(query)) <= QUERY_BYTES_MAX


def _with_remedy(error: MisconfiguredError | NotFound) -> SyncdError:
    """The same error with what an operator of this platform can do about it.

    A missing route says nothing about the thing that was asked for: WooCommerce is switched off, so it is a fault.
    """
    if isinstance(error, NotFound):
        if error.code != NO_ROUTE:
            return error
        hint = "is WooCommerce switched on, and not too old?"
        return StoreFault(f"{error} ({error.code})", status=error.status, operation=error.operation, hint=hint)
    reason = str(error).removeprefix(f"{error.operation}: ")
    hint = _RIGHTS_HINT if reason.startswith(("401", "403")) else error.hint
    return MisconfiguredError(str(error), operation=error.operation, hint=hint)


def refuses_parameter(error: RefusedError, name: str) -> bool:
    """Whether the shop refused this parameter's value (400 `rest_invalid_param`, which names it)."""
    if error.code != "rest_invalid_param":
        return False
    try:
        return name in msgspec.json.decode(error.body, type=_InvalidParameters).data.params
    except msgspec.MsgspecError:
        return False


def span(answers: Sequence[Answer]) -> tuple[Instant, Instant]:
    """From the first request's start to the last answer's end."""
    return min(answer.began for answer in answers), max(answer.ended for answer in answers)


class _Parameters(msgspec.Struct):
    params: dict[str, Any] = {}


class _InvalidParameters(msgspec.Struct):
    data: _Parameters
