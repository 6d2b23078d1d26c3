"""The process: lock, ledger, signals, the service manager, and the loop in which the composed daemon runs.

Exit codes: 0 stopped as asked; 1 failed; 74 the ledger's disk failed (EX_IOERR, see `ledger/faults.py`); 78 nothing to
run, or a state directory that can't be used (EX_CONFIG: the service manager doesn't restart it).
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import anyio

from syncd import __version__
from syncd.app import App, Surroundings, compose, open_session
from syncd.clock import SystemChance, SystemClock
from syncd.config.load import Configuration
from syncd.config.settings import Settings
from syncd.control.commands import Commands
from syncd.control.server import serve_control
from syncd.core.quantity import SECOND, seconds
from syncd.engine.ledger_watch import LedgerWatch
from syncd.errors import MisconfiguredError, TransientError
from syncd.ledger.faults import ROOM_BYTES_MIN, Fatal, code_of, end_process
from syncd.ledger.ledger import Ledger, open_ledger
from syncd.ledger.lock import ProcessLock
from syncd.observability import events
from syncd.observability.library import LibraryHandler
from syncd.observability.log import Log, make_log
from syncd.observability.notify import Notify, from_environment

EXIT_OK, EXIT_FAILED, EXIT_CONFIG = 0, 1, 78
WATCHDOG_PARTS = 3  # petted three times within the service manager's bound
CLOCK_LOOK_SECONDS = 60.0
CLOCK_TOLERANCE_US = 2 * SECOND  # what NTP does by itself, by and by
STUCK_SECONDS = 120.0  # a loop that neither turns nor works for this long is stuck: the watchdog isn't petted any more


def run(configuration: Configuration) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit code."""
    settings = configuration.settings
    clock = SystemClock()
    level, form = (settings.log.level, settings.log.format) if settings else ("info", "auto")
    log = make_log(sys.stdout, form=form, level=level, clock=clock, secrets=configuration.secrets)
    logging.getLogger().addHandler(LibraryHandler(log))
    for problem in configuration.problems:
        log.emit(
            events.CONFIG_INVALID if problem.severity == "error" else events.CONFIG_WARNED, file=problem.file, key=problem.key, line_number=problem.line, expected=problem.expected,
            found=problem.found, hint=problem.hint, severity=problem.severity,
        )  # fmt: skip
    if settings is None or not configuration.tenants:
        return EXIT_CONFIG
    notify = from_environment(os.environ)
    lock: ProcessLock | None = None
    try:
        settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = ProcessLock.acquire(settings.state_dir)
        notify.extend_timeout(120.0)
        ledger = open_ledger(settings.state_dir, clock=clock, lock=lock, fatal=_ending(log, settings.state_dir))
    except (MisconfiguredError, TransientError, OSError) as error:
        log.emit(events.DAEMON_REFUSED, **_refusal(error, settings.state_dir))
        if lock is not None:
            lock.release()
        return EXIT_CONFIG if isinstance(error, (MisconfiguredError, PermissionError)) else EXIT_FAILED
    try:
        behind_us = clock.not_before(ledger.seen)
        if behind_us > CLOCK_TOLERANCE_US:
            log.emit(events.CLOCK_BEHIND, behind_seconds=round(seconds(behind_us), 1))
        return anyio.run(_run, configuration, settings, ledger, clock, log, notify)
    except (TransientError, OSError) as error:  # while composing: later ones stay in their tasks
        log.emit(events.DAEMON_REFUSED, **_refusal(error, settings.state_dir))
        return EXIT_FAILED
    except KeyboardInterrupt:  # before the signals were watched: nothing had begun, and all is closed
        log.emit(events.DAEMON_STOPPED)
        return EXIT_OK


def _ending(log: Log, state_dir: Path) -> Fatal:
    """What ends the process when nobody knows any more what is on disk: it says so first."""

    def end(error: BaseException) -> None:
        if code_of(error) is None:
            log.bug(error)
        else:
            log.emit(
                events.LEDGER_UNWRITABLE,
                path=str(state_dir),
                reason=f"its disk failed: {error}; syncd ends here, the next start reads what is on disk",
                hint="look at the kernel's log and the mount of the state directory",
            )
        end_process(error)

    return end


