"""`check` and `config-schema`: is the configuration right, and does what it names answer?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

import typer

from syncd.cli.folder import load_folder
from syncd.cli.options import DEFAULT_FOLDER, Folder, Json
from syncd.cli.say import print_json, print_line, print_table
from syncd.config.load import Configuration
from syncd.control.failure import EXIT_CONFIG

EPILOG = "Examples: syncd check --config ./config; syncd check --connect; syncd check --json"
SCHEMA_EPILOG = "Example: syncd config-schema tenant > tenant.schema.json"


def check(
    config: Folder = DEFAULT_FOLDER,
    connect: Annotated[bool, typer.Option("--connect", help="Also ask each store and ERP who it is.")] = False,
    json: Json = False,
) -> None:
    """Check the configuration: every mistake at once, each with its place and its remedy. Exit code 78 if there is one."""
    configuration = load_folder(config)
    connections: list[dict[str, Any]] = []
    if connect and configuration.settings is not None:
        from syncd.cli.connect import try_connections  # noqa: PLC0415 - what talks to the outside is loaded only here

        connections = try_connections(configuration)
    code = EXIT_CONFIG if configuration.errors else max([0, *(entry["exit"] for entry in connections)])
    if json:
        print_json(
            {
                "ok": code == 0,
                "tenants": [tenant.name for tenant in configuration.tenants],
                "broken": list(configuration.failed_tenants),
                "problems": [asdict(problem) for problem in configuration.problems],
                "connections": connections,
            }
        )
        raise typer.Exit(code)
    _print_problems(configuration)
    if connections:
        _print_connections(connections)
    raise typer.Exit(code)


def config_schema(
    which: Annotated[
        Literal["settings", "tenant"], typer.Argument(metavar="settings|tenant", help="syncd.toml, or a tenant's file.")
    ] = "tenant",
) -> None:
    """Print the JSON Schema of a configuration file, so that editors complete and check it."""
    from syncd.config.schema import make_schema  # noqa: PLC0415 - only here

    print_json(make_schema(which))


def _print_problems(configuration: Configuration) -> None:
    for problem in configuration.problems:
        place = f"{problem.file}:{problem.line}" if problem.line else problem.file
        print_line(f"{problem.severity}: {place}", style="bold red" if problem.severity == "error" else "bold yellow")
        if problem.key:
            print_line(f"  key       {problem.key}")
        print_line(f"  expected  {problem.expected}")
        print_line(f"  found     {problem.found}")
        print_line(f"  hint      {problem.hint}")
    errors, warnings = len(configuration.errors), len(configuration.problems) - len(configuration.errors)
    good = ", ".join(tenant.name for tenant in configuration.tenants) or "none"
    if errors:
        print_line(f"{errors} error(s), {warnings} warning(s). Tenants that can run: {good}.", style="bold")
    else:
        print_line(f"The configuration is right; {warnings} warning(s). Tenants: {good}.", style="bold")


def _print_connections(connections: list[dict[str, Any]]) -> None:
    print_table(
        "Connections",
        ["tenant", "what", "answers", "who", "tells"],
        [
            [
                entry["tenant"],
                entry["name"],
                "yes" if entry["reached"] else "NO",
                entry["identity"],
                "; ".join([*([entry["error"]] if entry["error"] else []), *entry["notes"]]),
            ]
            for entry in connections
        ],
    )
    for entry in connections:
        for warning in entry["warnings"]:
            print_line(f"warning: {entry['tenant']}/{entry['name']}: {warning}", style="yellow")
        if entry["hint"]:
            print_line(f"hint: {entry['tenant']}/{entry['name']}: {entry['hint']}")
