"""Sinks in the status, in the doctor's findings, and what was refused sent again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncd.cli.levels import _sink_row
from syncd.control.doctor import examine
from syncd.control.failure import CommandFailed
from syncd.core.erasure import Whom
from syncd.core.quantity import SECOND, Instant
from syncd.ledger import deliveries, erasure
from syncd.ledger.outbox import Event
from tests.control.bench import TENANT, Bench, open_bench

SINKS = '\n[sinks.lake]\nkind = "ndjson"\nevents = ["order.changed"]\n'


async def put(bench: Bench, *names: str, ago_seconds: int = 0) -> None:
    now = Instant(bench.clock.now() - ago_seconds * SECOND)
    some = [
        Event(name, "order.changed", "us", "us/1", "orders/1", now, json.dumps({"n": name}).encode()) for name in names
    ]
    await bench.ledger.run(lambda c: bench.work.context.outbox.put(c, some, now))


async def refuse(bench: Bench) -> None:
    def unit(connection: Any) -> None:
        [row] = deliveries.first(connection, "acme", "lake", 1)
        deliveries.refuse(connection, "acme", "lake", row, "422", bench.clock.now())

    await bench.ledger.run(unit)


async def test_the_status_shows_what_waits_and_what_was_refused(tmp_path):
    async with open_bench(tmp_path, TENANT + SINKS) as bench:
        await put(bench, "e1", "e2", "e3", ago_seconds=60)
        await refuse(bench)
        bench.work.sinks[0].trouble = "no connection"
        [tenant] = (await bench.call("status"))["tenants"]
        [sink] = tenant["sinks"]
        assert sink.pop("oldest_seconds") >= 60
        assert sink == {
            "sink": "lake", "configured": True, "waiting": 2, "refused": 1, "stopped": False, "trouble": "no connection",
        }  # fmt: skip
        assert _sink_row({**sink, "oldest_seconds": 61.0}) == ["lake", 2, 61.0, 1, "no connection"]


async def test_a_sink_that_is_not_configured_any_more_is_shown_while_something_waits_for_it(tmp_path):
    async with open_bench(tmp_path, TENANT + SINKS) as bench:
        await put(bench, "e1")
        bench.work.sinks.clear()
        [tenant] = (await bench.call("status"))["tenants"]
        assert [(each["sink"], each["configured"], each["waiting"]) for each in tenant["sinks"]] == [("lake", False, 1)]


async def test_what_was_refused_goes_again_before_what_waits(tmp_path):
    async with open_bench(tmp_path, TENANT + SINKS) as bench:
        await put(bench, "e1", "e2")
        await refuse(bench)
        told = await bench.call("sinks.retry", tenant="acme", sink="lake")
        assert told == {"tenant": "acme", "sink": "lake", "events": 1}
        now = bench.clock.now()
        due = await bench.ledger.read(lambda c: deliveries.heads(c, "acme", "lake", now, 10))
        assert [row.id for row in due] == ["e1"]
        with pytest.raises(CommandFailed, match="no sink 'crm'"):
            await bench.call("sinks.retry", tenant="acme", sink="crm")


async def test_the_doctor_finds_what_waits_for_long_what_was_refused_and_an_unfinished_erasure(tmp_path):
    async with open_bench(tmp_path, TENANT + SINKS) as bench:

        def findings(what: str) -> list[tuple[str, str]]:
            found = examine(bench.configuration, "acme", bench.clock)
            return [(each["level"], each["found"]) for each in found if each["what"] == what]

        assert findings("sinks") == [("ok", "nothing waits")]
        await put(bench, "e1", ago_seconds=10)
        assert [level for level, _ in findings("sinks")] == ["ok"]
        await put(bench, "e2", ago_seconds=4_000)
        await refuse(bench)
        levels = findings("sinks")
        assert [level for level, _ in levels] == ["warning", "warning"]
        assert "1 event(s) refused" in str(levels)
        whom, now = Whom("ada@example.test", frozenset(), frozenset(["key"])), bench.clock.now()
        await bench.ledger.run(lambda c: erasure.begin(c, "acme", whom, "carol", now))
        assert findings("erasures") == [("warning", "1 unfinished")]


async def test_what_waits_for_a_sink_that_is_gone_goes_after_a_week_and_that_is_told(tmp_path):
    from syncd.engine.care import CareStep

    async with open_bench(tmp_path, TENANT + SINKS) as bench:
        await put(bench, "e1", ago_seconds=8 * 86_400)
        await put(bench, "e2", ago_seconds=6 * 86_400)
        care = CareStep(bench.work.context)
        await care.run()
        assert "sink.dropped" not in bench.log.getvalue(), "it is configured"
        bench.work.context.outbox.names = frozenset()
        await care.run()
        [line] = [
            line for line in map(json.loads, bench.log.getvalue().splitlines()) if line["event"] == "sink.dropped"
        ]
        assert (line["sink"], line["events"]) == ("lake", 1)
        assert [row.id for row in await bench.ledger.read(lambda c: deliveries.first(c, "acme", "lake", 9))] == ["e2"]
