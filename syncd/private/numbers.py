"""The numbers of a scrape: the same as `syncd status`, and what was counted since the start."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from syncd import __version__
from syncd.control.scene import Scene
from syncd.control.status import not_running
from syncd.core.breaker import Phase
from syncd.core.quantity import Instant, seconds
from syncd.ledger import stores
from syncd.observability.meters import Meter, Meters
from syncd.private import catalogue as of
from syncd.private.exposition import Samples

STATES: Final = (stores.NEW, stores.BASELINE, stores.READY)
PHASES: Final = tuple(phase.value for phase in Phase)
ERP: Final = "erp"  # in the place of a store
MOVE_OUTCOMES: Final = ("confirmed", "refused", "in_doubt")
SHIPMENT_OUTCOMES: Final = ("made", "refused", "not_sent", "in_doubt")
SINK_OUTCOMES: Final = ("arrived", "failed", "refused", "dropped")
PLACEMENT_OUTCOMES: Final = ("placed", "refused", "held", "not_sent", "in_doubt", "followed", "not_followed")
DOCUMENT_OUTCOMES: Final = ("made", "told", "refused", "incomplete")
LEVEL_OUTCOMES: Final = ("written", "refused", "not_sent", "in_doubt")


def gather(scene: Scene, told: Mapping[str, Any] | None, meters: Meters, now: Instant) -> Samples:
    """All numbers; those of the ledger are missing where it didn't answer (`told` is None)."""
    samples = Samples()
    samples.add(of.BUILD_INFO, 1, __version__)
    samples.add(of.LEDGER_ANSWERS, told is not None)
    samples.add(of.CONFIGURED, all(problem.tenant for problem in scene.configuration.errors))
    broken = {*scene.failed}
    for each in not_running(scene):
        samples.add(of.TENANT_RUNS, 0, each["tenant"])
        samples.add(of.TENANT_CONFIGURED, each["tenant"] not in broken, each["tenant"])
    for tenant, work in scene.works.items():
        samples.add(of.TENANT_RUNS, 1, tenant)
        samples.add(of.TENANT_CONFIGURED, tenant not in broken, tenant)
        samples.add(of.TENANT_TROUBLE, bool(work.trouble), tenant)
        if work.context.client is not None:
            _requests(samples, meters.of(tenant, ERP), tenant, ERP)
        for sink in work.sinks:
            counted = meters.of(tenant, sink.place).deliveries
            for outcome in SINK_OUTCOMES:
                samples.add(of.SINK_OUTCOMES, counted.get(outcome, 0), tenant, sink.name, outcome)
        for reconciler in work.reconcilers:
            place = (tenant, reconciler.context.store)
            samples.add(of.STORE_TROUBLE, bool(reconciler.trouble), *place)
            _counted(samples, meters.of(*place), *place)
    for each in told["tenants"] if told is not None else ():
        _tenant(samples, each)
    _ledger(samples, scene, now)
    samples.add(of.WEBHOOKS_REFUSED, meters.webhooks_refused)
    return samples


def _requests(samples: Samples, meter: Meter, tenant: str, store: str) -> None:
    for outcome, times in sorted(meter.requests.items()):
        samples.add_times(of.REQUESTS, times, tenant, store, outcome)
    samples.add(of.RETRIES, meter.retries, tenant, store)


def _counted(samples: Samples, meter: Meter, tenant: str, store: str) -> None:
    _requests(samples, meter, tenant, store)
    for outcome in MOVE_OUTCOMES:
        samples.add(of.MOVE_OUTCOMES, meter.moves.get(outcome, 0), tenant, store, outcome)
    for outcome in LEVEL_OUTCOMES:
        samples.add(of.LEVEL_OUTCOMES, meter.levels.get(outcome, 0), tenant, store, outcome)
    for outcome in SHIPMENT_OUTCOMES:
        samples.add(of.SHIPMENT_OUTCOMES, meter.shipments.get(outcome, 0), tenant, store, outcome)
    for what, times in sorted(meter.carts.items()):
        samples.add(of.CART_CHANGES, times, tenant, store, what)
    for outcome in PLACEMENT_OUTCOMES:
        samples.add(of.PLACEMENT_OUTCOMES, meter.placements.get(outcome, 0), tenant, store, outcome)
    for outcome in DOCUMENT_OUTCOMES:
        samples.add(of.DOCUMENT_OUTCOMES, meter.documents.get(outcome, 0), tenant, store, outcome)
    samples.add(of.DOCUMENT_REQUESTS, meter.document_requests, tenant, store)
    samples.add(of.DRIFT_FOUND, meter.drifts, tenant, store)
    samples.add(of.WEBHOOKS, meter.webhooks, tenant, store)
    samples.add(of.WEBHOOKS_TURNED_AWAY, meter.webhooks_turned_away, tenant, store)


