"""`doctor`: what stands against a quiet night, each with its remedy."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from syncd.cli.folder import load_folder
from syncd.cli.options import DEFAULT_FOLDER, Folder, Json, TenantWord
from syncd.cli.say import print_json, print_line
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

    configuration = load_folder(config)
    known = {entry.name for entry in configuration.tenants} | set(configuration.failed_tenants)
    if tenant is not None and tenant not in known:
        raise CommandFailed(
            f"no tenant is called {tenant!r}", hint=f"the tenants are: {', '.join(sorted(known))}", exit_code=EXIT_USAGE
        )
    findings = examine(configuration, tenant, SystemClock())
    connections: list[dict[str, Any]] = []
    if not offline and configuration.settings is not None:
        from syncd.cli.connect import try_connections  # noqa: PLC0415 - what talks to the outside is loaded only here

        connections = try_connections(configuration, tenant)
        findings += examine_connections(connections)
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
