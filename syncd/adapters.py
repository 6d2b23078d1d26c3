"""From what is configured to the adapter that does it: one function for each port of a store, and for the ERP behind HTTP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import aiohttp
from pydantic import SecretStr

from syncd.config.erp_models import HttpErp
from syncd.config.settings import signing_key
from syncd.config.sink_models import AnySinkModel, ParquetSink, WebhookSink
from syncd.config.store_models import AnyStoreModel, BigCommerceStore
from syncd.core.order import Phase
from syncd.core.places import MAIN, Places
from syncd.core.quantity import SECOND, microseconds
from syncd.core.signal import Kind
from syncd.erps.http.erp import HttpErp as HttpErpAdapter
from syncd.observability import events
from syncd.observability.edges import LoggedEdges
from syncd.observability.log import Log
from syncd.observability.meters import Meter
from syncd.ports.carts import CartsPort
from syncd.ports.checkouts import CheckoutPort
from syncd.ports.clock import Chance, Clock
from syncd.ports.documents import DocumentsPort
from syncd.ports.erp import Erp
from syncd.ports.hooks import HooksPort, secret_of
from syncd.ports.placing import PlacingPort
from syncd.ports.shipments import ShipmentsPort
from syncd.ports.sink import Aside, Sink
from syncd.ports.store import LevelSweeps, Store
from syncd.sinks.ndjson import NdjsonSink as NdjsonAdapter
from syncd.sinks.parquet import ParquetSink as ParquetAdapter
from syncd.sinks.webhook import WebhookSink as WebhookAdapter
from syncd.stores.bigcommerce.hooks import BigCommerceHooks
from syncd.stores.bigcommerce.locations import DEFAULT_LOCATION_ID, place_of
from syncd.stores.bigcommerce.orders import SETTLE_US as BIGCOMMERCE_SETTLE_US
from syncd.stores.bigcommerce.store import BigCommerceStore as BigCommerceAdapter
from syncd.stores.woocommerce.api import Api
from syncd.stores.woocommerce.hooks import WooCommerceHooks
from syncd.stores.woocommerce.orders import SETTLE_US as WOOCOMMERCE_SETTLE_US
from syncd.stores.woocommerce.store import WooCommerceStore as WooCommerceAdapter
from syncd.transport.client import HttpClient
from syncd.transport.limits import Limits
from syncd.transport.signing import BasicSigner, HeaderSigner, OAuth1Signer, QueryKeySigner, Signer


class Means(Protocol):
    """What an adapter needs to talk to the outside."""

    @property
    def clock(self) -> Clock:
        """Time."""

    @property
    def chance(self) -> Chance:
        """Randomness."""

    @property
    def session(self) -> aiohttp.ClientSession:
        """The one HTTP session."""


def make_http_erp(model: HttpErp, given: Means, log: Log) -> Erp:
    """The adapter for an ERP behind the REST contract."""
    return HttpErpAdapter(erp_client(model, given, log))


ERP_LIMITS: Final = Limits(
    share=1.0,
    interval_default_seconds=0.0,
    concurrent_max=6,
    writes_concurrent_max=3,  # moves, a document, an outcome: each is one task's, and none waits for another that hangs
)


def erp_client(model: HttpErp, given: Means, log: Log, meter: Meter | None = None) -> HttpClient:
    """The HTTP client for an ERP behind the REST contract, which logs the edges of its reachability."""
    token = model.token.get_secret_value()
    return HttpClient(
        session=given.session,
        base_url=model.base_url,
        signer=HeaderSigner({"Authorization": f"Bearer {token}"}),
        clock=given.clock,
        chance=given.chance,
        limits=ERP_LIMITS,
        listener=LoggedEdges(log, events.ERP_UNREACHABLE, events.ERP_RECOVERED),
        secrets=[token],
        meter=meter,
    )


def make_store(model: AnyStoreModel, given: Means, log: Log) -> Store:
    """The adapter for a configured store."""
    return store_port(model, store_client(model, given, log))


def store_client(model: AnyStoreModel, given: Means, log: Log, meter: Meter | None = None) -> HttpClient:
    """The HTTP client of a configured store: its address, signature, quota and secrets."""
    secrets = [
        value.get_secret_value()
        for key in type(model).model_fields
        if isinstance(value := getattr(model, key), SecretStr)
    ]
    secrets += [secret_of(value, model.kind) for value in secrets]  # what a list of webhooks shows
    return HttpClient(
        session=given.session,
        base_url=_address(model),
        signer=_signer(model, given),
        clock=given.clock,
        chance=given.chance,
        limits=Limits(
            share=model.quota_share, concurrent_max=model.requests_concurrent_max, interval_default_seconds=0.1
        ),
        listener=LoggedEdges(log, events.STORE_UNREACHABLE, events.STORE_RECOVERED),
        secrets=secrets,
        meter=meter,
    )


def hooks_port(model: AnyStoreModel, client: HttpClient) -> HooksPort:
    """How the store's platform is asked to call syncd, and how its calls are known."""
    if isinstance(model, BigCommerceStore):
        signed = model.client_secret.get_secret_value() if model.client_secret else ""
        return BigCommerceHooks(
            client,
            secret=secret_of(model.access_token.get_secret_value(), model.kind),
            client_secret=signed,
            kinds=kinds_of(model),
        )
    return WooCommerceHooks(Api(client), secret=secret_of(model.consumer_secret.get_secret_value(), model.kind))