def _tenant(samples: Samples, told: Mapping[str, Any]) -> None:
    tenant = told["tenant"]
    samples.add(of.ERP_BEHIND, told["erp"]["behind_seconds"], tenant)
    samples.add(of.ERP_FRESH, told["erp"]["fresh"], tenant)
    _guest(samples, told["erp"], tenant, ERP)
    for state, count in told["moves"].items():
        samples.add(of.MOVES, count, tenant, state)
    samples.add(of.DOUBT_AGE, told["doubt_seconds"] or 0.0, tenant)
    for each in told["sinks"]:
        samples.add(of.SINK_WAITING, each["waiting"], tenant, each["sink"])
        samples.add(of.SINK_OLDEST, each["oldest_seconds"] or 0.0, tenant, each["sink"])
        samples.add(of.SINK_REFUSED, each["refused"], tenant, each["sink"])
    for each in told["stores"]:
        _store(samples, each, tenant, each["store"])


def _store(samples: Samples, told: Mapping[str, Any], *place: str) -> None:
    samples.one_of(of.STORE_STATE, told["state"], STATES, *place)
    _guest(samples, told, *place)
    if "items" not in told:  # never reached so far
        return
    samples.add(of.STORE_BEHIND, told["behind_seconds"], *place)
    samples.add(of.STORE_FRESH, told["fresh"], *place)
    samples.add(of.STORE_WRITES, told["writes"] == "on", *place)
    samples.add(of.STORE_PAUSED, bool(told["paused"]) and told["paused"]["scope"] == "all", *place)
    samples.add(of.STORE_BRAKE, bool(told["brake"]), *place)
    samples.add(of.ITEMS, told["items"]["active"], *place)
    samples.add(of.ITEMS_UNREAD, told["items"]["unread"], *place)
    samples.add(of.ITEMS_DUE, told["items"]["due"], *place)
    samples.add(of.QUARANTINE, told["quarantine"], *place)
    samples.add(of.DRIFT_OPEN, told["drift"]["open"], *place)
    samples.add(of.DRIFT_UNITS, float(told["drift"]["open_units"]), *place)
    if told["carts"] is not None:
        samples.add(of.CARTS_ALIVE, told["carts"]["open"] + told["carts"]["abandoned"], *place)
        samples.add(of.CARTS_BACKLOG, told["carts"]["waiting"], *place)
    if told["webhooks"] is not None:
        samples.add(of.WEBHOOKS_ALIVE, told["webhooks"]["alive"], *place)
        samples.add(of.WEBHOOKS_BACKLOG, told["webhooks"]["waiting"], *place)


def _guest(samples: Samples, told: Mapping[str, Any], *place: str) -> None:
    if "breaker" not in told:  # an ERP within this process
        return
    samples.one_of(of.BREAKER, told["breaker"], PHASES, *place)
    samples.add(of.QUOTA_LIMIT, told["quota"]["limit"], *place)
    samples.add(of.QUOTA_LEFT, told["quota"]["left"], *place)


def _ledger(samples: Samples, scene: Scene, now: Instant) -> None:
    state = scene.ledger.state()
    samples.add(of.QUEUE, state.live_waiting, "live")
    samples.add(of.QUEUE, state.backfill_waiting, "backfill")
    samples.add_times(of.COMMIT_TIMES, scene.ledger.commit_times)
    samples.add(of.COMMITS, state.commits)
    samples.add(of.UNITS, state.units)
    samples.add(of.UNITS_FAILED, state.units_failed)
    if state.last_commit_at is not None:
        samples.add(of.COMMIT_AGE, max(0.0, seconds(now - state.last_commit_at)))
    samples.add(of.WAL, state.wal_bytes)
    with suppress(OSError):
        samples.add(of.FREE, shutil.disk_usage(scene.state_dir).free)
