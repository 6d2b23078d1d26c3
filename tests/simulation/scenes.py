"""`python -m tests.simulation.scenes NAME`: the hash of a small scene that a precaution is needed for, with or without it.

`--scatter N` lets the memory look different before the scene begins, as another process's may.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from random import Random

from aiohttp import web_response

from tests.simulation.play import Outcome, play
from tests.simulation.script import SKUS, STORES, Script, Step


def _buy(at: float, store: str) -> Step:
    return Step(at, "buy", {"store": store, "lines": [["cup", 1]], "paid": True, "method": ""})


def _script(*steps: Step, **knobs: float) -> Script:
    return Script(
        seed=1, steps=tuple(sorted(steps, key=lambda step: step.at)), opening=dict.fromkeys(SKUS, 60), skews={},
        story_seconds=300.0, knobs=knobs,
    )  # fmt: skip


def restarts() -> Script:
    """The daemon is stopped again and again: its tasks are cancelled at once, some in the middle of something."""
    slow = [Step(125.0, "fault", {"dial": "latency", "host": store, "seconds": 200.0, "draw": 0.5}) for store in STORES]
    stops = [
        Step(at, "fault", {"dial": "restart", "host": "syncd", "seconds": 1.0, "draw": 0.5})
        for at in (138.6, 153.2, 171.3, 193.9, 214.0)
    ]
    return _script(*slow, *stops, *(_buy(130.0 + 9.0 * n, store) for n, store in enumerate(STORES)))


def calm() -> Script:
    """Polls with pauses in which kept connections get too old."""
    return _script(*(_buy(130.0 + 45.0 * n, store) for n, store in enumerate(STORES)), poll_seconds=70.0)


SCENES: dict[str, Callable[[], Script]] = {"restarts": restarts, "calm": calm}


def scattered(number: int) -> list[object]:
    """Objects here and there, with holes between them."""
    random = Random(number)
    kept = [bytes(random.randrange(1, 480)) for _ in range(50_000 if number else 0)]
    return [entry for entry in kept if random.random() < 0.5]


def show(name: str, *, without: str = "", scatter: int = 0) -> Outcome:
    """Play a scene. `without`: a precaution, or "date" for another date from aiohttp."""
    kept = scattered(scatter)
    if without == "date":
        web_response.rfc822_formatted_time = lambda: "Thu, 01 Jan 1970 00:00:00 GMT"  # type: ignore[attr-defined]
    outcome = play(SCENES[name](), without=[without])
    del kept
    return outcome


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scene", choices=SCENES)
    parser.add_argument("--without", default="")
    parser.add_argument("--scatter", type=int, default=0)
    told = parser.parse_args()
    shown = show(told.scene, without=told.without, scatter=told.scatter)
    print(shown.invariant, shown.numbers, shown.digest)
