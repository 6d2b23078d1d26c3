"""A complete answer of a store or an ERP, within its size limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from syncd.core.quantity import SECOND, Instant
from syncd.core.quota import http_date
from syncd.errors import OutcomeUnknown, StoreFault
from syncd.transport.redaction import NOTHING_SECRET, Redaction

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with a status below 400 (no redirect), or one that the caller said it accepts.

    `began` is the wall clock just before the request left (of the last try), `ended` when the body was complete: what
    was read was true at some instant between the two. `headers` ignore case. `body` is decompressed.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    began: Instant
    ended: Instant
    operation: str = ""  # "GET /orders", for messages
    wrote: bool = False  # it answers a write: what can't be read leaves the outcome unknown
    redaction: Redaction = field(default=NOTHING_SECRET, repr=False, compare=False)

    def json(self, shape: type[T], /) -> T:
        """The body as a value of this shape (a msgspec struct, `list[...]`, `dict[str, Any]`).

        Raises StoreFault with the first bytes where it is not JSON or has another shape; OutcomeUnknown where it is the
        answer to a write, which may have taken place.
        """
        try:
            return msgspec.json.decode(self.body, type=shape)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            problem = str(error)
        excerpt = self.redaction.excerpt(self.body)
        message = f"{self.operation}: {self.status}, not what was promised ({problem}): {excerpt}"
        if self.wrote:
            raise OutcomeUnknown(message, operation=self.operation, hint="ask whether it took place")
        raise StoreFault(message, status=self.status, first_bytes=excerpt.encode(), operation=self.operation)


def clock_of(answers: Sequence[Answer]) -> tuple[int, int] | None:
    """The server's clock minus ours, and how wrong that may be, from the `Date` of the quickest answer that has one
    (microseconds). The header has whole seconds and was written somewhere between request and answer; not where a cache
    says that it kept the answer (`Age`, RFC 9111)."""
    for answer in sorted(answers, key=lambda each: each.ended - each.began):
        date = http_date(answer.headers.get("Date"))
        if date is not None and answer.headers.get("Age", "0") == "0":
            half_trip_us = max(0, answer.ended - answer.began) // 2
            return date + SECOND // 2 - (answer.began + half_trip_us), half_trip_us + SECOND
    return None
