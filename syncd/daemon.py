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
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from syncd import __version__
from syncd.app import App, Surroundings, compose, doors, open_session, signal_note
from syncd.clock import SystemChance, SystemClock
from syncd.config.load import Configuration
from syncd.config.settings import PrivateSettings, Settings
from syncd.control.commands import Commands
from syncd.control.server import serve_control
from syncd.core.quantity import SECOND, seconds
from syncd.engine.freshness import watch_freshness
from syncd.engine.ledger_watch import LedgerWatch
from syncd.engine.pulse import pulse
from syncd.errors import MisconfiguredError, TransientError
from syncd.inbox.inbox import Inbox
from syncd.inbox.listener import serve
from syncd.inbox.receiver import Receiver
from syncd.ledger.faults import ROOM_BYTES_MIN, Fatal, code_of, end_process
from syncd.ledger.ledger import Ledger, open_ledger
from syncd.ledger.lock import ProcessLock
from syncd.observability import events
from syncd.observability.library import LibraryHandler
from syncd.observability.log import Log, make_log
from syncd.observability.notify import Notify, from_environment
from syncd.observability.redact import Redaction
from syncd.reload import Answer, Reloader, Reloads

if TYPE_CHECKING:
    from syncd.private.desk import Desk

EXIT_OK, EXIT_FAILED, EXIT_CONFIG = 0, 1, 78
WATCHDOG_PARTS = 3  # petted three times within the service manager's bound
CLOCK_LOOK_SECONDS = 60.0
CLOCK_TOLERANCE_US = 2 * SECOND  # what NTP does by itself, by and by


def run(configuration: Configuration, reread: Callable[[], Configuration] | None = None) -> int:
    """Run until SIGTERM or SIGINT. `reread` reads the same folder again, for a reload. Returns the exit code."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # until it is watched it would end the process
    settings = configuration.settings
    clock = SystemClock()
    level, form = (settings.log.level, settings.log.format) if settings else ("info", "auto")
    redaction = Redaction()
    log = make_log(sys.stdout, form=form, level=level, clock=clock, secrets=configuration.secrets, redaction=redaction)
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
        return anyio.run(
            _run, configuration, settings, ledger, clock, log, notify, redaction, reread or (lambda: configuration)
        )
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
    configuration: Configuration, settings: Settings, ledger: Ledger, clock: SystemClock, log: Log, notify: Notify,
    redaction: Redaction, reread: Callable[[], Configuration],
) -> int:  # fmt: skip
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
        open_doors = doors(app)
        commands = Commands.for_daemon(configuration, given, app)
        reloader = Reloader(app, given, configuration, reread, redaction, open_doors, commands.follow)
        await reloader.tidy()
        reloads = Reloads(lambda: _reload(reloader, clock, notify), log)
        commands.allow_reload(reloads.ask)
        async with anyio.create_task_group() as group:
            await group.start(_watch_signals, stop, reloads, log, notify, name="signals")
            await group.start(serve_control, settings.state_dir, commands, log, name="control socket")
            group.start_soon(_pet, app, ledger, notify, name="watchdog")
            inbox: Inbox | None = None
            if settings.webhooks is not None:
                inbox = Inbox(signal_note(given))
                receiver = Receiver(inbox, open_doors, clock=clock, log=log, meters=given.meters)
                group.start_soon(inbox.run, name="inbox")
                await group.start(serve, receiver.app(), settings.webhooks.listen, log, name="webhook listener")
            if settings.private is not None:
                desk = private_desk(settings.private, commands, app, given, inbox)
                await group.start(
                    partial(serve, unavailable=events.PRIVATE_UNAVAILABLE),
                    desk.app(),
                    settings.private.listen,
                    log,
                    name="private listener",
                )
            group.start_soon(_watch_clock, clock, log, name="clock")
            group.start_soon(watch_freshness, app.supervisor, clock, name="freshness")
            group.start_soon(reloads.run, name="reload")
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


def private_desk(
    settings: PrivateSettings, commands: Commands, app: App, given: Surroundings, inbox: Inbox | None
) -> Desk:
    """Who answers on the private listener."""
    from syncd.private.desk import Desk  # noqa: PLC0415 - what it is made of takes memory, and is off by default

    token = None if settings.token is None else settings.token.get_secret_value()
    return Desk(lambda: commands.scene, app.supervisor, given.meters, token=token, inbox=inbox)


async def _watch_signals(
    stop: anyio.Event, reloads: Reloads, log: Log, notify: Notify, *,
    task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:  # fmt: skip
    """SIGTERM and SIGINT ask for a stop; a second one is left to the service manager. SIGHUP asks for a reload."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as received:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # one that came before is delivered now
        task_status.started()
        async for number in received:
            if number == signal.SIGHUP:
                reloads.hint()
                continue
            if not stop.is_set():
                log.emit(events.DAEMON_STOPPING, reason=signal.Signals(number).name)
                notify.stopping("finishing the steps that run")
            stop.set()


async def _reload(reloader: Reloader, clock: SystemClock, notify: Notify) -> Answer:
    """One reload, with what the service manager wants to hear of it. A mistake shows in its status line."""
    notify.reloading(clock.monotonic())
    try:
        answer = await reloader.reload()
    except Exception:
        notify.ready("the reload failed: look at the log")
        raise
    running = f"{len(reloader.app.tenants)} tenant(s) running"
    wrong = [each["tenant"] for each in [*answer["kept"], *answer["failed"]]]
    if answer["problems"]:
        running += "; the configuration can't be used, all go on as before"
    elif wrong:
        running += f"; not as configured: {', '.join(wrong)}"
    notify.ready(running)
    return answer


async def _pet(app: App, ledger: Ledger, notify: Notify) -> None:
    """Tell the service manager that work goes on: the loop turns, the writer answers, no loop is stuck. A shop that hangs
    has its own time-outs and never starves this."""
    clock = app.supervisor.clock
    while notify.is_heard:
        if not await pulse(app.supervisor, ledger):
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
