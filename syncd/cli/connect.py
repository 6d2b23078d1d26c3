"""`check --connect`: asks each store and ERP who it is, reads its catalogue, and tells what stands against exactness."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import aiohttp
import anyio

from syncd.adapters import make_http_erp, make_store, places_of
from syncd.app import open_session, policy_of
from syncd.clock import SystemChance, SystemClock
from syncd.config.erp_models import HttpErp
from syncd.config.load import Configuration
from syncd.config.tenant import Tenant
from syncd.control.failure import exit_code_of
from syncd.core.policy import Recipe
from syncd.core.quantity import SECOND, Instant
from syncd.core.quota import read_headers, server_now
from syncd.errors import SyncdError
from syncd.observability.log import Log, make_log
from syncd.ports.clock import Chance, Clock

CATALOGUE_PAGES_MAX = 500  # of one store: enough for 50,000 products; more are counted as "at least"
CLASHES_SHOWN_MAX = 10
GREET_SECONDS_MAX = 15.0
GREETED = "doctor/greets"  # any path: a greeting as WooCommerce's is answered everywhere
GREETING = b"webhook_id=0"
CONNECT_SECONDS_MAX = 300.0  # for one store or ERP; its own requests give up far sooner


@dataclass(frozen=True, slots=True)
class _Means:
    clock: Clock
    chance: Chance
    session: aiohttp.ClientSession


@dataclass(slots=True)
class _Heard:
    """The heads of the answers that one store or ERP gave: what they say about its clock and about its quota."""

    clock: Clock
    ahead: tuple[float, float] | None = None  # seconds, and how wrong that may be; of the quickest answer
    quota: dict[str, int] | None = None

    def trace(self) -> aiohttp.TraceConfig:
        """Hears all answers of a session."""
        config = aiohttp.TraceConfig()

        async def began(_session: aiohttp.ClientSession, context: SimpleNamespace, _told: object) -> None:
            context.began = self.clock.wall()

        async def ended(
            _session: aiohttp.ClientSession, context: SimpleNamespace, told: aiohttp.TraceRequestEndParams
        ) -> None:
            self._hear(told.response.headers, context.began, self.clock.wall())

        config.on_request_start.append(began)
        config.on_request_end.append(ended)
        return config

    def _hear(self, headers: Mapping[str, str], began: Instant, ended: Instant) -> None:
        if "Date" in headers:
            theirs = server_now(headers, ended) + SECOND // 2  # it has whole seconds
            half_us = max(0, ended - began) // 2
            told = ((theirs - began - half_us) / SECOND, (half_us + SECOND) / SECOND)
            if self.ahead is None or told[1] < self.ahead[1]:
                self.ahead = told
        seen = read_headers(headers, ended)
        if seen.limit and seen.left is not None:
            self.quota = {"left": seen.left, "limit": seen.limit}

    def take(self) -> dict[str, Any]:
        """What was heard since the last time, for an entry."""
        ahead, quota = self.ahead, self.quota
        self.ahead = self.quota = None
        return {
            "clock_ahead_seconds": None if ahead is None else round(ahead[0], 1),
            "clock_error_seconds": None if ahead is None else round(ahead[1], 1),
            "quota": quota,
        }


def try_connections(configuration: Configuration, only: str | None = None) -> list[dict[str, Any]]:
    """One entry for each ERP and each store of the tenants that are configured well, or of the one named `only`."""
    return anyio.run(_try, configuration, only)


def greet(public_url: str) -> str:
    """Call the webhook listener as a store does that greets it. Returns "" if it answers, else what came instead."""
    return anyio.run(_greet, public_url)


async def _greet(public_url: str) -> str:
    timeout = aiohttp.ClientTimeout(total=GREET_SECONDS_MAX)
    try:
        async with (
            open_session() as session,
            session.post(f"{public_url}/{GREETED}", data=GREETING, allow_redirects=False, timeout=timeout) as answer,
        ):
            return "" if answer.status == HTTPStatus.OK else f"it answers {answer.status}"
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return f"it doesn't answer: {str(error) or type(error).__name__}"


async def _try(configuration: Configuration, only: str | None) -> list[dict[str, Any]]:
    clock = SystemClock()
    log = make_log(sys.stderr, form="auto", level="error", clock=clock, secrets=configuration.secrets)
    entries: list[dict[str, Any]] = []
    heard = _Heard(clock)
    async with open_session(traces=[heard.trace()]) as session:
        means = _Means(clock, SystemChance(), session)
        for tenant in configuration.tenants:
            if only not in (None, tenant.name):
                continue
            entries.append(await _guarded(tenant, "erp", _erp(configuration, tenant, means, log)) | heard.take())
            entries += [
                await _guarded(tenant, name, _store(tenant, name, means, log)) | heard.take() for name in tenant.stores
            ]
    return entries


async def _guarded(tenant: Tenant, name: str, asking: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    """The entry, whatever happens."""
    entry: dict[str, Any] = {
        "tenant": tenant.name, "name": name, "reached": False, "identity": "", "error": "", "hint": "", "exit": 0,
        "warnings": [], "notes": [],
    }  # fmt: skip
    try:
        with anyio.fail_after(CONNECT_SECONDS_MAX):
            told = await asking
    except SyncdError as error:
        return entry | {"error": str(error), "hint": error.hint, "exit": exit_code_of(error)}
    except TimeoutError:
        return entry | {"error": f"no end after {CONNECT_SECONDS_MAX:.0f} s", "exit": 69}
    return entry | {"reached": True} | told


async def _erp(configuration: Configuration, tenant: Tenant, means: _Means, log: Log) -> dict[str, Any]:
    if not isinstance(tenant.erp, HttpErp):
        assert configuration.settings is not None
        path = tenant.erp_file(configuration.settings.state_dir)
        there = path is not None and path.exists()
        note = f"stock book {path}" if there else f"stock book {path} will be made at the first start or import"
        return {"identity": "embedded", "notes": [note]}
    erp = make_http_erp(tenant.erp, means, log)
    told = await erp.describe()
    levels = await erp.levels("")
    at_least = "at least " if levels.more else ""
    warnings, notes = [], []
    for location, keys in _erp_locations(tenant).items():
        mine = sum(1 for _, place in levels.levels if place == location)
        if not mine and not levels.more:
            warnings.append(f"it shows no SKU at location {location!r}: is {keys} right?")
        notes.append(f"{told.name or 'unnamed'}, {at_least}{mine} SKUs at location {location!r}")
    if tenant.erp.posting not in erp.traits.postings:
        warnings.append(f'posting = "{tenant.erp.posting}" can\'t be kept exact by this adapter')
    return {"identity": told.identity, "notes": notes, "warnings": warnings}


def _erp_locations(tenant: Tenant) -> dict[str, str]:
    """The ERP's locations that are sold from, and the key that says so."""
    found = {tenant.erp.location: "erp.location"}
    for name, store in tenant.stores.items():
        for location in places_of(store, tenant.erp.location).locations.values():
            found.setdefault(location, f"stores.{name}.locations")
    return found


