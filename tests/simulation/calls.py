"""The shops' calls, as they reach the daemon's listener and as it answers them: what is judged about them.

The daemon's listener is the real one. The world only looks on: which order a call spoke of, whether it was answered with 2xx,
and which orders a shop has shown since. The ids are taken from the bodies here once more, and plainly.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
from aiohttp import web

Place = tuple[str, str, str]
"""Tenant, store, order."""

FORGED_FROM = 900_000  # numbers of orders that no shop has: only forged calls speak of them
GENUINE_KEPT = 30  # calls that somebody may send again
BURST_SECONDS = 15.0
BURST_CALLS = 20  # so many in one burst must be joined
BURST_READS_MAX = 10  # and a third of the calls: an order that is half-written is read again, after pauses
READS_MAX = 45  # in as many seconds, and one for each call: a sweep, orders that are half-written
_ONE = re.compile(r".*/orders/(\d+)")


class Calls:
    """What was called in, and what became of it. `blame` is told what is wrong, `note` what happens."""

    def __init__(
        self, tenants: dict[str, str], now: Callable[[], float], note: Callable[[str, str], None],
        blame: Callable[[str, str], None], answered: Callable[[], None],
    ) -> None:  # fmt: skip
        self._tenants = tenants  # by store
        self._now, self._note, self._blame, self._answered = now, note, blame, answered
        self._came: dict[Place, float] = {}  # spoken of: when the last call came
        self._read: dict[Place, tuple[float, bool]] = {}  # when it was asked for last, and whether it was shown
        self._owed: set[Place] = set()  # answered with 2xx: the last call
        self._taken: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=500))
        self._reads: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=500))
        self.genuine: deque[tuple[str, dict[str, str], bytes]] = deque(maxlen=GENUINE_KEPT)
        self.statuses: Counter[int] = Counter()

    # -- at the daemon's listener

    @web.middleware
    async def watch(self, request: web.Request, handler: Callable[[web.Request], Awaitable[Any]]) -> Any:
        """One call."""
        came = self._now()
        body = await request.read()
        order = _order_of(body)
        _, tenant, store = request.path.split("/") if order else ("", "", "")
        place = (tenant, store, order)
        if order:
            self._came.setdefault(place, came)
        try:
            response = await handler(request)
        except web.HTTPException as refusal:
            response = refusal
        self.statuses[response.status] += 1
        self._note("call", f"{request.path} {response.status} {body[:120]!r}")
        if 200 <= response.status < 300 and order:
            self._heard(place, came)
            self.genuine.append((request.path, dict(request.headers), body))
        return response

    def _heard(self, place: Place, came: float) -> None:
        if int(place[2]) >= FORGED_FROM:
            self._blame("FORGED", f"a forged call for {place} was answered with 2xx")
        self._came[place] = max(came, self._came[place])
        self._owed.add(place)
        self._taken[place[1]].append(came)
        self._answered()

    # -- at the shops

    def asked(self, store: str, request: web.Request, came: float, status: int) -> bool:
        """A shop has answered a request of the daemon. Returns whether that was for orders by their ids."""
        named = self._named(store, request)
        if named is None or status not in {200, 204, 404}:
            return False
        self._reads[store].append(came)
        for place in named:
            if int(place[2]) >= FORGED_FROM:
                self._blame("FORGED", f"the daemon asks for {place}, which only a forged call spoke of")
            before = self._read.get(
                place, (-1.0, False)
            )  # an answer that was long in coming doesn't undo a later reading
            self._read[place] = max(before, (came, status != 404))  # not there (yet): nothing of it need be known
        return True

    def _named(self, store: str, request: web.Request) -> list[Place] | None:
        """The orders that a request names; of a span those that were spoken of."""
        tenant, query = self._tenants[store], request.query
        if one := _ONE.fullmatch(request.path):
            return [(tenant, store, one[1])]
        if not request.path.endswith("/orders"):
            return None
        if "include" in query and query["include"][:1].isdigit():
            return [(tenant, store, order) for order in query["include"].split(",")]
        if "min_id" in query and "max_id" in query:
            span = range(int(query["min_id"]), int(query["max_id"]) + 1)
            return [place for place in self._came if place[1] == store and int(place[2]) in span]
        return None

    # -- judging

    def look(self, at: float) -> None:
        """BOUNDED: of many calls at once, one reading; and no call has its order read again and again."""
        for store, taken in self._reads.items():
            reads = sum(1 for came in taken if at - BURST_SECONDS <= came)
            calls = sum(1 for came in self._taken[store] if at - BURST_SECONDS <= came)
            if reads > READS_MAX + calls or (calls >= BURST_CALLS and reads > BURST_READS_MAX + calls / 3):
                self._blame("BOUNDED", f"{store}: {calls} calls in {BURST_SECONDS:.0f} s, and {reads} readings by id")

    def crashed(self, ledger: sqlite3.Connection) -> str:
        """DURABLE: what was answered with 2xx is in what the crash left, as a signal, or as the order read since."""
        waiting = set(ledger.execute("SELECT tenant, store, name FROM signal WHERE kind = 'order'"))
        known = set(ledger.execute('SELECT tenant, store, "order" FROM orders'))
        for place in sorted(self._owed - waiting):
            came = self._came[place]
            read, shown = self._read.get(place, (-1.0, False))
            if read < came:
                return f"a call for {place} at {came:.1f} s was answered with 2xx; the ledger has no signal, nobody read it"
            if shown and place not in known:
                return f"{place} was spoken of, and shown; the ledger has neither the signal nor the order"
        return self.forged(waiting)

    def forged(self, waiting: Iterable[Place]) -> str:
        """Signals that only a forged call can have left."""
        made_up = [place for place in waiting if int(place[2]) >= FORGED_FROM]
        return f"{made_up[0]} waits, which only a forged call spoke of" if made_up else ""


def _order_of(body: bytes) -> str:
    """The order that a body speaks of; "" where it speaks of none."""
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    data = told.get("data", told)
    return str(data.get("orderId") or data.get("order_id") or (data.get("id") if "code" not in told else "") or "")
