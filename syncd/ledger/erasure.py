"""Erasing a customer's personal data from the ledger, a part at a time, so that others' units don't wait behind it.

Who keeps personal data in the ledger is a **holder**: it has a function that takes it out of some rows, and says which orders it
found to be the customer's. `HOLDERS` are all of them, those first that find orders by e-mail or number, those last that need to
know the orders. A module with a table of its own adds its holder here.

Each part is a transaction. What it found is written down in the same one (`erasure`), so that an erasure which was interrupted
goes on with all that it knew: the rows that told it may be gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Table, insert, select, update

from syncd.core.cart import KEPT_PERSONAL
from syncd.core.document import PERSONAL
from syncd.core.erasure import Mention, Whom, concerns, without
from syncd.core.event import ERASED, Event, event_id
from syncd.core.placing import WantedOrder
from syncd.core.quantity import Instant
from syncd.ledger import payloads, placing
from syncd.ledger.outbox import Outbox
from syncd.ledger.rows import OneRow, Statement
from syncd.ledger.schema_carts import cart
from syncd.ledger.schema_documents import document as waiting_document
from syncd.ledger.schema_outbox import erasure, outbox
from syncd.ledger.schema_placing import placement
from syncd.ledger.tenants import take_numbers

RUNNING, DONE = "running", "done"
PAGES_MAX: Final = 20  # of raw answers unpacked in one transaction: some MB
ROWS_MAX: Final = 200
SUBJECTS_TOLD_MAX: Final = 500  # in one event for sinks
GONE: Final = {"erased": "by command"}  # in the place of an order as its store sent it, beside its id

Subject = tuple[str, str]  # a store, and "orders/1001"


class Part(msgspec.Struct, frozen=True):
    """What one part of the work changed (or would), whose orders it met, and where to go on; None: there is no more."""

    changed: int
    subjects: frozenset[Subject]
    after: Any  # of the holder's own kind
    kept: tuple[Subject, ...] = ()  # what can't go yet: a store, and the ERP's key of an order on its way into it


class Holder(NamedTuple):
    """Who keeps personal data. `erase(connection, tenant, whom, after, only_look=...)` works on some rows beyond `after` (0 at
    first), in the caller's transaction; it may be repeated. With `only_look` it changes nothing."""

    name: str
    erase: Callable[..., Part]


class Record(msgspec.Struct, frozen=True):
    """An erasure, as it is written down."""

    id: int
    persons: frozenset[str]
    since: Instant
    who: str
    subjects: frozenset[Subject]
    changed: dict[str, int]
    state: str


_PAGES = Statement("SELECT id, store, body FROM payload WHERE tenant = :tenant AND id > :after ORDER BY id LIMIT :most")
_NEW_PAGE = Statement("UPDATE payload SET body = :body WHERE tenant = :tenant AND id = :id")
_HELD = Statement(
    'SELECT id, store, "order", reason, hint, raw FROM quarantine WHERE tenant = :tenant AND id > :after '
    "ORDER BY id LIMIT :most"
)
_NEW_HELD = Statement(
    "UPDATE quarantine SET reason = :reason, hint = :hint, raw = :raw WHERE tenant = :tenant AND id = :id"
)
_OUT = Statement(
    "SELECT seq, sink, id, kind, store, subject, data, personal, persons, reason FROM outbox "
    "WHERE tenant = :tenant AND seq > :after ORDER BY seq LIMIT :most"
)
_PLACEMENTS = Statement(
    "SELECT key, store, content, state, reason, flaws, result FROM placement WHERE tenant = :tenant AND key > :after "
    "ORDER BY key LIMIT :most"
)
_PLACEMENT = OneRow(placement)
_ROW = OneRow(outbox)
_HOLDING = Statement("SELECT sink FROM sink WHERE tenant = :tenant AND holds = 1")


