"""`doctor`, about the daemon and its webhooks: what it says itself, and whether stores would find their way to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.config.load import Configuration
from syncd.control.doctor import NOTE, OK, WARNING, finding

PAGE = "docs/webhooks.md"


def examine_webhooks(
    configuration: Configuration, told: Mapping[str, Any] | None, reached: str | None
) -> list[dict[str, Any]]:
    """`told` is the running daemon's status, None where none runs. `reached`: how the listener answered under its public
    address, "" for well, None where it wasn't tried."""
    if told is None:
        return [finding(NOTE, "daemon", "it doesn't run", "a daemon at work", "systemctl start syncd, or syncd run")]
    found = [finding(OK, "daemon", "it runs")]
    settings = configuration.settings.webhooks if configuration.settings is not None else None
    if settings is None:
        return [*found, finding(OK, "webhooks", "none are configured: stores are polled")]
    if reached:
        remedy = f"look at the reverse proxy and its certificate ({PAGE}), and for webhook.unavailable in the log"
        found.append(
            finding(WARNING, "webhooks", f"{settings.public_url}: {reached}", "an answer of syncd's listener", remedy)
        )
    elif reached is not None:
        found.append(finding(OK, "webhooks", f"{settings.public_url} leads to the listener"))
    for tenant in told["tenants"]:
        found += [_store(tenant["tenant"], store) for store in tenant["stores"] if store.get("webhooks")]
    return found


def _store(tenant: str, store: Mapping[str, Any]) -> dict[str, Any]:
    place = {"tenant": tenant, "name": store["store"]}
    hooks = store["webhooks"]
    if hooks["alive"]:
        return finding(OK, "webhooks", "the store calls", **place)
    if not hooks["trouble"]:
        return finding(
            NOTE, "webhooks", "not looked at yet", "a store that calls", "look again in five minutes", **place
        )
    remedy = f"{PAGE} says what each store needs; until then it is polled at the usual pace"
    return finding(WARNING, "webhooks", hooks["trouble"], "a store that calls", remedy, **place)
