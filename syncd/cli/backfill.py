"""`backfill`, with a progress bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from syncd.cli.options import DEFAULT_FOLDER, Folder, Json, StoreWord, TenantWord
from syncd.cli.reach import reach
from syncd.cli.say import console, print_json, print_line

EPILOG = (
    "Example: syncd backfill acme us --since 2025-01-01. The same command goes on where an interrupted one stopped."
)
PARTS = 10_000  # of the bar


def backfill(
    since: Annotated[str, typer.Option("--since", metavar="DATE", help="Orders changed since then; UTC.")],
    tenant: TenantWord = None,
    store: StoreWord = None,
    config: Folder = DEFAULT_FOLDER,
    json: Json = False,
) -> None:
    """Read a store's orders again from a date: what the ledger has missed is taken in; nothing is counted twice."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - only here

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    where = console(errors=True)
    with Progress(*columns, console=where, disable=not where.is_terminal) as bar:
        task = bar.add_task("orders", total=PARTS)

        def show(told: Mapping[str, Any]) -> None:
            text = f"{told['orders']} orders in {told['pages']} pages, {told['changed']} new or changed"
            trouble = told.get("trouble")
            bar.update(
                task, completed=round(told["share"] * PARTS), description=f"{text} ({trouble})" if trouble else text
            )

        told = reach(config, "backfill", {"tenant": tenant, "store": store, "since": since}, show)
        bar.update(task, completed=PARTS)
    if json:
        print_json(told)
        return
    print_line(
        f"{told['tenant']}/{told['store']} since {told['since']}: {told['orders']} orders in {told['pages']} pages,"
        f" {told['changed']} new or changed{' (with what an earlier run had read)' if told['resumed'] else ''}."
    )
