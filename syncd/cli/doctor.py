"""`doctor`: what stands against a quiet night, each with its remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from syncd.cli.folder import load_folder
from syncd.cli.options import DEFAULT_FOLDER, Folder, Json, TenantWord
from syncd.cli.say import print_json, print_line
from syncd.control.client import NoDaemonError, ask
from syncd.control.failure import EXIT_CONFIG, EXIT_FAILED, EXIT_OK, EXIT_USAGE, CommandFailed

EPILOG = "Examples: syncd doctor; syncd doctor acme --json; syncd doctor --offline"
STYLES = {"error": "bold red", "warning": "bold yellow", "note": "cyan", "ok": "green"}


def doctor(
    tenant: TenantWord = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask no store and no ERP: look at this machine only.")
    ] = False,
    config: Folder = DEFAULT_FOLDER,
    json: Json = False,
) -> None:
    """Examine configuration, machine, ledger, stores and ERPs, and say what to do. Exit code 1, 69 or 78 if something is wrong."""
    from syncd.clock import SystemClock  # noqa: PLC0415 - only what the command needs is loaded
    from syncd.control.doctor import examine, examine_connections  # noqa: PLC0415
    from syncd.control.examine_webhooks import examine_webhooks  # noqa: PLC0415

    configuration = load_folder(config)
    known = {entry.name for entry in configuration.tenants} | set(configuration.failed_tenants)
    if tenant is not None and tenant not in known:
        raise CommandFailed(
            f"no tenant is called {tenant!r}", hint=f"the tenants are: {', '.join(sorted(known))}", exit_code=EXIT_USAGE
        )
    findings = examine(configuration, tenant, SystemClock())
    connections: list[dict[str, Any]] = []
    if configuration.settings is not None:
        told, reached = _told(configuration.settings.state_dir, tenant), None
        if not offline:
            from syncd.cli.connect import greet, try_connections  # noqa: PLC0415 - what talks to the outside is loaded here

            connections = try_connections(configuration, tenant)
            findings += examine_connections(connections)
            if told is not None and configuration.settings.webhooks is not None:
                reached = greet(configuration.settings.webhooks.public_url)
        findings += examine_webhooks(configuration, told, reached)
    wrong = [finding for finding in findings if finding["level"] == "error"]
    code = EXIT_OK
    if wrong:
        code = max([entry["exit"] for entry in connections] + [EXIT_FAILED])
        code = EXIT_CONFIG if any(finding["what"] == "configuration" for finding in wrong) else code
    if json:
        print_json({"ok": not wrong, "findings": findings})
        raise typer.Exit(code)
    for finding in findings:
        where = "/".join(filter(None, (finding["tenant"], finding["name"])))
        print_line(
            f"{finding['level']:7} {finding['what']}{f' ({where})' if where else ''}: {finding['found']}",
            STYLES[finding["level"]],
        )
        if finding["level"] != "ok":
            print_line(f"        expected  {finding['expected']}\n        remedy    {finding['remedy']}")
    count = {
        level: sum(1 for finding in findings if finding["level"] == level) for level in ("error", "warning", "note")
    }
    print_line(f"{count['error']} error(s), {count['warning']} warning(s), {count['note']} note(s).", "bold")
    raise typer.Exit(code)


def _told(state_dir: Path, tenant: str | None) -> Any:
    """The running daemon's status; None where none answers."""
    try:
        return ask(state_dir, "status", {"tenant": tenant}, lambda _: None)
    except (NoDaemonError, CommandFailed):
        return None
