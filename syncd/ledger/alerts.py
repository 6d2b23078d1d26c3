"""Alerts: what a person should know, until it has been delivered. A queue that outlives the process.

An alert about something that the ledger holds (quarantine, drift) is noted in the transaction that found it; one about
something that is only seen while syncd runs (a store that is behind, that doesn't call) is noted soon after, and found anew
by the next process if this one dies.

Each alert has a subject: the event that begins it and, where there is one, the event that ends it. Of one subject of one
store at most two wait. While an alert hasn't been tried, further ones like it are added to it, and its end takes it away:
nobody has to hear of what began and ended while nobody could be told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, insert, select, update

from syncd.core.quantity import LONG_AGO, SECOND, Instant
from syncd.ledger.schema import alert
from syncd.ledger.tenants import take_numbers
from syncd.observability.events import ALERT_ENDS, Event

WAITING, SENT, GIVEN_UP = "waiting", "sent", "given_up"
HEADS_MAX: Final = 500  # looked at in one go
ENDED_MAX: Final = 200  # deleted in one go
GATHER_US: Final = 2 * SECOND  # before the first try: what is found together is told together
NEWS_MAX: Final = 1_000  # told and not noted: while the ledger takes nothing they would pile up
SPACING_US: Final = 60 * SECOND  # between two alerts of one subject of one store, however often it comes and goes
ADDED: Final = frozenset(
    {"entries", "items", "events"}
)  # numbers of which the sum is the news; of others the latest is

Details = dict[str, int]


class Waiting(msgspec.Struct, frozen=True):
    """An alert to be delivered. `times`: how many times it was found before it was first tried."""

    tenant: str
    id: int
    store: str
    event: str
    since: Instant
    details: str
    times: int
    tries: int
    due: Instant


_OF_SUBJECT = (
    select(alert.c.id, alert.c.event, alert.c.tries, alert.c.times, alert.c.details)
    .where(
        alert.c.tenant == bindparam("of"), alert.c.store == bindparam("at"), alert.c.subject == bindparam("about"),
        alert.c.state == WAITING,
    )
    .order_by(alert.c.id.desc())
    .limit(1)
)  # fmt: skip
_COLUMNS = tuple(alert.c[name] for name in Waiting.__struct_fields__)
_HEADS = (
    select(*_COLUMNS, alert.c.subject)
    .where(alert.c.state == WAITING)
    .order_by(alert.c.since, alert.c.tenant, alert.c.id)
    .limit(HEADS_MAX)
)


class News(NamedTuple):
    """An event on its way to the ledger."""

    event: Event
    tenant: str
    store: str
    at: Instant
    details: Details


class Alerts:
    """Which events are alerts here; none by default. What was noted is delivered by `engine/alert_post.py`."""

    def __init__(self, wanted: Collection[str] = ()) -> None:
        self.wanted = frozenset(wanted)
        self.news: deque[News] = deque()  # told, and not noted yet
        self.ring: Callable[[], None] = lambda: None

    def tell(self, event: Event, tenant: str, store: str, *, now: Instant, **details: int) -> None:
        """Take an event that no transaction has found: it is noted soon. On the event loop."""
        if event.name in self.wanted and len(self.news) < NEWS_MAX:
            self.news.append(News(event, tenant, store, now, details))
            self.ring()

    def note_news(self, connection: Connection, news: Iterable[News]) -> None:
        """Note what was told."""
        for each in news:
            self.note(connection, each.event, each.tenant, each.store, now=each.at, **each.details)

    def note(
        self, connection: Connection, event: Event, tenant: str, store: str, *, now: Instant,
        **details: int,
    ) -> None:  # fmt: skip
        """Note an event, in the caller's transaction, if it is wanted. `details` hold numbers, and no word from outside."""
        if event.name not in self.wanted:
            return
        subject = ALERT_ENDS.get(event.name, event.name)
        if event.name in ALERT_ENDS and _last_event(connection, tenant, store, subject) in {"", event.name}:
            return  # nobody has heard of a beginning
        last = connection.execute(_OF_SUBJECT, {"of": tenant, "at": store, "about": subject}).one_or_none()
        if last is not None and not last.tries:
            mine = (alert.c.tenant == tenant, alert.c.id == last.id)
            if last.event == event.name:
                added = _added(msgspec.json.decode(last.details, type=Details), details)
                connection.execute(update(alert).where(*mine).values(times=last.times + 1, details=_packed(added)))
                return
            connection.execute(delete(alert).where(*mine))
            if event.name == subject or _last_event(connection, tenant, store, subject) != subject:
                return  # else a beginning before that one was heard: a process found it anew
        connection.execute(
            insert(alert).values(
                tenant=tenant, id=take_numbers(connection, tenant, 1), store=store, event=event.name, subject=subject,
                since=now, details=_packed(details), times=1, tries=0,
                due=max(now + GATHER_US, _last_sent(connection, tenant, store, subject) + SPACING_US), state=WAITING,
                ended=0,
            )
        )  # fmt: skip


