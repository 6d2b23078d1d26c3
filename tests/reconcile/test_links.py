"""Carts that the ERP prepares and shoppers buy: made once, told with their links, kept as the ERP has them, counted as any sale."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.reconcile.test_cart_holds import HOLDS, held
from tests.reconcile.test_crash_points import FragileHop
from tests.reconcile.test_pause import call
from tests.reconcile.test_placing import (
    FROM_ERP,
    OPENING,
    begun,
    drifts,
    ours,
    row_of,
    shop_and_erp,
    state_of,
    until_heard,
    until_state,
)
from tests.reconcile.world import Store, World


def lines_of(units: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"sku": sku, "quantity": str(count)} for sku, count in units.items()]


def prepares(world: World, key: str, units: Mapping[str, int], **more: Any) -> None:
    """The ERP's people prepare a cart. It takes nothing from the ERP's level."""
    assert world.erp is not None
    world.erp.wishes.take({"key": key, "store": "us", "as": "cart", "lines": lines_of(units), **more}, "main")


def changes(world: World, key: str, units: Mapping[str, int], status: str = "pending") -> None:
    assert world.erp is not None
    world.erp.wishes.change(key, status, lines_of(units))


def alive(us: Store) -> list[Any]:
    return [cart for cart in us.shop.carts.kept.values() if not cart.gone]


def holds(cart: Any) -> dict[str, int]:
    return {line.sku: line.quantity for line in cart.lines}


async def test_a_cart_is_made_once_and_what_a_shopper_buys_counts_once(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path, others={"shop": "woocommerce"}) as (world, us), world.daemon():
        await begun(world)
        assert world.erp is not None
        prepares(world, "Q1", {"A": 3, "B": 1})
        told = await until_heard(world, "Q1", "prepared")
        (cart,) = alive(us)
        assert (told["cart"], holds(cart)) == (cart.id, {"A": 3, "B": 1})
        assert cart.id in told["cart_url"]
        assert told["checkout_url"]
        assert "order" not in told
        await anyio.sleep(60)
        await world.settled(OPENING)  # no room, no commitment
        order = us.shop.carts.check_out(cart)
        await world.settled({"A": 17, "B": 19, "C": 20})
        await anyio.sleep(120)
        await world.settled({"A": 17, "B": 19, "C": 20})
        assert len(world.erp.book.posts) == 2, "a move for each line, as of any sale of the shop"
        assert set(world.erp.book.posts.values()) == {1}
        assert not ours(us)
        changes(world, "Q1", {"A": 1})
        told = await until_heard(world, "Q1", "converted", 2)
        assert told["order"] == str(order.id)
        assert len(us.shop.carts.kept) == 1
        assert not drifts(world)
        assert told["cart_url"] not in str(world.events())


async def test_a_later_revision_changes_the_open_cart(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        prepares(world, "Q1", {"A": 3, "B": 1}, customer="17", channel=1)
        first = await until_heard(world, "Q1", "prepared")
        changes(world, "Q1", {"A": 2, "C": 4})
        told = await until_heard(world, "Q1", "prepared", 2)
        (cart,) = alive(us)
        assert (cart.customer_id, holds(cart)) == (17, {"A": 2, "C": 4})
        assert told["cart"] == first["cart"] == cart.id
        assert told["checkout_url"]
        changes(world, "Q1", {"A": 2, "C": 4})  # nothing to be done
        again = await until_heard(world, "Q1", "prepared", 3)
        assert again["cart_url"]
        asked = [row for row in await world.asked(us) if row.endswith("/redirect_urls")]
        assert len(asked) == 1, "a link opens a cart once: the ERP is told a new one each time"
        assert "17" not in (await row_of(world, "Q1")).order.customer


async def test_a_shopper_who_was_faster_is_seen_before_it_is_changed(tmp_path: Path) -> None:
    """The version is another one by then: it is read again, and decided anew."""
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        prepares(world, "Q1", {"A": 3})
        await until_heard(world, "Q1", "prepared")
        real = us.shop.carts._check
        versions: list[int | None] = []

        def faster(cart: Any, version: int | None) -> None:
            if version is not None and not versions:
                us.shop.carts._check = real
                us.shop.carts.add(cart, [us.shop.carts.line_of("B", 1)])
            versions.append(version)
            real(cart, version)

        us.shop.carts._check = faster
        changes(world, "Q1", {"A": 5})
        await until_heard(world, "Q1", "prepared", 2)
        assert versions
        (cart,) = alive(us)
        assert holds(cart) == {"A": 5}
        assert versions == [1]
        assert cart.version == 4  # the shopper's, and two of ours


@pytest.mark.parametrize("when", ["before", "open", "bought", "deleted"])
async def test_what_the_erp_cancels(tmp_path: Path, when: str) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        assert world.erp is not None
        if when == "before":
            prepares(world, "Q1", {"A": 3}, status="cancelled")
            await until_heard(world, "Q1", "withdrawn")
            assert not us.shop.carts.kept
            return
        prepares(world, "Q1", {"A": 3})
        await until_heard(world, "Q1", "prepared")
        (cart,) = alive(us)
        if when == "bought":
            us.shop.carts.check_out(cart)
        if when == "deleted":
            us.shop.carts.delete(cart)
        world.erp.wishes.change("Q1", "cancelled")
        result = "converted" if when == "bought" else "withdrawn"
        await until_heard(world, "Q1", result, 2)
        assert cart.gone == ("converted" if when == "bought" else "deleted")
        await world.settled({**OPENING, "A": 17} if when == "bought" else OPENING)


async def test_one_that_is_gone_is_told_so_and_not_made_again(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        prepares(world, "Q1", {"A": 3})
        await until_heard(world, "Q1", "prepared")
        us.shop.carts.delete(alive(us)[0])
        changes(world, "Q1", {"A": 5})
        await until_heard(world, "Q1", "gone", 2)
        assert len(us.shop.carts.kept) == 1


async def test_one_that_shows_late_is_waited_for(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        await us.call("PUT", "/faults", {"late_carts_seconds": [20.0, 20.0]})
        prepares(world, "Q1", {"A": 3})
        await until_heard(world, "Q1", "prepared")
        changes(world, "Q1", {"A": 5})
        await until_heard(world, "Q1", "prepared", 2)
        assert [holds(cart) for cart in alive(us)] == [{"A": 5}]


async def test_a_lost_answer_leaves_a_stray_cart_at_most(tmp_path: Path) -> None:
    """Made, and nobody heard of it: another one is made once the request is dead. Both count nothing."""
    async with shop_and_erp(tmp_path, "late_seconds = 5\n") as (world, us), world.daemon():
        await begun(world)
        await us.call("PUT", "/faults", {"lost_answer": 1.0, "lost_answer_by": "504"})
        prepares(world, "Q1", {"A": 3})
        await world.until(lambda: "" if us.shop.carts.kept else "not made")
        await us.call("PUT", "/faults", {"lost_answer": 0.0})
        told = await until_heard(world, "Q1", "prepared")
        await anyio.sleep(120)
        assert len(us.shop.carts.kept) == 2
        us.shop.carts.check_out(us.shop.carts.kept[told["cart"]])
        await world.settled({"A": 17, "B": 20, "C": 20})


@pytest.mark.parametrize("what", ["change", "delete"])
async def test_a_request_that_arrives_late_is_waited_for(tmp_path: Path, what: str) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        assert world.erp is not None
        prepares(world, "Q1", {"A": 3})
        await until_heard(world, "Q1", "prepared")
        real, sent = getattr(us.shop.carts, what), []
        seen = us.shop.carts.seen

        def unseen(_cart: str) -> Any:
            raise ConnectionError

        def later(*args: Any, **fields: Any) -> Any:
            setattr(us.shop.carts, what, real)
            sent.append(args)
            if what == "change":
                us.shop.carts.seen = unseen  # until the ERP has changed its mind
            asyncio.get_running_loop().call_later(20.0, lambda: real(*args, **fields))
            raise ConnectionError  # the shop answers 500

        setattr(us.shop.carts, what, later)
        if what == "change":
            changes(world, "Q1", {"A": 5})
            await world.until(lambda: "" if sent else "not sent")
            changes(world, "Q1", {"A": 3})  # as it is: nothing would be sent, and the late one would win

            async def complaint() -> str:
                return "" if (await row_of(world, "Q1")).revision == 3 else "not read"

            await world.until(complaint)
            us.shop.carts.seen = seen
            await until_heard(world, "Q1", "prepared", 3)
            await anyio.sleep(60)
            assert [holds(cart) for cart in alive(us)] == [{"A": 3}]
        else:
            world.erp.wishes.change("Q1", "cancelled")
            await until_heard(world, "Q1", "withdrawn", 2)
            assert not alive(us)


@pytest.mark.parametrize("lost", [False, True])
async def test_the_process_may_end_at_any_commit_of_a_cart(tmp_path: Path, lost: bool) -> None:
    async with shop_and_erp(tmp_path, "late_seconds = 1\n") as (world, us):
        hop = FragileHop(tmp_path / "state")
        world.hop = hop
        async with world.daemon():
            await begun(world)
        for n in range(1, 9):
            async with world.daemon(crash=True):
                await anyio.sleep(5.0)
                hop.arm(n, lost=lost)
                prepares(world, f"Q{n}", {"A": 1})
                with anyio.move_on_after(60.0):
                    await hop.ended.wait()
            hop.restore()
            async with world.daemon():
                told = await until_heard(world, f"Q{n}", "prepared")
                row = await row_of(world, f"Q{n}")
                assert (row.state, row.cart) == ("confirmed", told["cart"])
                changes(world, f"Q{n}", {"A": 1, "B": n})
                await until_heard(world, f"Q{n}", "prepared", 2)
                assert holds(us.shop.carts.kept[told["cart"]]) == {"A": 1, "B": n}
        assert len(us.shop.carts.kept) <= 2 * 8
        async with world.daemon():
            await world.settled(OPENING)


async def test_what_cannot_be_had_is_refused_or_not_followed(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await begun(world)
        await us.call("POST", "/settings", {"carts_check_stock": True})
        prepares(world, "Q1", {"A": 3, "NO-SUCH": 1})
        told = await until_heard(world, "Q1", "refused")
        assert told["details"][0]["kind"] == "unknown_sku"
        prepares(world, "Q2", {"A": 3}, shipping_method="Express", total={"inc_tax": "9", "ex_tax": "8"})
        assert len((await until_heard(world, "Q2", "refused"))["details"]) == 2
        prepares(world, "Q3", {"A": 99})
        assert "stock" in (await until_heard(world, "Q3", "refused"))["reason"]
        assert not us.shop.carts.kept
        prepares(world, "Q4", {"A": 3})
        cart = (await until_heard(world, "Q4", "prepared"))["cart"]
        changes(world, "Q4", {"NO-SUCH": 1})
        assert (await until_heard(world, "Q4", "not_followed", 2))["cart"] == cart
        changes(world, "Q4", {})  # an entry that isn't one
        await until_heard(world, "Q4", "not_followed", 3)
        changes(world, "Q4", {"A": 4})
        await until_heard(world, "Q4", "prepared", 4)
        assert [holds(cart) for cart in alive(us)] == [{"A": 4}]


async def test_nothing_is_made_while_the_shop_is_paused(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon() as app:
        await begun(world)
        await call(world, app, "pause", tenant="acme", store="us", writes=True)
        prepares(world, "Q1", {"A": 3})
        await until_state(world, Q1="intended")
        await anyio.sleep(60)
        assert not us.shop.carts.kept
        await call(world, app, "resume", tenant="acme", store="us")
        await until_heard(world, "Q1", "prepared")


async def test_nothing_is_made_in_shadow_mode(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path, mode='mode = "shadow"\n') as (world, us), world.daemon():
        await world.started()
        await anyio.sleep(30)
        prepares(world, "Q1", {"A": 3})
        await until_state(world, Q1="skipped")
        assert not us.shop.carts.kept


async def test_it_is_held_from_other_shops_like_any_shoppers_cart(tmp_path: Path) -> None:
    """The ERP hasn't taken its units."""
    async with shop_and_erp(tmp_path, HOLDS, others={"shop": "woocommerce"}) as (world, _):
        world.configure(per_store={"us": FROM_ERP + HOLDS}, webhooks=True)
        async with world.daemon():
            await begun(world)
            prepares(world, "Q1", {"A": 3})
            await until_heard(world, "Q1", "prepared")

            async def complaint() -> str:
                return "" if await held(world) else f"nothing is held, {await state_of(world, 'Q1')}"

            await world.until(complaint)
