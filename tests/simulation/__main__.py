"""`python -m tests.simulation soak --seeds 10000`, `... replay SEED`, `... script SEED > kept/NAME.json`."""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from functools import partial
from pathlib import Path

import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.simulation.campaign import Tally, report, run
from tests.simulation.mutants import MUTANTS, NAMED, play_mutant, play_task
from tests.simulation.play import Outcome, play, play_seed
from tests.simulation.script import WORLDS, Script


class Kept(msgspec.Struct, frozen=True):
    """A case that found something: the script of actions and faults, and a sentence."""

    found: str
    script: Script


DONE = Path("soak-run")  # what a soak has done so far: one line a seed


def main() -> int:
    """Read the arguments and do it."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    soak = commands.add_parser("soak", help="run many seeds; goes on where the last one stopped")
    soak.add_argument("--seeds", type=int, default=1_000)
    soak.add_argument("--first", type=int, default=0)
    soak.add_argument("--cores", type=int, default=0)
    soak.add_argument("--again", action="store_true", help="forget what was done before")
    replay = commands.add_parser("replay", help="run one seed, or a kept script, and show what happened")
    replay.add_argument("what")
    replay.add_argument("--log", action="store_true", help="the daemon's log as well")
    replay.add_argument("--world", choices=WORLDS, default="")
    replay.add_argument("--mutant", choices=NAMED, default="", metavar="NAME", help="the seed of this mutant's script")
    replay.add_argument("--control", action="store_true", help="the mutant's script, without the mutant")
    soak.add_argument("--world", choices=WORLDS, default="", help="hot: one SKU that everybody wants, for hours")
    script = commands.add_parser("script", help="print a seed's script, to be kept")
    script.add_argument("seed", type=int)
    script.add_argument("--world", choices=WORLDS, default="")
    outcomes = commands.add_parser("outcomes", help="outcomes as JSON, for the tests")
    outcomes.add_argument("--seeds", type=int, default=1)
    outcomes.add_argument("--first", type=int, default=0)
    outcomes.add_argument("--script")
    outcomes.add_argument("--world", choices=WORLDS, default="")
    mutants = commands.add_parser(
        "mutants", help="put each mutant in, and tell in how many seeds it is caught, as JSON"
    )
    mutants.add_argument("--seeds", type=int, default=4, help="so many at most, until it is caught")
    mutants.add_argument("--every", action="store_true", help="all of them, caught or not")
    told = parser.parse_args()
    if told.command == "outcomes":
        return _outcomes(told.first, told.seeds, told.script, told.world)
    if told.command == "mutants":
        return _mutants(told.seeds, every=told.every)
    if told.command == "soak":
        return _soak(told.first, told.seeds, told.cores, told.world, again=told.again)
    if told.command == "script":
        print(
            json.dumps(
                msgspec.to_builtins(Kept("what it found, in a sentence", WORLDS[told.world](told.seed))), indent=1
            )
        )
        return 0
    return _replay(told.what, told.world, told.mutant, put_in=not told.control, log=told.log)


def _outcomes(first: int, seeds: int, script: str | None, world: str) -> int:
    out = sys.stdout.buffer
    if script:
        kept = msgspec.json.decode(Path(script).read_bytes(), type=Kept)
        out.write(msgspec.json.encode(play(kept.script, again=script)) + b"\n")
        return 0
    for outcome in run(range(first, first + seeds), play=partial(play_seed, world=world)):
        out.write(msgspec.json.encode(outcome) + b"\n")
    out.flush()
    return 0


def _mutants(seeds: int, *, every: bool) -> int:
    """Each mutant in seed after seed until it is caught (or in `every` one), and its script without it."""
    told: dict[tuple[str, bool], list[Outcome]] = defaultdict(list)
    for seed in range(1, seeds + 1):
        open_ones = [m.name for m in MUTANTS if every or not any(o.invariant for o in told[m.name, True])]
        tasks = [(name, seed, put_in) for name in open_ones for put_in in (True, False)]
        for (name, _, put_in), outcome in run(tasks, play=play_task):
            told[name, put_in].append(outcome)
    for mutant in MUTANTS:
        played = told[mutant.name, True]
        found = [outcome for outcome in played if outcome.invariant]
        row = {
            "name": mutant.name, "seeds": len(played), "caught": len(found), "by": sorted({o.invariant for o in found}),
            "control": [report(outcome) for outcome in told[mutant.name, False] if outcome.invariant],
        }  # fmt: skip
        sys.stdout.buffer.write(msgspec.json.encode(row) + b"\n")
    sys.stdout.flush()
    return 0


def _soak(first: int, seeds: int, cores: int, world: str, *, again: bool) -> int:
    DONE.mkdir(exist_ok=True)
    path = DONE / f"done{world and '-' + world}.jsonl"
    if again:
        path.unlink(missing_ok=True)
    tally = Tally()
    known = set()
    for line in path.read_bytes().splitlines() if path.exists() else ():
        outcome = msgspec.json.decode(line, type=Outcome)
        if first <= outcome.seed < first + seeds and not outcome.invariant:
            known.add(outcome.seed)
            tally.add(outcome)
    wanted = [seed for seed in range(first, first + seeds) if seed not in known]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress, path.open("ab") as out:
        bar = progress.add_task("seeds", total=seeds, completed=len(known))
        for outcome in run(wanted, cores=cores, play=partial(play_seed, world=world)):
            tally.add(outcome)
            slim = msgspec.structs.replace(outcome, last=[])
            out.write(msgspec.json.encode(slim) + b"\n")
            out.flush()
            if outcome.invariant:
                progress.console.print(report(outcome), markup=False, highlight=False)
            progress.update(bar, advance=1, description=f"seeds, {len(tally.failed)} failed")
    print("\n".join(tally.lines()))
    return 1 if tally.failed else 0


def _replay(what: str, world: str, mutant: str, *, put_in: bool, log: bool) -> int:
    out = print if log else lambda _: None
    if mutant:
        outcome = play_mutant((mutant, int(what), put_in), log=out)
    elif what.isdigit():
        outcome = play(WORLDS[world](int(what)), log=out)
    else:
        outcome = play(msgspec.json.decode(Path(what).read_bytes(), type=Kept).script, log=out, again=what)
    print(report(outcome) if outcome.invariant else f"seed {outcome.seed} holds: {outcome.digest}")
    for line in [] if outcome.invariant else outcome.last:
        print(f"    {line}")
    return 1 if outcome.invariant else 0


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    raise SystemExit(main())
