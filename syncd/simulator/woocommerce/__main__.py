"""Run a shop by itself: `python -m syncd.simulator.woocommerce --port 8081`."""

from __future__ import annotations

import argparse
import time
from random import Random

from aiohttp import web

from syncd.simulator.woocommerce.server import make_app
from syncd.simulator.woocommerce.settings import Settings
from syncd.simulator.woocommerce.shop import Shop


class MachineClock:
    """The machine's own time: a simulator is the outside world."""

    def now(self) -> int:
        """Microseconds since 1970, UTC."""
        return time.time_ns() // 1_000


def main() -> None:
    """Serve one empty shop until it is interrupted."""
    parser = argparse.ArgumentParser(prog="python -m syncd.simulator.woocommerce", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--seed", type=int, default=1, help="of the dials' chance")
    parser.add_argument("--timezone", default="UTC", help="the shop's, for example America/New_York")
    parser.add_argument("--key", default=Settings().consumer_key)
    parser.add_argument("--secret", default=Settings().consumer_secret)
    given = parser.parse_args()
    settings = Settings(timezone=given.timezone, consumer_key=given.key, consumer_secret=given.secret)
    shop = Shop(clock=MachineClock(), rng=Random(given.seed), settings=settings)
    web.run_app(make_app(shop), host=given.host, port=given.port)


if __name__ == "__main__":
    main()
