"""The process: lock, ledger, signals, the service manager, and the loop in which the composed daemon runs.

Exit codes: 0 stopped as asked; 1 failed; 74 the ledger's disk failed (EX_IOERR, see `ledger/faults.py`); 75 another process
works on the ledger (EX_TEMPFAIL); 78 nothing to run, or a state directory that can't be used (EX_CONFIG: the service manager
doesn't restart it).
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from syncd import __version__
from syncd.app import App, Surroundings, compose, doors, open_session, signal_note
from syncd.clock import SystemChance, SystemClock
from syncd.config.load import Configuration
from syncd.config.settings import AlertSettings, PrivateSettings, Settings, signing_key
from syncd.control.commands import Commands
from syncd.control.failure import EXIT_AGAIN
from syncd.control.server import serve_control
from syncd.core.quantity import SECOND, seconds
from syncd.engine.alert_post import AlertPost
from syncd.engine.freshness import watch_freshness
from syncd.engine.herald import Herald
from syncd.engine.ledger_watch import LedgerWatch
from syncd.errors import MisconfiguredError, TransientError
from syncd.inbox.inbox import Inbox
from syncd.inbox.inherited import fit, inherited_sockets
from syncd.inbox.listener import listening
from syncd.inbox.receiver import Door, Receiver
from syncd.ledger.alerts import Alerts
from syncd.ledger.aside import HopAside
from syncd.ledger.faults import ROOM_BYTES_MIN, Fatal, code_of, end_process
from syncd.ledger.hop import ThreadHop
from syncd.ledger.ledger import Ledger, open_ledger
from syncd.ledger.lock import LOCK, ProcessLock
from syncd.ledger.migrate import HEAD
from syncd.observability import events
from syncd.observability.journal import Journal, is_journal
from syncd.observability.library import LibraryHandler
from syncd.observability.log import Log, make_log
from syncd.observability.notify import Notify, from_environment
from syncd.observability.redact import Redaction
from syncd.reload import Answer, Reloader, Reloads

if TYPE_CHECKING:
    from syncd.private.desk import Desk

EXIT_OK, EXIT_FAILED, EXIT_CONFIG = 0, 1, 78
MIGRATING_SECONDS = 120.0  # granted while the ledger is migrated, and again and again while that makes progress
STOPPING_SECONDS = 25.0  # beyond draining: to end the tasks and close the ledger
FLUSH_SECONDS = 1.0  # what the journal had no room for waits so long
LAST_FLUSHES_MAX, LAST_FLUSH_SECONDS = 20, 0.05  # at the end nothing else waits for it
CLOCK_LOOK_SECONDS = 60.0
CLOCK_TOLERANCE_US = 2 * SECOND  # what NTP does by itself, by and by


def run(configuration: Configuration, reread: Callable[[], Configuration] | None = None) -> int:
    """Run until SIGTERM or SIGINT. `reread` reads the same folder again, for a reload. Returns the exit code."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # until it is watched it would end the process
    settings = configuration.settings
    clock = SystemClock()
    level, form = (settings.log.level, settings.log.format) if settings else ("info", "auto")
    redaction = Redaction()
    journal = Journal() if is_journal(sys.stdout, os.environ) else None
    log = make_log(
        sys.stdout, form=form, level=level, clock=clock, secrets=configuration.secrets, redaction=redaction,
        journal=journal,
    )  # fmt: skip
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
        ledger = open_ledger(
            settings.state_dir, clock=clock, lock=lock, fatal=_ending(log, settings.state_dir),
            migrating=lambda: _migrating(notify),
        )  # fmt: skip
    except (MisconfiguredError, TransientError, OSError) as error:
        log.emit(events.DAEMON_REFUSED, **_refusal(error, settings.state_dir))
        if lock is not None:
            lock.release()
        if isinstance(error, MisconfiguredError) and error.operation == LOCK:
            return EXIT_AGAIN  # a command at work on the ledger has it for a moment
        return EXIT_CONFIG if isinstance(error, (MisconfiguredError, PermissionError)) else EXIT_FAILED
    try:
        if ledger.migrated_from:
            log.emit(events.LEDGER_MIGRATED, was=ledger.migrated_from, now=HEAD)
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


