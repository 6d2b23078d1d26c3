"""From a command line to a result: ask the daemon where one runs, else do it here, under the lock."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from syncd.cli.folder import load_folder
from syncd.config.load import Configuration
from syncd.config.settings import Settings
from syncd.control.client import NoDaemonError, ask
from syncd.control.failure import EXIT_CONFIG, EXIT_UNAVAILABLE, CommandFailed

if TYPE_CHECKING:
    from syncd.clock import SystemClock

STOCK_BOOK: Final = "erp."  # these commands come before the first start: they may make the state directory
PROBLEMS_SHOWN_MAX: Final = 50
ROOT: Final = 0  # the user's number

Progress = Callable[[Mapping[str, Any]], None]


def reach(folder: Path, command: str, arguments: Mapping[str, Any], progress: Progress) -> Any:
    """The result of a command. Raises CommandFailed and other errors of `syncd.errors`."""
    configuration = load_folder(folder)
    settings = usable_settings(configuration)
    try:
        return ask(settings.state_dir, command, arguments, progress)
    except NoDaemonError:
        return _alone(configuration, settings, command, arguments, progress)


def usable_settings(configuration: Configuration) -> Settings:
    """The daemon's settings. Raises CommandFailed where `syncd.toml` is broken."""
    if configuration.settings is not None:
        return configuration.settings
    mine = [str(problem) for problem in configuration.errors if not problem.tenant]
    shown = "\n".join(f"  {line}" for line in mine[:PROBLEMS_SHOWN_MAX])
    raise CommandFailed(
        f"the configuration can't be used:\n{shown}",
        hint="is this the right folder? --config DIR or SYNCD_CONFIG names it",
        exit_code=EXIT_CONFIG,
    )


def _alone(
    configuration: Configuration, settings: Settings, command: str, arguments: Mapping[str, Any], progress: Progress
) -> Any:
    """No daemon runs: do it in this process."""
    import anyio  # noqa: PLC0415 - the daemon's parts are loaded only where they work

    from syncd.clock import SystemClock  # noqa: PLC0415
    from syncd.control.commands import Commands  # noqa: PLC0415
    from syncd.control.status import status_without_ledger  # noqa: PLC0415
    from syncd.ledger.connection import ledger_path  # noqa: PLC0415

    check_owner(settings.state_dir, "no daemon runs, and ")
    if not command.startswith(STOCK_BOOK) and not ledger_path(settings.state_dir).exists():
        if command == "status":
            return status_without_ledger(configuration, arguments.get("tenant"))
        raise CommandFailed(
            f"there is no ledger in {settings.state_dir} yet",
            hint="start the daemon first: syncd run",
            exit_code=EXIT_UNAVAILABLE,
        )

    clock = SystemClock()

    async def work() -> Any:
        async def tell(told: Mapping[str, Any]) -> None:
            progress(told)

        async with Commands.offline(configuration, _composer(configuration, clock), clock) as commands:
            return await commands.call(command, arguments, tell)

    with handed_over(settings.state_dir):
        return anyio.run(work)


@contextmanager
def handed_over(state_dir: Path) -> Iterator[None]:
    """What root makes in the state directory belongs to its owner afterwards: else the daemon would be locked out of it. The
    directory of a systemd unit with DynamicUser=yes is within reach of root alone."""
    try:
        yield
    finally:
        if os.geteuid() == ROOT:
            _hand_over(state_dir)


def _hand_over(state_dir: Path) -> None:
    owner = state_dir.stat()
    for _, folders, files, folder in os.fwalk(state_dir, follow_symlinks=False):
        for name in [*folders, *files]:
            with suppress(FileNotFoundError):  # a daemon at work beside it makes and removes files
                if os.stat(name, dir_fd=folder, follow_symlinks=False).st_uid == ROOT != owner.st_uid:
                    os.chown(name, owner.st_uid, owner.st_gid, dir_fd=folder, follow_symlinks=False)


def check_owner(state_dir: Path, why: str = "") -> None:
    """Files that another user makes in the state directory would lock the daemon out of it; root hands them over. Raises
    CommandFailed."""
    try:
        owner = state_dir.stat().st_uid
    except FileNotFoundError:
        return
    except OSError as error:
        raise CommandFailed(
            f"{state_dir} can't be used: {error.strerror}",
            hint="run this command as root or as the daemon's user",
            exit_code=EXIT_UNAVAILABLE,
        ) from error
    if os.geteuid() not in (owner, ROOT):
        raise CommandFailed(
            f"{why}{state_dir} belongs to another user (uid {owner})",
            hint="run this command as root or as that user",
            exit_code=EXIT_UNAVAILABLE,
        )


def _composer(configuration: Configuration, clock: SystemClock) -> Any:
    """What composes the tenants around an open ledger, without starting them."""
    from syncd.app import Surroundings, compose, open_session  # noqa: PLC0415
    from syncd.clock import SystemChance  # noqa: PLC0415
    from syncd.ledger.ledger import Ledger  # noqa: PLC0415
    from syncd.observability.log import make_log  # noqa: PLC0415

    @asynccontextmanager
    async def composed(ledger: Ledger) -> AsyncIterator[Any]:
        assert configuration.settings is not None
        clock.not_before(ledger.seen)
        log = make_log(sys.stderr, form="auto", level="warning", clock=clock, secrets=configuration.secrets)
        async with open_session() as session:
            given = Surroundings(
                ledger, clock, SystemChance(), log, session, configuration.settings.state_dir,
                holder=f"command, pid {os.getpid()}",
            )  # fmt: skip
            app = await compose(configuration, given)
            try:
                yield given, app
            finally:
                app.close()

    return composed
