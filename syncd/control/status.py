"""`status`: per tenant and store, what is going on and what waits for whom."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from syncd.config.load import Configuration
from syncd.control.failure import EXIT_FAILED, CommandFailed
from syncd.control.pause import shown, shown_of
from syncd.control.plain import iso
from syncd.control.scene import Scene, Tell, broken_tenant, unknown_tenant
from syncd.core.cart import CartState
from syncd.core.quantity import LONG_AGO, Instant, microseconds, seconds, show
from syncd.core.signal import Kind
from syncd.engine.reconciler import Reconciler
from syncd.engine.supervisor import TenantWork
from syncd.ledger import carts, deliveries, documents, history, levels, pauses, signals, stores
from syncd.reconcile.context import StoreContext
from syncd.transport.client import HttpClient

DRIFT_SECONDS: Final = 86_400.0  # drift found since then is counted as "lately"


class StatusRequest(msgspec.Struct, forbid_unknown_fields=True):
    """All tenants, or one."""

    tenant: str | None = None


async def status(scene: Scene, request: StatusRequest, tell: Tell) -> dict[str, Any]:  # noqa: ARG001 - as all commands
    """The state of the daemon, its tenants and their stores."""
    chosen = list(scene.works.values()) if request.tenant is None else [scene.tenant(request.tenant)]
    now = scene.clock.now()
    tenants = [await scene.ledger.read(lambda c, work=work: _tenant(c, scene, work, now)) for work in chosen]  # type: ignore[misc]
    return _told(scene, tenants, [] if request.tenant is not None else not_running(scene), now)


async def glance(scene: Scene, limit_seconds: float) -> dict[str, Any]:
    """The same of all tenants, by one look into the ledger that ends within a bound: for probes, which come again and again.

    Raises TransientError where it takes longer.
    """
    now, works = scene.clock.now(), list(scene.works.values())

    def look(connection: Connection) -> list[dict[str, Any]]:
        return [_tenant(connection, scene, work, now) for work in works]

    return _told(scene, await scene.ledger.read(look, limit_seconds=limit_seconds), not_running(scene), now)


def not_running(scene: Scene) -> list[dict[str, Any]]:
    """The tenants that don't run, with what is wrong."""
    failed = [each for each in broken(scene.configuration) if each["tenant"] not in scene.works]  # else it is kept
    known = {*scene.works, *(each["tenant"] for each in failed)}
    idle = [tenant.name for tenant in scene.configuration.tenants if tenant.name not in known]
    return failed + [{"tenant": name, "problems": ["it can't run: see tenant.failed in the log"]} for name in idle]


def _configuration(scene: Scene) -> dict[str, Any]:
    """What the last reload has left undone."""
    told = scene.reloaded or {}
    return {
        "reloaded_at": told.get("at"),
        "problems": [str(problem) for problem in scene.configuration.errors if not problem.tenant],
        "needs_restart": list(told.get("needs_restart", [])),
    }


def _told(scene: Scene, tenants: list[dict[str, Any]], down: list[dict[str, Any]], now: Instant) -> dict[str, Any]:
    state = scene.ledger.state()
    return {
        "running": scene.running,
        "at": iso(now),
        "state_dir": str(scene.state_dir),
        "tenants": tenants,
        "broken": down,
        "configuration": _configuration(scene),
        "ledger": {
            "live_waiting": state.live_waiting,
            "backfill_waiting": state.backfill_waiting,
            "wal_bytes": state.wal_bytes,
            "last_commit_at": iso(state.last_commit_at or LONG_AGO),
            "last_commit_seconds": round(state.last_commit_seconds, 4),
        },
    }


