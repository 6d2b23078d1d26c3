"""Signals on their way to disk: all that come while one group is being written become the next.

A burst that speaks of the same orders again and again is a few rows. Whoever waits in `take` may answer 2xx when it returns.
Each store has bounds of its own, so that one which calls without an end takes no room from the others (ISOLATED).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import anyio

from syncd.errors import TransientError

Place: TypeAlias = tuple[str, str, str]
"""Tenant, store, order."""

Shop: TypeAlias = tuple[str, str]
"""Tenant, store."""
Note: TypeAlias = Callable[[Sequence[Place], Collection[Shop]], Awaitable[Mapping[Shop, int]]]

GROUP_MAX: Final = 2_000  # orders in one transaction: some 20 ms
PENDING_MAX: Final = 2_000  # of a store, orders that wait for it, in memory
BACKLOG_MAX: Final = 20_000  # of a store, orders that wait to be read, on disk: 2 MB; the polls read what is beyond
FULL_SECONDS: Final = 30  # after which a store may call again


class Full(Exception):
    """No more is taken for now; nothing was noted. The store should call again after FULL_SECONDS."""


@dataclass(slots=True)
class _Group:
    """Signals that are written together, each with who is to be woken, and who waits for them."""

    places: dict[Place, Callable[[], None]] = field(default_factory=dict)
    counted: set[Shop] = field(default_factory=set)  # stores whose waiting orders are counted again
    written: anyio.Event = field(default_factory=anyio.Event)
    error: TransientError | None = None


class Inbox:
    """Takes signals for all tenants of one ledger. `run` has to run beside it.

    `note` writes (tenant, store, order) durably, all or none, and returns for each of these stores how many orders wait to be
    read.
    """

    def __init__(self, note: Note) -> None:
        self._note = note
        self._groups: list[_Group] = [_Group()]
        self._pending: Counter[Shop] = Counter()
        self._something = anyio.Event()
        self._waiting: dict[Shop, int] = {}  # orders that wait to be read, when it was last known

    async def take(self, tenant: str, store: str, orders: Sequence[str], wake: Callable[[], None]) -> None:
        """Note that these orders have changed; returns when that is on disk, and `wake` has been called.

        Raises Full where there is no room, and where the ledger takes nothing.
        """
        if not orders:
            return
        shop = (tenant, store)
        if self._pending[shop] + len(orders) > PENDING_MAX:
            raise Full
        if self._waiting.get(shop, 0) >= BACKLOG_MAX:
            self._groups[-1].counted.add(shop)  # they may have been read meanwhile
            self._something.set()
            raise Full
        group = self._groups[-1]
        if len(group.places) >= GROUP_MAX:
            group = _Group()
            self._groups.append(group)
        before = len(group.places)
        for order in orders:
            group.places[tenant, store, order] = wake
        group.counted.add(shop)
        self._pending[shop] += len(group.places) - before
        self._something.set()
        await group.written.wait()
        if group.error is not None:
            raise Full from group.error

    async def run(self) -> None:
        """Write group after group, until cancelled."""
        while True:
            await self._something.wait()
            group = self._groups.pop(0)
            if not self._groups:
                self._groups.append(_Group())
                self._something = anyio.Event()
            await self._write(group)

    async def _write(self, group: _Group) -> None:
        try:
            self._waiting.update(await self._note(list(group.places), group.counted))
        except TransientError as error:
            group.error = error
        except BaseException:  # a stop, or a bug: perhaps they were noted, but nobody may say so
            group.error = TransientError("signals were not noted", operation="inbox")
            raise
        finally:
            self._pending -= Counter((tenant, store) for tenant, store, _ in group.places)
            group.written.set()
        for wake in set(group.places.values()):
            wake()
