"""`erp import|adjust|receive|levels|journal`: the stock book by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from syncd.cli.levels import quiet
from syncd.cli.options import DEFAULT_FOLDER, Folder, Json, TenantOption
from syncd.cli.reach import reach
from syncd.cli.say import print_json, print_line, print_table
from syncd.control.failure import EXIT_FAILED, CommandFailed

IMPORT_EPILOG = (
    "The file's first line names the columns: sku, quantity, and where wanted location and name."
    " Importing it again changes nothing. Example: syncd erp import stock.csv"
)
ADJUST_EPILOG = (
    "Examples: syncd erp adjust BOLT-M6 -3 --reason 'stocktake'; syncd erp adjust BOLT-M6 2.5 --reason found"
)
FILE_BYTES_MAX = 6 * 1024 * 1024  # what a request to the daemon holds; some 200,000 rows

erp_commands = typer.Typer(
    no_args_is_help=True, help="The embedded ERP's stock book: import, adjust, receive, levels, journal."
)

Sku = Annotated[str, typer.Argument(metavar="SKU", help="The SKU.")]
Location = Annotated[str, typer.Option("--location", help="The location; by default the one that is sold from.")]
SIGNED = {"ignore_unknown_options": True}  # so that -3 is a number and no option


@erp_commands.command("import", epilog=IMPORT_EPILOG)
def import_opening(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Opening stock, as CSV in UTF-8.")],
    adjust: Annotated[
        bool, typer.Option("--adjust", help="Change openings that are in the book with other quantities.")
    ] = False,
    tenant: TenantOption = None,
    config: Folder = DEFAULT_FOLDER,
    json: Json = False,
) -> None:
    """Import opening stock from a CSV file, all or nothing. Without a location column the one that is sold from is meant."""
    told = reach(
        config, "erp.import", {"content": _read(file), "name": file.name, "adjust": adjust, "tenant": tenant}, quiet
    )
    if json:
        print_json(told)
        return
    print_line(f"{told['file']}: {told['added']} added, {told['changed']} changed, {told['unchanged']} as they were.")


def _read(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(FILE_BYTES_MAX + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise CommandFailed(f"can't read {file}: {error.strerror}", exit_code=EXIT_FAILED) from error
    except UnicodeDecodeError as error:
        raise CommandFailed(f"{file} is no UTF-8", hint="save it as CSV in UTF-8", exit_code=EXIT_FAILED) from error
    if len(content) > FILE_BYTES_MAX:
        raise CommandFailed(f"{file} is larger than {FILE_BYTES_MAX} bytes", hint="split it", exit_code=EXIT_FAILED)
    return text


@erp_commands.command("adjust", epilog=ADJUST_EPILOG, context_settings=SIGNED)
def adjust_stock(
    sku: Sku,
    change: Annotated[str, typer.Argument(metavar="CHANGE", help="Units to add; less than 0 takes away.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the journal.")],
    location: Location = "",
    tenant: TenantOption = None,
    config: Folder = DEFAULT_FOLDER,
    json: Json = False,
) -> None:
    """Correct a level: a stocktake, breakage, a sale that no shop knows of. Each call is a correction of its own."""
    request = {"sku": sku, "quantity": change, "text": reason, "location": location, "tenant": tenant}
    told = reach(config, "erp.adjust", request, quiet)
    print_json(told) if json else print_line(f"{told['sku']}: {told['change']}, now {told['level']}.")


@erp_commands.command("receive", epilog="Example: syncd erp receive BOLT-M6 500 --reference 'PO 4711'")
def receive_stock(
    sku: Sku,
    quantity: Annotated[str, typer.Argument(metavar="QUANTITY", help="Units that came in.")],
    reference: Annotated[str, typer.Option("--reference", help="The delivery; it stands in the journal.")] = "",
    location: Location = "",
    tenant: TenantOption = None,
    config: Folder = DEFAULT_FOLDER,
    json: Json = False,
) -> None:
    """Record goods that came in. Each call is a receipt of its own."""
    request = {"sku": sku, "quantity": quantity, "text": reference, "location": location, "tenant": tenant}
    told = reach(config, "erp.receive", request, quiet)
    print_json(told) if json else print_line(f"{told['sku']}: +{told['change']}, now {told['level']}.")


@erp_commands.command("levels", epilog="Examples: syncd erp levels; syncd erp levels BOLT-M6 --json")
def show_levels(
    sku: Annotated[str | None, typer.Argument(metavar="[SKU]", help="One SKU; all without it.")] = None,
    tenant: TenantOption = None,
    config: Folder = DEFAULT_FOLDER,
    json: Json = False,
) -> None:
    """Show what the ERP has available now (any ERP)."""
    told = reach(config, "erp.levels", {"sku": sku, "tenant": tenant}, quiet)
    if json:
        print_json(told)
        return
    print_table("", ["sku", "location", ">available"], [[e["sku"], e["location"], e["level"]] for e in told["levels"]])
    if told["left_out"]:
        print_line(f"and {told['left_out']} more")


@erp_commands.command("journal", epilog="Example: syncd erp journal BOLT-M6")
def show_journal(
    sku: Sku,
    limit: Annotated[int, typer.Option(help="How many entries, the latest ones.")] = 50,
    tenant: TenantOption = None,
    config: Folder = DEFAULT_FOLDER,
    json: Json = False,
) -> None:
    """Show a SKU's journal: each opening, receipt, correction and move, with the level after it."""
    told = reach(config, "erp.journal", {"sku": sku, "limit": limit, "tenant": tenant}, quiet)
    if json:
        print_json(told)
        return
    columns = ["at", "kind", "location", ">change", ">level", "reference", "key"]
    rows = [
        [e["at"], e["kind"], e["location"], e["change"], e["level"], e["reference"], e["key"]] for e in told["entries"]
    ]
    print_table("", columns, rows)
