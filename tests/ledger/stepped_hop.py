"""A hop that does nothing by itself: the test says when a job runs, and when its delivery is made."""

from __future__ import annotations

from collections import deque

from anyio.lowlevel import checkpoint

from syncd.ledger.hop import Delivery, Job


class SteppedHop:
    def __init__(self) -> None:
        self.jobs: deque[Job] = deque()
        self.deliveries: deque[Delivery] = deque()
        self.closed = False

    def submit(self, job: Job) -> None:
        self.jobs.append(job)

    def close(self) -> None:
        self.closed = True

    def work(self) -> None:
        """Run the next job, up to its COMMIT."""
        self.deliveries.append(self.jobs.popleft()())

    def deliver(self) -> None:
        """Let the loop know."""
        self.deliveries.popleft()()

    def step(self) -> None:
        self.work()
        self.deliver()

    def drain(self) -> None:
        """Whatever there is, until there is nothing."""
        while self.jobs or self.deliveries:
            if self.deliveries:
                self.deliver()
            else:
                self.work()


async def settle() -> None:
    """Let every task go as far as it can: more turns of the loop than any path between two waits takes."""
    for _ in range(8):
        await checkpoint()
