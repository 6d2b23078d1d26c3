"""What several commands take: the configuration's folder, JSON, a tenant, a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from syncd.cli.folder import CONFIG_VARIABLE, DEFAULT_CONFIG

DEFAULT_FOLDER = Path(DEFAULT_CONFIG)

Folder = Annotated[
    Path, typer.Option("--config", "-c", metavar="DIR", envvar=CONFIG_VARIABLE, help="The configuration's folder.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, with stable keys.")]
TenantWord = Annotated[
    str | None, typer.Argument(metavar="[TENANT]", help="The tenant; may be left out where there is only one.")
]
StoreWord = Annotated[str | None, typer.Argument(metavar="[STORE]", help="The store.")]
TenantOption = Annotated[
    str | None,
    typer.Option("--tenant", "-t", metavar="TENANT", help="The tenant; may be left out where there is only one."),
]
