"""Every metric: `docs/metrics.md` explains each to operators; a test holds both together.

Names and units are Prometheus': a counter ends in `_total`, times are seconds. Labels are tenants, their stores, and a few
fixed words, so that their number is bounded by the configuration. The store "erp" is the tenant's ERP (no shop may be called so).
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

TENANT: Final = ("tenant",)
STORE: Final = ("tenant", "store")
SINK: Final = ("tenant", "sink")


class Metric(NamedTuple):
    """One metric. `meaning` is one sentence, the same as on the manual page."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()


BUILD_INFO = Metric("syncd_build_info", "gauge", "Always 1; its label tells the version.", ("version",))
LEDGER_ANSWERS = Metric(
    "syncd_ledger_answers",
    "gauge",
    "1 if the ledger answered this scrape in time; 0 if not, and whatever is read from it is missing.",
)
TENANT_RUNS = Metric("syncd_tenant_runs", "gauge", "1 if the tenant runs, 0 if its configuration keeps it.", TENANT)
TENANT_CONFIGURED = Metric(
    "syncd_tenant_config_valid",
    "gauge",
    "0 if the tenant's file had a mistake when it was read last: it goes on as it was, or doesn't run.",
    TENANT,
)
CONFIGURED = Metric(
    "syncd_config_valid", "gauge", "0 if a reload met a mistake that concerns no single tenant: all goes on as it was."
)
TENANT_TROUBLE = Metric(
    "syncd_tenant_trouble", "gauge", "1 if a loop of the tenant's own (watcher, poster) failed last.", TENANT
)

STORE_STATE = Metric("syncd_store_state", "gauge", "1 for the state that the store is in.", (*STORE, "state"))
STORE_BEHIND = Metric(
    "syncd_store_behind_seconds", "gauge", "Every order placed longer ago than this is in the ledger.", STORE
)
STORE_FRESH = Metric(
    "syncd_store_fresh",
    "gauge",
    "1 if the store's orders are within their freshness bound: levels may be raised.",
    STORE,
)
STORE_TROUBLE = Metric("syncd_store_trouble", "gauge", "1 if a step of the store failed last.", STORE)
STORE_WRITES = Metric("syncd_store_writes", "gauge", "1 if levels are written to the store.", STORE)
STORE_PAUSED = Metric(
    "syncd_store_paused", "gauge", "1 if an operator has paused the store; not if its writes alone.", STORE
)
STORE_BRAKE = Metric("syncd_store_brake", "gauge", "1 if the brake has stopped the store's writes.", STORE)
ITEMS = Metric("syncd_items", "gauge", "Stock items of the store.", STORE)
ITEMS_UNREAD = Metric("syncd_items_unread", "gauge", "Stock items whose level has to be read.", STORE)
ITEMS_DUE = Metric("syncd_items_due", "gauge", "Stock items that the publisher has to look at.", STORE)
ERP_FRESH = Metric(
    "syncd_erp_fresh", "gauge", "1 if the ERP's levels were read lately enough for levels to be raised.", TENANT
)
ERP_BEHIND = Metric("syncd_erp_behind_seconds", "gauge", "The age of the last reading of the ERP's levels.", TENANT)

REQUESTS = Metric(
    "syncd_request_duration_seconds",
    "histogram",
    "Requests that were sent, by outcome, and how long their answers took.",
    (*STORE, "outcome"),
)
RETRIES = Metric("syncd_request_retries_total", "counter", "Requests that were sent once more after a failure.", STORE)
QUOTA_LIMIT = Metric(
    "syncd_quota_limit_requests", "gauge", "Requests in a window that the other side allows, as it said last.", STORE
)
QUOTA_LEFT = Metric(
    "syncd_quota_remaining_requests", "gauge", "Requests that are left of the window, as it said last.", STORE
)
BREAKER = Metric(
    "syncd_breaker_state", "gauge", "1 for the state of the breaker: closed, open, probing.", (*STORE, "state")
)

