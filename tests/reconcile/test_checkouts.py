"""Orders of the ERP that go into the shop by a cart and its checkout: each exactly once, counted once, whatever becomes of the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiohttp.web import HTTPServiceUnavailable

from syncd.core.order import Phase
from syncd.ledger import orders as ledger_orders
from syncd.ledger import placing
from tests.reconcile.test_cart_holds import HOLDS, held
from tests.reconcile.test_crash_points import FragileHop
from tests.reconcile.test_pause import call
from tests.reconcile.test_placing import (
    BILLING,
    FROM_ERP,
    OPENING,
    begun,
    drifts,
    ours,
    row_of,
    shop_and_erp,
    state_of,
    units_of,
    until_heard,
    until_state,
    wants,
)
from tests.reconcile.world import Store, World

TO = {**BILLING, "email": "ada@example.com"}
# What is sent for one order, in turn.
REQUESTS = (
    "POST /v3/carts",
    "billing-address",
    "POST consignments",
    "PUT consignments",
    "POST orders",
    "DELETE /v3/carts",
    "PUT /v2/orders",
)


def orders(world: World, key: str, units: Mapping[str, int], **more: Any) -> None:
    """The ERP's people take an order that goes by a checkout."""
    wants(world, key, units, **{"as": "checkout", "billing": TO, "status": "awaiting_fulfillment", **more})


async def writes(world: World, us: Store) -> list[str]:
    """What was sent to carts, checkouts and orders."""
    rows = [row.replace("/stores/simshop", "") for row in await world.asked(us) if not row.startswith("GET")]
    return [row for row in rows if "/carts" in row or "/checkouts" in row or "/v2/orders" in row]


async def test_an_order_goes_by_a_checkout_and_is_counted_once(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path, others={"shop": "woocommerce"}) as (world, us), world.daemon():
        await begun(world)
        orders(
            world, "SO1", {"A": 3, "B": 1}, staff_notes="by phone", shipping={**TO, "first_name": "Bob", "email": ""}
        )
        told = await until_heard(world, "SO1", "placed")
        (order,) = ours(us)
        assert (units_of(order), order.status_id, order.source) == ({"A": 3, "B": 1}, 11, "checkout_api")
        assert (told["order"], told["status"]) == (str(order.id), "awaiting_fulfillment")
        assert (order.billing["first_name"], order.shipping["first_name"]) == ("Ada", "Bob")
        assert order.staff_notes == "by phone"
        await world.settled({"A": 17, "B": 19, "C": 20})
        await anyio.sleep(120)
        await world.settled({"A": 17, "B": 19, "C": 20})
        assert world.erp is not None
        assert not world.erp.book.posts, "the ERP has counted it already: no move is posted"
        assert len(us.shop.book.kept) == 1
        assert [cart.gone for cart in us.shop.carts.kept.values()] == ["deleted"]
        assert len(await writes(world, us)) == len(REQUESTS)
        assert not drifts(world)


@pytest.mark.parametrize(("method", "chosen"), [("", "Flat Rate"), (" express", "Express")])
async def test_the_cheapest_way_of_shipping_is_taken_unless_the_erp_names_one(
    tmp_path: Path, method: str, chosen: str
) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        orders(world, "SO1", {"A": 1}, shipping_method=method)
        await until_heard(world, "SO1", "placed")
        (cart,) = us.shop.carts.kept.values()
        assert [one.chosen.description for one in cart.consignments if one.chosen] == [chosen]


