"""What is counted while syncd works: plain numbers of one event loop, handed down from `app`, shown by `syncd.private`.

No library's counters: those take a lock for each increment and live in a registry. These cost an addition. They begin at zero
with each process, as counters of Prometheus do.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

REQUEST_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # a shop's page of orders takes seconds
COMMIT_SECONDS: Final = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    1.0,
    5.0,
)  # one sync, up to a disk in distress


class Histogram:
    """How often something took how long. `bounds` are the upper ends, in seconds, without the last (endless) one."""

    __slots__ = ("bounds", "counts", "total_seconds")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total_seconds = 0.0

    def observe(self, took_seconds: float) -> None:
        """Once more."""
        self.counts[bisect_left(self.bounds, took_seconds)] += 1
        self.total_seconds += took_seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Each upper end with how many were at most that, as Prometheus counts them."""
        found, sum_so_far = [], 0
        for bound, count in zip([*map(str, self.bounds), "+Inf"], self.counts, strict=True):
            sum_so_far += count
            found.append((bound, float(sum_so_far)))
        return found


class Meter:
    """What is counted of one store, of a tenant's ERP, or of a sink."""

    __slots__ = (
        "carts",
        "deliveries",
        "document_requests",
        "documents",
        "drifts",
        "levels",
        "moves",
        "placements",
        "requests",
        "retries",
        "shipments",
        "webhooks",
        "webhooks_turned_away",
    )

    def __init__(self) -> None:
        self.requests: dict[str, Histogram] = {}  # by outcome: "ok", or the kind of trouble
        self.retries = 0
        self.moves: dict[str, int] = {}  # of a store's orders, by what the ERP said
        self.levels: dict[str, int] = {}  # by what the store said
        self.shipments: dict[str, int] = {}  # for the store, by what became of them
        self.deliveries: dict[str, int] = {}  # to a sink, by what became of them
        self.carts: dict[str, int] = {}  # what has happened to the store's carts

        self.placements: dict[str, int] = {}  # orders of the ERP for the store, by what became of them
        self.documents: dict[str, int] = {}  # of the store's orders, by what became of them
        self.document_requests = 0  # that were sent for them
        self.drifts = 0
        self.webhooks = 0
        self.webhooks_turned_away = 0  # genuine calls for which there was no room

    def requested(self, outcome: str, took_seconds: float) -> None:
        """A request was sent, and ended so."""
        if outcome not in self.requests:
            self.requests[outcome] = Histogram(REQUEST_SECONDS)
        self.requests[outcome].observe(took_seconds)

    def retried(self) -> None:
        """A request that failed is sent once more."""
        self.retries += 1

    def move(self, outcome: str) -> None:
        """A stock move: confirmed, refused, in_doubt."""
        self.moves[outcome] = self.moves.get(outcome, 0) + 1

    def level(self, outcome: str) -> None:
        """A level for a store: written, refused, not_sent, in_doubt."""
        self.levels[outcome] = self.levels.get(outcome, 0) + 1

    def cart(self, what: str) -> None:
        """A cart of the store: created, changed, abandoned, converted, deleted."""
        self.carts[what] = self.carts.get(what, 0) + 1

    def shipment(self, outcome: str) -> None:
        """A shipment for a store: made, refused, not_sent, in_doubt."""
        self.shipments[outcome] = self.shipments.get(outcome, 0) + 1

    def delivery(self, outcome: str, times: int = 1) -> None:
        """Events for a sink: arrived, failed (tried again), refused, dropped."""
        self.deliveries[outcome] = self.deliveries.get(outcome, 0) + times

    def placement(self, outcome: str) -> None:
        """An order of the ERP for a store, or its status: placed, refused, held, not_sent, in_doubt, followed, not_followed; of carts prepared, converted, gone, withdrawn."""
        self.placements[outcome] = self.placements.get(outcome, 0) + 1

    def document(self, outcome: str) -> None:
        """An order's document: made, told, refused, incomplete."""
        self.documents[outcome] = self.documents.get(outcome, 0) + 1


class Meters:
    """All meters of one composed daemon, by tenant and store ("erp" is the ERP's). As many as the configuration has stores."""

    def __init__(self) -> None:
        self.places: dict[tuple[str, str], Meter] = {}
        self.webhooks_refused = 0  # calls of strangers; they have no labels, or anybody could make some

    def of(self, tenant: str, store: str) -> Meter:
        """The meter of a configured store."""
        return self.places.setdefault((tenant, store), Meter())
