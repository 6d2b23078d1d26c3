"""`tenants/NAME.toml`: one merchant, its ERP and its stores, as models. What a key means stands in its description.

The models hold what is in the files, checked, with defaults filled in and secrets resolved. Nothing below `app` sees
them: `app.py` hands each part the plain values that it needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from syncd.config.erp_models import EmbeddedErp, HttpErp
from syncd.config.model import Model
from syncd.config.sink_models import AnySinkModel
from syncd.config.store_models import AnyStoreModel
from syncd.config.values import (
    Factor,
    Sku,
    StoreName,
    Units,
)
from syncd.core.quantity import ZERO, Quantity

STORES_MAX = 50  # of one tenant; each has its own reconciler and connections
AnyErp = Annotated[EmbeddedErp | HttpErp, Field(discriminator="kind")]
SINKS_MAX = 20  # of one tenant; each keeps its own copy of what waits
AnySink = Annotated[AnySinkModel, Field(discriminator="kind")]
AnyStore = Annotated[AnyStoreModel, Field(discriminator="kind")]


class Tenant(Model):
    """One merchant: one ERP, one or more stores. `name` is the file's, never a key in it."""

    model_config = ConfigDict(title="tenants/NAME.toml")

    name: SkipJsonSchema[str] = ""
    mode: Annotated[
        Literal["live", "shadow"],
        Field(description='"shadow" computes and shows everything and writes nothing outside; "live" writes.'),
    ] = "live"
    count_on: Annotated[
        Literal["placed", "paid", "completed"],
        Field(description="From which state on an order takes stock in the ERP."),
    ] = "placed"
    on_cancel: Annotated[
        Literal["release", "follow_store"],
        Field(
            description='What a cancelled order gives back: "release" all that was not shipped, "follow_store" only what the '
            "shop put back itself."
        ),
    ] = "release"
    returns: Annotated[
        Literal["store", "erp"],
        Field(
            description="Who books returned goods: a mandatory choice, so that no return is booked twice. "
            '"store": restocked refunds in the shop raise the ERP; "erp": returns are received in the ERP alone.'
        ),
    ]
    approve: Annotated[
        Literal["manual", "automatic"],
        Field(
            description='Who approves the first plan of a store: a person, or nobody ("automatic", for demos and tests).'
        ),
    ] = "manual"
    buffer: Annotated[Units, Field(description="Units of each SKU that are kept back from every store.")] = ZERO
    brake_share: Annotated[
        float,
        Field(
            gt=0, le=1, description="Which share of a store's SKUs may fall to 0 at once before its writes are stopped."
        ),
    ] = 0.3
    brake_gone_orders: Annotated[
        int,
        Field(
            ge=1, le=1_000_000, description="How many known orders may be gone at once before a store's writes stop."
        ),
    ] = 20
    payload_days: Annotated[
        int, Field(ge=1, le=36_500, description="For how many days the stores' raw answers are kept, for replay.")
    ] = 90
    payload_mb_max: Annotated[
        int,
        Field(
            ge=1,
            le=1_000_000,
            description="How much room the stores' raw answers may take, in MB; the oldest go first.",
        ),
    ] = 1_024
    erp: Annotated[AnyErp, Field(description="The business system.")]
    stores: Annotated[
        dict[StoreName, AnyStore],
        Field(min_length=1, max_length=STORES_MAX, description="The stores, each in a table `[stores.NAME]`."),
    ]
    sinks: Annotated[
        dict[StoreName, AnySink],
        Field(max_length=SINKS_MAX, description="Who is told of carts and orders, each in a table `[sinks.NAME]`."),
    ] = {}
    kits: Annotated[
        dict[Sku, dict[Sku, Factor]],
        Field(
            description="SKUs that are made of others: for each kit, its components and how many units of each it needs."
        ),
    ] = {}

    def buffer_for(self, store: str) -> Quantity:
        """What is kept back from this store."""
        own = self.stores[store].buffer
        return self.buffer if own is None else own

    def erp_file(self, state_dir: Path) -> Path | None:
        """Where the embedded ERP's stock book lies; None for another ERP."""
        if not isinstance(self.erp, EmbeddedErp):
            return None
        return state_dir / (self.erp.file or embedded_file(self.name))


def embedded_file(tenant: str) -> Path:
    """Where an embedded ERP lies by default, below `state_dir`."""
    return Path("erp") / f"{tenant}.sqlite3"


def with_names(name: str, table: Mapping[str, Any]) -> dict[str, Any]:
    """The file's table with the names that the models carry but no key gives."""
    named = {**table, "name": name}
    for part in ("stores", "sinks"):
        if isinstance(table.get(part), Mapping):
            named[part] = {
                key: {**inner, "name": key} if isinstance(inner, Mapping) else inner
                for key, inner in table[part].items()
            }
    return named
