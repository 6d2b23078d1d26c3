"""`erase`: a customer's personal data goes from the ledger and from what sinks keep here. What others keep is told.

It can be repeated, and goes on where it was interrupted. The customer is in no error and in no log; the record has keys alone.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Final

import anyio.lowlevel
import msgspec

from syncd.control.failure import EXIT_FAILED, EXIT_USAGE, CommandFailed
from syncd.control.plain import iso
from syncd.control.scene import Scene, Tell
from syncd.core.erasure import Whom
from syncd.core.quantity import SECOND, Instant
from syncd.engine.supervisor import TenantWork
from syncd.errors import SyncdError
from syncd.ledger import erasure
from syncd.ledger.erasure import HOLDERS, Record, Subject
from syncd.ledger.lanes import Lane
from syncd.observability import events
from syncd.ports.erp import ErpErases

CUSTOMERS_MAX: Final = 50  # numbers of one person, in one or several stores
LATE_US: Final = 60 * SECOND  # an event that was sent just before has arrived, or never will
TIDY_TRIES: Final = 5
TIDY_SECONDS: Final = 1.0
KEPT_TOLD_MAX: Final = 20  # by name
ON_ITS_WAY_HINT: Final = (
    "cancel them in the ERP (decide those in quarantine), or wait until they are placed; then give the same command again: it "
    "goes on where it stopped"
)
EMAIL: Final = re.compile(r"[^@\s\"]+@[^@\s\"]+")

Counts = dict[str, int]


class EraseRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A customer: by e-mail, by "STORE/NUMBER", or both. `only_look` changes nothing; `compact` writes the ledger anew."""

    tenant: str | None = None
    email: str = ""
    customers: list[str] = []
    who: str = ""
    only_look: bool = True
    compact: bool = False


async def erase(scene: Scene, request: EraseRequest, tell: Tell) -> dict[str, Any]:
    """Look what there is of a customer, or take it away."""
    work = scene.tenant(request.tenant)
    whom = _whom(work, request)
    if request.only_look:
        changed, sinks, orders, kept = await _look(scene, work, whom)
        return {**_told(work, changed, sinks, orders, kept), "done": False}
    record, sinks, kept = await _erase(scene, work, whom, request.who[:100], tell)
    failed = [each for each in sinks if each["trouble"]]
    answer = _told(work, record.changed, sinks, len(record.subjects), kept)
    if failed:
        raise CommandFailed(
            f"the files of {', '.join(each['sink'] for each in failed)} could not be changed: {failed[0]['trouble']}",
            hint="mend that, then give the same command again: it goes on where it stopped",
            exit_code=EXIT_FAILED,
        )
    if kept:
        await _tidy(scene, work, compact=request.compact)
        raise CommandFailed(_still_on_its_way(kept), hint=ON_ITS_WAY_HINT, exit_code=EXIT_FAILED)
    now = scene.clock.now()
    end = partial(
        erasure.end,
        tenant=work.context.tenant,
        record=record,
        box=work.context.outbox,
        now=now,
        due=Instant(now + LATE_US),
    )
    told = await scene.ledger.run(end)
    work.context.log.emit(events.ERASURE_DONE, id=record.id, who=record.who, changed=record.changed)
    tidied = await _tidy(scene, work, compact=request.compact)
    return {**answer, "done": True, "id": record.id, "since": iso(record.since), "sinks_told": told, "tidied": tidied}


def _whom(work: TenantWork, request: EraseRequest) -> Whom:
    email = request.email.strip().lower()
    stores = {each.context.store for each in work.reconcilers}
    numbers = [each.partition("/")[::2] for each in request.customers]
    if email and not EMAIL.fullmatch(email):
        raise CommandFailed("that is no e-mail address", exit_code=EXIT_USAGE)
    if not email and not numbers:
        raise CommandFailed("whom?", hint="--email ADDRESS, --customer STORE/NUMBER, or both", exit_code=EXIT_USAGE)
    if len(numbers) > CUSTOMERS_MAX or any(store not in stores or number in {"", "0"} for store, number in numbers):
        raise CommandFailed(
            "no customer of a store of this tenant",
            hint=f"write STORE/NUMBER, with one of the stores: {', '.join(sorted(stores))}",
            exit_code=EXIT_USAGE,
        )
    box = work.context.outbox
    keys = set(box.persons(email=email))
    for store, number in numbers:
        keys |= set(box.persons(store=store, customer=number))
    return Whom(email, frozenset((store, number) for store, number in numbers), frozenset(keys))


