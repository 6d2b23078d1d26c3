"""Changed orders reach the ERP as whole documents: once for each state, whatever fails on the way, and nothing beside them waits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp.web import HTTPForbidden

from syncd.core.erasure import Whom
from syncd.core.quantity import Instant
from syncd.errors import StoreFault
from syncd.ledger import documents, payloads, quarantine
from syncd.ledger.documents import DocumentState
from syncd.ledger.erasure import erase_pages
from syncd.ports.documents import UnreadablePart
from syncd.ports.hooks import secret_of
from tests.reconcile.test_crash_points import FragileHop
from tests.reconcile.test_pause import call
from tests.reconcile.test_placing import FROM_ERP as PLACES_ORDERS
from tests.reconcile.test_placing import begun as can_place
from tests.reconcile.test_placing import ours, until_heard, wants
from tests.reconcile.test_shipments import begun, ships, until_made
from tests.reconcile.test_shipments import bought as bought_lines
from tests.reconcile.world import Store, World, open_world
from tests.simulator.bigcommerce_judge import RECORD

OPENING = {"A": 20, "B": 20, "C": 20}


@asynccontextmanager
async def shop_and_erp(
    folder: Path, more: str = "", *, mode: str = "", documents: bool = True, webhooks: bool = False
) -> AsyncIterator[tuple[World, Store]]:
    """A shop, an ERP that keeps documents."""
    async with open_world(folder) as world:
        us = await world.serve("us", "bigcommerce", stock=OPENING)
        await world.serve_erp()
        world.open_stock(OPENING)
        world.configure(mode, per_store={"us": more}, webhooks=webhooks)
        if documents:
            keep_documents(world)
        yield world, us


def keep_documents(world: World) -> None:
    file = world.folder / "config" / "tenants" / "acme.toml"
    file.write_text(file.read_text().replace("[erp]\n", "[erp]\ndocuments = true\n"))


def told(world: World, order: str) -> dict[str, Any] | None:
    """What the ERP has of an order."""
    assert world.erp is not None
    return world.erp.book.orders.get(f"acme-us-{order}")


def puts(world: World, order: str) -> int:
    assert world.erp is not None
    return world.erp.book.order_puts[f"acme-us-{order}"]


async def until_told(world: World, order: str, **fields: Any) -> dict[str, Any]:
    """Wait until the ERP has the order's document with these fields."""

    def complaint() -> str:
        document = told(world, order)
        if document is None:
            return f"no document of {order}"
        wrong = {name: document[name] for name, value in fields.items() if document[name] != value}
        return f"{wrong}, not {fields}" if wrong else ""

    await world.until(complaint)
    document = told(world, order)
    assert document is not None
    return document


async def state(world: World, order: str) -> DocumentState | None:
    return await world.ledger.read(lambda connection: documents.of_order(connection, "acme", "us", order))


async def until_quiet(world: World) -> None:
    """Nothing is due, and nothing waits for the ERP."""

    async def complaint() -> str:
        left = await world.ledger.read(lambda connection: documents.count(connection, "acme"))
        return f"left: {left}" if left else ""

    await world.until(complaint)


