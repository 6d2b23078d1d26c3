"""Events put down for sinks: in the transaction in which they happen, each once for each sink that gets it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection, select

from syncd.core.quantity import NEVER, Instant
from syncd.errors import BugError
from syncd.ledger import deliveries, migrate, outbox, tenants
from syncd.ledger.connection import ledger_path, write_engine
from syncd.ledger.outbox import Event, Outbox, Subscription
from syncd.ledger.schema_outbox import outbox as table
from syncd.ledger.schema_outbox import sink

NOW = Instant(1_800_000_000_000_000)
DATA = b'{"id":"1001","email":"ada@example.test","lines":[{"sku":"A"}]}'
CRM = Subscription("crm", frozenset({"order.placed", "order.changed"}), personal=True)
LAKE = Subscription("lake", frozenset({"order.changed"}), fields=frozenset({"id"}))
DE = Subscription("de", frozenset({"order.changed"}), stores=frozenset({"de"}))


def an_event(name: str = "1", kind: str = "order.changed", *, store: str = "us", stream: str = "us/1001") -> Event:
    return Event(name, kind, store, stream, "orders/1001", NOW, DATA, ("email",), ("key-of-ada",))


@pytest.fixture
def connection(folder: Path):
    engine = write_engine(ledger_path(folder))
    migrate.upgrade(engine)
    with engine.connect() as connection, connection.begin():
        tenants.take_lease(connection, "acme", "test", NOW)
        yield connection
    engine.dispose()


def rows(connection: Connection, *columns: str) -> list[tuple[object, ...]]:
    wanted = [table.c[name] for name in columns]
    return [tuple(row) for row in connection.execute(select(*wanted).order_by(table.c.sink, table.c.seq))]


def test_each_sink_gets_what_it_wants_with_the_fields_that_it_wants(connection):
    box = Outbox("acme", [CRM, LAKE, DE])
    assert box.put(connection, [an_event("1", "order.placed"), an_event("2")], NOW) == 3
    assert rows(connection, "sink", "id", "data", "personal") == [
        ("crm", "1", DATA, '["email"]'),
        ("crm", "2", DATA, '["email"]'),
        ("lake", "2", b'{"id":"1001"}', "[]"),
    ]
    assert connection.execute(select(sink.c.sink)).scalars().all() == ["crm"], "only it holds something personal"


def test_the_same_happening_is_put_down_once(connection):
    box = Outbox("acme", [CRM])
    assert [box.put(connection, [an_event()], NOW), box.put(connection, [an_event()], NOW)] == [1, 0]


def test_the_second_of_a_stream_waits_behind_the_first_and_other_streams_do_not(connection):
    box = Outbox("acme", [CRM, LAKE])
    box.put(connection, [an_event("1"), an_event("2"), an_event("3", stream="us/1002")], NOW)
    assert rows(connection, "sink", "id", "due") == [
        *[("crm", "1", NOW), ("crm", "2", NEVER), ("crm", "3", NOW)],
        *[("lake", "1", NOW), ("lake", "2", NEVER), ("lake", "3", NOW)],
    ]


def test_without_sinks_nothing_is_kept(connection):
    box = Outbox()
    assert not box.wants("order.changed")
    assert box.put(connection, [an_event()], NOW) == 0
    assert rows(connection, "id") == []


def test_somebody_has_to_make_only_the_events_that_a_sink_wants():
    box = Outbox("acme", [LAKE])
    assert [box.wants("order.changed"), box.wants("cart.created")] == [True, False]


@pytest.mark.parametrize(
    "wrong", [{"data": b"not json"}, {"id": ""}, {"stream": ""}], ids=["no JSON", "no id", "no stream"]
)
def test_what_is_no_event_is_refused(connection, wrong):
    with pytest.raises(BugError):
        Outbox("acme", [CRM]).put(connection, [msgspec.structs.replace(an_event(), **wrong)], NOW)


def test_a_person_is_known_by_e_mail_and_by_number_and_only_with_the_tenants_secret(connection):
    secret = outbox.read_secret(connection, "acme", "ab" * 32)
    assert secret == outbox.read_secret(connection, "acme", "cd" * 32) == bytes.fromhex("ab" * 32)
    box = Outbox("acme", secret=secret)
    both = box.persons(email=" Ada@Example.test ", store="us", customer="7")
    assert both == (*box.persons(email="ada@example.test"), *box.persons(store="us", customer="7"))
    assert box.persons(email="", store="us", customer="0") == (), "a guest without e-mail is nobody"
    assert box.persons(store="de", customer="7") != both[1:]
    assert Outbox("other", secret=b"other").persons(email="ada@example.test") != both[:1]


def test_one_that_was_under_way_when_an_earlier_one_came_back_waits_behind_it(connection):
    """`sinks retry` while the second is being sent, and fails: the first goes first, however often it is tried."""
    Outbox("acme", [CRM]).put(connection, [an_event("1"), an_event("2")], NOW)
    [first] = deliveries.heads(connection, "acme", "crm", NOW, 10)
    deliveries.refuse(connection, "acme", "crm", first, "422", NOW)
    [second] = deliveries.heads(connection, "acme", "crm", NOW, 10)
    assert second.id == "2"
    deliveries.try_refused_again(connection, "acme", "crm", NOW, 10)
    deliveries.try_later(connection, "acme", "crm", second, Instant(NOW + 1), refused=False)
    assert [row.id for row in deliveries.heads(connection, "acme", "crm", Instant(NOW + 9), 10)] == ["1"]
    deliveries.arrived(connection, "acme", "crm", [first], Instant(NOW + 9))
    assert [row.id for row in deliveries.heads(connection, "acme", "crm", Instant(NOW + 9), 10)] == ["2"]