def kinds_of(model: AnyStoreModel) -> frozenset[Kind]:
    """What the store is asked to speak of, by its settings."""
    kinds = {Kind.ORDER}
    if isinstance(model, BigCommerceStore) and model.level_webhooks:
        kinds.add(Kind.ITEM)
    if isinstance(model, BigCommerceStore) and model.parts_wanted:
        kinds.add(Kind.PARTS)
    if isinstance(model, BigCommerceStore) and model.carts:
        kinds.add(Kind.CART)
    return frozenset(kinds)


def shipments_port(model: AnyStoreModel, port: Store) -> ShipmentsPort | None:
    """How the store is told of shipments, where the tenant wants that."""
    if isinstance(model, BigCommerceStore) and isinstance(port, BigCommerceAdapter) and model.ships_from_erp:
        return port.shipments
    return None


def carts_port(model: AnyStoreModel, port: Store) -> CartsPort | None:
    """How the store's carts are read, where the tenant wants that."""
    if isinstance(model, BigCommerceStore) and isinstance(port, BigCommerceAdapter) and model.carts:
        return port.carts
    return None


def placing_port(model: AnyStoreModel, port: Store) -> PlacingPort | None:
    """How the ERP's orders get into the store, where the tenant wants that."""
    if isinstance(model, BigCommerceStore) and isinstance(port, BigCommerceAdapter) and model.orders == "from_erp":
        return port.placing
    return None


def links_port(model: AnyStoreModel, port: Store) -> CartsPort | None:
    """How carts that the ERP prepares get into the store, where it gets any orders."""
    if isinstance(model, BigCommerceStore) and isinstance(port, BigCommerceAdapter) and model.orders == "from_erp":
        return port.carts
    return None


def checkout_port(model: AnyStoreModel, port: Store) -> CheckoutPort | None:
    """How the ERP's orders get into the store by a checkout, where it gets any."""
    if isinstance(model, BigCommerceStore) and isinstance(port, BigCommerceAdapter) and model.orders == "from_erp":
        return port.checkouts
    return None


def documents_port(model: AnyStoreModel, port: Store) -> DocumentsPort | None:
    """How the store's orders are read whole, where its platform's adapter can."""
    if isinstance(model, BigCommerceStore) and isinstance(port, BigCommerceAdapter):
        return port.documents(model.parts_wanted)
    return None


def sweeps_port(port: Store) -> LevelSweeps | None:
    """How the store's counters are read all together, where the platform lists them."""
    return port.inventory if isinstance(port, BigCommerceAdapter) else None


def places_of(model: AnyStoreModel, erp_location: str) -> Places:
    """Where the store's counters are, and from which its orders take."""
    if not isinstance(model, BigCommerceStore):
        return Places({MAIN: erp_location}, erp_location)
    locations = {int(number): name for number, name in model.locations.items()} or {model.location: erp_location}
    home = locations.get(DEFAULT_LOCATION_ID, erp_location)
    places = {place_of(number, model.location): name for number, name in locations.items()}
    pooled = model.stock == "aggregated"
    default = (place_of(DEFAULT_LOCATION_ID, model.location),) if DEFAULT_LOCATION_ID in locations else ()
    return Places(places, home, tuple(places) if pooled else default, pooled)


def store_port(model: AnyStoreModel, client: HttpClient) -> Store:
    """The adapter of a configured store, over its client."""
    settle_us = None if model.settle_seconds is None else microseconds(model.settle_seconds)
    if isinstance(model, BigCommerceStore):
        return BigCommerceAdapter(
            client,
            store_hash=model.store_hash,
            location_id=model.location,
            locations=map(int, model.locations),
            channels=model.channels or (),
            apply_us=microseconds(model.apply_seconds),
            stale_us=microseconds(model.stale_seconds),
            late_us=microseconds(model.late_seconds),
            settle_us=BIGCOMMERCE_SETTLE_US if settle_us is None else settle_us,
        )
    return WooCommerceAdapter(
        client,
        statuses={status: Phase(phase) for status, phase in model.statuses.items()},
        late_us=microseconds(model.late_seconds),
        settle_us=WOOCOMMERCE_SETTLE_US if settle_us is None else settle_us,
    )


def sink_port(model: AnySinkModel, tenant: str, given: Means, aside: Aside, state_dir: Path) -> Sink:
    """The adapter of a configured sink. Opens nothing."""
    if isinstance(model, WebhookSink):
        return WebhookAdapter(model.url, signing_key(model.secret.get_secret_value()), given.session, given.clock)
    folder = model.folder_in(state_dir, tenant)
    if isinstance(model, ParquetSink):
        return ParquetAdapter(folder, gather_us=model.gather_seconds * SECOND, aside=aside, clock=given.clock)
    return NdjsonAdapter(folder, by_kind=model.split == "kind", aside=aside, clock=given.clock)


def _address(model: AnyStoreModel) -> str:
    """Where the adapter's paths begin."""
    if isinstance(model, BigCommerceStore):
        return f"{model.base_url.rstrip('/')}/stores/{model.store_hash}"
    return model.base_url


def _signer(model: AnyStoreModel, given: Means) -> Signer:
    if isinstance(model, BigCommerceStore):
        return HeaderSigner({"X-Auth-Token": model.access_token.get_secret_value()})
    key, secret = model.consumer_key.get_secret_value(), model.consumer_secret.get_secret_value()
    makers: dict[str, Callable[[], Signer]] = {
        "basic": lambda: BasicSigner(key, secret),
        "oauth1": lambda: OAuth1Signer(key, secret, clock=given.clock, chance=given.chance),
        "query": lambda: QueryKeySigner({"consumer_key": key, "consumer_secret": secret}),
    }
    return makers[model.auth_in_use]()
