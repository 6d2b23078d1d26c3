"""`check --connect`: asks each store and ERP who it is, reads its catalogue, and tells what stands against exactness."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

import aiohttp
import anyio

from syncd.app import make_http_erp, make_store, open_session, policy_of
from syncd.clock import SystemChance, SystemClock
from syncd.config.load import Configuration
from syncd.config.tenant import HttpErp, Tenant
from syncd.control.failure import exit_code_of
from syncd.core.policy import Recipe
from syncd.errors import SyncdError
from syncd.observability.log import Log, make_log
from syncd.ports.clock import Chance, Clock

CATALOGUE_PAGES_MAX = 500  # of one store: enough for 50,000 products; more are counted as "at least"
CLASHES_SHOWN_MAX = 10
CONNECT_SECONDS_MAX = 300.0  # for one store or ERP; its own requests give up far sooner


@dataclass(frozen=True, slots=True)
class _Means:
    clock: Clock
    chance: Chance
    session: aiohttp.ClientSession


def try_connections(configuration: Configuration) -> list[dict[str, Any]]:
    """One entry for each ERP and each store of the tenants that are configured well."""
    return anyio.run(_try, configuration)


async def _try(configuration: Configuration) -> list[dict[str, Any]]:
    clock = SystemClock()
    log = make_log(sys.stderr, form="auto", level="error", clock=clock, secrets=configuration.secrets)
    entries: list[dict[str, Any]] = []
    async with open_session() as session:
        means = _Means(clock, SystemChance(), session)
        for tenant in configuration.tenants:
            entries.append(await _guarded(tenant, "erp", _erp(configuration, tenant, means, log)))
            entries.extend([await _guarded(tenant, name, _store(tenant, name, means, log)) for name in tenant.stores])
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
    mine = sum(1 for _, location in levels.levels if location == tenant.erp.location)
    at_least = "at least " if levels.more else ""
    warnings = []
    if not mine and not levels.more:
        warnings.append(f"it shows no SKU at location {tenant.erp.location!r}: is erp.location right?")
    if tenant.erp.posting not in erp.traits.postings:
        warnings.append(f'posting = "{tenant.erp.posting}" can\'t be kept exact by this adapter')
    notes = [f"{told.name or 'unnamed'}, {at_least}{mine} SKUs at location {tenant.erp.location!r}"]
    return {"identity": told.identity, "notes": notes, "warnings": warnings}


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
