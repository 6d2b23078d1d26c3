"""Which shop this is, how it counts, and how far its clock is off: four small requests."""

from __future__ import annotations

import re

from yarl import URL

from syncd.core.quantity import SECOND
from syncd.errors import MisconfiguredError, RefusedError, StoreFault
from syncd.ports.store import StockBehaviour, StoreDescription
from syncd.stores.woocommerce.api import V3, Api
from syncd.stores.woocommerce.wire import Index, Setting, SystemStatus
from syncd.transport import Answer, clock_of

EDITS_ADJUST_FROM = (9, 5)  # since then, an edit of a placed order's lines by REST moves the counter (pull 51974)
MODIFIED_AFTER_FROM = (5, 8)  # before, modified_after is silently ignored, and a scan would never end
NO_RIGHT = (401, 403, 404)
UNTOLD_ERROR_US = 60 * SECOND  # of the clock of a shop whose answers have no Date
_VERSION = re.compile(r"(\d+)\.(\d+)")
INDEX_FIELDS = "name,url,home,namespaces"


async def describe(api: Api) -> tuple[StoreDescription, int]:
    """The description, and for how many minutes the shop holds units for unpaid orders (0: it doesn't).

    Raises MisconfiguredError where this is no WooCommerce shop, or one too old to be read safely.
    """
    answers: list[Answer] = []
    warnings: list[str] = []
    index = await _read_index(api, answers)
    address = index.url or index.home
    if (index.home or address).startswith("http:"):
        warnings.append("the shop's address is plain http: keys sign each request, but orders travel readable")
    version = await _read_version(api, answers, warnings)
    hold_minutes = await _read_settings(api, answers, warnings)
    if version and version < MODIFIED_AFTER_FROM:
        raise MisconfiguredError(
            f"WooCommerce {'.'.join(map(str, version))} can't list changed orders",
            operation="describe",
            hint="update WooCommerce: modified_after came with 5.8",
        )
    edits_adjust = not version or version >= EDITS_ADJUST_FROM
    if not edits_adjust:
        warnings.append("WooCommerce before 9.5: edits of an order's lines by REST don't move the shop's stock")
    ahead_us, error_us = clock_of(answers) or (0, UNTOLD_ERROR_US)
    description = StoreDescription(
        identity=identity_of(address),
        name=index.name,
        behaviour=StockBehaviour(takes_at="placed", edits_adjust=edits_adjust, cancel_returns=True, witnessed=True),
        clock_ahead_us=ahead_us,
        clock_error_us=error_us,
        warnings=tuple(warnings),
    )
    return description, hold_minutes


def identity_of(address: str) -> str:
    """The shop's identity: host, port and path of its address, without the scheme, which a move to https changes."""
    url = URL(address)
    port = "" if url.port is None or url.is_default_port() else f":{url.port}"
    return f"woocommerce:{(url.host or '').lower()}{port}{url.path.rstrip('/')}"


async def _read_index(api: Api, answers: list[Answer]) -> Index:
    try:
        answer = await api.read("/", [("_fields", INDEX_FIELDS)])
    except RefusedError as error:
        raise _no_shop(error.operation, str(error)) from None
    index = answer.json(Index)
    if not (index.url or index.home) or "wc/v3" not in index.namespaces:
        raise _no_shop(answer.operation, "WordPress answers, WooCommerce's REST API v3 is not there")
    answers.append(answer)
    return index


def _no_shop(operation: str, reason: str) -> MisconfiguredError:
    return MisconfiguredError(
        reason,
        operation=operation,
        hint="is this the shop's address, and WooCommerce switched on? Without pretty permalinks set rest_route",
    )


async def _read_version(api: Api, answers: list[Answer], warnings: list[str]) -> tuple[int, ...]:
    """Major and minor, () where the key's user may not see it.

    It is the slowest of all routes, and firewalls like to block it; a shop that is really down fails at the next request.
    """
    query = [("_fields", "environment.version")]
    try:
        answer = await api.read(f"{V3}/system_status", query, accept=NO_RIGHT)
    except StoreFault as fault:
        warnings.append(f"the version of WooCommerce is not known: {fault}")
        return ()
    if answer.status in NO_RIGHT:
        await _check_rights(api)
        warnings.append("the key's user may not read system_status: the version of WooCommerce is not known")
        return ()
    answers.append(answer)
    found = _VERSION.match(answer.json(SystemStatus).environment.version)
    return (int(found[1]), int(found[2])) if found else ()


async def _check_rights(api: Api) -> None:
    """Whether the key may read orders at all. Raises MisconfiguredError, with the remedy, where it may not."""
    await api.read(f"{V3}/orders", [("per_page", "1"), ("_fields", "id")])


async def _read_settings(api: Api, answers: list[Answer], warnings: list[str]) -> int:
    """Minutes for which units are held; a warning where the shop counts nothing."""
    manage_stock = await _read_setting(api, answers, "woocommerce_manage_stock")
    if manage_stock is None:
        warnings.append("the key's user may not read the shop's settings: whether it manages stock is not known")
        return 0
    if manage_stock not in {"yes", "1", "true"}:
        warnings.append("stock management is switched off in the shop: it counts nothing, and levels can't be written")
    try:
        return max(0, int(await _read_setting(api, answers, "woocommerce_hold_stock_minutes") or "0"))
    except ValueError:
        return 0


async def _read_setting(api: Api, answers: list[Answer], name: str) -> str | None:
    try:
        answer = await api.read(f"{V3}/settings/products/{name}", [("_fields", "id,value")], accept=NO_RIGHT)
    except StoreFault as fault:  # a firewall's page under one of these
        if fault.status in NO_RIGHT:
            return None
        raise
    if answer.status in NO_RIGHT:
        return None
    answers.append(answer)
    value = answer.json(Setting).value
    return "" if value is None else str(value).lower()
