"""The queue of alerts: what is found together is told together, the end after the beginning, and it stays small."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from syncd.core.quantity import SECOND, Instant
from syncd.ledger import alerts, migrate, tenants
from syncd.ledger.alerts import GATHER_US, GIVEN_UP, SENT, SPACING_US, Alerts, Waiting
from syncd.ledger.connection import ledger_path, write_engine
from syncd.observability import events
from syncd.observability.events import ALERT_ENDS, ALERTS, Event

NOON = 1_764_072_000 * SECOND


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    engine: Engine = write_engine(ledger_path(tmp_path))
    migrate.upgrade(engine)
    with engine.begin() as one:
        for tenant in ("acme", "beta"):
            tenants.take_lease(one, tenant, "test", Instant(NOON))
        yield one


def wanted() -> Alerts:
    return Alerts([event.name for event in ALERTS])


class Hand:
    """Notes alerts of one store, some seconds after noon."""

    def __init__(self, connection: Connection, tenant: str = "acme", store: str = "us") -> None:
        self.connection, self.tenant, self.store = connection, tenant, store

    def note(self, event: Event, at: float = 0, **details: int) -> None:
        now = Instant(NOON + int(at * SECOND))
        wanted().note(self.connection, event, self.tenant, self.store, now=now, **details)

    def waiting(self) -> list[Waiting]:
        return alerts.heads(self.connection)

    def deliver(self, at: float = 0) -> str:
        """The first one is sent, and arrives."""
        head = self.waiting()[0]
        alerts.begin_try(self.connection, head, Instant(NOON))
        alerts.end(self.connection, head, SENT, Instant(NOON + int(at * SECOND)))
        return head.event


def test_what_is_not_wanted_is_not_noted(connection: Connection) -> None:
    for some in (Alerts(), Alerts(["store.stale"])):
        some.note(connection, events.QUARANTINE_GREW, "acme", "us", now=Instant(NOON), entries=1)
    assert Hand(connection).waiting() == []


def test_a_burst_becomes_one_alert_with_the_sum(connection: Connection) -> None:
    hand = Hand(connection)
    for n in range(500):
        hand.note(events.QUARANTINE_GREW, n / 1_000, entries=2)
    [one] = hand.waiting()
    assert (json.loads(one.details), one.times, one.since) == ({"entries": 1_000}, 500, NOON)
    assert one.due == NOON + GATHER_US


def test_one_that_may_have_arrived_is_not_changed_any_more(connection: Connection) -> None:
    hand = Hand(connection)
    hand.note(events.QUARANTINE_GREW, entries=1)
    [first] = hand.waiting()
    alerts.begin_try(connection, first, Instant(NOON))
    for _ in range(3):
        hand.note(events.QUARANTINE_GREW, entries=5)
    [head] = hand.waiting()
    assert (head.id, head.details, head.tries) == (first.id, first.details, 1)
    alerts.end(connection, head, SENT, Instant(NOON))
    [second] = hand.waiting()
    assert json.loads(second.details) == {"entries": 15}


def test_a_try_begins_with_what_the_alert_has_become(connection: Connection) -> None:
    hand = Hand(connection)
    hand.note(events.QUARANTINE_GREW, entries=3)
    hand.note(events.STORE_STALE)
    grew, stale = sorted(hand.waiting(), key=lambda each: each.event)
    hand.note(events.QUARANTINE_GREW, entries=2)
    hand.note(events.STORE_FRESH)
    begun = alerts.begin_try(connection, grew, Instant(NOON + SECOND))
    assert begun is not None
    assert (json.loads(begun.details), begun.times, begun.tries) == ({"entries": 5}, 2, 1)
    assert [begun] == hand.waiting()
    assert alerts.begin_try(connection, stale, Instant(NOON)) is None, "its end has taken it away"
    assert alerts.begin_try(connection, grew, Instant(NOON)) is None, "it is tried already"
    alerts.end(connection, begun, SENT, Instant(NOON))
    assert alerts.begin_try(connection, begun, Instant(NOON)) is None, "it has arrived"


def test_stores_and_tenants_have_alerts_of_their_own(connection: Connection) -> None:
    for tenant, store in (("acme", "us"), ("acme", "eu"), ("beta", "us")):
        Hand(connection, tenant, store).note(events.STORE_STALE)
    assert len(alerts.heads(connection)) == 3
    assert alerts.count_waiting(connection, "acme") == 2


@pytest.mark.parametrize(("end", "begin"), ALERT_ENDS.items())
def test_an_end_is_told_after_its_beginning_and_only_to_whoever_heard_of_that(
    connection: Connection, end: str, begin: str
) -> None:
    hand = Hand(connection)
    named = {event.name: event for event in ALERTS}
    hand.note(named[end])
    assert hand.waiting() == [], "nobody has heard of a beginning"
    hand.note(named[begin])
    hand.note(named[end], 1)
    assert hand.waiting() == [], "it was over before anybody could be told"
    hand.note(named[begin], 2)
    alerts.begin_try(connection, hand.waiting()[0], Instant(NOON))
    hand.note(named[end], 3)
    assert [each.event for each in hand.waiting()] == [begin], "it may have arrived, or may not: it is repeated first"
    assert hand.deliver() == begin
    assert hand.deliver() == end
    hand.note(named[end], 4)
    assert hand.waiting() == [], "it was told"


@pytest.mark.parametrize(("end", "begin"), ALERT_ENDS.items())
def test_an_end_is_told_although_the_next_process_was_about_to_tell_the_beginning_again(
    connection: Connection, end: str, begin: str
) -> None:
    hand = Hand(connection)
    named = {event.name: event for event in ALERTS}
    hand.note(named[begin])
    assert hand.deliver() == begin
    hand.note(named[begin], 1)
    hand.note(named[end], 2)
    assert [each.event for each in hand.waiting()] == [end]
    hand.note(named[begin], 3)
    assert hand.waiting() == [], "as it was told"
    hand.note(named[end], 4)
    assert hand.deliver() == end


@pytest.mark.parametrize(("end", "begin"), ALERT_ENDS.items())
def test_the_end_of_what_was_given_up_is_told_to_nobody(connection: Connection, end: str, begin: str) -> None:
    hand = Hand(connection)
    named = {event.name: event for event in ALERTS}

    def give_up() -> None:
        head = hand.waiting()[0]
        if not head.tries:
            alerts.begin_try(connection, head, Instant(NOON))
        alerts.end(connection, head, GIVEN_UP, Instant(NOON))

    hand.note(named[begin])
    give_up()
    hand.note(named[end], 1)
    assert hand.waiting() == [], "it ends after that"
    hand.note(named[begin], 2)
    alerts.begin_try(connection, hand.waiting()[0], Instant(NOON))
    hand.note(named[end], 3)
    give_up()
    assert hand.waiting() == [], "it ended before that"
    hand.note(named[begin], 4)
    alerts.begin_try(connection, hand.waiting()[0], Instant(NOON))
    hand.note(named[begin], 4)
    give_up()
    assert hand.deliver() == begin
    hand.note(named[end], 5)
    give_up()
    hand.note(named[end], 6)
    assert hand.deliver() == end, "an end that was given up may be told when it is found anew"
    hand.note(named[begin], 7)
    assert hand.deliver() == begin
    hand.note(named[begin], 8)
    alerts.begin_try(connection, hand.waiting()[0], Instant(NOON))
    hand.note(named[end], 9)
    give_up()
    assert hand.deliver() == end, "the beginning was sent before, by another process"


def test_however_often_a_store_comes_and_goes_the_queue_stays_small(connection: Connection) -> None:
    hand = Hand(connection)
    for n in range(300):
        hand.note(events.STORE_STALE if n % 2 == 0 else events.STORE_FRESH, n)
        if n == 100:
            alerts.begin_try(connection, hand.waiting()[0], Instant(NOON))
        assert alerts.count_waiting(connection, "acme") <= 2


def test_two_alerts_of_one_subject_have_a_distance(connection: Connection) -> None:
    hand = Hand(connection)
    hand.note(events.STORE_STALE)
    hand.deliver(at=10)
    hand.note(events.STORE_FRESH, 11)
    hand.note(events.DRIFT_UNEXPLAINED, 11, items=1)
    due = {each.event: each.due for each in hand.waiting()}
    assert due["store.fresh"] == NOON + 10 * SECOND + SPACING_US
    assert due["drift.unexplained"] == NOON + 11 * SECOND + GATHER_US


def test_what_was_delivered_is_forgotten_after_a_while(connection: Connection) -> None:
    hand = Hand(connection)
    hand.note(events.STORE_STALE)
    hand.deliver(at=10)
    hand.note(events.QUARANTINE_GREW, 20, entries=1)
    assert alerts.forget(connection, Instant(NOON + 10 * SECOND)) == 0
    assert alerts.forget(connection, Instant(NOON + 11 * SECOND)) == 1
    assert [each.event for each in hand.waiting()] == ["quarantine.grew"]


def test_what_is_only_told_is_bounded_and_rings() -> None:
    some, rung = wanted(), []
    some.ring = lambda: rung.append(1)
    for _ in range(alerts.NEWS_MAX + 5):
        some.tell(events.STORE_STALE, "acme", "us", now=Instant(NOON), behind_seconds=9)
    some.tell(events.STORE_BRAKE, "acme", "us", now=Instant(NOON))
    assert len(some.news) == len(rung) == alerts.NEWS_MAX
