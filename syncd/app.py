"""Where concrete classes meet: from a configuration to tenants at work. The only module that knows them all.

It takes what is already open (the ledger, clock, chance, log, a session) and opens nothing but the embedded ERPs' files, so
that a simulation composes the very same daemon.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import aiohttp
import anyio

from syncd.adapters import (
    carts_port,
    checkout_port,
    documents_port,
    erp_client,
    hooks_port,
    kinds_of,
    links_port,
    places_of,
    placing_port,
    shipments_port,
    sink_port,
    store_client,
    store_port,
    sweeps_port,
)
from syncd.config.erp_models import EmbeddedErp, HttpErp
from syncd.config.load import Configuration
from syncd.config.store_models import AnyStoreModel, BigCommerceStore
from syncd.config.tenant import Tenant
from syncd.config.values import RESERVED_STORE
from syncd.core.cart_hold import HoldPolicy
from syncd.core.policy import Baseline, CountOn, OnCancel, Policy, Recipe, Returns
from syncd.core.quantity import UNIT, Quantity, units
from syncd.core.signal import Kind
from syncd.engine.reconciler import Reconciler
from syncd.engine.supervisor import Supervisor, TenantWork, adopt
from syncd.erps.embedded.book import StockBook
from syncd.erps.embedded.desk import StockDesk
from syncd.erps.embedded.erp import EmbeddedErp as EmbeddedErpAdapter
from syncd.erps.http.erp import HttpErp as HttpErpAdapter
from syncd.errors import MisconfiguredError, StoreFault, SyncdError
from syncd.inbox.inbox import Note
from syncd.inbox.receiver import Door
from syncd.ledger import signals
from syncd.ledger.alerts import Alerts
from syncd.ledger.aside import HopAside
from syncd.ledger.ledger import Ledger
from syncd.ledger.outbox import Outbox, Subscription
from syncd.observability import events
from syncd.observability.log import Log
from syncd.observability.meters import Meters
from syncd.ports.clock import Chance, Clock
from syncd.reconcile.context import LIVE, ErpOptions, StoreContext, StoreOptions, TenantContext
from syncd.reconcile.document_events import ORDER_KINDS
from syncd.reconcile.sink_step import DAY_US, SinkOptions, SinkStep
from syncd.transport.client import HttpClient
from syncd.transport.session import make_session

EMBEDDED_POLL_SECONDS = 2.0  # a look into a local file


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
    meters: Meters = field(default_factory=Meters)
    alerts: Alerts = field(default_factory=Alerts)
    aside: HopAside = field(default_factory=HopAside)


@dataclass(slots=True)
class App:
    """A composed daemon: its tenants, what each was made from, what was opened for it; by name. A reload changes them."""

    supervisor: Supervisor
    tenants: dict[str, TenantWork] = field(default_factory=dict)
    models: dict[str, Tenant] = field(default_factory=dict)
    opened: dict[str, StockBook] = field(default_factory=dict)
    desks: dict[str, StockDesk] = field(default_factory=dict)
    changing: anyio.Lock = field(default_factory=anyio.Lock)  # held while pauses go to disk, or a new form comes

    @property
    def books(self) -> list[StockBook]:
        """The embedded ERPs' books."""
        return list(self.opened.values())

    def take(self, tenant: Tenant, work: TenantWork, book: StockBook | None) -> None:
        """Put a tenant in its place."""
        self.tenants[tenant.name], self.models[tenant.name] = work, tenant
        if book is not None:
            self.opened[tenant.name], self.desks[tenant.name] = book, StockDesk(book, tenant.erp.location)

    def drop(self, name: str) -> None:
        """Take a tenant that has ended out, and close what was opened for it."""
        del self.tenants[name], self.models[name]
        self.desks.pop(name, None)
        book = self.opened.pop(name, None)
        if book is not None:
            book.close()

    def close(self) -> None:
        """Close what `compose` opened."""
        for book in self.books:
            book.close()


def open_session(
    ssl_context: ssl.SSLContext | None = None, *, traces: Sequence[aiohttp.TraceConfig] = ()
) -> aiohttp.ClientSession:
    """The one HTTP session of the process; to be called on its loop."""
    return make_session(ssl_context, traces=traces)


