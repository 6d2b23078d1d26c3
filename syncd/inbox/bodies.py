"""Bodies of calls while they are read: how large each may be, and how much memory all of them together may take.

Whoever calls isn't known before the body is there, so strangers send some, too; a few of them must not be able to fill the memory,
nor one of them to take all that there is for others.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import anyio
from aiohttp import web

BODY_BYTES_MAX: Final = 2 * 1024 * 1024  # WooCommerce sends the whole order: hundreds of lines are some 500 KB
BODY_SECONDS: Final = 30.0  # a stranger who sends a byte now and then keeps neither a connection nor memory
SMALL_BYTES_MAX: Final = 16 * 1024  # not counted: a connection takes as much by itself
BODIES_BYTES_MAX: Final = 64 * 1024 * 1024  # of all calls at once
SOURCE_BYTES_MAX: Final = 16 * 1024 * 1024  # of the calls of one address at once


class TooLarge(Exception):
    """A body above BODY_BYTES_MAX; not read to its end."""


class Crowded(Exception):
    """Too much is being read already."""


class Bodies:
    """What is being read at this moment, in bytes."""

    def __init__(self) -> None:
        self._all = 0
        self._of: Counter[str] = Counter()

    async def read(self, request: web.Request, address: str) -> bytes:
        """The request's body. Raises TooLarge, Crowded, TimeoutError; ConnectionError where the caller hangs up."""
        told = request.content_length
        if told is not None and told > BODY_BYTES_MAX:
            raise TooLarge
        small = told is not None and told <= SMALL_BYTES_MAX
        if small and request.content.is_eof():  # it came with its head, as nearly all do
            return await request.read()
        with anyio.fail_after(BODY_SECONDS):
            return await request.read() if small else await self._read_counted(request, address)

    async def _read_counted(self, request: web.Request, address: str) -> bytes:
        chunks: list[bytes] = []
        size = 0
        try:
            async for chunk in request.content.iter_any():
                size += len(chunk)
                self._all += len(chunk)
                self._of[address] += len(chunk)
                if size > BODY_BYTES_MAX:
                    raise TooLarge
                if self._all > BODIES_BYTES_MAX or self._of[address] > SOURCE_BYTES_MAX:
                    raise Crowded
                chunks.append(chunk)
        finally:
            self._all -= size
            self._of[address] -= size
            if not self._of[address]:
                del self._of[address]
        return b"".join(chunks)
