"""Signals on their way to disk: all that come while one group is being written become the next.

A burst that speaks of the same orders again and again is a few rows. Whoever waits in `take` may answer 2xx when it returns.
Each store has bounds of its own, and so has each kind within it: one that calls without an end takes no room from the others
(ISOLATED), and a flood of carts takes none from the orders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import anyio

from syncd.core.signal import Kind, Signal
from syncd.errors import TransientError

Place: TypeAlias = tuple[str, str, Kind, str]
"""Tenant, store, kind, name."""

Queue: TypeAlias = tuple[str, str, Kind]
"""Tenant, store, kind."""
Note: TypeAlias = Callable[[Sequence[Place], Collection[Queue]], Awaitable[Mapping[Queue, int]]]

GROUP_MAX: Final = 2_000  # signals in one transaction: some 20 ms
PENDING_MAX: Final = 2_000  # of a queue, signals that wait for it, in memory
BACKLOG_MAX: Final = (
    20_000  # of a queue, what waits to be read, on disk: 2 MB; the polls read the orders that are beyond
)
FULL_SECONDS: Final = 30  # after which a store may call again


class Full(Exception):
    """No more is taken for now; nothing was noted. The store should call again after FULL_SECONDS."""


@dataclass(slots=True)
class _Group:
    """Signals that are written together, each with who is to be woken, and who waits for them."""

    places: dict[Place, Callable[[Kind], None]] = field(default_factory=dict)
    counted: set[Queue] = field(default_factory=set)  # what waits in these is counted again
    written: anyio.Event = field(default_factory=anyio.Event)
    error: TransientError | None = None


class Inbox:
    """Takes signals for all tenants of one ledger. `run` has to run beside it.

    `note` writes (tenant, store, kind, name) durably, all or none, and returns for each of these queues how many wait to be
    read.
    """

    def __init__(self, note: Note) -> None:
        self._note = note
        self._groups: list[_Group] = [_Group()]
        self._pending: Counter[Queue] = Counter()
        self._something = anyio.Event()
        self._waiting: dict[Queue, int] = {}  # what waits to be read, when it was last known

    async def take(self, tenant: str, store: str, spoken: Sequence[Signal], wake: Callable[[Kind], None]) -> None:
        """Note what the store has spoken of; returns when that is on disk, and `wake` has been called for each kind.

        Raises Full where there is no room for some of it, and where the ledger takes nothing. What there is room for is noted
        all the same: a call that speaks of an order and of a cart finds its order read, though carts may be too many.
        """
        taken = [signal for signal in spoken if self._has_room((tenant, store, signal.kind), spoken)]
        if taken:
            await self._take([(tenant, store, *signal) for signal in taken], wake)
        if len(taken) < len(spoken):
            raise Full

    def _has_room(self, queue: Queue, spoken: Sequence[Signal]) -> bool:
        if self._pending[queue] + sum(signal.kind == queue[2] for signal in spoken) > PENDING_MAX:
            return False
        if self._waiting.get(queue, 0) < BACKLOG_MAX:
            return True
        self._groups[-1].counted.add(queue)  # they may have been read meanwhile
        self._something.set()
        return False

    async def _take(self, places: Sequence[Place], wake: Callable[[Kind], None]) -> None:
        group = self._groups[-1]
        if len(group.places) >= GROUP_MAX:
            group = _Group()
            self._groups.append(group)
        for place in places:
            if place not in group.places:
                self._pending[place[:3]] += 1
            group.places[place] = wake
            group.counted.add(place[:3])
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
            self._pending -= Counter(place[:3] for place in group.places)
            group.written.set()
        for wake, kind in {(wake, place[2]) for place, wake in group.places.items()}:
            wake(kind)
