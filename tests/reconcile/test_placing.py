"""Orders that are taken in the ERP are placed in the shop: each exactly once, counted once, and its status follows."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiohttp.web import HTTPClientError, HTTPConflict, HTTPForbidden

from syncd.core.placing import order_key
from syncd.errors import RefusedError
from syncd.ledger import placing, restored
from syncd.ledger.connection import ledger_path, write_engine
from syncd.reconcile.place_step import PlaceStep
from syncd.simulator.erp.book import Book
from syncd.stores.bigcommerce.placing import BigCommercePlacing
from tests.reconcile.test_crash_points import FragileHop
from tests.reconcile.test_pause import call
from tests.reconcile.test_reload import reloading
from tests.reconcile.world import Store, World, open_world

OPENING = {"A": 20, "B": 20, "C": 20}
FROM_ERP = 'orders = "from_erp"\n'
BILLING = {
    "first_name": "Ada",
    "last_name": "Example",
    "street_1": "1 Road",
    "city": "Bonn",
    "zip": "53111",
    "country": "DE",
}


class Locked(HTTPClientError):
    """Nothing was made, and the same may work later."""

    status_code = 423


@asynccontextmanager
async def shop_and_erp(
    folder: Path, more: str = "", *, mode: str = "", end: str = "", others: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[World, Store]]:
    async with open_world(folder) as world:
        us = await world.serve("us", "bigcommerce", stock=OPENING)
        for name, kind in (others or {}).items():
            await world.serve(name, kind, stock=OPENING)
        await world.serve_erp()
        world.open_stock(OPENING)
        world.configure(mode, per_store={"us": FROM_ERP + more}, end=end)
        yield world, us


async def begun(world: World) -> None:
    """The shop is read, and the ERP's list of orders has been read to its end."""
    await world.started()

    async def complaint() -> str:
        _, reached = await world.ledger.read(lambda connection: placing.read_feed(connection, "acme"))
        return "" if "us" in reached else "the list wasn't read"

    await world.until(complaint)
    await world.until(world.disagreement)


def wants(world: World, key: str, units: Mapping[str, int], **more: Any) -> None:
    """The ERP's people take an order."""
    assert world.erp is not None
    lines = [{"sku": sku, "quantity": str(count)} for sku, count in units.items()]
    world.erp.wishes.take({"key": key, "store": "us", "billing": BILLING, "lines": lines, **more}, "main")


def ours(us: Store, key: str = "") -> list[Any]:
    """The orders in the shop that carry a key of ours, by the ground truth."""
    prefix = order_key("acme", "us", key) if key else "syncd-"
    return [order for order in us.shop.book.kept.values() if order.external_order_id.startswith(prefix)]


def units_of(order: Any) -> dict[str, int]:
    return {line.sku: line.quantity for line in order.lines}


async def row_of(world: World, key: str) -> placing.PlacementRow:
    row = await world.ledger.read(lambda connection: placing.read_placement(connection, "acme", key))
    assert row is not None, key
    return row


async def state_of(world: World, key: str) -> str:
    row = await world.ledger.read(lambda connection: placing.read_placement(connection, "acme", key))
    return row.state if row is not None else ""


async def until_state(world: World, **wanted: str) -> None:
    """The states of orders by their keys."""

    async def complaint() -> Any:
        have = {key: await state_of(world, key) for key in wanted}
        return "" if have == wanted else f"{have}, not {wanted}"

    await world.until(complaint)


async def until_heard(world: World, key: str, result: str, revision: int = 1) -> dict[str, Any]:
    assert world.erp is not None
    wishes = world.erp.wishes

    def complaint() -> Any:
        have = wishes.outcomes.get(key, {})
        return "" if (have.get("result"), have.get("revision")) == (result, revision) else f"{key}: {have}"

    await world.until(complaint)
    return wishes.outcomes[key]


def drifts(world: World) -> list[Any]:
    return [event for event in world.events() if event["event"].startswith("drift.")]


async def posts(world: World, us: Store) -> int:
    return (await world.asked(us)).count("POST /stores/simshop/v2/orders")


async def test_an_order_is_placed_and_counted_once(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path, others={"shop": "woocommerce"}) as (world, us), world.daemon():
        await begun(world)
        wants(
            world, "SO1", {"A": 3, "B": 1}, status="awaiting_fulfillment", staff_notes="by phone", customer_message="Hello",
            shipping={**BILLING, "first_name": "Bob"}, total={"inc_tax": "99.90", "ex_tax": "90"},
        )  # fmt: skip
        told = await until_heard(world, "SO1", "placed")
        (order,) = ours(us)
        assert (units_of(order), order.status_id) == ({"A": 3, "B": 1}, 11)
        assert (told["order"], told["status"]) == (str(order.id), "awaiting_fulfillment")
        assert (order.staff_notes, order.customer_message) == ("by phone", "Hello")
        assert (order.billing["first_name"], order.shipping["first_name"]) == ("Ada", "Bob")
        await world.settled({"A": 17, "B": 19, "C": 20})
        await anyio.sleep(120)
        await world.settled({"A": 17, "B": 19, "C": 20})
        assert world.erp is not None
        assert not world.erp.book.posts, "the ERP has counted it already: no move is posted"
        assert await posts(world, us) == 1
        assert not drifts(world)