def erase_pages(connection: Connection, tenant: str, whom: Whom, after: int, *, only_look: bool) -> Part:
    """Raw answers: each order of the customer's is replaced by its id."""
    rows = _PAGES.read(connection, tenant=tenant, after=after, most=PAGES_MAX)
    mention = Mention(whom.email)
    changed, subjects = 0, set[Subject]()
    for number, store, packed in rows:
        page = payloads.unpack(packed)
        orders = _orders(page)
        if orders is None:  # no page of orders: kept whole, or not at all
            left, found = (b"[]", 1) if mention.stands_in_bytes(page) else (page, 0)
        else:
            left, found = _page_without(orders, store, whom, mention, subjects)
        changed += found
        if found and not only_look:
            _NEW_PAGE.change(connection, tenant=tenant, id=number, body=payloads.compress(left))
    return Part(changed, frozenset(subjects), rows[-1][0] if len(rows) == PAGES_MAX else None)


def erase_held(connection: Connection, tenant: str, whom: Whom, after: int, *, only_look: bool) -> Part:
    """Quarantine: the raw data goes, the entry stays."""
    rows = _HELD.read(connection, tenant=tenant, after=after, most=ROWS_MAX)
    mention = Mention(whom.email)
    changed, subjects = 0, set[Subject]()
    for number, store, order, reason, hint, raw in rows:
        said = (mention.scrubbed(reason), mention.scrubbed(hint))
        subject = (store, f"orders/{order}")
        theirs = (
            subject in whom.subjects or concerns(_decoded(raw), store, whom, mention) or mention.stands_in_bytes(raw)
        )
        if theirs:
            subjects.add(subject)
        if (theirs and raw) or said != (reason, hint):
            changed += 1
            if not only_look:
                left = b"" if theirs else raw
                _NEW_HELD.change(connection, tenant=tenant, id=number, reason=said[0], hint=said[1], raw=left)
    return Part(changed, frozenset(subjects), rows[-1][0] if len(rows) == ROWS_MAX else None)


def erase_waiting(connection: Connection, tenant: str, whom: Whom, after: int, *, only_look: bool) -> Part:
    """Events on their way to sinks: what is personal goes, and whom it concerned; they arrive without."""
    rows = _OUT.read(connection, tenant=tenant, after=after, most=ROWS_MAX)
    mention = Mention(whom.email)
    changed = 0
    for _, sink, name, kind, store, subject, data, personal, persons, reason in rows:
        theirs = kind != ERASED and (
            bool(whom.persons & set(msgspec.json.decode(persons, type=list[str]))) or (store, subject) in whom.subjects
        )
        paths = msgspec.json.decode(personal, type=tuple[str, ...])
        left = msgspec.json.encode(without(msgspec.json.decode(data), paths, mention, theirs=theirs))
        new = {"data": left, "personal": "[]", "persons": "[]"} if theirs else {"data": left}
        new |= {"reason": mention.scrubbed(reason)}
        old = {"data": data, "personal": personal, "persons": persons, "reason": reason}
        if any(old[column] != value for column, value in new.items()):
            changed += 1
            if not only_look:
                _ROW.change(connection, (tenant, sink, name), new)
    return Part(changed, frozenset(), _last(rows) if len(rows) == ROWS_MAX else None)


class Kept(NamedTuple):
    """A table that keeps documents (JSON in a column) of stores, by a key: whose rows name persons, and which paths do."""

    table: Table
    key: str
    column: str
    subject: str  # how the key is named among subjects: "orders/", "carts/"
    personal: tuple[str, ...]
    words: tuple[str, ...] = ()  # columns with others' words about a row: they lose the e-mail, whoever's the row is


