"""Checks that look at several keys, or several files, at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from syncd.config.problem import show_value
from syncd.config.sink_models import sink_folder
from syncd.config.store_models import BigCommerceStore
from syncd.config.tenant import embedded_file
from syncd.config.translate import Mistake

FILE_SINKS = ("ndjson", "parquet")
TenantTable = tuple[str, Mapping[str, Any]]  # a tenant's name, and what its file holds


def check_kits(kits: Any) -> Iterator[Mistake]:
    """A kit needs components, and none of them may be a kit: their counters would be counted twice."""
    for kit, components in kits.items() if isinstance(kits, dict) else ():
        if not isinstance(components, dict):
            continue  # the model says so
        if not components:
            yield Mistake(
                ("kits", kit), "at least one component", "none", 'Write it like { "BOLT" = 4 }, or remove the kit.'
            )
        for component in components:
            if component in kits:
                yield Mistake(
                    ("kits", kit, component),
                    "a component that is no kit itself",
                    show_value(component),
                    "Name the components of that kit here, multiplied.",
                )


def check_carts(stores: Any) -> Iterator[Mistake]:
    """Carts are only heard of by webhooks, and only carts that are read can hold anything."""
    for name, store in _tables(stores):
        if store.get("carts") is True and store.get("webhooks") is False:
            hint = "BigCommerce has no list of carts: let the store call, or leave `carts` out."
            yield Mistake(("stores", name, "carts"), "webhooks = true, or no carts", "webhooks = false", hint)
        if store.get("holds_minutes") and store.get("carts") is not True:
            hint = "Add `carts = true`, or leave `holds_minutes` out."
            yield Mistake(("stores", name, "holds_minutes"), "carts = true beside it", "no carts", hint)


def check_orders(table: Mapping[str, Any]) -> Iterator[Mistake]:
    """Orders come from an ERP that has a list of them; the embedded stock book has none."""
    erp = table.get("erp")
    if not isinstance(erp, Mapping) or erp.get("kind") != "embedded":
        return
    for name, store in _tables(table.get("stores")):
        if store.get("orders") == "from_erp":
            yield Mistake(
                ("stores", name, "orders"),
                '"off" with the embedded stock book',
                show_value("from_erp"),
                "It has no list of orders for stores: remove the key, or join an ERP by the REST contract.",
            )


def check_documents(table: Mapping[str, Any]) -> Iterator[Mistake]:
    """What the shop ships reaches the ERP in the orders' documents, and in no other way."""
    erp = table.get("erp")
    if not isinstance(erp, Mapping) or erp.get("documents") is True:
        return
    for store, settings in _tables(table.get("stores")):
        if settings.get("shipments") in ("to_erp", "both"):
            hint = "Set documents = true in [erp], or tell the ERP of no shipments."
            yield Mistake(("stores", store, "shipments"), "order documents in the ERP", "documents = false", hint)


def check_together(
    files: Sequence[TenantTable], variables: Iterable[tuple[str, str]], environment: Mapping[str, str], state_dir: Path
) -> Iterator[tuple[str, Mistake]]:
    """What may be right in each file and is wrong between them: each mistake with its tenant's name.

    It looks at the files' tables, not at models, so that a file with other mistakes is looked at, too.
    """
    yield from _one_shop_twice(files)
    yield from _one_stock_book_twice(files, state_dir)
    yield from _one_folder_twice(files)
    yield from _unknown_stores(files)
    yield from _without_pyarrow(files)
    yield from _one_variable_twice(variables, environment)


def _one_shop_twice(files: Sequence[TenantTable]) -> Iterator[tuple[str, Mistake]]:
    """Two stores that are the same shop would count each order twice and overwrite each other's levels."""
    seen: dict[tuple[str, ...], str] = {}
    for tenant, table in files:
        for store, settings in _tables(table.get("stores")):
            shop = shop_key(settings)
            if shop is None:
                continue
            this = f"{tenant}/{store}"
            first = seen.setdefault(shop, this)
            if first != this:
                key = "store_hash" if settings.get("kind") == "bigcommerce" else "base_url"
                hint = (
                    f"Remove one of them: two stores for one shop would count each order twice. The other is {first}."
                )
                yield (
                    tenant,
                    Mistake(("stores", store, key), "a shop that no other store has", f"that of {first}", hint),
                )