MOVES = Metric("syncd_moves", "gauge", "Stock moves without an end: waiting, sent, in_doubt.", ("tenant", "state"))
DOUBT_AGE = Metric(
    "syncd_move_doubt_age_seconds", "gauge", "The age of the oldest move in doubt; 0 if there is none.", TENANT
)
MOVE_OUTCOMES = Metric(
    "syncd_move_outcomes_total",
    "counter",
    "What became of stock moves of the store's orders: confirmed, refused, in_doubt.",
    (*STORE, "outcome"),
)
LEVEL_OUTCOMES = Metric(
    "syncd_level_writes_total",
    "counter",
    "What became of levels for the store: written, refused, not_sent, in_doubt.",
    (*STORE, "outcome"),
)
SHIPMENT_OUTCOMES = Metric(
    "syncd_shipment_outcomes_total",
    "counter",
    "What became of shipments for the store: made, refused, not_sent, in_doubt.",
    (*STORE, "outcome"),
)
CARTS_ALIVE = Metric(
    "syncd_carts_alive",
    "gauge",
    "Carts of the store that are open or abandoned, as far as is known; only where carts are read.",
    STORE,
)
CARTS_BACKLOG = Metric(
    "syncd_carts_backlog", "gauge", "Carts that the store has spoken of and that are to be read.", STORE
)
CART_CHANGES = Metric(
    "syncd_cart_changes_total",
    "counter",
    "What has happened to the store's carts: created, changed, abandoned, converted, deleted.",
    (*STORE, "what"),
)
PLACEMENT_OUTCOMES = Metric(
    "syncd_placement_outcomes_total",
    "counter",
    "What became of the ERP's orders for the store: placed, refused, held, not_sent, in_doubt, followed, not_followed; of carts prepared, converted, gone, withdrawn.",
    (*STORE, "outcome"),
)
DOCUMENT_OUTCOMES = Metric(
    "syncd_document_outcomes_total",
    "counter",
    "What became of the store's orders as documents: made, told, refused, incomplete.",
    (*STORE, "outcome"),
)
DOCUMENT_REQUESTS = Metric(
    "syncd_document_requests_total", "counter", "Requests that were sent to the store for documents.", STORE
)
DRIFT_OPEN = Metric("syncd_drift_open", "gauge", "Drifts of the store that are neither explained nor corrected.", STORE)
DRIFT_UNITS = Metric("syncd_drift_units", "gauge", "The units of those drifts, up or down.", STORE)
DRIFT_FOUND = Metric("syncd_drift_found_total", "counter", "Drifts that were found.", STORE)
QUARANTINE = Metric("syncd_quarantine_entries", "gauge", "Orders and lines of the store that wait for a person.", STORE)

SINK_WAITING = Metric("syncd_sink_waiting_events", "gauge", "Events that wait for the sink.", SINK)
SINK_OLDEST = Metric("syncd_sink_oldest_seconds", "gauge", "For how long the oldest of them waits; 0: none does.", SINK)
SINK_REFUSED = Metric(
    "syncd_sink_refused_events", "gauge", "Events that the sink has refused, and that are kept.", SINK
)
SINK_OUTCOMES = Metric(
    "syncd_sink_outcomes_total",
    "counter",
    "What became of events for the sink: arrived, failed, refused, dropped.",
    (*SINK, "outcome"),
)

QUEUE = Metric(
    "syncd_ledger_queue_units", "gauge", "Units of work that wait for the writer: live, backfill.", ("lane",)
)
COMMIT_TIMES = Metric("syncd_ledger_commit_seconds", "histogram", "How long a group of units took, its sync included.")
COMMITS = Metric("syncd_ledger_commits_total", "counter", "Commits.")
UNITS = Metric("syncd_ledger_units_total", "counter", "Units of work that were run.")
UNITS_FAILED = Metric("syncd_ledger_units_failed_total", "counter", "Units of work that failed.")
COMMIT_AGE = Metric(
    "syncd_ledger_commit_age_seconds", "gauge", "The age of the last commit; a quiet shop writes nothing for long."
)
FREE = Metric("syncd_state_free_bytes", "gauge", "Room on the disk of the state directory.")
WAL = Metric("syncd_ledger_wal_bytes", "gauge", "The size of the ledger's write-ahead log.")

WEBHOOKS = Metric("syncd_webhooks_received_total", "counter", "Genuine calls of the store that are on disk.", STORE)
WEBHOOKS_ALIVE = Metric(
    "syncd_webhooks_alive", "gauge", "1 if the store's webhooks were in order at the last look.", STORE
)
WEBHOOKS_REFUSED = Metric("syncd_webhooks_refused_total", "counter", "Calls of whoever doesn't know a store's secret.")
WEBHOOKS_TURNED_AWAY = Metric(
    "syncd_webhooks_turned_away_total",
    "counter",
    "Genuine calls of the store for which there was no room; it calls again, or is polled.",
    STORE,
)
WEBHOOKS_BACKLOG = Metric(
    "syncd_webhooks_backlog_orders",
    "gauge",
    "Orders that the store has spoken of and that are to be read.",
    STORE,
)

METRICS: Final[tuple[Metric, ...]] = tuple(each for each in list(globals().values()) if isinstance(each, Metric))
