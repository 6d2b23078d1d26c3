"""What the ERP ships becomes shipments of the shop's orders: each exactly once, never more than was ordered."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiohttp.web import HTTPForbidden

from syncd.ledger import shipments
from tests.reconcile.test_crash_points import FragileHop
from tests.reconcile.test_pause import call
from tests.reconcile.test_reload import reloading, task_names
from tests.reconcile.world import Store, World, open_world

OPENING = {"A": 20, "B": 20, "C": 20}
FROM_ERP = 'shipments = "from_erp"\n'


@asynccontextmanager
async def shop_and_erp(
    folder: Path, more: str = "", *, mode: str = "", end: str = ""
) -> AsyncIterator[tuple[World, Store]]:
    async with open_world(folder) as world:
        us = await world.serve("us", "bigcommerce", stock=OPENING)
        await world.serve_erp()
        world.open_stock(OPENING)
        world.configure(mode, per_store={"us": FROM_ERP + more}, end=end)
        yield world, us


async def begun(world: World) -> None:
    """The shop is read, and the ERP's feed of shipments has been read to its end."""
    await world.started()

    async def complaint() -> str:
        row = await world.ledger.read(lambda connection: shipments.read_feed(connection, "acme"))
        return "" if row is not None and row[1].get("us") else "the feed wasn't read"

    await world.until(complaint)


def ships(world: World, key: str, order: str, lines: list[dict[str, str]], **more: str) -> None:
    """The ERP's people send a parcel."""
    assert world.erp is not None
    world.erp.book.shipments.append({"key": key, "store": "us", "order": order, "lines": lines, **more})


def made(us: Store, order: str) -> list[tuple[dict[int, int], str]]:
    """What the shop has, by the ground truth: units by line, tracking number."""
    return [(one.items, one.fields.get("tracking_number", "")) for one in us.shop.order(order).shipments]


async def until_made(world: World, us: Store, order: str, count: int) -> None:
    def complaint() -> str:
        have = len(us.shop.order(order).shipments)
        return "" if have >= count else f"{have} of {count} shipments"

    await world.until(complaint)


async def states(world: World, order: str) -> dict[str, str]:
    rows = await world.ledger.read(lambda connection: shipments.of_order(connection, "acme", "us", order))
    return {f"{row.key}/{row.part}": row.state for row in rows}


async def until_state(world: World, order: str, wanted: dict[str, str]) -> None:
    async def complaint() -> Any:
        have = await states(world, order)
        return "" if have == wanted else f"{have}, not {wanted}"

    await world.until(complaint)


async def bought(us: Store, *lines: tuple[str, int, int]) -> tuple[str, list[str]]:
    """An order of (SKU, quantity, address); its id and its lines'."""
    wanted = [{"sku": sku, "quantity": count, "address": address} for sku, count, address in lines]
    order = await us.call("POST", "/orders", {"lines": wanted, "paid": True})
    return order["order"], [line["line"] for line in order["lines"]]


async def held(world: World) -> list[str]:
    return [event["reason"] for event in world.events() if event["event"] == "shipment.refused"]


