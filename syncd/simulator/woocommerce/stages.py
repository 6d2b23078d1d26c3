"""What takes time in a shop without anyone waiting: steps with their due instants, caught up before each request."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable

Stage = Callable[[], None]


class Stages:
    """For each order, the steps that are still to come. `at_us` is the instant of the step that runs right now."""

    def __init__(self) -> None:
        self.at_us: int | None = None
        self._left: dict[int, deque[Stage]] = {}
        self._due: list[tuple[int, int, int]] = []
        self._added = 0

    def plan(self, order_id: int, steps: list[Stage], start_us: int, last_us: int) -> None:
        """Run these one after another, evenly until `last_us` after the start."""
        self._left[order_id] = deque(steps)
        for place in range(len(steps)):
            self._added += 1  # steps of one instant run in the order they came in
            heapq.heappush(self._due, (start_us + last_us * (place + 1) // len(steps), self._added, order_id))

    def catch_up(self, now_us: int) -> None:
        """Run all that is due, each at its own instant."""
        while self._due and self._due[0][0] <= now_us:
            due, _, order_id = heapq.heappop(self._due)
            steps = self._left.get(order_id)
            if steps:
                self.at_us = due
                try:
                    steps.popleft()()
                finally:
                    self.at_us = None
            if not steps:
                self._left.pop(order_id, None)

    def finish(self, order_id: int) -> None:
        """Run what is left for an order at once."""
        steps = self._left.pop(order_id, None)
        while steps:
            steps.popleft()()
