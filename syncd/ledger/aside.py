"""Work beside the event loop that isn't the ledger's: files of sinks. It goes over a hop as the ledger's does, for the same reason."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import anyio

from syncd.ledger.hop import Delivery, Hop, InlineHop

T = TypeVar("T")


class HopAside:
    """`syncd.ports.sink.Aside` over a hop; without one, on the loop's own thread."""

    def __init__(self, hop: Hop | None = None) -> None:
        self._hop = hop if hop is not None else InlineHop()

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns; raises what it raises. Once submitted it is waited for, cancelled or not."""
        done = anyio.Event()
        results: list[T] = []
        errors: list[Exception] = []

        def deliver() -> None:
            done.set()

        def job() -> Delivery:
            try:
                results.append(work())
            except Exception as error:  # noqa: BLE001 - the caller gets it
                errors.append(error)
            return partial(deliver)

        self._hop.submit(job)
        try:
            await done.wait()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await done.wait()
            raise
        if errors:
            raise errors[0]
        return results[0]

    def close(self) -> None:
        """No further work. Called when none is under way."""
        self._hop.close()
