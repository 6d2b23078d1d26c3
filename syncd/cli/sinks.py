"""`sinks retry`."""

from __future__ import annotations

from typing import Annotated

import typer

from syncd.cli.levels import quiet
from syncd.cli.options import DEFAULT_FOLDER, Folder, Json
from syncd.cli.reach import reach
from syncd.cli.say import print_json, print_line

sinks_commands = typer.Typer(no_args_is_help=True, help="Who is told of carts and orders: retry what was refused.")


@sinks_commands.command("retry", epilog="Example: syncd sinks retry acme crm")
def retry(
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant.")],
    sink: Annotated[str, typer.Argument(metavar="SINK", help="The sink.")],
    config: Folder = DEFAULT_FOLDER,
    json: Json = False,
) -> None:
    """Send to a sink once more what it has refused, each event before what waits in its stream."""
    told = reach(config, "sinks.retry", {"tenant": tenant, "sink": sink}, quiet)
    if json:
        print_json(told)
        return
    print_line(f"{told['tenant']}: {told['events']} event(s) go to the sink {told['sink']} again.")