def status_without_ledger(configuration: Configuration, tenant: str | None) -> dict[str, Any]:
    """The status before the daemon has ever run: what the configuration says, and nothing more."""
    names = [each.name for each in configuration.tenants]
    if tenant is not None and tenant in configuration.failed_tenants:
        raise broken_tenant(configuration, tenant)
    if tenant is not None and tenant not in names:
        raise unknown_tenant(tenant, sorted(names))
    if configuration.settings is None:
        raise CommandFailed("syncd.toml is broken", hint="`syncd check` tells what is wrong", exit_code=EXIT_FAILED)
    return {
        "running": False,
        "at": None,
        "state_dir": str(configuration.settings.state_dir),
        "tenants": [
            {
                "tenant": each.name,
                "mode": each.mode,
                "trouble": None,
                "erp": {"known": False, "read_at": None, "behind_seconds": None, "fresh": False},
                "moves": {"waiting": 0, "sent": 0, "in_doubt": 0},
                "quarantine": 0,
                "stores": [{"store": name, "state": stores.NEW} for name in each.stores],
            }
            for each in configuration.tenants
            if tenant in (None, each.name)
        ],
        "broken": broken(configuration) if tenant is None else [],
        "ledger": None,
    }


def broken(configuration: Configuration) -> list[dict[str, Any]]:
    """The tenants that can't run, with what is wrong in their files."""
    return [
        {"tenant": name, "problems": [str(problem) for problem in configuration.errors if problem.tenant == name]}
        for name in configuration.failed_tenants
    ]


def _tenant(connection: Connection, scene: Scene, work: TenantWork, now: Instant) -> dict[str, Any]:
    context = work.context
    name = context.tenant
    erp = levels.read_erp(connection, name)
    watched = max(context.erp_watched, erp[3] if erp else LONG_AGO)
    moves = history.count_moves(connection, name)
    held = history.count_held(connection, name)
    drifts = history.count_drift(connection, name, Instant(now - microseconds(DRIFT_SECONDS)))
    configured = {reconciler.context.store for reconciler in work.reconcilers}
    return {
        "tenant": name,
        "mode": context.mode,
        "trouble": work.trouble or None,
        "paused": shown(pauses.read_pauses(connection, name).get(pauses.WHOLE), "tenant"),
        "kept": [str(problem) for problem in scene.configuration.errors if problem.tenant == name],
        "erp": {
            "known": erp is not None,
            "read_at": iso(watched),
            "behind_seconds": round(max(0.0, seconds(now - watched)), 1) if watched else None,
            "fresh": bool(watched) and seconds(now - watched) <= context.options.fresh_seconds,
            **_guest(context.client),
        },
        "moves": {"waiting": moves.intended, "sent": moves.sent, "in_doubt": moves.in_doubt},
        "doubt_seconds": round(max(0.0, seconds(now - moves.doubted)), 1) if moves.in_doubt else None,
        "quarantine": sum(held.values()),
        "stores": [_store(connection, scene, reconciler, now, held, drifts) for reconciler in work.reconcilers],
        "sinks": _sinks(connection, work, now),
        "stores_not_configured": sorted(set(stores.store_names(connection, name)) - configured),
    }


def _store(
    connection: Connection,
    scene: Scene,
    reconciler: Reconciler,
    now: Instant,
    held: dict[str, int],
    drifts: dict[str, history.DriftCounts],
) -> dict[str, Any]:
    context = reconciler.context
    tenant, name = context.tenant.tenant, context.store
    row = stores.read_store(connection, tenant, name)
    if row is None:
        return {"store": name, "state": stores.NEW, "trouble": reconciler.trouble or None, **_guest(context.client)}
    paused = shown_of(pauses.read_pauses(connection, tenant), name)
    drained = max(context.drained, row.drained)
    items = history.count_items(connection, tenant, name, now)
    drift = drifts.get(name, history.NO_DRIFT)
    return {
        "store": name,
        "state": row.state,
        "shadow": not context.tenant.is_live,
        "approved_at": iso(row.approved),
        "brake": row.brake or None,
        "paused": paused,
        "writes": _writes(context.tenant.is_live, row, paused),
        "orders_read_to": iso(drained),
        "behind_seconds": round(max(0.0, seconds(now - drained)), 1) if drained else None,
        "fresh": bool(drained) and now - drained <= context.options.fresh_us + context.port.orders.traits.settle_us,
        "cutover": iso(row.cutover),
        "trouble": reconciler.trouble or reconciler.long_step() or None,
        "restarts": reconciler.restarts if scene.running else None,
        "items": {"active": items.active, "unread": items.unread, "due": items.due},
        "quarantine": held.get(name, 0),
        "drift": {"open": drift.open, "last_day": drift.late, "open_units": show(drift.units)},
        "webhooks": _webhooks(connection, context),
        "carts": _carts(connection, context),
        "documents": _documents(connection, context),
        **_guest(context.client),
        "swept_at": iso(row.swept),
    }


