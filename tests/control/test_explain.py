from __future__ import annotations

import msgspec
import pytest

from syncd.cli import explain
from syncd.control.failure import CommandFailed
from syncd.core.order import Phase
from syncd.core.quantity import units
from syncd.ledger import shipments
from syncd.ledger.shipments import Told
from syncd.ports.erp import Shipment, ShipmentLine
from tests.control.bench import order


@pytest.fixture
async def sold(bench):
    """Two bolts sold and posted, one taken back and not posted yet."""
    await bench.stock(BOLT=10)
    await bench.open_store("us", BOLT=10)
    first = order("1001", {"BOLT": 3})
    await bench.take("us", first)
    await bench.post()
    await bench.take("us", order("1001", {"BOLT": 2}, at=first.created, edit=5))
    return bench


async def test_an_order_is_explained_line_by_line_and_move_by_move(sold):
    told = await sold.call("explain.order", tenant="acme", order="us/1001")
    assert (told["store"], told["order"], told["phase"], told["baseline"]) == ("us", "1001", "paid", False)
    (line,) = told["lines"]
    assert (line["quantity"], line["commitment"], line["confirmed"], line["untold"]) == ("2", "2", "3", "-1")
    assert (line["rule"], line["state"], line["sku"]) == ("paid", "counted", "BOLT")
    first, second = line["moves"]
    assert (first["n"], first["change"], first["state"]) == (0, "-3", "confirmed")
    assert first["erp"] == {"sku": "BOLT", "location": "main", "change": "-3"}
    assert (second["n"], second["change"], second["state"], second["erp"]) == (1, "1", "intended", None)
    assert second["erp_asked"] is True
    msgspec.json.encode(told)


async def test_an_order_can_be_named_as_the_log_names_it(sold):
    told = await sold.call("explain.order", order="acme/us/1001")
    assert told["order"] == "1001"


@pytest.mark.parametrize("name", ["1001", "us/", "a/b/c/d", ""])
async def test_what_names_no_order_is_refused(sold, name):
    with pytest.raises(CommandFailed, match="names no order") as caught:
        await sold.call("explain.order", tenant="acme", order=name)
    assert caught.value.exit_code == 2


async def test_an_unknown_order_and_an_unknown_store_are_told_apart(sold):
    with pytest.raises(CommandFailed, match="doesn't know order 7"):
        await sold.call("explain.order", order="us/7")
    with pytest.raises(CommandFailed, match="no store 'eu'"):
        await sold.call("explain.order", order="eu/7")


async def test_a_sku_is_explained_with_terms_beliefs_readings_and_moves(sold):
    await sold.watch()
    told = await sold.call("explain.sku", sku="BOLT")
    assert told["erp"]["level"] == "7"
    assert told["open_orders"][0]["order"] == "us/1001"
    assert [move["change"] for move in told["moves_waiting"]] == ["1"]
    assert [move["change"] for move in told["moves_latest"]] == ["-3"]
    us, web = told["stores"]
    assert (us["store"], us["target"]["target"]) == ("us", "7")
    (item,) = us["items"]
    assert (item["item"], item["factor"], item["shown"]) == ("i-BOLT", "1", "7")
    assert item["readings"][0]["level"] == "10"
    assert [taking["order"] for taking in item["takings"]] == ["us/1001", "us/1001"]
    assert web["items"] == []
    msgspec.json.encode(told)


async def test_a_component_is_explained_with_the_kits_that_draw_on_it(bench):
    await bench.stock(BOLT=10, NUT=4)
    await bench.open_store("us", SET=2, BOLT=10)
    told = await bench.call("explain.sku", sku="BOLT")
    factors = {item["item"]: item["factor"] for item in told["stores"][0]["items"]}
    assert factors == {"i-BOLT": "1", "i-SET": "4"}


async def test_a_shops_sku_leads_to_the_erps(bench):
    await bench.stock(BOLT=10, NUT=4)
    await bench.open_store("us", SET=2)
    with pytest.raises(CommandFailed, match="the ERP counts it as BOLT, NUT"):
        await bench.call("explain.sku", sku="SET")
    with pytest.raises(CommandFailed, match="neither the ERP nor a shop") as caught:
        await bench.call("explain.sku", sku="BOLD")
    assert caught.value.hint == "did you mean BOLT?"


async def test_a_cancelled_order_shows_the_rule_that_gave_it_back(sold):
    known = sold.shops["us"].known["1001"]
    await sold.take("us", order("1001", {"BOLT": 2}, phase=Phase.CANCELLED, at=known.created, edit=9))
    told = await sold.call("explain.order", order="us/1001")
    assert (told["lines"][0]["commitment"], told["lines"][0]["rule"]) == ("0", "cancelled")
    states = [(move["change"], move["state"]) for move in told["lines"][0]["moves"]]
    assert states == [("-3", "confirmed"), ("1", "void"), ("3", "intended")]


async def test_the_shipments_of_an_order_are_shown_with_their_ends(sold, monkeypatch, capsys):
    told = Told(Shipment("D-1", "us", "1001", (ShipmentLine("", units(1), "BOLT"),), "UPS", "1Z9"))
    skipped = Told(Shipment("D-0", "us", "1001", (ShipmentLine("1", units(2)),)), "told in shadow mode")

    def unit(connection):
        shipments.take_shipments(
            connection, "acme", [skipped, told], "c", begin=(), epoch=sold.work.context.epoch, now=sold.clock.now()
        )

    await sold.ledger.run(unit)
    explained = await sold.call("explain.order", tenant="acme", order="us/1001")
    assert [(each["shipment"], each["state"], each["reason"]) for each in explained["shipments"]] == [
        ("D-0", "skipped", "told in shadow mode"),
        ("D-1", "intended", None),
    ]
    assert explained["shipments"][1]["units"] == [{"of": "BOLT", "quantity": "1"}]
    msgspec.json.encode(explained)
    monkeypatch.setattr(explain, "reach", lambda *_: explained)
    monkeypatch.setenv("COLUMNS", "250")
    explain.explain_order(["us/1001"])
    shown = capsys.readouterr().out
    assert "shipments" in shown
    assert "1 of BOLT" in shown
    assert "2 of line 1" in shown
