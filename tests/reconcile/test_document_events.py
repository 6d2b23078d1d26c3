"""What sinks are told of an order follows from two documents of it, in one transaction with the later one."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from syncd.core.document import OrderDocument
from syncd.core.event import KINDS
from syncd.core.quantity import Instant
from syncd.ledger.documents import DueDocument
from syncd.ledger.outbox import Outbox, Subscription
from syncd.ledger.schema_outbox import outbox as table
from syncd.reconcile.document_events import ORDER_KINDS, happenings
from syncd.reconcile.document_step import _is_asleep, orders_in_turn
from syncd.stores.bigcommerce.document_rules import PARTS
from syncd.testing.order_document import an_order
from tests.reconcile.test_documents import shop_and_erp, until_quiet, until_told

ALL = Outbox("acme", [Subscription("crm", frozenset(ORDER_KINDS))], b"secret")
NOW = Instant(1_700_000_000_000_000)


def row(seen: str = "", *, baseline: int = 0) -> DueDocument:
    return DueDocument("1001", NOW, 0, "", "", 0, seen, 1, 0, NOW, "paid", baseline)


def order(phase: str, *, shipped: int = 0, refunded: int = 0, **fields: Any) -> OrderDocument:
    whole = an_order("acme-us-1001")
    (line,) = whole.lines
    line = msgspec.structs.replace(line, shipped=Decimal(shipped), refunded_amount=Decimal(refunded))
    return msgspec.structs.replace(whole, store="us", phase=phase, refunds=(), lines=(line,), **fields)


def story(*states: OrderDocument, baseline: int = 0) -> list[list[str]]:
    """The kinds that each state brings."""
    seen, told = "", []
    for number, state in enumerate(states):
        happened, seen = happenings(ALL, state, row(seen, baseline=baseline), f"content {state} {number}", NOW)
        told.append([each.kind.removeprefix("order.") for each in happened])
    return told


def test_each_step_of_an_order_is_told_once() -> None:
    assert story(
        order("placed"),
        order("paid"),
        order("paid", shipped=1),
        order("completed", shipped=2),
        order("completed", shipped=2, refunded=5),
        order("refunded", shipped=2, refunded=5),
        order("cancelled", shipped=2, refunded=5),
        OrderDocument("acme-us-1001", "us", "1001", "gone", "gone"),
    ) == [
        ["changed", "placed"],
        ["changed", "paid"],
        ["changed", "shipped"],
        ["changed", "shipped"],
        ["changed", "refunded"],
        ["changed", "refunded"],
        ["changed", "cancelled"],
        ["changed"],
    ]


def test_of_an_order_from_before_the_cutover_only_what_is_new_is_told() -> None:
    assert story(order("paid", shipped=1), order("completed", shipped=2), baseline=1) == [
        ["changed"],
        ["changed", "shipped"],
    ]


def test_the_same_content_is_no_event() -> None:
    first, seen = happenings(ALL, order("paid"), row(), "same", NOW)
    assert len(first) == 3
    again, _ = happenings(ALL, order("paid"), row(seen), "same", NOW)
    assert again == []


def test_the_same_happening_has_the_same_id_and_its_cart_is_its_stream() -> None:
    first, _ = happenings(ALL, order("paid"), row(), "a", NOW)
    second, seen = happenings(ALL, order("paid"), row(), "a", NOW)
    assert [each.id for each in first] == [each.id for each in second]
    assert {each.stream for each in first} == {"us/a8458391"}
    gone, _ = happenings(ALL, OrderDocument("k", "us", "1001", "gone", "gone"), row(seen), "b", NOW)
    assert {each.stream for each in gone} == {"us/a8458391"}
    alone, _ = happenings(ALL, order("paid", cart=""), row(), "a", NOW)
    assert {each.stream for each in alone} == {"us/1001"}
    assert first[0].persons == ALL.persons(email="j@example.com", store="us", customer="7")


def test_what_nobody_wants_is_not_made() -> None:
    some = Outbox("acme", [Subscription("crm", frozenset({"order.paid"}))])
    happened, _ = happenings(some, order("paid"), row(), "a", NOW)
    assert [each.kind for each in happened] == ["order.paid"]
    assert set(ORDER_KINDS) == {kind for kind in KINDS if kind.startswith("order.")}


def test_an_order_that_was_told_is_told_also_when_it_is_not_placed_any_more() -> None:
    """Where sinks alone are told, the ERP never is; and one that was put back from a backup is told anew."""
    _, seen = happenings(ALL, order("paid"), row(), "a", NOW)
    assert not _is_asleep(msgspec.structs.replace(row(seen), phase="draft"))
    assert _is_asleep(msgspec.structs.replace(row(), phase="draft"))


def test_a_turn_is_short_whatever_is_wanted() -> None:
    assert orders_in_turn(()) == orders_in_turn({"refunds"}) == 20
    assert orders_in_turn({"taxes", "refunds"}) == 20
    assert orders_in_turn(PARTS) == 4


@pytest.mark.parametrize("erp", [True, False])
async def test_events_are_in_the_outbox_with_the_document(tmp_path: Path, *, erp: bool) -> None:
    async with shop_and_erp(tmp_path, documents=erp) as (world, us):

        def subscribe(app: Any) -> None:
            (work,) = app.tenants.values()
            context = work.context
            context.outbox = Outbox("acme", [Subscription("crm", frozenset(ORDER_KINDS))], context.outbox.secret)
            (reconciler,) = work.reconcilers
            if reconciler.context.documents is None:  # as `app` does where a sink wants orders
                reconciler.context.documents = reconciler.context.port.documents(frozenset())

        world.composed = subscribe
        async with world.daemon():
            await world.started()
            bought = await us.buy({"A": 2})
            assert bought is not None
            if erp:
                await until_told(world, bought["order"])

            async def rows() -> list[Any]:
                query = select(table.c.kind, table.c.subject, table.c.data).order_by(table.c.seq)
                return list(await world.ledger.read(lambda connection: connection.execute(query).all()))

            async def complaint() -> str:
                return "" if len(await rows()) >= 3 else "no events"

            await world.until(complaint)
            await until_quiet(world)
            found = await rows()
            assert [kind for kind, _, _ in found] == ["order.changed", "order.placed", "order.paid"]
            assert {subject for _, subject, _ in found} == {f"orders/{bought['order']}"}
            data = msgspec.json.decode(found[0][2])
            assert data["lines"][0]["sku"] == "A"
            assert "billing" not in data or "last_name" not in data["billing"]  # personal, and not asked for


def test_a_state_that_comes_again_is_another_happening() -> None:
    """Receivers let an id pass that they have seen: with the id of the first time they would stay at the state between."""
    gone = OrderDocument("k", "us", "1001", "gone", "gone")
    seen, told = "", []
    for content, state in (("a", order("paid")), ("g", gone), ("a", order("paid")), ("g", gone)):
        happened, seen = happenings(ALL, state, row(seen), content, NOW)
        told += happened
    assert len({each.id for each in told}) == len(told)
