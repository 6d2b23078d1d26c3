"""Delivers alerts to the one webhook that syncd.toml names, until each has arrived or is given up. Nothing waits for it.

At least once: that an alert is tried is on disk before it is sent, and each try has the same id. While the other side
doesn't answer, one alert after the other is tried at growing intervals, each for some hours, across restarts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Final

import aiohttp
import msgspec

from syncd.core import backoff
from syncd.core.quantity import SECOND, Instant, microseconds, seconds
from syncd.errors import StoreFault, TransientError
from syncd.ledger import alerts
from syncd.ledger.alerts import Alerts, Waiting
from syncd.ledger.ledger import Ledger
from syncd.observability import events
from syncd.observability.events import Event
from syncd.observability.log import Log, iso
from syncd.ports.clock import Chance, Clock
from syncd.reconcile.context import Bell
from syncd.transport.deliver import deliver, sign

LOOK_SECONDS: Final = 5.0  # for alerts that were noted in a transaction; a look into the ledger, nothing is written
BUG_SECONDS: Final = 300.0
TRIES_MAX: Final = 24  # with RETRIES some seven hours in the middle, fourteen at most
RETRIES: Final = backoff.Backoff(microseconds(5.0), microseconds(3_600.0))
REST: Final = backoff.Backoff(microseconds(1.0), microseconds(60.0))  # between any two tries while nothing arrives
AGE_US_MAX: Final = 3 * 86_400 * SECOND  # older news mislead
KEEP_US: Final = 30 * 86_400 * SECOND  # what was delivered: an end is told to whoever has heard of the beginning
TRY_US: Final = 60 * SECOND  # a try that ended with its process is repeated after this
TRY_AGAIN: Final = frozenset({408, 429})  # of the 4xx
KINDS: Final = {event.name: event for event in events.ALERTS}


@dataclass(slots=True)
class AlertPost:
    """One destination. `key` signs."""

    url: str
    key: bytes
    alerts: Alerts
    ledger: Ledger
    session: aiohttp.ClientSession
    clock: Clock
    chance: Chance
    log: Log
    bell: Bell = field(default_factory=Bell)
    failures: int = 0  # in a row, of whatever alert
    failing_since: float = 0.0
    failing: str = ""  # the last one of these failures
    told: bool = False  # that nothing arrives
    rest_until: float = 0.0

    async def run(self) -> None:
        """Until cancelled. Trouble with the ledger passes, and `ledger.unwritable` tells of it; a bug here stops nobody."""
        self.alerts.ring = self.bell.ring
        while True:
            try:
                wait = await self.turn()
            except TransientError:
                wait = LOOK_SECONDS
            except Exception as error:  # noqa: BLE001 - alerts are not worth a shop's levels
                self.log.bug(error)
                wait = BUG_SECONDS
            await self.bell.wait(self.clock, wait)

    async def turn(self) -> float:
        """Note what is new, deliver what is due. Returns the seconds until there may be more to do."""
        told = list(self.alerts.news)
        if told:
            await self.ledger.run(partial(self.alerts.note_news, news=told))
            for _ in told:
                self.alerts.news.popleft()
        rest_seconds = self.rest_until - self.clock.monotonic()
        if rest_seconds > 0:
            return rest_seconds
        now = self.clock.now()
        due = [each for each in await self.ledger.read(alerts.heads) if each.due <= now]
        for each in due:
            if not await self._try(each):
                rest_us = backoff.jittered_wait(REST, self.failures, self.chance.uniform(0.0, 1.0))
                self.rest_until = self.clock.monotonic() + seconds(rest_us)
                return seconds(rest_us)
        if due:
            await self.ledger.run(partial(alerts.forget, before=Instant(now - KEEP_US)))
        return 0.0 if due else LOOK_SECONDS

    async def _try(self, waiting: Waiting) -> bool:
        """One try. Returns whether the other side answers as it should, whatever it says to this alert."""
        now = self.clock.now()
        if waiting.tries >= TRIES_MAX or now - waiting.since > AGE_US_MAX:
            hint = "look at alerts.unreachable, and at the receiver"
            await self._give_up(waiting, "it was tried for too long", hint)
            return True
        begun = await self.ledger.run(partial(alerts.begin_try, tried=waiting, due=Instant(now + TRY_US)))
        return begun is None or await self._send(begun)

    async def _send(self, waiting: Waiting) -> bool:
        body = body_of(waiting)
        headers = sign(self.key, name_of(waiting), body, self.clock.wall())
        try:
            told = await deliver(self.session, self.url, body, headers, self.clock.wall())
        except StoreFault as error:
            self._failed(waiting, str(error), error.hint, answered=False)
            await self._later(waiting, 0)
            return False
        if told.status in TRY_AGAIN or told.status >= 500:
            self._failed(waiting, f"{told.status}", "look at the receiver's own log", answered=True)
            await self._later(waiting, told.wait_us)
            return False
        self._answered()
        if told.status < 300:
            await self.ledger.run(partial(alerts.end, tried=waiting, state=alerts.SENT, now=self.clock.now()))
        else:
            await self._give_up(waiting, f"the receiver says {told.status}", _hint(told.status))
        return True

    def _failed(self, waiting: Waiting, reason: str, hint: str, *, answered: bool) -> None:
        """Tell that nothing arrives, once; not where the receiver answers, and may dislike this alert alone."""
        self.failures += 1
        if self.failures == 1:
            self.failing_since = self.clock.monotonic()
        name = name_of(waiting)
        if not self.told and (not answered or self.failing not in {"", name}):
            self.told = True
            self.log.emit(events.ALERTS_UNREACHABLE, reason=reason, hint=hint)
        self.failing = name

    async def _later(self, waiting: Waiting, asked_us: int) -> None:
        drawn_us = backoff.jittered_wait(RETRIES, waiting.tries, self.chance.uniform(0.0, 1.0))
        due = Instant(self.clock.now() + max(drawn_us, asked_us))
        await self.ledger.run(partial(alerts.try_later, tried=waiting, due=due))

    def _answered(self) -> None:
        if self.told:
            after = round(self.clock.monotonic() - self.failing_since, 1)
            self.log.emit(events.ALERTS_RECOVERED, after_seconds=after)
        self.failures, self.failing, self.told = 0, "", False

    async def _give_up(self, waiting: Waiting, reason: str, hint: str) -> None:
        await self.ledger.run(partial(alerts.end, tried=waiting, state=alerts.GIVEN_UP, now=self.clock.now()))
        self.log.emit(
            events.ALERTS_GIVEN_UP, tenant=waiting.tenant, store=waiting.store, alert=waiting.event,
            id=name_of(waiting), tries=waiting.tries, reason=reason, hint=hint,
        )  # fmt: skip


def name_of(waiting: Waiting) -> str:
    """Its id, the same for each try. With its instant: a ledger that was put back from a backup gives numbers again."""
    return f"syncd_{waiting.tenant}_{waiting.id}_{waiting.since}"


def body_of(waiting: Waiting) -> bytes:
    """What is sent: names that the configuration has, numbers, and the sentence of the manual. No word from outside."""
    event: Event = KINDS[waiting.event]
    details = msgspec.json.decode(waiting.details, type=alerts.Details)
    return msgspec.json.encode(
        {
            "type": waiting.event,
            "timestamp": iso(waiting.since),
            "data": {
                "tenant": waiting.tenant, "store": waiting.store, "level": event.level, "meaning": event.meaning,
                "ends": events.ALERT_ENDS.get(waiting.event), "times": waiting.times, **details,
            },
        }
    )  # fmt: skip


def _hint(status: int) -> str:
    if status < 400:
        return "redirects are not followed: make alerts.url the final address"
    if status in {401, 403}:
        return "has the receiver the same secret, and does its clock go right?"
    if status in {404, 410}:
        return "nobody takes alerts there any more: change alerts.url, or remove [alerts]"
    return "look at the receiver's own log"
