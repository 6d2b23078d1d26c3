"""Where concrete classes meet: from a configuration to tenants at work. The only module that knows them all.

It takes what is already open (the ledger, clock, chance, log, a session) and opens nothing but the embedded ERPs' files, so
that a simulation composes the very same daemon.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import aiohttp
from pydantic import SecretStr

from syncd.config.load import Configuration
from syncd.config.tenant import AnyStoreModel, BigCommerceStore, EmbeddedErp, HttpErp, Tenant
from syncd.core.order import Phase
from syncd.core.policy import Baseline, CountOn, OnCancel, Policy, Recipe, Returns
from syncd.core.quantity import microseconds
from syncd.engine.reconciler import Reconciler
from syncd.engine.supervisor import Supervisor, TenantWork, adopt
from syncd.erps.embedded.book import StockBook
from syncd.erps.embedded.desk import StockDesk
from syncd.erps.embedded.erp import EmbeddedErp as EmbeddedErpAdapter
from syncd.erps.http.erp import HttpErp as HttpErpAdapter
from syncd.errors import MisconfiguredError, StoreFault
from syncd.ledger.ledger import Ledger
from syncd.observability import events
from syncd.observability.log import Log
from syncd.ports.clock import Chance, Clock
from syncd.ports.erp import Erp
from syncd.ports.store import Store
from syncd.reconcile.context import ErpOptions, StoreContext, StoreOptions, TenantContext
from syncd.stores.bigcommerce.orders import SETTLE_US as BIGCOMMERCE_SETTLE_US
from syncd.stores.bigcommerce.store import BigCommerceStore as BigCommerceAdapter
from syncd.stores.woocommerce.orders import SETTLE_US as WOOCOMMERCE_SETTLE_US
from syncd.stores.woocommerce.store import WooCommerceStore as WooCommerceAdapter
from syncd.transport.client import HttpClient
from syncd.transport.limits import Limits
from syncd.transport.session import make_session
from syncd.transport.signing import BasicSigner, HeaderSigner, OAuth1Signer, QueryKeySigner, Signer

EMBEDDED_POLL_SECONDS = 2.0  # a look into a local file


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


@dataclass(slots=True)
class Surroundings:
    """What the daemon is given: already open, and replaceable."""

    ledger: Ledger
    clock: Clock
    chance: Chance
    log: Log
    session: aiohttp.ClientSession
    state_dir: Path
    holder: str = "syncd"


@dataclass(slots=True)
class App:
    """A composed daemon."""

    supervisor: Supervisor
    tenants: dict[str, TenantWork]
    books: list[StockBook] = field(default_factory=list)
    desks: dict[str, StockDesk] = field(default_factory=dict)

    def close(self) -> None:
        """Close what `compose` opened."""
        for book in self.books:
            book.close()


def open_session(ssl_context: ssl.SSLContext | None = None) -> aiohttp.ClientSession:
    """The one HTTP session of the process; to be called on its loop."""
    return make_session(ssl_context)


async def compose(configuration: Configuration, given: Surroundings) -> App:
    """Make every tenant that can run. A tenant that can't is logged, and left out (ISOLATED).

    Raises what kept the last one from running, if none can and it may pass: a new start is worth trying.
    """
    works: dict[str, TenantWork] = {}
    books: list[StockBook] = []
    desks: dict[str, StockDesk] = {}
    passing: StoreFault | OSError | None = None
    for tenant in configuration.tenants:
        opened = len(books)
        try:
            works[tenant.name] = await _tenant(tenant, given, books)
            for book in books[opened:]:
                desks[tenant.name] = StockDesk(book, tenant.erp.location)
        except MisconfiguredError as error:
            given.log.emit(events.TENANT_FAILED, tenant=tenant.name, reason=str(error), hint=error.hint)
        except (StoreFault, OSError) as error:  # its stock book: a folder that can't be used, a disk that fails
            hint = "look at the permissions and the disk of erp.file, then restart syncd"
            given.log.emit(events.TENANT_FAILED, tenant=tenant.name, reason=str(error), hint=hint)
            passing = error
    if passing is not None and not works:
        raise passing
    return App(Supervisor(list(works.values()), clock=given.clock, chance=given.chance), works, books, desks)


async def _tenant(tenant: Tenant, given: Surroundings, books: list[StockBook]) -> TenantWork:
    log = given.log.bind(tenant=tenant.name)
    erp, poll_seconds = _erp(tenant, given, log, books)
    if tenant.erp.posting not in erp.traits.postings:
        raise MisconfiguredError(
            f'posting = "{tenant.erp.posting}" can\'t be kept exact by this ERP adapter',
            tenant=tenant.name,
            hint=f"set erp.posting to one of: {', '.join(sorted(erp.traits.postings))}",
        )
    context = TenantContext(
        tenant=tenant.name,
        mode=tenant.mode,
        epoch=0,
        ledger=given.ledger,
        clock=given.clock,
        chance=given.chance,
        log=log,
        erp=erp,
        erp_location=tenant.erp.location,
        options=ErpOptions(poll_seconds=poll_seconds, fresh_seconds=max(120.0, 4 * poll_seconds)),
        approve_automatically=tenant.approve == "automatic",
        payload_days=tenant.payload_days,
    )
    await adopt(context, given.holder)
    reconcilers = [Reconciler(_store(name, tenant, context, given)) for name in tenant.stores]
    context.stores = {reconciler.context.store: reconciler.context for reconciler in reconcilers}
    return TenantWork(context, reconcilers)


def _erp(tenant: Tenant, given: Surroundings, log: Log, books: list[StockBook]) -> tuple[Erp, float]:
    if isinstance(tenant.erp, EmbeddedErp):
        path = tenant.erp_file(given.state_dir)
        assert path is not None
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        book = StockBook(path, clock=given.clock, chance=given.chance, name=tenant.name, create=True)
        books.append(book)
        return EmbeddedErpAdapter(book, clock=given.clock), EMBEDDED_POLL_SECONDS
    assert isinstance(tenant.erp, HttpErp)
    return make_http_erp(tenant.erp, given, log), tenant.erp.poll_seconds


def make_http_erp(model: HttpErp, given: Means, log: Log) -> Erp:
    """The adapter for an ERP behind the REST contract."""
    token = model.token.get_secret_value()
    client = HttpClient(
        session=given.session,
        base_url=model.base_url,
        signer=HeaderSigner({"Authorization": f"Bearer {token}"}),
        clock=given.clock,
        chance=given.chance,
        limits=Limits(share=1.0, interval_default_seconds=0.0),
        listener=_Edges(log, events.ERP_UNREACHABLE, events.ERP_RECOVERED),
        secrets=[token],
    )
    return HttpErpAdapter(client)


def _store(name: str, tenant: Tenant, context: TenantContext, given: Surroundings) -> StoreContext:
    model = tenant.stores[name]
    log = context.log.bind(store=name)
    return StoreContext(
        tenant=context,
        store=name,
        port=make_store(model, given, log),
        policy=policy_of(tenant, name),
        options=_options(tenant, name, model),
        log=log,
    )


def policy_of(tenant: Tenant, store: str) -> Policy:
    """The rules of counting for one store, as plain values."""
    kits: dict[str, Recipe] = {kit: tuple(parts.items()) for kit, parts in tenant.kits.items()}
    model = tenant.stores[store]
    return Policy(
        returns=Returns(tenant.returns),
        baseline=Baseline(model.baseline),
        count_on=CountOn(tenant.count_on),
        on_cancel=OnCancel(tenant.on_cancel),
        location=tenant.erp.location,
        skus=dict(model.skus),
        kits=kits,
    )


def _options(tenant: Tenant, name: str, model: AnyStoreModel) -> StoreOptions:
    return StoreOptions(
        poll_seconds=model.poll_seconds,
        sweep_seconds=model.sweep_hours * 3_600.0,
        read_items_seconds=model.read_items_every_seconds,
        buffer=tenant.buffer_for(name),
        drift=model.drift,
        brake_share=tenant.brake_share,
        brake_gone_orders=tenant.brake_gone_orders,
        cutover=model.cutover_instant,
    )


def make_store(model: AnyStoreModel, given: Means, log: Log) -> Store:
    """The adapter for a configured store."""
    secrets = [
        value.get_secret_value()
        for key in type(model).model_fields
        if isinstance(value := getattr(model, key), SecretStr)
    ]
    client = HttpClient(
        session=given.session,
        base_url=_address(model),
        signer=_signer(model, given),
        clock=given.clock,
        chance=given.chance,
        limits=Limits(
            share=model.quota_share, concurrent_max=model.requests_concurrent_max, interval_default_seconds=0.1
        ),
        listener=_Edges(log, events.STORE_UNREACHABLE, events.STORE_RECOVERED),
        secrets=secrets,
    )
    settle_us = None if model.settle_seconds is None else microseconds(model.settle_seconds)
    if isinstance(model, BigCommerceStore):
        return BigCommerceAdapter(
            client,
            store_hash=model.store_hash,
            location_id=model.location,
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


class _Edges:
    """The transport's edges, as events."""

    def __init__(self, log: Log, unreachable: events.Event, recovered: events.Event) -> None:
        self._log = log
        self._unreachable = unreachable
        self._recovered = recovered

    def unreachable(self, reason: str) -> None:
        self._log.emit(self._unreachable, reason=reason)

    def recovered(self, after_seconds: float) -> None:
        self._log.emit(self._recovered, after_seconds=round(after_seconds, 1))

    def throttled(self, wait_seconds: float) -> None:
        self._log.emit(events.STORE_THROTTLED, wait_seconds=round(wait_seconds, 1))
