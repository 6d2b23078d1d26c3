"""WooCommerce's webhooks, with the rules measured on 10.0.2."""

from __future__ import annotations

import base64
import hmac
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.test_woocommerce_recorded import shape
from tests.simulator.webhook_receiver import Called, Receiver, open_receiver
from tests.simulator.woocommerce_shop import Bench, open_bench

RECORDED = Path(__file__).resolve().parents[1] / "stores" / "recorded_webhooks"
TOPICS = ("order.created", "order.updated", "order.deleted", "order.restored")


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"{name}.json").read_text("utf-8"))


@asynccontextmanager
async def opened(**settings: Any) -> AsyncIterator[tuple[Bench, Receiver]]:
    async with open_bench(**settings) as bench, open_receiver() as receiver:
        bench.shop.add_product("A", stock=50)
        yield bench, receiver


async def make(bench: Bench, receiver: Receiver, *topics: str) -> dict[str, int]:
    """Webhooks by their ids, greeted."""
    made = {}
    for topic in topics or TOPICS:
        wanted = {"name": "n", "topic": topic, "delivery_url": receiver.url + "/hook", "secret": "s3cret"}
        answer = await bench.post("/webhooks", wanted)
        assert answer.status == 201
        made[topic] = answer.body["id"]
    await bench.shop.webhooks.courier.catch_up()
    receiver.take()
    return made


async def pass_time(bench: Bench, seconds: float = 1.0) -> None:
    bench.clock.pass_seconds(seconds)
    await bench.shop.webhooks.courier.catch_up()


def topics_of(calls: list[Called]) -> list[str]:
    return sorted(call.headers["X-WC-Webhook-Topic"] for call in calls)


async def test_a_webhook_is_made_and_changed_as_the_real_shop_answered() -> None:
    async with opened() as (bench, receiver):
        for name in ("webhook_create", "webhook_disable"):
            example = recorded(name)
            asked, wanted = example["request"], example["response"]
            path = asked["path"].replace("/2", "/1")
            body = {key: receiver.url if key == "delivery_url" else value for key, value in asked["body"].items()}
            answer = await bench.call(asked["method"], path, body)
            assert answer.status == wanted["status"]
            assert answer.headers["allow"] == wanted["headers"]["allow"]
            assert shape(answer.body) == shape(wanted["body"])
            told = ("name", "status", "topic", "resource", "event", "hooks")
            assert {key: answer.body[key] for key in told} == {key: wanted["body"][key] for key in told}


async def test_webhooks_are_listed_found_by_name_and_deleted_only_by_force() -> None:
    async with opened() as (bench, receiver):
        made = await make(bench, receiver, "order.created", "order.updated")
        await bench.put(f"/webhooks/{made['order.created']}", {"name": "Another's"})
        assert [hook["id"] for hook in (await bench.get("/webhooks")).body] == [2, 1]
        assert [hook["id"] for hook in (await bench.get("/webhooks", search="ANOTHER")).body] == [1]
        assert [hook["id"] for hook in (await bench.get("/webhooks", status="paused")).body] == []
        assert (await bench.get("/webhooks", per_page=1)).headers["x-wp-totalpages"] == "2"
        assert "secret" not in (await bench.get("/webhooks/1")).body
        refused = await bench.delete("/webhooks/1")
        assert (refused.status, refused.body["code"]) == (501, "woocommerce_rest_trash_not_supported")
        assert (await bench.delete("/webhooks/1", force="true")).status == 200
        assert (await bench.call("DELETE", "/wp-json/wc/v3/webhooks/2", {"force": True})).status == 200
        assert (await bench.get("/webhooks/1")).status == 404
        assert (await bench.put("/webhooks/1", {"status": "active"})).status == 400
        assert (await bench.get("/webhooks")).body == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "rest_missing_callback_param"),
        ({"topic": "order.updated"}, "rest_missing_callback_param"),
        ({"topic": "order.seen", "delivery_url": "https://x.example"}, "woocommerce_rest_shop_webhook_invalid_topic"),
        ({"topic": "order.updated", "delivery_url": "x.example"}, "woocommerce_rest_shop_webhook_invalid_delivery_url"),
        ({"topic": "order.updated", "delivery_url": "https://x.example", "status": "on"}, "rest_invalid_param"),
    ],
)
async def test_what_is_no_webhook_is_refused(body: dict[str, str], code: str) -> None:
    async with opened() as (bench, _):
        answer = await bench.post("/webhooks", body)
        assert (answer.status, answer.body["code"]) == (400, code)


