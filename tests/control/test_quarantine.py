from __future__ import annotations

import msgspec
import pytest

from syncd.control.failure import CommandFailed
from syncd.core.moves import SENT
from syncd.core.order import Unreadable
from syncd.ledger import history, moves, payloads, quarantine
from tests.control.bench import SECOND, order


async def held(bench):
    return (await bench.call("quarantine.list"))["entries"]


async def level(bench, sku):
    return next(each["level"] for each in (await bench.call("erp.levels"))["levels"] if each["sku"] == sku)


async def test_a_line_without_a_known_sku_is_listed_and_shown(bench):
    await bench.open_store("us", BOLT=10)
    await bench.take("us", order("1001", {"GHOST": 2}))
    told = await bench.call("quarantine.list")
    assert told["held"] == 1
    (entry,) = told["entries"]
    assert (entry["store"], entry["order"], entry["line"], entry["state"]) == ("us", "1001", "1", "held")
    assert entry["reason"] == "the ERP has no SKU GHOST"
    shown = await bench.call("quarantine.show", id=entry["id"])
    assert shown["accounts"][0]["commitment"] == "2"
    msgspec.json.encode(shown)


async def test_a_line_can_be_counted_once_the_erp_has_its_sku(bench):
    await bench.open_store("us", BOLT=10)
    await bench.take("us", order("1001", {"GHOST": 2}))
    (entry,) = await held(bench)
    with pytest.raises(CommandFailed, match="still has no SKU GHOST"):
        await bench.call("quarantine.release", id=entry["id"], decision="count")
    assert len(await held(bench)) == 1
    bench.app.books[0].add("GHOST", location="main")  # the release looks into the ERP by itself
    told = await bench.call("quarantine.release", id=entry["id"], decision="count")
    assert told["moves"] == 1
    await bench.post()
    assert await level(bench, "GHOST") == "-2"
    assert await held(bench) == []
    assert (await bench.call("audit"))["unexplained_count"] == 0


async def test_a_kit_that_becomes_known_is_counted_by_its_components(bench):
    await bench.stock(BOLT=100)
    await bench.open_store("us", SET=5)
    first = order("1001", {"SET": 2})
    await bench.take("us", first)
    (entry,) = await held(bench)
    await bench.stock(NUT=50)
    told = await bench.call("quarantine.release", id=entry["id"], decision="count")
    assert told["moves"] == 2
    await bench.post()
    assert (await level(bench, "BOLT"), await level(bench, "NUT")) == ("92", "46")
    await bench.take("us", order("1001", {"SET": 1}, at=first.created, edit=5))  # and an edit finds the accounts again
    await bench.post()
    assert (await level(bench, "BOLT"), await level(bench, "NUT")) == ("96", "48")
    assert (await bench.call("audit"))["unexplained_count"] == 0


async def test_what_is_counted_already_moves_nothing_and_later_changes_do(bench):
    await bench.open_store("us", BOLT=10)
    first = order("1001", {"GHOST": 2})
    await bench.take("us", first)
    (entry,) = await held(bench)
    await bench.stock(GHOST=8)
    told = await bench.call("quarantine.release", id=entry["id"], decision="already_counted")
    assert told["moves"] == 0
    await bench.post()
    assert await level(bench, "GHOST") == "8"
    await bench.take("us", order("1001", {"GHOST": 3}, at=first.created, edit=5))
    await bench.post()
    assert await level(bench, "GHOST") == "7"
    assert (await bench.call("audit"))["unexplained_count"] == 0


