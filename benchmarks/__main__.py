"""`python -m benchmarks`: all measurements, each in a process of its own, beside shops in others. About six minutes.

Run it on a quiet machine; CPU seconds grow, too, when others use its caches.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.order_path import BASELINE, MOVES
from benchmarks.report import failures, lines
from benchmarks.worker import BURST, DOCUMENTS, FLOOR, GROUPS, HOOKS, IDLE, MEMORY, PAGE, REACTION

ORDERS = "orders"
OTHERS = (IDLE, MEMORY, GROUPS, HOOKS, REACTION, BURST, PAGE, DOCUMENTS)
EXIT_TERMINATED = 128 + signal.SIGTERM
WORKER_SECONDS = 300.0  # one measurement; a machine that needs longer is not worth measuring on


@contextmanager
def shop(orders: int) -> Iterator[str]:
    """A shop's process; gives its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.shop", "--orders", str(orders)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


def work(kind: str, url: str, *options: str) -> Any:
    """Run one measurement."""
    print(f"... {kind} {' '.join(options)}", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "benchmarks.worker", kind, "--url", url, *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=WORKER_SECONDS)
    return json.loads(done.stdout.splitlines()[-1])


def measure(orders: int, runs: int, wanted: set[str]) -> dict[str, Any]:
    """All of it. The order path's settings and the floor take turns, so that all see the same machine."""
    results: dict[str, Any] = {}
    with shop(orders) as url:
        if ORDERS in wanted:
            results = {FLOOR: [], BASELINE: [], MOVES: []}
            for _ in range(runs):
                for kind, found in results.items():
                    found.append({**work(kind, url), "asked": orders})
            for kind in (BASELINE, MOVES):
                results[f"{kind}_parts"] = work(kind, url, "--parts")
        for kind in OTHERS:
            if kind in wanted:
                results[kind] = work(kind, url)
    return results


def main() -> int:
    """Measure, print, and write JSON where asked. Exit code 1 if orders are missing or requests are wasted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the results to this file, too")
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3, help="of the order path, in each setting")
    parser.add_argument("--only", action="append", choices=[ORDERS, *OTHERS], help="may be repeated")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))  # so that the shops' processes end, too
    results = measure(given.orders, given.runs, set(given.only or [ORDERS, *OTHERS]))
    print("\n".join(lines(results)))
    if given.json:
        given.json.write_text(json.dumps(results, indent=2) + "\n")
    broken = failures(results)
    for complaint in broken:
        print(f"broken: {complaint}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
