from __future__ import annotations

import anyio
import pytest

from syncd.control.failure import CommandFailed
from syncd.control.plain import instant_of, iso
from syncd.core.quantity import Instant
from syncd.engine.steps import Loop
from syncd.ledger import history, orders, stores
from syncd.reconcile.backfill_step import BackfillStep
from tests.control.bench import SECOND, order

DAY = 86_400 * SECOND


async def test_opening_stock_lands_at_the_location_that_is_sold_from(bench):
    told = await bench.call("erp.import", content="sku,quantity\nBOLT,10\nNUT,2.5\n", name="stock.csv")
    assert told == {"tenant": "acme", "file": "stock.csv", "added": 2, "changed": 0, "unchanged": 0}
    levels = (await bench.call("erp.levels"))["levels"]
    assert levels == [
        {"sku": "BOLT", "location": "main", "level": "10"},
        {"sku": "NUT", "location": "main", "level": "2.5"},
    ]
    again = await bench.call("erp.import", content="sku,quantity\nBOLT,10\nNUT,2.5\n", name="stock.csv")
    assert (again["added"], again["unchanged"]) == (0, 2)


async def test_a_wrong_file_changes_nothing_and_tells_every_line(bench):
    from syncd.errors import RefusedError

    with pytest.raises(RefusedError, match="line 2") as caught:
        await bench.call("erp.import", content="sku,quantity\n,10\nNUT,many\n", name="stock.csv")
    assert "line 3" in str(caught.value)
    assert (await bench.call("erp.levels"))["levels"] == []


async def test_receipts_and_corrections_stand_in_the_journal(bench):
    await bench.call("erp.import", content="sku,quantity\nBOLT,10\n", name="stock.csv")
    assert (await bench.call("erp.receive", sku="BOLT", quantity="5", text="PO 1"))["level"] == "15"
    assert (await bench.call("erp.adjust", sku="BOLT", quantity="-2.5", text="broken"))["level"] == "12.5"
    entries = (await bench.call("erp.journal", sku="BOLT"))["entries"]
    assert [(each["kind"], each["change"], each["reference"]) for each in entries[1:]] == [
        ("receipt", "5", "PO 1"),
        ("adjustment", "-2.5", "broken"),
    ]


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("erp.adjust", {"sku": "BOLT", "quantity": "some", "text": "x"}, "not a number"),
        ("erp.journal", {"sku": "BOLT"}, "no SKU 'BOLT'"),
        ("erp.levels", {"sku": "BOLT"}, "no SKU 'BOLT'"),
    ],
)
async def test_mistakes_about_stock_are_told(bench, name, arguments, words):
    with pytest.raises(CommandFailed, match=words) as caught:
        await bench.call(name, **arguments)
    assert caught.value.exit_code == 2


async def test_the_stock_book_is_for_tenants_who_have_it(bench):
    bench.app.desks.clear()
    with pytest.raises(CommandFailed, match="an ERP of its own"):
        await bench.call("erp.adjust", sku="BOLT", quantity="1", text="x")


@pytest.fixture
async def missed(bench):
    """Five orders of the last days that the ledger hasn't seen."""
    await bench.stock(BOLT=100)
    await bench.open_store("us", BOLT=100)
    now = bench.clock.now()
    for n in range(1, 6):
        bench.shops["us"].known[str(n)] = order(str(n), {"BOLT": 1}, at=now - (6 - n) * 60 * SECOND)
    return bench


async def count(bench):
    return await bench.ledger.read(lambda c: orders.count_orders(c, "acme", "us"))


def since(bench):
    return iso(bench.clock.now() - DAY)


async def test_a_backfill_takes_in_what_was_missed_and_counts_nothing_twice(missed):
    await missed.take("us", missed.shops["us"].known["3"])
    async with anyio.create_task_group() as group:
        loop = Loop([], missed.store("us").context.bell, clock=missed.clock, chance=missed.given.chance, failed=print)
        missed.store("us").loop = loop
        loop.timers.append(_never())
        group.start_soon(loop.run)
        told = await missed.call("backfill", tenant="us", since=since(missed))
        group.cancel_scope.cancel()
    assert told["changed"] == 4
    assert await count(missed) == 5
    assert [timer.name for timer in loop.timers] == ["never"]
    assert missed.told[-1]["orders"] >= 5
    await missed.post()
    level = (await missed.call("erp.levels", sku="BOLT"))["levels"][0]["level"]
    assert level == "95"


def _never():
    from syncd.engine.steps import Timer

    async def step():
        return 3_600.0

    return Timer("never", step, due=10.0**12)


async def test_an_interrupted_backfill_goes_on_where_it_stopped(missed):
    context, step_orders = missed.store("us").context, missed.store("us").orders
    start = instant_of(since(missed))
    first = BackfillStep(context, step_orders, start)
    for _ in range(2):
        await first.run()
    left = await missed.ledger.read(lambda c: history.read_resume(c, "acme", "us"))
    assert left
    seen = await count(missed)
    assert 0 < seen < 5
    second = BackfillStep(context, step_orders, start)
    while not second.done:
        await second.run()
    assert second.resumed
    assert second.at.orders > first.at.orders
    assert await count(missed) == 5
    assert await missed.ledger.read(lambda c: history.read_resume(c, "acme", "us")) == ""


async def test_a_backfill_from_another_date_begins_anew(missed):
    context, step_orders = missed.store("us").context, missed.store("us").orders
    first = BackfillStep(context, step_orders, instant_of(since(missed)))
    await first.run()
    second = BackfillStep(context, step_orders, Instant(instant_of(since(missed)) - DAY))
    await second.run()
    assert not second.resumed


async def test_an_order_of_an_unknown_sku_is_held_at_the_end_of_a_backfill(missed):
    missed.shops["us"].known["2"] = order("2", {"GHOST": 1}, at=missed.clock.now() - 3_000 * SECOND)
    step = BackfillStep(missed.store("us").context, missed.store("us").orders, instant_of(since(missed)))
    while not step.done:
        await step.run()
    assert [entry["order"] for entry in (await missed.call("quarantine.list"))["entries"]] == ["2"]


@pytest.mark.parametrize(("date", "words"), [("soon", "is no date"), ("2999-01-01", "not in the past")])
async def test_a_backfill_needs_a_date_in_the_past(missed, date, words):
    with pytest.raises(CommandFailed, match=words) as caught:
        await missed.call("backfill", tenant="us", since=date)
    assert caught.value.exit_code == 2


async def test_a_store_in_its_baseline_needs_no_backfill(bench):
    await bench.open_store("us", state=stores.BASELINE, BOLT=1)
    with pytest.raises(CommandFailed, match="reads all orders anyway") as caught:
        await bench.call("backfill", tenant="us", since="2025-01-01")
    assert caught.value.exit_code == 75