def shop_key(settings: Mapping[str, Any]) -> tuple[str, ...] | None:
    """What makes it this shop, or None when that isn't known."""
    is_bigcommerce = settings.get("kind") == "bigcommerce"
    default = BigCommerceStore.model_fields["base_url"].default if is_bigcommerce else None
    parts = [settings.get("base_url", default)] + ([settings.get("store_hash")] if is_bigcommerce else [])
    texts = [part for part in parts if isinstance(part, str) and part]
    if len(texts) < len(parts):
        return None
    return (_place(texts[0]), *texts[1:])


def _place(address: str) -> str:
    """The address in the one form that all its spellings share: of http and https, port 80 and 443, a shop has both."""
    try:
        parts = urlsplit(address)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return address
    return f"{host}:{'' if port in (None, 80, 443) else port}/{parts.path.strip('/')}".lower()


def _one_stock_book_twice(files: Sequence[TenantTable], state_dir: Path) -> Iterator[tuple[str, Mistake]]:
    seen: dict[Path, str] = {}
    for tenant, table in files:
        erp = table.get("erp")
        if not isinstance(erp, Mapping) or erp.get("kind") != "embedded":
            continue
        named = erp.get("file")
        file = state_dir / (named if isinstance(named, str) else embedded_file(tenant))
        first = seen.setdefault(file, tenant)
        if first != tenant:
            hint = "Give each tenant a stock book of its own, or leave `file` out."
            yield tenant, Mistake(("erp", "file"), "a file that no other tenant has", f"that of {first}", hint)


def _one_folder_twice(files: Sequence[TenantTable]) -> Iterator[tuple[str, Mistake]]:
    """Two sinks that write to one folder, or one inside the other's: an erasure would look at strangers' files."""
    seen: dict[tuple[str, ...], str] = {}
    for tenant, table in files:
        for name, settings in _tables(table.get("sinks")):
            if settings.get("kind") not in FILE_SINKS:
                continue
            named = settings.get("folder")
            parts = (Path(named) if isinstance(named, str) else sink_folder(tenant, name)).parts
            other = next(
                (who for known, who in seen.items() if parts[: len(known)] == known or known[: len(parts)] == parts), ""
            )
            seen[parts] = f"{tenant}/{name}"
            if other:
                hint = "Give each sink a folder of its own, or leave `folder` out."
                yield (
                    tenant,
                    Mistake(("sinks", name, "folder"), "a folder that no other sink has", f"that of {other}", hint),
                )


def _without_pyarrow(files: Sequence[TenantTable]) -> Iterator[tuple[str, Mistake]]:
    """Parquet needs a large package that only some want."""
    if find_spec("pyarrow") is not None:
        return
    for tenant, table in files:
        for name, settings in _tables(table.get("sinks")):
            if settings.get("kind") == "parquet":
                hint = "Install it: pip install 'syncd[parquet]'. Or write \"ndjson\" files."
                yield (
                    tenant,
                    Mistake(("sinks", name, "kind"), "the package pyarrow, which writes Parquet", "none", hint),
                )


def _unknown_stores(files: Sequence[TenantTable]) -> Iterator[tuple[str, Mistake]]:
    """A sink of a store that there is not would wait for ever."""
    for tenant, table in files:
        known = dict(_tables(table.get("stores")))
        for name, settings in _tables(table.get("sinks")):
            chosen = settings.get("stores")
            for each in chosen if isinstance(chosen, list) else ():
                if isinstance(each, str) and each not in known:
                    hint = f"Known here: {', '.join(known)}."
                    yield (
                        tenant,
                        Mistake(("sinks", name, "stores"), "names of this file's stores", show_value(each), hint),
                    )


def _one_variable_twice(
    variables: Iterable[tuple[str, str]], environment: Mapping[str, str]
) -> Iterator[tuple[str, Mistake]]:
    """Tenant a-b with store c, and tenant a with store b-c: their variables have the same name."""
    owners: dict[str, list[str]] = {}
    for variable, tenant in variables:
        if variable in environment:
            owners.setdefault(variable, []).append(tenant)
    for variable, tenants in owners.items():
        for tenant in tenants if len(tenants) > 1 else ():
            hint = "Give the secrets by files or systemd credentials instead."
            found = f"it is meant for {' and '.join(tenants)}"
            yield tenant, Mistake((), f"{variable} to be meant for one secret", found, hint)


def _tables(stores: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, settings in stores.items() if isinstance(stores, Mapping) else ():
        if isinstance(settings, Mapping):
            yield name, settings
