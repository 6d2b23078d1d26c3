"""`reload`, `pause` and `resume`: changing what a running daemon does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from syncd.cli.folder import load_folder
from syncd.cli.levels import quiet
from syncd.cli.options import DEFAULT_FOLDER, Folder, Json, StoreWord
from syncd.cli.reach import reach, usable_settings
from syncd.cli.say import print_json, print_line
from syncd.control.client import NoDaemonError, ask
from syncd.control.failure import EXIT_CONFIG, EXIT_OK
from syncd.control.reload import no_daemon

RELOAD_EPILOG = "Example: syncd reload"
PAUSE_EPILOG = 'Examples: syncd pause acme us --reason "stocktake"; syncd pause acme --writes'
RESUME_EPILOG = "Example: syncd resume acme us"

Tenant = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant.")]


def reload(config: Folder = DEFAULT_FOLDER, json: Json = False) -> None:
    """Read the configuration again: only what changed is started, stopped or restarted. Exit code 78 if something is wrong."""
    settings = usable_settings(load_folder(config))
    try:
        told = ask(settings.state_dir, "reload", {}, quiet)
    except NoDaemonError:
        raise no_daemon() from None
    if json:
        print_json(told)
    else:
        _print_reload(told)
    wrong = told["problems"] or told["kept"] or told["failed"]
    raise typer.Exit(EXIT_CONFIG if wrong else EXIT_OK)


def _print_reload(told: Mapping[str, Any]) -> None:
    if told["problems"]:
        print_line("Nothing was changed, because the configuration can't be used:", style="bold red")
        for problem in told["problems"]:
            print_line(f"  {problem}")
        return
    for what in ("started", "restarted", "stopped"):
        for tenant in told[what]:
            print_line(f"{what}: tenant {tenant}")
        for store in told["stores"][what]:
            print_line(f"{what}: store {store}")
    for each in told["kept"]:
        print_line(
            f"tenant {each['tenant']} {'goes on as it was' if each['running'] else 'still does not run'}:", style="red"
        )
        for problem in each["problems"]:
            print_line(f"  {problem}")
    for each in told["failed"]:
        print_line(f"tenant {each['tenant']} can't run: {each['reason']}", style="red")
        if each["hint"]:
            print_line(f"  {each['hint']}")
    for key in told["needs_restart"]:
        print_line(f"{key} has changed: that needs a restart of syncd", style="yellow")
    print_line(f"unchanged: {told['unchanged']} tenant(s)")


def pause(
    tenant: Tenant,
    store: StoreWord = None,
    writes: Annotated[
        bool, typer.Option("--writes", help="Go on reading and counting orders; only write nothing to the shop.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why: shown in the status.")] = "",
    config: Folder = DEFAULT_FOLDER,
    json: Json = False,
) -> None:
    """Pause a store, or a whole tenant: nothing is read there and nothing written until it is resumed, restarts or not."""
    told = reach(config, "pause", {"tenant": tenant, "store": store, "writes": writes, "reason": reason}, quiet)
    if json:
        print_json(told)
        return
    held = told["paused"]
    what = "nothing is written to it" if held["scope"] == "writes" else "nothing is read there and nothing written"
    print_line(f"Paused: {_place(told)} since {told['since']}: {what}. `syncd resume` ends it.")
    if held["by"] == "tenant" and told["store"]:
        print_line("  Its tenant is paused, too.", style="yellow")


def resume(tenant: Tenant, store: StoreWord = None, config: Folder = DEFAULT_FOLDER, json: Json = False) -> None:
    """Resume what was paused: it goes on where it was, and what was sold meanwhile is counted."""
    told = reach(config, "resume", {"tenant": tenant, "store": store}, quiet)
    if json:
        print_json(told)
        return
    print_line(f"Resumed: {_place(told)}." if told["was_paused"] else f"{_place(told)} was not paused.")
    for name, still in told["stores"].items():
        if still is not None:
            print_line(f"  store {name} is still paused (by its {still['by']}'s pause)", style="yellow")


def _place(told: Mapping[str, Any]) -> str:
    return f"{told['tenant']}/{told['store']}" if told["store"] else f"tenant {told['tenant']}"
