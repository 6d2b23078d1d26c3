"""`doctor`: findings about this machine, the state directory and the ledger; and about what `check --connect` has asked.

A finding has a level (ok, note, warning, error), what was found, what is expected, and a remedy. The ledger is read beside the
daemon, by a connection that can't write.
"""

from __future__ import annotations

import shutil
import sqlite3
import stat
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from syncd.config.load import Configuration
from syncd.control.plain import iso
from syncd.core.quantity import SECOND, Instant
from syncd.ledger import migrate
from syncd.ledger.connection import BUSY_TIMEOUT_SECONDS, WAL_BYTES_KEPT_MAX, ledger_path, open_sqlite
from syncd.ports.clock import Clock

OK, NOTE, WARNING, ERROR = "ok", "note", "warning", "error"

FREE_BYTES_MIN: Final = 512 * 1024 * 1024  # the WAL, SQLite's temporary files and a day of orders
CLOCK_SECONDS_MAX: Final = 5.0  # a difference that syncd bears, and that a machine with NTP doesn't have
CLOCK_SECONDS_BAD: Final = 300.0  # OAuth signatures and TLS begin to be refused
SINK_SECONDS_MAX: Final = 3_600.0
UNTOLD_SECONDS_MAX: Final = 900.0  # a move that waits longer needs somebody
CHECK_SECONDS_MAX: Final = 60.0  # a larger ledger is checked in its backup
QUOTA_SHARE_MIN: Final = 0.1  # left of a store's quota
RESET_BUG_BEFORE: Final = (3, 51, 3)  # sqlite.org, "WAL-reset bug": two connections that checkpoint at once
MOUNTS: Final = Path("/proc/self/mounts")
NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "lustre", "afs", "fuse.sshfs"}
)


def examine(configuration: Configuration, tenant: str | None, clock: Clock) -> list[dict[str, Any]]:
    """Everything that can be known without asking anybody outside; of one tenant, or of all."""
    found = _configuration(configuration, tenant)
    if configuration.settings is None:
        return found
    state_dir = configuration.settings.state_dir
    if not state_dir.is_dir():
        return [
            *found,
            finding(WARNING, "state_dir", f"{state_dir} isn't there", "a folder", "it is made at the first start"),
        ]
    return [
        *found,
        *_owner(state_dir),
        _disk(state_dir),
        _filesystem(state_dir),
        _sqlite(),
        *_ledger(ledger_path(state_dir), tenant, clock),
    ]


def finding(
    level: str, what: str, found: str, expected: str = "", remedy: str = "", *, tenant: str = "", name: str = ""
) -> dict[str, Any]:
    """One finding."""
    return {
        "level": level, "what": what, "tenant": tenant, "name": name, "found": found, "expected": expected, "remedy": remedy,
    }  # fmt: skip


def _configuration(configuration: Configuration, tenant: str | None) -> list[dict[str, Any]]:
    mine = [each for each in configuration.problems if not each.tenant or tenant in (None, each.tenant)]
    if not mine:
        return [finding(OK, "configuration", "it is right")]
    return [
        finding(
            each.severity, "configuration", f"{each.file}:{each.line or ''} {each.key}: {each.found}", each.expected, each.hint,
            tenant=each.tenant,
        )
        for each in mine
    ]  # fmt: skip


def _owner(state_dir: Path) -> list[dict[str, Any]]:
    """Only syncd's user may read what is in there: orders carry people's addresses."""
    status = state_dir.stat()
    found = []
    if stat.S_IMODE(status.st_mode) & 0o077:
        found.append(
            finding(
                WARNING, "state_dir", f"{state_dir} has mode {stat.S_IMODE(status.st_mode):04o}", "0700: it holds orders",
                f"chmod 700 {state_dir}",
            )
        )  # fmt: skip
    strangers = [path.name for path in state_dir.iterdir() if path.lstat().st_uid != status.st_uid]
    if strangers:
        found.append(
            finding(
                ERROR, "state_dir", f"{', '.join(sorted(strangers)[:5])}: of another user", f"all of it belongs to uid {status.st_uid}",
                f"stop syncd, then: chown -R --reference={state_dir} {state_dir}",
            )
        )  # fmt: skip
    return found or [finding(OK, "state_dir", f"{state_dir}: of uid {status.st_uid}, for it alone")]


