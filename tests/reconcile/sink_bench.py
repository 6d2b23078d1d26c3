"""A ledger, a tenant's context and one sink's step, with a clock that a hand moves on."""

from __future__ import annotations

import io
import json
from pathlib import Path
from random import Random
from typing import Any, cast

from syncd.clock import SystemClock
from syncd.core.quantity import SECOND, Instant
from syncd.ledger import deliveries, tenants
from syncd.ledger.alerts import Alerts
from syncd.ledger.deliveries import Backlog
from syncd.ledger.hop import Hop
from syncd.ledger.ledger import open_ledger
from syncd.ledger.outbox import Event, Outbox, Subscription
from syncd.observability import events
from syncd.observability.log import make_log
from syncd.ports.erp import Erp
from syncd.ports.sink import Sink
from syncd.reconcile.context import TenantContext
from syncd.reconcile.sink_step import SinkOptions, SinkStep
from tests.engine.receiver import SECRET

EVERYTHING = frozenset({"order.changed", "order.placed", "cart.changed"})


class Chance:
    """A seed."""

    def __init__(self, seed: int = 7) -> None:
        self._random = Random(seed)

    def uniform(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def token(self, length_bytes: int) -> str:
        return self._random.randbytes(length_bytes).hex()


class HandClock(SystemClock):
    """The machine's, and a hand that moves it on. Nothing waits for real."""

    def __init__(self) -> None:
        super().__init__()
        self.moved_us = 0

    def now(self) -> Instant:
        return Instant(super().now() + self.moved_us)

    def monotonic(self) -> float:
        return super().monotonic() + self.moved_us / SECOND

    def move(self, by_seconds: float) -> None:
        self.moved_us += int(by_seconds * SECOND)


def an_event(name: str, stream: str = "us/1001", *, data: object = None, kind: str = "order.changed") -> Event:
    document = {"id": stream, "n": name, "email": "ada@example.test"} if data is None else data
    at = Instant(1_795_000_000 * SECOND)
    subject = f"orders/{stream.rpartition('/')[2]}"
    return Event(name, kind, "us", stream, subject, at, json.dumps(document).encode(), ("email",), ("key-of-ada",))


class Bench:
    """One life; `again` is the next one, on the same ledger file."""

    def __init__(
        self, folder: Path, port: Sink, *, options: SinkOptions | None = None, clock: HandClock | None = None,
        personal: bool = False, hop: Hop | None = None,
    ) -> None:  # fmt: skip
        self.folder, self.clock = folder, clock or HandClock()
        self.ledger = open_ledger(folder, clock=self.clock, hop=hop)
        self.text = io.StringIO()
        log = make_log(self.text, form="json", level="debug", clock=self.clock, secrets=[SECRET])
        subscription = Subscription("crm", EVERYTHING, personal=personal)
        self.context = TenantContext(
            tenant="acme", mode="live", epoch=0, ledger=self.ledger, clock=self.clock, chance=Chance(), log=log,
            erp=cast("Erp", None), erp_location="main", outbox=Outbox("acme", [subscription]),
            alerts=Alerts([event.name for event in events.ALERTS]),
        )  # fmt: skip
        self.step = SinkStep(self.context, subscription, port, options or SinkOptions())

    async def begin(self) -> None:
        self.context.epoch = await self.ledger.run(lambda c: tenants.take_lease(c, "acme", "test", self.clock.now()))

    async def put(self, *happened: Event) -> int:
        now = self.clock.now()
        return await self.ledger.run(lambda c: self.context.outbox.put(c, happened, now))

    async def turns(self, count: int = 50) -> None:
        """So many turns of the step, each when it is due."""
        for _ in range(count):
            self.clock.move(await self.step.run())

    async def backlog(self) -> Backlog:
        return (await self.ledger.read(lambda c: deliveries.backlogs(c, "acme"))).get("crm", Backlog())

    def logged(self, event: events.Event) -> list[dict[str, Any]]:
        lines = map(json.loads, self.text.getvalue().splitlines())
        return [line for line in lines if line["event"] == event.name]
