"""One measurement in a process of its own: `python -m benchmarks.worker KIND --url URL`; prints JSON."""

from __future__ import annotations

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path

import anyio

from benchmarks import floor, order_path


def main() -> None:
    """Run it and print what came out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worker")
    parser.add_argument("kind", choices=["floor", order_path.BASELINE, order_path.MOVES])
    parser.add_argument("--url", required=True)
    parser.add_argument("--parts", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as name:
        folder = Path(name)
        if given.kind == "floor":
            result = anyio.run(floor.measure, folder, given.url)
        else:
            result = anyio.run(partial(order_path.measure, folder, given.url, given.kind, with_parts=given.parts))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