def _sinks(connection: Connection, work: TenantWork, now: Instant) -> list[dict[str, Any]]:
    """What waits for each sink, and its trouble; also for those that are not configured any more, where something does."""
    found = deliveries.backlogs(connection, work.context.tenant)
    steps = {each.name: each for each in work.sinks}
    told = []
    for name in [*steps, *sorted(found.keys() - steps.keys())]:
        step, backlog = steps.get(name), found.get(name, deliveries.Backlog())
        told.append(
            {
                "sink": name, "configured": step is not None, "waiting": backlog.waiting, "refused": backlog.refused,
                "oldest_seconds": round(max(0.0, seconds(now - backlog.oldest)), 1) if backlog.waiting else None,
                "stopped": step is not None and step.stopped, "trouble": (step.trouble or None) if step is not None else None,
            }
        )  # fmt: skip
    return told


def _webhooks(connection: Connection, context: StoreContext) -> dict[str, Any] | None:
    """Whether the store calls (and if not, why), and how many orders it has spoken of that are to be read; None where it is
    only polled."""
    if context.hooks is None or not context.tenant.is_live:
        return None
    waiting = signals.count(connection, context.tenant.tenant, context.store)
    return {"alive": context.hooks_alive, "trouble": context.hooks_trouble or None, "waiting": waiting}


def _carts(connection: Connection, context: StoreContext) -> dict[str, Any] | None:
    """The store's carts that are there, as far as is known, how many it has spoken of that are to be read, and what keeps them
    from being read; None where they aren't read at all."""
    if context.carts is None:
        return None
    told = carts.counts(connection, context.tenant.tenant, context.store)
    return {
        "open": told.get(CartState.OPEN, 0),
        "abandoned": told.get(CartState.ABANDONED, 0),
        "waiting": signals.count(connection, context.tenant.tenant, context.store, Kind.CART),
        "trouble": context.carts_trouble or None,
    }


def _documents(connection: Connection, context: StoreContext) -> dict[str, int] | None:
    """How many of the store's orders are to be made documents, and how many documents are to be put to the ERP; None where nobody
    wants them."""
    if context.documents is None:
        return None
    due, waiting = documents.count(connection, context.tenant.tenant).get(context.store, (0, 0))
    return {"due": due, "waiting": waiting}


def _guest(client: HttpClient | None) -> dict[str, Any]:
    """What the other side lets itself be asked, as it said last: of what is asked over HTTP."""
    if client is None:
        return {}
    seen = client.quota().seen
    return {"quota": {"limit": seen.limit, "left": seen.left}, "breaker": client.breaker().phase.value}


def _writes(is_live: bool, row: stores.StoreRow, paused: dict[str, Any] | None) -> str:
    """Whether levels are written to the shop, in one word; else what they wait for."""
    if not is_live:
        return "shadow"
    if row.state != stores.READY:
        return "waiting for the baseline"
    if row.brake:
        return "stopped by the brake"
    if paused:
        return "paused"
    return "on" if row.approved else "waiting for approval"