async def test_a_way_of_shipping_that_the_shop_has_not_is_refused_with_those_that_it_has(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        orders(world, "SO1", {"A": 2}, shipping_method="Pigeon")
        told = await until_heard(world, "SO1", "refused")
        assert "'Flat Rate', 'Express'" in told["reason"]
        await world.settled(OPENING)
        assert not us.shop.book.kept
        assert [cart.gone for cart in us.shop.carts.kept.values()] == ["deleted"]


async def test_what_a_checkout_cannot_take_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        wrap = {"name": "Gift wrap", "quantity": "1", "price": {"inc_tax": "5.95", "ex_tax": "5"}}
        orders(world, "SO1", {}, lines=[wrap], billing={**BILLING, "city": ""})
        told = await until_heard(world, "SO1", "refused")
        assert len(told["details"]) == 4
        wants(world, "SO2", {"A": 1}, **{"as": "a wish"})
        await until_heard(world, "SO2", "refused")
        assert not await writes(world, us)


@pytest.mark.parametrize("lost_by", ["504", "reset"])
@pytest.mark.parametrize("number", range(len(REQUESTS)))
async def test_a_lost_answer_to_any_request_makes_one_order(tmp_path: Path, number: int, lost_by: str) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        await us.call("PUT", "/faults", {"lost_answer": 0.5, "lost_answer_by": lost_by})
        real, answers = us.shop.happens, []

        def happens(probability: float) -> bool:
            if probability != 0.5:
                return real(probability)
            answers.append(probability)
            return len(answers) == number + 1  # the answer to just this request

        us.shop.happens = happens
        orders(world, "SO1", {"A": 3})
        await until_heard(world, "SO1", "placed")
        await world.settled({"A": 17, "B": 20, "C": 20})
        await anyio.sleep(240)
        await world.settled({"A": 17, "B": 20, "C": 20})
        assert len(ours(us)) == 1
        assert len(answers) >= len(REQUESTS)
        assert [order.status_id for order in us.shop.book.kept.values()] == [11]
        assert not drifts(world)


async def test_drafts_that_stay_behind_count_nothing(tmp_path: Path) -> None:
    """A request that was held to be dead arrives after all: the shop has a second draft."""
    async with shop_and_erp(tmp_path, "late_seconds = 5\n") as (world, us), world.daemon():
        await begun(world)
        real = us.shop.carts.order_of

        def later(cart: Any, **fields: Any) -> Any:
            us.shop.carts.order_of = real
            asyncio.get_running_loop().call_later(200.0, lambda: real(cart, **fields))
            raise ConnectionError  # the shop answers 500

        us.shop.carts.order_of = later
        orders(world, "SO1", {"A": 3})
        await until_heard(world, "SO1", "placed")
        await anyio.sleep(300)
        await world.settled({"A": 17, "B": 20, "C": 20})
        assert sorted(order.status_id for order in us.shop.book.kept.values()) == [0, 11]
        assert not drifts(world)


@pytest.mark.parametrize("lost", [False, True])
async def test_the_process_may_end_at_any_commit_of_a_checkout(tmp_path: Path, lost: bool) -> None:
    async with shop_and_erp(tmp_path, "late_seconds = 1\n") as (world, us):
        hop = FragileHop(tmp_path / "state")
        world.hop = hop
        async with world.daemon():
            await begun(world)
        for n in range(1, 17):
            async with world.daemon(crash=True):
                await anyio.sleep(5.0)
                hop.arm(n, lost=lost)
                orders(world, f"SO{n}", {"A": 1})
                with anyio.move_on_after(60.0):
                    await hop.ended.wait()
            hop.restore()
            async with world.daemon():
                await until_state(world, **{f"SO{n}": "confirmed"})
                await until_heard(world, f"SO{n}", "placed")
                await world.settled({"A": 20 - n, "B": 20, "C": 20})
            assert len(ours(us, f"SO{n}")) == 1
        assert not drifts(world)


async def test_the_room_stays_open_while_the_order_is_a_draft(tmp_path: Path) -> None:
    """The stream reads the draft before it has our key: it commits nothing, nothing is given up, and nothing is written."""
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        before = [row for row in await world.asked(us) if "adjustments" in row]
        real = us.shop.set_status
        stuck = [True]

        def held(*args: Any, **fields: Any) -> Any:
            if stuck[0]:
                raise ConnectionError  # the shop answers 500, and has written the key alone
            return real(*args, **fields)

        us.shop.set_status = held
        orders(world, "SO1", {"A": 20})
        await world.until(lambda: "" if us.shop.book.kept else "no draft")
        for _ in range(10):
            await anyio.sleep(2)
            (order,) = us.shop.book.kept.values()
            us.shop.touch(order)
            assert await state_of(world, "SO1") in ("intended", "sent")
            assert (await us.levels())["A"] == 20
            assert world.erp_levels()["A"] == 0
        stuck[0] = False
        await until_heard(world, "SO1", "placed")
        await anyio.sleep(120)
        await world.settled({"A": 0, "B": 20, "C": 20})
        assert world.erp is not None
        assert not world.erp.book.posts
        assert [row for row in await world.asked(us) if "adjustments" in row] == before


@pytest.mark.parametrize("where", ["carts_check_stock", "checkouts_check_stock", "placing_checks_stock"])
async def test_a_shop_that_has_too_little_refuses_at_one_of_the_requests(tmp_path: Path, where: str) -> None:
    """A shopper was faster. The ERP hears it, and the units are counted once."""
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await us.call("POST", "/settings", {where: True})
        await begun(world)
        before = {"carts_check_stock": "create", "checkouts_check_stock": "order_of", "placing_checks_stock": "delete"}
        name = before[where]
        real = getattr(us.shop.carts, name)

        def faster(*args: Any, **fields: Any) -> Any:
            setattr(us.shop.carts, name, real)
            us.shop.place([us.shop.line_of("A", 20)], status_id=11, channel_id=1, source="www")
            return real(*args, **fields)

        setattr(us.shop.carts, name, faster)
        orders(world, "SO1", {"A": 20})
        told = await until_heard(world, "SO1", "refused")
        assert told["details"][0]["kind"] == "out_of_stock"
        await world.settled({"A": 0, "B": 20, "C": 20})
        await anyio.sleep(120)
        await world.settled({"A": 0, "B": 20, "C": 20})
        assert not ours(us)
        assert all(cart.gone for cart in us.shop.carts.kept.values())


async def test_an_order_that_the_erp_cancels_while_it_is_a_draft_is_not_placed(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        assert world.erp is not None
        real = us.shop.set_status

        def broken(*_args: Any, **_fields: Any) -> Any:
            for order in us.shop.book.kept.values():
                order.external_order_id = ""
            raise ConnectionError

        us.shop.set_status = broken
        orders(world, "SO1", {"A": 3})
        await world.until(lambda: "" if us.shop.book.kept else "no draft")
        await anyio.sleep(3)
        world.erp.wishes.change("SO1", "cancelled")
        await until_heard(world, "SO1", "withdrawn", 2)
        us.shop.set_status = real
        await world.settled(OPENING)
        assert [order.status_id for order in us.shop.book.kept.values()] == [0]
        assert not ours(us)


async def test_a_draft_that_somebody_places_by_hand_waits_for_a_person(tmp_path: Path) -> None:
    """It has no key of ours: it is a sale of the shop. Ours isn't written over it."""
    async with shop_and_erp(tmp_path) as (world, us), world.daemon() as app:
        await begun(world)
        real = us.shop.carts.delete

        def hasty(cart: Any) -> Any:
            us.shop.carts.delete = real
            us.shop.pay(cart.orders[0])
            return real(cart)

        us.shop.carts.delete = hasty
        orders(world, "SO1", {"A": 3})
        await until_state(world, SO1="quarantined")
        await world.settled({"A": 14, "B": 20, "C": 20})
        assert not ours(us)
        await us.act(str(next(iter(us.shop.book.kept))), "cancel")
        await world.settled({"A": 17, "B": 20, "C": 20})
        (entry,) = (await call(world, app, "quarantine.list"))["entries"]
        await call(world, app, "quarantine.release", id=entry["id"], decision="count")
        await until_heard(world, "SO1", "placed")
        await world.settled({"A": 17, "B": 20, "C": 20})
        assert len(ours(us)) == 1


async def test_a_cart_that_somebody_removes_is_made_again(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        real = us.shop.carts.set_billing

        def gone(cart: Any, *args: Any) -> Any:
            us.shop.carts.set_billing = real
            us.shop.carts.delete(cart)
            return real(us.shop.carts.cart(cart.id), *args)

        us.shop.carts.set_billing = gone
        orders(world, "SO1", {"A": 3})
        await until_heard(world, "SO1", "placed")
        await world.settled({"A": 17, "B": 20, "C": 20})
        assert len(us.shop.carts.kept) == 2


async def test_its_status_follows_like_that_of_any(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        assert world.erp is not None
        orders(world, "SO1", {"A": 3}, status="awaiting_payment")
        await until_heard(world, "SO1", "placed")
        assert ours(us)[0].status_id == 7
        world.erp.wishes.change("SO1", "cancelled")
        await until_heard(world, "SO1", "followed", 2)
        await anyio.sleep(60)
        await world.settled(OPENING)
        assert await state_of(world, "SO1") == "confirmed"
        assert "Ada" not in (await row_of(world, "SO1")).content


@pytest.mark.parametrize("request_", ["order", "status"])
async def test_a_request_that_arrives_late_is_waited_for(tmp_path: Path, request_: str) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        whose, name = (us.shop.carts, "order_of") if request_ == "order" else (us.shop, "set_status")
        real = getattr(whose, name)

        def later(*args: Any, **fields: Any) -> Any:
            setattr(whose, name, real)
            asyncio.get_running_loop().call_later(20.0, lambda: real(*args, **fields))
            raise ConnectionError  # the shop answers 500

        setattr(whose, name, later)
        orders(world, "SO1", {"A": 3})
        await until_heard(world, "SO1", "placed")
        await anyio.sleep(120)
        await world.settled({"A": 17, "B": 20, "C": 20})
        assert [order.status_id for order in us.shop.book.kept.values()] == [11]
        assert [row.split(" ")[0] for row in await writes(world, us)].count("PUT") == 2
        assert not drifts(world)


@pytest.mark.parametrize(
    "faults",
    [
        {"torn_orders": 1.0, "torn_as": "incomplete"},
        {"torn_orders": 1.0, "torn_as": "no_lines"},
        {"late_orders_seconds": [5.0, 5.0]},
        {"stale_orders_seconds": 5.0},
    ],
    ids=["torn", "no lines", "late", "stale"],
)
async def test_levels_agree_however_the_shop_shows_its_orders(tmp_path: Path, faults: dict[str, Any]) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        await us.call("PUT", "/faults", faults)
        for key, units in (("SO1", 3), ("SO2", 17)):
            orders(world, key, {"A": units})
            await until_heard(world, key, "placed")
        await anyio.sleep(180)
        await world.settled({"A": 0, "B": 20, "C": 20})
        assert len(ours(us)) == 2
        assert world.erp is not None
        assert not world.erp.book.posts


async def test_its_cart_keeps_nothing_from_other_shops(tmp_path: Path) -> None:
    """The ERP has taken its units: a hold would take them a second time."""
    async with shop_and_erp(tmp_path, HOLDS, others={"shop": "woocommerce"}) as (world, us):
        world.configure(per_store={"us": FROM_ERP + HOLDS}, webhooks=True)
        async with world.daemon():
            await begun(world)
            held_back = []
            real = us.shop.carts.consign

            def refuse(*args: Any) -> Any:
                held_back.append(args)
                raise ConnectionError  # the cart stays for a while

            us.shop.carts.consign = refuse
            orders(world, "SO1", {"A": 3})
            await world.until(lambda: "" if len(held_back) > 1 else "not tried")

            async def read() -> str:
                rows = await world.asked(us)
                return "" if any(row.startswith("GET /stores/simshop/v3/carts/") for row in rows) else "not read"

            await world.until(read)
            await anyio.sleep(5)
            assert await held(world) == {}
            us.shop.carts.consign = real
            await until_heard(world, "SO1", "placed")
            await world.settled({"A": 17, "B": 20, "C": 20})


async def test_the_room_ends_with_what_the_shop_took_and_not_with_its_answer(tmp_path: Path) -> None:
    """The draft is in the ledger by then, with nothing taken: that it was read says nothing of the order."""
    async with shop_and_erp(tmp_path, "late_seconds = 1\n") as (world, us), world.daemon():
        await begun(world)
        seen: set[tuple[str, bool, bool]] = set()
        plain = world.ledger.run

        async def run(unit: Any, **how: Any) -> Any:
            def watched(connection: Any) -> Any:
                result = unit(connection)
                row = placing.read_placement(connection, "acme", "SO1")
                if row is not None and row.draft:
                    known = ledger_orders.read_orders(connection, "acme", "us", [row.draft]).get(row.draft)
                    room = placing.open_rooms(connection, "acme", "us", ["A"])
                    seen.add((row.state, known is not None and known.phase is not Phase.DRAFT, bool(room)))
                return result

            return await plain(watched, **how)

        world.ledger.run = run  # type: ignore[method-assign]
        real = us.shop.set_status

        def slow(*args: Any, **fields: Any) -> Any:
            us.shop.set_status = real
            args[0].external_order_id = ""
            raise HTTPServiceUnavailable  # nothing was done; meanwhile the draft is read

        us.shop.set_status = slow
        orders(world, "SO1", {"A": 3})
        await anyio.sleep(100)
        await until_heard(world, "SO1", "placed")
        await world.settled({"A": 17, "B": 20, "C": 20})
        assert ("confirmed", False, True) in seen
        assert {room for _, counted, room in seen if not counted} == {True}
        assert {room for _, counted, room in seen if counted} == {False}
