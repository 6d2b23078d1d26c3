"""Reading the lists that belong to one order, page by page to their end, in as few requests as the API allows.

v2 lists tell no totals: a page that isn't full is the last one. So the page size is the vendor's default, which a server surely
gives; a greater one might be cut by the server, and would seem to be the last. Rows that come twice (an order that changes
between two pages) are one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from syncd.core.quantity import Instant
from syncd.errors import NotFound, RefusedError, StoreFault
from syncd.stores.bigcommerce.client import Client
from syncd.stores.bigcommerce.noisy import Fields, NotJson, read_data, read_list, read_object

PAGE = 50  # rows in one answer: the vendor's default
PAGES_MAX = 100  # 5,000 rows of one list; beyond, the part is unreadable
RAW_BYTES_MAX = 256 * 1024  # of an unreadable part that are kept


class PartUnreadable(Exception):
    """A part came and can't be understood, or the store refuses it: the document goes without it."""

    def __init__(self, reason: str, raw: bytes = b"") -> None:
        super().__init__(reason)
        self.reason = reason
        self.raw = raw[:RAW_BYTES_MAX]


class StoreFails(Exception):
    """The store fails on this order's part, and perhaps won't next time."""


class Rows(NamedTuple):
    """A whole list. `bodies` is what came, for the quarantine where a row of it can't be mapped."""

    rows: list[Fields]
    bodies: bytes
    began: Instant


class OrderReader:
    """Reads for one order. `requests` counts what was sent."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.requests = 0

    async def rows(
        self, path: str, query: Iterable[tuple[str, str]] = (), *, has_data: bool = False, is_paged: bool = True
    ) -> Rows:
        """A list, whole. `has_data`: a v3 list. Not `is_paged`: the vendor names no pages of it, and one is asked for only where an
        answer says that there are more. Raises PartUnreadable, StoreFails."""
        found: dict[str, Fields] = {}
        bodies: list[bytes] = []
        began = Instant(0)
        for page in range(1, PAGES_MAX + 1):
            paging = (
                [("page", str(page)), ("limit", str(PAGE))] if is_paged else [("page", str(page))] if page > 1 else []
            )
            body, asked = await self._body(path, [*query, *paging])
            began = began or asked
            bodies.append(body)
            rows, more = self._read(body, path, has_data=has_data)
            known = len(found)
            found |= {row.ident("id") or str(known + place): row for place, row in enumerate(rows)}
            if more is None:
                more = is_paged and len(rows) >= PAGE
            if not more or len(found) == known:  # nothing new: the list ignores the page
                return Rows(list(found.values()), b"\n".join(bodies), began)
        raise PartUnreadable(f"{path} has more than {PAGE * PAGES_MAX} rows")

    async def one(self, path: str) -> tuple[Fields | None, bytes, Instant]:
        """A lone object, or the first of a list; None where there is none. Raises PartUnreadable, StoreFails."""
        body, began = await self._body(path, ())
        rows, _ = self._read(body, path, has_data=False)
        return next(iter(rows), None), body, began

    def _read(self, body: bytes, path: str, *, has_data: bool) -> tuple[Sequence[Fields], bool | None]:
        try:
            if has_data:
                return read_data(body, path)
            if path.endswith("/fees") and body.lstrip().startswith(b"{"):  # the vendor's example has them in an object
                return list(read_object(body, path).rows("fees")), False
            return read_list(body, path), None
        except NotJson as error:
            raise StoreFails(str(error)) from error
        except ValueError as error:
            raise PartUnreadable(str(error), body) from error

    async def _body(self, path: str, query: Sequence[tuple[str, str]]) -> tuple[bytes, Instant]:
        """One answer. 204 is an empty list; of a v3 list 404 is one too, says the vendor's page on transactions."""
        self.requests += 1
        try:
            answer = await self._client.read(path, query, accept=(404,) if path.startswith("/v3/") else ())
        except NotFound as error:
            raise PartUnreadable(f"{path}: the store says that there is no such thing", error.body) from error
        except RefusedError as error:
            raise PartUnreadable(f"{path}: {error}", error.body) from error
        except StoreFault as error:
            if error.status != 500:  # then it isn't this order's fault
                raise
            raise StoreFails(str(error)) from error
        return b"" if answer.status in (204, 404) else answer.body, answer.began
