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

HOLDS_MINUTES_MAX = 1_440.0  # a day: who comes back later finds what is left then
LOCATIONS_MAX = 100  # of one BigCommerce store, as the vendor's greatest plan has it
OrderPart = Literal["taxes", "coupons", "messages", "quotes", "transactions", "refunds", "shipments"]
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


def _fit_together(locations: dict[str, str], info: ValidationInfo) -> dict[str, str]:
    main = info.data.get("location")
    if locations and main is not None and str(main) not in locations:
        raise refusal(
            f"the location {main} among them",
            "`location` names the one whose stock was kept before there were several: set it to one of these.",
        )
    if len(set(locations.values())) < len(locations):
        raise refusal(
            "another location of the ERP for each",
            "Two locations of the store that show the same stock of the ERP promise it twice.",
        )
    return locations


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
    location: Annotated[
        int,
        Field(
            ge=1,
            description="The id of the store's location that is written to; with `locations`, of the one whose stock was kept "
            "before there were several.",
        ),
    ] = 1
    locations: Annotated[
        dict[Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8}$")], Text],
        AfterValidator(_fit_together),
        Field(
            max_length=LOCATIONS_MAX,
            description="Several locations of the store: the id of each on the left, the ERP's location whose level it shows on "
            "the right.",
        ),
    ] = {}
    stock: Annotated[
        Literal["default_location", "aggregated"],
        Field(
            description='From where the store\'s orders take stock: from its location 1, or ("aggregated", which BigCommerce sets '
            "up on request) from any enabled location."
        ),
    ] = "default_location"
    level_webhooks: Annotated[
        bool,
        Field(
            description="Whether the store shall call syncd when a stock level changes, too: then somebody else's change is found "
            "within seconds, and each sale costs a reading."
        ),
    ] = False
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
        Literal["off", "from_erp", "to_erp", "both"],
        Field(
            description='"from_erp" makes each shipment that the ERP tells of a shipment of the shop\'s order, from the moment '
            "it is switched on; the shop mails its customers as for a shipment by hand. "
            '"to_erp" tells the ERP, in the orders\' documents, what was shipped in the shop. "both" does both.'
        ),
    ] = "off"
    carts: Annotated[
        bool,
        Field(
            description="Whether the store's carts are read, by its webhooks: who has put what aside, and which order came of "
            "it."
        ),
    ] = False
    holds_minutes: Annotated[
        float,
        Field(
            ge=0,
            le=HOLDS_MINUTES_MAX,
            description="For how many minutes since its last change a cart keeps its lines from the tenant's other stores; 0 for "
            "not at all. Needs `carts`.",
        ),
    ] = 0.0
    holds_units_max: Annotated[
        int, Field(ge=1, le=1_000_000, description="How many units of one SKU a cart may keep from other stores.")
    ] = 10
    holds_share: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Which share of what the ERP has of a SKU all carts of this store together may keep from other stores.",
        ),
    ] = 0.2
    orders: Annotated[
        Literal["off", "from_erp"],
        Field(
            description='"from_erp" places each order that the ERP wants in this store, from the moment it is switched on, and '
            "lets its status follow; the shop takes its units, and sends no mail for it."
        ),
    ] = "off"
    order_parts: Annotated[
        tuple[OrderPart, ...],
        Strict(strict=False),
        Field(
            description="What is read of orders for documents, beside what the order list brings. Each costs requests."
        ),
    ] = ()

    @property
    def ships_from_erp(self) -> bool:
        """Whether the store is told of the ERP's shipments."""
        return self.shipments in {"from_erp", "both"}

    @property
    def ships_to_erp(self) -> bool:
        """Whether the ERP is told of the store's."""
        return self.shipments in {"to_erp", "both"}

    @property
    def parts_wanted(self) -> frozenset[str]:
        """The parts of orders that are read for documents."""
        return frozenset(self.order_parts) | ({"shipments"} if self.ships_to_erp else frozenset())


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
