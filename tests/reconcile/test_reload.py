"""Reload: what has changed is started, stopped and restarted; what hasn't is not touched; what can't be used stays as it was."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from syncd import reload as reload_module
from syncd.app import App, doors, signal_note
from syncd.config.load import load
from syncd.control import pause
from syncd.control.commands import Commands
from syncd.control.failure import CommandFailed
from syncd.core.signal import Kind
from syncd.engine.supervisor import TenantWork
from syncd.errors import TransientError
from syncd.observability.redact import Redaction
from syncd.reload import Reloader, Reloads, needs_restart
from tests.reconcile.world import World, open_world


def tenants_folder(world: World) -> Path:
    return world.folder / "config" / "tenants"


@asynccontextmanager
async def reloading(world: World) -> AsyncIterator[tuple[App, Reloader]]:
    """The daemon, and how it is reloaded."""
    folder = world.folder / "config"
    async with world.daemon() as app:
        configuration = load(folder, {})
        reloader = Reloader(
            app, world.given, configuration, lambda: load(folder, {}), Redaction(), doors(app), lambda *_: None
        )
        yield app, reloader


async def told_to_nobody(_told: Any) -> None:
    """Nobody listens to a command's progress."""


def task_names() -> dict[str, set[int]]:
    """The tasks that run, by name, with their identities."""
    found: dict[str, set[int]] = {}
    for task in anyio.get_running_tasks():
        found.setdefault(task.name or "", set()).add(task.id)
    return found


async def two_tenants(world: World) -> None:
    """acme with the shop woo, beta with the shop beta; both have 10 of A."""
    await world.serve("woo", "woocommerce", stock={"A": 10})
    world.open_stock({"A": 10})
    world.configure()


def add_tenant(world: World, name: str, shop: str) -> Path:
    text = (tenants_folder(world) / "acme.toml").read_text()
    path = tenants_folder(world) / f"{name}.toml"
    path.write_text(text.replace(world.stores["woo"].url, world.stores[shop].url))
    return path


async def serve_outside(world: World, name: str) -> None:
    """A shop of another tenant: `world.started` and `settled` don't wait for it."""
    await world.serve(name, "woocommerce", stock={"A": 10})


