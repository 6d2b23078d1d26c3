"""The hand-over between the event loop and whoever runs the ledger's transactions: the ledger's only seam to time.

A hop takes a job, runs it somewhere or some time later, and then runs on the loop what the job returned (its delivery).
Between the two the work is committed and nobody knows: a simulation puts a seeded delay there, and one before the job,
without any thread (`anyio.to_thread` would hang in its virtual time).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol, TypeAlias

from syncd.ledger.faults import Fatal

Delivery: TypeAlias = Callable[[], None]
Job: TypeAlias = Callable[[], Delivery]


class Hop(Protocol):
    """Runs jobs one after the other, in the order of their submission."""

    def submit(self, job: Job) -> None:
        """Run `job` later, never inside this call; then, on the loop that is running now, the delivery that it returned.

        Jobs raise nothing; one that does broke an assumption, and the process should end.
        """

    def close(self) -> None:
        """No further jobs. Called when every delivery has been made."""


class InlineHop:
    """Runs each job on the loop's own thread in its next turn, and its delivery in the turn after: for tests."""

    def submit(self, job: Job) -> None:
        """Schedule `job` for the loop's next turn."""
        asyncio.get_running_loop().call_soon(self._run, job)

    def close(self) -> None:
        """Nothing is kept."""

    def _run(self, job: Job) -> None:
        asyncio.get_running_loop().call_soon(job())


class ThreadHop:
    """Runs jobs in one thread of its own, which starts with the first job."""

    def __init__(self, name: str, *, fatal: Fatal) -> None:
        self._fatal = fatal
        # Unbounded in type only: the ledger submits the next job when the last one was delivered.
        self._jobs: SimpleQueue[tuple[asyncio.AbstractEventLoop, Job] | None] = SimpleQueue()
        # A daemon thread: a process that ends without closing the ledger must not wait for it; the disk has the truth.
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def submit(self, job: Job) -> None:
        """Hand `job` to the thread."""
        if not self._thread.is_alive():
            self._thread.start()
        self._jobs.put((asyncio.get_running_loop(), job))

    def close(self) -> None:
        """End the thread and wait for its end: it has nothing left to do."""
        if self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join()

    def _work(self) -> None:
        while (item := self._jobs.get()) is not None:
            loop, job = item
            try:
                delivery = job()
            except BaseException as error:  # noqa: BLE001 - whatever it is, nobody else would see it in this thread
                self._fatal(error)
                continue
            try:
                loop.call_soon_threadsafe(delivery)
            except RuntimeError:  # the loop was closed meanwhile: committed, and nobody is left to be told
                continue
