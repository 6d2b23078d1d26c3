"""The commands beside the composed daemon, its shops simulated and over real HTTP."""

from __future__ import annotations

import subprocess
import sys

import anyio
import anyio.to_thread
import pytest

from syncd.config.load import load
from syncd.control.commands import Commands
from syncd.control.failure import CommandFailed
from syncd.control.server import serve_control
from syncd.ledger import stores
from tests.reconcile.world import open_world


class Beside:
    """The commands of a world's daemon."""

    def __init__(self, world, app):
        class Given:
            ledger = world.ledger
            clock = app.supervisor.clock
            log = app.tenants["acme"].context.log
            state_dir = world.folder / "state"

        self.world = world
        self.given = Given
        self.commands = Commands.for_daemon(load(world.folder / "config", {}), Given(), app)

    async def call(self, name, /, **arguments):
        async def tell(_told):
            pass

        return await self.commands.call(name, arguments, tell)

    async def until_ready(self):
        async def complaint():
            told = (await self.call("status"))["tenants"][0]["stores"]
            return [
                store
                for store in told
                if store["state"] != "ready" or not store["items"]["active"] or store["items"]["unread"]
            ]

        await self.world.until(complaint, "not ready:")

    async def until_exact(self):
        async def complaint():
            told = await self.call("audit")
            return told["unexplained"] + told["explained"]

        await self.world.until(complaint, "not exact:")


async def test_a_first_day_plan_approve_sell_explain_audit(tmp_path):
    async with open_world(tmp_path) as world:
        us = await world.serve("us", "bigcommerce")
        web = await world.serve("web", "woocommerce")
        await us.stock({"BOLT": 50})
        await web.stock({"BOLT": 10})
        world.configure()
        path = world.folder / "config" / "tenants" / "acme.toml"
        path.write_text(path.read_text().replace('approve = "automatic"', 'approve = "manual"'))
        world.open_stock({"BOLT": 40})
        async with world.daemon() as app, anyio.create_task_group() as group:
            beside = Beside(world, app)
            await beside.until_ready()

            async def planned():
                plans = (await beside.call("plan"))["stores"]
                changes = [[item["change"] for item in plan["items"]] for plan in plans]
                return "" if changes == [["-10"], ["30"]] else changes

            await world.until(planned, "the plan:")
            told = await beside.call("audit")
            assert told["verdict"] == "explained", told
            assert await us.levels() == {"BOLT": 50}  # nothing was written before the approval
            for name in ("us", "web"):
                await beside.call("approve", store=name, tenant="acme")
            await world.settled({"BOLT": 40})
            bought = await us.buy({"BOLT": 3})
            assert bought is not None
            await world.settled({"BOLT": 37})
            await beside.until_exact()
            order = str(bought["order"])
            told = await beside.call("explain.order", order=f"us/{order}")
            (move,) = told["lines"][0]["moves"]
            assert (move["change"], move["state"], move["erp"]["change"]) == ("-3", "confirmed", "-3")
            told = await beside.call("explain.sku", sku="BOLT")
            assert [store["items"][0]["shown"] for store in told["stores"]] == ["37", "37"]
            backfilled = await beside.call("backfill", tenant="us", since="2020-01-01")
            assert (backfilled["orders"], backfilled["changed"]) == (1, 0)

            await group.start(serve_control, beside.given.state_dir, beside.commands, beside.given.log)
            done = await anyio.to_thread.run_sync(command_line, "audit", world.folder / "config")
            assert done.returncode == 0, done.stdout + done.stderr
            assert "agrees" in done.stdout
            group.cancel_scope.cancel()


def command_line(command, folder):
    arguments = [sys.executable, "-m", "syncd", command, "--config", str(folder)]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=False)


async def test_an_approval_lets_the_plan_pass_that_the_brake_stopped(tmp_path):
    """Most items fall to 0: the brake stops it, a person looks and approves, and then it is written."""
    async with open_world(tmp_path) as world:
        us = await world.serve("us", "bigcommerce")
        skus = [f"S{n}" for n in range(12)]
        await us.stock(dict.fromkeys(skus, 5))
        world.configure()
        world.open_stock(dict.fromkeys(skus, 0))
        async with world.daemon() as app:
            beside = Beside(world, app)

            async def braked():
                row = await world.ledger.read(lambda c: stores.read_store(c, "acme", "us"))
                return "" if row is not None and row.brake else "no brake yet"

            await world.until(braked)
            plan = (await beside.call("plan"))["stores"][0]
            assert (plan["counts"]["to_zero"], plan["would_brake"]) == (12, True)
            assert await us.levels() == dict.fromkeys(skus, 5)
            told = await beside.call("approve", store="us", tenant="acme")
            assert "would fall to 0" in told["released_brake"]
            await world.settled(dict.fromkeys(skus, 0))


async def test_a_store_that_was_never_reached_takes_no_backfill(tmp_path):
    async with open_world(tmp_path) as world:
        us = await world.serve("us", "bigcommerce")
        us.url = "http://127.0.0.1:9"
        world.configure()
        async with world.daemon() as app:
            beside = Beside(world, app)
            with pytest.raises(CommandFailed, match="isn't ready") as caught:
                await beside.call("backfill", tenant="us", since="2020-01-01")
            assert caught.value.exit_code == 75