async def test_a_reload_without_changes_touches_nothing(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await two_tenants(world)
        async with reloading(world) as (app, reloader):
            await world.started()
            before, work = task_names(), app.tenants["acme"]
            epoch = work.context.epoch
            answer = await reloader.reload()
            assert answer["unchanged"] == 1
            assert app.tenants["acme"] is work
            assert work.context.epoch == epoch
            named = {name for name in before if name.startswith(("acme", "tenant acme"))}
            assert len(named) >= 5
            after = task_names()
            assert all(after[name] == before[name] for name in named)


async def test_a_new_tenant_starts_and_a_removed_one_stops_while_the_others_are_not_disturbed(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await two_tenants(world)
        for name in ("b", "c", "d"):
            await serve_outside(world, name)
        paths = {name: add_tenant(world, name, name) for name in ("b", "c")}
        async with reloading(world) as (app, reloader):
            await world.until(lambda: len([e for e in world.events() if e["event"] == "store.baseline_done"]) < 3)
            await world.clock.sleep(5)
            seen = {name: len(await world.asked(world.stores[name])) for name in ("woo", "b")}
            tasks = task_names()
            add_tenant(world, "d", "d")
            paths["c"].unlink()
            answer = await reloader.reload()
            assert (answer["started"], answer["stopped"], answer["restarted"]) == (["d"], ["c"], [])
            assert answer["unchanged"] == 2
            assert set(app.tenants) == {"acme", "b", "d"} == set(app.opened)
            now = task_names()
            mine = [name for name in tasks if name.startswith(("acme", "b:", "b/", "tenant acme", "tenant b"))]
            assert len(mine) >= 10
            assert all(now[name] == tasks[name] for name in mine)
            assert not [name for name in now if name.startswith(("c:", "c/", "tenant c"))]
            await world.until(lambda: len([e for e in world.events() if e["event"] == "store.baseline_done"]) < 4)
            for name, count in seen.items():  # polls and single readings, and no catalogue, no settings
                new = await world.asked(world.stores[name], count)
                usual = ("/orders", "/products/", "include=")
                assert [line for line in new if not any(part in line for part in usual)] == []
            stopped = len(await world.asked(world.stores["c"]))
            await world.clock.sleep(30)
            assert len(await world.asked(world.stores["c"])) == stopped


async def test_an_invalid_file_keeps_the_old_tenant_running_and_the_mended_one_takes_its_place(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await two_tenants(world)
        path = tenants_folder(world) / "acme.toml"
        async with reloading(world) as (app, reloader):
            await world.started()
            work, good = app.tenants["acme"], path.read_text()
            path.write_text(good.replace('returns = "store"', 'returns = "shop"'))
            answer = await reloader.reload()
            assert [(each["tenant"], each["running"]) for each in answer["kept"]] == [("acme", True)]
            assert "returns" in answer["kept"][0]["problems"][0]
            assert app.tenants["acme"] is work
            assert any(event["event"] == "config.kept" and event["tenant"] == "acme" for event in world.events())
            assert await world.stores["woo"].buy({"A": 2})
            await world.settled({"A": 8})
            path.write_text("buffer = 1\n" + good)
            answer = await reloader.reload()
            assert answer["restarted"] == ["acme"]
            assert app.tenants["acme"].context.epoch == work.context.epoch + 1

            async def complaint() -> str:
                return "" if await world.stores["woo"].levels() == {"A": 7} else "the shop shows no buffer"

            await world.until(complaint)


async def test_a_folder_that_cant_be_read_stops_nobody(tmp_path: Path) -> None:
    """An unmounted folder looks like one without tenants."""
    async with open_world(tmp_path) as world:
        await two_tenants(world)
        async with reloading(world) as (app, reloader):
            await world.started()
            work = app.tenants["acme"]
            tenants_folder(world).rename(tmp_path / "elsewhere")
            answer = await reloader.reload()
            assert answer["problems"]
            assert app.tenants["acme"] is work
            assert work in app.supervisor.works


async def test_a_changed_store_restarts_alone_and_its_tenant_keeps_its_tasks(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await world.serve("us", "bigcommerce", stock={"A": 10})
        await world.serve("woo", "woocommerce", stock={"A": 10})
        world.open_stock({"A": 10})
        world.configure()
        async with reloading(world) as (app, reloader):
            await world.started()
            tasks, work = task_names(), app.tenants["acme"]
            world.configure(per_store={"woo": "settle_seconds = 2"})
            answer = await reloader.reload()
            assert answer["stores"] == {"started": [], "stopped": [], "restarted": ["acme/woo"]}
            assert app.tenants["acme"] is work
            now = task_names()
            assert now["acme/woo"] != tasks["acme/woo"]
            same = ["acme/us", "acme: watcher", "acme: poster", "acme: care", "tenant acme"]
            assert all(now[name] == tasks[name] for name in same)
            assert await world.stores["woo"].buy({"A": 3})
            await world.settled({"A": 7})


async def test_a_shop_that_goes_from_one_tenant_to_another_is_never_counted_by_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_world(tmp_path) as world:
        await world.serve("us", "bigcommerce", stock={"A": 10})
        await two_tenants(world)
        async with reloading(world) as (app, reloader):
            await world.started()
            add_tenant(world, "b", "woo")
            woo = world.stores.pop("woo")
            world.configure()
            path = tenants_folder(world) / "b.toml"
            at = path.read_text().index("[stores.us]")
            path.write_text(path.read_text()[:at] + path.read_text()[path.read_text().index("[stores.woo]") :])
            start, alive = app.supervisor.start, []

            def begins(work: TenantWork) -> None:
                alive.append(sorted(name for name in task_names() if name.endswith("/woo")))
                start(work)

            monkeypatch.setattr(app.supervisor, "start", begins)
            answer = await reloader.reload()
            assert (answer["started"], answer["stores"]["stopped"]) == (["b"], ["acme/woo"])
            assert alive == [[]], "the old tenant's work at the shop has ended before the new one's begins"
            world.stores["woo"] = woo


async def test_a_tenant_that_could_not_start_gets_another_try(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await two_tenants(world)
        await serve_outside(world, "b")
        add_tenant(world, "b", "b")
        broken = tmp_path / "state" / "erp" / "b.sqlite3"
        broken.mkdir(parents=True)
        async with reloading(world) as (app, reloader):
            await world.until(lambda: "woo" not in {e.get("store") for e in world.events()})
            assert set(app.tenants) == {"acme"}
            answer = await reloader.reload()
            assert [each["tenant"] for each in answer["failed"]] == ["b"]
            broken.rmdir()
            answer = await reloader.reload()
            assert answer["started"] == ["b"]
            assert answer["unchanged"] == 1


async def test_a_tenant_whose_new_epoch_cant_be_written_comes_back_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_arguments: Any) -> None:
        raise TransientError("the disk is full")

    async with open_world(tmp_path) as world:
        await two_tenants(world)
        path = tenants_folder(world) / "acme.toml"
        async with reloading(world) as (app, reloader):
            await world.started()
            work = app.tenants["acme"]
            path.write_text("buffer = 1\n" + path.read_text())
            with monkeypatch.context() as disk:
                disk.setattr("syncd.reload.adopt", full)
                answer = await reloader.reload()
            assert [(each["tenant"], each["running"]) for each in answer["kept"]] == [("acme", True)]
            assert answer["restarted"] == []
            assert app.tenants["acme"] is work
            assert await world.stores["woo"].buy({"A": 2})
            await world.settled({"A": 8})
            assert (await reloader.reload())["restarted"] == ["acme"]


async def test_a_stop_during_a_reload_ends_all_and_starts_nothing(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await two_tenants(world)
        path = tenants_folder(world) / "acme.toml"
        async with reloading(world) as (app, reloader):
            await world.started()
            work = app.tenants["acme"]
            (reconciler,) = work.reconcilers
            assert reconciler.loop is not None
            timer = next(each for each in reconciler.loop.timers if each.name == "sweep")

            async def endless() -> float:
                await world.clock.sleep(100_000.0)
                return 1.0

            timer.step, timer.due = endless, 0.0
            reconciler.context.bell.ring()
            await world.until(lambda: "" if app.supervisor.busy() else "no sweep")
            path.write_text("buffer = 1\n" + path.read_text())
            refused: list[str] = []

            async def ask() -> None:
                try:
                    await reloader.reload()
                except CommandFailed as error:
                    refused.append(str(error))

            async with anyio.create_task_group() as group:
                group.start_soon(ask)
                await world.clock.sleep(1.0)
                world.stop.set()
            assert refused == ["the daemon is stopping"]
            assert app.tenants["acme"] is work
        assert sum(event["event"] == "tenant.started" for event in world.events()) == 1


async def test_a_shop_that_a_kept_tenant_still_has_is_given_to_no_other(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await two_tenants(world)
        async with reloading(world) as (app, reloader):
            await world.started()
            add_tenant(world, "b", "woo")
            (tenants_folder(world) / "acme.toml").write_text("this is no TOML")
            answer = await reloader.reload()
            assert {each["tenant"]: each["running"] for each in answer["kept"]} == {"acme": True, "b": False}
            assert set(app.tenants) == {"acme"}


@pytest.mark.parametrize("first", ["pause", "reload"])
async def test_a_pause_that_meets_a_reload_holds_for_the_tenants_new_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    async with open_world(tmp_path) as world:
        await two_tenants(world)
        async with reloading(world) as (app, reloader):
            await world.started()
            old = app.tenants["acme"]
            world.configure("payload_days = 5")
            commands = Commands.for_daemon(reloader.configuration, world.given, app)
            told: list[Any] = []

            async def hold() -> None:
                told.append(await commands.call("pause", {"tenant": "acme", "store": "woo"}, told_to_nobody))

            module, name = (pause, "_write") if first == "pause" else (reload_module, "adopt")
            halfway: Any = getattr(module, name)
            other = reloader.reload if first == "pause" else hold

            async def meets_the_other(*given: Any) -> None:
                await halfway(*given)  # on disk, and not yet in force
                group.start_soon(other)
                await anyio.sleep(1.0)  # the other one does all that it can do now

            monkeypatch.setattr(module, name, meets_the_other)
            async with anyio.create_task_group() as group:
                await (hold() if first == "pause" else reloader.reload())
            monkeypatch.undo()
            assert told[0]["paused"]["scope"] == "all"
            work = app.tenants["acme"]
            assert work is not old
            assert [each.context.is_paused for each in work.reconcilers] == [True]
            await commands.call("resume", {"tenant": "acme", "store": "woo"}, told_to_nobody)
            assert await world.stores["woo"].buy({"A": 3})
            await world.settled({"A": 7})


async def test_what_a_store_spoke_of_is_forgotten_with_the_store(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await two_tenants(world)
        await serve_outside(world, "b")
        path = add_tenant(world, "b", "b")
        async with reloading(world) as (_, reloader):
            shops = [("acme", "gone"), ("acme", "woo"), ("b", "woo"), ("nobody", "woo")]
            places = [(*shop, Kind.ORDER, str(number)) for number, shop in enumerate(shops)]
            places.append(("acme", "woo", Kind.CART, "5"))  # its carts are no concern of ours, or not any more
            note = signal_note(world.given)

            async def waiting(*shops: tuple[str, str], kind: Kind = Kind.ORDER) -> list[int]:
                return list((await note([], [(*shop, kind) for shop in shops])).values())

            await pause_all(world, reloader)  # so that nobody reads them
            await note(places, [])
            await reloader.tidy()
            assert await waiting(("acme", "gone"), ("nobody", "woo")) == [0, 0]
            assert await waiting(("acme", "woo"), kind=Kind.CART) == [0]
            assert await waiting(("acme", "woo"), ("b", "woo")) == [1, 1]
            path.write_text("nonsense")
            await reloader.reload()
            assert await waiting(("acme", "woo"), ("b", "woo")) == [1, 1], "a broken file may come back with its stores"
            path.unlink()
            await reloader.reload()
            assert await waiting(("acme", "woo"), ("b", "woo")) == [1, 0]


async def pause_all(world: World, reloader: Reloader) -> None:
    commands = Commands.for_daemon(reloader.configuration, world.given, reloader.app)
    for tenant in ("acme", "b"):
        await commands.call("pause", {"tenant": tenant}, told_to_nobody)


async def test_the_doors_for_webhooks_follow(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await two_tenants(world)
        world.configure(webhooks=True)
        await serve_outside(world, "b")
        path = add_tenant(world, "b", "b")
        async with reloading(world) as (app, reloader):
            before = dict(reloader.doors)
            path.unlink()
            add_tenant(world, "c", "b")
            acme = tenants_folder(world) / "acme.toml"
            acme.write_text(acme.read_text() + "settle_seconds = 2\n")
            await reloader.reload()
            assert set(reloader.doors) == {("acme", "woo"), ("c", "woo")}
            (reconciler,) = app.tenants["acme"].reconcilers
            door = reloader.doors["acme", "woo"]
            assert door.hooks is reconciler.context.hooks
            assert door.hooks is not before["acme", "woo"].hooks


async def test_a_reload_of_many_tenants_disturbs_none_of_them(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await two_tenants(world)
        for number in range(8):
            await serve_outside(world, f"s{number}")
            add_tenant(world, f"t{number}", f"s{number}")
        async with reloading(world) as (_app, reloader):
            await world.until(lambda: len([e for e in world.events() if e["event"] == "store.baseline_done"]) < 9)
            await world.clock.sleep(5)
            tasks = task_names()
            seen = {name: len(await world.asked(store)) for name, store in world.stores.items()}
            began = world.clock.monotonic()
            path = tenants_folder(world) / "t5.toml"
            path.write_text("buffer = 1\n" + path.read_text())
            answer = await reloader.reload()
            assert (answer["restarted"], answer["unchanged"]) == (["t5"], 8)
            await world.clock.sleep(20)
            passed = world.clock.monotonic() - began
            now = task_names()
            others = [name for name in tasks if name.startswith(("acme", "t", "tenant")) and "t5" not in name]
            assert len(others) >= 40
            assert all(now[name] == tasks[name] for name in others)
            for name in set(seen) - {"s5"}:
                new = await world.asked(world.stores[name], seen[name])
                polls = [line for line in new if "/orders" in line]
                assert len(polls) <= passed / 3.0 + 2, name
                levels = [line for line in new if "/products/" in line or "include=" in line]
                assert len(levels) <= passed / 10.0 + 2, name
                assert [line for line in new if line not in polls + levels] == []


async def test_two_hints_during_a_reload_become_one_more(tmp_path: Path) -> None:
    del tmp_path
    began: list[int] = []
    go_on = anyio.Event()

    async def work() -> dict[str, Any]:
        began.append(len(began))
        await go_on.wait()
        return {"number": began[-1]}

    reloads = Reloads(work, None)  # type: ignore[arg-type]
    answers: list[Any] = []

    async def ask() -> None:
        answers.append(await reloads.ask())

    async with anyio.create_task_group() as group:
        group.start_soon(reloads.run)
        group.start_soon(ask)
        await anyio.sleep(0.01)
        for _ in range(3):
            reloads.hint()
        group.start_soon(ask)
        await anyio.sleep(0.01)
        go_on.set()
        await anyio.sleep(0.01)
        group.cancel_scope.cancel()
    assert began == [0, 1]
    assert answers == [{"number": 0}, {"number": 1}]


def test_settings_that_need_a_restart_are_named(tmp_path: Path) -> None:
    (tmp_path / "tenants").mkdir()
    hooks = '[webhooks]\nlisten = "127.0.0.1:{}"\npublic_url = "https://x.example"\n'
    texts = [
        'state_dir = "a"\n[log]\nformat = "json"\n' + hooks.format(1),
        'state_dir = "b"\n[log]\nformat = "console"\n[shutdown]\ndrain_seconds = 5\n' + hooks.format(2),
    ]
    settings = []
    for text in texts:
        (tmp_path / "syncd.toml").write_text(text)
        settings.append(load(tmp_path, {}).settings)
    assert needs_restart(settings[0], settings[1]) == ["state_dir", "log.format", "webhooks.listen"]  # type: ignore[arg-type]


@pytest.mark.parametrize("late", [False, True])
def test_the_log_knows_new_secrets_and_the_old_ones_still(late: bool) -> None:
    redaction = Redaction(["old-secret"])
    if late:
        redaction.learn(["new-secret"])
    assert ("new-secret" in redaction.text("new-secret old-secret")) is not late
    assert "old-secret" not in redaction.text("new-secret old-secret")