async def test_a_new_webhook_is_greeted_unsigned() -> None:
    wanted = recorded("webhook_delivery_ping")
    async with opened() as (bench, receiver):
        await bench.post("/webhooks", {"topic": "order.updated", "delivery_url": receiver.url, "secret": "s"})
        await bench.shop.webhooks.courier.catch_up()
        (call,) = receiver.take()
        assert call.raw == b"webhook_id=1"
        assert {name.lower() for name in call.headers} == set(wanted["headers"])
        assert call.headers["Content-Type"] == wanted["headers"]["content-type"]


async def test_a_new_order_is_told_twice_signed_and_as_the_real_shop_told_it() -> None:
    async with opened() as (bench, receiver):
        made = await make(bench, receiver)
        order = bench.shop.checkout([("A", 1)])
        await pass_time(bench)
        calls = receiver.take()
        assert topics_of(calls) == ["order.created", "order.updated"]
        assert calls[0].raw == calls[1].raw
        wanted = recorded("webhook_delivery_order_updated")
        for call in calls:
            assert {name.lower() for name in call.headers} == set(wanted["headers"])
            signature = base64.b64encode(hmac.digest(b"s3cret", call.raw, "sha256")).decode()
            assert call.headers["X-WC-Webhook-Signature"] == signature
            assert call.headers["X-WC-Webhook-ID"] == str(made[call.headers["X-WC-Webhook-Topic"]])
            assert call.headers["User-Agent"] == wanted["headers"]["user-agent"]
            assert call.headers["X-WC-Webhook-Source"] == f"{bench.base}/"
            assert set(call.body) == set(json.loads(wanted["body"]))
            assert (call.body["id"], call.body["status"]) == (order.id, "processing")
            assert b"\\/" in call.raw
            assert call.raw.isascii()


async def test_what_changes_an_order_is_told_and_what_nobody_hears_of_isnt() -> None:
    async with opened() as (bench, receiver):
        await make(bench, receiver)
        order = bench.shop.checkout([("A", 2)], paid=False)
        line = order.lines[0].id
        await pass_time(bench)
        receiver.take()
        for change, told in (
            (lambda: bench.put(f"/orders/{order.id}", {}), ["order.updated"]),
            (lambda: bench.sim("POST", f"orders/{order.id}/pay"), ["order.updated"]),
            (lambda: bench.sim("POST", f"orders/{order.id}/edit", {"lines": [{"line": line, "quantity": 3}]}), ["order.updated"]),
            (lambda: bench.post(f"/orders/{order.id}/refunds", {"amount": "1.00", "api_refund": False}), ["order.updated"]),
            (lambda: bench.delete(f"/orders/{order.id}/refunds/{order.refunds[0].id}", force="true"), []),
            (lambda: bench.post(f"/orders/{order.id}/notes", {"note": "x"}), []),
            (lambda: bench.delete(f"/orders/{order.id}"), ["order.deleted"]),
            (lambda: bench.sim("POST", f"orders/{order.id}/untrash"), ["order.restored", "order.updated"]),
            (lambda: bench.delete(f"/orders/{order.id}", force="true"), []),
        ):  # fmt: skip
            assert (await change()).status < 300
            await pass_time(bench)
            calls = receiver.take()
            assert topics_of(calls) == told
            if told == ["order.deleted"]:
                assert calls[0].raw == b'{"id":%d}' % order.id


async def test_changes_that_wait_together_are_one_delivery_of_the_last_state() -> None:
    async with opened() as (bench, receiver):
        await make(bench, receiver, "order.updated")
        order = bench.shop.checkout([("A", 1)])
        await pass_time(bench)
        receiver.take()
        for number in range(5):
            await bench.put(f"/orders/{order.id}", {"customer_note": str(number)})
        await pass_time(bench)
        assert [call.body["customer_note"] for call in receiver.take()] == ["4"]


async def test_an_order_that_is_gone_at_delivery_is_an_error_for_a_body() -> None:
    async with opened() as (bench, receiver):
        await make(bench, receiver, "order.created")
        bench.shop.delete(bench.shop.checkout([("A", 1)]))
        await pass_time(bench)
        assert [call.body["code"] for call in receiver.take()] == ["woocommerce_rest_shop_order_invalid_id"]


