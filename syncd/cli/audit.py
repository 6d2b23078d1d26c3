"""`audit`: is everything in agreement, and if not, why?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from syncd.cli.options import DEFAULT_FOLDER, Folder, Json, TenantWord
from syncd.cli.reach import reach
from syncd.cli.say import console, print_json, print_line, print_table
from syncd.control.failure import EXIT_FAILED, EXIT_OK

EPILOG = "Examples: syncd audit; syncd audit acme --json; exit code 1 means drift that nothing explains"
ROWS_SHOWN_MAX = 100


def audit(
    tenant: TenantWord = None,
    config: Folder = DEFAULT_FOLDER,
    moves: Annotated[int, typer.Option(help="How many of the latest moves are looked up in the ERP.")] = 1_000,
    json: Json = False,
) -> None:
    """Compare the ERP, the ledger and every store, now. Exit code 1 if there is drift that nothing explains."""
    where = console(errors=True)

    def show(progress: Mapping[str, Any]) -> None:
        if where.is_terminal and "doing" in progress:
            where.print(f"[dim]{progress['doing']} ...[/]")

    told = reach(config, "audit", {"tenant": tenant, "moves": moves}, show)
    if json:
        print_json(told)
    else:
        _print(told)
    raise typer.Exit(EXIT_FAILED if told["unexplained_count"] else EXIT_OK)


def _print(told: Mapping[str, Any]) -> None:
    accounts, moves, erp = told["accounts"], told["moves"], told["erp"]
    print_line(f"tenant {told['tenant']}, {told['began_at']} to {told['ended_at']}", style="bold")
    rows: list[list[Any]] = [
        ["ledger", f"{accounts['accounts']} accounts, {accounts['quarantined']} in quarantine", None],
        ["moves", f"{moves['found']} of the latest {moves['asked']} are in the ERP as confirmed", moves["trouble"]],
        ["ERP", f"{erp['agree']} of {erp['skus']} SKUs are in the ledger as they are", erp["trouble"]],
    ]
    rows += [
        [f"store {shop['store']}", f"{shop['agree']} of {shop['items']} items show their target", shop["trouble"]]
        for shop in told["stores"]
    ]
    print_table("", ["what", "found", "trouble"], rows)
    for kind, style in (("explained", "yellow"), ("unexplained", "bold red")):
        count = told[f"{kind}_count"]
        if not count:
            continue
        print_line(f"{count} {kind}", style=style)
        print_table(
            "",
            ["what", "where", "sku", ">expected", ">found", "why"],
            [_row(entry) for entry in told[kind][:ROWS_SHOWN_MAX]],
        )
        if count > ROWS_SHOWN_MAX:
            print_line(f"  and {count - ROWS_SHOWN_MAX} more: --json shows up to 1000")
    verdicts = {
        "exact": ("Everything agrees.", "bold green"),
        "explained": ("Everything that differs is explained.", "bold green"),
        "unexplained": ("There is drift that nothing explains.", "bold red"),
    }
    text, style = verdicts[told["verdict"]]
    print_line(text, style=style)


def _row(entry: Mapping[str, Any]) -> list[Any]:
    place = entry.get("order") or "/".join(filter(None, (entry.get("store"), entry.get("item"))))
    where = f"{place} line {entry['line']}" if entry.get("line") else place
    why = "; ".join(filter(None, (entry["why"], entry["text"])))
    return [entry["what"], where, entry.get("sku"), entry["expected"], entry["found"], why]
