"""The private listener over a real socket and a real ledger: who may ask, what is told, and what it costs the others."""

from __future__ import annotations

import re
import sqlite3
import threading
from dataclasses import replace
from functools import partial
from typing import Any

import anyio
import pytest

from syncd import __version__
from syncd.clock import SystemClock
from syncd.config.problem import Problem
from syncd.core.quantity import Instant
from syncd.core.quota import Observation
from syncd.core.signal import Kind
from syncd.ledger import levels, moves, signals, stores
from syncd.ledger.outbox import Subscription
from syncd.private import catalogue, exposition
from syncd.private import desk as desk_module
from syncd.private.desk import ASKED_MAX, Desk
from syncd.reconcile.sink_step import SinkOptions, SinkStep
from syncd.testing.fake_sink import FakeSink
from tests.control.bench import open_bench, order
from tests.private.asking import asking, parse

PATHS = ["/live", "/ready", "/health", "/metrics"]
TOKEN = "a-token-that-is-long-enough"


def desk_of(bench: Any, token: str | None = None) -> Desk:
    return Desk(lambda: bench.commands, bench.app.supervisor, bench.given.meters, token=token)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer wrong"},
        {"Authorization": TOKEN},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": "Bearer \u00fc\u00f6"},
        {"Authorization": "B" * 5_000},
    ],
)
async def test_nothing_is_learnt_without_the_token(bench, headers):
    async with asking(desk_of(bench, TOKEN)) as asker:
        answers = [await asker.get(path, **headers) for path in [*PATHS, "/", "/nothing", "/metrics/../health?x=%00"]]
        answers += [await asker.get("/metrics", method, **headers) for method in ("POST", "PUT", "OPTIONS")]
    assert {answer[0] for answer in answers} == {401}
    assert len({(answer[1], tuple(answer[2].items())) for answer in answers}) == 1, "all answers are the same"


async def test_what_the_form_for_the_token_needs_is_for_everybody(bench):
    async with asking(desk_of(bench, TOKEN)) as asker:
        assert [(await asker.get(path))[0] for path in ("/page.css", "/page.js", "/icon.svg")] == [200] * 3
        assert [(await asker.get("/page.css", method))[0] for method in ("HEAD", "POST")] == [200, 401]
        assert (await asker.get("/login", "POST"))[0] == 415
        assert [(await asker.get("/login", method))[0] for method in ("GET", "PUT")] == [401, 401]


async def test_who_has_the_token_is_told_everything(bench):
    async with asking(desk_of(bench, TOKEN)) as asker:
        for path in PATHS:
            status, text, _ = await asker.get(path, Authorization=f"Bearer {TOKEN}")
            assert (status, TOKEN in text) == (503 if path == "/ready" else 200, False)
        assert (await asker.get("/metrics", "POST", Authorization=f"Bearer {TOKEN}"))[0] == 405
        assert (await asker.get("/nothing", Authorization=f"Bearer {TOKEN}"))[0] == 404


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8485", 200), ("localhost", 200), ("[::1]:1", 200), ("evil.example", 421), ("127.0.0.1.evil.example", 421),
        ("10.0.0.1:8485", 421), ("", 421), ("[", 421),
    ],
)  # fmt: skip
async def test_without_a_token_only_names_of_this_machine_are_believed(bench, host, status):
    """A page in a browser of this machine could else have its own name lead here, and read all of it."""
    async with asking(desk_of(bench)) as asker:
        assert (await asker.get("/metrics", Host=host))[0] == status


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "x-real-ip"])
async def test_without_a_token_nobody_behind_a_proxy_is_answered(bench, name):
    """A proxy of this machine may name this machine, as nginx does, and let in whoever comes to it."""
    told = {name: "for=192.0.2.7"}
    async with asking(desk_of(bench)) as asker:
        assert [(await asker.get(path, **told))[0] for path in (*PATHS, "/", "/page.css", "/login")] == [421] * 7
    async with asking(desk_of(bench, TOKEN)) as asker:
        assert (await asker.get("/health", Authorization=f"Bearer {TOKEN}", **told))[0] == 200


