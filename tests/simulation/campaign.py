"""Many seeds, each in a process of its own (what a kill leaves behind goes with it), on all cores."""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from tests.simulation.house import ssl_context, template
from tests.simulation.play import Outcome, play, play_seed
from tests.simulation.script import WORLDS

WARM_SECONDS = 200.0  # of a story that is played before the others, for what a process does only once
WARM_FROM = 8  # seeds; for fewer it doesn't pay


def run(seeds: Iterable[Any], *, cores: int = 0, play: Callable[[Any], Any] = play_seed) -> Iterator[Any]:
    """Outcomes as they come. The parent imports, migrates and warms once, its children are forks."""
    template(), ssl_context()
    waiting = list(seeds)
    if len(waiting) >= WARM_FROM:
        _warm()
    fork = multiprocessing.get_context("fork")
    with fork.Pool(cores or os.cpu_count() or 1, maxtasksperchild=1) as pool:
        yield from pool.imap_unordered(play, waiting)


def _warm() -> None:
    """Play a short story: modules that are imported late, decoders and statements that are made at their first use."""
    script = WORLDS[""](0)
    steps = [step for step in script.steps if step.at < WARM_SECONDS and step.what != "fault"]
    play(msgspec.structs.replace(script, steps=steps, story_seconds=WARM_SECONDS))


class Tally:
    """What a campaign adds up to."""

    def __init__(self) -> None:
        self.seeds = self.requests = self.kills = 0
        self.seconds = self.slowest = 0.0
        self.struck: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.oversold: Counter[str] = Counter()
        self.failed: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        """One more."""
        self.seeds += 1
        self.requests += outcome.requests
        self.kills += outcome.kills
        self.seconds += outcome.seconds
        self.slowest = max(self.slowest, outcome.settled_after)
        self.struck.update(outcome.struck)
        self.done.update(outcome.done)
        self.oversold.update(outcome.oversold)
        if outcome.invariant:
            self.failed.append(outcome)

    def lines(self) -> list[str]:
        """For people."""
        return [
            (
                f"{self.seeds} seeds, {self.seconds / 3600:.0f} simulated hours, {self.requests} requests, {self.kills} "
                f"kills, {len(self.failed)} failed; the slowest agreed {self.slowest:.0f} s after its faults"
            ),
            "faults: " + ", ".join(f"{name} {count}" for name, count in sorted(self.struck.items())),
            "actions: " + ", ".join(f"{n} {c}" for n, c in sorted(self.done.items()) if not n.startswith("no")),
            "units oversold: " + (", ".join(f"{n} {c}" for n, c in sorted(self.oversold.items())) or "none"),
        ]


def report(outcome: Outcome) -> str:
    """A failing seed: the command that replays it, what happened last, what broke."""
    last = "\n".join(f"    {line}" for line in outcome.last[-25:])
    return (
        f"seed {outcome.seed}: {outcome.invariant}: {outcome.numbers}\n{last}\n"
        f"  again: .venv/bin/python -m tests.simulation replay {outcome.again}"
    )