async def test_a_failure_is_never_repeated_and_the_seventh_in_a_row_disables() -> None:
    async with opened() as (bench, receiver):
        number = (await make(bench, receiver, "order.updated"))["order.updated"]
        order = bench.shop.checkout([("A", 1)])

        async def fail() -> str:
            receiver.status = 500
            await bench.put(f"/orders/{order.id}", {})
            await pass_time(bench)
            await pass_time(bench, 3_600)
            status: str = (await bench.get(f"/webhooks/{number}")).body["status"]
            return status

        assert [await fail() for _ in range(6)] == ["active"] * 6
        assert await fail() == "disabled"
        assert len(receiver.take()) == 7
        receiver.status = 200
        await bench.put(f"/orders/{order.id}", {})
        await pass_time(bench)
        assert receiver.take() == [], "it stays disabled"
        await bench.put(f"/webhooks/{number}", {"status": "active"})
        assert await fail() == "disabled", "its count was left high"
        await bench.put(f"/webhooks/{number}", {"status": "active"})
        receiver.status = 302
        await bench.put(f"/orders/{order.id}", {})
        await pass_time(bench)
        assert [await fail() for _ in range(6)] == ["active"] * 6, "one success has set it back; 302 is one"


async def test_paused_and_deleted_webhooks_are_not_called() -> None:
    async with opened() as (bench, receiver):
        made = await make(bench, receiver, "order.created", "order.updated")
        bench.shop.checkout([("A", 1)])
        await bench.put(f"/webhooks/{made['order.created']}", {"status": "paused"})
        await bench.delete(f"/webhooks/{made['order.updated']}", force="true")
        await pass_time(bench)
        assert receiver.take() == []


async def test_private_addresses_are_not_called_where_the_shop_is_as_wordpress_ships() -> None:
    async with opened(unsafe_delivery_urls=False) as (bench, receiver):
        await make(bench, receiver, "order.created")
        bench.shop.checkout([("A", 1)])
        await pass_time(bench)
        assert receiver.take() == []
        assert bench.shop.webhooks.hooks[1].failures == 1


async def test_an_idle_shop_delivers_when_somebody_comes() -> None:
    async with opened() as (bench, receiver):
        await make(bench, receiver, "order.created")
        bench.shop.faults.webhooks_need_visits = True
        bench.shop.checkout([("A", 1)])
        await pass_time(bench, 600)
        assert receiver.take() == []
        await bench.get("/orders")
        await bench.shop.webhooks.courier.catch_up()
        assert len(receiver.take()) == 1


async def test_the_dials_lose_repeat_delay_reorder_and_spoil_deliveries() -> None:
    async with opened() as (bench, receiver):
        await make(bench, receiver, "order.created")
        faults = bench.shop.faults

        async def told(orders: int = 1, **dials: Any) -> list[Called]:
            faults.clear()
            faults.change(dials)
            for _ in range(orders):
                bench.shop.checkout([("A", 1)])
            await pass_time(bench, 10)
            return receiver.take()

        assert await told(webhook_lost=1.0) == []
        assert len(await told(webhook_repeated=1.0)) == 2
        assert await told(webhook_late=1.0, webhook_late_seconds=(60.0, 60.0)) == []
        await pass_time(bench, 60)
        assert len(receiver.take()) == 1
        order = [call.body["id"] for call in await told(orders=20, webhook_seconds=(0.0, 5.0))]
        assert len(order) == 20
        (wrong,) = await told(webhook_wrong_secret=1.0)
        good = base64.b64encode(hmac.digest(b"s3cret", wrong.raw, "sha256")).decode()
        assert wrong.headers["X-WC-Webhook-Signature"] != good
        await told(webhook_disabled=1.0)
        assert await told() == []
        shown = (await bench.sim("GET", "webhooks")).body
        assert [hook["status"] for hook in shown["webhooks"]] == ["disabled"]
        assert Counter(delivery["lost"] for delivery in shown["deliveries"])[True] == 1
        await bench.sim("POST", "webhooks/1/active")
        assert len(await told()) == 1


async def test_later_deliveries_overtake_earlier_ones_where_the_wait_differs() -> None:
    async with opened() as (bench, receiver):
        await make(bench, receiver, "order.created")
        bench.shop.faults.webhook_seconds = (0.0, 50.0)
        for _ in range(20):
            bench.shop.checkout([("A", 1)])
        for _ in range(51):
            await pass_time(bench)
        order = [call.body["id"] for call in receiver.take()]
        assert len(order) == 20
        assert order != sorted(order)


async def test_without_webhooks_no_chance_is_taken_and_nothing_runs() -> None:
    async with opened() as (bench, receiver):
        bench.shop.faults.change({"webhook_lost": 0.5, "webhook_repeated": 0.5, "webhook_seconds": (0.0, 1.0)})
        bench.shop.checkout([("A", 1)])
        assert bench.shop.webhooks.courier._task is None
        await make(bench, receiver, "order.restored")
        await pass_time(bench)
        before = bench.shop.rng.getstate()
        bench.shop.cancel(bench.shop.book.orders[max(bench.shop.book.orders)])
        assert bench.shop.rng.getstate() == before