def _still_on_its_way(kept: list[Subject]) -> str:
    named = ", ".join([f"{store}/{key}" for store, key in kept[:KEPT_TOLD_MAX]])
    more = f" and {len(kept) - KEPT_TOLD_MAX} more" if len(kept) > KEPT_TOLD_MAX else ""
    return (
        f"not all is erased: orders of the ERP's on their way into a shop keep the customer's address until they have ended: "
        f"{named}{more}; all else is erased here, and no sink is told yet"
    )


async def _look(scene: Scene, work: TenantWork, whom: Whom) -> tuple[Counts, list[dict[str, Any]], int, list[Subject]]:
    changed: Counts = {}
    kept: list[Subject] = []
    for holder in HOLDERS:
        changed[holder.name], after = 0, 0
        while True:
            look = partial(holder.erase, tenant=work.context.tenant, whom=whom, after=after, only_look=True)
            part = await scene.ledger.read(look)
            changed[holder.name] += part.changed
            kept += part.kept
            whom = msgspec.structs.replace(whom, subjects=whom.subjects | part.subjects)
            if part.after is None:
                break
            after = part.after
    changed |= await _stock_book(work, whom, only_look=True)
    return changed, await _sinks(work, whom, only_look=True), len(whom.subjects), kept


async def _erase(
    scene: Scene, work: TenantWork, whom: Whom, who: str, tell: Tell
) -> tuple[Record, list[dict[str, Any]], list[Subject]]:
    tenant = work.context.tenant
    kept: list[Subject] = []
    record = await scene.ledger.run(partial(erasure.begin, tenant=tenant, whom=whom, who=who, now=scene.clock.now()))
    for holder in HOLDERS:
        after: Any = 0
        while after is not None:
            whom = msgspec.structs.replace(whom, subjects=record.subjects)
            step = partial(erasure.take_part, tenant=tenant, record=record, whom=whom, holder=holder, after=after)
            record, part = await scene.ledger.run(step, lane=Lane.BACKFILL)
            after = part.after
            kept += part.kept
        await tell({"what": holder.name, "changed": record.changed.get(holder.name, 0)})
    whom = msgspec.structs.replace(whom, subjects=record.subjects)
    for name, count in (await _stock_book(work, whom, only_look=False)).items():
        record = erasure.noted(record, name, count)
    sinks = await _sinks(work, whom, only_look=False)
    for each in sinks:
        record = erasure.noted(record, f"sinks/{each['sink']}", each["events"])
    return record, sinks, kept


async def _stock_book(work: TenantWork, whom: Whom, *, only_look: bool) -> Counts:
    """What the ERP keeps of documents, where it is syncd's own stock book."""
    book, changed = work.context.erp, 0
    if not isinstance(book, ErpErases):
        return {}
    after: str | None = ""
    while after is not None:
        some, after = await book.erase(whom, after, only_look=only_look)
        changed += some
        await anyio.lowlevel.checkpoint()  # its calls run in the event loop: others have their turn between two
    return {"stock_book": changed}


async def _sinks(work: TenantWork, whom: Whom, *, only_look: bool) -> list[dict[str, Any]]:
    """What the sinks themselves keep. One that fails is told, and keeps none of the others."""
    told = []
    for step in work.sinks:
        entry: dict[str, Any] = {"sink": step.name, "events": 0, "files": 0, "trouble": None}
        try:
            found = await step.erase(whom, only_look=only_look)
            entry |= {"events": found.events, "files": found.files}
        except SyncdError as error:
            entry["trouble"] = str(error)
        told.append(entry)
    return told


async def _tidy(scene: Scene, work: TenantWork, *, compact: bool) -> bool:
    book = work.context.erp
    for tries in range(TIDY_TRIES):
        ledger = await scene.ledger.tidy(compact=compact and not tries)
        if (not isinstance(book, ErpErases) or await book.tidy()) and ledger:
            return True
        await scene.clock.sleep(TIDY_SECONDS)
    return False


def _told(
    work: TenantWork, changed: Counts, sinks: list[dict[str, Any]], orders: int, kept: list[Subject]
) -> dict[str, Any]:
    on_the_way = [{"store": store, "key": key} for store, key in kept]
    return {
        "tenant": work.context.tenant, "changed": changed, "sinks": sinks, "orders": orders, "on_the_way": on_the_way,
    }  # fmt: skip
