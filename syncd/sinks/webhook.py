"""Events to somebody's webhook: one POST each, in the form of CloudEvents, signed as Standard Webhooks says.

A status says whose trouble it is. 2xx: it has arrived. 410: nobody takes events here any more. 400, 413, 422 and their like speak of
this event. All others, 401 and 404 too, speak of the address, the key or the receiver, and would refuse every event alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import aiohttp

from syncd.core.erasure import Whom
from syncd.core.quantity import seconds
from syncd.errors import MisconfiguredError, RefusedError, StoreFault, Throttled
from syncd.ports.clock import Clock
from syncd.ports.sink import Delivery, Erased, SinkTraits
from syncd.sinks.cloudevents import MEDIA_TYPE, encode
from syncd.transport.deliver import deliver, sign

STREAMS_AT_ONCE: Final = 8
GONE: Final = 410
OF_THE_RECEIVER: Final = frozenset({401, 402, 403, 404, 405, 407, 408, 421, 423, 424, 425, 426, 429, 451})
HINTS: Final = {
    401: "has the receiver the same secret, and does its clock go right?",
    403: "has the receiver the same secret, and does its clock go right?",
    404: "nobody takes events at this address: correct the sink's url",
    GONE: "nobody takes events there any more: change the sink's url or remove the sink, then run `syncd reload`",
}


class WebhookSink:
    """One receiver. `key` signs."""

    def __init__(self, url: str, key: bytes, session: aiohttp.ClientSession, clock: Clock) -> None:
        self.traits = SinkTraits(batch_events_max=1, streams_at_once=STREAMS_AT_ONCE)
        self._url, self._key, self._session, self._clock = url, key, session, clock

    async def open(self) -> int:
        """Nothing of it is kept here."""
        return 0

    async def deliver(self, events: Sequence[Delivery]) -> None:
        """Send each once, in order."""
        for each in events:
            await self._send(each)

    async def erase(self, whom: Whom, *, only_look: bool = False) -> Erased:  # noqa: ARG002 - a port
        """What the receiver keeps is the receiver's."""
        return Erased()

    async def _send(self, each: Delivery) -> None:
        body, now = encode(each), self._clock.wall()
        headers = {**sign(self._key, each.id, body, now), "Content-Type": MEDIA_TYPE}
        told = await deliver(self._session, self._url, body, headers, now, operation="sink")
        if told.status < 300:
            return
        reason, hint = f"the receiver says {told.status}", HINTS.get(told.status, "look at the receiver's own log")
        if told.status == GONE:
            raise MisconfiguredError(reason, operation="sink", hint=hint)
        if told.status == 429 or told.wait_us:
            raise Throttled(reason, wait_seconds=seconds(told.wait_us), operation="sink", hint=hint)
        if told.status < 400:
            hint = "redirects are not followed: make the sink's url the final address"
            raise StoreFault(reason, status=told.status, operation="sink", hint=hint)
        if told.status >= 500 or told.status in OF_THE_RECEIVER:
            raise StoreFault(reason, status=told.status, operation="sink", hint=hint)
        raise RefusedError(reason, status=told.status, operation="sink", hint=hint)
