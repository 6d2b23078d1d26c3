"""Deliver a message to somebody's webhook: one POST, signed as Standard Webhooks says, bounded, without redirects.

The client of stores and ERPs (`client.py`) wants JSON answers, quotas and a breaker; whoever takes a webhook answers with a
status, and what his answer holds is nobody's business.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from typing import Final, NamedTuple

import aiohttp
from yarl import URL

from syncd.core.backoff import asked_wait
from syncd.core.quantity import SECOND, Instant
from syncd.errors import StoreFault
from syncd.transport.limits import Limits
from syncd.transport.session import TooLarge, read_body, send_once
from syncd.transport.verdict import unreached

LIMITS: Final = Limits(connect_seconds=10.0, read_seconds=15.0, total_seconds=20.0, body_bytes_max=16 * 1024)
TIMEOUT: Final = aiohttp.ClientTimeout(
    total=LIMITS.total_seconds, connect=LIMITS.connect_seconds, sock_read=LIMITS.read_seconds
)


class Told(NamedTuple):
    """What the other side said. `wait_us`: how long it asks to be left alone."""

    status: int
    wait_us: int


def sign(key: bytes, name: str, body: bytes, now: Instant) -> dict[str, str]:
    """The headers for one try: `name` is the same for each, the time and so the signature are not."""
    stamp = str(now // SECOND)
    signature = hmac.digest(key, b".".join([name.encode(), stamp.encode(), body]), "sha256")
    return {
        "webhook-id": name,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
        "Content-Type": "application/json",
    }


async def deliver(
    session: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str], now: Instant,
    operation: str = "alert",
) -> Told:  # fmt: skip
    """Send it once. Raises StoreFault where there was no answer."""
    status: int | None = None
    try:
        response = await session.request(
            "POST", URL(url), data=body, headers=headers, allow_redirects=False, timeout=TIMEOUT,
            middlewares=(send_once,),
        )  # fmt: skip
        status = response.status
        told = Told(status, asked_wait(response.headers, now))
        try:
            await read_body(response, LIMITS.body_bytes_max)  # so that the connection can be used again
        finally:
            response.close()
    except TooLarge:
        return told
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        if status is not None:  # its head is all that counts
            return told
        trouble = unreached(error, LIMITS, None, {})
    else:
        return told
    raise StoreFault(trouble.reason, operation=operation, hint=trouble.hint)
