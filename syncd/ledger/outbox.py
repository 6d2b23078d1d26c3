"""Events on their way to sinks: put down in the transaction in which they happen, kept until they have arrived.

Each sink has a row of its own for each event that it gets, with the fields that it gets. Of each stream the first that waits has
an instant at which it is tried; those behind it have none until it has gone, so one that fails holds up its stream alone.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, insert, select

from syncd.core import event as events
from syncd.core.event import KINDS, Event, event_id
from syncd.core.quantity import NEVER, Instant
from syncd.errors import BugError
from syncd.ledger.rows import Statement
from syncd.ledger.schema_outbox import person_key
from syncd.ledger.tenants import take_numbers

__all__ = ["KINDS", "Event", "Outbox", "Subscription", "event_id"]

WAITING, REFUSED = "waiting", "refused"
PERSON_BYTES: Final = 16
SECRET_BYTES: Final = 32
_PUT = Statement(
    "INSERT INTO outbox (tenant, sink, id, seq, kind, store, stream, subject, at, data, personal, persons, put_at, state, due) "
    "VALUES (:tenant, :sink, :id, :seq, :kind, :store, :stream, :subject, :at, :data, :personal, :persons, :now, 'waiting', "
    "CASE WHEN EXISTS (SELECT 1 FROM outbox WHERE tenant = :tenant AND sink = :sink AND stream = :stream AND "
    "state = 'waiting') THEN :never ELSE :due END) ON CONFLICT (tenant, sink, id) DO NOTHING"
)
_HOLDS = Statement(
    "INSERT INTO sink (tenant, sink, holds) VALUES (:tenant, :sink, 1) ON CONFLICT (tenant, sink) DO NOTHING"
)


class Subscription(msgspec.Struct, frozen=True):
    """What one sink gets. `stores` None: of all; `fields` None: all but the personal ones; `personal`: those, too."""

    sink: str
    kinds: frozenset[str]
    stores: frozenset[str] | None = None
    fields: frozenset[str] | None = None
    personal: bool = False

    def wants(self, event: Event) -> bool:
        """Whether this event is for it."""
        return event.kind in self.kinds and (self.stores is None or event.store in self.stores)


class Outbox:
    """A tenant's sinks, as those see them who have something to tell. None by default: then nothing is kept, and nothing lost.

    `secret` names persons; it is the tenant's, read when the tenant begins its epoch. `names` are the configured sinks, also those
    that get nothing for now (SHADOW).
    """

    def __init__(
        self,
        tenant: str = "",
        subscriptions: Sequence[Subscription] = (),
        secret: bytes = b"",
        names: Iterable[str] = (),
    ) -> None:
        self.tenant = tenant
        self.subscriptions = tuple(subscriptions)
        self.names = frozenset([*names, *(each.sink for each in subscriptions)])
        self.secret = secret
        self.ring: Callable[[], None] = lambda: None  # after the commit, on the event loop: a hint

    def wants(self, kind: str) -> bool:
        """Whether any sink gets events of this kind: else nobody has to make them."""
        return any(kind in each.kinds for each in self.subscriptions)

    def persons(self, *, email: str = "", store: str = "", customer: str = "") -> tuple[str, ...]:
        """The keys of a customer, by e-mail and by a store's number for him; "" (or "0", which is a guest) is nobody. They say
        nothing to whoever lacks the secret."""
        names = [f"email\n{email.strip().lower()}"] if email.strip() else []
        names += [f"customer\n{store}\n{customer}"] if customer not in {"", "0"} else []
        return tuple(hmac.digest(self.secret, name.encode(), hashlib.sha256)[:PERSON_BYTES].hex() for name in names)

    def put(self, connection: Connection, happened: Iterable[Event], now: Instant) -> int:
        """Put down what has happened, in the caller's transaction, for each sink that gets it. Returns how many rows that made:
        an event that waits already is the same one. Raises BugError for what is no event."""
        chosen = [each for each in happened if any(one.wants(each) for one in self.subscriptions)]
        if not chosen:
            return 0
        first = take_numbers(connection, self.tenant, len(chosen))
        made = 0
        for seq, each in enumerate(chosen, first):
            document = _document(each)
            for one in self.subscriptions:
                if one.wants(each):
                    data, personal = events.select(document, one.fields, each.personal, all_personal=one.personal)
                    made += self._put(connection, one.sink, seq, each, data, personal, now)
        return made

    def put_for(
        self, connection: Connection, sinks: Sequence[str], happened: Iterable[Event], now: Instant, due: Instant
    ) -> None:
        """Put down, for these very sinks, what isn't anybody's choice to hear (an erasure); all of its data. Not before `due`."""
        chosen = list(happened)
        first = take_numbers(connection, self.tenant, len(chosen))
        for seq, each in enumerate(chosen, first):
            for sink in sinks:
                self._put(connection, sink, seq, each, _document(each), (), now, due)

    def _put(
        self, connection: Connection, sink: str, seq: int, each: Event, data: Any, personal: Sequence[str], now: Instant,
        due: Instant | None = None,
    ) -> int:  # fmt: skip
        if personal and each.persons:
            _HOLDS.change(connection, tenant=self.tenant, sink=sink)
        return _PUT.change(
            connection, tenant=self.tenant, sink=sink, id=each.id, seq=seq, kind=each.kind, store=each.store,
            stream=each.stream, subject=each.subject, at=each.at, data=msgspec.json.encode(data),
            personal=msgspec.json.encode(personal).decode(), persons=msgspec.json.encode(each.persons).decode(),
            now=now, due=now if due is None else due, never=NEVER,
        )  # fmt: skip


def read_secret(connection: Connection, tenant: str, fresh: str) -> bytes:
    """What a tenant's persons are named with: always the same; `fresh` (hexadecimal) if there was none yet."""
    found = connection.execute(select(person_key.c.secret).where(person_key.c.tenant == tenant)).scalar()
    if found is None:
        connection.execute(insert(person_key).values(tenant=tenant, secret=fresh))
    return bytes.fromhex(found or fresh)


def _document(each: Event) -> Any:
    if each.kind not in KINDS or not each.id or not each.stream:
        raise BugError(f"no event: {each.kind!r} of {each.subject!r}", operation="outbox")
    try:
        return msgspec.json.decode(each.data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BugError(f"the data of {each.kind} of {each.subject} is no JSON", operation="outbox") from error
