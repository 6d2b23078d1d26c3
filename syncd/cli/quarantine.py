"""`quarantine list|show|release`."""

from __future__ import annotations

from typing import Annotated

import typer

from syncd.cli.levels import quiet
from syncd.cli.options import DEFAULT_FOLDER, Folder, Json, TenantOption
from syncd.cli.reach import reach
from syncd.cli.say import print_json, print_line, print_table

RELEASE_EPILOG = (
    "Examples: syncd quarantine release 12 --count; syncd quarantine release 12 --already-counted --tenant acme"
)

quarantine_commands = typer.Typer(
    no_args_is_help=True, help="Orders and lines that can't be counted until someone decides: list, show, release."
)

Number = Annotated[int, typer.Argument(metavar="ID", help="The entry's number, from the list.")]


@quarantine_commands.command("list", epilog="Example: syncd quarantine list --json")
def list_held(tenant: TenantOption = None, config: Folder = DEFAULT_FOLDER, json: Json = False) -> None:
    """List what is held, why, and what to do about it; of all tenants unless one is named."""
    told = reach(config, "quarantine.list", {"tenant": tenant}, quiet)
    if json:
        print_json(told)
        return
    if not told["entries"]:
        print_line("Nothing is in quarantine.", style="green")
        return
    columns = [">id", "tenant", "order", "line", "since", "reason", "hint"]
    rows = [
        [e["id"], e["tenant"], f"{e['store']}/{e['order'] or '?'}", e["line"], e["since"], e["reason"], e["hint"]]
        for e in told["entries"]
    ]
    print_table("", columns, rows)
    if told["held"] > len(rows):
        print_line(f"and {told['held'] - len(rows)} more")


@quarantine_commands.command("show", epilog="Example: syncd quarantine show 12")
def show_held(number: Number, tenant: TenantOption = None, config: Folder = DEFAULT_FOLDER, json: Json = False) -> None:
    """Show one entry: its reason, the accounts it concerns, and what the store sent."""
    told = reach(config, "quarantine.show", {"id": number, "tenant": tenant}, quiet)
    if json:
        print_json(told)
        return
    line = f", line {told['line']}" if told["line"] else ""
    print_line(f"{told['id']}: {told['tenant']}/{told['store']}/{told['order'] or '?'}{line}", style="bold")
    ended = f", {told['state']} {told['released_at']}" if told["released_at"] else ""
    print_line(f"  since  {told['since']}{ended}\n  reason {told['reason']}\n  hint   {told['hint']}")
    if told["accounts"]:
        columns = ["line", "sku", "state", ">commitment", ">confirmed", "rule"]
        rows = [[a["line"], a["sku"], a["state"], a["commitment"], a["confirmed"], a["rule"]] for a in told["accounts"]]
        print_table("", columns, rows)
    if told["raw"] or told.get("raw_base64"):
        print_line("what the store sent:")
        print_line(told["raw"] or told["raw_base64"])


@quarantine_commands.command("release", epilog=RELEASE_EPILOG)
def release_held(
    number: Number,
    count: Annotated[bool, typer.Option("--count", help="Count it: its moves go to the ERP.")] = False,
    already_counted: Annotated[
        bool, typer.Option("--already-counted", help="The ERP has it already (by hand, by a stocktake): no move.")
    ] = False,
    tenant: TenantOption = None,
    config: Folder = DEFAULT_FOLDER,
    json: Json = False,
) -> None:
    """Release an entry: to be counted, or as counted already. A whole order is read again from its store first."""
    if count == already_counted:
        raise typer.BadParameter("give either --count or --already-counted")
    decision = "count" if count else "already_counted"
    told = reach(config, "quarantine.release", {"id": number, "decision": decision, "tenant": tenant}, quiet)
    if json:
        print_json(told)
        return
    print_line(f"Released {told['tenant']}/{told['store']}/{told['order'] or '?'}: {told['moves']} move(s) planned.")
    if told["note"]:
        print_line(f"  {told['note']}", style="yellow")