def erase_kept(connection: Connection, tenant: str, whom: Whom, after: Any, *, kept: Kept, only_look: bool) -> Part:
    """Documents that a table keeps: what is personal in the customer's goes."""
    key, column = f'"{kept.key}"', f'"{kept.column}"'
    named = ", ".join([column, *kept.words])
    query = Statement(
        f'SELECT store, {key}, {named} FROM "{kept.table.name}" WHERE tenant = :tenant AND (store, {key}) > (:store, :name) '  # noqa: S608 - names of ours
        f"ORDER BY store, {key} LIMIT :most"
    )
    change = OneRow(kept.table)
    begin_store, begin_name = after or ("", "")
    rows = query.read(connection, tenant=tenant, store=begin_store, name=begin_name, most=ROWS_MAX)
    mention, subjects, changed = Mention(whom.email), set[Subject](), 0
    for store, name, content, *words in rows:
        new: dict[str, object] = _new_words(kept.words, words, mention)
        document = _decoded(content)
        subject = (store, kept.subject + name)
        if document is not None and (subject in whom.subjects or concerns(document, store, whom, mention)):
            subjects.add(subject)
            left = msgspec.json.encode(without(document, kept.personal, mention, theirs=True))
            if left != msgspec.json.encode(document):
                new[kept.column] = left.decode() if isinstance(content, str) else left
        if new:
            changed += 1
            if not only_look:
                change.change(connection, (tenant, store, name), new)
    return Part(changed, frozenset(subjects), tuple(rows[-1][:2]) if len(rows) == ROWS_MAX else None)


def erase_placements(connection: Connection, tenant: str, whom: Whom, after: Any, *, only_look: bool) -> Part:
    """Orders of the ERP's for shops. One that is still on its way keeps its people, and is told: without them it would be placed
    wrong. Of one that has ended nobody is kept; words of a shop may still have the e-mail."""
    rows = _PLACEMENTS.read(connection, tenant=tenant, after=after or "", most=ROWS_MAX)
    mention, changed, kept = Mention(whom.email), 0, list[Subject]()
    for key, store, content, state, *words in rows:
        new = _new_words(("reason", "flaws", "result"), words, mention)
        if concerns(_decoded(content), store, whom, mention):
            if state in placing.ENDED:
                left = placing.without_people(msgspec.json.decode(content, type=WantedOrder))
                new["content"] = msgspec.json.encode(mention.scrubbed(msgspec.to_builtins(left))).decode()
            else:
                kept.append((store, key))
        if new:
            changed += 1
            if not only_look:
                _PLACEMENT.change(connection, (tenant, key), new)
    return Part(changed, frozenset(), rows[-1][0] if len(rows) == ROWS_MAX else None, tuple(kept))


def _new_words(names: Sequence[str], words: Sequence[str], mention: Mention) -> dict[str, object]:
    """Those columns of others' words in which the e-mail stands, without it."""
    said = zip(names, words, strict=True)
    return {name: left for name, old in said if (left := _scrubbed(old, mention)) != old}


def _scrubbed(text: str, mention: Mention) -> str:
    """Words, or the JSON of some, without the e-mail."""
    document = _decoded(text)
    if isinstance(document, dict | list):
        left = mention.scrubbed(document)
        return text if left == document else msgspec.json.encode(left).decode()
    return "" if mention.stands_in(text) else text


CARTS: Final = Kept(cart, "cart", "content", "carts/", KEPT_PERSONAL)
WAITING_DOCUMENTS: Final = Kept(
    waiting_document, "order", "body", "orders/", PERSONAL, ("reason", "put_reason", "parts")
)
HOLDERS: Final[tuple[Holder, ...]] = (
    Holder("raw_orders", erase_pages),
    Holder("waiting_documents", partial(erase_kept, kept=WAITING_DOCUMENTS)),
    Holder("carts", partial(erase_kept, kept=CARTS)),
    Holder("orders_of_the_erp", erase_placements),
    Holder("quarantine", erase_held),
    Holder("waiting_events", erase_waiting),
)


def begin(connection: Connection, tenant: str, whom: Whom, who: str, now: Instant) -> Record:
    """Write down that it begins; or find the one of the same customer that was interrupted."""
    persons = msgspec.json.encode(sorted(whom.persons)).decode()
    query = select(erasure).where(erasure.c.tenant == tenant, erasure.c.persons == persons, erasure.c.state == RUNNING)
    found = connection.execute(query.order_by(erasure.c.id.desc()).limit(1)).one_or_none()
    if found is not None:
        return _record(found)
    number = take_numbers(connection, tenant, 1)
    connection.execute(
        insert(erasure).values(
            tenant=tenant,
            id=number,
            persons=persons,
            since=now,
            ended=0,
            who=who,
            subjects="[]",
            changed="{}",
            state=RUNNING,
        )
    )
    return Record(number, whom.persons, now, who, frozenset(), {}, RUNNING)


