"""The adapter of the REST contract: what it makes of an ERP's answers, of its silence and of its nonsense."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import anyio
import msgspec
import pytest
from aiohttp import web
from pydantic import SecretStr

from syncd.adapters import erp_client
from syncd.clock import SystemChance, SystemClock
from syncd.config.erp_models import HttpErp as HttpErpModel
from syncd.core.quantity import Quantity, units
from syncd.erps.http.erp import BATCH_MAX, HttpErp
from syncd.errors import (
    BugError,
    MisconfiguredError,
    OutcomeUnknown,
    RefusedError,
    StoreFault,
    SyncdError,
    Throttled,
)
from syncd.observability.log import make_log
from syncd.ports.erp import ErpMove, PostResult
from syncd.testing.order_document import an_order
from syncd.transport.session import make_session
from tests.erps.services import http_client, served, simulated_erp

Reply = Callable[[web.Request], Any]


def sale(key: str, count: int = 1, sku: str = "A") -> ErpMove:
    return ErpMove(key, sku, "", units(-count))


@asynccontextmanager
async def scripted(reply: Reply, **options: Any) -> AsyncIterator[HttpErp]:
    """An adapter before a server that answers as `reply` says: (status, body), where the body may be bytes or JSON."""

    async def handle(request: web.Request) -> web.Response:
        await request.read()
        status, body = reply(request)
        headers = {"Content-Type": "application/json" if status < 400 else "application/problem+json"}
        if status == 204:
            return web.Response(status=204)
        return web.Response(status=status, body=body if isinstance(body, bytes) else json.dumps(body), headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handle)
    async with served(app) as base_url, http_client(base_url) as client:
        yield HttpErp(client, **options)


def always(status: int, body: Any) -> Reply:
    return lambda _request: (status, body)


CONFIRMED = {"key": "k1", "result": "confirmed"}
FOUND = {"key": "k1", "sku": "A", "location": "", "change": "-1"}


@pytest.mark.parametrize(
    ("status", "body", "raised"),
    [
        (200, {"outcomes": []}, OutcomeUnknown),
        (200, {"outcomes": [CONFIRMED, CONFIRMED]}, OutcomeUnknown),
        (200, {"outcomes": [{**CONFIRMED, "key": "k2"}]}, OutcomeUnknown),
        (200, {"outcomes": [{**CONFIRMED, "result": "done"}]}, OutcomeUnknown),
        (200, {"outcomes": [{"key": "k1", "result": "different"}]}, OutcomeUnknown),
        (200, {"outcomes": [{"key": "k1", "result": "different", "found": {**FOUND, "key": "k2"}}]}, OutcomeUnknown),
        (
            200,
            {"outcomes": [{"key": "k1", "result": "different", "found": {**FOUND, "change": "0.00001"}}]},
            OutcomeUnknown,
        ),
        (200, {"result": "please choose a warehouse"}, OutcomeUnknown),
        (200, b"<html>one moment</html>", OutcomeUnknown),
        (200, b"", OutcomeUnknown),
        (200, b'{"outcomes": [{"key"', OutcomeUnknown),
        (204, b"", OutcomeUnknown),
        (500, {"title": "crashed"}, OutcomeUnknown),
        (502, b"<html>bad gateway</html>", OutcomeUnknown),
        (503, {"title": "later"}, OutcomeUnknown),
        (429, {"title": "later"}, Throttled),
        (400, {"title": "malformed", "detail": "no moves"}, MisconfiguredError),
        (401, {"title": "who?"}, MisconfiguredError),
        (403, {"title": "no"}, MisconfiguredError),
        (404, {"title": "where?"}, MisconfiguredError),
        (405, {"title": "no"}, MisconfiguredError),
    ],
)
async def test_an_answer_to_a_posting_that_gives_no_outcomes_is_told_by_what_it_means(status, body, raised):
    async with scripted(always(status, body)) as erp:
        with pytest.raises(SyncdError) as caught:
            await erp.post([sale("k1")])
    assert type(caught.value) is raised


@pytest.mark.parametrize("status", [409, 413, 422])
async def test_a_move_refused_alone_by_its_status_has_the_erps_own_words(status):
    async with scripted(always(status, {"title": "no", "detail": "the period is closed", "status": status})) as erp:
        (outcome,) = await erp.post([sale("k1")])
    assert (outcome.key, outcome.result, outcome.reason) == ("k1", PostResult.REFUSED, "the period is closed")


def poisoned(request: web.Request) -> tuple[int, Any]:
    """An ERP that chokes on a whole batch for one of its moves."""
    moves = json.loads(request._read_bytes or b"")["moves"]
    if any(move["sku"] == "poison" for move in moves):
        return 422, {"title": "bad SKU", "status": 422}
    return 200, {"outcomes": [{"key": move["key"], "result": "confirmed"} for move in moves]}


async def test_one_move_that_poisons_a_batch_is_refused_alone():
    async with scripted(poisoned) as erp:
        outcomes = await erp.post([sale("k1"), sale("k2", sku="poison"), sale("k3")])
    assert [outcome.result for outcome in outcomes] == [PostResult.CONFIRMED, PostResult.REFUSED, PostResult.CONFIRMED]
    assert [outcome.key for outcome in outcomes] == ["k1", "k2", "k3"]


@pytest.mark.parametrize(("calls_before", "raised"), [(1, Throttled), (2, OutcomeUnknown)])
async def test_a_batch_sent_one_by_one_that_stops_half_way_is_unknown(calls_before, raised):
    calls = []

    def stops(request: web.Request) -> tuple[int, Any]:
        calls.append(request)
        return poisoned(request) if len(calls) <= calls_before else (429, {"title": "later"})

    async with scripted(stops) as erp:
        with pytest.raises(SyncdError) as caught:
            await erp.post([sale("k1"), sale("k2", sku="poison")])
    assert type(caught.value) is raised


@pytest.mark.parametrize(
    ("status", "body", "raised"),
    [
        (200, {"moves": [{**FOUND, "key": "k2"}]}, StoreFault),
        (200, {"moves": [FOUND, FOUND]}, StoreFault),
        (200, {"moves": [{**FOUND, "change": "one"}]}, StoreFault),
        (200, {"moves": [{**FOUND, "change": -1}]}, StoreFault),
        (200, {}, StoreFault),
        (200, b"<html>one moment</html>", StoreFault),
        (500, {"title": "crashed"}, StoreFault),
        (404, {"title": "where?"}, MisconfiguredError),
        (400, {"title": "malformed"}, MisconfiguredError),
    ],
)
async def test_asking_by_key_never_takes_nonsense_for_an_absence(status, body, raised):
    async with scripted(always(status, body)) as erp:
        with pytest.raises(SyncdError) as caught:
            await erp.find(["k1"])
    assert type(caught.value) is raised


async def test_an_answer_that_a_cache_has_kept_is_no_answer():
    async def handle(_request: web.Request) -> web.Response:
        return web.json_response({"moves": []}, headers={"Age": "7"})

    app = web.Application()
    app.router.add_get("/v1/moves", handle)
    async with served(app) as base_url, http_client(base_url) as client:
        with pytest.raises(StoreFault, match="cache"):
            await HttpErp(client).find(["k1"])


LEVEL = {"sku": "A", "location": "", "available": "3"}
PAGE = {"levels": [LEVEL], "cursor": "c", "complete": False, "more": False}


@pytest.mark.parametrize(
    "body",
    [
        {**PAGE, "levels": [{**LEVEL, "available": 3}]},
        {**PAGE, "levels": [{**LEVEL, "available": "3.00001"}]},
        {**PAGE, "levels": [{**LEVEL, "available": "NaN"}]},
        {**PAGE, "levels": [{**LEVEL, "available": ""}]},
        {**PAGE, "levels": [LEVEL, {**LEVEL, "available": "4"}]},
        {**PAGE, "levels": [{"sku": "A", "available": "3"}]},
        {**PAGE, "cursor": ""},
        {**PAGE, "more": True, "cursor": "old"},
        {**PAGE, "more": True, "complete": True},
        {"levels": [], "cursor": "c"},
        [],
    ],
)
async def test_a_page_of_levels_that_breaks_the_contract_is_a_fault_as_a_whole(body):
    async with scripted(always(200, body)) as erp:
        with pytest.raises(StoreFault):
            await erp.levels("old")


async def test_levels_with_more_zeros_and_fields_than_needed_are_read():
    body = {**PAGE, "levels": [{**LEVEL, "available": "-3.500000", "colour": "blue"}], "new": 1}
    async with scripted(always(200, body)) as erp:
        page = await erp.levels("")
    assert page.levels == {("A", ""): Quantity(-35_000)}
    assert page.began <= page.ended


async def test_a_cursor_that_the_erp_has_forgotten_begins_from_the_start():
    asked = []

    def reply(request: web.Request) -> tuple[int, Any]:
        asked.append((request.path, request.query.get("since")))
        if "since" in request.query:
            return 410, {"title": "gone", "status": 410, "code": "cursor_gone"}
        return 200, PAGE if "levels" in request.path else {"shipments": [], "cursor": "s", "more": False}

    async with scripted(reply) as erp:
        assert (await erp.levels("old")).cursor == "c"
        assert (await erp.shipments("old")).cursor == "s"
    assert asked == [("/v1/levels", "old"), ("/v1/levels", None), ("/v1/shipments", "old"), ("/v1/shipments", None)]


async def test_shipments_that_go_round_in_circles_are_a_fault():
    async with scripted(always(200, {"shipments": [], "cursor": "old", "more": True})) as erp:
        with pytest.raises(StoreFault):
            await erp.shipments("old")


async def test_a_shipment_names_lines_skus_or_both_and_may_have_a_link():
    lines = [
        {"line": "11", "quantity": "2"},
        {"sku": "A", "quantity": "1"},
        {"line": "12", "sku": "B", "quantity": "0.5"},
    ]
    told = {"key": "s1", "store": "us", "order": "1001", "lines": lines, "link": "https://t.example/1"}
    async with scripted(always(200, {"shipments": [told], "cursor": "s", "more": False})) as erp:
        (shipment,) = (await erp.shipments("")).shipments
    wanted = [("11", "", 20_000), ("", "A", 10_000), ("12", "B", 5_000)]
    assert [(line.line, line.sku, line.quantity) for line in shipment.lines] == wanted
    assert shipment.link == "https://t.example/1"


@pytest.mark.parametrize("line", [{"quantity": "1"}, {"line": "11", "quantity": "0"}, {"line": "11", "quantity": "-1"}])
async def test_a_shipment_of_nothing_is_nonsense(line):
    told = {"key": "s1", "store": "us", "order": "1001", "lines": [line]}
    async with scripted(always(200, {"shipments": [told], "cursor": "s", "more": False})) as erp:
        with pytest.raises(StoreFault):
            await erp.shipments("")


IDENTITY = {"contract": 1, "identity": "i", "epoch": "e", "moves_max": 100, "late_seconds": 60}


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"contract": 2}, "update"),
        ({"moves_max": 50}, "batch_max = 50"),
        ({"late_seconds": 900}, "late_seconds = 900"),
    ],
)
async def test_an_erp_whose_limits_are_narrower_than_configured_stops_the_tenant_with_the_setting_to_change(
    change, hint
):
    async with scripted(always(200, {**IDENTITY, **change})) as erp:
        with pytest.raises(MisconfiguredError) as caught:
            await erp.describe()
    assert hint in caught.value.hint


async def test_the_configured_limits_are_the_traits():
    async with scripted(
        always(200, {**IDENTITY, "moves_max": 50}), batch_max=50, late_seconds=60, shipments=True
    ) as erp:
        assert (await erp.describe()).identity == "i"
        assert (erp.traits.batch_max, erp.traits.late_us, erp.traits.shipments) == (50, 60_000_000, True)
        with pytest.raises(BugError):
            await erp.find([str(number) for number in range(51)])
    with pytest.raises(MisconfiguredError):
        HttpErp(erp._client, batch_max=BATCH_MAX + 1)


async def test_an_order_document_that_is_refused_says_so_and_a_key_is_never_a_path():
    seen = []

    def reply(request: web.Request) -> tuple[int, Any]:
        seen.append(request.raw_path)
        if "nowhere" in request.path:
            return 404, {"title": "not found", "status": 404, "code": "not_found"}
        return (422, {"title": "no", "status": 422}) if "bad" in request.path else (204, b"")

    async with scripted(reply) as erp:
        await erp.put_order(an_order("a/b?c"))
        with pytest.raises(RefusedError):
            await erp.put_order(an_order("bad"))
        with pytest.raises(MisconfiguredError, match="keeps no order documents"):
            await erp.put_order(an_order("nowhere"))
    assert seen[0] == "/v1/orders/a%2Fb%3Fc"


# Before the simulated ERP, with its faults -----------------------------------------------------------------------------


@pytest.mark.parametrize("dial", ["error_after_rate", "reset_after_rate", "partial_rate", "timeout_after_rate"])
async def test_a_posting_whose_answer_is_lost_is_found_by_key_and_repeated_without_harm(dial):
    patience: dict[str, Any] = {"total_seconds": 2.0} if dial == "timeout_after_rate" else {}
    async with simulated_erp(**patience) as simulated:
        await simulated.set_level("A", units(10))
        simulated.truth.faults.turn({dial: 1.0, "faults_left": 1})
        batch = [sale("k1"), sale("k2", 2)]
        with pytest.raises(OutcomeUnknown):
            await simulated.erp.post(batch)
        found = await simulated.erp.find(["k1", "k2"])
        assert set(found) == ({"k1"} if dial == "partial_rate" else {"k1", "k2"})
        assert {outcome.result for outcome in await simulated.erp.post(batch)} == {PostResult.CONFIRMED}
        assert (await simulated.erp.levels("")).levels == {("A", ""): units(7)}


async def test_a_posting_that_was_not_counted_is_unknown_all_the_same_and_not_found():
    async with simulated_erp() as simulated:
        await simulated.set_level("A", units(10))
        simulated.truth.faults.turn({"error_before_rate": 1.0, "faults_left": 1})
        with pytest.raises(OutcomeUnknown):
            await simulated.erp.post([sale("k1")])
        assert await simulated.erp.find(["k1"]) == {}


async def test_a_posting_applied_late_is_absent_first_and_counted_once_in_the_end():
    async with simulated_erp() as simulated:
        await simulated.set_level("A", units(10))
        simulated.truth.faults.turn({"late_rate": 1.0, "late_seconds": 3600, "faults_left": 1})
        with pytest.raises(OutcomeUnknown):
            await simulated.erp.post([sale("k1")])
        assert await simulated.erp.find(["k1"]) == {}
        simulated.truth.apply_late_ones()
        assert set(await simulated.erp.find(["k1"])) == {"k1"}
        assert [outcome.result for outcome in await simulated.erp.post([sale("k1")])] == [PostResult.CONFIRMED]
        assert (await simulated.erp.levels("")).levels == {("A", ""): units(9)}


@pytest.mark.parametrize(
    ("dials", "read_raises", "write_raises"),
    [
        ({"down": True}, StoreFault, OutcomeUnknown),
        ({"html": True}, StoreFault, OutcomeUnknown),
        ({"unavailable": True}, StoreFault, OutcomeUnknown),
        ({"throttled": True}, Throttled, Throttled),
    ],
)
async def test_an_erp_that_is_away_is_a_passing_fault(dials, read_raises, write_raises):
    async with simulated_erp() as simulated:
        simulated.truth.faults.turn(dials)
        with pytest.raises(SyncdError) as reading:
            await simulated.erp.levels("")
        assert type(reading.value) is read_raises
    async with simulated_erp() as simulated:
        simulated.truth.faults.turn(dials)
        with pytest.raises(SyncdError) as writing:
            await simulated.erp.post([sale("k1")])
        assert type(writing.value) is write_raises


async def test_an_erp_that_was_restored_tells_another_epoch_and_everything_anew():
    async with simulated_erp() as simulated:
        await simulated.set_level("A", units(10))
        before = await simulated.erp.describe()
        await simulated.erp.post([sale("k1")])
        cursor = (await simulated.erp.levels("")).cursor
        simulated.truth.book.restore(forget=1)
        after = await simulated.erp.describe()
        assert (after.identity, after.epoch == before.epoch) == (before.identity, False)
        assert (await simulated.erp.levels(cursor)).levels == {("A", ""): units(10)}
        assert await simulated.erp.find(["k1"]) == {}
        assert set(simulated.truth.book.truth()["lost"]) == {"k1"}


async def test_without_an_erp_nothing_was_written():
    async with http_client("http://127.0.0.1:1") as client:
        with pytest.raises(StoreFault):
            await HttpErp(client).post([sale("k1")])


async def test_a_document_that_is_too_large_to_be_sent_is_refused_alone() -> None:
    """The client takes it for a bug of ours, and one such order would hold up all documents behind it, for good."""
    order = an_order("large")
    (line,) = order.lines
    async with scripted(lambda _: (204, b"")) as erp:
        with pytest.raises(RefusedError, match="bytes"):
            await erp.put_order(msgspec.structs.replace(order, lines=(line,) * 2_000))
        await erp.put_order(order)


async def test_documents_that_hang_hold_up_no_move() -> None:
    """As the daemon makes the client: a document, an outcome and a batch of moves may be under way at a time."""
    hangs = anyio.Event()

    async def handle(request: web.Request) -> web.Response:
        body = await request.json()
        if request.method == "PUT":
            await hangs.wait()
            return web.Response(status=204)
        return web.json_response({"outcomes": [{"key": move["key"], "result": "confirmed"} for move in body["moves"]]})

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handle)
    async with served(app) as base_url, make_session() as session:
        model = HttpErpModel(kind="http", base_url=base_url, token=SecretStr("t"))
        given = SimpleNamespace(clock=SystemClock(), chance=SystemChance(), session=session)
        erp = HttpErp(erp_client(model, given, make_log(io.StringIO(), form="json", level="info", clock=SystemClock())))
        async with anyio.create_task_group() as group:
            group.start_soon(erp.put_order, an_order("a"))
            await anyio.sleep(0.05)
            with anyio.fail_after(5):
                (outcome,) = await erp.post([sale("k1")])
            assert outcome.result is PostResult.CONFIRMED
            hangs.set()
