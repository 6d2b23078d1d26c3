"""The one HTTP client: a polite, bounded, suspicious guest of one store or ERP.

A request passes, in this order: the breaker (fail fast while the store is down), the count of calls, a place among the
concurrent ones, the quota's spacing, the breaker again, and leaves. Its answer teaches the quota and the breaker, and
becomes an `Answer` or a `Trouble`. `read` may try again after a trouble, `write` never does: whether an unclear write
took place is asked by whoever holds the effect, not here.

Errors are raised outside of the `except` that saw aiohttp's: theirs hold addresses with keys in the query, and would
travel along as context. Quota and breaker are soft state of this object; a new process learns them anew.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import aiohttp
import anyio
from yarl import URL

from syncd.core import backoff, breaker, quota
from syncd.core.quantity import NEVER, SECOND, Instant, microseconds, seconds
from syncd.errors import BugError, MisconfiguredError, Throttled
from syncd.observability.meters import Meter
from syncd.ports.clock import Chance, Clock
from syncd.transport.answer import Answer
from syncd.transport.edges import TransportListener
from syncd.transport.limits import Limits
from syncd.transport.redaction import Redaction
from syncd.transport.session import read_body, send_once
from syncd.transport.signing import Query, Signer, encode_query
from syncd.transport.verdict import Kind, Trouble, error_for, judge, unreached

CROWDED_WAIT_SECONDS = 5.0  # come again after this when too many calls are waiting already
_PATH = re.compile(r"(?:/[A-Za-z0-9\-._~%!$&'()*+,;=:@/]*)?")
_SEND_ONCE = (send_once,)
_NO_HEADERS: Mapping[str, str] = {}


class _Call(NamedTuple):
    """One request of a caller, which may be tried several times."""

    operation: str
    method: str
    url: str
    query: Query
    body: bytes | None
    accept: Collection[int]
    deadline_us: int  # monotonic: no try starts later
    not_after: Instant  # nor later than this,
    not_after_wall: Instant  # as the wall clock tells it: a machine that was put to sleep learns of it there
    wrote: bool


class HttpClient:
    """Talks to one store or ERP. Safe for several tasks of one event loop."""

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession,
        base_url: str,
        signer: Signer,
        clock: Clock,
        chance: Chance,
        limits: Limits,
        listener: TransportListener,
        secrets: Sequence[str],
        meter: Meter | None = None,
    ) -> None:
        """`base_url` is the final address up to where paths begin; `secrets` are hidden in all that is said; `meter` counts.

        Raises MisconfiguredError where the address is none.
        """
        self._base = _checked_base(base_url)
        self._session = session
        self._signer = signer
        self._clock = clock
        self._chance = chance
        self._limits = limits
        self._listener = listener
        self._redaction = Redaction(secrets)
        self._meter = meter if meter is not None else Meter()
        self._backoff = limits.backoff()
        self._tolerance = limits.tolerance()
        self._patience_us = microseconds(limits.patience_seconds)
        self._timeout = aiohttp.ClientTimeout(
            total=limits.total_seconds, connect=limits.connect_seconds, sock_read=limits.read_seconds
        )
        self._slots = anyio.Semaphore(limits.concurrent_max, fast_acquire=True)
        self._write_slots = anyio.Semaphore(limits.writes_concurrent_max, fast_acquire=True)
        self._turn = anyio.Lock(fast_acquire=True)
        self._calls = 0
        self._throttled_in_a_row = 0
        self._quota = quota.begin(share=limits.share, interval_default_us=microseconds(limits.interval_default_seconds))
        self._breaker = breaker.Breaker()

    async def read(
        self,
        path: str,
        query: Query = (),
        *,
        accept: Collection[int] = (),
        method: str = "GET",
        body: bytes | None = None,
    ) -> Answer:
        """Ask for something. Idempotent (`method` and `body` are for searches by POST): tried up to `limits.tries_max` times.

        `path` is percent-encoded already and starts with "/" (or is empty), `query` is not encoded yet. `accept` names
        statuses from 400 on that are answers to this caller. No try starts after `limits.patience_seconds`, and a try
        ends within `limits.total_seconds`.

        Raises StoreFault (no usable answer), Throttled (asked to wait for longer than patience lasts, or the breaker is
        open), NotFound (404 in the API's own words), RefusedError (other 4xx), MisconfiguredError (401, 403, redirects).
        """
        call = self._call(method, path, query, body=body, accept=accept, wrote=False)
        self._enter(call)
        try:
            for failures in range(1, self._limits.tries_max + 1):
                if failures > 1:
                    self._meter.retried()
                outcome = await self._attempt(call)
                if isinstance(outcome, Answer):
                    return outcome
                trouble = outcome
                if trouble.lasting or trouble.kind not in {Kind.FAULT, Kind.THROTTLED}:
                    break
                if failures == self._limits.tries_max or self._breaker.phase is not breaker.Phase.CLOSED:
                    break
                if trouble.kind is Kind.FAULT:  # a throttled store is waited for by all, in _pace
                    wait_us = backoff.jittered_wait(self._backoff, failures, self._chance.uniform(0.0, 1.0))
                    if self._now_us() + wait_us > call.deadline_us:
                        break
                    await self._clock.sleep(seconds(wait_us))
        finally:
            self._calls -= 1
        raise self._error(trouble, call)

    async def write(
        self,
        method: str,
        path: str,
        body: bytes,
        query: Query = (),
        *,
        accept: Collection[int] = (),
        not_after: Instant = NEVER,
    ) -> Answer:
        """Change something. Sent at most once, and not at all after `not_after` (looked at just before sending).

        Raises Throttled or StoreFault when it surely did not take place (429, breaker open, patience over, too late; no
        connection); OutcomeUnknown when it may have (answer missing, cut off, 5xx, unreadable); NotFound, RefusedError,
        MisconfiguredError when the other side said no, as for `read`.
        """
        call = self._call(method, path, query, body=body or None, accept=accept, wrote=True, not_after=not_after)
        self._enter(call)
        try:
            async with self._write_slots:
                outcome = await self._attempt(call)
        finally:
            self._calls -= 1
        if isinstance(outcome, Answer):
            return outcome
        raise self._error(outcome, call)

    def quota(self) -> quota.Quota:
        """What is known about the quota, for the status page."""
        return self._quota

    def breaker(self) -> breaker.Breaker:
        """Where the breaker is, for the status page."""
        return self._breaker

    # One try ---------------------------------------------------------------------------------------------------------

    async def _attempt(self, call: _Call) -> Answer | Trouble:
        """One try, with all it has to wait for. Raises Throttled when it was not sent."""
        self._stop_if_open(call)
        async with self._slots:
            await self._pace(call)
            self._stop_if_open(call)
            if self._clock.now() > call.not_after or self._clock.wall() > call.not_after_wall:
                raise Throttled(f"{call.operation}: too late to be sent", wait_seconds=0.0, operation=call.operation)
            self._breaker = breaker.admit(self._breaker)
            probing = self._breaker.phase is breaker.Phase.PROBING
            began = self._clock.monotonic()
            try:
                outcome = await self._exchange(call)
            except BaseException:
                if probing:
                    self._breaker = breaker.abandon(self._breaker)
                raise
            told = "ok" if isinstance(outcome, Answer) else outcome.kind.value
            self._meter.requested(told, self._clock.monotonic() - began)
            self._learn(outcome, call)
            return outcome

    async def _pace(self, call: _Call) -> None:
        """Wait for the quota's next slot, one after the other. Nothing is booked ahead: who is cancelled leaves no gap."""
        async with self._turn:
            while True:  # each turn sleeps until the slot; only a new block meanwhile makes another turn
                now_us = self._now_us()
                wait_us = quota.next_slot(self._quota, now_us)
                if now_us + wait_us > call.deadline_us:
                    raise Throttled(
                        f"{call.operation}: its turn comes in {seconds(wait_us):.1f} s, later than patience lasts",
                        wait_seconds=seconds(wait_us),
                        operation=call.operation,
                    )
                if wait_us == 0:
                    self._quota = quota.take(self._quota, now_us)
                    return
                await self._clock.sleep(seconds(wait_us))

    async def _exchange(self, call: _Call) -> Answer | Trouble:
        """Send one request and read its whole answer."""
        query, headers = self._signer.sign(call.method, call.url, call.query)
        url = URL(f"{call.url}?{encode_query(query)}" if query else call.url, encoded=True)
        if call.body is not None:
            headers = {"Content-Type": "application/json", **headers}
        status: int | None = None
        told = _NO_HEADERS
        began = self._clock.now()
        try:
            response = await self._session.request(
                call.method,
                url,
                data=call.body,
                headers=headers,
                allow_redirects=False,
                timeout=self._timeout,
                middlewares=_SEND_ONCE,
            )
            status, told = response.status, response.headers
            try:
                body = await read_body(response, self._limits.body_bytes_max)
            finally:
                response.close()  # a connection whose body was read to its end went back to the pool before
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return unreached(error, self._limits, status, told)
        ended = self._clock.now()
        trouble = judge(status, told, body, accept=call.accept, bodiless=call.method == "HEAD")
        if trouble is not None:
            return trouble
        return Answer(status, told, body, began, ended, call.operation, call.wrote, self._redaction)

    def _learn(self, outcome: Answer | Trouble, call: _Call) -> None:
        """Tell quota and breaker, and the listener about edges."""
        now, now_us = self._clock.wall(), self._now_us()
        self._quota = quota.observe(self._quota, quota.read_headers(outcome.headers, now), now_us)
        kind = None if isinstance(outcome, Answer) else outcome.kind
        if kind is Kind.THROTTLED:
            self._throttled_in_a_row += 1
            draw = self._chance.uniform(0.0, 1.0)
            wait_us = backoff.throttled_wait(outcome.headers, now) or backoff.jittered_wait(
                self._backoff, self._throttled_in_a_row, draw
            )
            self._quota = quota.block(self._quota, wait_us, now_us)
            if self._throttled_in_a_row == 1:
                self._listener.throttled(seconds(wait_us))
        elif kind is Kind.FAULT:
            self._quota = quota.block(self._quota, backoff.asked_wait(outcome.headers, now), now_us)
        else:
            self._throttled_in_a_row = 0
        if kind is Kind.FAULT and isinstance(outcome, Trouble) and not outcome.alive:
            self._breaker, edge = breaker.fail(self._breaker, self._tolerance, now_us)
            if edge is not None:
                self._listener.unreachable(str(self._error(outcome, call)))
            return
        before = self._breaker
        self._breaker, edge = breaker.succeed(before)
        if edge is not None:
            self._listener.recovered(seconds(now_us - before.opened_at_us))

    # Small parts -----------------------------------------------------------------------------------------------------

    def _call(
        self,
        method: str,
        path: str,
        query: Query,
        *,
        body: bytes | None,
        accept: Collection[int],
        wrote: bool,
        not_after: Instant = NEVER,
    ) -> _Call:
        if _PATH.fullmatch(path) is None:
            raise BugError(f"no path that can be asked for: {self._redaction.text(path)!r}")
        if body is not None and len(body) > self._limits.sent_bytes_max:
            raise BugError(f"{method} {path}: a body of {len(body)} bytes is above {self._limits.sent_bytes_max}")
        deadline_us = self._now_us() + self._patience_us
        not_after_wall = Instant(self._clock.wall() + not_after - self._clock.now())
        url = self._base + path
        return _Call(
            f"{method} {path}", method, url, query, body, accept, deadline_us, not_after, not_after_wall, wrote
        )

    def _enter(self, call: _Call) -> None:
        """Count the call in, or turn it away."""
        if self._calls >= self._limits.waiting_max:
            raise Throttled(
                f"{call.operation}: {self._calls} calls are waiting already",
                wait_seconds=CROWDED_WAIT_SECONDS,
                operation=call.operation,
            )
        self._calls += 1

    def _stop_if_open(self, call: _Call) -> None:
        wait_us = breaker.wait(self._breaker, self._now_us())
        if wait_us:
            raise Throttled(
                f"{call.operation}: not asked, the store failed {self._breaker.failures} times in a row",
                wait_seconds=seconds(wait_us),
                operation=call.operation,
            )

    def _error(self, trouble: Trouble, call: _Call) -> Exception:
        wait_us = quota.next_slot(self._quota, self._now_us())
        return error_for(trouble, call.operation, self._redaction, wrote=call.wrote, wait_us=wait_us)

    def _now_us(self) -> int:
        return int(self._clock.monotonic() * SECOND)


def _checked_base(base_url: str) -> str:
    """The address without a slash at its end. Raises MisconfiguredError without showing what may be a credential in it."""
    try:
        url = URL(base_url)
        usable = url.scheme in {"http", "https"} and bool(url.host) and not url.query_string and not url.fragment
    except ValueError:
        url, usable = URL(), False
    if not usable or url.user is not None or url.password is not None:
        raise MisconfiguredError(
            "the address is not of the form https://host/path",
            hint="no credentials, query or fragment in it; those have settings of their own",
        )
    return str(url).rstrip("/")
