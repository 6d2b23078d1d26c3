"""`restore`: what a backup is worth, what would be lost by it, and putting it back so that nothing is counted twice.

What lies in the state directory is moved aside, never deleted. A restore that was interrupted leaves a note
(`syncd.ledger.ledger.RESTORING`), and no daemon starts before it was finished: between the old ledger's end and the new one's
beginning an empty one would begin a new cutover.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy.exc import DBAPIError

from syncd.control.backup import FORMAT, LEDGER, BackedUp, Manifest, book_name, checksum, read_manifest, revision
from syncd.control.failure import EXIT_CONFIG, EXIT_FAILED, EXIT_USAGE, CommandFailed
from syncd.control.plain import iso
from syncd.core.quantity import SECOND, Instant
from syncd.ledger import migrate, restored
from syncd.ledger.backup import damage, forget, sync, told
from syncd.ledger.connection import BUSY_TIMEOUT_SECONDS, ledger_path, open_sqlite, write_engine
from syncd.ledger.faults import explain
from syncd.ledger.ledger import RESTORING
from syncd.ports.clock import Clock

CHUNK_BYTES: Final = 1024 * 1024
NEW: Final = ".restoring"  # the suffix of a file that is being prepared beside the one whose place it takes
BESIDE: Final = ("", "-wal", "-shm", "-journal")

LOST: Final = (
    ("stores approved since", "SELECT count(*) FROM store WHERE approved > :at"),
    ("decisions about the quarantine", "SELECT count(*) FROM quarantine WHERE released > :at"),
    ("orders read since (they are read again)", "SELECT count(*) FROM orders WHERE read_at > :at"),
    ("moves told since (they are asked for by key)", "SELECT count(*) FROM move WHERE confirmed_at > :at"),
)
LOST_OF_A_BOOK: Final = (
    ("entries by hand since: book them again", "SELECT count(*) FROM entry WHERE at > :at AND kind != 'move'"),
)


def inspect(backup: Path, state_dir: Path, books: Mapping[str, Path], only: str, clock: Clock) -> dict[str, Any]:
    """Read all of a backup and say what it is worth: `ok`, `problems`, its age, what would be lost, what to do.

    Raises CommandFailed where it is no backup at all.
    """
    manifest = read_manifest(backup)
    if manifest is None:
        raise CommandFailed(
            f"{backup} is no complete backup: it has no manifest",
            hint="name a folder syncd-...Z that `syncd backup` made",
            exit_code=EXIT_USAGE,
        )
    problems = [problem for file in manifest.files if (problem := _problem(backup, file))]
    problems += _unfit(backup, manifest, books, only)
    wanted = _wanted(manifest, only)
    lost: dict[str, int] = {}
    for file in wanted:
        place = books.get(file.tenant) if file.tenant else ledger_path(state_dir)
        if place is not None and place.exists():
            for what, count in _since(place, file).items():
                lost[f"{file.tenant or 'ledger'}: {what}"] = count
    return {
        "backup": str(backup),
        "ok": not problems,
        "problems": problems,
        "made_at": iso(manifest.began_at),
        "age_seconds": (clock.wall() - manifest.began_at) / SECOND,
        "syncd": manifest.syncd,
        "schema": manifest.schema,
        "of": manifest.state_dir,
        "tenants": list(manifest.tenants),
        "restores": [file.tenant or "ledger" for file in wanted],
        "lost": lost,
        "to_do": _to_do(manifest, wanted, problems),
    }


def _problem(backup: Path, file: BackedUp) -> str:
    path = backup / Path(file.name).name
    try:
        if path.stat().st_size != file.bytes:
            return f"{file.name} has {path.stat().st_size} bytes and not {file.bytes}"
        if checksum(path) != file.blake2b:
            return f"{file.name} isn't what was backed up: its checksum differs"
    except OSError as error:
        return f"{file.name} can't be read: {error.strerror}"
    verdict = damage(path, thorough=True)
    return f"{file.name} is damaged: {verdict}" if verdict else ""


def _unfit(backup: Path, manifest: Manifest, books: Mapping[str, Path], only: str) -> list[str]:
    found = []
    if manifest.format != FORMAT:
        found.append(f"the backup has format {manifest.format}; this syncd reads {FORMAT}")
    schema = revision(backup / LEDGER)
    if schema > migrate.HEAD or not schema:
        found.append(
            f"its ledger has revision {schema or 'none'}; this syncd knows up to {migrate.HEAD}: install the newer one"
        )
    if only != "ledger":
        strange = [file.tenant for file in manifest.files if file.tenant and file.tenant not in books]
        found += [f"the configuration has no stock book for tenant {tenant}: where should it go?" for tenant in strange]
    return found


def _wanted(manifest: Manifest, only: str) -> list[BackedUp]:
    return [file for file in manifest.files if not only or (only == "books") == bool(file.tenant)]


def _since(place: Path, file: BackedUp) -> dict[str, int]:
    """What the file in place has that the backup doesn't; nothing where it can't be read (that may be why)."""
    found = {}
    try:
        with closing(open_sqlite(place, read_only=True, busy_timeout_seconds=BUSY_TIMEOUT_SECONDS)) as connection:
            for what, query in LOST_OF_A_BOOK if file.tenant else LOST:
                found[what] = int(connection.execute(query, {"at": file.at}).fetchone()[0])
    except sqlite3.Error:
        return {}
    return {what: count for what, count in found.items() if count}


def _to_do(manifest: Manifest, wanted: list[BackedUp], problems: list[str]) -> list[str]:
    if problems:
        return ["take another backup: this one can't be put back whole"]
    steps = ["stop the daemon, then run the same command without --check"]
    if any(not file.tenant for file in wanted):
        steps.append("start the daemon; it asks the ERP for each key before it tells a move")
        steps.append("decide again what was decided since: `syncd plan` and `syncd approve`, `syncd quarantine list`")
        steps.append("a store that was added since begins anew: set its cutover to the old one before you start")
    if any(file.tenant for file in wanted):
        steps.append("book again what was booked by hand since: receipts, adjustments, imports")
    if any(not file.tenant for file in wanted) != any(file.tenant for file in wanted) and len(manifest.files) > 1:
        steps.append("only a part is put back: the other stays as it is")
    return [*steps, "run `syncd audit`"]


def restore(
    backup: Path, state_dir: Path, books: Mapping[str, Path], only: str, clock: Clock, renew: Callable[[Path], object]
) -> dict[str, Any]:
    """Put a backup in place, the process lock being held. `renew` gives a stock book at a path its new epoch.

    Raises CommandFailed where the backup isn't whole (nothing is touched), TransientError where the disk is full or fails.
    """
    told_before = inspect(backup, state_dir, books, only, clock)
    if not told_before["ok"]:
        raise CommandFailed(
            f"{backup} can't be put back: {'; '.join(told_before['problems'])}",
            hint="nothing was touched",
            exit_code=EXIT_FAILED,
        )
    manifest = read_manifest(backup)
    assert manifest is not None
    now = clock.wall()
    places = {file: books[file.tenant] if file.tenant else ledger_path(state_dir) for file in _wanted(manifest, only)}
    if not places:
        raise CommandFailed(f"{backup} holds nothing of that kind", exit_code=EXIT_USAGE)
    aside = state_dir / f"before-restore-{datetime.fromtimestamp(now // SECOND, UTC):%Y%m%dT%H%M%SZ}"
    try:
        for file, place in places.items():
            _prepare(backup / file.name, place, is_book=bool(file.tenant), now=now, renew=renew)
        moved = _exchange(places, state_dir, aside)
    except (OSError, sqlite3.Error) as error:
        raise told(error, state_dir / LEDGER) from error
    except DBAPIError as error:
        raise explain(error) from error
    finally:
        for place in places.values():
            if place.parent.exists():
                forget(place.with_name(place.name + NEW))
    told_before["to_do"] = told_before["to_do"][1:]  # the daemon is stopped, and this is done
    return {**told_before, "restored_at": iso(now), "before": str(aside) if moved else None, "moved": moved}


def _prepare(source: Path, place: Path, *, is_book: bool, now: Instant, renew: Callable[[Path], object]) -> None:
    """A copy beside its place, brought to this version's schema, marked, and on disk."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = place.with_name(place.name + NEW)
    forget(new)
    with (
        source.open("rb") as backed_up,
        os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as copy,
    ):
        shutil.copyfileobj(backed_up, copy, CHUNK_BYTES)  # into the file just made, whatever its name means by then
    if is_book:
        renew(new)
    else:
        engine = write_engine(new)
        migrate.upgrade(engine)
        with engine.begin() as connection:
            restored.mark(connection, now)
        engine.dispose()
    if new.with_name(new.name + "-wal").exists():
        raise CommandFailed(f"{new} is in use by something else", exit_code=EXIT_CONFIG)
    sync(new)


def _exchange(places: Mapping[BackedUp, Path], state_dir: Path, aside: Path) -> list[str]:
    """Move aside what is there, and the new files in. Interrupted, it is finished by the same command."""
    note = state_dir / RESTORING
    note.touch(mode=0o600)
    sync(state_dir)
    moved = []
    for file, place in places.items():
        for suffix in BESIDE:
            old = place.with_name(place.name + suffix)
            if old.exists():
                aside.mkdir(mode=0o700, exist_ok=True)
                name = (book_name(file.tenant) if file.tenant else LEDGER) + suffix
                shutil.move(old, aside / name)
                moved.append(name)
        place.with_name(place.name + NEW).rename(place)
        sync(place.parent)
    if moved:
        sync(aside)
    note.unlink()
    sync(state_dir)
    return moved
