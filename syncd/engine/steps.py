"""Run steps one after the other, each when it is due.

The steps of one store share one task, so its orders, readings and writes never overlap (belief needs that). A bell makes
one of them due at once. A step that fails transiently comes again after a pause with jitter; whatever else it raises ends
the task, and the supervisor starts it anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import anyio

from syncd.core import backoff
from syncd.core.quantity import microseconds, seconds
from syncd.errors import Throttled, TransientError
from syncd.ports.clock import Chance, Clock
from syncd.reconcile.context import Bell

Step = Callable[[], Awaitable[float]]
HELD_LOOK_SECONDS = 30.0  # a loop that is held turns so often, for the watchdog; the bell wakes it at once
DRAIN_LOOK_SECONDS = 0.05
RETRIES = backoff.Backoff(microseconds(1.0), microseconds(60.0))


@dataclass(slots=True)
class Timer:
    """A step and when it is due, by the monotonic clock. `rings`: the bell makes it due."""

    name: str
    step: Step
    rings: bool = False
    due: float = 0.0
    failures: int = 0


@dataclass(slots=True)
class Progress:
    """When the loop last turned, for the watchdog; the last failure, for status."""

    turned: float = 0.0
    busy: str = ""
    trouble: str = ""


class Loop:
    """One task's steps."""

    def __init__(
        self,
        timers: Sequence[Timer],
        bell: Bell,
        *,
        clock: Clock,
        chance: Chance,
        failed: Callable[[str, TransientError], None],
        held: Callable[[], bool] = lambda: False,
    ) -> None:
        self.timers = list(timers)  # a command may add one for a while
        self.bell = bell
        self.clock = clock
        self.chance = chance
        self.failed = failed
        self.held = held
        self.progress = Progress()
        self.stopping = False

    async def run(self) -> None:
        """Until cancelled, or, between two steps, until `stopping`. While `held`, no step begins."""
        while not self.stopping:
            now = self.clock.monotonic()
            self.progress.turned = now
            if self.held():
                if await self.bell.wait(self.clock, HELD_LOOK_SECONDS):
                    self._ring()
                continue
            timer = min(self.timers, key=lambda each: each.due)
            if timer.due > now:
                if await self.bell.wait(self.clock, timer.due - now):
                    self._ring()
                continue
            await self._turn(timer)
        await anyio.sleep_forever()

    def _ring(self) -> None:
        for each in self.timers:
            if each.rings:
                each.due = 0.0

    async def _turn(self, timer: Timer) -> None:
        self.progress.busy = timer.name
        try:
            wait = await self._step(timer)
        finally:  # a loop that has ended is not in a step: nobody has to wait for it
            self.progress.busy = ""
        timer.due = self.clock.monotonic() + wait

    async def _step(self, timer: Timer) -> float:
        """Run a step. Returns the seconds until it is due again."""
        try:
            wait = await timer.step()
        except TransientError as error:
            timer.failures += 1
            drawn = backoff.jittered_wait(RETRIES, timer.failures, self.chance.uniform(0.0, 1.0))
            wait = max(0.1, seconds(drawn))
            if isinstance(error, Throttled):
                wait = max(wait, error.wait_seconds)
            self.progress.trouble = f"{timer.name}: {error}"
            self.failed(timer.name, error)
        else:
            timer.failures = 0
            self.progress.trouble = ""
        return wait


async def until_idle(loops: Callable[[], Sequence[Loop]], clock: Clock, wait_seconds: float) -> bool:
    """Wait until none of them is in a step, but not for long. Returns whether none is."""
    deadline = clock.monotonic() + wait_seconds
    while any(loop.progress.busy for loop in loops()):
        if clock.monotonic() >= deadline:
            return False
        await clock.sleep(DRAIN_LOOK_SECONDS)
    return True
