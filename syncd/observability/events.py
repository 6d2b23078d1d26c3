"""Every event that syncd logs, by name. `docs/log-events.md` explains each one to operators; a test holds both together.

An event is logged on an edge (unreachable once, recovered once), never on each turn of a loop. Its name says what it is
about and what happened; its level says who should care:

    debug    of use only when something is being looked into
    info     the normal course of things, worth keeping
    warning  something is off; syncd goes on by itself, or waits for an operator without harm
    error    something stays wrong until someone acts
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Level = Literal["debug", "info", "warning", "error"]


class Event(NamedTuple):
    """One kind of thing that happens. `meaning` is one sentence, the same as on the manual page."""

    name: str
    level: Level
    meaning: str


DAEMON_STARTED = Event("daemon.started", "info", "The daemon is up; its tenants are being started.")
DAEMON_REFUSED = Event("daemon.refused", "error", "The daemon cannot start: its state directory can't be used.")
DAEMON_STOPPING = Event(
    "daemon.stopping", "info", "The daemon was asked to stop and finishes the steps that are running."
)
DAEMON_STOPPED = Event("daemon.stopped", "info", "The daemon has stopped; everything it acknowledged is on disk.")

TENANT_STARTED = Event("tenant.started", "info", "A tenant's ERP and stores are being kept in agreement from now on.")
TENANT_FAILED = Event("tenant.failed", "error", "A tenant cannot run; the others go on.")
TENANT_STOPPED = Event("tenant.stopped", "info", "A tenant's work has ended.")
TENANT_PAUSED = Event(
    "tenant.paused", "warning", "A tenant is paused by an operator, with all of its stores, until somebody resumes it."
)
TENANT_RESUMED = Event("tenant.resumed", "info", "A tenant's pause has ended; its stores go on where they were.")

STORE_UNREACHABLE = Event("store.unreachable", "warning", "A store no longer answers as it should; it is tried again.")
STORE_RECOVERED = Event("store.recovered", "info", "A store that was unreachable answers again.")
STORE_THROTTLED = Event("store.throttled", "info", "A store asked for a pause longer than its quota lets expect.")
STORE_STALE = Event(
    "store.stale", "warning", "A store's orders are behind their freshness bound: nothing is raised there."
)
STORE_FRESH = Event("store.fresh", "info", "A store's orders are within their freshness bound again.")
STORE_BASELINE_STARTED = Event(
    "store.baseline_started", "info", "The orders from before a store's cutover are being read."
)
STORE_BASELINE_DONE = Event(
    "store.baseline_done", "info", "A store's baseline is complete; levels may be written from now."
)
STORE_IDENTITY_MISMATCH = Event(
    "store.identity_mismatch", "error", "Another shop answers behind a store's configuration; it is refused."
)
STORE_BRAKE = Event("store.brake", "error", "A mass change was about to be written to a store; its writes are stopped.")
STORE_PLAN_READY = Event(
    "store.plan_ready", "warning", "A store's plan waits for approval; nothing is written to it until then."
)
STORE_APPROVED = Event("store.approved", "info", "A store's plan was approved; its levels are written.")
STORE_FAILED = Event("store.failed", "error", "A store's reconciler failed; it is started again after a pause.")
STORE_PAUSED = Event(
    "store.paused", "warning", "A store is paused by an operator until somebody resumes it; the others go on."
)
STORE_RESUMED = Event("store.resumed", "info", "A store's pause has ended; it goes on where it was.")
STORE_FILTER_IGNORED = Event(
    "store.filter_ignored",
    "error",
    "A store answered with orders outside the bounds that were asked for; its scan stopped.",
)

ORDER_APPLIED = Event(
    "order.applied", "info", "A state of an order is in the ledger, with the moves that follow from it."
)
ORDER_QUARANTINED = Event(
    "order.quarantined", "error", "An order, or lines of it, can't be counted until someone decides."
)
ORDER_GONE = Event("order.gone", "warning", "A store says explicitly that an order exists no more.")
ORDER_UNSETTLED = Event(
    "order.unsettled", "debug", "An order may still be half-written in its store; it is read again."
)

WEBHOOK_REFUSED = Event(
    "webhook.refused", "warning", "Somebody called the webhook listener without knowing a store's secret."
)
WEBHOOK_UNAVAILABLE = Event(
    "webhook.unavailable", "error", "The webhook listener can't be opened; stores are polled, and can't call."
)
WEBHOOK_SOCKET = Event(
    "webhook.socket", "warning", "A socket that the service manager holds doesn't fit syncd.toml; the reason tells how."
)
WEBHOOK_REPAIRED = Event("webhook.repaired", "warning", "A store's webhooks were missing or broken, and are mended.")
WEBHOOK_DISABLED = Event(
    "webhook.disabled", "error", "A store doesn't call any more, and syncd can't mend that; it is polled as before."
)

WEBHOOK_ENABLED = Event("webhook.enabled", "info", "What kept a store from calling has ended.")

PRIVATE_UNAVAILABLE = Event(
    "private.unavailable", "error", "The private listener can't be opened: health and metrics can't be asked."
)

MOVE_SENT = Event("move.sent", "debug", "A stock move is being posted to the ERP.")
MOVE_CONFIRMED = Event("move.confirmed", "info", "The ERP has counted a stock move.")
MOVE_REFUSED = Event("move.refused", "error", "The ERP refused a stock move; it stays untold until someone decides.")
MOVE_DOUBT = Event(
    "move.doubt", "warning", "A stock move was sent and its outcome is unknown; the ERP is asked by its key."
)

LEVEL_WRITTEN = Event("level.written", "info", "A store has taken a new level for a stock item.")
LEVEL_REFUSED = Event("level.refused", "warning", "A store refused a new level for a stock item.")
LEVEL_NOT_SENT = Event(
    "level.not_sent", "debug", "A level could not be sent for now; it is computed anew and tried again."
)
LEVEL_DOUBT = Event("level.doubt", "warning", "A level was sent and its outcome is unknown; the next readings tell.")

SHIPMENT_TOLD = Event("shipment.told", "info", "The ERP has told of a shipment; it is on its way to the store.")
SHIPMENT_MADE = Event("shipment.made", "info", "A store has a shipment that the ERP had told of.")
SHIPMENT_REFUSED = Event(
    "shipment.refused", "error", "A shipment can't be told to a store; it waits until someone decides."
)
SHIPMENT_DOUBT = Event(
    "shipment.doubt", "warning", "A shipment was sent and its outcome is unknown; the store is asked for it."
)
SHIPMENTS_STUCK = Event(
    "shipments.stuck", "error", "Shipments don't get from the ERP to a store: one of the two refuses all of them."
)

PLACEMENT_TOLD = Event("placement.told", "info", "The ERP wants an order in a store; it is on its way there.")
PLACEMENT_MADE = Event("placement.made", "info", "A store has an order that the ERP wanted there.")
PLACEMENT_REFUSED = Event(
    "placement.refused", "warning", "An order of the ERP can't be placed in a store; the ERP is told why."
)
PLACEMENT_DOUBT = Event(
    "placement.doubt",
    "warning",
    "An order, or its status, was sent and its outcome is unknown; the store is asked for it.",
)
PLACEMENT_FOLLOWED = Event("placement.followed", "info", "The status of an order was written, as the ERP wants it.")
PLACEMENT_NOT_FOLLOWED = Event(
    "placement.not_followed",
    "warning",
    "A change of an order's status isn't written to the store; the ERP is told why.",
)
PLACEMENT_CART = Event(
    "placement.cart",
    "info",
    "What became of a cart that the ERP prepares, or of a change of it; the ERP is told.",
)
PLACEMENT_HELD = Event("placement.held", "error", "An order of the ERP waits until someone decides.")
PLACEMENT_UNHEARD = Event("placement.unheard", "warning", "The ERP doesn't want to hear what became of its order.")
PLACING_STUCK = Event(
    "placing.stuck", "error", "Orders don't get from the ERP to a store: one of the two refuses all of them."
)

DOCUMENT_TOLD = Event("document.told", "info", "The ERP has an order as a whole document, in its latest state.")
DOCUMENT_INCOMPLETE = Event(
    "document.incomplete", "error", "A part of an order can't be read; its document goes without it, and says so."
)
DOCUMENT_REFUSED = Event(
    "document.refused", "error", "An order can't be told as a document; it waits until someone decides, or it changes."
)
DOCUMENTS_STUCK = Event(
    "documents.stuck", "error", "Orders aren't told as documents: the store or the ERP refuses all of them."
)

CART_CHANGED = Event("cart.changed", "debug", "A cart was created, changed, abandoned or deleted.")
CART_CONVERTED = Event("cart.converted", "info", "A cart has become an order.")
CART_UNREADABLE = Event("cart.unreadable", "warning", "A cart can't be understood; it is looked at again later.")
CARTS_STUCK = Event("carts.stuck", "error", "A store's carts can't be read; its orders and levels go on.")

STORE_WARNED = Event("store.warned", "warning", "A setting of a store makes exactness harder; the reason says which.")
ITEM_REFUSED = Event("item.refused", "error", "A stock item cannot be kept in agreement; the store's others can.")

DRIFT_FOUND = Event("drift.found", "warning", "Readings of a stock item contradict each other or the book.")
DRIFT_EXPLAINED = Event("drift.explained", "info", "A drift has found its explanation, or was corrected.")

DRIFT_UNEXPLAINED = Event(
    "drift.unexplained", "warning", "Drift was found that stays in a store's counters until a person looks at it."
)

ERP_UNREACHABLE = Event(
    "erp.unreachable", "warning", "The ERP no longer answers as it should; nothing is raised meanwhile."
)
ERP_RECOVERED = Event("erp.recovered", "info", "The ERP answers again.")
ERP_EPOCH_CHANGED = Event(
    "erp.epoch_changed", "warning", "The ERP's book was replaced or restored; recent moves are asked again."
)

QUARANTINE_GREW = Event(
    "quarantine.grew", "error", "More of a store's orders wait for a person: once for all that were found together."
)
QUARANTINE_RELEASED = Event(
    "quarantine.released", "info", "An operator decided about something in quarantine; it goes on."
)

SINK_UNREACHABLE = Event(
    "sink.unreachable", "warning", "A sink takes no events; they wait in the ledger, in order, and are tried again."
)
SINK_RECOVERED = Event("sink.recovered", "info", "A sink takes events again.")
SINK_REFUSED = Event(
    "sink.refused", "error", "A sink refuses an event again and again; it is kept, and the later ones go on."
)
SINK_STOPPED = Event("sink.stopped", "error", "A sink wants no more events, or can't be used; nothing is sent to it.")
SINK_DROPPED = Event(
    "sink.dropped", "error", "Events for a sink were given up: they waited for too long, or too many did."
)
SINK_MENDED = Event(
    "sink.mended", "info", "A sink's file ended in the middle of an event, and was mended; the event comes again."
)

ERASURE_DONE = Event("erasure.done", "info", "A customer's personal data was erased, by command.")

ALERTS_UNREACHABLE = Event(
    "alerts.unreachable", "warning", "Alerts can't be delivered; they wait in the ledger and are tried again."
)
ALERTS_RECOVERED = Event("alerts.recovered", "info", "Alerts are delivered again.")
ALERTS_GIVEN_UP = Event("alerts.given_up", "error", "An alert was not delivered, and is tried no more.")

LEDGER_MIGRATED = Event("ledger.migrated", "info", "The ledger's schema was brought to this version.")
LEDGER_UNWRITABLE = Event(
    "ledger.unwritable",
    "error",
    "Nothing can be written to the ledger: nothing is counted, and nothing new is sent to shops or the ERP.",
)
LEDGER_WRITABLE = Event("ledger.writable", "info", "The ledger can be written to again; the work goes on.")

CONFIG_INVALID = Event(
    "config.invalid", "error", "The configuration holds a mistake; what it concerns doesn't run, or goes on as before."
)
CONFIG_WARNED = Event("config.warned", "warning", "The configuration holds something that may be a mistake.")
CONFIG_RELOADED = Event("config.reloaded", "info", "The configuration was read again; what has changed is in force.")
CONFIG_KEPT = Event(
    "config.kept", "error", "What was read again can't be used; what it concerns goes on as it was before."
)
CONFIG_NEEDS_RESTART = Event(
    "config.needs_restart", "warning", "A changed setting has no effect before syncd is restarted."
)
CONTROL_COMMAND = Event("control.command", "info", "An operator's command reached the daemon by the control socket.")
CONTROL_UNAVAILABLE = Event(
    "control.unavailable", "error", "The control socket can't be made; the daemon works, but takes no commands."
)

CLOCK_BEHIND = Event(
    "clock.behind",
    "warning",
    "The machine's clock is behind what the ledger has seen; syncd's own time goes on from there.",
)
CLOCK_STEPPED = Event(
    "clock.stepped", "warning", "The machine's clock was stepped; syncd's own time runs on evenly, without the step."
)

LOG_LOST = Event(
    "log.lost", "warning", "The journal took nothing for a while, and entries found no room; the work went on."
)
LIBRARY_WARNED = Event("library.warned", "warning", "A library that syncd uses reported something by itself.")
BUG_FOUND = Event("bug.found", "error", "An assumption of syncd's own is broken; please report it with this line.")

EVENTS: Final[tuple[Event, ...]] = tuple(event for event in list(globals().values()) if isinstance(event, Event))

ALERTS: Final = (
    STORE_STALE, STORE_FRESH, DRIFT_UNEXPLAINED, QUARANTINE_GREW, WEBHOOK_DISABLED, WEBHOOK_ENABLED, SINK_UNREACHABLE,
    SINK_RECOVERED, SINK_REFUSED, SINK_STOPPED, SINK_DROPPED,
)  # fmt: skip
"""What can be delivered to a person's webhook: events on edges that ask for somebody, and their ends."""

ALERT_ENDS: Final = {
    STORE_FRESH.name: STORE_STALE.name,
    WEBHOOK_ENABLED.name: WEBHOOK_DISABLED.name,
    SINK_RECOVERED.name: SINK_UNREACHABLE.name,
}
"""The events that end another, each with that one. How the others end is a person's decision."""
