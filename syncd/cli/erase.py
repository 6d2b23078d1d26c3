"""`erase`: shows what there is of a customer, asks, and takes it away."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from syncd.cli.levels import quiet
from syncd.cli.options import DEFAULT_FOLDER, Folder, Json
from syncd.cli.reach import reach
from syncd.cli.say import print_json, print_line
from syncd.control.failure import EXIT_USAGE, CommandFailed

EPILOG = "Examples: syncd erase acme --email - --customer us/17 < address.txt; syncd erase acme --customer us/17 --yes"
NAMES = {
    "raw_orders": "orders as the stores sent them",
    "waiting_documents": "documents that wait for the ERP",
    "carts": "carts",
    "orders_of_the_erp": "orders of the ERP's for shops, which have ended",
    "stock_book": "documents in the stock book",
    "quarantine": "entries of the quarantine with raw data",
    "waiting_events": "events that wait for sinks",
}
ON_THE_WAY_MAX = 20  # by name
ELSEWHERE = (
    "Not within syncd's reach: the shops (erase there first, or the next reading brings it back), an ERP of your own, receivers of events"
    " (those that were given personal data are told by customer.erased), backups made before, and copies of sinks' files."
)

Tenant = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant.")]


def erase(
    tenant: Tenant,
    email: Annotated[
        str, typer.Option("--email", metavar="ADDRESS", help='The e-mail; "-" reads it from standard input.')
    ] = "",
    customer: Annotated[
        list[str] | None,
        typer.Option("--customer", metavar="STORE/NUMBER", help="A store's number for the customer; may be repeated."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Erase without asking.")] = False,
    compact: Annotated[
        bool,
        typer.Option(
            "--compact", help="Write the ledger's file anew, too: for a ledger that an earlier version has written."
        ),
    ] = False,
    config: Folder = DEFAULT_FOLDER,
    json: Json = False,
) -> None:
    """Erase a customer's personal data, here and in sinks' files; shows first what there is. Numbers that were counted stay."""
    if email == "-":
        email = sys.stdin.readline().strip()
    arguments: dict[str, Any] = {"tenant": tenant, "email": email, "customers": customer or []}
    plan = reach(config, "erase", {**arguments, "only_look": True}, quiet)
    if not json:
        _print_found(plan)
    if not yes:
        if json or not sys.stdin.isatty():
            if json:
                print_json(plan)
                return
            raise CommandFailed("nothing was erased", hint="give --yes to erase what is shown", exit_code=EXIT_USAGE)
        if not typer.confirm("Erase it? It can't be brought back"):
            raise typer.Abort
    told = reach(config, "erase", {**arguments, "only_look": False, "compact": compact, "who": _who()}, quiet)
    if json:
        print_json(told)
        return
    print_line(
        f"Erased, as number {told['id']} in the ledger's record; {told['sinks_told']} sink(s) are told.",
        style="bold green",
    )
    if not told["tidied"]:
        print_line(
            "  The ledger's log (or the stock book's) still has old pages, as somebody reads in it: give the command again.",
            style="yellow",
        )
    print_line(f"  {ELSEWHERE}")


def _print_found(plan: Mapping[str, Any]) -> None:
    print_line(
        f"tenant {plan['tenant']}: {plan['orders']} order(s) or carts of this customer were found.", style="bold"
    )
    for name, count in plan["changed"].items():
        print_line(f"  {NAMES.get(name, name.replace('_', ' '))}: {count}")
    if plan["on_the_way"]:
        named = ", ".join(f"{each['store']}/{each['key']}" for each in plan["on_the_way"][:ON_THE_WAY_MAX])
        print_line(
            f"  orders of the ERP's on their way into a shop: {len(plan['on_the_way'])} ({named}). They keep the address until"
            " they have ended: the erasure stays unfinished until then.",
            style="yellow",
        )
    for each in plan["sinks"]:
        trouble = f" ({each['trouble']})" if each["trouble"] else ""
        print_line(f"  sink {each['sink']}: {each['events']} event(s) in {each['files']} file(s) here{trouble}")


def _who() -> str:
    """Who gives the command, by the machine's word."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"uid {os.getuid()}"
    return f"{name} (sudo: {os.environ['SUDO_USER']})" if os.environ.get("SUDO_USER") else name