def heads(connection: Connection) -> list[Waiting]:
    """Of each store and subject the alert that comes first, oldest first: the end is never told before the beginning."""
    found: dict[tuple[str, str, str], Waiting] = {}
    for *values, subject in connection.execute(_HEADS):
        each = Waiting(*values)
        found.setdefault((each.tenant, each.store, subject), each)
    return list(found.values())


def count_waiting(connection: Connection, tenant: str) -> int:
    """How many of a tenant's alerts haven't been delivered yet."""
    query = select(func.count()).where(alert.c.tenant == tenant, alert.c.state == WAITING)
    return int(connection.execute(query).scalar_one())


def begin_try(connection: Connection, tried: Waiting, due: Instant) -> Waiting | None:
    """It is about to be sent: from now on it may have arrived, and stays as it is. `due`: the next try, if this one ends
    with the process.

    Returns what to send: more may have been added to it since it was looked at. None: its end has taken it away.
    """
    still = and_(_is(tried), alert.c.state == WAITING, alert.c.tries == tried.tries)
    if not connection.execute(update(alert).where(still).values(tries=tried.tries + 1, due=due)).rowcount:
        return None
    return Waiting(*connection.execute(select(*_COLUMNS).where(_is(tried))).one())


def try_later(connection: Connection, tried: Waiting, due: Instant) -> None:
    """It was not delivered, as far as is known."""
    connection.execute(update(alert).where(_is(tried)).values(due=due))


def end(connection: Connection, tried: Waiting, state: str, now: Instant) -> None:
    """It was delivered, or is tried no more. With a beginning that is given up its end goes, too, if none was sent before."""
    connection.execute(update(alert).where(_is(tried)).values(state=state, ended=now))
    if state != GIVEN_UP or tried.event not in ALERT_ENDS.values():
        return
    its_end = connection.execute(
        _OF_SUBJECT, {"of": tried.tenant, "at": tried.store, "about": tried.event}
    ).one_or_none()
    if its_end is None or its_end.event == tried.event:
        return
    if _last_event(connection, tried.tenant, tried.store, tried.event, before=its_end.id) != tried.event:
        connection.execute(delete(alert).where(alert.c.tenant == tried.tenant, alert.c.id == its_end.id))


def forget(connection: Connection, before: Instant) -> int:
    """Delete what has ended before then, some of it. Returns how many."""
    rows = connection.execute(
        select(alert.c.tenant, alert.c.id).where(alert.c.state != WAITING, alert.c.ended < before).limit(ENDED_MAX)
    ).all()
    for tenant, number in rows:
        connection.execute(delete(alert).where(alert.c.tenant == tenant, alert.c.id == number))
    return len(rows)


def _last_event(connection: Connection, tenant: str, store: str, subject: str, *, before: int | None = None) -> str:
    """What was sent, or waits to be, last of all; `before` that number."""
    query = select(alert.c.event).where(
        alert.c.tenant == tenant, alert.c.store == store, alert.c.subject == subject, alert.c.state != GIVEN_UP
    )
    if before is not None:
        query = query.where(alert.c.id < before)
    return connection.execute(query.order_by(alert.c.id.desc()).limit(1)).scalar() or ""


def _last_sent(connection: Connection, tenant: str, store: str, subject: str) -> int:
    query = select(func.max(alert.c.ended)).where(
        alert.c.tenant == tenant, alert.c.store == store, alert.c.subject == subject, alert.c.state == SENT
    )
    return connection.execute(query).scalar() or LONG_AGO


def _is(tried: Waiting) -> ColumnElement[bool]:
    return and_(alert.c.tenant == tried.tenant, alert.c.id == tried.id)


def _added(old: Details, new: Details) -> Details:
    return {**old, **new, **{name: old[name] + new[name] for name in ADDED & old.keys() & new.keys()}}


def _packed(details: Details) -> str:
    return msgspec.json.encode(details).decode()
