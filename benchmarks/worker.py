"""One measurement in a process of its own: `python -m benchmarks.worker KIND --url URL`; prints JSON."""

from __future__ import annotations

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from benchmarks import burst, documents, floor, groups, hooks, idle, memory, order_path, page, reaction

FLOOR, IDLE, GROUPS, HOOKS, MEMORY = "floor", "idle", "groups", "hooks", "memory"
REACTION, BURST, PAGE, DOCUMENTS = "reaction", "burst", "page", "documents"
KINDS = (FLOOR, order_path.BASELINE, order_path.MOVES, IDLE, GROUPS, HOOKS, REACTION, BURST, PAGE, DOCUMENTS, MEMORY)
IN_FOLDER = {
    GROUPS: groups.measure,
    HOOKS: hooks.measure,
    REACTION: reaction.measure,
    BURST: burst.measure,
    PAGE: page.measure,
    DOCUMENTS: documents.measure,
}


def measure(kind: str, folder: Path, url: str, *, with_parts: bool) -> dict[str, Any]:
    """What this kind of measurement tells."""
    if kind == FLOOR:
        return anyio.run(floor.measure, folder, url)
    if kind == IDLE:
        return anyio.run(idle.measure, folder, url)
    if kind in IN_FOLDER:
        return anyio.run(IN_FOLDER[kind], folder)
    if kind == MEMORY:
        return memory.measure(folder, url)
    return anyio.run(partial(order_path.measure, folder, url, kind, with_parts=with_parts))


def main() -> None:
    """Run it and print what came out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worker")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--url", default="")
    parser.add_argument("--parts", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as name:
        print(json.dumps(measure(given.kind, Path(name), given.url, with_parts=given.parts)))


if __name__ == "__main__":
    main()
