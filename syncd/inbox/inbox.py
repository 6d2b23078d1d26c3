"""Signals on their way to disk: all that come while one group is being written become the next.

A burst that speaks of the same orders again and again is a few rows. Whoever waits in `take` may answer 2xx when it returns.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import anyio

from syncd.errors import TransientError

Place: TypeAlias = tuple[str, str, str]
"""Tenant, store, order."""

GROUP_MAX: Final = 2_000  # orders in one transaction: some 20 ms
PENDING_MAX: Final = 20_000  # orders that wait for it, in memory: a few MB
BACKLOG_MAX: Final = 200_000  # orders that wait to be read, on disk: more than a poll would have to read anyway
FULL_SECONDS: Final = 30  # after which a store may call again


class Full(Exception):
    """No more is taken for now; nothing was noted. The store should call again after FULL_SECONDS."""


@dataclass(slots=True)
class _Group:
    """Signals that are written together, each with who is to be woken, and who waits for them."""

    places: dict[Place, Callable[[], None]] = field(default_factory=dict)
    written: anyio.Event = field(default_factory=anyio.Event)
    error: TransientError | None = None


class Inbox:
    """Takes signals for all tenants of one ledger. `run` has to run beside it.

    `note` writes (tenant, store, order) durably, all or none, and returns how many orders wait to be read.
    """

    def __init__(self, note: Callable[[Sequence[Place]], Awaitable[int]]) -> None:
        self._note = note
        self._groups: list[_Group] = [_Group()]
        self._pending = 0
        self._something = anyio.Event()
        self.backlog = 0  # orders that wait to be read, when it was last known

    async def take(self, tenant: str, store: str, orders: Sequence[str], wake: Callable[[], None]) -> None:
        """Note that these orders have changed; returns when that is on disk, and `wake` has been called.

        Raises Full where there is no room, and where the ledger takes nothing.
        """
        if not orders:
            return
        if self._pending + len(orders) > PENDING_MAX:
            raise Full
        if self.backlog >= BACKLOG_MAX:
            self._something.set()  # count them again: they may have been read meanwhile
            raise Full
        group = self._groups[-1]
        if len(group.places) >= GROUP_MAX:
            group = _Group()
            self._groups.append(group)
        before = len(group.places)
        for order in orders:
            group.places[tenant, store, order] = wake
        self._pending += len(group.places) - before
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
            self.backlog = await self._note(list(group.places))
        except TransientError as error:
            group.error = error
        except BaseException:  # a stop, or a bug: perhaps they were noted, but nobody may say so
            group.error = TransientError("signals were not noted", operation="inbox")
            raise
        finally:
            self._pending -= len(group.places)
            group.written.set()
        for wake in set(group.places.values()):
            wake()
