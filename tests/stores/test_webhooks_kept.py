"""`keep` of both platforms, over real HTTP before simulated shops: what is missing is made once, what is broken is mended,
what belongs to others is left alone, and what can't be mended is said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from syncd.core.signal import Kind, Signal
from syncd.errors import MisconfiguredError, RefusedError
from syncd.ports.hooks import HooksKept
from syncd.simulator.bigcommerce.hooks import Hook
from syncd.simulator.woocommerce.webhooks import Webhook
from syncd.stores.bigcommerce.hooks import HEADER, SCOPE, SCOPES, BigCommerceHooks
from syncd.stores.woocommerce.api import Api
from syncd.stores.woocommerce.hooks import TOPICS, WooCommerceHooks
from tests.simulator.webhook_receiver import open_receiver
from tests.stores.bigcommerce_world import World, open_world
from tests.stores.woocommerce_shop import Front, open_front

ADDRESS = "http://127.0.0.1:9/acme/shop"  # nobody listens there: these tests are about registering
FINE = HooksKept(alive=True)

# --- WooCommerce


@asynccontextmanager
async def woo(auth: str = "basic", **settings: Any) -> AsyncIterator[tuple[Front, WooCommerceHooks]]:
    async with open_front(auth=auth, settings=settings) as front:
        yield front, WooCommerceHooks(Api(front.store.orders._api._client), secret="ours")


def kept_by(front: Front) -> list[Webhook]:
    return list(front.shop.webhooks.hooks.values())


@pytest.mark.parametrize("auth", ["basic", "query"])
async def test_woocommerce_what_is_missing_is_made_once(auth: str) -> None:
    async with woo(auth) as (front, hooks):
        made = await hooks.keep(ADDRESS)
        assert (made.alive, made.trouble) == (True, "")
        assert made.done == tuple(f"made {topic}" for topic in TOPICS)
        assert {(hook.topic, hook.delivery_url, hook.secret) for hook in kept_by(front)} == {
            (topic, ADDRESS, "ours") for topic in TOPICS
        }
        front.asked()
        assert await hooks.keep(ADDRESS) == FINE
        assert [line.split()[0] for line in front.asked()] == ["GET"]


async def test_woocommerce_what_is_broken_is_replaced() -> None:
    async with woo() as (front, hooks):
        await hooks.keep(ADDRESS)
        created, updated, deleted, restored = kept_by(front)
        created.status = "disabled"
        created.failures = 6
        updated.delivery_url = "http://127.0.0.1:9/elsewhere"
        front.shop.webhooks.drop(deleted)
        mended = await hooks.keep(ADDRESS)
        assert mended.done == (
            "replaced order.created, which was disabled",
            "replaced order.updated, which called another address",
            "made order.deleted",
        )
        now = kept_by(front)
        assert sorted(hook.topic for hook in now) == sorted(TOPICS)
        assert restored in now
        assert all((hook.status, hook.failures, hook.delivery_url) == ("active", 0, ADDRESS) for hook in now)
        assert await hooks.keep(ADDRESS) == FINE


async def test_woocommerce_a_new_credential_replaces_all_and_nothing_piles_up() -> None:
    async with woo() as (front, hooks):
        await hooks.keep(ADDRESS)
        other = WooCommerceHooks(hooks._api, secret="renewed")
        assert [text.rpartition(" which ")[2] for text in (await other.keep(ADDRESS)).done] == [
            "had another secret"
        ] * 4
        assert [hook.secret for hook in kept_by(front)] == ["renewed"] * 4
        for number in range(5):
            await other.keep(f"{ADDRESS}{number}")
        assert [hook.delivery_url for hook in kept_by(front)] == [f"{ADDRESS}4"] * 4


async def test_woocommerce_second_ones_of_ours_are_removed() -> None:
    """A write whose answer was lost may have made one."""
    async with woo() as (front, hooks):
        await hooks.keep(ADDRESS)
        first = kept_by(front)[0]
        front.shop.webhooks.add(first.name, first.topic, ADDRESS, "ours", "")
        assert (await hooks.keep(ADDRESS)).alive
        assert sorted(hook.topic for hook in kept_by(front)) == sorted(TOPICS)


async def test_woocommerce_others_webhooks_are_left_alone() -> None:
    async with woo() as (front, hooks):
        names = ["syncd orders", "Zapier", "not syncd 01234567", "syncd 0123456"]
        others = [front.shop.webhooks.add(name, "order.updated", ADDRESS, "theirs", "") for name in names]
        others[1].status = "disabled"
        await hooks.keep(ADDRESS)
        await hooks.keep(ADDRESS + "2")
        assert [hook for hook in kept_by(front) if hook in others] == others
        assert [hook.status for hook in others] == ["active", "disabled", "active", "active"]
        assert len(kept_by(front)) == len(others) + len(TOPICS)


async def test_woocommerce_a_paused_webhook_is_somebodys_wish_and_said() -> None:
    async with woo() as (front, hooks):
        await hooks.keep(ADDRESS)
        kept_by(front)[1].status = "paused"
        told = await hooks.keep(ADDRESS)
        assert (told.alive, told.done) == (False, ())
        assert "order.updated" in told.trouble
        assert [hook.status for hook in kept_by(front)].count("paused") == 1
        kept_by(front)[1].status = "active"
        assert await hooks.keep(ADDRESS) == FINE


async def test_woocommerce_a_key_without_the_right_is_an_error_of_its_own() -> None:
    async with woo(permissions="read") as (_, hooks):
        with pytest.raises(MisconfiguredError):
            await hooks.keep(ADDRESS)


# --- BigCommerce


@asynccontextmanager
async def big() -> AsyncIterator[tuple[World, BigCommerceHooks]]:
    async with open_world() as world:
        yield world, BigCommerceHooks(world.asked, secret="ours")


def known_by(world: World) -> list[Hook]:
    return list(world.shop.hooks.known.values())


async def test_bigcommerce_what_is_missing_is_made_once() -> None:
    async with big() as (world, hooks):
        assert (await hooks.keep(ADDRESS)).done == (f"made {SCOPE}",)
        (hook,) = known_by(world)
        assert (hook.scope, hook.destination, hook.headers, hook.is_active) == (SCOPE, ADDRESS, {HEADER: "ours"}, True)
        world.forget()
        assert await hooks.keep(ADDRESS) == FINE
        assert world.asked.writes == []


@pytest.mark.parametrize(
    ("change", "was"),
    [
        ({"is_active": False}, "was inactive"),
        ({"headers": None}, "hadn't our header"),
        ({"headers": {HEADER: "an older secret"}}, "hadn't our header"),
        ({"destination": "http://127.0.0.1:9/elsewhere"}, "called another address"),
    ],
)
async def test_bigcommerce_what_is_broken_is_mended(change: dict[str, Any], was: str) -> None:
    async with big() as (world, hooks):
        await hooks.keep(ADDRESS)
        (hook,) = known_by(world)
        for name, value in change.items():
            setattr(hook, name, value)
        told = await hooks.keep(ADDRESS)
        assert (told.alive, told.done) == (True, (f"mended {SCOPE}, which {was}",))
        assert known_by(world) == [hook]
        assert (hook.destination, hook.headers, hook.is_active) == (ADDRESS, {HEADER: "ours"}, True)
        assert await hooks.keep(ADDRESS) == FINE


async def test_bigcommerce_a_deleted_hook_is_made_again_and_second_ones_are_removed() -> None:
    async with big() as (world, hooks):
        await hooks.keep(ADDRESS)
        world.shop.hooks.known.clear()
        assert (await hooks.keep(ADDRESS)).done == (f"made {SCOPE}",)
        for number in range(3):
            world.shop.hooks.add("simshop", SCOPE, f"{ADDRESS}{number}", {HEADER: "ours"}, active=True)
        assert (await hooks.keep(ADDRESS)).done == (f"removed a second {SCOPE}",) * 3
        assert [hook.destination for hook in known_by(world)] == [ADDRESS]
        for number in range(12):  # the vendor allows ten of a scope
            assert (await hooks.keep(f"{ADDRESS}{number}")).alive
        assert len(known_by(world)) == 1


async def test_bigcommerce_others_hooks_are_left_alone() -> None:
    async with big() as (world, hooks):
        theirs = world.shop.hooks.add("simshop", SCOPE, "http://127.0.0.1:9/theirs", {"X-Theirs": "t"}, active=False)
        cart = world.shop.hooks.add("simshop", "store/cart/*", ADDRESS, None, active=True)
        await hooks.keep(ADDRESS)
        await hooks.keep(ADDRESS + "2")
        assert known_by(world)[:2] == [theirs, cart]
        assert (theirs.is_active, theirs.headers, cart.destination) == (False, {"X-Theirs": "t"}, ADDRESS)
        assert len(known_by(world)) == 3


async def test_bigcommerce_each_wanted_scope_is_kept_and_taken_away_when_it_is_not_wanted_any_more() -> None:
    async with big() as (world, orders):
        everything = BigCommerceHooks(world.asked, secret="ours", kinds=frozenset(Kind))
        scopes = [scope for kind in Kind for scope in SCOPES[kind]]
        assert (await everything.keep(ADDRESS)).done == tuple(f"made {scope}" for scope in scopes)
        assert sorted(hook.scope for hook in known_by(world)) == sorted(scopes)
        assert {(hook.destination, hook.is_active) for hook in known_by(world)} == {(ADDRESS, True)}
        assert await everything.keep(ADDRESS) == FINE
        cart = next(hook for hook in known_by(world) if hook.scope == "store/cart/*")
        cart.is_active = False
        assert (await everything.keep(ADDRESS)).done == ("mended store/cart/*, which was inactive",)
        theirs = world.shop.hooks.add("simshop", "store/cart/*", "http://127.0.0.1:9/t", {"X-Theirs": "t"}, active=True)
        assert (await orders.keep(ADDRESS)).done == tuple(
            f"removed {scope}, which isn't wanted any more" for scope in scopes if scope != SCOPE
        )
        assert [hook.scope for hook in known_by(world)] == [SCOPE, theirs.scope]
        assert await orders.keep(ADDRESS) == FINE


async def test_bigcommerce_a_scope_beside_the_orders_that_is_refused_is_said_and_orders_go_on() -> None:
    async with big() as (world, _):
        for number in range(10):  # the vendor allows ten of a scope
            world.shop.hooks.add("simshop", "store/cart/*", f"http://127.0.0.1:9/{number}", None, active=True)
        told = await BigCommerceHooks(world.asked, secret="ours", kinds={Kind.CART}).keep(ADDRESS)
        assert (told.alive, told.done) == (True, (f"made {SCOPE}",))
        assert told.trouble.startswith("store/cart/*: ")


async def test_bigcommerce_a_blocked_domain_is_said_and_passes() -> None:
    async with big() as (world, hooks):
        await hooks.keep(ADDRESS)
        for _ in range(100):
            world.shop.hooks.domains.called("127.0.0.1", world.clock.now(), well=False)
        told = await hooks.keep(ADDRESS)
        assert (told.alive, told.done) == (False, ())
        assert "127.0.0.1" in told.trouble
        assert (await hooks.keep("http://another.example/x")).alive
        world.clock.pass_seconds(181)
        assert (await hooks.keep(ADDRESS)).alive


async def test_bigcommerce_an_address_that_the_platform_does_not_call_is_refused() -> None:
    async with big() as (world, hooks):
        world.shop.settings.switches.https_destinations = True
        with pytest.raises(RefusedError):
            await hooks.keep(ADDRESS)
        assert (await hooks.keep("https://hooks.example/acme/shop")).alive


async def test_bigcommerce_a_token_without_the_right_is_an_error_of_its_own() -> None:
    async with big() as (world, hooks):
        world.shop.settings.switches.webhooks_allowed = False
        with pytest.raises(MisconfiguredError):
            await hooks.keep(ADDRESS)


# --- what the simulators send is what the adapters believe


async def test_each_platforms_calls_are_believed() -> None:
    async with woo() as (front, hooks), open_receiver() as receiver:
        front.shop.add_product("A", stock=5)
        await hooks.keep(receiver.url + "/acme/shop")
        await front.shop.webhooks.courier.catch_up()
        receiver.take()
        order = front.shop.checkout([("A", 1)])
        front.clock.hand.pass_seconds(1)
        await front.shop.webhooks.courier.catch_up()
        assert [hooks.read(call.headers, call.raw) for call in receiver.take()] == [
            (Signal(Kind.ORDER, str(order.id)),)
        ] * 2
    async with open_world() as world, open_receiver() as receiver:
        signed = BigCommerceHooks(world.asked, secret="ours", client_secret="app")
        world.shop.settings.switches.client_secret = "app"
        world.add({"sku": "A", "stock": 5})
        await signed.keep(receiver.url + "/acme/shop")
        number = world.sell("A")
        world.clock.pass_seconds(1)
        await world.shop.hooks.courier.catch_up()
        assert [signed.read(call.headers, call.raw) for call in receiver.take()] == [(Signal(Kind.ORDER, number),)]