async def test_whom_an_order_is_for_is_forgotten_once_it_is_placed_or_refused(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        people = {"staff_notes": "Ada phones", "customer_message": "for Ada", "shipping": BILLING}
        for key, units, notes in (
            ("SO1", {"A": 1}, people),
            ("SO2", {"A": 99}, people),
            ("SO3", {"A": 1}, {"total": {}}),
        ):
            wants(world, key, units, status="awaiting_fulfillment", **notes)
        wants(world, "SO4", {"A": 1}, **{**people, "billing": {**BILLING, "zip": ""}})
        await until_heard(world, "SO1", "placed")
        await until_heard(world, "SO2", "refused")
        await until_heard(world, "SO4", "refused")
        assert ours(us, "SO1")[0].billing["first_name"] == "Ada"
        for key in ("SO1", "SO2", "SO3", "SO4"):
            row = await row_of(world, key)
            assert "Ada" not in row.content + row.result + row.lines
            assert row.order.lines[0].sku == "A"


async def test_its_level_is_lowered_once_by_the_shop_alone(tmp_path: Path) -> None:
    """The order's units leave the counter with the order; nothing is written before or after."""
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        before = [row for row in await world.asked(us) if "adjustments" in row]
        wants(world, "SO1", {"A": 3}, status="awaiting_fulfillment")
        await until_heard(world, "SO1", "placed")
        await world.settled({"A": 17, "B": 20, "C": 20})
        await anyio.sleep(60)
        assert [row for row in await world.asked(us) if "adjustments" in row] == before


@pytest.mark.parametrize("level_first", [False, True])
async def test_the_last_units_can_be_placed(tmp_path: Path, level_first: bool) -> None:
    """The ERP's level hasn't them any more; the shop's counter is given them for the moment. `level_first`: its level was read,
    and the shop's lowered, before the order was heard of."""
    async with shop_and_erp(tmp_path, "buffer = 2\n", others={"shop": "woocommerce"}) as (world, us), world.daemon():
        await world.started()
        await anyio.sleep(20)
        assert world.erp is not None
        if level_first:
            told, world.erp.wishes.told = world.erp.wishes.told, []
            wants(world, "SO1", {"A": 20})
            later, world.erp.wishes.told = world.erp.wishes.told, told
            await anyio.sleep(30)
            assert (await us.levels())["A"] == 0
            told += later
        else:
            wants(world, "SO1", {"A": 20})
        await until_heard(world, "SO1", "placed")
        assert sum("external_order_id" in row for row in await world.asked(us)) == 2, "asked for once, archived or not"
        await anyio.sleep(60)
        assert (await us.levels())["A"] == 0
        assert (await world.stores["shop"].levels())["A"] == 0
        assert world.erp_levels()["A"] == 0


@pytest.mark.parametrize("unpaid_holds", [True, False])
async def test_where_nobody_knows_whether_an_unpaid_order_takes_stock_levels_agree_all_the_same(
    tmp_path: Path, unpaid_holds: bool
) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await us.call("POST", "/settings", {"unpaid_holds": unpaid_holds})
        await begun(world)
        wants(world, "SO1", {"A": 3}, status="awaiting_payment")
        await until_heard(world, "SO1", "placed")
        await anyio.sleep(120)
        await world.settled({"A": 17, "B": 20, "C": 20})


@pytest.mark.parametrize("lost_by", ["504", "hang", "reset"])
async def test_a_lost_answer_makes_one_order(tmp_path: Path, lost_by: str) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        await us.call("PUT", "/faults", {"lost_answer": 1.0, "lost_answer_by": lost_by})
        wants(world, "SO1", {"A": 3}, status="awaiting_fulfillment")
        await world.until(lambda: "" if ours(us, "SO1") else "not placed")
        await us.call("DELETE", "/faults")
        wants(world, "SO2", {"A": 1}, status="awaiting_fulfillment")
        await until_heard(world, "SO1", "placed")
        await until_heard(world, "SO2", "placed")
        await world.settled({"A": 16, "B": 20, "C": 20})
        await anyio.sleep(240)
        assert len(ours(us)) == 2
        await world.settled({"A": 16, "B": 20, "C": 20})
        assert [event["effect"] for event in world.events() if event["event"] == "placement.doubt"]
        made = [event["effect"] for event in world.events() if event["event"] == "placement.made"]
        assert sorted(made) == ["SO1", "SO2"]


@pytest.mark.parametrize("hidden", [False, True])
async def test_a_process_killed_while_the_shop_answers_finds_its_order(tmp_path: Path, hidden: bool) -> None:
    """`hidden`: somebody archives the order before it is looked for, and the list hides such."""
    async with shop_and_erp(tmp_path) as (world, us):
        async with world.daemon(crash=True):
            await begun(world)
            await us.call("PUT", "/faults", {"lost_answer": 1.0, "lost_answer_by": "hang"})
            wants(world, "SO1", {"A": 3}, status="awaiting_fulfillment")
            await world.until(lambda: "" if ours(us, "SO1") else "not placed")
        await us.call("DELETE", "/faults")
        if hidden:
            us.shop.archive(ours(us, "SO1")[0].id)
        async with world.daemon():
            await until_state(world, SO1="confirmed")
            await anyio.sleep(240)
            await world.settled({"A": 17, "B": 20, "C": 20})
        assert len(ours(us)) == 1


@pytest.mark.parametrize("killed", [True, False])
async def test_a_request_that_arrives_late_is_waited_for(tmp_path: Path, killed: bool) -> None:
    async with shop_and_erp(tmp_path) as (world, us):
        real = us.shop.place

        def later(*args: Any, **fields: Any) -> Any:
            us.shop.place = real
            asyncio.get_running_loop().call_later(20.0, lambda: real(*args, **fields))
            raise ConnectionError  # the shop answers 500

        async with world.daemon(crash=killed):
            await begun(world)
            us.shop.place = later
            wants(world, "SO1", {"A": 3}, status="awaiting_fulfillment")
            await until_state(world, SO1="sent")
            await anyio.sleep(1.0 if killed else 200.0)
        async with world.daemon():
            await until_state(world, SO1="confirmed")
            await anyio.sleep(60)
            await world.settled({"A": 17, "B": 20, "C": 20})
        assert len(ours(us)) == 1


async def test_a_request_that_never_arrived_is_sent_again_when_it_is_surely_dead(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path, "late_seconds = 20\n") as (world, us), world.daemon():
        await begun(world)
        real, lost = us.shop.place, []

        def lose(*args: Any, **fields: Any) -> Any:
            lost.append(world.clock.now())
            us.shop.place = real
            raise ConnectionError  # the shop answers 500, and has made nothing

        us.shop.place = lose
        wants(world, "SO1", {"A": 3}, status="awaiting_fulfillment")
        await until_state(world, SO1="confirmed")
        (order,) = ours(us)
        assert order.created_us >= lost[0] + 80_000_000, "20 s, and 60 in which the list may lag"
        await world.settled({"A": 17, "B": 20, "C": 20})


@pytest.mark.parametrize("lost", [False, True])
async def test_the_process_may_end_at_any_commit_of_a_placement(tmp_path: Path, lost: bool) -> None:
    async with shop_and_erp(tmp_path, "late_seconds = 1\n") as (world, us):
        hop = FragileHop(tmp_path / "state")
        world.hop = hop
        async with world.daemon():
            await begun(world)
        for n in range(1, 9):
            async with world.daemon(crash=True):
                await anyio.sleep(5.0)
                hop.arm(n, lost=lost)
                wants(world, f"SO{n}", {"A": 1, "B": 2}, status="awaiting_fulfillment")
                with anyio.move_on_after(30.0):
                    await hop.ended.wait()
            hop.restore()
            async with world.daemon():
                await until_state(world, **{f"SO{n}": "confirmed"})
                await until_heard(world, f"SO{n}", "placed")
                await world.settled({"A": 20 - n, "B": 20 - 2 * n, "C": 20})
            assert len(ours(us, f"SO{n}")) == 1
        assert not drifts(world)


async def test_what_the_shop_has_not_is_refused_to_the_erp_and_never_counted(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path, "\nskus = { shop-b = 'B2' }\n") as (world, us), world.daemon():
        await us.stock({"shop-b": 20})
        world.open_stock({"B2": 20})
        await begun(world)
        wants(world, "SO1", {"A": 1, "B2": 25}, status="awaiting_fulfillment")
        told = await until_heard(world, "SO1", "refused")
        assert [(each["kind"], each["sku"], each["level"]) for each in told["details"]] == [
            ("out_of_stock", "B2", "20")
        ]
        assert "out of stock" in told["reason"]
        wants(world, "SO2", {"A": 20}, status="awaiting_fulfillment")  # what it gave back can be sold
        await until_heard(world, "SO2", "placed")
        await anyio.sleep(60)
        assert world.erp_levels() == {"A": 0, "B": 20, "B2": 20, "C": 20}
        assert await us.levels() == {"A": 0, "B": 20, "shop-b": 20, "C": 20}
        assert not ours(us, "SO1")
        assert (await row_of(world, "SO1")).untold == 0


async def test_a_shopper_may_be_faster(tmp_path: Path) -> None:
    """The last units are sold in the shop while the order is on its way: it is refused, and the units are counted once."""
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        real = us.shop.place
        done = []

        def faster(lines: Any, **fields: Any) -> Any:
            us.shop.place = real
            done.append(real([us.shop.line_of("A", 20)], status_id=11, channel_id=1, source="www"))
            return real(lines, **fields)

        us.shop.place = faster
        wants(world, "SO1", {"A": 20}, status="awaiting_fulfillment")
        told = await until_heard(world, "SO1", "refused")
        assert told["details"][0]["level"] == "0"
        await world.settled({"A": 0, "B": 20, "C": 20})
        await anyio.sleep(60)
        await world.settled({"A": 0, "B": 20, "C": 20})
        assert len(done) == 1
        assert not ours(us)


async def test_each_kind_of_refusal_reaches_the_erp(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        products = [{"sku": "few", "stock": 9, "maximum": 2}, {"sku": "many", "stock": 9, "minimum": 6}]
        await us.call("POST", "/products", {"products": products})
        world.open_stock({"few": 9, "many": 9})
        await begun(world)
        wants(world, "SO1", {"few": 3, "many": 3, "A": 1}, status="awaiting_fulfillment")
        told = await until_heard(world, "SO1", "refused")
        assert [(each["kind"], each["sku"], each["limit"]) for each in told["details"]] == [
            ("exceeds_max", "few", "2"),
            ("below_min", "many", "6"),
        ]
        wants(world, "SO2", {"A": 1}, status="awaiting_fulfillment", channel=77)
        told = await until_heard(world, "SO2", "refused")
        assert [(each["kind"], each["text"]) for each in told["details"]] == [
            ("bad_field", "The field 'channel_id' is invalid.")
        ]
        await world.settled({"A": 20, "B": 20, "C": 20, "few": 9, "many": 9})
        assert not ours(us)


async def test_what_keeps_no_rule_is_refused_and_others_go_on(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        wants(world, "SO1", {"A": 1}, billing={**BILLING, "zip": ""}, total={"inc_tax": "10"})
        wants(world, "SO2", {"A": 1}, status="no such status")
        wants(world, "SO3", {"A": 1}, status="awaiting_fulfillment")
        await until_heard(world, "SO3", "placed")
        first = await until_heard(world, "SO1", "refused")
        assert len(first["details"]) == 2
        assert "status" in (await until_heard(world, "SO2", "refused"))["reason"]
        assert len(ours(us)) == 1
        await world.settled({"A": 19, "B": 20, "C": 20})


async def test_a_sku_that_the_shop_does_not_sell_is_refused_once_its_catalogue_was_read(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon() as app:
        await begun(world)
        wants(world, "SO1", {"A": 1, "X": 1})
        told = await until_heard(world, "SO1", "refused")
        assert told["details"] == [{"kind": "unknown_sku", "sku": "X", "text": "the shop sells nothing with the SKU X"}]
        (shown,) = (await call(world, app, "explain.order", order="us/SO1"))["placements"]
        assert (shown["state"], shown["details"][0]["kind"], shown["outcome"]) == (
            "refused",
            "unknown_sku",
            "refused (revision 1)",
        )
        await us.stock({"Y": 5})
        world.open_stock({"Y": 5})
        wants(world, "SO2", {"Y": 1}, status="awaiting_fulfillment")
        await until_heard(world, "SO2", "placed")
        assert not ours(us, "SO1")
        await world.settled({"A": 20, "B": 20, "C": 20, "Y": 4})


async def test_what_becomes_of_it_in_the_shop_later_is_counted_by_nobody_and_levels_agree(tmp_path: Path) -> None:
    """Edited, cancelled, shipped by hand: the ERP's own document counts; the shop's counter is followed, and put right."""
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await us.call("POST", "/settings", {"edit_order_stock_adjustment": True})
        await begun(world)
        for key in ("SO1", "SO2", "SO3"):
            wants(world, key, {"A": 3}, status="awaiting_fulfillment")
            await until_heard(world, key, "placed")
        await world.settled({"A": 11, "B": 20, "C": 20})
        first, second, third = (str(ours(us, key)[0].id) for key in ("SO1", "SO2", "SO3"))
        await us.act(first, "edit", {"lines": [{"line": str(ours(us, "SO1")[0].lines[0].id), "quantity": 5}]})
        await us.act(second, "cancel")
        await us.act(third, "ship", {"lines": []})
        await anyio.sleep(60)
        await world.settled({"A": 11, "B": 20, "C": 20})
        await us.act(third, "cancel")
        await anyio.sleep(60)
        await world.settled({"A": 11, "B": 20, "C": 20})
        assert world.erp is not None
        assert not world.erp.book.posts


async def test_a_kit_is_sold_by_its_name(tmp_path: Path) -> None:
    kit = "\n[kits.C]\nA = 1\nB = 2\n"
    async with shop_and_erp(tmp_path, end=kit) as (world, us), world.daemon():
        await world.started()
        await anyio.sleep(30)
        assert (await us.levels())["C"] == 10
        assert world.erp is not None
        world.erp.book.record("sale", "A", "main", Decimal(-2))  # the ERP books the components
        world.erp.book.record("sale", "B", "main", Decimal(-4))
        entry = {"key": "SO1", "store": "us", "billing": BILLING, "lines": [{"sku": "C", "quantity": "2"}]}
        world.erp.wishes.orders["SO1"] = {**entry, "revision": 1, "status": "awaiting_fulfillment"}
        world.erp.wishes.told.append(world.erp.wishes.orders["SO1"])
        await until_heard(world, "SO1", "placed")
        await anyio.sleep(60)
        assert (await us.levels(), units_of(ours(us)[0])) == ({"A": 18, "B": 16, "C": 8}, {"C": 2})


async def test_a_line_without_a_product_is_placed_and_takes_nothing(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        wrap = {"name": "Gift wrap", "quantity": "1", "price": {"inc_tax": "5.95", "ex_tax": "5"}}
        lines = [{"sku": "A", "quantity": "1", "price": {"inc_tax": "9.95", "ex_tax": "8"}}, wrap]
        wants(world, "SO1", {}, lines=lines, status="awaiting_fulfillment")
        await until_heard(world, "SO1", "placed")
        (order,) = ours(us)
        assert [(line.name, line.quantity, str(line.price)) for line in order.lines] == [
            ("A", 1, "9.95"),
            ("Gift wrap", 1, "5.95"),
        ]
        await world.settled({"A": 19, "B": 20, "C": 20})


async def test_its_status_follows_the_erp_with_as_few_writes_as_that_takes(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        assert world.erp is not None
        wishes = world.erp.wishes
        wants(world, "SO1", {"A": 3}, status="awaiting_payment")
        await until_heard(world, "SO1", "placed")
        wishes.change("SO1", "awaiting_fulfillment")
        await until_heard(world, "SO1", "followed", 2)
        assert ours(us)[0].status_id == 11
        for status in ("pending", "completed", "awaiting_fulfillment"):  # to and fro, between two looks
            wishes.change("SO1", status)
        await until_heard(world, "SO1", "followed", 5)
        wishes.change("SO1", "pending")
        told = await until_heard(world, "SO1", "not_followed", 6)
        assert "tax document" in told["reason"]
        assert ours(us)[0].status_id == 11
        await us.act(str(ours(us)[0].id), "ship", {"lines": []})
        wishes.change("SO1", "completed")
        await until_heard(world, "SO1", "followed", 7)
        wishes.change("SO1", "cancelled")
        await until_heard(world, "SO1", "followed", 8)
        wishes.change("SO1", "awaiting_fulfillment")
        assert "revived" in (await until_heard(world, "SO1", "not_followed", 9))["reason"]
        puts = [row for row in await world.asked(us) if row.startswith("PUT /stores/simshop/v2/orders/")]
        assert len(puts) == 3
        await anyio.sleep(60)
        await world.settled({"A": 20, "B": 20, "C": 20})


async def test_an_order_that_the_shop_refuses_to_show_keeps_no_other_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shop_and_erp(tmp_path) as (world, _), world.daemon():
        await begun(world)
        assert world.erp is not None
        wants(world, "SO1", {"A": 1}, status="awaiting_payment")
        await until_heard(world, "SO1", "placed")

        async def refuse(*_args: Any) -> Any:
            raise RefusedError("GET /v2/orders/100: 400: no", status=400)

        with monkeypatch.context() as patch:
            patch.setattr(BigCommercePlacing, "read", refuse)
            world.erp.wishes.change("SO1", "awaiting_fulfillment")
            told = await until_heard(world, "SO1", "not_followed", 2)
            assert "refuses" in told["reason"]
            wants(world, "SO2", {"A": 1})
            await until_heard(world, "SO2", "placed")
        assert "placing.stuck" not in [event["event"] for event in world.events()]


def filings(us: Store) -> list[tuple[str, int]]:
    """What the tax provider was told, by the ground truth."""
    return [(one.kind, one.status_id) for one in us.shop.tax_documents.filings]


@pytest.mark.parametrize("strategy", ["ON_PAYMENT_CAPTURE", "ON_ORDER_CREATION"])
async def test_a_tax_document_is_submitted_once_and_voided_only_to_cancel(tmp_path: Path, strategy: str) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await us.call("POST", "/settings", {"document_submission_strategy": strategy})
        await begun(world)
        assert world.erp is not None
        wishes = world.erp.wishes
        texas = {**BILLING, "state": "TX", "country": "US"}  # abbreviated, it couldn't be submitted
        wants(world, "SO1", {"A": 1}, status="awaiting_payment", billing=texas)
        await until_heard(world, "SO1", "placed")
        changes = ["pending", "awaiting_fulfillment", "pending", "awaiting_shipment", "awaiting_payment", "completed"]
        for revision, status in enumerate(changes, 2):
            wishes.change("SO1", status)
            refused = status in {"pending", "awaiting_payment"} and revision > 2
            await until_heard(world, "SO1", "not_followed" if refused else "followed", revision)
        at_creation = strategy == "ON_ORDER_CREATION"
        assert filings(us) == [("submitted", 7 if at_creation else 11)]
        wishes.change("SO1", "cancelled")
        await until_heard(world, "SO1", "followed", 8)
        wishes.change("SO1", "awaiting_fulfillment")
        await until_heard(world, "SO1", "not_followed", 9)
        assert filings(us)[1:] == [("voided", 5)]
        wants(world, "SO2", {"A": 1}, status="completed")  # paid from the beginning: nothing is written afterwards
        await until_heard(world, "SO2", "placed")
        await anyio.sleep(60)
        assert filings(us)[2:] == [("submitted", 10)]


@pytest.mark.parametrize("lost_by", ["504", "hang"])
async def test_a_lost_answer_to_a_status_is_asked_about(tmp_path: Path, lost_by: str) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        assert world.erp is not None
        wants(world, "SO1", {"A": 3}, status="awaiting_payment")
        await until_heard(world, "SO1", "placed")
        await us.call("PUT", "/faults", {"lost_answer": 1.0, "lost_answer_by": lost_by})
        world.erp.wishes.change("SO1", "awaiting_fulfillment")
        await world.until(lambda: "" if ours(us)[0].status_id == 11 else "not written")
        await us.call("DELETE", "/faults")
        await until_heard(world, "SO1", "followed", 2)
        await anyio.sleep(240)
        puts = [row for row in await world.asked(us) if row.startswith("PUT /stores/simshop/v2/orders/")]
        assert len(puts) == 1


async def test_what_the_erp_wants_while_a_status_is_under_way_waits_for_its_end(tmp_path: Path) -> None:
    """A write that arrives late would undo a later one."""
    async with shop_and_erp(tmp_path, "late_seconds = 20\n") as (world, us), world.daemon():
        await begun(world)
        assert world.erp is not None
        wants(world, "SO1", {"A": 3}, status="awaiting_payment")
        await until_heard(world, "SO1", "placed")
        real = us.shop.set_status

        def later(*args: Any) -> Any:
            us.shop.set_status = real
            asyncio.get_running_loop().call_later(15.0, lambda: real(*args))
            raise ConnectionError  # the shop answers 500

        us.shop.set_status = later
        world.erp.wishes.change("SO1", "awaiting_fulfillment")
        await world.until(lambda: "" if us.shop.set_status != later else "not sent")
        world.erp.wishes.change("SO1", "completed")
        await until_heard(world, "SO1", "followed", 3)
        await anyio.sleep(60)
        assert ours(us)[0].status_id == 10


async def test_an_order_that_the_erp_cancels_in_time_is_not_placed(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon() as app:
        await begun(world)
        assert world.erp is not None
        await call(world, app, "pause", tenant="acme", store="us", writes=True)
        wants(world, "SO1", {"A": 3})
        await until_state(world, SO1="intended")
        world.erp.wishes.change("SO1", "cancelled")
        await anyio.sleep(10)
        await call(world, app, "resume", tenant="acme", store="us")
        await until_heard(world, "SO1", "withdrawn", 2)
        await world.settled({"A": 20, "B": 20, "C": 20})
        assert not ours(us)


@pytest.mark.parametrize("before_it_is_heard_of", [False, True])
async def test_an_order_that_the_erp_cancels_has_its_units_in_one_place(
    tmp_path: Path, before_it_is_heard_of: bool
) -> None:
    """The ERP's level has them again: at no moment does the shop show them beside that."""
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        assert world.erp is not None

        def locked(*_args: Any, **_fields: Any) -> Any:
            raise Locked(text='[{"status":423,"message":"busy"}]', content_type="application/json")

        us.shop.place = locked
        wants(world, "SO1", {"A": 3}, status="awaiting_fulfillment")
        if not before_it_is_heard_of:
            await until_state(world, SO1="intended")
            await anyio.sleep(40)  # failures in a row: it isn't tried again for a minute
        world.erp.wishes.change("SO1", "cancelled")
        seen = set()
        for _ in range(60):
            await anyio.sleep(1)
            seen.add((await us.levels())["A"])
        assert max(seen) == 20, seen
        await until_heard(world, "SO1", "withdrawn", 2)
        await world.settled({"A": 20, "B": 20, "C": 20})
        assert not ours(us)


@pytest.mark.parametrize("at", ["_counters", "_is_early"])
async def test_what_the_erp_cancels_while_an_order_is_prepared_is_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        assert world.erp is not None
        await anyio.sleep(60)  # no write is landing any more
        wishes, real = world.erp.wishes, getattr(PlaceStep, at)
        done: list[str] = []

        async def meanwhile(step: PlaceStep, *args: Any) -> Any:
            if not done:
                done.append(at)
                wishes.change("SO1", "cancelled")

                async def complaint() -> str:
                    return "" if (await row_of(world, "SO1")).wanted == "cancelled" else "not heard of"

                await world.until(complaint)
            return await real(step, *args)

        monkeypatch.setattr(PlaceStep, at, meanwhile)
        wants(world, "SO1", {"A": 3}, status="awaiting_fulfillment")
        await until_heard(world, "SO1", "withdrawn", 2)
        await world.settled({"A": 20, "B": 20, "C": 20})
        assert not ours(us)


async def test_what_has_changed_before_it_was_placed_is_placed_as_it_is_now(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon() as app:
        await begun(world)
        assert world.erp is not None
        await call(world, app, "pause", tenant="acme", store="us", writes=True)
        wants(world, "SO1", {"A": 3}, status="awaiting_payment")
        await until_state(world, SO1="intended")
        world.erp.wishes.change("SO1", "awaiting_fulfillment")
        await anyio.sleep(10)
        await call(world, app, "resume", tenant="acme", store="us")
        await until_heard(world, "SO1", "placed", 2)
        assert ours(us)[0].status_id == 11
        await anyio.sleep(60)
        assert not [row for row in await world.asked(us) if row.startswith("PUT /stores/simshop/v2/orders/")]


async def test_in_shadow_mode_nothing_is_placed_and_nothing_told(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path, mode='mode = "shadow"\n') as (world, us):
        async with world.daemon():
            await world.started()
            await anyio.sleep(20)
            wants(world, "SO1", {"A": 3})
            await until_state(world, SO1="skipped")
        world.configure(per_store={"us": FROM_ERP})
        async with world.daemon():
            await anyio.sleep(20)
            wants(world, "SO2", {"A": 3}, status="awaiting_fulfillment")
            await until_heard(world, "SO2", "placed")
        assert len(ours(us)) == 1
        assert world.erp is not None
        assert "SO1" not in world.erp.wishes.outcomes


async def test_nothing_is_placed_before_the_plan_is_approved(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us):
        world.configure(per_store={"us": FROM_ERP}, approve="manual")
        async with world.daemon() as app:
            await begun(world)
            wants(world, "SO1", {"A": 3}, status="awaiting_fulfillment")
            await until_state(world, SO1="intended")
            await anyio.sleep(60)
            assert not ours(us)
            await call(world, app, "approve", tenant="acme", store="us")
            await until_heard(world, "SO1", "placed")
            await world.settled({"A": 17, "B": 20, "C": 20})


async def test_a_reload_switches_orders_on_and_off(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us):
        world.configure()
        async with reloading(world) as (_, reloader):
            await world.started()
            wants(world, "SO1", {"A": 1})
            await anyio.sleep(20)
            world.configure(per_store={"us": FROM_ERP})
            await reloader.reload()
            await begun(world)
            wants(world, "SO2", {"A": 1}, status="awaiting_fulfillment")
            await until_state(world, SO1="skipped", SO2="confirmed")
            world.configure()
            await reloader.reload()
            wants(world, "SO3", {"A": 1})
            await anyio.sleep(60)
            world.configure(per_store={"us": FROM_ERP})
            await reloader.reload()
            await begun(world)
            wants(world, "SO4", {"A": 1}, status="awaiting_fulfillment")
            await until_state(world, SO2="confirmed", SO3="skipped", SO4="confirmed")
            await world.settled({"A": 16, "B": 20, "C": 20})
        assert len(ours(us)) == 2


async def test_what_waits_when_orders_are_switched_off_has_no_room_any_more(tmp_path: Path) -> None:
    """Nobody places it now: what the ERP hasn't got the shop must not sell."""
    async with shop_and_erp(tmp_path) as (world, us), reloading(world) as (app, reloader):
        await begun(world)
        await call(world, app, "pause", tenant="acme", store="us", writes=True)
        wants(world, "SO1", {"A": 3}, status="awaiting_fulfillment")
        await until_state(world, SO1="intended")
        world.configure()
        await reloader.reload()
        await call(world, app, "resume", tenant="acme", store="us")
        await world.settled({"A": 17, "B": 20, "C": 20})
        await anyio.sleep(60)
        await world.settled({"A": 17, "B": 20, "C": 20})
        world.configure(per_store={"us": FROM_ERP})
        await reloader.reload()
        await until_heard(world, "SO1", "placed")
        await world.settled({"A": 17, "B": 20, "C": 20})
        assert len(ours(us)) == 1


async def test_a_token_that_may_not_write_orders_has_no_room_made_for_any_of_them(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        real = us.shop.place

        def forbid(*_args: Any, **_fields: Any) -> Any:
            text = '[{"status":403,"message":"You don\'t have a required scope to access the endpoint"}]'
            raise HTTPForbidden(text=text, content_type="application/json")

        us.shop.place = forbid
        for number in range(3):
            wants(world, f"SO{number}", {"A": 2}, status="awaiting_fulfillment")
        await anyio.sleep(60)
        await world.settled({"A": 14, "B": 20, "C": 20})
        wants(world, "SO3", {"A": 4}, status="awaiting_fulfillment")  # told while it is known that none can be placed
        await anyio.sleep(60)
        await world.settled({"A": 10, "B": 20, "C": 20})
        us.shop.place = real
        await anyio.sleep(600)
        for number in range(4):
            await until_heard(world, f"SO{number}", "placed")
        await world.settled({"A": 10, "B": 20, "C": 20})
        assert len(ours(us)) == 4


async def test_a_token_that_may_not_write_orders_holds_them_back_and_nothing_else(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        real = us.shop.place

        def forbid(*_args: Any, **_fields: Any) -> Any:
            text = '[{"status":403,"message":"You don\'t have a required scope to access the endpoint"}]'
            raise HTTPForbidden(text=text, content_type="application/json")

        us.shop.place = forbid
        wants(world, "SO1", {"A": 3}, status="awaiting_fulfillment")
        await anyio.sleep(60)
        # Meanwhile nothing is shown for it that the ERP doesn't have.
        await world.settled({"A": 17, "B": 20, "C": 20})
        names = [event["event"] for event in world.events()]
        assert (names.count("placing.stuck"), names.count("store.failed")) == (1, 0)
        us.shop.place = real
        await anyio.sleep(300)
        await until_heard(world, "SO1", "placed")
        await world.settled({"A": 17, "B": 20, "C": 20})


async def test_nothing_is_placed_before_the_erps_levels_were_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have the units still; once the order is read, the level would be raised by them."""
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)

        def broken(*_: Any) -> Any:
            raise ConnectionError  # the ERP answers 500

        with monkeypatch.context() as patch:
            patch.setattr(Book, "last_changes", broken)
            wants(world, "SO1", {"A": 3}, status="awaiting_fulfillment")
            await until_state(world, SO1="intended")
            await anyio.sleep(60)
            assert not ours(us)
            assert (await us.levels())["A"] == 20
        await until_heard(world, "SO1", "placed")
        await world.settled({"A": 17, "B": 20, "C": 20})


async def test_a_list_that_begins_anew_places_nothing_twice(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        wants(world, "SO1", {"A": 3}, status="awaiting_fulfillment")
        await until_heard(world, "SO1", "placed")
        assert world.erp is not None
        world.erp.book.epoch_number += 1  # its cursors are gone
        wants(world, "SO2", {"A": 1}, status="awaiting_fulfillment")
        await until_heard(world, "SO2", "placed")
        await world.settled({"A": 16, "B": 20, "C": 20})
        assert len(ours(us)) == 2


async def test_a_ledger_that_forgot_an_order_finds_it_in_the_shop(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us):
        async with world.daemon():
            await begun(world)
        shutil.copytree(tmp_path / "state", tmp_path / "backup")
        async with world.daemon():
            wants(world, "SO1", {"A": 20}, status="awaiting_fulfillment")
            await until_heard(world, "SO1", "placed")
            await anyio.sleep(20)
        shutil.rmtree(tmp_path / "state")
        shutil.copytree(tmp_path / "backup", tmp_path / "state")
        async with world.daemon():
            await until_state(world, SO1="confirmed")
            await anyio.sleep(120)
            await world.settled({"A": 0, "B": 20, "C": 20})
        assert len(ours(us)) == 1


@pytest.mark.parametrize("known", [False, True])
async def test_a_ledger_put_back_from_a_backup_waits_for_what_may_still_arrive(tmp_path: Path, known: bool) -> None:
    """The request left after the backup was made. `known`: the order was told before it, and is to be placed."""
    async with shop_and_erp(tmp_path) as (world, us):
        real = us.shop.place

        def later(*args: Any, **fields: Any) -> Any:
            us.shop.place = real
            asyncio.get_running_loop().call_later(30.0, lambda: real(*args, **fields))
            raise ConnectionError  # the shop answers 500

        async with world.daemon() as app:
            await begun(world)
            if known:
                await call(world, app, "pause", tenant="acme", store="us", writes=True)
                wants(world, "SO1", {"A": 3}, status="awaiting_fulfillment")
                await until_state(world, SO1="intended")
        shutil.copytree(tmp_path / "state", tmp_path / "backup")
        async with world.daemon(crash=True) as app:
            us.shop.place = later
            if known:
                await call(world, app, "resume", tenant="acme", store="us")
            else:
                wants(world, "SO1", {"A": 3}, status="awaiting_fulfillment")
            await until_state(world, SO1="sent")
            await anyio.sleep(1)
        shutil.rmtree(tmp_path / "state")
        shutil.copytree(tmp_path / "backup", tmp_path / "state")
        engine = write_engine(ledger_path(tmp_path / "state"))
        with engine.begin() as connection:
            restored.mark(connection, world.clock.now())
        engine.dispose()
        async with world.daemon() as app:
            if known:
                await call(world, app, "resume", tenant="acme", store="us")
            await until_state(world, SO1="confirmed")
            await anyio.sleep(60)
            await world.settled({"A": 17, "B": 20, "C": 20})
            assert len(ours(us)) == 1
            wants(world, "SO2", {"B": 1}, status="awaiting_fulfillment")
            await until_heard(world, "SO2", "placed")


async def test_outcomes_are_told_until_the_erp_has_answered(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, _):
        assert world.erp is not None
        async with world.daemon(crash=True):
            await begun(world)
            world.erp.faults.turn({"error_after_rate": 1.0})
            wants(world, "SO1", {"A": 3}, status="awaiting_fulfillment")
            await until_state(world, SO1="confirmed")
            await anyio.sleep(20)
            assert (await row_of(world, "SO1")).untold == 1
        world.erp.faults.turn({"error_after_rate": 0.0})
        heard = world.erp.wishes.heard["SO1"]
        assert heard >= 1
        async with world.daemon():
            await until_heard(world, "SO1", "placed")
            await anyio.sleep(60)
            assert world.erp.wishes.heard["SO1"] == heard + 1
            assert (await row_of(world, "SO1")).untold == 0


async def test_several_orders_with_one_key_wait_for_a_person(tmp_path: Path) -> None:
    """Somebody has copied it, with its key."""
    async with shop_and_erp(tmp_path) as (world, us), world.daemon() as app:
        await begun(world)
        await call(world, app, "pause", tenant="acme", store="us", writes=True)
        for units in (1, 2):
            us.shop.place(
                [us.shop.line_of("A", units)], status_id=0, channel_id=1, source="external",
                external_order_id=order_key("acme", "us", "SO1"), visible_from_us=10**18,
            )  # fmt: skip
        wants(world, "SO1", {"A": 3}, status="awaiting_fulfillment")
        await until_state(world, SO1="intended")
        for order in ours(us):
            order.visible_from_us = 0
        await call(world, app, "resume", tenant="acme", store="us")
        await until_state(world, SO1="quarantined")
        (entry,) = (await call(world, app, "quarantine.list"))["entries"]
        assert entry["line"] == "placement SO1"
        assert "several orders" in entry["reason"]
        await call(world, app, "quarantine.release", id=entry["id"], decision="already_counted")
        await until_state(world, SO1="booked")
        (told,) = (await call(world, app, "explain.order", order="us/SO1", ask=False))["placements"]
        assert (told["state"], told["units"]) == ("booked", [{"of": "A", "quantity": "3"}])
        await world.settled({"A": 17, "B": 20, "C": 20})


async def held_orders(world: World, app: Any) -> dict[str, str]:
    return {each["order"]: each["reason"] for each in (await call(world, app, "quarantine.list"))["entries"]}


async def test_each_copy_of_an_order_waits_for_a_person(tmp_path: Path) -> None:
    """Its units are in no book: whoever copied it has to say what it sold."""
    async with shop_and_erp(tmp_path) as (world, us), world.daemon() as app:
        await begun(world)
        wants(world, "SO1", {"A": 3}, status="awaiting_fulfillment")
        await until_heard(world, "SO1", "placed")
        (first,) = ours(us)
        for units in (1, 2):
            us.shop.place(
                [us.shop.line_of("A", units)], status_id=11, channel_id=1, source="external",
                external_order_id=first.external_order_id,
            )  # fmt: skip
        copies = {str(order.id) for order in ours(us)} - {str(first.id)}

        async def complaint() -> Any:
            have = await held_orders(world, app)
            return "" if set(have) == copies else f"{have}, not {copies}"

        await world.until(complaint)


async def test_an_order_that_is_there_though_the_shop_refused_it_waits_for_a_person(tmp_path: Path) -> None:
    """The ERP has heard that it isn't, and has given its units back."""
    async with shop_and_erp(tmp_path) as (world, us), world.daemon() as app:
        await begun(world)
        real = us.shop.place

        def made_and_refused(*args: Any, **fields: Any) -> Any:
            real(*args, **fields)
            raise HTTPConflict(text='[{"status":409,"message":"no"}]', content_type="application/json")

        us.shop.place = made_and_refused
        wants(world, "SO1", {"A": 3}, status="awaiting_fulfillment")
        await until_heard(world, "SO1", "refused")
        (order,) = ours(us)

        async def complaint() -> Any:
            have = await held_orders(world, app)
            return "" if list(have) == [str(order.id)] else f"{have}"

        await world.until(complaint)
        (reason,) = (await held_orders(world, app)).values()
        assert "refused" in reason


async def test_an_erp_without_such_a_list_is_named_once_and_levels_go_on(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us):
        assert world.erp is not None
        world.erp.tells_orders = False
        async with world.daemon():
            await world.started()
            await us.buy({"A": 1})
            await world.settled({"A": 19, "B": 20, "C": 20})
            await anyio.sleep(600)
        assert [event["event"] for event in world.events()].count("placing.stuck") == 1


async def test_where_stock_is_taken_on_shipment_levels_agree_too(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us):
        await us.call("POST", "/settings", {"update_stock_behavior": "order_completed_or_shipped"})
        async with world.daemon():
            await begun(world)
            wants(world, "SO1", {"A": 3}, status="awaiting_fulfillment")
            told = await until_heard(world, "SO1", "placed")
            await world.settled({"A": 17, "B": 20, "C": 20})
            await us.act(told["order"], "ship", {"lines": []})
            await anyio.sleep(60)
            await world.settled({"A": 17, "B": 20, "C": 20})