def take_part(
    connection: Connection, tenant: str, record: Record, whom: Whom, holder: Holder, after: Any
) -> tuple[Record, Part]:
    """One part of the work, with what it found. Returns the record as it is then."""
    part = holder.erase(connection, tenant, whom, after, only_look=False)
    if not part.changed and part.subjects <= record.subjects:
        return record, part
    new = noted(record, holder.name, part.changed, part.subjects)
    _keep(connection, tenant, new, 0)
    return new, part


def noted(record: Record, name: str, changed: int, subjects: frozenset[Subject] = frozenset()) -> Record:
    """The record with what was changed in addition."""
    sums = {**record.changed, name: record.changed.get(name, 0) + changed}
    return msgspec.structs.replace(record, changed=sums, subjects=record.subjects | subjects)


def end(connection: Connection, tenant: str, record: Record, box: Outbox, now: Instant, due: Instant) -> int:
    """It is done: sinks that were given something personal, and those that want it, are told. Returns how many sinks."""
    holding = set(_HOLDING.scalars(connection, tenant=tenant)) & box.names
    told = holding | {each.sink for each in box.subscriptions if ERASED in each.kinds}
    subjects = sorted(record.subjects)
    parts = [subjects[k : k + SUBJECTS_TOLD_MAX] for k in range(0, max(1, len(subjects)), SUBJECTS_TOLD_MAX)]
    persons = sorted(record.persons)
    happened = [
        Event(
            event_id(ERASED, record.id, record.since, k), ERASED, "", f"customers/{persons[0]}", f"customers/{persons[0]}",
            record.since, msgspec.json.encode(
                {"persons": persons, "subjects": [{"store": store, "subject": subject} for store, subject in part]}
            ), (), tuple(persons),
        )
        for k, part in enumerate(parts)
    ]  # fmt: skip
    box.put_for(connection, sorted(told), happened, now, due)
    _keep(connection, tenant, msgspec.structs.replace(record, state=DONE), now)
    return len(told)


def unfinished(connection: Connection, tenant: str) -> int:
    """How many erasures were interrupted, and wait for the same command again."""
    query = select(erasure.c.id).where(erasure.c.tenant == tenant, erasure.c.state == RUNNING)
    return len(connection.execute(query).all())


def _keep(connection: Connection, tenant: str, record: Record, ended: int) -> None:
    connection.execute(
        update(erasure)
        .where(erasure.c.tenant == tenant, erasure.c.id == record.id)
        .values(
            subjects=msgspec.json.encode(sorted(record.subjects)).decode(), state=record.state, ended=ended,
            changed=msgspec.json.encode(record.changed).decode(),
        )
    )  # fmt: skip


def _record(row: Any) -> Record:
    subjects = msgspec.json.decode(row.subjects, type=list[Subject])
    persons = msgspec.json.decode(row.persons, type=list[str])
    changed = msgspec.json.decode(row.changed, type=dict[str, int])
    return Record(row.id, frozenset(persons), Instant(row.since), row.who, frozenset(subjects), changed, row.state)


def _orders(page: bytes) -> list[msgspec.Raw] | None:
    try:
        return msgspec.json.decode(page, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _page_without(
    orders: list[msgspec.Raw], store: str, whom: Whom, mention: Mention, subjects: set[Subject]
) -> tuple[bytes, int]:
    found = 0
    for place, raw in enumerate(orders):
        content = bytes(raw)
        if not mention.may_stand_in(content) and not any(name == store for name, _ in whom.numbers):
            continue
        document = _decoded(content)
        if not concerns(document, store, whom, mention):
            continue
        found += 1
        number = document.get("id") if isinstance(document, dict) else None
        subjects.add((store, f"orders/{number}"))
        orders[place] = msgspec.Raw(msgspec.json.encode({"id": number, **GONE}))
    return msgspec.json.encode(orders), found


def _decoded(content: bytes | str) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _last(rows: Sequence[Any]) -> int:
    """Where the next part begins: several sinks' rows have the same number, and a part may have cut them apart."""
    last = int(rows[-1][0])
    return last - 1 if rows[0][0] != last else last
