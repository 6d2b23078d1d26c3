"""BigCommerce's webhooks, by the vendor's document and its pages on webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from syncd.simulator.bigcommerce.hooks import RETRY_SECONDS
from tests.simulator.bigcommerce_bench import Bench, open_bench
from tests.simulator.bigcommerce_documents import Documents
from tests.simulator.test_bigcommerce_vendor_documents import judge
from tests.simulator.webhook_receiver import Called, Receiver, open_receiver

ORDERS = "store/order/*"


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[Bench, Receiver]]:
    async with open_bench() as bench, open_receiver() as receiver:
        bench.shop.add_products([{"sku": "A", "stock": 1_000}])
        yield bench, receiver


async def make(bench: Bench, receiver: Receiver, scope: str = ORDERS, **more: Any) -> int:
    wanted = {"scope": scope, "destination": receiver.url + "/hook", "headers": {"X-Ours": "token"}, **more}
    answer = await bench.call("POST", "/v3/hooks", wanted)
    assert answer.status == 200, answer.body
    number: int = answer.json["data"]["id"]
    return number


async def pass_time(bench: Bench, seconds: float = 1.0) -> None:
    bench.clock.turn(seconds)
    await bench.shop.hooks.courier.catch_up()


def sell(bench: Bench, **how: Any) -> int:
    return bench.shop.sell([{"sku": "A", "quantity": 2}], **how).id


def scopes_of(calls: list[Called]) -> list[str]:
    return sorted(call.body["scope"].removeprefix("store/") for call in calls)


@pytest.fixture(scope="module")
def documents(shared_folder: Any) -> Documents:
    folder = shared_folder / "specs/bigcommerce/reference"
    if not folder.is_dir():
        pytest.skip(f"the vendor's documents are not here: {folder}")
    return Documents(folder)


async def test_what_the_api_answers_has_the_documented_shape(documents: Documents) -> None:
    async with opened() as (bench, receiver):
        wanted = {"scope": ORDERS, "destination": receiver.url, "headers": {"X-Ours": "t"}, "is_active": True}
        number = await make(bench, receiver)
        receiver.status = 500
        for _ in range(100):
            sell(bench)
        await pass_time(bench)
        steps: tuple[tuple[str, str, Any, int], ...] = (
            ("POST", "/v3/hooks", {**wanted, "headers": None}, 200),
            ("POST", "/v3/hooks", {"scope": ORDERS}, 422),
            ("POST", "/v3/hooks", wanted, 422),
            ("GET", "/v3/hooks", None, 200),
            ("GET", f"/v3/hooks/{number}", None, 200),
            ("GET", "/v3/hooks/1", None, 404),
            ("PUT", f"/v3/hooks/{number}", {"is_active": False}, 200),
            ("GET", "/v3/hooks/admin", None, 200),
            ("PUT", "/v3/hooks/admin", {"emails": ["ops@example.com"]}, 204),
            ("DELETE", f"/v3/hooks/{number}", None, 200),
        )
        for method, path, body, status in steps:
            reply = await bench.call(method, path, body)
            assert (method, path, reply.status) == (method, path, status)
            assert (path, judge(documents, method, path, reply)) == (path, [])
            if path.endswith("admin") and method == "GET":
                data = reply.json["data"]
                assert data["hooks_list"][0]["status"] == "inactive"
                assert data["blocked_domains"][0]["destination"] == "https://127.0.0.1"


async def test_hooks_are_found_by_scope_destination_and_activity() -> None:
    async with opened() as (bench, receiver):
        first = await make(bench, receiver)
        second = await make(bench, receiver, "store/cart/*", is_active=False)

        async def found(**query: Any) -> list[int]:
            return [hook["id"] for hook in (await bench.get("/v3/hooks", **query)).json["data"]]

        assert await found() == [first, second]
        assert await found(scope=ORDERS) == [first]
        assert await found(is_active="false") == [second]
        assert await found(destination="https://elsewhere.example") == []


async def test_a_scope_and_destination_stand_once_and_ten_of_a_scope_are_the_most() -> None:
    async with opened() as (bench, receiver):
        await make(bench, receiver)
        twice = await bench.call("POST", "/v3/hooks", {"scope": ORDERS, "destination": receiver.url + "/hook"})
        assert twice.status == 422
        for number in range(9):
            await make(bench, receiver, destination=f"{receiver.url}/{number}")
        eleventh = await bench.call("POST", "/v3/hooks", {"scope": ORDERS, "destination": receiver.url + "/more"})
        assert eleventh.status == 422


@pytest.mark.parametrize(
    ("destination", "status"),
    [
        ("https://shop.example/hook", 200),
        ("https://shop.example:443/hook", 200),
        ("https://shop.example:8443/hook", 422),
        ("http://shop.example/hook", 422),
        ("shop.example", 422),
    ],
)
async def test_where_the_vendor_rules_destinations_are_https_on_port_443(destination: str, status: int) -> None:
    async with opened() as (bench, _):
        bench.shop.settings.switches.https_destinations = True
        reply = await bench.call("POST", "/v3/hooks", {"scope": ORDERS, "destination": destination})
        assert reply.status == status


async def test_each_event_of_an_order_is_told_by_its_id_alone() -> None:
    async with opened() as (bench, receiver):
        await make(bench, receiver)
        await make(bench, receiver, "store/shipment/created")
        order = sell(bench, paid=False)
        await pass_time(bench)
        (call,) = receiver.take()
        assert set(call.body) == {"producer", "hash", "created_at", "store_id", "scope", "data"}
        assert (call.body["scope"], call.body["data"]) == ("store/order/created", {"type": "order", "id": order})
        assert call.headers["X-Ours"] == "token"
        line = bench.shop.order(order).lines[0].id
        for change, told in (
            (lambda: bench.shop.pay(order), ["order/statusUpdated", "order/updated"]),
            (lambda: bench.shop.edit(order, [{"line": line, "quantity": 3}]), ["order/updated"]),
            (lambda: bench.shop.ship(order, [{"line": line, "quantity": 1}]), ["order/statusUpdated", "order/updated", "shipment/created"]),
            (lambda: bench.shop.refund(order), ["order/refund/created", "order/statusUpdated", "order/updated"]),
            (lambda: bench.shop.archive(order), ["order/archived", "order/updated"]),
            (lambda: bench.shop.delete(order), []),
        ):  # fmt: skip
            change()
            await pass_time(bench)
            calls = receiver.take()
            assert scopes_of(calls) == told
            for call in calls:
                data = call.body["data"]
                assert (data["orderId"] if data["type"] == "shipment" else data["id"]) == order
                if call.body["scope"].endswith("statusUpdated"):
                    assert set(data["status"]) == {"previous_status_id", "new_status_id"}


async def test_incomplete_orders_are_told_too() -> None:
    async with opened() as (bench, receiver):
        await make(bench, receiver)
        order = sell(bench, status_id=0)
        await pass_time(bench)
        assert [call.body["data"]["id"] for call in receiver.take()] == [order]


async def test_two_changes_of_one_second_have_the_same_hash_and_the_hash_is_no_secret() -> None:
    async with opened() as (bench, receiver):
        await make(bench, receiver, "store/order/updated")
        order = bench.shop.order(sell(bench))
        bench.shop.touch(order)
        bench.shop.touch(order)
        await pass_time(bench)
        first, second = receiver.take()
        assert first.body["hash"] == second.body["hash"]
        told = {key: value for key, value in first.body.items() if key != "hash"}
        assert hashlib.sha1(msgspec.json.encode(told)).hexdigest() == first.body["hash"]


async def test_with_a_client_secret_calls_are_signed_by_the_standard() -> None:
    async with opened() as (bench, receiver):
        await make(bench, receiver, "store/order/created")
        bench.shop.settings.switches.client_secret = "app secret"
        sell(bench)
        await pass_time(bench)
        (call,) = receiver.take()
        told = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.raw
        signature = base64.b64encode(hmac.digest(b"app secret", told, "sha256")).decode()
        assert call.headers["webhook-signature"] == f"v1,{signature}"


@pytest.mark.parametrize("restamped", [False, True])
async def test_a_failed_call_is_made_again_eleven_times_then_the_hook_is_switched_off(restamped: bool) -> None:
    async with opened() as (bench, receiver):
        number = await make(bench, receiver, "store/order/created")
        bench.shop.settings.switches.client_secret = "app"
        bench.shop.settings.switches.retries_restamped = restamped
        receiver.status = 500
        sell(bench)
        await pass_time(bench)
        bodies = {call.raw for call in receiver.calls}
        for wait in RETRY_SECONDS:
            assert bench.shop.hooks.known[number].is_active
            before = len(receiver.calls)
            await pass_time(bench, wait - 1)
            assert len(receiver.calls) == before
            await pass_time(bench, 2)
            assert len(receiver.calls) == before + 1
        calls = receiver.take()
        assert {call.raw for call in calls} == bodies
        assert len({call.headers["webhook-id"] for call in calls}) == 1
        assert (len({call.headers["webhook-timestamp"] for call in calls}) > 1) == restamped
        hooks = (await bench.get("/v3/hooks/admin")).json["data"]["hooks_list"]
        assert [(hook["is_active"], hook["status"]) for hook in hooks] == [(False, "deactivated")]
        receiver.status = 200
        sell(bench)
        await pass_time(bench)
        assert receiver.take() == []
        await bench.call("PUT", f"/v3/hooks/{number}", {"is_active": True})
        sell(bench)
        await pass_time(bench)
        assert len(receiver.take()) == 1


async def test_retries_may_be_scaled_and_end_with_the_first_success() -> None:
    async with opened() as (bench, receiver):
        await make(bench, receiver, "store/order/created")
        bench.shop.faults.webhook_retry_scale = 0.01
        receiver.status = 404
        sell(bench)
        await pass_time(bench)
        receiver.status = 204
        await pass_time(bench, 0.7)
        assert len(receiver.take()) == 2
        await pass_time(bench, 3_600)
        assert receiver.take() == []


async def test_a_domain_where_more_than_a_tenth_fails_is_not_called_for_three_minutes() -> None:
    async with opened() as (bench, receiver):
        await make(bench, receiver, "store/order/created")
        for number in range(100):
            receiver.status = 500 if number < 11 else 200
            sell(bench)
            await pass_time(bench, 0.5)
        blocked = (await bench.get("/v3/hooks/admin")).json["data"]["blocked_domains"]
        assert [entry["destination"] for entry in blocked] == ["https://127.0.0.1"]
        assert 0 < blocked[0]["time_left"] <= 180
        receiver.take()
        orders = [sell(bench) for _ in range(10)]
        await pass_time(bench)
        assert receiver.take() == []
        await pass_time(bench, 180)
        assert (await bench.get("/v3/hooks/admin")).json["data"]["blocked_domains"] == []
        await pass_time(bench, 600)
        told = [call.body["data"]["id"] for call in receiver.take() if call.body["data"]["id"] in orders]
        assert len(told) == 5, "only some of the events of that time are queued for a retry"


async def test_ninety_of_a_hundred_are_enough() -> None:
    async with opened() as (bench, receiver):
        await make(bench, receiver, "store/order/created")
        for number in range(100):
            receiver.status = 500 if number < 10 else 200
            sell(bench)
            await pass_time(bench, 0.5)
        assert (await bench.get("/v3/hooks/admin")).json["data"]["blocked_domains"] == []


async def test_ninety_days_without_an_event_switch_a_hook_off() -> None:
    async with opened() as (bench, receiver):
        number = await make(bench, receiver)
        bench.clock.turn(89 * 86_400)
        sell(bench)
        bench.clock.turn(89 * 86_400)
        assert (await bench.get(f"/v3/hooks/{number}")).json["data"]["is_active"]
        bench.clock.turn(2 * 86_400)
        assert not (await bench.get(f"/v3/hooks/{number}")).json["data"]["is_active"]


async def test_the_dials_lose_repeat_delay_spoil_and_switch_off() -> None:
    async with opened() as (bench, receiver):
        number = await make(bench, receiver, "store/order/created")

        async def told(**dials: Any) -> list[Called]:
            bench.shop.faults.clear()
            bench.shop.faults.change({"quota_requests": 0, **dials})
            sell(bench)
            await pass_time(bench, 10)
            return receiver.take()

        assert await told(webhook_lost=1.0) == []
        assert len(await told(webhook_repeated=1.0)) == 2
        assert await told(webhook_late=1.0, webhook_late_seconds=(60.0, 60.0)) == []
        await pass_time(bench, 60)
        assert len(receiver.take()) == 1
        (wrong,) = await told(webhook_wrong_secret=1.0)
        assert wrong.headers["X-Ours"] != "token"
        await told(webhook_disabled=1.0)
        assert await told() == []
        await bench.sim("POST", f"/hooks/{number}/active")
        assert len(await told()) == 1
        shown = (await bench.sim("GET", "/hooks")).json
        assert [call["lost"] for call in shown["calls"]].count(True) == 1
        await bench.sim("POST", f"/hooks/{number}/delete")
        assert (await bench.get("/v3/hooks")).json["data"] == []


async def test_a_new_hook_may_be_deaf_for_its_first_minute() -> None:
    async with opened() as (bench, receiver):
        bench.shop.faults.webhook_live_seconds = 60.0
        await make(bench, receiver, "store/order/created")
        sell(bench)
        await pass_time(bench, 61)
        assert receiver.take() == []
        sell(bench)
        await pass_time(bench)
        assert len(receiver.take()) == 1


async def test_without_hooks_no_chance_is_taken() -> None:
    async with opened() as (bench, _):
        bench.shop.faults.change({"webhook_lost": 0.5, "webhook_repeated": 0.5, "webhook_seconds": (0.0, 1.0)})
        order = bench.shop.order(sell(bench))
        before = bench.shop.chance.getstate()
        bench.shop.cancel(order.id)
        bench.shop.archive(order.id)
        assert bench.shop.chance.getstate() == before
