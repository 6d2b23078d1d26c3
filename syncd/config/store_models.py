"""`[stores.NAME]` of a tenant's file, as models: what all stores have in common, and one for each platform."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, Strict, ValidationInfo
from pydantic.json_schema import SkipJsonSchema

from syncd.config.model import DAY_SECONDS, Model, TokenAddress
from syncd.config.values import (
    Address,
    Moment,
    Secret,
    Sku,
    Text,
    Units,
    is_plain_and_far,
    refusal,
)
from syncd.core.quantity import Instant

CHANNELS_MAX = 200  # of one BigCommerce store: well above what the platform offers
EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Store(Model):
    """What all stores have in common."""

    name: SkipJsonSchema[str] = ""
    baseline: Annotated[
        Literal["counted", "not_counted", "ask_erp"],
        Field(
            description="Whether the ERP has already counted the orders that were open at the cutover: a mandatory choice, "
            'because a wrong guess counts all of them twice, or never. "ask_erp" asks order by order.'
        ),
    ]
    cutover: Annotated[
        Moment | None,
        Field(description="From which moment orders move stock, in UTC. Default: when this store was first started."),
    ] = None
    poll_seconds: Annotated[
        float, Field(gt=0, le=DAY_SECONDS, description="Time between two looks for changed orders, in seconds.")
    ] = 30.0
    settle_seconds: Annotated[
        float | None,
        Field(
            ge=0,
            le=3600,
            description="How long the platform may show an order half-written, in seconds. "
            "Default: 5 for WooCommerce, 2 for BigCommerce.",
        ),
    ] = None
    sweep_hours: Annotated[
        float, Field(gt=0, le=24 * 31, description="Within how many hours everything is read once more, slowly.")
    ] = 24.0
    quota_share: Annotated[
        float, Field(gt=0, le=1, description="Which share of the platform's request quota syncd may use.")
    ] = 0.5
    requests_concurrent_max: Annotated[
        int, Field(ge=1, le=32, description="How many requests may run against this store at the same time.")
    ] = 2
    read_items_every_seconds: Annotated[
        float, Field(gt=0, le=7 * DAY_SECONDS, description="Within how many seconds each stock level is read once.")
    ] = 900.0
    late_seconds: Annotated[
        float,
        Field(
            gt=0, le=3600, description="After how many seconds a stock write without an answer surely takes no effect."
        ),
    ] = 30.0
    drift: Annotated[
        Literal["erp", "report", "adjust"],
        Field(
            description='What happens when a shop\'s stock was changed by someone else: "erp" corrects the shop, "report" '
            'only tells, "adjust" books the difference in the ERP.'
        ),
    ] = "erp"
    webhooks: Annotated[
        bool,
        Field(
            description="Whether the store shall call syncd when an order changes (if `syncd.toml` has `[webhooks]`)."
        ),
    ] = True
    buffer: Annotated[
        Units | None, Field(description="Units kept back from this store. Default: the tenant's `buffer`.")
    ] = None
    skus: Annotated[
        dict[Sku, Sku],
        Field(
            description="SKUs that the shop and the ERP name differently: the shop's on the left, the ERP's on the right."
        ),
    ] = {}

    @property
    def cutover_instant(self) -> Instant | None:
        """The cutover in microseconds UTC, or None when it is the first start."""
        return None if self.cutover is None else Instant((self.cutover - EPOCH) // timedelta(microseconds=1))


class BigCommerceStore(Store):
    """A store on BigCommerce."""

    kind: Annotated[Literal["bigcommerce"], Field(description="A BigCommerce store.")]
    base_url: Annotated[TokenAddress, Field(description="Where the API's paths (/stores/HASH/...) begin.")] = (
        "https://api.bigcommerce.com"
    )
    store_hash: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9]{1,40}$", description="The store's hash: the part after /stores/ in its API path."),
    ]
    access_token: Annotated[
        Secret,
        Field(
            description="The token of a store-level API account with rights on orders, products, inventory and settings."
        ),
    ]
    client_secret: Annotated[
        Secret | None,
        Field(description="The app's client secret, if its webhooks are signed: then only signed calls are believed."),
    ] = None
    location: Annotated[int, Field(ge=1, description="The id of the store's location that is written to.")] = 1
    channels: Annotated[
        Annotated[
            tuple[Annotated[int, Field(ge=1), Strict()], ...], Strict(strict=False), Field(max_length=CHANNELS_MAX)
        ]
        | None,
        Field(description="Ids of the channels whose orders count. Default: all."),
    ] = None
    apply_seconds: Annotated[
        float, Field(ge=0, le=600, description="Within how many seconds an accepted stock adjustment is applied.")
    ] = 5.0
    stale_seconds: Annotated[
        float, Field(ge=0, le=600, description="By how many seconds a stock level that is read may lag behind.")
    ] = 5.0
    shipments: Annotated[
        Literal["off", "from_erp"],
        Field(
            description='"from_erp" makes each shipment that the ERP tells of a shipment of the shop\'s order, from the moment '
            "it is switched on; the shop mails its customers as for a shipment by hand."
        ),
    ] = "off"
    orders: Annotated[
        Literal["off", "from_erp"],
        Field(
            description='"from_erp" places each order that the ERP wants in this store, from the moment it is switched on, and '
            "lets its status follow; the shop takes its units, and sends no mail for it."
        ),
    ] = "off"


def _fits_auth(address: str, info: ValidationInfo) -> str:
    auth = info.data.get("auth")
    if is_plain_and_far(address) and auth in {"basic", "query"}:
        raise refusal(
            f'https:// for another machine when auth = "{auth}"',
            'The keys could be read on the way: use https, or auth = "oauth1", which signs requests and never sends the secret.',
        )
    return address


class WooCommerceStore(Store):
    """A store on WooCommerce."""

    kind: Annotated[Literal["woocommerce"], Field(description="A WooCommerce store.")]
    auth: Annotated[
        Literal["auto", "basic", "oauth1", "query"],
        Field(
            description='How requests prove who sends them: "auto" is "basic" over https and "oauth1" over http; "query" is for '
            "hosts that drop the Authorization header."
        ),
    ] = "auto"
    base_url: Annotated[
        Address,
        AfterValidator(_fits_auth),
        Field(description="The address of the WordPress site: what comes before /wp-json/."),
    ]
    consumer_key: Annotated[
        Secret, Field(description="The key (ck_...) of a REST API key with read and write permission.")
    ]
    consumer_secret: Annotated[Secret, Field(description="The secret (cs_...) of the same REST API key.")]

    statuses: Annotated[
        dict[Text, Literal["draft", "pending", "placed", "paid", "completed", "refunded", "cancelled"]],
        Field(
            description="What the shop's own order statuses (of plugins, without wc-) mean to the stock. An order in a status "
            "that is neither WooCommerce's nor named here is quarantined."
        ),
    ] = {}

    @property
    def auth_in_use(self) -> Literal["basic", "oauth1", "query"]:
        """What "auto" comes to for this address."""
        if self.auth != "auto":
            return self.auth
        return "basic" if self.base_url.startswith("https://") else "oauth1"


AnyStoreModel = BigCommerceStore | WooCommerceStore