async def test_a_refused_move_is_planned_anew_under_the_next_key(bench):
    await bench.stock(BOLT=10)
    await bench.open_store("us", BOLT=10)
    await bench.take("us", order("1001", {"BOLT": 2}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("syncd.erps.embedded.book.Page.complaint", lambda *_: "closed period")
        await bench.post()
    (entry,) = await held(bench)
    assert "closed period" in entry["reason"]
    told = await bench.call("quarantine.release", id=entry["id"], decision="count")
    assert told["moves"] == 1
    await bench.post()
    assert await level(bench, "BOLT") == "8"
    lines = (await bench.call("explain.order", order="us/1001"))["lines"]
    assert [(move["n"], move["state"]) for move in lines[0]["moves"]] == [(0, "refused"), (1, "confirmed")]


async def test_nothing_is_taken_as_booked_while_a_move_is_under_way(bench):
    await bench.stock(BOLT=10)
    await bench.open_store("us", BOLT=10)
    await bench.take("us", order("1001", {"BOLT": 2}))
    now = bench.clock.now()

    def unit(connection):
        due = moves.moves_to_post(connection, "acme", now, 10)
        moves.mark_sent(connection, "acme", due, now, now)
        from syncd.ledger.orders import set_account_state

        set_account_state(connection, "acme", "us", "1001", "1", 0, state="quarantined")
        quarantine.hold(connection, "acme", "us", "1001", "1", reason="a test's", hint="", raw=b"", now=now)
        assert due[0].state != SENT

    await bench.ledger.run(unit)
    (entry,) = await held(bench)
    with pytest.raises(CommandFailed, match="under way") as caught:
        await bench.call("quarantine.release", id=entry["id"], decision="already_counted")
    assert caught.value.exit_code == 75


async def test_an_unreadable_order_is_read_again_when_it_is_released(bench):
    await bench.stock(BOLT=10)
    await bench.open_store("us", BOLT=10)
    await bench.take("us", Unreadable("1001", "no lines", b"{}"))
    (entry,) = await held(bench)
    assert (entry["line"], entry["reason"]) == (None, "no lines")
    with pytest.raises(CommandFailed, match="still can't be read: no lines"):
        await bench.call("quarantine.release", id=entry["id"], decision="count")
    bench.shops["us"].known["1001"] = order("1001", {"BOLT": 2})
    told = await bench.call("quarantine.release", id=entry["id"], decision="count")
    assert told["moves"] == 1
    await bench.post()
    assert await level(bench, "BOLT") == "8"
    assert await held(bench) == []


async def test_a_whole_order_can_be_taken_as_booked(bench):
    await bench.stock(BOLT=10)
    await bench.open_store("us", BOLT=10)
    await bench.take("us", Unreadable("1001", "no lines", b"{}"))
    (entry,) = await held(bench)
    bench.shops["us"].known["1001"] = order("1001", {"BOLT": 2})
    await bench.call("quarantine.release", id=entry["id"], decision="already_counted")
    await bench.post()
    assert await level(bench, "BOLT") == "10"
    lines = (await bench.call("explain.order", order="us/1001"))["lines"]
    assert (lines[0]["commitment"], lines[0]["confirmed"]) == ("2", "2")
    assert (await bench.call("audit"))["unexplained_count"] == 0


async def test_an_order_that_is_gone_from_the_store_is_closed(bench):
    await bench.open_store("us", BOLT=10)
    await bench.take("us", Unreadable("1001", "no lines", b"{}"))
    bench.shops["us"].known.clear()
    bench.shops["us"].gone.add("1001")
    (entry,) = await held(bench)
    told = await bench.call("quarantine.release", id=entry["id"], decision="count")
    assert "no such order" in told["note"]
    assert await held(bench) == []


async def test_another_order_under_an_old_number_is_adopted_by_decision(bench):
    await bench.stock(BOLT=10)
    await bench.open_store("us", BOLT=10)
    old = order("1001", {"BOLT": 2})
    await bench.take("us", old)
    await bench.post()
    await bench.take("us", order("1001", {"BOLT": 5}, at=old.created + 7 * SECOND))
    (entry,) = await held(bench)
    assert "another order has this number" in entry["reason"]
    assert await level(bench, "BOLT") == "8"
    await bench.call("quarantine.release", id=entry["id"], decision="count")
    await bench.post()
    assert await level(bench, "BOLT") == "5"


async def test_an_entry_is_released_once(bench):
    await bench.open_store("us", BOLT=10)
    await bench.take("us", Unreadable("", "not even a number", b"\xff"))
    (entry,) = await held(bench)
    shown = await bench.call("quarantine.show", id=entry["id"])
    assert shown["raw_base64"] == "/w=="
    await bench.call("quarantine.release", id=entry["id"], decision="count")
    assert await bench.ledger.read(lambda c: quarantine.find(c, "acme", entry["id"]).raw) == b"", "it names people"
    with pytest.raises(CommandFailed, match="not held any more"):
        await bench.call("quarantine.release", id=entry["id"], decision="count")
    with pytest.raises(CommandFailed, match="no quarantine entry 999"):
        await bench.call("quarantine.show", id=999)


async def test_a_held_line_shows_its_order_as_the_store_sent_it_until_it_is_released(bench):
    await bench.open_store("us", BOLT=10)
    await bench.take("us", order("1001", {"GHOST": 2}))
    (entry,) = await held(bench)
    head = await bench.ledger.read(lambda c: history.read_order_head(c, "acme", "us", "1001"))
    page = payloads.compress(b'[{"id": 1001, "billing": {"first_name": "Ada"}}]')
    await bench.ledger.run(lambda c: payloads.keep(c, "acme", "us", head.batch, bench.clock.now(), page))
    assert "Ada" in (await bench.call("quarantine.show", id=entry["id"]))["raw"]
    await bench.call("quarantine.release", id=entry["id"], decision="already_counted")
    assert (await bench.call("quarantine.show", id=entry["id"]))["raw"] is None