def _disk(state_dir: Path) -> dict[str, Any]:
    free = shutil.disk_usage(state_dir).free
    ledger = ledger_path(state_dir)
    needed = FREE_BYTES_MIN + WAL_BYTES_KEPT_MAX + (ledger.stat().st_size // 4 if ledger.exists() else 0)
    level = ERROR if free < WAL_BYTES_KEPT_MAX else WARNING if free < needed else OK
    remedy = "free some space, or lower payload_days and payload_mb_max; backups belong on another disk"
    return finding(level, "disk", f"{_mb(free)} free under {state_dir}", f"at least {_mb(needed)}", remedy)


def _filesystem(state_dir: Path) -> dict[str, Any]:
    kind = _kind_of(state_dir.resolve(), MOUNTS.read_text() if MOUNTS.exists() else "")
    if kind in NETWORK:
        return finding(
            ERROR, "filesystem", f"{state_dir} lies on {kind}", "a local disk: a ledger needs its locks and shared memory",
            "stop syncd and move state_dir to a local disk",
        )  # fmt: skip
    return finding(OK, "filesystem", kind or "unknown")


def _kind_of(path: Path, mounts: str) -> str:
    """The type of the file system that a path lies on."""
    best, kind = "", ""
    for row in mounts.splitlines():
        fields = row.split(" ")
        if len(fields) > 2:
            place = fields[1].replace("\\040", " ")
            if (path == Path(place) or Path(place) in path.parents) and len(place) >= len(best):
                best, kind = place, fields[2]
    return kind


def _sqlite() -> dict[str, Any]:
    if sqlite3.sqlite_version_info < RESET_BUG_BEFORE:
        return finding(
            NOTE, "sqlite", f"SQLite {sqlite3.sqlite_version}", "3.51.3 or later has no bug in resetting the WAL",
            "none needed: a single connection checkpoints the ledger. Open no other program on it",
        )  # fmt: skip
    return finding(OK, "sqlite", f"SQLite {sqlite3.sqlite_version}")


def _ledger(path: Path, tenant: str | None, clock: Clock) -> list[dict[str, Any]]:
    if not path.exists():
        return [finding(NOTE, "ledger", "there is none yet", "a ledger", "it is made at the first start: syncd run")]
    try:
        with closing(open_sqlite(path, read_only=True, busy_timeout_seconds=BUSY_TIMEOUT_SECONDS)) as connection:
            schema = connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
            found = [_integrity(connection, path, clock), *_wal(path)]
            if schema != migrate.HEAD:
                remedy = (
                    "it is migrated at the next start; back it up before"
                    if schema < migrate.HEAD
                    else "install the newer syncd"
                )
                level = NOTE if schema < migrate.HEAD else ERROR
                return [*found, finding(level, "ledger schema", f"revision {schema}", migrate.HEAD, remedy)]
            return [
                *found,
                _clock(connection, clock),
                *_moves(connection, tenant, clock),
                *_held(connection, tenant),
                *_sinks(connection, tenant, clock),
            ]
    except sqlite3.Error as error:
        return [
            finding(
                ERROR,
                "ledger",
                f"it can't be read: {error}",
                "a whole ledger",
                "stop syncd and restore a backup: syncd restore --check",
            )
        ]


def _integrity(connection: sqlite3.Connection, path: Path, clock: Clock) -> dict[str, Any]:
    size = _mb(path.stat().st_size)
    deadline = clock.monotonic() + CHECK_SECONDS_MAX
    connection.set_progress_handler(lambda: clock.monotonic() > deadline, 100_000)
    try:
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_INTERRUPT:
            raise
        return finding(
            NOTE, "ledger", f"{size}, too large to be checked here", "a whole ledger", "syncd backup checks the copy"
        )
    finally:
        connection.set_progress_handler(None, 0)
    if verdict != "ok":
        return finding(
            ERROR,
            "ledger",
            f"{size}, damaged: {verdict}",
            "a whole ledger",
            "stop syncd and restore a backup; look at the disk",
        )
    return finding(OK, "ledger", f"{size}, whole")


def _wal(path: Path) -> list[dict[str, Any]]:
    wal = path.with_name(path.name + "-wal")
    size = wal.stat().st_size if wal.exists() else 0
    if size <= WAL_BYTES_KEPT_MAX:
        return [finding(OK, "wal", _mb(size))]
    remedy = "some program reads the ledger all the time: end it; a restart of syncd writes the WAL back"
    return [finding(WARNING, "wal", _mb(size), f"up to {_mb(WAL_BYTES_KEPT_MAX)}", remedy)]


def _clock(connection: sqlite3.Connection, clock: Clock) -> dict[str, Any]:
    row = connection.execute("SELECT seen FROM clock").fetchone()
    behind = ((row[0] if row else 0) - clock.wall()) / SECOND
    if behind > CLOCK_SECONDS_MAX:
        return finding(
            WARNING, "clock", f"this machine's clock is {behind:.0f} s behind the ledger's time", "not behind",
            "set the clock right (timedatectl, chrony); syncd goes on by its own time until then",
        )  # fmt: skip
    return finding(OK, "clock", "not behind the ledger's time")


def _moves(connection: sqlite3.Connection, tenant: str | None, clock: Clock) -> list[dict[str, Any]]:
    query = "SELECT tenant, count(*), min(planned_at) FROM move WHERE state IN ('intended', 'sent') GROUP BY tenant"
    found = []
    for name, count, oldest in connection.execute(query).fetchall():
        if tenant not in (None, name):
            continue
        late = (clock.wall() - oldest) / SECOND > UNTOLD_SECONDS_MAX
        found.append(
            finding(
                WARNING if late else OK, "moves", f"{count} not told yet, the oldest since {iso(Instant(oldest))}",
                f"none older than {UNTOLD_SECONDS_MAX / 60:.0f} min while the ERP answers",
                "is the ERP reachable, and the daemon running? syncd status; syncd explain order", tenant=name,
            )
        )  # fmt: skip
    return found or [finding(OK, "moves", "all are told")]


def _held(connection: sqlite3.Connection, tenant: str | None) -> list[dict[str, Any]]:
    query = "SELECT tenant, count(*) FROM quarantine WHERE state = 'held' GROUP BY tenant"
    return [
        finding(
            WARNING, "quarantine", f"{count} held", "none: they aren't in the ERP", "syncd quarantine list", tenant=name
        )
        for name, count in connection.execute(query).fetchall()
        if tenant in (None, name)
    ] or [finding(OK, "quarantine", "nothing is held")]


def _sinks(connection: sqlite3.Connection, tenant: str | None, clock: Clock) -> list[dict[str, Any]]:
    query = "SELECT tenant, sink, state, count(*), min(put_at) FROM outbox GROUP BY tenant, sink, state"
    found = []
    for name, sink, state, count, oldest in connection.execute(query).fetchall():
        if tenant not in (None, name):
            continue
        late = (clock.wall() - oldest) / SECOND > SINK_SECONDS_MAX
        what = f"{sink}: {count} event(s) {'refused' if state == 'refused' else 'wait'}, the oldest since {iso(Instant(oldest))}"
        remedy = (
            "look at its receiver, and at sink.unreachable and sink.refused in the log; syncd status; syncd sinks retry"
        )
        level = WARNING if late or state == "refused" else OK
        expected = f"none older than {SINK_SECONDS_MAX / 60:.0f} min, none refused"
        found.append(finding(level, "sinks", what, expected, remedy, tenant=name))
    running = "SELECT tenant, count(*) FROM erasure WHERE state = 'running' GROUP BY tenant"
    for name, count in connection.execute(running).fetchall():
        if tenant in (None, name):
            remedy = "give the same `syncd erase` again: it goes on where it stopped"
            found.append(finding(WARNING, "erasures", f"{count} unfinished", "none", remedy, tenant=name))
    return found or [finding(OK, "sinks", "nothing waits")]


def examine_connections(connections: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What `check --connect` has found, as findings: who can't be reached or refuses, clocks, quotas, settings."""
    found = []
    for entry in connections:
        place = {"tenant": entry["tenant"], "name": entry["name"]}
        if not entry["reached"]:
            remedy = entry["hint"] or "look at its address and credentials"
            found.append(
                finding(ERROR, "connection", entry["error"], "an answer, with these credentials", remedy, **place)
            )
            continue
        found.append(finding(OK, "connection", f"{entry['identity']}: {'; '.join(entry['notes'])}", **place))
        found += [
            finding(WARNING, "settings", warning, "nothing that stands against exactness", "change it there", **place)
            for warning in entry["warnings"]
        ]
        found += _their_clock(entry, place) + _quota(entry, place)
    return found


def _their_clock(entry: Mapping[str, Any], place: Mapping[str, str]) -> list[dict[str, Any]]:
    ahead = entry["clock_ahead_seconds"]
    if ahead is None:
        return []
    off = abs(ahead) - entry["clock_error_seconds"]
    level = ERROR if off > CLOCK_SECONDS_BAD else WARNING if off > CLOCK_SECONDS_MAX else OK
    remedy = "set this machine's clock right (timedatectl, chrony), or have theirs set right"
    text = f"its clock is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    return [finding(level, "clock", text, f"at most {CLOCK_SECONDS_MAX:.0f} s apart", remedy, **place)]


def _quota(entry: Mapping[str, Any], place: Mapping[str, str]) -> list[dict[str, Any]]:
    quota = entry["quota"]
    if not quota or not quota["limit"]:
        return []
    level = WARNING if quota["left"] < QUOTA_SHARE_MIN * quota["limit"] else OK
    remedy = "another program uses it up: lower quota_share, or raise poll_seconds"
    text = f"{quota['left']} of {quota['limit']} requests left"
    return [finding(level, "quota", text, f"at least {QUOTA_SHARE_MIN:.0%}", remedy, **place)]


def _mb(size: int) -> str:
    return f"{size / 1024 / 1024:.0f} MB"
