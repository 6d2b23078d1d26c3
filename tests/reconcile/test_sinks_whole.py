"""The whole daemon with sinks: a shop's orders reach a CRM and files; a CRM that is down delays nothing; reloads and crashes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from syncd.app import doors
from syncd.config.load import load
from syncd.observability.redact import Redaction
from syncd.reload import Reloader
from tests.engine.receiver import SECRET, Receiver
from tests.reconcile.world import World, open_world

SINKS = """
[sinks.crm]
kind = "webhook"
url = "{url}"
secret_file = "crm"
events = ["order.placed", "order.paid", "order.cancelled"]
fields = ["order", "phase", "customer", "billing.email"]
[sinks.lake]
kind = "ndjson"
events = ["order.changed", "order.placed"]
"""


async def a_shop(world: World, url: str) -> None:
    await world.serve("us", "bigcommerce", stock={"A": 20})
    world.open_stock({"A": 20})
    world.configure(end=SINKS.format(url=url))
    secret = world.folder / "config/tenants/crm"
    secret.write_text(SECRET)
    secret.chmod(0o600)


def lake(world: World) -> list[dict[str, Any]]:
    paths = sorted((world.folder / "state/sinks/acme/lake").glob("*/*"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


async def test_orders_reach_a_crm_and_files_and_a_crm_that_is_down_delays_nothing(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world, Receiver().open() as crm:
        await a_shop(world, crm.url)
        crm.status = 503
        async with world.daemon():
            await world.started()
            first = await world.stores["us"].buy({"A": 2})
            assert first is not None
            await world.settled({"A": 18})
            await world.until(lambda: not [each for each in lake(world) if each["type"] == "syncd.order.placed"])
            assert {call.answered for call in crm.calls} <= {503}
            crm.status = 204
            await world.until(lambda: not [call for call in crm.calls if call.answered == 204])
        taken = [call for call in crm.calls if call.answered == 204]
        data = taken[0].body["data"]
        assert set(data) == {"order", "phase", "customer", "billing"}
        assert set(data["billing"]) == {"email"}, "asked for by its name"
        assert "id" not in data["customer"], "personal, and asked for by the name around it"
        assert "email" not in str(lake(world))


async def test_a_crash_loses_no_event_and_keeps_each_streams_order(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world, Receiver().open() as crm:
        await a_shop(world, crm.url)
        crm.status = 503
        async with world.daemon(crash=True):
            await world.started()
            orders = [await world.stores["us"].buy({"A": 1}, paid=False) for _ in range(3)]
            await world.settled({"A": 17})
            await world.until(lambda: not crm.calls)
        tried = {call.name for call in crm.calls}
        async with world.daemon(crash=True):
            await world.until(lambda: world.app.tenants["acme"].sinks[0].failures < 1)
        crm.status = 200
        async with world.daemon():
            await world.until(lambda: len({call.name for call in crm.calls if call.answered == 200}) < len(orders))
        taken = [call for call in crm.calls if call.answered == 200]
        assert tried <= {call.name for call in taken}, "under the same ids"
        assert len({call.body["subject"] for call in taken}) == len(orders)
        for stream in {call.body["partitionkey"] for call in taken}:
            sequences = [call.body["sequence"] for call in taken if call.body["partitionkey"] == stream]
            assert sequences == sorted(sequences)


async def test_sinks_come_and_go_with_a_reload_and_what_waits_for_one_that_comes_back_is_delivered(
    tmp_path: Path,
) -> None:
    async with open_world(tmp_path) as world, Receiver().open() as crm:
        await a_shop(world, crm.url)
        crm.status = 503
        folder = world.folder / "config"
        path = folder / "tenants/acme.toml"
        whole = path.read_text()
        async with world.daemon() as app:
            reloader = Reloader(
                app, world.given, load(folder, {}), lambda: load(folder, {}), Redaction(), doors(app), lambda *_: None
            )
            await world.started()
            await world.stores["us"].buy({"A": 1})
            await world.until(lambda: not crm.calls)
            path.write_text(whole[: whole.index("[sinks.crm]")] + whole[whole.index("[sinks.lake]") :])
            assert (await reloader.reload())["restarted"] == ["acme"]
            assert [each.name for each in app.tenants["acme"].sinks] == ["lake"]
            crm.status, asked = 200, len(crm.calls)
            await world.clock.sleep(30)
            assert len(crm.calls) == asked
            path.write_text(whole)
            assert (await reloader.reload())["restarted"] == ["acme"]
            await world.until(lambda: not [call for call in crm.calls if call.answered == 200])


async def test_in_shadow_mode_sinks_get_nothing(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world, Receiver().open() as crm:
        await a_shop(world, crm.url)
        path = world.folder / "config/tenants/acme.toml"
        path.write_text('mode = "shadow"\n' + path.read_text())
        async with world.daemon() as app:
            await world.until(lambda: not app.tenants["acme"].reconcilers[0].context.drained)
            await world.stores["us"].buy({"A": 1})
            await world.clock.sleep(30)
            assert [each.name for each in app.tenants["acme"].sinks] == ["crm", "lake"]
        assert (crm.calls, lake(world)) == ([], [])
