"""The daemon's machine: its state on disk, its configuration, and the process that is started, killed and started again."""

from __future__ import annotations

import dataclasses
import io
import shutil
import ssl
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import anyio
import anyio.abc
import msgspec

from syncd.app import App, Surroundings, compose, doors, open_session, signal_note
from syncd.config.load import Configuration, load
from syncd.control.commands import Commands
from syncd.errors import SyncdError
from syncd.inbox.inbox import BACKLOG_MAX, Inbox, Place, Queue
from syncd.inbox.listener import listening
from syncd.inbox.receiver import Receiver
from syncd.ledger.ledger import Ledger, open_ledger
from syncd.observability.log import make_log
from tests.simulation.books import CONFIGURATION as SECOND_TENANT
from tests.simulation.books import FILE as STOCK_BOOK
from tests.simulation.books import NAME as BOOKS
from tests.simulation.broken import Broken
from tests.simulation.clocks import HostClock, ProcessClock, SeededChance, SeededHop
from tests.simulation.hands import ADDRESS, LISTENER_PORT
from tests.simulation.loop import GRAVE, Loop
from tests.simulation.script import BIGCOMMERCE, KITS, STORES, Script

HOST = "syncd"
POLL_SECONDS, SETTLE_SECONDS, READ_SECONDS, SWEEP_HOURS, LATE_SECONDS = 60, 20, 300, 0.1, 120
SECRETS = {"token": "sim-token", "key": "ck_simulated", "secret": "cs_simulated", "erp": "erp-token"}
BOOK_POLL_SECONDS = 10.0  # of the embedded ERP: its usual 2 s would be a third of all that the daemon does here
_LISTENER = f'[webhooks]\nlisten = "0.0.0.0:{LISTENER_PORT}"\npublic_url = "{ADDRESS}"\n'
_STORE = """
[stores.{name}]
kind = "{kind}"
base_url = "http://{name}.localhost:80"
baseline = "counted"
poll_seconds = {poll}
settle_seconds = {settle}
sweep_hours = {sweep}
read_items_every_seconds = {read}
late_seconds = {late}
quota_share = 1.0
"""


def write_configuration(folder: Path, script: Script) -> None:
    """The tenant's files, as an operator would write them."""
    tenants = folder / "config" / "tenants"
    tenants.mkdir(parents=True)
    for name, secret in SECRETS.items():
        (tenants / name).write_text(secret)
        (tenants / name).chmod(0o600)
    (folder / "config" / "syncd.toml").write_text(
        f'state_dir = "{folder / "state"}"\n' + (_LISTENER if script.hooks else "")
    )
    text = f'mode = "{script.mode}"\nreturns = "store"\napprove = "automatic"\n'
    text += f'count_on = "{script.knobs.get("count_on", "placed")}"\n'
    text += '[erp]\nkind = "http"\nbase_url = "http://erp.localhost:80"\ntoken_file = "erp"\npoll_seconds = 30\n'
    for name in STORES:
        kind = "bigcommerce" if name in BIGCOMMERCE else "woocommerce"
        text += _STORE.format(
            name=name, kind=kind, poll=POLL_SECONDS, settle=SETTLE_SECONDS, sweep=SWEEP_HOURS, read=READ_SECONDS,
            late=LATE_SECONDS,
        )  # fmt: skip
        if kind == "bigcommerce":
            text += 'store_hash = "simshop"\naccess_token_file = "token"\n'
        else:
            text += 'consumer_key_file = "key"\nconsumer_secret_file = "secret"\nauth = "basic"\n'
    for kit, parts in KITS.items():
        text += f"[kits.{kit}]\n" + "".join(f"{sku} = {count}\n" for sku, count in parts.items())
    (tenants / "acme.toml").write_text(text)
    if script.books:
        (tenants / f"{BOOKS}.toml").write_text(SECOND_TENANT.format(mode=script.mode))


@cache
def template() -> bytes:
    """An empty ledger, migrated once in each process: Alembic takes half a second."""
    folder = Path(_scratch()) / "template"
    ledger = open_ledger(folder, clock=HostClock(_Standstill()), hop=_Never())
    ledger._writer.close()
    return (folder / "ledger.sqlite3").read_bytes()