async def test_a_body_is_not_taken(bench):
    async with asking(desk_of(bench)) as asker, asker.session.get(f"{asker.url}/live", data=b"x" * 100_000) as answer:
        assert answer.status in {200, 413}


async def test_alive_means_that_the_writer_answers_and_no_loop_is_stuck(bench, monkeypatch):
    async with asking(desk_of(bench)) as asker:
        assert (await asker.get("/live"))[:2] == (200, "alive\n")
        monkeypatch.setattr(type(bench.app.supervisor), "stuck", lambda *_: ["acme", "acme"])
        assert (await asker.get("/live"))[:2] == (503, "stuck: acme\n")
        assert (await asker.health())["stuck"] == ["acme"]


async def test_a_writer_that_hangs_is_not_alive_and_is_seen_by_the_scrape_all_the_same(bench, monkeypatch):
    """What was counted in memory is told; the reader, which stands beside the writer, answers too."""
    monkeypatch.setattr(desk_module, "ANSWER_SECONDS", 0.3)
    release = threading.Event()
    async with asking(desk_of(bench)) as asker, anyio.create_task_group() as group:
        group.start_soon(bench.ledger.run, lambda _: release.wait(20.0))
        try:
            status, text, headers = await asker.get("/live")
            assert (status, text, headers["Retry-After"]) == (503, "no answer in time\n", "5")
            monkeypatch.setattr(desk_module, "ANSWER_SECONDS", 5.0)
            assert await asker.number("syncd_ledger_queue_units", lane="live") is not None
            assert await asker.number("syncd_ledger_answers") == 1
        finally:
            release.set()
    assert not bench.ledger.state().live_waiting


async def test_a_reader_that_is_busy_gives_a_scrape_that_says_so(bench, monkeypatch):
    monkeypatch.setattr(desk_module, "LOOK_SECONDS", 0.2)
    await bench.open_store("us", BOLT=10)
    release = threading.Event()
    async with asking(desk_of(bench)) as asker, anyio.create_task_group() as group:
        assert await asker.number("syncd_items", tenant="acme", store="us") == 1
        group.start_soon(partial(bench.ledger.read, lambda _: release.wait(20.0), limit_seconds=30.0))
        await anyio.sleep(0.05)
        try:
            numbers = await asker.numbers()
            assert numbers["syncd_ledger_answers", ()] == 0
            assert ("syncd_items", (("store", "us"), ("tenant", "acme"))) not in numbers
            assert numbers["syncd_ledger_commits_total", ()] >= 1
        finally:
            release.set()


