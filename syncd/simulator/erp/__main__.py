"""Run one simulated ERP: `python -m syncd.simulator.erp --port 8090 --token secret --seed 1`."""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
import time

from aiohttp import web

from syncd.simulator.erp.server import SimulatedErp


async def serve(host: str, port: int, token: str, seed: int) -> None:
    """Serve until SIGINT or SIGTERM; the first line on stdout tells the address."""
    erp = SimulatedErp(now=lambda: time.time_ns() // 1_000, chance=random.Random(seed), token=token)
    runner = web.AppRunner(erp.app(), shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sys.stdout.write(f"http://{host}:{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await stop.wait()
    await runner.cleanup()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m syncd.simulator.erp", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 for any free one")
    parser.add_argument("--token", default="", help="the bearer token to ask for; none by default")
    parser.add_argument("--seed", type=int, default=0, help="of the faults' chance")
    told = parser.parse_args()
    asyncio.run(serve(told.host, told.port, told.token, told.seed))


if __name__ == "__main__":
    main()
