"""Events on their way to a sink: at least once, each stream in order, and never given up in silence."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.config.settings import signing_key
from syncd.core.quantity import SECOND
from syncd.errors import MisconfiguredError, RefusedError, StoreFault
from syncd.ledger import deliveries
from syncd.ledger.outbox import Subscription
from syncd.observability import events
from syncd.ports.sink import Delivery
from syncd.reconcile import sink_step
from syncd.reconcile.sink_step import DAY_US, REFUSALS_MAX, SinkOptions
from syncd.sinks.webhook import WebhookSink
from syncd.testing.fake_sink import FakeSink
from syncd.transport.session import make_session
from tests.engine.receiver import SECRET, Receiver
from tests.reconcile.sink_bench import Bench, HandClock, an_event


@asynccontextmanager
async def working(bench: Bench) -> AsyncIterator[Bench]:
    await bench.begin()
    try:
        yield bench
    finally:
        await bench.ledger.close()


@asynccontextmanager
async def webhook(folder: Path, **given: Any) -> AsyncIterator[tuple[Bench, Receiver]]:
    """A bench whose sink is a real webhook, and its receiver."""
    clock, receiver = HandClock(), Receiver()
    async with receiver.open(), make_session() as session:
        port = WebhookSink(receiver.url, signing_key(SECRET), session, clock)
        async with working(Bench(folder, port, clock=clock, **given)) as bench:
            yield bench, receiver


async def test_an_event_arrives_as_a_signed_cloud_event(tmp_path):
    async with webhook(tmp_path) as (bench, receiver):
        await bench.put(an_event("e1"))
        await bench.turns(3)
        [call] = receiver.calls
        assert call.genuine
        assert (call.name, call.headers["content-type"]) == ("e1", "application/cloudevents+json")
        sequence = call.body.pop("sequence")
        assert (len(sequence), sequence.isdigit()) == (19, True)
        assert call.body == {
            "specversion": "1.0", "id": "e1", "source": "/syncd/acme/us", "type": "syncd.order.changed",
            "subject": "orders/1001", "time": "2026-11-18T11:06:40.000000Z", "datacontenttype": "application/json",
            "partitionkey": "us/1001", "data": {"id": "us/1001", "n": "e1"},
        }  # fmt: skip
        assert await bench.backlog() == deliveries.Backlog()


async def test_personal_fields_come_with_whom_they_concern_where_they_were_asked_for(tmp_path):
    async with webhook(tmp_path, personal=True) as (bench, receiver):
        await bench.put(an_event("e1"))
        await bench.turns(3)
        body = receiver.calls[0].body
        assert (body["personal"], body["persons"]) == ("email", "key-of-ada")
        assert body["data"]["email"] == "ada@example.test"


async def test_what_is_not_allowed_any_more_is_not_sent_though_it_was_put_down_before(tmp_path):
    sink = FakeSink()
    async with working(Bench(tmp_path, sink, personal=True)) as bench:
        await bench.put(an_event("e1"))
        bench.step.subscription = Subscription("crm", bench.step.subscription.kinds)
        await bench.turns(3)
        assert [(each.data, each.personal, each.persons) for each in sink.taken] == [
            (b'{"id":"us/1001","n":"e1"}', (), ())
        ]


async def test_a_crash_between_arrival_and_its_note_sends_the_same_id_again(tmp_path, monkeypatch):
    def crash(*_given: object) -> None:
        raise KeyError("kill -9")

    sink = FakeSink()
    async with working(Bench(tmp_path, sink)) as bench:
        await bench.put(an_event("e1"), an_event("e2"))
        with monkeypatch.context() as patched:
            patched.setattr(deliveries, "arrived", crash)
            with pytest.raises(ExceptionGroup):
                await bench.turns(2)
    async with working(Bench(tmp_path, sink)) as bench:
        await bench.turns(5)
    assert [each.id for each in sink.taken] == ["e1", "e1", "e2"]
    assert len({each.seq for each in sink.taken if each.id == "e1"}) == 1


async def test_an_event_that_fails_holds_up_its_own_stream_alone(tmp_path):
    sink = FakeSink()
    sink.fails = lambda each: StoreFault("500") if each.stream == "us/1" else None
    async with working(Bench(tmp_path, sink)) as bench:
        await bench.put(*(an_event(f"{stream}-{k}", f"us/{stream}") for k in range(3) for stream in (1, 2, 3)))
        await bench.turns(6)
        assert [each.id for each in sink.taken] == ["2-0", "3-0", "2-1", "3-1", "2-2", "3-2"]
        sink.fails = lambda _each: None
        bench.clock.move(3_600.0)
        await bench.turns(6)
        assert [each.id for each in sink.taken][6:] == ["1-0", "1-1", "1-2"]


async def test_a_receiver_that_is_down_is_told_once_and_so_is_its_return(tmp_path):
    async with webhook(tmp_path) as (bench, receiver):
        receiver.status = 503
        await bench.put(*(an_event(f"e{k}", f"us/{k}") for k in range(20)))
        await bench.turns(60)
        assert len(bench.logged(events.SINK_UNREACHABLE)) == 1
        assert [news.event.name for news in bench.context.alerts.news] == ["sink.unreachable"]
        receiver.status = 200
        bench.clock.move(3_600.0)
        await bench.turns(20)
        assert len(bench.logged(events.SINK_RECOVERED)) == 1
        assert (await bench.backlog()).waiting == 0
        assert {call.name for call in receiver.calls if call.answered == 200} == {f"e{k}" for k in range(20)}


async def test_while_it_is_down_one_event_after_the_other_is_tried(tmp_path):
    at_once: list[int] = []
    running = 0

    class Down(FakeSink):
        async def deliver(self, events: Any) -> None:
            nonlocal running
            running += 1
            await anyio.lowlevel.checkpoint()
            at_once.append(running)
            running -= 1
            raise StoreFault("503")

    async with working(Bench(tmp_path, Down())) as bench:
        await bench.put(*(an_event(f"e{k}", f"us/{k}") for k in range(20)))
        await bench.turns(1)
        assert max(at_once) == 8
        at_once.clear()
        await bench.turns(30)
        assert set(at_once) == {1}


async def test_a_receiver_that_asks_for_a_pause_gets_it(tmp_path):
    async with webhook(tmp_path) as (bench, receiver):
        receiver.status, receiver.headers = 429, {"Retry-After": "120"}
        await bench.put(an_event("e1"), an_event("e2", "us/2"))
        await bench.step.run()
        asked = len(receiver.calls)
        bench.clock.move(110.0)
        await bench.step.run()
        assert len(receiver.calls) == asked
        receiver.status, receiver.headers = 200, {}
        bench.clock.move(20.0)
        await bench.turns(5)
        assert (await bench.backlog()).waiting == 0


async def test_an_event_that_is_refused_again_and_again_is_kept_and_its_stream_goes_on(tmp_path):
    async with webhook(tmp_path) as (bench, receiver):
        receiver.answer = lambda body: 422 if body["id"] == "e1" else 200
        await bench.put(an_event("e1"), an_event("e2"))
        for _ in range(REFUSALS_MAX):
            await bench.turns(2)
            bench.clock.move(3_600.0)
        await bench.turns(5)
        assert [call.name for call in receiver.calls] == ["e1"] * REFUSALS_MAX + ["e2"]
        [told] = bench.logged(events.SINK_REFUSED)
        assert (told["subject"], told["reason"]) == ("orders/1001", "the receiver says 422")
        assert await bench.backlog() == deliveries.Backlog(0, 1, 0)  # type: ignore[arg-type]
        receiver.answer = None
        now = bench.clock.now()
        assert await bench.ledger.run(lambda c: deliveries.try_refused_again(c, "acme", "crm", now, 10)) == 1
        await bench.turns(3)
        assert receiver.calls[-1].name == "e1"


@pytest.mark.parametrize("status", [301, 401, 404, 408, 500, 503])
async def test_what_speaks_of_the_receiver_gives_up_no_event(tmp_path, status):
    async with webhook(tmp_path) as (bench, receiver):
        receiver.status = status
        receiver.headers = {"Location": receiver.url}
        await bench.put(an_event("e1"))
        for _ in range(REFUSALS_MAX + 3):
            await bench.turns(2)
            bench.clock.move(3_600.0)
        assert await bench.backlog() == deliveries.Backlog(1, 0, (await bench.backlog()).oldest)
        assert {call.name for call in receiver.calls} == {"e1"}


async def test_a_receiver_that_is_gone_gets_nothing_more_and_that_is_told(tmp_path):
    async with webhook(tmp_path) as (bench, receiver):
        receiver.status = 410
        await bench.put(an_event("e1"), an_event("e2"))
        await bench.turns(20)
        assert len(receiver.calls) == 1
        assert len(bench.logged(events.SINK_STOPPED)) == 1
        assert (await bench.backlog()).waiting == 2


async def test_what_waits_for_too_long_goes_and_that_is_told(tmp_path):
    sink = FakeSink()
    sink.fails = lambda _each: StoreFault("503")
    async with working(Bench(tmp_path, sink)) as bench:
        await bench.put(an_event("e1"), an_event("e2"))
        bench.clock.move(7 * 86_400 + 100)
        await bench.put(an_event("e3"))
        await bench.turns(3)
        assert sum(line["too_old"] for line in bench.logged(events.SINK_DROPPED)) == 2
        sink.fails = lambda _each: None
        bench.clock.move(3_600.0)
        await bench.turns(5)
        assert [each.id for each in sink.taken] == ["e3"]


@pytest.mark.parametrize("error", [StoreFault("503"), MisconfiguredError("410")], ids=["down", "gone"])
async def test_no_more_waits_than_may_wait_and_the_oldest_go_first(tmp_path, error):
    sink = FakeSink()
    sink.fails = lambda _each: error
    async with working(Bench(tmp_path, sink, options=SinkOptions(7 * DAY_US, 10))) as bench:
        await bench.put(*(an_event(f"e{k}", f"us/{k}") for k in range(1_200)))
        bench.clock.move(61.0)
        await bench.turns(2)
        assert (await bench.backlog()).waiting == 10
        assert sum(line["too_many"] for line in bench.logged(events.SINK_DROPPED)) == 1_190
        left = await bench.ledger.read(lambda c: deliveries.first(c, "acme", "crm", 20))
        assert [row.id for row in left] == [f"e{k}" for k in range(1_190, 1_200)]


async def test_data_that_is_too_large_for_any_receiver_is_kept_and_not_sent(tmp_path, monkeypatch):
    monkeypatch.setattr(sink_step, "DATA_BYTES_MAX", 100)
    async with webhook(tmp_path) as (bench, receiver):
        await bench.put(an_event("e1", data={"text": "x" * 101}), an_event("e2"))
        await bench.turns(3)
        assert [call.name for call in receiver.calls] == ["e2"]
        assert (await bench.backlog()).refused == 1


async def test_in_shadow_mode_nothing_is_sent(tmp_path):
    sink = FakeSink()
    async with working(Bench(tmp_path, sink)) as bench:
        await bench.put(an_event("e1"))
        bench.context.mode = "shadow"
        await bench.turns(3)
        assert not sink.taken


async def test_an_idle_turn_writes_nothing(tmp_path):
    async with working(Bench(tmp_path, FakeSink())) as bench:
        await bench.turns(2)
        commits = bench.ledger.state().units
        await bench.turns(40)
        assert bench.ledger.state().units == commits


async def test_no_secret_and_no_persons_data_is_in_the_log(tmp_path):
    async with webhook(tmp_path, personal=True) as (bench, receiver):
        receiver.text = "ada@example.test"
        receiver.answer = lambda body: {"e1": 422, "e2": 500}.get(body["id"], 200)
        await bench.put(an_event("e1"), an_event("e2", "us/2"), an_event("e3", "us/3"))
        for _ in range(REFUSALS_MAX):
            await bench.turns(3)
            bench.clock.move(3_600.0)
        assert bench.logged(events.SINK_REFUSED)
        assert "ada@" not in bench.text.getvalue()
        assert SECRET not in bench.text.getvalue()


class Lossy(FakeSink):
    """A receiver over a bad line: a request may be lost, or its answer; or it says no for now. It tells what is new to it."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self.random = random
        self.calm = False
        self.known: set[str] = set()
        self.streams: dict[str, list[str]] = defaultdict(list)

    async def deliver(self, events: Any) -> None:
        for _ in range(self.random.randrange(3)):
            await anyio.lowlevel.checkpoint()
        fate = 1.0 if self.calm else self.random.random()
        if fate < 0.2:
            raise StoreFault("lost")
        [each] = events
        if 0.2 <= fate < 0.3:
            raise RefusedError("not now")
        if each.id not in self.known:
            self.known.add(each.id)
            self.streams[each.stream].append(each.id)
        for _ in range(self.random.randrange(3)):
            await anyio.lowlevel.checkpoint()
        if fate < 0.5:
            raise StoreFault("its answer is lost")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    puts=st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=6), min_size=1, max_size=6),
    crashes=st.sets(st.integers(0, 5), max_size=3),
)
def test_who_tells_ids_apart_sees_each_stream_whole_and_in_order_whatever_is_lost(
    tmp_path_factory, monkeypatch, seed, puts, crashes
):
    monkeypatch.setattr(sink_step, "REFUSALS_MAX", 10**6)
    sink = Lossy(Random(seed))
    wanted: dict[str, list[str]] = defaultdict(list)
    folder = tmp_path_factory.mktemp("lossy")

    async def life(number: int, some: list[int], *, crash: bool) -> None:
        async with working(Bench(folder, sink)) as bench:
            happened = []
            for k, stream in enumerate(some):
                happened.append(an_event(f"{number}-{k}", f"us/{stream}"))
                wanted[f"us/{stream}"].append(f"{number}-{k}")
            await bench.put(*happened)
            if crash:  # a unit that was begun is committed, whoever asked for it is gone
                with anyio.move_on_after(sink.random.uniform(0.0, 0.02)):
                    await bench.turns(8)
            else:
                await bench.turns(8)

    async def story() -> None:
        for number, some in enumerate(puts):
            await life(number, some, crash=number in crashes)
        sink.calm = True
        async with working(Bench(folder, sink)) as bench:
            bench.clock.move(86_400.0)
            await bench.turns(60)
            assert await bench.backlog() == deliveries.Backlog()

    anyio.run(story)
    assert dict(sink.streams) == dict(wanted)


def test_an_event_without_personal_fields_names_nobody(tmp_path):
    async def story() -> list[Delivery]:
        sink = FakeSink()
        async with working(Bench(tmp_path, sink, personal=True)) as bench:
            await bench.put(an_event("e1", data={"id": "1"}))
            await bench.turns(3)
        return sink.taken

    assert [(each.persons, json.loads(each.data)) for each in anyio.run(story)] == [((), {"id": "1"})]


def test_seconds_are_seconds():
    assert DAY_US == 86_400 * SECOND