async def test_a_query_that_takes_too_long_is_ended(bench, monkeypatch):
    """The reader is free again afterwards: a scrape holds no snapshot for long."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

    def slow(connection, *_rest):
        return connection.exec_driver_sql(endless).scalar_one()

    async with asking(desk_of(bench)) as asker:
        with monkeypatch.context() as patch:  # the limit as well: a slow machine may need longer for an honest look
            patch.setattr(desk_module, "LOOK_SECONDS", 0.1)
            patch.setattr("syncd.control.status._tenant", slow)
            assert await asker.number("syncd_ledger_answers") == 0
            status, text, _ = await asker.get("/health")
            assert status == 503
            assert "took longer" in text
        assert await asker.number("syncd_ledger_answers") == 1


async def test_too_many_at_once_are_told_to_come_again(bench, monkeypatch):
    free = anyio.Event()

    async def wait(*_):
        await free.wait()

    monkeypatch.setattr(desk_module, "glance", wait)
    statuses: list[int] = []
    async with asking(desk_of(bench)) as asker:

        async def ask() -> None:
            statuses.append((await asker.get("/health"))[0])

        async with anyio.create_task_group() as group:
            for _ in range(ASKED_MAX):
                group.start_soon(ask)
            with anyio.fail_after(10):
                while (await asker.get("/ready"))[1] != "too many ask at once\n":  # noqa: ASYNC110 -- others ask meanwhile
                    await anyio.sleep(0.01)
            group.cancel_scope.cancel()


async def test_ready_means_that_a_tenant_is_at_work(bench):
    async with asking(desk_of(bench)) as asker:
        assert (await asker.get("/ready"))[:2] == (503, "no tenant runs yet\n")
        bench.work.loops.append(None)
        assert (await asker.get("/ready"))[:2] == (200, "ready\n")


async def test_health_is_the_status_and_says_in_words_how_far_behind_all_is(bench):
    await bench.stock(BOLT=10)
    await bench.open_store("us", BOLT=10)
    await bench.take("us", order("1", {"BOLT": 2}), order("2", {"NONE": 1}))
    context = bench.store("us").context
    async with asking(desk_of(bench)) as asker:
        await bench.ledger.run(lambda c: _age(c, bench.clock.now() - 41_000_000))
        context.drained = bench.clock.now() - 41_000_000
        told = await asker.health()
        same = await bench.call("status")
    assert told["tenants"][0]["moves"] == same["tenants"][0]["moves"] == {"waiting": 1, "sent": 0, "in_doubt": 0}
    assert told["tenants"][0].keys() == same["tenants"][0].keys()
    assert 41 <= told["tenants"][0]["stores"][0]["behind_seconds"] < 3_600
    assert any(re.fullmatch(r"acme/us is \d+ s behind", said) for said in told["says"]), told["says"]
    assert "acme/web is not read yet" in told["says"]
    assert told["webhooks"] is None, "no store calls"


async def test_the_backlog_of_webhooks_is_what_waits_now_and_not_at_the_last_call(bench):
    await bench.stock(BOLT=10)
    await bench.open_store("us", BOLT=10)
    bench.store("us").context.hooks = object()
    places = [
        ("acme", "us", Kind.ORDER, "1"),
        ("acme", "us", Kind.ORDER, "2"),
        ("acme", "web", Kind.ORDER, "9"),
        ("acme", "us", Kind.CART, "1"),
    ]
    async with asking(desk_of(bench)) as asker:
        assert (await asker.health())["webhooks"] == {"backlog": 0}
        await bench.ledger.run(lambda c: signals.note(c, places, (), Instant(1)))
        assert (await asker.health())["webhooks"] == {"backlog": 2}
        await bench.ledger.run(lambda c: signals.done(c, "acme", "us", ["1"], Instant(2)))
        assert (await asker.health())["webhooks"] == {"backlog": 1}


def _age(connection: Any, drained: int) -> None:
    stores.change_store(connection, "acme", "us", drained=drained)


async def test_the_numbers_are_those_of_the_status(bench):
    await bench.stock(BOLT=10)
    await bench.open_store("us", BOLT=10)
    await bench.take("us", order("1", {"BOLT": 2}), order("2", {"NONE": 1}))
    us = {"tenant": "acme", "store": "us"}
    async with asking(desk_of(bench)) as asker:
        assert await asker.number("syncd_build_info", version=__version__) == 1
        assert await asker.number("syncd_moves", tenant="acme", state="waiting") == 1
        assert await asker.number("syncd_quarantine_entries", **us) == 1
        assert await asker.number("syncd_store_state", **us, state="ready") == 1
        assert await asker.number("syncd_store_state", **us, state="new") == 0
        assert await asker.number("syncd_store_state", tenant="acme", store="web", state="new") == 1
        assert await asker.number("syncd_breaker_state", **us, state="closed") == 1
        assert await asker.number("syncd_quota_remaining_requests", **us) is None, "nobody knows it yet"
        assert await asker.number("syncd_move_outcomes_total", **us, outcome="confirmed") == 0
        await bench.post()
        assert await asker.number("syncd_move_outcomes_total", **us, outcome="confirmed") == 1
        assert await asker.number("syncd_moves", tenant="acme", state="waiting") == 0


async def test_a_move_in_doubt_has_an_age(bench):
    await bench.stock(BOLT=10)
    await bench.open_store("us", BOLT=10)
    await bench.take("us", order("1", {"BOLT": 2}))
    async with asking(desk_of(bench)) as asker:
        assert await asker.number("syncd_move_doubt_age_seconds", tenant="acme") == 0

        def doubt(connection):
            now = bench.clock.now()
            (due,) = moves.moves_to_post(connection, "acme", now, 1)
            moves.set_move(connection, "acme", due, state="sent", doubt=1, sent_at=now - 90_000_000)

        await bench.ledger.run(doubt)
        age = await asker.number("syncd_move_doubt_age_seconds", tenant="acme")
        assert age is not None
        assert 90 <= age < 3_600
        assert await asker.number("syncd_moves", tenant="acme", state="in_doubt") == 1


async def test_a_tenant_that_cant_run_is_told(tmp_path):
    async with open_bench(tmp_path) as bench:
        async with asking(desk_of(bench)) as asker:
            assert await asker.number("syncd_tenant_runs", tenant="acme") == 1
        del bench.app.tenants["acme"]
        async with asking(desk_of(bench)) as asker:
            assert await asker.number("syncd_tenant_runs", tenant="acme") == 0


@pytest.mark.parametrize(("tenant", "other"), [("acme", "syncd_config_valid"), ("", "syncd_tenant_config_valid")])
async def test_a_mistake_in_the_configuration_is_told_while_all_goes_on(bench, tenant, other):
    problem = Problem(file="x.toml", key="returns", expected="a word", found="none", hint="say it", tenant=tenant)
    labels = {"syncd_tenant_config_valid": {"tenant": "acme"}, "syncd_config_valid": {}}
    async with asking(desk_of(bench)) as asker:
        assert [await asker.number(name, **labels[name]) for name in labels] == [1, 1]
        broken = replace(bench.commands.scene.configuration, problems=(problem,))
        bench.commands.follow(broken, {})
        assert await asker.number("syncd_tenant_runs", tenant="acme") == 1
        assert [name for name in labels if await asker.number(name, **labels[name])] == [other]


async def test_an_erp_that_was_not_read_for_long_is_not_fresh(bench):
    await bench.stock(BOLT=10)
    await bench.open_store("us", BOLT=10)
    async with asking(desk_of(bench)) as asker:
        await bench.watch()
        assert await asker.number("syncd_erp_fresh", tenant="acme") == 1
        context = bench.work.context
        context.erp_watched = bench.clock.now() - 200_000_000
        await bench.ledger.run(lambda c: levels.change_erp(c, "acme", watched=context.erp_watched))
        assert await asker.number("syncd_erp_fresh", tenant="acme") == 0


async def test_labels_are_tenants_and_stores_and_a_few_fixed_words(bench):
    """However many orders there are, and whoever calls, the number of series stays."""
    await bench.stock(BOLT=1_000)
    await bench.open_store("us", BOLT=10)
    async with asking(desk_of(bench)) as asker:
        before = (await asker.numbers()).keys()
        await bench.take("us", *(order(str(n), {"BOLT": 1, f"NONE-{n}": 1}) for n in range(20)))
        await bench.post()
        after = (await asker.numbers()).keys()
    assert before == after
    assert {label for _, labels in after for label, _ in labels} <= {
        "tenant", "store", "state", "outcome", "lane", "le", "version", "implementation", "major", "minor", "patchlevel",
    }  # fmt: skip


async def test_every_metric_of_the_catalogue_is_shown_with_its_kind_and_none_else(bench):
    await bench.stock(BOLT=10)
    await bench.open_store("us", BOLT=10)
    bench.store("us").context.hooks = object()
    context = bench.store("us").context.tenant
    crm = SinkStep(context, Subscription("crm", frozenset()), FakeSink(), SinkOptions())
    bench.app.tenants["acme"].sinks.append(crm)
    meter = bench.given.meters.of("acme", "us")
    meter.requested("ok", 0.2)
    meter.retried()
    meter.cart("created")
    bench.store("us").context.carts = object()
    client = bench.store("us").context.client
    client._quota = _seen(client.quota())
    async with asking(desk_of(bench)) as asker:
        _, text, headers = await asker.get("/metrics")
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    shown = {}
    for line in text.splitlines():
        if line.startswith("# TYPE syncd_"):
            _, _, name, kind = line.split(" ")
            shown[name] = kind
    assert shown == {metric.name: metric.kind for metric in catalogue.METRICS}
    numbers = parse(text)
    for metric in catalogue.METRICS:
        suffix = "_count" if metric.kind == "histogram" else ""
        labels = {tuple(label for label, _ in labels) for name, labels in numbers if name == metric.name + suffix}
        assert labels == {tuple(sorted(metric.labels))}, metric.name
    assert (
        numbers["syncd_request_duration_seconds_count", (("outcome", "ok"), ("store", "us"), ("tenant", "acme"))] == 1
    )
    assert numbers["syncd_quota_remaining_requests", (("store", "us"), ("tenant", "acme"))] == 7
    assert {"process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds"} <= {
        n for n, _ in numbers
    }


def _seen(quota: Any) -> Any:
    return replace(quota, seen=Observation(limit=150, left=7))


def test_the_process_shows_where_the_machine_is_hidden(tmp_path, monkeypatch):
    """As under the systemd unit: ProcSubset=pid."""
    own = tmp_path / "self"
    own.symlink_to("/proc/self")

    class Hidden(exposition._Process):
        def _boot_time(self):
            self._proc = str(tmp_path)
            return super()._boot_time()

    monkeypatch.setattr(exposition, "_Process", Hidden)
    clock = SystemClock()
    numbers = parse(exposition.Exposition(lambda: clock.wall() / 1e6).show(exposition.Samples()).decode())
    assert 0 <= clock.wall() / 1e6 - numbers["process_start_time_seconds", ()] < 86_400
    assert numbers["process_open_fds", ()] > 0


async def test_two_daemons_in_one_process_share_no_number(tmp_path):
    async with (
        open_bench(tmp_path / "one") as one,
        open_bench(tmp_path / "two") as two,
        asking(desk_of(one)) as first,
        asking(desk_of(two)) as second,
    ):
        one.given.meters.of("acme", "us").retried()
        assert await first.number("syncd_request_retries_total", tenant="acme", store="us") == 1
        assert await second.number("syncd_request_retries_total", tenant="acme", store="us") == 0


async def test_scrapes_beside_the_writer_take_no_commit_and_lose_none(bench):
    """A scrape only reads: commits go on beside it, and it makes none."""
    await bench.stock(BOLT=1_000)
    await bench.open_store("us", BOLT=10)
    async with asking(desk_of(bench)) as asker:
        quiet = bench.ledger.state().commits
        for _ in range(5):
            await asker.numbers()
        assert bench.ledger.state().commits == quiet
        answered: list[float] = []
        async with anyio.create_task_group() as group:

            async def scrape() -> None:
                answered.extend([(await asker.numbers())["syncd_ledger_answers", ()] for _ in range(10)])

            group.start_soon(scrape)
            for n in range(30):
                await bench.take("us", order(str(n), {"BOLT": 1}))
        assert answered == [1.0] * 10
        count = await asker.number("syncd_ledger_commit_seconds_count")
        assert count is not None
        assert count >= quiet + 30
    path = bench.configuration.settings.state_dir / "ledger.sqlite3"
    with sqlite3.connect(path) as direct:
        assert direct.execute("SELECT count(*) FROM move").fetchone() == (30,)
    direct.close()
