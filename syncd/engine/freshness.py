"""Looks at how far each store's orders are behind while its steps are waiting for it: a shop that hangs says nothing for minutes,
and `store.stale` shouldn't come as late as that."""

from __future__ import annotations

from syncd.engine.supervisor import Supervisor
from syncd.ports.clock import Clock
from syncd.reconcile.context import Stream

LOOK_SECONDS = 5.0
SEEN = frozenset({Stream.FLOWING, Stream.FAILING})


async def watch_freshness(supervisor: Supervisor, clock: Clock) -> None:
    """Until cancelled. A store that is paused, or wasn't read since the start, isn't judged: it is behind for a known reason."""
    while True:
        await clock.sleep(LOOK_SECONDS)
        for work in supervisor.works:
            for reconciler in work.reconcilers:
                if reconciler.context.stream in SEEN and not reconciler.context.is_paused:
                    reconciler.judge_freshness()
