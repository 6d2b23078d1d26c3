"""The command line for people: `syncd --help` is its manual."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from syncd.cli import audit, backfill, backup, change, check, doctor, erase, erp, explain, levels, quarantine, sinks
from syncd.cli.options import DEFAULT_FOLDER, Folder
from syncd.control.failure import EXIT_AGAIN, EXIT_FAILED, EXIT_USAGE, exit_code_of
from syncd.errors import SyncdError

SERVE, LOOK, DECIDE, CARE = "The daemon", "Looking", "Deciding and mending", "Care"

EPILOG = (
    "[b]Exit codes[/b]: 0 all is well; 1 it failed, or `audit` found drift that nothing explains; 2 the command line is wrong;"
    " 69 the daemon, a store or an ERP can't be reached; 75 not now, try again; 78 the configuration is wrong.\n\n"
    "[b]Where commands run[/b]: inside the running daemon, by its control socket; where none runs, on the ledger itself.\n\n"
    "[b]A first day[/b]: `syncd check --connect`, `syncd erp import stock.csv`, `syncd run`, `syncd status`, `syncd plan`,"
    " `syncd approve`, and from then on `syncd audit`."
)

application = typer.Typer(
    name="syncd",
    help="Keeps online stores and one business system per tenant in agreement: every unit sold leaves the stock exactly once.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from syncd import __version__  # noqa: PLC0415 - only here

        print(f"syncd {__version__}")
        raise typer.Exit


@application.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options before the command."""


@application.command("run", rich_help_panel=SERVE, epilog="Example: syncd run --config /etc/syncd")
def run(config: Folder = DEFAULT_FOLDER) -> None:
    """Run the daemon until it is stopped (SIGTERM or Ctrl-C). It logs to standard output. Exit code 78: nothing can run."""
    from syncd.cli.run import run_daemon  # noqa: PLC0415 - `main` has gone there already unless help was asked for

    raise typer.Exit(run_daemon(["--config", str(config)]))


application.command("check", rich_help_panel=SERVE, epilog=check.EPILOG)(check.check)
application.command("reload", rich_help_panel=SERVE, epilog=change.RELOAD_EPILOG)(change.reload)
application.command("config-schema", rich_help_panel=SERVE, epilog=check.SCHEMA_EPILOG)(check.config_schema)
application.command("status", rich_help_panel=LOOK, epilog="Example: syncd status --json")(levels.status)
application.command("plan", rich_help_panel=LOOK, epilog=levels.PLAN_EPILOG)(levels.plan)
application.add_typer(explain.explain_commands, name="explain", rich_help_panel=LOOK)
application.command("audit", rich_help_panel=LOOK, epilog=audit.EPILOG)(audit.audit)
application.command("approve", rich_help_panel=DECIDE, epilog=levels.APPROVE_EPILOG)(levels.approve)
application.command("pause", rich_help_panel=DECIDE, epilog=change.PAUSE_EPILOG)(change.pause)
application.command("resume", rich_help_panel=DECIDE, epilog=change.RESUME_EPILOG)(change.resume)
application.add_typer(quarantine.quarantine_commands, name="quarantine", rich_help_panel=DECIDE)
application.command("backfill", rich_help_panel=DECIDE, epilog=backfill.EPILOG)(backfill.backfill)
application.command("erase", rich_help_panel=DECIDE, epilog=erase.EPILOG)(erase.erase)
application.add_typer(sinks.sinks_commands, name="sinks", rich_help_panel=DECIDE)
application.add_typer(erp.erp_commands, name="erp", rich_help_panel=DECIDE)
application.command("backup", rich_help_panel=CARE, epilog=backup.BACKUP_EPILOG)(backup.backup)
application.command("restore", rich_help_panel=CARE, epilog=backup.RESTORE_EPILOG)(backup.restore)
application.command("doctor", rich_help_panel=CARE, epilog=doctor.EPILOG)(doctor.doctor)


@application.command("demo", rich_help_panel=SERVE, epilog="Examples: syncd demo; syncd demo --seed 7 --keep")
def demo(
    seconds: Annotated[float | None, typer.Option(min=1, max=3_600, help="How long the shoppers buy.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=1, help="The same number again: the same shoppers, faults and kills.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the folder with configuration, ledger and log.")] = False,
) -> None:
    """Watch it work: three simulated shops, shoppers, faults, two kills, and the verdict. Exit code 1 if a unit is off."""
    from syncd.demo.run import main as run_demo  # noqa: PLC0415 - simulators are loaded only here

    raise typer.Exit(
        run_demo(seed=seed, keep=keep) if seconds is None else run_demo(seconds=seconds, seed=seed, keep=keep)
    )


def run_command(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code. An operator's mistake never shows a trace."""
    from syncd.cli.say import print_failure  # noqa: PLC0415 - rich only where something is printed

    try:
        result: Any = application(args=list(arguments), prog_name="syncd", standalone_mode=True)
    except SyncdError as error:
        print_failure(error)
        return exit_code_of(error)
    except SystemExit as end:
        code = end.code
        return code if isinstance(code, int) else EXIT_USAGE if code else 0
    except KeyboardInterrupt:
        print("syncd: interrupted", file=sys.stderr)
        return EXIT_AGAIN
    except BrokenPipeError:
        sys.stderr.close()
        return EXIT_FAILED
    return result if isinstance(result, int) else 0