async def compose(configuration: Configuration, given: Surroundings) -> App:
    """Make every tenant that can run. A tenant that can't is logged, and left out (ISOLATED).

    Raises what kept the last one from running, if none can and it may pass: a new start is worth trying.
    """
    app = App(Supervisor([], clock=given.clock, chance=given.chance))
    passing: StoreFault | OSError | None = None
    for tenant in configuration.tenants:
        book: StockBook | None = None
        try:
            work, book = build(tenant, given, public_url_of(configuration))
            await adopt(work.context, given.holder)
        except (MisconfiguredError, StoreFault, OSError) as error:
            if book is not None:
                book.close()
            tell_failed(given.log, tenant.name, error)
            passing = passing if isinstance(error, MisconfiguredError) else error
            continue
        app.take(tenant, work, book)
        app.supervisor.start(work)
    if passing is not None and not app.tenants:
        raise passing
    return app


def tell_failed(log: Log, tenant: str, error: SyncdError | OSError) -> str:
    """Log that a tenant can't run. Returns what to do."""
    hint = getattr(error, "hint", "")
    if not isinstance(error, MisconfiguredError):  # its stock book: a folder that can't be used, a disk that fails
        hint = "look at the permissions and the disk of erp.file, then run `syncd reload`"
    log.emit(events.TENANT_FAILED, tenant=tenant, reason=str(error), hint=hint)
    return str(hint)


def public_url_of(configuration: Configuration) -> str:
    """Where stores reach the webhook listener; "" without one."""
    webhooks = configuration.settings.webhooks if configuration.settings else None
    return webhooks.public_url if webhooks else ""


def build(tenant: Tenant, given: Surroundings, public_url: str) -> tuple[TenantWork, StockBook | None]:
    """A tenant that isn't adopted yet, and the book that was opened for it. Raises MisconfiguredError, StoreFault, OSError."""
    books: list[StockBook] = []
    try:
        return _tenant(tenant, given, books, public_url), next(iter(books), None)
    except BaseException:
        for book in books:
            book.close()
        raise


def _tenant(tenant: Tenant, given: Surroundings, books: list[StockBook], public_url: str) -> TenantWork:
    log = given.log.bind(tenant=tenant.name)
    erp, client, poll_seconds = _erp(tenant, given, log, books)
    if tenant.erp.posting not in erp.traits.postings:
        raise MisconfiguredError(
            f'posting = "{tenant.erp.posting}" can\'t be kept exact by this ERP adapter',
            tenant=tenant.name,
            hint=f"set erp.posting to one of: {', '.join(sorted(erp.traits.postings))}",
        )
    context = TenantContext(
        tenant=tenant.name, mode=tenant.mode, epoch=0, ledger=given.ledger, clock=given.clock, chance=given.chance,
        log=log, erp=erp, erp_location=tenant.erp.location,
        options=ErpOptions(poll_seconds=poll_seconds, fresh_seconds=max(120.0, 4 * poll_seconds)),
        approve_automatically=tenant.approve == "automatic", payload_days=tenant.payload_days,
        payload_bytes_max=tenant.payload_mb_max * 1024 * 1024, meters=given.meters, alerts=given.alerts,
        client=client,
        documents=erp if erp.traits.shipments or tenant.erp.documents else None,
        keeps_documents=tenant.erp.documents,
        outbox=Outbox(tenant.name, _subscriptions(tenant) if tenant.mode == LIVE else (), names=tenant.sinks),
        orders=erp if isinstance(erp, HttpErpAdapter) and erp.traits.orders else None,
    )  # fmt: skip
    reconcilers = [Reconciler(build_store(name, tenant, context, given, public_url)) for name in tenant.stores]
    return TenantWork(context, reconcilers, sinks=_sinks(tenant, context, given))


def _subscriptions(tenant: Tenant) -> list[Subscription]:
    return [
        Subscription(
            name, frozenset(model.events), None if model.stores is None else frozenset(model.stores),
            None if model.fields is None else frozenset(model.fields), model.personal,
        )
        for name, model in tenant.sinks.items()
    ]  # fmt: skip