@cache
def ssl_context() -> ssl.SSLContext:
    """One for all: nothing here speaks TLS."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _scratch() -> str:
    import tempfile

    return tempfile.mkdtemp(prefix="syncd-simulation-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)


class _Standstill:
    _now = 0.0


class _Never:
    def submit(self, job: Any) -> None:
        raise AssertionError("nothing is run")

    def close(self) -> None:
        """Nothing is kept."""


class House:
    """The daemon as `app.compose` makes it, on its own host. A kill leaves its tasks where they are; the next start finds a
    copy of the ledger as the crash left it, in a new folder."""

    def __init__(self, loop: Loop, script: Script, folder: Path, committed: Callable[[], None]) -> None:
        self.loop = loop
        self.script = script
        self.folder = folder
        self.machine = HostClock(loop, script.skews.get(HOST, 0.0))
        self.log = io.StringIO()
        self.lives = 0
        self.app: App | None = None
        self.ledger: Ledger | None = None
        self.commands: Commands | None = None
        self.failure: BaseException | None = None
        self.stopping = anyio.Event()
        self.stopped = False
        self.inbox_is_full = False
        self.watch_calls: Any = None  # a middleware before the webhook listener
        self._committed = committed
        self._random = Random(f"daemon {script.seed}")
        write_configuration(folder, script)
        loaded = load(folder / "config", {})
        assert not loaded.errors, [str(problem) for problem in loaded.errors]
        self.configuration: Configuration = loaded
        self.state.mkdir(mode=0o700)
        (self.state / "ledger.sqlite3").write_bytes(template())

    @property
    def state(self) -> Path:
        """The state directory of this life."""
        return self.folder / f"state{self.lives}"

    def start(self) -> None:
        """Boot the process."""
        self.stopping, self.stopped = anyio.Event(), False
        self.loop.boot(HOST)
        self.loop.net.host(HOST).create_task(self._live(self.lives), name=f"syncd, life {self.lives}")

    def stop(self) -> None:
        """SIGTERM: the process ends by itself, soon."""
        self.loop.host_call(HOST, self.stopping.set)

    def kill(self, *, silently: bool) -> Path:
        """kill -9; returns the copy of the ledger that the next life will find."""
        self.loop.kill(HOST, silently=silently)
        GRAVE.append((self.app, self.ledger))
        self.app = self.ledger = self.commands = None
        before = self.state
        self.lives += 1
        self.state.mkdir(mode=0o700)
        for name in ("ledger.sqlite3", "ledger.sqlite3-wal", str(STOCK_BOOK), f"{STOCK_BOOK}-wal"):
            if (before / name).exists():
                (self.state / name).parent.mkdir(mode=0o700, exist_ok=True)
                shutil.copyfile(before / name, self.state / name)
        return self.state

    async def _live(self, life: int) -> None:
        try:
            await self._run()
        except BaseException as error:  # noqa: BLE001 - a daemon that ends by itself is a finding
            self.failure = error
        else:
            self.stopped = self.stopping.is_set()
            if not self.stopped:
                self.failure = Broken("BUG", f"the daemon of life {life} ended by itself")

    async def _run(self) -> None:
        random = Random(self._random.random())
        clock = ProcessClock(self.machine)
        log = make_log(self.log, form="json", level="info", clock=clock, secrets=self.configuration.secrets)
        hop = SeededHop(random, self.script.slow_ledger, self._committed)
        self.ledger = open_ledger(self.state, clock=clock, hop=hop, fatal=self._fatal)
        clock.not_before(self.ledger.seen)
        session = open_session(ssl_context())
        given = Surroundings(self.ledger, clock, SeededChance(random), log, session, self.state)
        self.app = await compose(self.configuration, given)
        self._tune(self.app)
        self.commands = Commands.for_daemon(self.configuration, given, self.app)
        async with anyio.create_task_group() as group, AsyncExitStack() as listeners:
            if self.script.hooks:
                await self._listen(group, listeners, given, self.app)
            await self.app.supervisor.run(self.stopping)
            group.cancel_scope.cancel()
        await session.close()
        await self.ledger.close()

    async def _listen(
        self, group: anyio.abc.TaskGroup, listeners: AsyncExitStack, given: Surroundings, app: App
    ) -> None:
        """The webhook listener, put together as the daemon does."""
        plain = signal_note(given)

        async def note(places: Sequence[Place], queues: Collection[Queue]) -> Mapping[Queue, int]:
            more = BACKLOG_MAX if self.inbox_is_full else 0
            return {queue: waiting + more for queue, waiting in (await plain(places, queues)).items()}

        inbox = Inbox(note)
        receiver = Receiver(inbox, doors(app), clock=given.clock, log=given.log, meters=given.meters).app()
        receiver.middlewares.append(self.watch_calls)
        group.start_soon(inbox.run, name="inbox")
        settings = self.configuration.settings
        assert settings is not None
        assert settings.webhooks is not None
        await listeners.enter_async_context(listening(receiver, settings.webhooks.listen, given.log))

    def _tune(self, app: App) -> None:
        """A script's knobs: how often a store is read, how far the scan overlaps, how many rows a page has."""
        knobs = self.script.knobs
        options = {
            name: value for name, value in knobs.items() if name.endswith("_seconds") and name != "settle_seconds"
        }
        if BOOKS in app.tenants:
            context_of_books = app.tenants[BOOKS].context
            context_of_books.options = dataclasses.replace(context_of_books.options, poll_seconds=BOOK_POLL_SECONDS)
        for reconciler in app.tenants["acme"].reconcilers:
            context = reconciler.context
            context.options = dataclasses.replace(context.options, **options)
            orders: Any = context.port.orders
            if "page_max" in knobs:
                orders._traits = msgspec.structs.replace(orders._traits, page_max=knobs["page_max"])
            if "settle_seconds" in knobs:
                orders._traits = msgspec.structs.replace(orders._traits, settle_us=int(knobs["settle_seconds"] * 1e6))

    def release_all(self) -> None:
        """The operator decides about everything in quarantine: it counts."""
        if self.commands is not None:
            self.loop.net.host(HOST).create_task(self._release(self.commands), name="operator")

    async def _release(self, commands: Commands) -> None:
        async def tell(_: Any) -> None:
            """Nobody listens."""

        try:
            held = await commands.call("quarantine.list", {}, tell)
            for entry in held["entries"]:
                await commands.call(
                    "quarantine.release", {"tenant": entry["tenant"], "id": entry["id"], "decision": "count"}, tell
                )
        except SyncdError:
            return  # tried again in a while

    def _fatal(self, error: BaseException) -> None:
        self.failure = error

    def events(self) -> list[dict[str, Any]]:
        """What the daemon logged, over all lives."""
        return [msgspec.json.decode(line) for line in self.log.getvalue().splitlines()]

    def resources(self) -> dict[str, int]:
        """What the daemon uses at this moment."""
        waiting = 0
        if self.ledger is not None:
            state = self.ledger.state()
            waiting = state.live_waiting + state.backfill_waiting
        return {"tasks": len(self.loop.net._tasks[HOST]), "queue": waiting}