async def test_each_state_of_an_order_is_put_once(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await world.started()
        bought = await us.buy({"A": 2, "B": 1})
        assert bought is not None
        order = bought["order"]
        document = await until_told(world, order, phase="paid")
        assert [(line["sku"], line["quantity"]) for line in document["lines"]] == [("A", "2"), ("B", "1")]
        assert document["lines"][0]["erp"] == [{"sku": "A", "quantity": "1"}]
        assert document["store"] == "us"
        assert {part["name"]: part["state"] for part in document["parts"]}["order"] == "read"
        await until_quiet(world)
        assert puts(world, order) == 1
        await us.act(order, "cancel")
        await until_told(world, order, phase="cancelled")
        await until_quiet(world)
        assert puts(world, order) == 2
        await world.settled({"A": 20, "B": 20, "C": 20})
        asked = await world.asked(us)
        parts = [row for row in asked if f"/orders/{order}/" in row and "/fees" not in row]
        assert not parts  # the list brought all of it


async def test_nobody_wants_documents_and_none_are_made(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path, documents=False) as (world, us), world.daemon():
        await world.started()
        bought = await us.buy({"A": 2})
        assert bought is not None
        await world.settled({"A": 18, "B": 20, "C": 20})
        assert await state(world, bought["order"]) is None
        assert world.erp is not None
        assert not world.erp.book.orders


async def test_an_order_that_is_not_placed_yet_is_no_document(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await world.started()
        order = (
            await us.call("POST", "/orders", {"lines": [{"sku": "A", "quantity": 1}], "paid": False, "status_id": 0})
        )["order"]

        async def complaint() -> str:
            seen = await state(world, order)
            return "" if seen is not None and seen.reason == "not placed yet" else f"{seen}"

        await world.until(complaint)
        await until_quiet(world)
        assert told(world, order) is None
        await us.act(order, "pay")
        await until_told(world, order, phase="paid")


async def test_nothing_is_put_in_shadow_mode_and_all_of_it_when_the_tenant_goes_live(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path, mode='mode = "shadow"') as (world, us):
        async with world.daemon():
            await world.started()
            bought = await us.buy({"A": 1})
            assert bought is not None

            async def complaint() -> str:
                seen = await state(world, bought["order"])
                return "" if seen is not None and seen.due_at else "not due"

            await world.until(complaint)
            await world.clock.sleep(60)
            assert not await complaint()  # nothing was read for it
            assert told(world, bought["order"]) is None
        file = tmp_path / "config" / "tenants" / "acme.toml"
        file.write_text(file.read_text().replace('mode = "shadow"', ""))
        async with world.daemon():
            await until_told(world, bought["order"], phase="paid")


async def test_what_waits_for_the_erp_is_not_put_in_shadow_mode(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us):
        assert world.erp is not None
        world.erp.order_faults = 10**6
        async with world.daemon():
            await world.started()
            bought = await us.buy({"A": 1})
            assert bought is not None

            async def complaint() -> str:
                seen = await state(world, bought["order"])
                return "" if seen is not None and seen.put_attempts else "not tried"

            await world.until(complaint)
        world.erp.order_faults = 0
        file = tmp_path / "config" / "tenants" / "acme.toml"
        file.write_text('mode = "shadow"\n' + file.read_text())
        async with world.daemon():
            await world.clock.sleep(400)
            assert told(world, bought["order"]) is None


async def test_an_erp_that_hangs_holds_up_no_store_and_nothing_is_read_twice_for_it(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path, 'order_parts = ["messages"]\n') as (world, us), world.daemon() as app:
        await world.started()
        assert world.erp is not None
        world.erp.order_faults = 4
        bought = await us.buy({"A": 1})
        assert bought is not None
        await world.settled({"A": 19, "B": 20, "C": 20})  # moves and levels go on meanwhile
        (tenant,) = (await call(world, app, "status"))["tenants"]
        assert sum(tenant["stores"][0]["documents"].values()) == 1
        await until_told(world, bought["order"])
        await until_quiet(world)
        assert world.erp.order_faults == 0
        (tenant,) = (await call(world, app, "status"))["tenants"]
        assert tenant["stores"][0]["documents"] == {"due": 0, "waiting": 0}
        asked = [row for row in await world.asked(us) if f"/orders/{bought['order']}/messages" in row]
        assert len(asked) == 1


async def test_a_document_that_the_erp_refuses_waits_for_a_person_and_the_others_go_on(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon() as app:
        await world.started()
        assert world.erp is not None
        world.erp.refused_orders.add("acme-us-100")
        first, second = await us.buy({"A": 1}), await us.buy({"A": 1})
        assert first is not None
        assert second is not None
        await until_told(world, second["order"])

        async def complaint() -> str:
            held = await world.ledger.read(lambda connection: quarantine.held(connection, "acme"))
            mine = [one.order for one in held if one.line == "document"]
            return "" if mine == [first["order"]] else f"held: {mine}"

        await world.until(complaint)
        seen = await state(world, first["order"])
        assert seen is not None
        assert (seen.held, seen.waits) == (1, 0)
        assert "refuses" in seen.put_reason
        await world.settled({"A": 18, "B": 20, "C": 20})  # counting isn't concerned
        world.erp.refused_orders.clear()
        held = await world.ledger.read(lambda connection: quarantine.held(connection, "acme"))
        entry = next(one for one in held if one.line == "document")
        await call(world, app, "quarantine.release", tenant="acme", id=entry.id, decision="count")
        await until_told(world, first["order"])


async def test_an_erp_that_keeps_no_documents_is_told_of_once_and_all_else_goes_on(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await world.started()
        assert world.erp is not None
        world.erp.keeps_orders = False
        bought = await us.buy({"A": 1})
        assert bought is not None
        await world.settled({"A": 19, "B": 20, "C": 20})

        def complaint() -> str:
            return "" if any(event["event"] == "documents.stuck" for event in world.events()) else "not stuck"

        await world.until(complaint)
        assert not any(event["event"] == "tenant.failed" for event in world.events())
        world.erp.keeps_orders = True
        await world.clock.sleep(301)
        await until_told(world, bought["order"])


async def test_purged_pages_cost_one_reading_of_the_order(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await world.started()
        bought = await us.buy({"A": 1})
        assert bought is not None
        await until_told(world, bought["order"])
        await until_quiet(world)

        def purge(connection: Any) -> None:
            payloads.purge(connection, "acme", Instant(2**60), 100)
            documents.make_due(connection, "acme", "us", [bought["order"]], world.clock.now())

        before = len(await world.asked(us))
        await world.ledger.run(purge)
        await until_quiet(world)
        asked = await world.asked(us, before)
        assert sum(f"/orders/{bought['order']}?" in row for row in asked) == 1
        assert puts(world, bought["order"]) == 1  # it says what the ERP has already


async def test_an_erased_order_is_read_anew(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await world.started()
        bought = await us.buy({"A": 1})
        assert bought is not None
        order = bought["order"]
        await until_told(world, order)
        await until_quiet(world)

        def erase(connection: Any) -> None:
            whom = Whom("jane.doe@example.com", frozenset(), frozenset(), frozenset())
            assert erase_pages(connection, "acme", whom, 0, only_look=False).changed
            documents.make_due(connection, "acme", "us", [order], world.clock.now())

        await world.ledger.run(erase)
        await until_quiet(world)
        seen = await state(world, order)
        assert seen is not None
        assert (seen.held, seen.reason) == (0, "")


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("commits", range(1, 7))
async def test_a_kill_at_any_commit_tells_the_order_all_the_same(tmp_path: Path, commits: int, *, lost: bool) -> None:
    async with shop_and_erp(tmp_path, 'order_parts = ["messages"]\n') as (world, us):
        world.hop = hop = FragileHop(tmp_path / "state")
        async with world.daemon(crash=True):
            await world.started()
            bought = await us.buy({"A": 2})
            assert bought is not None
            hop.arm(commits, lost=lost)
            await world.until(lambda: "" if hop.ended.is_set() else "not killed yet")
        hop.restore()
        async with world.daemon():
            document = await until_told(world, bought["order"], phase="paid")
            await until_quiet(world)
        assert document["lines"][0]["quantity"] == "2"
        assert 1 <= puts(world, bought["order"]) <= 2


async def test_a_refund_that_leaves_its_order_alone_is_seen(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path, 'order_parts = ["refunds"]\n') as (world, us), world.daemon():
        await world.started()
        bought = await us.buy({"A": 2})
        assert bought is not None
        order = bought["order"]
        await until_told(world, order, refunds=[])
        await world.clock.sleep(1)
        await refund_quietly(us, order)
        document = await until_refunded(world, order)
        assert document["refunds"][0]["items"][0]["kind"] == "product"
        await until_quiet(world)
        count = puts(world, order)
        for _ in range(3):  # polls of the list
            await world.clock.sleep(301)
        assert puts(world, order) == count


async def refund_quietly(us: Store, order: str) -> None:
    """A refund in the shop's list; nothing of the order itself changes."""
    other = await us.buy({"C": 2})
    assert other is not None
    shown = us.shop.order(other["order"])
    refund = us.shop.book_refund(shown, {shown.lines[0].id: 1})
    refund.order_id = int(order)


async def until_refunded(world: World, order: str) -> dict[str, Any]:
    def complaint() -> str:
        document = told(world, order)
        return "" if document is not None and document["refunds"] else "no refund yet"

    deadline = 4
    for _ in range(deadline):
        if not complaint():
            break
        await world.clock.sleep(120)
    await world.until(complaint)
    document = told(world, order)
    assert document is not None
    return document


async def test_what_the_shop_ships_is_told_and_what_the_erp_has_told_is_marked(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path, 'shipments = "both"\n') as (world, us), world.daemon():
        await begun(world)
        order, (a, b) = await bought_lines(us, ("A", 2, 0), ("B", 1, 0))
        ships(world, "s1", order, [{"line": a, "quantity": "1"}], tracking="T1")
        await until_made(world, us, order, 1)
        await us.act(order, "ship", {"lines": [{"line": b, "quantity": 1}]})

        def complaint() -> str:
            document = told(world, order)
            have = sorted((one["is_own"], one["lines"][0]["line"]) for one in (document or {}).get("shipments", []))
            return "" if have == [(False, b), (True, a)] else str(have)

        await world.until(complaint)
        await world.settled({"A": 18, "B": 19, "C": 20})  # a document never takes stock


async def test_an_order_of_the_erps_own_tells_it_of_edits_and_cancelling(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path, PLACES_ORDERS) as (world, us), world.daemon():
        for app in world.judged:
            app[RECORD].forgiven = "placing asks with is_deleted, which the vendor's documents had until 2021"
        await can_place(world)
        wants(world, "SO1", {"A": 2}, status="awaiting_fulfillment")
        await until_heard(world, "SO1", "placed")
        (order,) = ours(us)
        placed = await until_told(world, str(order.id), phase="paid")
        assert (placed["erp_key"], placed["own_key"]) == ("SO1", order.external_order_id)
        await us.act(str(order.id), "cancel")
        document = await until_told(world, str(order.id), phase="cancelled")
        assert document["erp_key"] == "SO1"


@pytest.mark.parametrize("scope", ["store/order/message/created", "store/order/transaction/created"])
async def test_a_call_about_a_part_makes_the_order_due_and_one_about_the_order_does_not(
    tmp_path: Path, scope: str
) -> None:
    async with shop_and_erp(tmp_path, 'order_parts = ["messages"]\n', webhooks=True) as (world, us), world.daemon():
        await world.started()
        bought = await us.buy({"A": 2})
        assert bought is not None
        order = bought["order"]
        await until_told(world, order)
        await until_quiet(world)

        async def asked() -> int:
            return sum(f"/orders/{order}/messages" in row for row in await world.asked(us))

        async def called(scope: str) -> None:
            secret = secret_of("sim-token", "bigcommerce")
            body = {"scope": scope, "data": {"type": "order", "id": int(order)}}
            address = f"http://127.0.0.1:{world.door}/acme/us"
            async with world.session.post(address, json=body, headers={"X-Syncd-Token": secret}) as answer:
                assert answer.status == 200

        before = await asked()
        await called("store/order/updated")
        await world.clock.sleep(30)
        assert await asked() == before
        await called(scope)

        async def complaint() -> str:
            return "" if await asked() == before + 1 else "not read"

        await world.until(complaint)
        await until_quiet(world)
        assert puts(world, order) == 1  # nothing new was in it


async def test_an_order_from_before_is_no_document_until_it_changes(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us):
        old, other = await us.buy({"A": 1}), await us.buy({"A": 1})
        assert old is not None
        assert other is not None
        async with world.daemon():
            await world.started()
            new = await us.buy({"B": 1})
            assert new is not None
            await until_told(world, new["order"])
            await until_quiet(world)
            assert await state(world, old["order"]) is None
            await us.act(old["order"], "complete")
            await until_told(world, old["order"], phase="completed")
            assert told(world, other["order"]) is None


async def test_a_token_that_may_not_read_a_part_holds_documents_back_and_nothing_else(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path, 'order_parts = ["refunds"]\n') as (world, us), world.daemon():
        await world.started()
        real = us.shop.refunds

        class Forbidden(list[Any]):
            def __iter__(self) -> Any:
                text = '{"status":403,"title":"You don\'t have a required scope to access the endpoint"}'
                raise HTTPForbidden(text=text, content_type="application/json")

        us.shop.refunds = Forbidden()
        bought = await us.buy({"A": 1})
        assert bought is not None
        await world.settled({"A": 19, "B": 20, "C": 20})
        await world.clock.sleep(60)
        names = [event["event"] for event in world.events()]
        assert (names.count("documents.stuck"), names.count("store.failed")) == (1, 0)
        assert told(world, bought["order"]) is None
        us.shop.refunds = real
        await world.clock.sleep(301)
        await until_told(world, bought["order"], phase="paid")


async def test_an_order_that_is_gone_is_told_as_gone(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (world, us), world.daemon():
        await world.started()
        bought = await us.buy({"A": 1})
        assert bought is not None
        await until_told(world, bought["order"])
        await us.act(bought["order"], "delete")

        def make_due(connection: Any) -> None:
            payloads.purge(connection, "acme", Instant(2**60), 100)
            documents.make_due(connection, "acme", "us", [bought["order"]], world.clock.now())

        await world.ledger.run(make_due)
        document = await until_told(world, bought["order"], phase="gone")
        assert document["lines"] == []


async def test_explain_shows_the_document_and_where_each_part_came_from(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path, 'order_parts = ["messages", "taxes"]\n') as (world, us), world.daemon() as app:
        await world.started()
        bought = await us.buy({"A": 1})
        assert bought is not None
        await until_told(world, bought["order"])
        await until_quiet(world)
        shown = await call(world, app, "explain.order", order=f"us/{bought['order']}")
        parts = {part["part"]: (part["state"], part["resource"]) for part in shown["document"]["parts"]}
        assert shown["document"]["state"] == "told"
        assert parts["order"] == ("read", "/v2/orders")
        assert parts["taxes"] == ("not_needed", None)
        assert parts["messages"][1] == f"/v2/orders/{bought['order']}/messages"
        assert parts["quotes"] == ("not_wanted", None)
        assert shown["document"]["requests"] >= 1


async def test_a_list_of_refunds_that_cant_be_read_holds_up_no_document(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path, 'order_parts = ["refunds"]\n') as (world, us):
        broken = True

        def breakable(app: Any) -> None:
            (work,) = app.tenants.values()
            (reconciler,) = work.reconcilers
            port = reconciler.context.documents
            real = port.refunded

            async def refunded(since: Instant) -> Any:
                if broken:
                    raise StoreFault("the list of refunds: refund 1: no date", operation="list refunds")
                return await real(since)

            port.refunded = refunded

        world.composed = breakable
        async with world.daemon():
            await world.started()
            bought = await us.buy({"A": 2})
            assert bought is not None
            order = bought["order"]
            await until_told(world, order, refunds=[])
            await world.clock.sleep(600)
            other = await us.buy({"B": 1})
            assert other is not None
            await until_told(world, other["order"], phase="paid")
            await refund_quietly(us, order)
            await world.clock.sleep(600)
            names = [event["event"] for event in world.events()]
            assert (names.count("documents.stuck"), names.count("store.failed")) == (1, 0)
            broken = False
            await until_refunded(world, order)


async def test_what_is_still_wrong_with_a_part_is_held_once(tmp_path: Path) -> None:
    """More was shipped than ordered: the part was read, and what is beyond stays with a person until it is put right."""
    async with shop_and_erp(tmp_path) as (world, us):

        def beyond(app: Any) -> None:
            (work,) = app.tenants.values()
            (reconciler,) = work.reconcilers
            port = reconciler.context.documents
            real = port.documents

            async def some(orders: Any) -> Any:
                left = (UnreadablePart("shipments", "1 of line 11 more than was ordered", b""),)
                return tuple([msgspec.structs.replace(read, unreadable=left) for read in await real(orders)])

            port.documents = some

        world.composed = beyond
        async with world.daemon():
            await world.started()
            bought = await us.buy({"A": 2})
            assert bought is not None
            order = bought["order"]
            await until_told(world, order)
            await until_quiet(world)

            async def entries() -> list[tuple[int, str]]:
                rows = await world.ledger.read(lambda c: quarantine.of_order(c, "acme", "us", order))
                return [(row.id, row.state) for row in rows]

            [(number, _)] = await entries()
            for _ in range(2):
                await world.ledger.run(lambda c: documents.make_due(c, "acme", "us", [order], world.clock.now()))
                await until_quiet(world)
            assert await entries() == [(number, quarantine.HELD)]
