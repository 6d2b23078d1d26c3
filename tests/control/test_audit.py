from __future__ import annotations

import sqlite3

import msgspec
import pytest
from sqlalchemy import update

from syncd.core.quantity import units
from syncd.ledger import stores
from syncd.ledger.schema import line
from tests.control.bench import order


@pytest.fixture
async def settled(bench):
    """Two sold in us and posted; both shops show 8."""
    await bench.stock(BOLT=10)
    await bench.open_store("us", BOLT=10)
    await bench.open_store("web", BOLT=8)
    await bench.take("us", order("1001", {"BOLT": 2}))
    await bench.post()
    await bench.watch()
    for name in ("us", "web"):
        bench.shops[name].counters = {"i-BOLT": units(8)}
        await bench.read_levels(name)
    return bench


async def test_where_everything_agrees_the_verdict_is_exact(settled):
    told = await settled.call("audit")
    assert told["verdict"] == "exact", told
    assert told["accounts"] == {"accounts": 1, "quarantined": 0}
    assert told["moves"] == {"asked": 1, "found": 1, "trouble": None, "in_flight": 0}
    assert told["erp"] == {"skus": 1, "agree": 1, "trouble": None}
    assert [(shop["store"], shop["items"], shop["agree"]) for shop in told["stores"]] == [("us", 1, 1), ("web", 1, 1)]
    msgspec.json.encode(told)


async def test_a_shop_that_shows_something_else_is_unexplained(settled):
    settled.shops["web"].counters["i-BOLT"] = units(9)
    settled.store("web").context.drained = settled.clock.now() + 10**9  # its orders are read past this moment
    told = await settled.call("audit")
    assert told["verdict"] == "unexplained"
    (entry,) = told["unexplained"]
    assert (entry["what"], entry["store"], entry["item"]) == ("store_level", "web", "i-BOLT")
    assert (entry["expected"], entry["found"]) == ("8", "9")


async def test_a_difference_that_may_be_a_sale_not_read_yet_is_explained(settled):
    settled.shops["web"].counters["i-BOLT"] = units(7)
    told = await settled.call("audit")
    assert told["verdict"] == "explained"
    assert "it may be a later sale" in told["explained"][0]["why"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"brake": "too many"}, "the brake has stopped its writes: too many"),
        ({"approved": 0}, "its plan isn't approved yet: nothing is written to it"),
        ({"paused": 1}, "its writes are paused"),
        ({"state": "baseline"}, "the store's baseline isn't complete: nothing is written to it yet"),
    ],
)
async def test_a_store_that_may_not_be_written_to_is_explained(settled, change, why):
    settled.shops["web"].counters["i-BOLT"] = units(9)
    await settled.ledger.run(lambda c: stores.change_store(c, "acme", "web", **change))
    told = await settled.call("audit")
    assert told["verdict"] == "explained"
    assert told["explained"][0]["why"] == why


async def test_a_confirmed_move_that_the_erp_lost_is_unexplained(settled, tmp_path):
    with sqlite3.connect(tmp_path / "state" / "erp" / "acme.sqlite3") as connection:  # by hand, as nobody should
        connection.execute("DROP TRIGGER entry_is_never_changed")
        connection.execute("UPDATE entry SET key = 'other' WHERE kind = 'move'")
    connection.close()
    told = await settled.call("audit")
    assert [entry["what"] for entry in told["unexplained"]] == ["move"]
    assert told["unexplained"][0]["order"] == "us/1001"


async def test_a_stock_book_that_was_tampered_with_is_unexplained(settled, tmp_path):
    with sqlite3.connect(tmp_path / "state" / "erp" / "acme.sqlite3") as connection:
        connection.execute("UPDATE level SET quantity = quantity + 10000")
    connection.close()
    told = await settled.call("audit")
    assert {"stock_book"} <= {entry["what"] for entry in told["unexplained"]}


async def test_an_account_that_does_not_add_up_is_unexplained(settled):
    await settled.ledger.run(lambda c: c.execute(update(line).values(confirmed=units(1))).rowcount)
    told = await settled.call("audit")
    texts = {entry["text"] for entry in told["unexplained"] if entry["what"] == "account"}
    assert texts == {
        "the commitment is neither confirmed nor on its way",
        "what is confirmed is not the sum of the confirmed moves",
    }


async def test_what_is_on_its_way_is_no_difference(settled):
    await settled.take("us", order("1002", {"BOLT": 1}))
    told = await settled.call("audit")
    assert told["moves"]["in_flight"] == 1
    assert not [entry for entry in told["unexplained"] if entry["what"] == "account"]


async def test_a_quarantined_line_is_explained(settled):
    await settled.take("us", order("1002", {"GHOST": 1}))
    told = await settled.call("audit")
    assert told["unexplained_count"] == 0
    assert "quarantined: it waits for a decision" in {entry["why"] for entry in told["explained"]}


async def test_a_level_that_the_watcher_missed_is_unexplained(settled):
    settled.app.books[0].adjust("BOLT", "main", units(5), "a delivery")
    told = await settled.call("audit")  # nobody watches in this test: it hasn't been read since
    assert [entry["why"] for entry in told["explained"] if entry["what"] == "erp_level"] == [
        "the ERP is changing, or hasn't been read since"
    ]
    settled.work.context.erp_watched = settled.clock.now() + 10**9  # it was read, and the feed named nothing
    told = await settled.call("audit")
    assert [entry["sku"] for entry in told["unexplained"] if entry["what"] == "erp_level"] == ["BOLT"]


async def test_a_store_that_can_not_be_read_is_explained(settled):
    from syncd.errors import StoreFault

    class Broken:
        traits = settled.shops["web"].inventory.traits

        async def levels(self, names):
            raise StoreFault("503 from the shop")

    class Shop:
        orders = settled.shops["web"].orders
        inventory = Broken()

    settled.store("web").context.port = Shop()
    told = await settled.call("audit")
    assert told["stores"][1]["trouble"] == "503 from the shop"
    assert told["verdict"] == "explained"
