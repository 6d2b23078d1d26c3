"""The units that wait for the writer, in two lanes: live work goes first, and backfill never starves.

A backfill unit is large (up to 100 orders), so at most one of them stands in a group beside live units, at its end,
where the writer leaves it out when the group's time is used up. When that has happened often enough, it goes first once.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Sequence
from typing import Any

import anyio

from syncd.ledger.writer import Failed, Outcome, Unit

GROUP_UNITS_MAX = 64  # a group that fails runs each unit again in a transaction of its own: keep that affordable
BACKFILL_PATIENCE_GROUPS = 8  # groups that may pass without a backfill unit while one waits


class Lane(enum.Enum):
    """Which queue a unit waits in."""

    LIVE = "live"
    BACKFILL = "backfill"


class Ticket:
    """One unit on its way: waiting, then with the writer, then done."""

    __slots__ = ("abandoned", "done", "lane", "outcome", "unit")

    def __init__(self, unit: Unit[Any], lane: Lane) -> None:
        self.unit = unit
        self.lane = lane
        self.done = anyio.Event()
        self.outcome: Outcome | None = None
        self.abandoned = False  # the caller was cancelled: if the writer hands it back unstarted, it is dropped

    def settle(self, outcome: Outcome | None) -> None:
        """The unit has ended (None: it was dropped); wake who waits."""
        self.outcome = outcome
        self.done.set()

    def result(self) -> Any:
        """What the unit returned. Raises what it raised."""
        assert self.outcome is not None, "asked for the result of a unit that has none"
        if isinstance(self.outcome, Failed):
            raise self.outcome.error
        return self.outcome.value


class Lanes:
    """The waiting units. Its length is bounded by the ledger, which lets no more in."""

    def __init__(self) -> None:
        self._live: deque[Ticket] = deque()
        self._backfill: deque[Ticket] = deque()
        self._passed_over_groups = 0

    def __len__(self) -> int:
        return len(self._live) + len(self._backfill)

    def waiting(self, lane: Lane) -> int:
        """How many units wait in `lane`."""
        return len(self._queue(lane))

    def add(self, ticket: Ticket) -> None:
        """Queue at the end of its lane."""
        self._queue(ticket.lane).append(ticket)

    def drop(self, ticket: Ticket) -> bool:
        """Take a ticket out that has not started. False: it is not here, so it has."""
        try:
            self._queue(ticket.lane).remove(ticket)
        except ValueError:
            return False
        return True

    def take(self) -> list[Ticket]:
        """The next group, in the order in which it should run."""
        if not self._live:
            return self._some(self._backfill, GROUP_UNITS_MAX)
        group: list[Ticket] = []
        if self._backfill and self._passed_over_groups >= BACKFILL_PATIENCE_GROUPS:
            group += self._some(self._backfill, 1)
        group += self._some(self._live, GROUP_UNITS_MAX - 1)
        if len(group) < GROUP_UNITS_MAX and group[0].lane is Lane.LIVE:
            group += self._some(self._backfill, 1)
        return group

    def took(self, group: Sequence[Ticket], started: int) -> None:
        """The writer has run the first `started` of `group`; the others go back to where they stood."""
        for ticket in reversed(group[started:]):
            if ticket.abandoned:
                ticket.settle(None)
            else:
                self._queue(ticket.lane).appendleft(ticket)
        if any(ticket.lane is Lane.BACKFILL for ticket in group[:started]):
            self._passed_over_groups = 0
        elif self._backfill:
            self._passed_over_groups += 1

    def clear(self) -> list[Ticket]:
        """Take all out."""
        everything = [*self._live, *self._backfill]
        self._live.clear()
        self._backfill.clear()
        return everything

    def _queue(self, lane: Lane) -> deque[Ticket]:
        return self._live if lane is Lane.LIVE else self._backfill

    @staticmethod
    def _some(queue: deque[Ticket], count: int) -> list[Ticket]:
        return [queue.popleft() for _ in range(min(count, len(queue)))]
