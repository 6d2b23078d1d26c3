"""How often a shop is polled: half as often while it calls by itself, and no rarer than that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from syncd.app import App
from syncd.reconcile.hooks_step import LOOK_SECONDS
from tests.reconcile.test_webhooks import calling, reconcilers, two_shops
from tests.reconcile.world import World

POLL_SECONDS = 20.0
SPAN_SECONDS = 20 * POLL_SECONDS


def read_rarely(app: App) -> None:
    """No level is read in the span: an item that was just read waits for the next poll, which then comes as without webhooks."""
    for reconciler in app.tenants["acme"].reconcilers:
        reconciler.context.options = replace(reconciler.context.options, read_items_seconds=3_600.0)


async def polled(world: World) -> list[int]:
    """How often each shop was polled in the span that begins now."""
    before = [reconciler.orders.polls for reconciler in reconcilers(world)]
    await world.clock.sleep(SPAN_SECONDS)
    return [reconciler.orders.polls - seen for reconciler, seen in zip(reconcilers(world), before, strict=True)]


async def test_the_interval_doubles_while_the_shops_call_and_no_more(tmp_path: Path) -> None:
    async with two_shops(tmp_path, poll_seconds=POLL_SECONDS) as world:
        world.composed = read_rarely
        async with world.daemon():
            await calling(world)
            await world.clock.sleep(3 * POLL_SECONDS)
            assert all(8 <= times <= 11 for times in await polled(world))
            woo = world.stores["woo"]
            for webhook in list(woo.shop.webhooks.hooks.values()):
                await woo.call("POST", f"/webhooks/{webhook.id}/paused")
            await world.stores["us"].call("POST", "/settings", {"webhooks_allowed": False})
            await world.clock.sleep(LOOK_SECONDS + 30.0)
            assert not any(each.context.hooks_alive for each in reconcilers(world))
            assert all(17 <= times <= 22 for times in await polled(world))
