"""What the service manager hears, over a real notify socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from syncd.clock import SystemClock
from syncd.engine import herald as herald_module
from syncd.engine.herald import Herald, headline
from syncd.observability.notify import Notify
from syncd.reconcile.context import Stream


class Ledger:
    """A writer that answers, or hangs."""

    def __init__(self) -> None:
        self.hangs = False
        self.hung = anyio.Event()

    async def ping(self) -> None:
        if self.hangs:
            self.hung.set()
            await anyio.sleep_forever()


class Manager:
    """The socket's other end."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)

    async def hear(self) -> list[str]:
        """What comes next."""
        found: list[str] = []
        with anyio.fail_after(60):
            while not found:
                await anyio.sleep(0.01)
                found = self.heard()
        return found

    def heard(self) -> list[str]:
        """What has come."""
        found = []
        while True:
            try:
                found.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return found


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    there = Manager(tmp_path / "notify")
    yield there
    there.socket.close()


def store(name: str, *, stream: Stream = Stream.FLOWING, stale: bool = False, paused: bool = False) -> Any:
    tenant = SimpleNamespace(tenant="acme")
    return SimpleNamespace(
        stale=stale, context=SimpleNamespace(tenant=tenant, store=name, stream=stream, is_paused=paused)
    )


def supervisor(*stores: Any, trouble: str = "") -> Any:
    work = SimpleNamespace(reconcilers=list(stores), trouble=trouble, context=SimpleNamespace(tenant="acme"))
    found: list[str] = []
    return SimpleNamespace(
        works=[work], working=anyio.Event(), clock=SystemClock(), stuck=lambda _bound: list(found), found=found
    )


def test_the_headline_names_what_does_not_do_what_it_should() -> None:
    assert headline(supervisor(store("us"), store("eu"))) == "1 tenant(s) running"
    told = headline(
        supervisor(
            store("a", stream=Stream.FAILING, stale=True), store("b", stale=True), store("c", paused=True, stale=True),
            store("d", stream=Stream.BASELINE), trouble="post: refused",
        ),
        "not as configured: beta",
    )  # fmt: skip
    assert told == (
        "1 tenant(s) running; not as configured: beta; 1 tenant(s) in trouble: acme; 1 store(s) can't be read: acme/a; "
        "1 behind: acme/b; 1 reading old orders: acme/d; 1 paused: acme/c"
    )
    many = headline(supervisor(*(store(f"s{n}", stale=True) for n in range(40))))
    assert many.endswith("40 behind: acme/s0, acme/s1, acme/s2, acme/s3, acme/s4, ...")


async def test_ready_waits_for_the_first_tenant_and_a_status_is_said_when_it_changes(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(herald_module, "STATUS_SECONDS", 0.01)
    one = store("us")
    house, notify = supervisor(one), Notify(manager.path)
    async with anyio.create_task_group() as group:
        group.start_soon(Herald(house, Ledger(), notify).tell)  # type: ignore[arg-type]
        await anyio.sleep(0.1)
        assert manager.heard() == []
        house.working.set()
        assert await manager.hear() == ["READY=1\nSTATUS=1 tenant(s) running"]
        one.stale = True
        assert await manager.hear() == ["STATUS=1 tenant(s) running; 1 behind: acme/us"]
        group.cancel_scope.cancel()
    notify.close()


@pytest.mark.parametrize("what", ["writer", "loop"])
async def test_the_watchdog_starves_when_the_writer_or_a_loop_stands_still(manager: Manager, what: str) -> None:
    house, ledger, notify = supervisor(), Ledger(), Notify(manager.path, watchdog_seconds=0.03)
    looks: list[bool] = []
    looked = anyio.Event()

    def stuck(_bound: float) -> list[str]:
        looks.append(what == "loop" and len(looks) >= 3)
        if len(looks) == 10:
            looked.set()
        return ["acme"] if looks[-1] else []

    house.stuck = stuck
    async with anyio.create_task_group() as group:
        group.start_soon(Herald(house, ledger, notify).pet)  # type: ignore[arg-type]
        if what == "writer":
            assert set(await manager.hear()) == {"WATCHDOG=1"}
            ledger.hangs = True
            with anyio.fail_after(60):
                await ledger.hung.wait()
            manager.heard()
            await anyio.sleep(0.2)
            assert manager.heard() == []
        else:
            with anyio.fail_after(60):
                await looked.wait()
            assert manager.heard() == ["WATCHDOG=1"] * 3
        group.cancel_scope.cancel()
    notify.close()
