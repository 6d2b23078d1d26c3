"""The commands by name, for the control socket and for the command line alike.

`Commands.for_daemon` works on the running tenants. `Commands.offline` takes the lock and composes them for one command,
when nothing runs; the steps don't run then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, Self

import anyio
import msgspec

from syncd.config.load import Configuration
from syncd.control import (
    audit,
    backfill,
    erase,
    explain_order,
    explain_sku,
    pause,
    plan,
    quarantine,
    reload,
    sinks,
    status,
    stock,
)
from syncd.control.failure import EXIT_AGAIN, EXIT_USAGE, CommandFailed
from syncd.control.scene import Desk, Scene, Tell
from syncd.engine.supervisor import TenantWork
from syncd.errors import MisconfiguredError
from syncd.ledger.ledger import Ledger, open_ledger
from syncd.ledger.lock import ProcessLock
from syncd.observability.log import Log
from syncd.ports.clock import Clock

COMMAND_SECONDS_MAX: Final = 120.0  # for what only looks into the ledger, and for writing a line into it
AUDIT_SECONDS_MAX: Final = 3_600.0  # every counter of every store is read, under the stores' quotas
PAUSE_SECONDS_MAX: Final = 180.0  # steps that run are waited for
RELOAD_SECONDS_MAX: Final = 900.0  # steps that run are waited for (`drain_seconds`, up to 600)
ERASE_SECONDS_MAX: Final = 3_600.0  # every raw answer is unpacked, every file of a sink read
BACKFILL_SECONDS_MAX: Final = 7 * 86_400.0  # years of orders of a slow shop


class Given(Protocol):
    """What a composed daemon was given, as far as commands need it."""

    @property
    def ledger(self) -> Ledger:
        """The open ledger."""

    @property
    def clock(self) -> Clock:
        """Time."""

    @property
    def log(self) -> Log:
        """Where events go."""

    @property
    def state_dir(self) -> Path:
        """Where the ledger lies."""


class Composed(Protocol):
    """A composed daemon, as far as commands need it."""

    @property
    def tenants(self) -> Mapping[str, TenantWork]:
        """The tenants that can run."""

    @property
    def desks(self) -> Mapping[str, Desk]:
        """The embedded ERPs, by tenant."""

    @property
    def changing(self) -> anyio.Lock:
        """Held while a tenant's pauses go to disk, or its new form comes."""


Compose = Callable[[Ledger], AbstractAsyncContextManager[tuple[Given, Composed]]]


class Command(NamedTuple):
    """A command: its arguments' shape, what it does, how long it may take."""

    request: type[msgspec.Struct]
    run: Callable[[Scene, Any, Tell], Awaitable[Any]]
    seconds_max: float = COMMAND_SECONDS_MAX


COMMANDS: Final[Mapping[str, Command]] = {
    "status": Command(status.StatusRequest, status.status),
    "plan": Command(plan.PlanRequest, plan.plan),
    "approve": Command(plan.PlanRequest, plan.approve),
    "explain.order": Command(explain_order.OrderRequest, explain_order.explain_order),
    "explain.sku": Command(explain_sku.SkuRequest, explain_sku.explain_sku),
    "audit": Command(audit.AuditRequest, audit.audit, AUDIT_SECONDS_MAX),
    "quarantine.list": Command(quarantine.HeldRequest, quarantine.list_held),
    "quarantine.show": Command(quarantine.EntryRequest, quarantine.show_held),
    "quarantine.release": Command(quarantine.ReleaseRequest, quarantine.release_held),
    "erp.import": Command(stock.ImportRequest, stock.import_opening),
    "erp.adjust": Command(stock.ChangeRequest, stock.adjust),
    "erp.receive": Command(stock.ChangeRequest, stock.receive),
    "erp.levels": Command(stock.LevelsRequest, stock.erp_levels),
    "erp.journal": Command(stock.JournalRequest, stock.journal),
    "pause": Command(pause.PauseRequest, pause.pause, PAUSE_SECONDS_MAX),
    "resume": Command(pause.ResumeRequest, pause.resume),
    "erase": Command(erase.EraseRequest, erase.erase, ERASE_SECONDS_MAX),
    "sinks.retry": Command(sinks.RetryRequest, sinks.retry),
    "reload": Command(reload.ReloadRequest, reload.reload, RELOAD_SECONDS_MAX),
    "backfill": Command(backfill.BackfillRequest, backfill.backfill, BACKFILL_SECONDS_MAX),
}


class Commands:
    """The commands over one scene."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    @classmethod
    def for_daemon(cls, configuration: Configuration, given: Given, app: Composed) -> Self:
        """The commands of a running daemon."""
        return cls(_scene(configuration, given, app, running=True))

    @classmethod
    @asynccontextmanager
    async def offline(cls, configuration: Configuration, compose: Compose, clock: Clock) -> AsyncIterator[Self]:
        """The commands where nothing runs: under the process lock, on the ledger itself.

        Raises CommandFailed when another process has the lock: a daemon that is starting or stopping, or another command.
        """
        assert configuration.settings is not None
        folder = configuration.settings.state_dir
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            lock = ProcessLock.acquire(folder)
        except MisconfiguredError as error:
            raise CommandFailed(
                f"{error}, and doesn't answer on its control socket",
                hint="the daemon is starting or stopping, or another command is at work: try again in a moment",
                exit_code=EXIT_AGAIN,
            ) from error
        try:
            ledger = open_ledger(folder, clock=clock, lock=lock)
        except BaseException:
            lock.release()
            raise
        try:
            async with compose(ledger) as (given, app):
                yield cls(_scene(configuration, given, app, running=False))
        finally:
            with anyio.CancelScope(shield=True):
                await ledger.close()

    def allow_reload(self, reload: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        """How `reload` is done."""
        self.scene = replace(self.scene, reload=reload)

    def follow(self, configuration: Configuration, answer: Mapping[str, Any]) -> None:
        """After a reload: this configuration is in force."""
        self.scene = replace(self.scene, configuration=configuration, reloaded=answer)

    async def call(self, name: str, arguments: Mapping[str, Any], tell: Tell) -> Any:
        """Run a command. Raises SyncdError: CommandFailed for the operator's mistakes."""
        command = COMMANDS.get(name)
        if command is None:
            raise CommandFailed(
                f"no command is called {name!r}",
                hint="is the daemon of another version than this command line? Restart it after an upgrade",
                exit_code=EXIT_USAGE,
            )
        try:
            request = msgspec.convert(arguments, command.request)
        except msgspec.ValidationError as error:
            raise CommandFailed(f"{name}: {error}", exit_code=EXIT_USAGE) from error
        try:
            with anyio.fail_after(command.seconds_max):
                return await command.run(self.scene, request, tell)
        except TimeoutError as error:
            raise CommandFailed(
                f"{name} took longer than {command.seconds_max:.0f} s", hint="ask for less", exit_code=EXIT_AGAIN
            ) from error


def _scene(configuration: Configuration, given: Given, app: Composed, *, running: bool) -> Scene:
    return Scene(
        configuration=configuration, state_dir=given.state_dir, ledger=given.ledger, clock=given.clock, log=given.log,
        works=app.tenants, desks=app.desks, running=running,
        changing=app.changing,
    )  # fmt: skip