def _refusal(error: Exception, state_dir: Path) -> dict[str, str]:
    """Reason and hint of a start that failed: which folder, what is wrong with it, what to do."""
    if isinstance(error, MisconfiguredError):
        return {"reason": str(error), "hint": error.hint}
    hint = getattr(error, "hint", "")
    if not hint:
        hint = {
            errno.ENOSPC: f"free space there: {ROOM_BYTES_MIN // 2**20} MB should be free",
            errno.EROFS: "its disk is mounted read-only, or has become so by an error: look at the kernel's log, then mount "
            "it writable",
        }.get(getattr(error, "errno", None) or 0, "look at its permissions and its disk")
    return {"reason": f"the state directory {state_dir} can't be used: {error}", "hint": hint}


async def _run(
    configuration: Configuration, settings: Settings, ledger: Ledger, clock: SystemClock, log: Log, notify: Notify
) -> int:
    chance = SystemChance()
    stop = anyio.Event()
    session = open_session()
    given = Surroundings(ledger, clock, chance, log, session, settings.state_dir, holder=f"pid {os.getpid()}")
    app: App | None = None
    try:
        app = await compose(configuration, given)
        if not app.tenants:
            return EXIT_CONFIG
        log.emit(events.DAEMON_STARTED, version=__version__, tenants=len(app.tenants), pid=os.getpid())
        commands = Commands.for_daemon(configuration, given, app)
        async with anyio.create_task_group() as group:
            await group.start(_watch_signals, stop, log, notify, name="signals")
            await group.start(serve_control, settings.state_dir, commands, log, name="control socket")
            group.start_soon(_pet, app, ledger, notify, name="watchdog")
            group.start_soon(_watch_clock, clock, log, name="clock")
            group.start_soon(LedgerWatch(ledger, settings.state_dir, clock, log).run, name="ledger watch")
            notify.ready(f"{len(app.tenants)} tenant(s) running")
            await app.supervisor.run(stop, drain_seconds=settings.shutdown.drain_seconds)
            group.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            if app is not None:
                app.close()
            await session.close()
            await ledger.close()
            notify.close()
    log.emit(events.DAEMON_STOPPED)
    return EXIT_OK


async def _watch_signals(
    stop: anyio.Event, log: Log, notify: Notify, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """SIGTERM and SIGINT ask for a stop; a second one is left to the service manager."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as received:
        task_status.started()
        async for number in received:
            if not stop.is_set():
                log.emit(events.DAEMON_STOPPING, reason=signal.Signals(number).name)
                notify.stopping("finishing the steps that run")
            stop.set()


async def _pet(app: App, ledger: Ledger, notify: Notify) -> None:
    """Tell the service manager that work goes on: the loop turns, the writer answers, no loop is stuck. A shop that hangs
    has its own time-outs and never starves this."""
    clock = app.supervisor.clock
    while notify.is_heard:
        with suppress(TransientError):  # a disk that fails is an answer too; `ledger.unwritable` tells of it
            await ledger.ping()
        if not app.supervisor.stuck(STUCK_SECONDS):
            notify.watchdog()
        await clock.sleep((notify.watchdog_seconds or 60.0) / WATCHDOG_PARTS)


async def _watch_clock(clock: SystemClock, log: Log) -> None:
    """Say when the machine's wall clock was stepped: syncd's own time runs on, and people will wonder about the difference."""
    ahead_us = clock.wall() - clock.now()
    while True:
        await clock.sleep(CLOCK_LOOK_SECONDS)
        stepped_us = clock.wall() - clock.now() - ahead_us
        if abs(stepped_us) > CLOCK_TOLERANCE_US:
            ahead_us += stepped_us
            log.emit(
                events.CLOCK_STEPPED,
                stepped_seconds=round(seconds(stepped_us), 1),
                ahead_seconds=round(seconds(ahead_us), 1),
            )


def state_dir_of(configuration: Configuration) -> Path | None:
    """Where the daemon of this configuration keeps its state."""
    return configuration.settings.state_dir if configuration.settings else None
