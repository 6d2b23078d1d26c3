"""Run the shop on its own: python -m syncd.simulator.bigcommerce --port 8801."""

from __future__ import annotations

import argparse
import time
from random import Random

from aiohttp import web

from syncd.simulator.bigcommerce.server import STORE, TOKEN, make_app
from syncd.simulator.bigcommerce.shop import Shop


class _MachineClock:
    """The machine's wall clock: a shop that runs on its own has no other."""

    def now(self) -> int:
        return time.time_ns() // 1000


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m syncd.simulator.bigcommerce", description="A BigCommerce shop.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8801)
    parser.add_argument("--seed", type=int, default=1, help="of the faults and the ids")
    parser.add_argument("--store", default=STORE, help="the store hash")
    parser.add_argument("--token", default=TOKEN, help="the X-Auth-Token")
    chosen = parser.parse_args()
    shop = Shop(_MachineClock(), Random(chosen.seed))
    app = make_app(shop, store=chosen.store, token=chosen.token)
    web.run_app(app, host=chosen.host, port=chosen.port)


if __name__ == "__main__":
    main()
