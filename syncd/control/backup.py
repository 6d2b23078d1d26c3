"""`backup`: the ledger and the stock books as one folder with a manifest, complete or not there at all.

The ledger is copied first. What a stock book has beyond it is asked for by key when both are put back; a ledger that knew
more than its book would take those moves as counted.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from syncd import __version__
from syncd.control.failure import EXIT_AGAIN, EXIT_CONFIG, CommandFailed
from syncd.control.plain import iso
from syncd.core.quantity import SECOND, Instant
from syncd.errors import TransientError
from syncd.ledger.backup import back_up, copy_database, sync, told
from syncd.ledger.connection import BUSY_TIMEOUT_SECONDS, open_sqlite
from syncd.ports.clock import Clock

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
LEDGER: Final = "ledger.sqlite3"
NAME: Final = re.compile(r"syncd-\d{8}T\d{6}Z")
PARTIAL: Final = re.compile(r"\.syncd-\d{8}T\d{6}Z\.partial")
CHUNK_BYTES: Final = 1024 * 1024
MANIFEST_BYTES_MAX: Final = 4 * 1024 * 1024  # 10,000 tenants; a larger one isn't ours


class BackedUp(msgspec.Struct, frozen=True):
    """One file of a backup. `tenant` is "" for the ledger; `at` is when its copying began: all before that is in it."""

    name: str
    tenant: str
    bytes: int
    blake2b: str
    at: Instant


class Manifest(msgspec.Struct, frozen=True):
    """What a backup is. `schema` is the ledger's revision."""

    format: int
    syncd: str
    sqlite: str
    schema: str
    state_dir: str
    began_at: Instant
    ended_at: Instant
    tenants: tuple[str, ...]
    files: tuple[BackedUp, ...]


def book_name(tenant: str) -> str:
    """What a tenant's stock book is called in a backup."""
    return f"book-{tenant}.sqlite3"


def make_backup(
    state_dir: Path, books: Mapping[str, Path], tenants: tuple[str, ...], folder: Path, clock: Clock
) -> Path:
    """Back up to a new folder in `folder`; returns it. Blocking; in a process of its own.

    Raises CommandFailed (no ledger; a backup of this very second; the folder can't be written) and TransientError (disk full).
    """
    began = clock.wall()
    name = f"syncd-{datetime.fromtimestamp(began // SECOND, UTC):%Y%m%dT%H%M%SZ}"
    final, partial = folder / name, folder / f".{name}.partial"
    if final.exists() or partial.exists():
        raise CommandFailed(f"{final} exists", hint="backups are never overwritten: try again", exit_code=EXIT_AGAIN)
    with _made(folder, partial):
        files = [_copied(lambda to: back_up(state_dir, to), partial, LEDGER, "", clock)]
        for tenant, book in sorted(books.items()):
            if book.exists():  # made at the tenant's first start
                files.append(
                    _copied(lambda to, book=book: copy_database(book, to), partial, book_name(tenant), tenant, clock)
                )
        manifest = Manifest(
            FORMAT, __version__, sqlite3.sqlite_version, revision(partial / LEDGER), str(state_dir.resolve()), began,
            clock.wall(), tenants, tuple(files),
        )  # fmt: skip
        _write(partial / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
        sync(partial)
        partial.rename(final)
        sync(folder)
    return final


def _copied(copy: object, partial: Path, name: str, tenant: str, clock: Clock) -> BackedUp:
    at = clock.wall()
    assert callable(copy)
    size = copy(partial / name)
    return BackedUp(name, tenant, size, checksum(partial / name), at)


@contextmanager
def _made(folder: Path, partial: Path) -> Iterator[None]:
    """The folder that the backup is made in, gone if it wasn't finished; those that killed ones left behind go too."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep(folder)
        partial.mkdir(mode=0o700)
        held = os.open(partial, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise CommandFailed(
            f"{folder} can't be written: {error.strerror}",
            hint="name a folder that this user may write to",
            exit_code=EXIT_CONFIG,
        ) from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        try:
            yield
        except OSError as error:
            raise told(error, partial) from error
        finally:
            if partial.exists():
                _discard(partial)
    finally:
        os.close(held)


def _sweep(folder: Path) -> None:
    for left in folder.iterdir():
        if not PARTIAL.fullmatch(left.name) or not left.is_dir() or left.is_symlink():
            continue
        held = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _discard(left)
        except BlockingIOError:
            continue  # another backup is being made
        finally:
            os.close(held)


def _discard(partial: Path) -> None:
    """Delete what this command makes, and nothing else."""
    for path in partial.iterdir():
        if path.name.startswith((LEDGER, "book-", MANIFEST)):
            path.unlink()
    with suppress(OSError):  # something else lies in it
        partial.rmdir()


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(descriptor)


def checksum(path: Path) -> str:
    """BLAKE2b of a file, 32 bytes in hexadecimal."""
    digest = hashlib.blake2b(digest_size=32)
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def revision(ledger: Path) -> str:
    """The schema's revision of a ledger that nobody writes to; "" where it is none."""
    try:
        with closing(open_sqlite(ledger, read_only=True, busy_timeout_seconds=BUSY_TIMEOUT_SECONDS)) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error:
        return ""
    return str(row[0]) if row else ""


def read_manifest(backup: Path) -> Manifest | None:
    """The manifest of a backup; None where there is none that this command made."""
    try:
        with (backup / MANIFEST).open("rb") as stream:
            return msgspec.json.decode(stream.read(MANIFEST_BYTES_MAX), type=Manifest)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def prune(folder: Path, state_dir: Path, keep: int) -> list[str]:
    """Delete the oldest complete backups of this state directory beyond `keep`; returns their names.

    Only what their manifests name is deleted; a folder with anything else in it stays, without its backup.
    """
    mine = str(state_dir.resolve())
    backups = []
    for path in folder.iterdir():
        if NAME.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            manifest = read_manifest(path)
            if manifest is not None and manifest.state_dir == mine:
                backups.append((path.name, path, manifest))
    gone = []
    for name, path, manifest in sorted(backups, key=lambda entry: entry[0])[:-keep]:
        try:
            (path / MANIFEST).unlink()  # first: from now on it is no backup
            for file in manifest.files:
                if "/" not in file.name:
                    (path / file.name).unlink(missing_ok=True)
            with suppress(OSError):
                path.rmdir()
        except OSError as error:
            raise TransientError(f"{path} can't be deleted: {error.strerror}", operation="backup") from error
        gone.append(name)
    return gone


def shown(path: Path, manifest: Manifest, deleted: list[str]) -> dict[str, object]:
    """What the command answers."""
    return {
        "backup": str(path),
        "began_at": iso(manifest.began_at),
        "ended_at": iso(manifest.ended_at),
        "syncd": manifest.syncd,
        "schema": manifest.schema,
        "tenants": list(manifest.tenants),
        "bytes": sum(file.bytes for file in manifest.files),
        "files": [
            {"name": file.name, "tenant": file.tenant or None, "bytes": file.bytes, "at": iso(file.at)}
            for file in manifest.files
        ],
        "deleted": deleted,
    }