async def test_parts_of_an_order_are_shipped_as_they_leave_the_house(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        order, (a, b) = await bought(us, ("A", 3, 0), ("B", 1, 0))
        ships(
            world,
            "s1",
            order,
            [{"line": a, "quantity": "2"}],
            carrier="UPS",
            tracking="T1",
            link="https://ups.example/T1",
        )
        await until_made(world, us, order, 1)
        assert us.shop.order(order).status_id == 3
        fields = us.shop.order(order).shipments[0].fields
        assert (fields["shipping_provider"], fields["tracking_link"]) == ("ups", "https://ups.example/T1")
        assert fields["comments"].startswith("syncd sp-")
        ships(world, "s2", order, [{"sku": "A", "quantity": "1"}, {"sku": "B", "quantity": "1"}], carrier="Own van")
        await until_made(world, us, order, 2)
        assert made(us, order) == [({int(a): 2}, "T1"), ({int(a): 1, int(b): 1}, "")]
        assert us.shop.order(order).status_id == 2
        await until_state(world, order, {"s1/0": "confirmed", "s2/0": "confirmed"})
        await world.settled({"A": 17, "B": 19, "C": 20})
        asked = await world.asked(us)
        assert sum(row.startswith("POST /stores/simshop/v2/orders") for row in asked) == 2


async def test_an_order_to_two_addresses_gets_a_shipment_for_each(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        order, (a, b) = await bought(us, ("A", 1, 0), ("B", 2, 1))
        ships(world, "s1", order, [{"line": a, "quantity": "1"}, {"line": b, "quantity": "2"}], tracking="T1")
        await until_made(world, us, order, 2)
        assert made(us, order) == [({int(a): 1}, "T1"), ({int(b): 2}, "T1")]
        assert {one.address_id for one in us.shop.order(order).shipments} == set(us.shop.order(order).addresses)
        await until_state(world, order, {"s1/0": "confirmed", "s1/1": "confirmed"})


@pytest.mark.parametrize("lost_by", ["504", "hang", "reset"])
async def test_a_lost_answer_makes_one_shipment(tmp_path: Path, lost_by: str) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        order, (a,) = await bought(us, ("A", 3, 0))
        await world.settled({"A": 17, "B": 20, "C": 20})
        await us.call("PUT", "/faults", {"lost_answer": 1.0, "lost_answer_by": lost_by})
        ships(world, "s1", order, [{"line": a, "quantity": "1"}])
        await until_made(world, us, order, 1)
        await us.call("DELETE", "/faults")
        ships(world, "s2", order, [{"line": a, "quantity": "1"}])
        await until_state(world, order, {"s1/0": "confirmed", "s2/0": "confirmed"})
        assert len(made(us, order)) == 2
        assert [event["effect"] for event in world.events() if event["event"] == "shipment.doubt"]


async def test_a_process_killed_while_the_shop_answers_finds_its_shipment(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us):
        async with world.daemon(crash=True):
            await begun(world)
            order, (a,) = await bought(us, ("A", 3, 0))
            await world.settled({"A": 17, "B": 20, "C": 20})
            await us.call("PUT", "/faults", {"lost_answer": 1.0, "lost_answer_by": "hang"})
            ships(world, "s1", order, [{"line": a, "quantity": "1"}])
            await until_made(world, us, order, 1)
        await us.call("DELETE", "/faults")
        async with world.daemon():
            await until_state(world, order, {"s1/0": "confirmed"})
            await anyio.sleep(240)
        assert len(made(us, order)) == 1


@pytest.mark.parametrize("killed", [True, False])
async def test_a_request_that_arrives_late_is_waited_for(tmp_path: Path, killed: bool) -> None:
    async with shop_and_erp(tmp_path) as (world, us):
        real = us.shop.ship

        def later(*args: Any, **fields: Any) -> Any:
            us.shop.ship = real
            asyncio.get_running_loop().call_later(20.0, lambda: real(*args, **fields))
            raise ConnectionError  # the shop answers 500

        async with world.daemon(crash=killed):
            await begun(world)
            order, (a,) = await bought(us, ("A", 3, 0))
            us.shop.ship = later
            ships(world, "s1", order, [{"line": a, "quantity": "1"}])
            await until_state(world, order, {"s1/0": "sent"})
            await anyio.sleep(1.0 if killed else 120.0)
        async with world.daemon():
            await until_state(world, order, {"s1/0": "confirmed"})
            await anyio.sleep(60)
        assert len(made(us, order)) == 1


async def test_a_request_that_never_arrived_is_sent_again_when_it_is_surely_dead(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path, "late_seconds = 20\n") as (world, us), world.daemon():
        await begun(world)
        order, (a,) = await bought(us, ("A", 3, 0))
        await world.settled({"A": 17, "B": 20, "C": 20})
        real, lost = us.shop.ship, []

        def lose(*args: Any, **fields: Any) -> Any:
            lost.append(world.clock.now())
            us.shop.ship = real
            raise ConnectionError  # the shop answers 500, and has made nothing

        us.shop.ship = lose
        ships(world, "s1", order, [{"line": a, "quantity": "1"}])
        await until_made(world, us, order, 1)
        assert us.shop.order(order).shipments[0].created_seconds * 1_000_000 >= lost[0] + 20_000_000
        await anyio.sleep(60)
        assert len(made(us, order)) == 1


@pytest.mark.parametrize("lost", [False, True])
async def test_the_process_may_end_at_any_commit_of_a_shipment(tmp_path: Path, lost: bool) -> None:
    async with shop_and_erp(tmp_path, "late_seconds = 1\n") as (world, us):
        hop = FragileHop(tmp_path / "state")
        world.hop = hop
        async with world.daemon():
            await begun(world)
            orders = [await bought(us, ("A", 1, 0)) for _ in range(6)]
            await world.settled({"A": 14, "B": 20, "C": 20})
        for n, (order, (a,)) in enumerate(orders, 1):
            async with world.daemon(crash=True):
                await anyio.sleep(5.0)
                hop.arm(n, lost=lost)
                ships(world, f"s{n}", order, [{"line": a, "quantity": "1"}], tracking=f"T{n}")
                with anyio.move_on_after(30.0):
                    await hop.ended.wait()
            hop.restore()
            async with world.daemon():
                await until_state(world, order, {f"s{n}/0": "confirmed"})
                assert made(us, order) == [({int(a): 1}, f"T{n}")]
        async with world.daemon():
            await world.settled({"A": 14, "B": 20, "C": 20})


async def test_more_than_is_left_is_held_before_anything_is_sent(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        order, (a,) = await bought(us, ("A", 3, 0))
        await us.act(order, "ship", {"lines": [{"line": a, "quantity": 2}]})
        ships(world, "s1", order, [{"line": a, "quantity": "2"}])
        ships(world, "s2", order, [{"line": a, "quantity": "1"}])
        await until_state(world, order, {"s1/0": "quarantined", "s2/0": "confirmed"})
        assert await held(world) == ["2 of line " + a + " were shipped, but only 1 of the 3 ordered are left to ship"]
        assert not [row for row in (await world.asked(us))[:-1] if row.startswith("POST") and "shipments" in row][1:]


async def test_a_list_that_lags_behind_the_last_shipment_is_read_again(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        await us.call("PUT", "/faults", {"stale_orders_seconds": 10.0})
        order, (a,) = await bought(us, ("A", 3, 0))
        await world.settled({"A": 17, "B": 20, "C": 20})
        ships(world, "s1", order, [{"line": a, "quantity": "2"}])
        ships(world, "s2", order, [{"line": a, "quantity": "2"}])
        await until_state(world, order, {"s1/0": "confirmed", "s2/0": "quarantined"})


async def test_what_the_shop_refuses_waits_for_a_person_and_others_go_on(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        order, (a,) = await bought(us, ("A", 3, 0))
        ships(world, "s0", "99999", [{"line": "1", "quantity": "1"}])
        ships(world, "s1", order, [{"line": a, "quantity": "1"}], tracking="T" * 51)
        ships(world, "s2", order, [{"line": a, "quantity": "1"}])
        await until_state(world, order, {"s1/0": "refused", "s2/0": "confirmed"})
        await until_state(world, "99999", {"s0/0": "refused"})
        assert len(made(us, order)) == 1


async def test_a_token_that_may_not_write_orders_holds_shipments_back_and_nothing_else(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        order, (a,) = await bought(us, ("A", 3, 0))
        real = us.shop.ship

        def forbid(*_args: Any, **_fields: Any) -> Any:
            text = '[{"status":403,"message":"You don\'t have a required scope to access the endpoint"}]'
            raise HTTPForbidden(text=text, content_type="application/json")

        us.shop.ship = forbid
        ships(world, "s1", order, [{"line": a, "quantity": "1"}])
        ships(world, "s2", order, [{"line": a, "quantity": "1"}])
        await anyio.sleep(60)
        await us.buy({"A": 1})
        await world.settled({"A": 16, "B": 20, "C": 20})
        names = [event["event"] for event in world.events()]
        assert (names.count("shipments.stuck"), names.count("store.failed")) == (1, 0)
        us.shop.ship = real
        await anyio.sleep(300)
        await until_state(world, order, {"s1/0": "confirmed", "s2/0": "confirmed"})


async def test_what_an_order_that_was_cancelled_meanwhile_ships_waits(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        order, (a,) = await bought(us, ("A", 3, 0))
        await us.act(order, "cancel")
        await world.settled({"A": 20, "B": 20, "C": 20})
        await anyio.sleep(10)
        ships(world, "s1", order, [{"line": a, "quantity": "1"}])
        await until_state(world, order, {"s1/0": "quarantined"})
        assert await held(world) == ["the order is cancelled or archived in the shop"]


async def test_a_kit_is_shipped_whole_or_waits(tmp_path: Path) -> None:
    kit = "\n[kits.C]\nA = 1\nB = 2\n"
    async with shop_and_erp(tmp_path, end=kit) as (world, us), world.daemon():
        await begun(world)
        order, (c,) = await bought(us, ("C", 2, 0))
        await world.until(lambda: "" if world.erp_levels()["B"] == 16 else "the order isn't counted")
        ships(world, "s1", order, [{"sku": "A", "quantity": "1"}, {"sku": "B", "quantity": "2"}])
        ships(world, "s2", order, [{"sku": "A", "quantity": "1"}, {"sku": "B", "quantity": "1"}])
        await until_state(world, order, {"s1/0": "confirmed", "s2/0": "quarantined"})
        assert made(us, order) == [({int(c): 1}, "")]
        assert "no whole kit" in (await held(world))[0]


async def test_in_shadow_mode_nothing_is_shipped(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path, mode='mode = "shadow"\n') as (world, us):
        async with world.daemon():
            await begun(world)
            order, (a,) = await bought(us, ("A", 3, 0))
            ships(world, "s1", order, [{"line": a, "quantity": "1"}])
            await until_state(world, order, {"s1/0": "skipped"})
        world.configure(per_store={"us": FROM_ERP})
        async with world.daemon():
            await anyio.sleep(60)
            ships(world, "s2", order, [{"line": a, "quantity": "1"}])
            await until_state(world, order, {"s1/0": "skipped", "s2/0": "confirmed"})
        assert len(made(us, order)) == 1


async def test_what_was_shipped_before_is_not_carried_nor_is_a_store_told_that_should_not_be(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us):
        order, (a,) = await bought(us, ("A", 3, 0))
        ships(world, "s1", order, [{"line": a, "quantity": "1"}])
        async with world.daemon():
            await begun(world)
            ships(world, "s2", order, [{"line": a, "quantity": "1"}])
            await until_state(world, order, {"s1/0": "skipped", "s2/0": "confirmed"})
        world.configure(per_store={"us": ""})
        async with world.daemon():
            ships(world, "s3", order, [{"line": a, "quantity": "1"}])
            await anyio.sleep(60)
        assert len(made(us, order)) == 1


async def test_a_reload_switches_shipments_on_and_off(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us):
        world.configure()
        async with reloading(world) as (_, reloader):
            await world.started()
            order, (a,) = await bought(us, ("A", 3, 0))
            await world.settled({"A": 17, "B": 20, "C": 20})
            assert "acme: shipments" not in task_names()
            world.configure(per_store={"us": FROM_ERP})
            await reloader.reload()
            await begun(world)
            ships(world, "s1", order, [{"line": a, "quantity": "1"}])
            await until_state(world, order, {"s1/0": "confirmed"})
            world.configure()
            await reloader.reload()
            ships(world, "s2", order, [{"line": a, "quantity": "1"}])
            await anyio.sleep(60)
            world.configure(per_store={"us": FROM_ERP})
            await reloader.reload()
            await begun(world)
            ships(world, "s3", order, [{"line": a, "quantity": "1"}])
            await until_state(world, order, {"s1/0": "confirmed", "s2/0": "skipped", "s3/0": "confirmed"})
            assert len(task_names()["acme: shipments"]) == 1


async def test_nothing_is_shipped_before_the_plan_is_approved_nor_while_writes_are_paused(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us):
        world.configure(per_store={"us": FROM_ERP}, approve="manual")
        async with world.daemon() as app:
            await begun(world)
            order, (a,) = await bought(us, ("A", 3, 0))
            ships(world, "s1", order, [{"line": a, "quantity": "1"}])
            await until_state(world, order, {"s1/0": "intended"})
            await anyio.sleep(60)
            assert not made(us, order)
            await call(world, app, "approve", tenant="acme", store="us")
            await until_state(world, order, {"s1/0": "confirmed"})
            await call(world, app, "pause", tenant="acme", store="us", writes=True)
            ships(world, "s2", order, [{"line": a, "quantity": "1"}])
            await until_state(world, order, {"s1/0": "confirmed", "s2/0": "intended"})
            await anyio.sleep(60)
            assert len(made(us, order)) == 1
            await call(world, app, "resume", tenant="acme", store="us")
            await until_state(world, order, {"s1/0": "confirmed", "s2/0": "confirmed"})


async def test_a_held_shipment_is_sent_once_more_or_taken_as_entered_by_hand(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon() as app:
        await begun(world)
        order, (a,) = await bought(us, ("A", 1, 0))
        ships(world, "s1", order, [{"line": a, "quantity": "2"}])
        ships(world, "s2", order, [{"sku": "X", "quantity": "1"}])
        await until_state(world, order, {"s1/0": "quarantined", "s2/0": "quarantined"})
        first, second = (await call(world, app, "quarantine.list"))["entries"]
        assert (first["line"], first["hint"] != "") == ("shipment s1/0", True)
        await us.act(order, "edit", {"lines": [{"line": a, "quantity": 2}]})
        await call(world, app, "quarantine.release", id=first["id"], decision="count")
        await call(world, app, "quarantine.release", id=second["id"], decision="already_counted")
        await until_state(world, order, {"s1/0": "confirmed", "s2/0": "booked"})
        assert made(us, order) == [({int(a): 2}, "")]
        told = (await call(world, app, "explain.order", order=f"us/{order}"))["shipments"]
        assert [(each["shipment"], each["state"], each["in_shop"]) for each in told] == [
            ("s1", "confirmed", "1"),
            ("s2", "booked", None),
        ]


async def test_a_feed_that_begins_anew_ships_nothing_twice(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        order, (a,) = await bought(us, ("A", 3, 0))
        ships(world, "s1", order, [{"line": a, "quantity": "1"}])
        await until_state(world, order, {"s1/0": "confirmed"})
        assert world.erp is not None
        world.erp.book.epoch_number += 1  # its cursors are gone
        ships(world, "s2", order, [{"line": a, "quantity": "1"}])
        await until_state(world, order, {"s1/0": "confirmed", "s2/0": "confirmed"})
        assert len(made(us, order)) == 2


async def test_a_ledger_that_forgot_a_shipment_finds_it_in_the_shop(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us):
        async with world.daemon():
            await begun(world)
            order, (a,) = await bought(us, ("A", 3, 0))
            await world.settled({"A": 17, "B": 20, "C": 20})
        shutil.copytree(tmp_path / "state", tmp_path / "backup")
        async with world.daemon():
            ships(world, "s1", order, [{"line": a, "quantity": "1"}])
            await until_state(world, order, {"s1/0": "confirmed"})
        shutil.rmtree(tmp_path / "state")
        shutil.copytree(tmp_path / "backup", tmp_path / "state")
        async with world.daemon():
            await until_state(world, order, {"s1/0": "confirmed"})
            await world.settled({"A": 17, "B": 20, "C": 20})
        assert len(made(us, order)) == 1


async def test_what_was_entered_by_hand_under_the_same_number_is_not_made_again(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        order, (a,) = await bought(us, ("A", 3, 0))
        us.shop.ship(order, [{"line": a, "quantity": 1}], tracking_number="T1")
        ships(world, "s1", order, [{"line": a, "quantity": "1"}], tracking="T1")
        await until_state(world, order, {"s1/0": "confirmed"})
        assert len(made(us, order)) == 1


async def test_an_erp_that_tells_no_shipments_is_named_once_and_levels_go_on(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us):
        assert world.erp is not None
        world.erp.tells_shipments = False
        async with world.daemon():
            await world.started()
            await us.buy({"A": 1})
            await world.settled({"A": 19, "B": 20, "C": 20})
            await anyio.sleep(600)
        assert [event["event"] for event in world.events()].count("shipments.stuck") == 1


@pytest.mark.parametrize("silent", [False, True])
async def test_where_the_shop_takes_stock_on_shipment_its_level_agrees_afterwards(tmp_path: Path, silent: bool) -> None:
    """`silent`: a shipment doesn't touch the order's date, so that no poll would show it."""
    async with shop_and_erp(tmp_path) as (world, us):
        await us.call("POST", "/settings", {"update_stock_behavior": "order_completed_or_shipped"})
        world.configure(per_store={"us": FROM_ERP}, poll_seconds=30.0)
        async with world.daemon():
            await begun(world)
            order, (a, b) = await bought(us, ("A", 4, 0), ("B", 2, 0))
            await world.settled({"A": 16, "B": 18, "C": 20})
            if silent:  # the overlap of the polls ends before it
                await us.call("PUT", "/faults", {"silent_edits": 1.0})
                await anyio.sleep(2_400)
                await us.buy({"C": 1})
                await world.settled({"A": 16, "B": 18, "C": 19})
                await anyio.sleep(120)
            left = 19 if silent else 20
            for n, lines in enumerate(([(a, 1)], [(a, 3), (b, 1)], [(b, 1)])):
                ships(world, f"s{n}", order, [{"line": line, "quantity": str(count)} for line, count in lines])
                await until_made(world, us, order, n + 1)
                await world.settled({"A": 16, "B": 18, "C": left})
            await anyio.sleep(120)
            await world.settled({"A": 16, "B": 18, "C": left})
        assert not [event for event in world.events() if event["event"].startswith("drift.")]