def _migrating(notify: Notify) -> None:
    """The ledger is being migrated, and that makes progress."""
    notify.extend_timeout(MIGRATING_SECONDS)
    notify.status("bringing the ledger to this version's schema")


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
    aside = HopAside(ThreadHop("sink-files", fatal=end_process))
    given = Surroundings(
        ledger, clock, chance, log, session, settings.state_dir, holder=f"pid {os.getpid()}", aside=aside
    )
    post = alert_post(settings.alerts, given) if settings.alerts is not None else None
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
        herald = Herald(app.supervisor, ledger, notify)
        reloads = Reloads(lambda: _reload(reloader, herald), log)
        commands.allow_reload(reloads.ask)
        async with anyio.create_task_group() as group:
            await group.start(_watch_signals, stop, reloads, log, notify, app, name="signals")
            await group.start(serve_control, settings.state_dir, commands, log, name="control socket")
            group.start_soon(herald.pet, name="watchdog")
            group.start_soon(herald.tell, name="status")
            group.start_soon(_watch_clock, clock, log, name="clock")
            if post is not None:
                group.start_soon(post.run, name="alerts")
            group.start_soon(_flush, clock, log, name="log")
            group.start_soon(watch_freshness, app.supervisor, clock, name="freshness")
            group.start_soon(reloads.run, name="reload")
            group.start_soon(LedgerWatch(ledger, settings.state_dir, clock, log).run, name="ledger watch")
            async with _listening(settings, given, app, commands, open_doors, group):
                await app.supervisor.run(stop, drain_seconds=settings.shutdown.drain_seconds)
            group.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            if app is not None:
                app.close()
            aside.close()
            await session.close()
            await ledger.close()
            notify.close()
    log.emit(events.DAEMON_STOPPED)
    for _ in range(LAST_FLUSHES_MAX):
        if log.flush():
            break
        await clock.sleep(LAST_FLUSH_SECONDS)
    return EXIT_OK


@asynccontextmanager
async def _listening(
    settings: Settings, given: Surroundings, app: App, commands: Commands, open_doors: Mapping[tuple[str, str], Door],
    group: anyio.abc.TaskGroup,
) -> AsyncIterator[None]:  # fmt: skip
    """The listeners. They end before `group` does: the inbox still notes what they have taken."""
    inherited = inherited_sockets(os.environ, os.getpid(), given.log)
    held = fit(inherited, settings.webhooks.listen if settings.webhooks else None, given.log)
    async with AsyncExitStack() as opened:
        if settings.webhooks is not None:
            inbox = Inbox(signal_note(given))
            receiver = Receiver(inbox, open_doors, clock=given.clock, log=given.log, meters=given.meters)
            group.start_soon(inbox.run, name="inbox")
            public = listening(receiver.app(), settings.webhooks.listen, given.log, inherited=held)
            await opened.enter_async_context(public)
        if settings.private is not None:
            desk = private_desk(settings.private, commands, app, given)
            private = listening(desk.app(), settings.private.listen, given.log, unavailable=events.PRIVATE_UNAVAILABLE)
            await opened.enter_async_context(private)
        yield


def private_desk(settings: PrivateSettings, commands: Commands, app: App, given: Surroundings) -> Desk:
    """Who answers on the private listener."""
    from syncd.private.desk import Desk  # noqa: PLC0415 - what it is made of takes memory, and is off by default

    token = None if settings.token is None else settings.token.get_secret_value()
    return Desk(lambda: commands, app.supervisor, given.meters, token=token)


def alert_post(settings: AlertSettings, given: Surroundings) -> AlertPost:
    """Who delivers alerts; from now on they are noted."""
    given.alerts = Alerts(settings.events)
    return AlertPost(
        settings.url, signing_key(settings.secret.get_secret_value()), given.alerts, given.ledger, given.session,
        given.clock, given.chance, given.log,
    )  # fmt: skip


async def _watch_signals(
    stop: anyio.Event, reloads: Reloads, log: Log, notify: Notify, app: App, *,
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
                notify.extend_timeout(app.supervisor.drain_seconds + STOPPING_SECONDS)
            stop.set()


async def _reload(reloader: Reloader, herald: Herald) -> Answer:
    """One reload, with what the service manager wants to hear of it. A mistake shows in its status line."""
    herald.reloading()
    try:
        answer = await reloader.reload()
    except Exception:
        herald.reloaded("the reload failed: look at the log")
        raise
    wrong = [each["tenant"] for each in [*answer["kept"], *answer["failed"]]]
    if answer["problems"]:
        herald.reloaded("the configuration can't be used, all go on as before")
    else:
        herald.reloaded(f"not as configured: {', '.join(wrong)}" if wrong else "")
    return answer


async def _flush(clock: SystemClock, log: Log) -> None:
    """What the journal had no room for is passed on when it has."""
    while True:
        await clock.sleep(FLUSH_SECONDS)
        log.flush()


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
