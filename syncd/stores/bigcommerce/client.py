"""What the BigCommerce adapter needs of the HTTP client, and how it reads an answer's body.

Paths begin with the version (`/v2/orders`); the client's base address is `https://api.bigcommerce.com/stores/{hash}`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol, TypeVar

import msgspec

from syncd.core.quantity import NEVER, Instant
from syncd.errors import StoreFault
from syncd.transport import Answer

T = TypeVar("T")
Query = Sequence[tuple[str, str]]


class Client(Protocol):
    """The transport (`syncd.transport.HttpClient`): retries of reads, quotas, limits and the breaker are its business."""

    async def read(self, path: str, query: Query = (), *, accept: Collection[int] = ()) -> Answer:
        """GET. Raises StoreFault, Throttled, RefusedError, NotFound, MisconfiguredError."""

    async def write(
        self, method: str, path: str, body: bytes, query: Query = (), *, not_after: Instant = NEVER
    ) -> Answer:
        """Sent at most once, and not after `not_after`. Raises as `read`, then surely nothing was written, or OutcomeUnknown."""


def decode(answer: Answer, decoder: msgspec.json.Decoder[T]) -> T:
    """The body as what it should be. Raises StoreFault: a truncated body, or an answer of another shape."""
    try:
        return decoder.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        excerpt = answer.redaction.excerpt(answer.body)
        raise StoreFault(
            f"{answer.operation}: {answer.status}, not what the vendor describes ({error}): {excerpt}",
            status=answer.status,
            first_bytes=excerpt.encode(),
            operation=answer.operation,
        ) from error
