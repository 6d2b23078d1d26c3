"""`[erp]` of a tenant's file, as models: one for each kind of business system."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from syncd.config.model import DAY_SECONDS, Model, TokenAddress
from syncd.config.values import (
    FilePath,
    Secret,
    Text,
)


class EmbeddedErp(Model):
    """syncd's own small stock book, for merchants without an ERP."""

    kind: Annotated[Literal["embedded"], Field(description="The stock book that comes with syncd.")]
    file: Annotated[
        FilePath | None,
        Field(
            description="Where the stock book lies; relative paths begin at `state_dir`. Default: `erp/TENANT.sqlite3`."
        ),
    ] = None
    posting: Annotated[
        Literal["move", "order"],
        Field(description='What takes the stock: "move", stock moves by syncd, or "order", the ERP\'s order document.'),
    ] = "move"
    location: Annotated[Text, Field(description="The ERP's location that is sold from.")] = "main"
    documents: Annotated[
        bool,
        Field(
            description="Whether each order is also put to the ERP as a whole document; stock is taken by moves as before."
        ),
    ] = False


class HttpErp(Model):
    """Any ERP behind syncd's documented REST contract."""

    kind: Annotated[
        Literal["http"],
        Field(description="An ERP, or a small service in front of one, that speaks syncd's REST contract."),
    ]
    base_url: Annotated[TokenAddress, Field(description="Where the contract's paths begin.")]
    token: Annotated[Secret, Field(description="The bearer token that the service asks for.")]
    poll_seconds: Annotated[
        float, Field(gt=0, le=DAY_SECONDS, description="Time between two questions for changed levels, in seconds.")
    ] = 15.0
    posting: Annotated[
        Literal["move", "order"],
        Field(description='What takes the stock: "move", stock moves by syncd, or "order", the ERP\'s order document.'),
    ] = "move"
    location: Annotated[Text, Field(description="The ERP's location that is sold from.")] = "main"
    documents: Annotated[
        bool,
        Field(
            description="Whether each order is also put to the ERP as a whole document; stock is taken by moves as before."
        ),
    ] = False
