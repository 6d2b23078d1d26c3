"""Somebody who calls the daemon's listener and isn't a shop: guesses, or sends what was heard on the way again."""

from __future__ import annotations

import asyncio
import base64
from random import Random
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec

from tests.simulation.calls import FORGED_FROM
from tests.simulation.hands import ADDRESS
from tests.simulation.script import STORES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.world import World

HOST = "stranger.localhost"
EVERY_SECONDS = (5.0, 40.0)
IN_A_ROW = (1, 5)
REPLAYED_MAX = 2  # calls at once
TIMEOUT_SECONDS = 10.0
NOTHING_LEARNT = {404, 429}
DOORS = ("books", *STORES, "nosuch")


class Stranger:
    """One world's."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def forge(self, random: Random, is_on: Callable[[], bool]) -> None:
        """Call without knowing the secret: nothing may be learnt from the answers, neither which stores there are."""
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            while is_on():
                for _ in range(random.randint(*IN_A_ROW)):
                    path, headers, body = self._made_up(random)
                    answer = await _post(session, path, headers, body)
                    if answer is not None and (answer[0] not in NOTHING_LEARNT or answer[1]):
                        self.world.judges.blame("FORGED", f"a forged call to {path} was answered with {answer}")
                await asyncio.sleep(random.uniform(*EVERY_SECONDS))

    async def replay(self, random: Random, is_on: Callable[[], bool]) -> None:
        """Send genuine calls again, as they were."""
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            while is_on():
                await asyncio.sleep(random.uniform(*EVERY_SECONDS))
                known = list(self.world.calls.genuine)
                for path, headers, body in random.sample(known, min(REPLAYED_MAX, len(known))):
                    kept = {name: value for name, value in headers.items() if name not in {"Host", "Content-Length"}}
                    await _post(session, path, kept, body)

    def _made_up(self, random: Random) -> tuple[str, dict[str, str], bytes]:
        order, store = random.randrange(FORGED_FROM, FORGED_FROM + 1_000), random.choice(DOORS)
        path = f"/{random.choice(['acme', 'acme', 'books', 'nobody'])}/{store}"
        if random.random() < 0.5:
            headers = {"X-Syncd-Token": random.choice(["", "guess", "0" * 64])}
            body: Any = {"scope": "store/order/updated", "data": {"type": "order", "id": order}}
            return path, headers, msgspec.json.encode(body)
        sign = base64.b64encode(random.randbytes(random.choice([0, 20, 32]))).decode()
        headers = {
            "X-WC-Webhook-Resource": "order",
            "X-WC-Webhook-Topic": "order.updated",
            "X-WC-Webhook-Signature": sign,
        }
        return path, headers, msgspec.json.encode({"id": order})


async def _post(
    session: aiohttp.ClientSession, path: str, headers: dict[str, str], body: bytes
) -> tuple[int, bytes] | None:
    try:
        async with session.post(
            ADDRESS + path, headers=headers, data=body, timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        ) as answer:
            return answer.status, await answer.read()
    except (aiohttp.ClientError, TimeoutError, OSError):
        return None
