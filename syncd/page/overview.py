"""The first page: what needs somebody, and of each tenant its flow, its ERP and its stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from syncd.control.scene import Scene
from syncd.control.status import glance
from syncd.core.quantity import SECOND, Instant
from syncd.engine.pulse import STUCK_SECONDS
from syncd.engine.supervisor import Supervisor
from syncd.ledger import flow
from syncd.page.picture import Bars, spark
from syncd.page.words import counted, lasting, link

LOOK_SECONDS: Final = 2.0  # for a query of the page: commands, too, wait for the reader
HOURS: Final = 24
TENANTS_WHOLE_MAX: Final = 10  # each is a screen of its own
NEEDS_MAX: Final = 50
BUCKETS: Final = HOURS * 3_600 * SECOND // flow.BUCKET_US
KINDS: Final = ((flow.ORDERS, "Orders taken in"), (flow.MOVES, "Moves confirmed"), (flow.WRITES, "Levels written"))


class Need(NamedTuple):
    """Something that somebody should know or do. `weight`: stop, wait, note."""

    weight: str
    where: str
    text: str
    href: str = ""


class Stream(NamedTuple):
    """One kind of the flow: in the last hour, in all hours that are shown, and as bars."""

    title: str
    last_hour: int
    total: int
    picture: Bars


async def overview(scene: Scene, supervisor: Supervisor, chosen: str | None) -> dict[str, Any]:
    """One tenant, or all: where there are many, each is a line that leads to its own page."""
    told = await glance(scene, LOOK_SECONDS)
    now = scene.clock.now()
    found = needs(told, sorted(set(supervisor.stuck(STUCK_SECONDS))))
    shown = [each for each in told["tenants"] if chosen in (None, each["tenant"])]
    is_list = len(shown) > TENANTS_WHOLE_MAX
    names = [] if is_list else [each["tenant"] for each in shown]
    since = Instant(flow.bucket(now) - (BUCKETS - 1) * flow.BUCKET_US)

    def look(connection: Connection) -> dict[str, list[tuple[Instant, str, str, int]]]:
        return {name: flow.read(connection, name, since) for name in names}

    flows = await scene.ledger.read(look, limit_seconds=LOOK_SECONDS)
    return {
        "shown": shown,
        "is_list": is_list,
        "needs": found[:NEEDS_MAX],
        "needs_left_out": max(0, len(found) - NEEDS_MAX),
        "streams": {name: _streams(rows, since) for name, rows in flows.items()},
        "hours": HOURS,
    }


def _streams(rows: Sequence[tuple[Instant, str, str, int]], since: Instant) -> list[Stream]:
    found = []
    for kind, title in KINDS:
        counts = [0] * BUCKETS
        for at, _, what, times in rows:
            if what == kind:
                counts[min(BUCKETS - 1, (at - since) // flow.BUCKET_US)] += times
        found.append(Stream(title, sum(counts[-4:]), sum(counts), spark(counts)))
    return found


def needs(told: Mapping[str, Any], stuck: Sequence[str]) -> list[Need]:
    """What needs somebody, the worst first."""
    found = [Need("stop", each["tenant"], "It doesn't run: " + " ".join(each["problems"])) for each in told["broken"]]
    found += [Need("stop", name, "A loop is stuck.") for name in stuck]
    found += [Need("wait", "syncd.toml", text) for text in told["configuration"]["problems"]]
    restart = told["configuration"]["needs_restart"]
    if restart:
        found.append(Need("note", "syncd.toml", f"Changed, and in force after a restart: {', '.join(restart)}."))
    for tenant in told["tenants"]:
        found += _of_tenant(tenant)
        for store in tenant["stores"]:
            found += _of_store(tenant["tenant"], store)
    return sorted(found, key=lambda need: ("stop", "wait", "note").index(need.weight))


def _of_tenant(told: Mapping[str, Any]) -> list[Need]:
    name = told["tenant"]
    found = []
    if told["trouble"]:
        found.append(Need("stop", name, told["trouble"]))
    if told["erp"].get("breaker", "closed") != "closed":
        found.append(Need("stop", name, "The ERP doesn't answer; it is probed from time to time."))
    if told["moves"]["in_doubt"]:
        text = (
            f"{counted(told['moves']['in_doubt'], 'move')} in doubt, the oldest for {lasting(told['doubt_seconds'])}."
        )
        found.append(Need("stop", name, text, link("/effects", tenant=name)))
    if told["quarantine"]:
        text = f"{counted(told['quarantine'], 'entry', 'entries')} in quarantine: each waits for a decision."
        found.append(Need("wait", name, text, link("/quarantine", tenant=name)))
    if told["paused"]:
        found.append(Need("wait", name, f"Paused: {told['paused']['reason'] or 'no reason given'}."))
    found += [Need("wait", name, f"Runs as it was: {text}") for text in told["kept"]]
    return found


def _of_store(tenant: str, told: Mapping[str, Any]) -> list[Need]:
    where = f"{tenant}/{told['store']}"
    found = []
    if told["trouble"]:
        found.append(Need("stop", where, told["trouble"]))
    elif told.get("breaker", "closed") != "closed":
        found.append(Need("stop", where, "The shop doesn't answer; it is probed from time to time."))
    if "items" not in told:
        return found or [Need("note", where, "Not reached yet.")]
    if told["brake"]:
        found.append(Need("stop", where, f"The brake has stopped its writes: {told['brake']}."))
    if told["paused"]:
        found.append(Need("wait", where, f"Paused: {told['paused']['reason'] or 'no reason given'}."))
    if told["writes"] == "waiting for approval":
        text = f"Its plan waits for approval: syncd plan {tenant} {told['store']}"
        found.append(Need("wait", where, text, link("/stock", tenant=tenant, only="differences")))
    if told["state"] == "ready" and not told["fresh"] and not told["trouble"]:
        found.append(Need("wait", where, "Its orders are read too far behind: no level is raised meanwhile."))
    if told["drift"]["open"]:
        text = f"{counted(told['drift']['open'], 'drift')} without an explanation: {told['drift']['open_units']} units."
        found.append(Need("wait", where, text, link("/stock", tenant=tenant, only="differences")))
    if told["webhooks"] and not told["webhooks"]["alive"]:
        found.append(Need("note", where, "Its webhooks are not in order; it is polled."))
    return found
