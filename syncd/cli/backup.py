"""`backup` and `restore`: in the command's own process; the daemon is neither asked nor disturbed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from syncd.cli.folder import load_folder
from syncd.cli.options import DEFAULT_FOLDER, Folder, Json
from syncd.cli.reach import check_owner, handed_over, usable_settings
from syncd.cli.say import print_json, print_line, print_table
from syncd.config.load import Configuration
from syncd.config.tenant import embedded_file
from syncd.control.failure import EXIT_FAILED

BACKUP_EPILOG = "Examples: syncd backup /backup/syncd; syncd backup /backup/syncd --keep 14"
RESTORE_EPILOG = "Examples: syncd restore /backup/syncd/syncd-20250601T030000Z --check; syncd restore syncd-20250601T030000Z --only ledger"

Destination = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Where backups lie; each is a folder of its own there.")
]
Backup = Annotated[Path, typer.Argument(metavar="FOLDER", help="One backup: the folder syncd-...Z.")]


def backup(
    folder: Destination,
    keep: Annotated[
        int | None, typer.Option("--keep", min=1, help="Then delete the oldest backups of this syncd beyond so many.")
    ] = None,
    config: Folder = DEFAULT_FOLDER,
    json: Json = False,
) -> None:
    """Back up the ledger and the stock books, while the daemon runs or not: complete, on disk, or not there at all."""
    from syncd.clock import SystemClock  # noqa: PLC0415 - only what the command needs is loaded
    from syncd.control.backup import make_backup, prune, read_manifest, shown  # noqa: PLC0415

    configuration = load_folder(config)
    state_dir = usable_settings(configuration).state_dir
    check_owner(state_dir)
    books = _books(configuration, state_dir)
    names = tuple(sorted({tenant.name for tenant in configuration.tenants} | set(configuration.failed_tenants)))
    with handed_over(state_dir):
        made = make_backup(state_dir, books, names, folder, SystemClock())
    deleted = prune(folder, state_dir, keep) if keep else []
    manifest = read_manifest(made)
    assert manifest is not None
    told = shown(made, manifest, deleted)
    if json:
        print_json(told)
        return
    print_line(f"{made}: {len(manifest.files)} file(s), {told['bytes']} bytes.")
    for name in deleted:
        print_line(f"deleted {name}")


def restore(
    folder: Backup,
    check: Annotated[
        bool, typer.Option("--check", help="Verify it and say what would be lost; change nothing.")
    ] = False,
    only: Annotated[
        Literal["ledger", "books"] | None, typer.Option("--only", help="Put back the ledger alone, or the stock books.")
    ] = None,
    config: Folder = DEFAULT_FOLDER,
    json: Json = False,
) -> None:
    """Put a backup back, the daemon being stopped. What is there is moved aside; nothing is counted twice afterwards."""
    from syncd.clock import SystemChance, SystemClock  # noqa: PLC0415 - only what the command needs is loaded
    from syncd.control import restore as put_back  # noqa: PLC0415
    from syncd.erps.embedded.book import StockBook  # noqa: PLC0415
    from syncd.ledger.lock import ProcessLock  # noqa: PLC0415

    configuration = load_folder(config)
    state_dir = usable_settings(configuration).state_dir
    books, clock = _books(configuration, state_dir), SystemClock()
    if check:
        told = put_back.inspect(folder, state_dir, books, only or "", clock)
        print_json(told) if json else _print(told)
        raise typer.Exit(0 if told["ok"] else EXIT_FAILED)

    def renew(path: Path) -> None:
        book = StockBook(path, clock=clock, chance=SystemChance())
        try:
            book.renew_epoch()
        finally:
            book.close()

    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_owner(state_dir)
    with handed_over(state_dir):
        lock = ProcessLock.acquire(state_dir)
        try:
            told = put_back.restore(folder, state_dir, books, only or "", clock, renew)
        finally:
            lock.release()
    if json:
        print_json(told)
        return
    _print(told)
    print_line(
        f"Put back: {', '.join(told['restores'])}. What was there lies in {told['before'] or '(nothing was there)'}."
    )


def _books(configuration: Configuration, state_dir: Path) -> dict[str, Path]:
    """The stock books by tenant; of a tenant whose file is broken, the one where it would lie by default."""
    found = {tenant.name: tenant.erp_file(state_dir) for tenant in configuration.tenants}
    broken = {name: state_dir / embedded_file(name) for name in configuration.failed_tenants}
    return {
        name: path for name, path in (broken | found).items() if path is not None and (name in found or path.exists())
    }


def _print(told: dict[str, Any]) -> None:
    age = told["age_seconds"] / 3600
    print_line(f"{told['backup']}: of {told['of']}, made {told['made_at']} ({age:.1f} h ago)", style="bold")
    print_line(f"  by syncd {told['syncd']}, schema {told['schema']}; tenants: {', '.join(told['tenants'])}")
    for problem in told["problems"]:
        print_line(f"  {problem}", style="bold red")
    if told["ok"]:
        print_line("  It is whole.", style="green")
    if told["lost"]:
        print_table("", ["what would be lost", ">how many"], list(told["lost"].items()))
    for step in told["to_do"]:
        print_line(f"- {step}")
