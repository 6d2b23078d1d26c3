"""Alerts on their way to a real webhook: signed, at least once, in order, and never in the way of anything."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import anyio
import pytest

from syncd.clock import SystemClock
from syncd.config.settings import signing_key
from syncd.core.quantity import SECOND, Instant
from syncd.engine import alert_post
from syncd.engine.alert_post import AGE_US_MAX, TRIES_MAX, AlertPost
from syncd.errors import TransientError
from syncd.ledger import alerts, tenants
from syncd.ledger.alerts import SPACING_US, Alerts
from syncd.ledger.ledger import Ledger, open_ledger
from syncd.observability import events
from syncd.observability.log import make_log
from syncd.transport.session import make_session
from tests.engine.receiver import SECRET, Receiver


class Chance:
    """A seed."""

    def __init__(self) -> None:
        self._random = Random(7)

    def uniform(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def token(self, length_bytes: int) -> str:
        return self._random.randbytes(length_bytes).hex()


class Clock(SystemClock):
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


class Bench:
    """A ledger, a log and a post for one address."""

    def __init__(self, folder: Path, clock: Clock, session: aiohttp.ClientSession, url: str) -> None:
        self.clock = clock
        self.ledger: Ledger = open_ledger(folder, clock=clock)
        self.text = io.StringIO()
        self.alerts = Alerts([event.name for event in events.ALERTS])
        log = make_log(self.text, form="json", level="debug", clock=clock, secrets=[SECRET])
        self.post = AlertPost(url, signing_key(SECRET), self.alerts, self.ledger, session, clock, Chance(), log)

    def logged(self, event: events.Event) -> list[dict[str, Any]]:
        lines = map(json.loads, self.text.getvalue().splitlines())
        return [line for line in lines if line["event"] == event.name]

    async def note(self, event: events.Event, store: str = "us", **details: int) -> None:
        now = self.clock.now()
        await self.ledger.run(lambda connection: self.alerts.note(connection, event, "acme", store, now=now, **details))

    async def waiting(self) -> list[str]:
        return [each.event for each in await self.ledger.read(alerts.heads)]

    async def turns(self, count: int = 1, *, each_seconds: float = SPACING_US / SECOND) -> None:
        """So many turns, with time between them."""
        for _ in range(count):
            self.clock.move(each_seconds)
            await self.post.turn()


@asynccontextmanager
async def opened(folder: Path, url: str, clock: Clock | None = None) -> AsyncIterator[Bench]:
    session = make_session()
    bench = Bench(folder, clock or Clock(), session, url)
    try:
        await bench.ledger.run(lambda c: tenants.take_lease(c, "acme", "test", bench.clock.now()))
        yield bench
    finally:
        await session.close()
        await bench.ledger.close()


async def test_an_alert_arrives_once_signed_with_names_and_numbers_alone(tmp_path: Path) -> None:
    async with Receiver().open() as receiver, opened(tmp_path, receiver.url) as bench:
        await bench.note(events.QUARANTINE_GREW, entries=3)
        await bench.turns(3)
        [call] = receiver.calls
        assert call.genuine
        assert call.headers["content-type"] == "application/json"
        assert call.body["type"] == "quarantine.grew"
        assert call.body["data"] == {
            "tenant": "acme", "store": "us", "level": "error", "meaning": events.QUARANTINE_GREW.meaning, "ends": None,
            "times": 1, "entries": 3,
        }  # fmt: skip
        assert call.body["timestamp"].endswith("Z")
        assert await bench.waiting() == []
        assert not bench.text.getvalue()


async def test_each_try_has_the_same_id_and_body_and_a_signature_of_its_own(tmp_path: Path) -> None:
    async with Receiver().open() as receiver, opened(tmp_path, receiver.url) as bench:
        answers = iter([500, None, 408, 429, 503, 200])
        receiver.answer = lambda _: next(answers)
        await bench.note(events.QUARANTINE_GREW, entries=3)
        await bench.turns(8, each_seconds=3_700)
        assert [call.answered for call in receiver.calls] == [500, 0, 408, 429, 503, 200]
        assert all(call.genuine for call in receiver.calls)
        assert len({call.name for call in receiver.calls}) == 1
        assert len({json.dumps(call.body) for call in receiver.calls}) == 1
        assert len(bench.logged(events.ALERTS_UNREACHABLE)) == len(bench.logged(events.ALERTS_RECOVERED)) == 1


async def test_what_ends_or_grows_while_another_one_is_sent_is_sent_as_it_is_then(tmp_path: Path) -> None:
    async with Receiver().open() as receiver, opened(tmp_path, receiver.url) as bench:

        async def meanwhile() -> None:
            await bench.note(events.STORE_FRESH, "eu", behind_seconds=1)
            await bench.note(events.QUARANTINE_GREW, entries=2)

        receiver.meanwhile = meanwhile
        await bench.note(events.STORE_STALE, "us", behind_seconds=400)
        await bench.note(events.STORE_STALE, "eu", behind_seconds=400)
        await bench.note(events.QUARANTINE_GREW, entries=3)
        await bench.turns(3)
        told = [(call.body["type"], call.body["data"]["store"]) for call in receiver.calls]
        assert told == [("store.stale", "us"), ("quarantine.grew", "us")]
        data = receiver.calls[-1].body["data"]
        assert (data["entries"], data["times"]) == (5, 2)
        assert await bench.waiting() == []


async def test_what_is_added_to_an_alert_that_is_being_sent_is_told_by_the_next(tmp_path: Path) -> None:
    async with Receiver().open() as receiver, opened(tmp_path, receiver.url) as bench:

        async def meanwhile() -> None:
            await bench.note(events.QUARANTINE_GREW, entries=2)

        receiver.meanwhile = meanwhile
        await bench.note(events.QUARANTINE_GREW, entries=3)
        await bench.turns(3)
        assert [call.body["data"]["entries"] for call in receiver.calls] == [3, 2]


async def test_an_alert_survives_a_process_that_dies_with_the_alert_in_its_hand(tmp_path: Path) -> None:
    clock = Clock()
    async with Receiver().open() as receiver:
        async with opened(tmp_path, receiver.url, clock) as bench:
            receiver.answer = lambda _: None
            await bench.note(events.STORE_STALE, behind_seconds=400)
            await bench.turns()
            assert len(receiver.calls) == 1
            real = bench.ledger.run

            async def dies(unit: Any, **lane: Any) -> Any:
                if getattr(unit, "func", None) is alerts.end:
                    raise KeyboardInterrupt
                return await real(unit, **lane)

            receiver.answer = None
            bench.ledger.run = dies  # type: ignore[method-assign]
            with pytest.raises(KeyboardInterrupt):  # it has arrived, and nobody here knows
                await bench.turns(2, each_seconds=3_700)
        async with opened(tmp_path, receiver.url, clock) as bench:
            await bench.turns(2, each_seconds=3_700)
            assert await bench.waiting() == []
        assert [call.answered for call in receiver.calls] == [0, 204, 204]
        assert len({call.name for call in receiver.calls}) == 1, "so that the receiver can tell"


@pytest.mark.parametrize(
    ("status", "word"), [(400, "log"), (401, "secret"), (404, "alerts.url"), (410, "alerts.url"), (302, "redirects")]
)
async def test_a_refusal_is_final_and_told_and_keeps_no_other_from_arriving(
    tmp_path: Path, status: int, word: str
) -> None:
    async with Receiver().open() as receiver, opened(tmp_path, receiver.url) as bench:
        receiver.answer = lambda body: status if body["type"] == "store.stale" else 200
        receiver.headers = {"Location": receiver.url} if status == 302 else {}
        await bench.note(events.STORE_STALE, behind_seconds=400)
        await bench.note(events.QUARANTINE_GREW, entries=1)
        await bench.turns(3)
        assert [call.answered for call in receiver.calls] == [status, 200]
        [told] = bench.logged(events.ALERTS_GIVEN_UP)
        assert (told["tenant"], told["store"], told["alert"], told["tries"]) == ("acme", "us", "store.stale", 1)
        assert str(status) in told["reason"]
        assert word in told["hint"]
        assert not bench.logged(events.ALERTS_UNREACHABLE)


async def test_nobody_there_is_said_once_and_everything_arrives_in_order_when_somebody_is(tmp_path: Path) -> None:
    receiver = Receiver()
    async with receiver.open():
        port = int(receiver.url.rsplit(":", 1)[1].split("/")[0])
    async with opened(tmp_path, receiver.url) as bench:
        for store in ("us", "eu"):
            await bench.note(events.STORE_STALE, store, behind_seconds=400)
        await bench.turns(12)
        [told] = bench.logged(events.ALERTS_UNREACHABLE)
        assert "no connection" in told["reason"]
        for store in ("us", "eu"):
            await bench.note(events.STORE_FRESH, store, behind_seconds=1)
        async with receiver.open(port):
            await bench.turns(12, each_seconds=3_700)
        assert len(bench.logged(events.ALERTS_RECOVERED)) == 1
        for store in ("us", "eu"):
            arrived = [call.body["type"] for call in receiver.calls if call.body["data"]["store"] == store]
            assert arrived == ["store.stale", "store.fresh"]


async def test_an_alert_that_the_receiver_stumbles_over_does_not_make_it_unreachable(tmp_path: Path) -> None:
    async with Receiver().open() as receiver, opened(tmp_path, receiver.url) as bench:
        receiver.answer = lambda body: 500 if body["data"]["store"] == "us" else 204
        await bench.note(events.STORE_STALE, "us", behind_seconds=400)
        for n in range(TRIES_MAX + 2):
            await bench.note(events.STORE_STALE, f"other-{n}", behind_seconds=400)
            await bench.turns(2, each_seconds=3_700)
        assert [call.answered for call in receiver.calls].count(500) == TRIES_MAX
        assert await bench.waiting() == []
        assert [json.loads(line)["event"] for line in bench.text.getvalue().splitlines()] == ["alerts.given_up"]


async def test_a_receiver_that_fails_with_two_alerts_in_a_row_takes_none_and_that_is_said_once(tmp_path: Path) -> None:
    async with Receiver().open() as receiver, opened(tmp_path, receiver.url) as bench:
        receiver.status = 503
        for store in ("us", "eu"):
            await bench.note(events.STORE_STALE, store, behind_seconds=400)
        await bench.turns(30, each_seconds=3)
        assert len({call.name for call in receiver.calls}) == 2
        [told] = bench.logged(events.ALERTS_UNREACHABLE)
        assert told["reason"] == "503"
        receiver.status = 204
        await bench.turns(4, each_seconds=3_700)
        [recovered] = bench.logged(events.ALERTS_RECOVERED)
        assert recovered["after_seconds"] > 3_700, "since the first failure"
        assert await bench.waiting() == []


async def test_while_nothing_arrives_the_receiver_is_left_in_peace_between_two_tries(tmp_path: Path) -> None:
    async with Receiver().open() as receiver, opened(tmp_path, receiver.url) as bench:
        receiver.status = 503
        for n in range(50):
            await bench.note(events.STORE_STALE, f"store-{n}", behind_seconds=400)
        bench.clock.move(10)
        for _ in range(50):
            await bench.post.turn()
        assert len(receiver.calls) < 10


async def test_the_receivers_wish_for_a_pause_is_granted(tmp_path: Path) -> None:
    async with Receiver().open() as receiver, opened(tmp_path, receiver.url) as bench:
        receiver.status, receiver.headers = 429, {"Retry-After": "7200"}
        await bench.note(events.STORE_STALE, behind_seconds=400)
        await bench.turns(3)
        assert len(receiver.calls) == 1
        await bench.turns(1, each_seconds=7_200)
        assert len(receiver.calls) == 2


async def test_tries_come_to_an_end_and_that_is_told(tmp_path: Path) -> None:
    async with Receiver().open() as receiver, opened(tmp_path, receiver.url) as bench:
        receiver.status = 500
        await bench.note(events.STORE_STALE, behind_seconds=400)
        await bench.turns(TRIES_MAX + 5, each_seconds=3_700)
        assert len(receiver.calls) == TRIES_MAX
        [told] = bench.logged(events.ALERTS_GIVEN_UP)
        assert told["tries"] == TRIES_MAX
        assert await bench.waiting() == []


async def test_news_that_are_days_old_are_not_delivered_any_more(tmp_path: Path) -> None:
    async with Receiver().open() as receiver, opened(tmp_path, receiver.url) as bench:
        await bench.note(events.STORE_STALE, behind_seconds=400)
        await bench.turns(1, each_seconds=AGE_US_MAX / SECOND + 10)
        assert not receiver.calls
        assert len(bench.logged(events.ALERTS_GIVEN_UP)) == 1


async def test_what_the_receiver_says_is_bounded_and_goes_nowhere(tmp_path: Path) -> None:
    async with Receiver().open() as receiver, opened(tmp_path, receiver.url) as bench:
        receiver.status, receiver.text = 200, "<h1>" + SECRET + "x" * 5_000_000
        await bench.note(events.STORE_STALE, behind_seconds=400)
        await bench.turns(2)
        assert await bench.waiting() == []
        receiver.status = 400
        await bench.note(events.QUARANTINE_GREW, entries=1)
        await bench.turns(2)
        assert len(receiver.calls) == 2
        assert "whsec" not in bench.text.getvalue()
        assert "<h1>" not in bench.text.getvalue()


async def test_an_event_that_no_transaction_finds_is_noted_and_delivered_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "GATHER_US", 0)
    monkeypatch.setattr(alert_post, "LOOK_SECONDS", 0.05)
    async with Receiver().open() as receiver, opened(tmp_path, receiver.url) as bench:
        async with anyio.create_task_group() as group:
            group.start_soon(bench.post.run)
            bench.alerts.tell(events.WEBHOOK_DISABLED, "acme", "us", now=bench.clock.now())
            with anyio.fail_after(60):
                while not receiver.calls:  # noqa: ASYNC110 - a server in the same loop has it in its hand
                    await anyio.sleep(0.01)
            group.cancel_scope.cancel()
        assert receiver.calls[0].body["type"] == "webhook.disabled"
        assert not bench.alerts.news


async def test_with_nothing_to_deliver_nothing_is_written(tmp_path: Path) -> None:
    async with Receiver().open() as receiver, opened(tmp_path, receiver.url) as bench:
        before = bench.ledger.state().commits
        await bench.turns(5)
        assert bench.ledger.state().commits == before


async def test_a_ledger_that_takes_nothing_keeps_the_news(tmp_path: Path) -> None:
    async with Receiver().open() as receiver, opened(tmp_path, receiver.url) as bench:
        bench.alerts.tell(events.STORE_STALE, "acme", "us", now=bench.clock.now(), behind_seconds=3)
        await bench.ledger.close()
        with pytest.raises(TransientError):
            await bench.post.turn()
        assert len(bench.alerts.news) == 1


def test_a_restored_ledger_gives_an_id_to_one_alert_only() -> None:
    waiting = partial(
        alerts.Waiting, tenant="acme", id=7, store="us", event="store.stale", details="{}", times=1, tries=0,
        due=Instant(0),
    )  # fmt: skip
    names = {alert_post.name_of(waiting(since=Instant(at))) for at in (1, 2)}
    assert len(names) == 2