async def _store(tenant: Tenant, name: str, means: _Means, log: Log) -> dict[str, Any]:
    port = make_store(tenant.stores[name], means, log)
    told = await port.orders.describe()
    policy = policy_of(tenant, name)
    counters: dict[str, dict[Recipe, str]] = defaultdict(dict)
    uncounted = without_sku = 0
    position = ""
    for _ in range(CATALOGUE_PAGES_MAX):
        page = await port.inventory.listings(position)
        for entry in page.listings:
            uncounted += not entry.item and not entry.digital
            without_sku += bool(entry.item) and not entry.sku
            if entry.item and entry.sku:
                counters[entry.item].setdefault(policy.recipe(entry.sku), entry.sku)
        position = page.next
        if not position:
            break
    clashes = {item: sorted(found.values()) for item, found in counters.items() if len(found) > 1}
    warnings = list(told.warnings)
    for item, skus in list(clashes.items())[:CLASHES_SHOWN_MAX]:
        warnings.append(f"counter {item} stands for several ERP SKUs ({', '.join(skus)}): it can't be kept exact")
    if without_sku:
        warnings.append(f"{without_sku} products with stock have no SKU: their orders go to quarantine")
    notes = [f"{told.name}, {'at least ' if position else ''}{len(counters)} stock items"]
    if uncounted:
        notes.append(f"{uncounted} products whose stock the shop doesn't count")
    return {"identity": told.identity, "warnings": warnings, "notes": notes}