def _sinks(tenant: Tenant, context: TenantContext, given: Surroundings) -> list[SinkStep]:
    """What takes events to each sink."""
    steps = []
    for one in _subscriptions(tenant):
        model = tenant.sinks[one.sink]
        port = sink_port(model, tenant.name, given, given.aside, given.state_dir)
        steps.append(SinkStep(context, one, port, SinkOptions(model.keep_days * DAY_US, model.backlog_max)))
    return steps


def _erp(
    tenant: Tenant, given: Surroundings, log: Log, books: list[StockBook]
) -> tuple[EmbeddedErpAdapter | HttpErpAdapter, HttpClient | None, float]:
    if isinstance(tenant.erp, EmbeddedErp):
        path = tenant.erp_file(given.state_dir)
        assert path is not None
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        book = StockBook(path, clock=given.clock, chance=given.chance, name=tenant.name, create=True)
        books.append(book)
        return EmbeddedErpAdapter(book, clock=given.clock), None, EMBEDDED_POLL_SECONDS
    assert isinstance(tenant.erp, HttpErp)
    client = erp_client(tenant.erp, given, log, given.meters.of(tenant.name, RESERVED_STORE))
    return HttpErpAdapter(client, shipments=True, orders=True), client, tenant.erp.poll_seconds


def doors(app: App) -> dict[tuple[str, str], Door]:
    """The stores that may call the webhook listener."""
    contexts = [reconciler.context for work in app.tenants.values() for reconciler in work.reconcilers]
    return {
        (context.tenant.tenant, context.store): Door(
            context.tenant.tenant, context.store, context.hooks, context.log, context.wake
        )
        for context in contexts
        if context.hooks is not None
    }


def signal_note(given: Surroundings) -> Note:
    """How the inbox writes down what it was told."""
    return lambda places, queues: given.ledger.run(
        partial(signals.note, places=places, queues=queues, now=given.clock.now())
    )


def build_store(name: str, tenant: Tenant, context: TenantContext, given: Surroundings, url: str) -> StoreContext:
    """One store of a tenant."""
    model = tenant.stores[name]
    log = context.log.bind(store=name)
    client = store_client(model, given, log, given.meters.of(tenant.name, name))
    port = store_port(model, client)
    return StoreContext(
        tenant=context,
        store=name,
        port=port,
        sweeps=sweeps_port(port),
        shipments=shipments_port(model, port),
        carts=carts_port(model, port),
        cart_holds=_holds(model),
        placing=placing_port(model, port),
        checkouts=checkout_port(model, port),
        links=links_port(model, port),
        documents=documents_port(model, port) if _wants_documents(context) else None,
        hooks=hooks_port(model, client) if url and model.webhooks else None,
        hooks_address=f"{url}/{tenant.name}/{name}",
        policy=policy_of(tenant, name),
        options=_options(tenant, name, model),
        log=log,
        client=client,
    )


def _wants_documents(context: TenantContext) -> bool:
    """Whether anybody wants to be told of orders as a whole: the ERP, or a sink."""
    return context.keeps_documents or any(context.outbox.wants(kind) for kind in ORDER_KINDS)


def policy_of(tenant: Tenant, store: str) -> Policy:
    """The rules of counting for one store, as plain values."""
    kits: dict[str, Recipe] = {kit: tuple(parts.items()) for kit, parts in tenant.kits.items()}
    model = tenant.stores[store]
    location = places_of(model, tenant.erp.location).home
    return Policy(
        returns=Returns(tenant.returns), baseline=Baseline(model.baseline), count_on=CountOn(tenant.count_on),
        on_cancel=OnCancel(tenant.on_cancel), location=location, skus=dict(model.skus), kits=kits,
    )  # fmt: skip


def _holds(model: AnyStoreModel) -> HoldPolicy:
    """What carts of the store keep from other shops."""
    if not isinstance(model, BigCommerceStore):
        return HoldPolicy()
    return HoldPolicy(model.holds_minutes, units(model.holds_units_max), Quantity(round(model.holds_share * UNIT)))


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
        places=places_of(model, tenant.erp.location),
        level_signals=Kind.ITEM in kinds_of(model),
    )
