"""Play one script: what came of it, as a value that goes from process to process."""

from __future__ import annotations

import gc
import shutil
import traceback
from collections.abc import Callable, Collection
from pathlib import Path

import msgspec

from tests.simulation import precautions
from tests.simulation.broken import Broken
from tests.simulation.house import _scratch
from tests.simulation.loop import Livelock
from tests.simulation.script import WORLDS, Script
from tests.simulation.world import World


class Outcome(msgspec.Struct, frozen=True):
    """One seed's outcome. `invariant` is "" where everything holds."""

    seed: int
    invariant: str = ""
    numbers: str = ""
    last: list[str] = []
    digest: str = ""
    seconds: float = 0.0
    requests: int = 0
    kills: int = 0
    struck: dict[str, int] = {}
    done: dict[str, int] = {}
    oversold: dict[str, int] = {}
    settled_after: float = 0.0
    again: str = ""  # what `replay` is given


def play(
    script: Script,
    *,
    without: Collection[str] = (),
    prepare: Callable[[World], None] = lambda _: None,
    log: Callable[[str], None] = lambda _: None,
    again: str = "",
) -> Outcome:
    """Play a script in this process. `without` leaves precautions out, `prepare` may lay a hand on the world first; `again` is
    what replays it, if that is not its seed."""
    folder = Path(_scratch())
    gc.disable()  # a collection would close what is kept for dead, at a moment that no seed decides
    world = World(script, folder)
    undo = precautions.take(lambda: world.loop._now, without=without)
    invariant = numbers = ""
    try:
        prepare(world)
        world.loop.run(world.live())
    except Broken as broken:
        invariant, numbers = broken.invariant, broken.numbers
    except Livelock as stuck:
        invariant, numbers = "LIVELOCK", str(stuck)
    except Exception as error:  # noqa: BLE001 - a world that breaks is a finding too, and its seed must be told
        place = traceback.extract_tb(error.__traceback__)[-1]
        invariant, numbers = "WORLD", f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
    finally:
        undo()
    log(world.house.log.getvalue())
    rows = _ledger_rows(world) if not invariant else ""
    world.journal.note("ledger", rows)
    shutil.rmtree(folder, ignore_errors=True)
    return Outcome(
        seed=script.seed,
        invariant=invariant,
        numbers=numbers,
        last=list(world.journal.last)[:-1],
        digest=world.journal.digest(),
        seconds=world.now,
        requests=world.requests,
        kills=world.fate.kills,
        struck=dict(world.fate.struck),
        done=dict(world.done),
        oversold=dict(world.judges.oversold),
        settled_after=world.settled_after,
        again=again or f"{script.seed}" + (f" --world {script.world}" if script.world else ""),
    )


def play_seed(seed: int, world: str = "") -> Outcome:
    """Draw and play."""
    return play(WORLDS[world](seed))


def _ledger_rows(world: World) -> str:
    """Every row of every table."""
    import sqlite3

    source = sqlite3.connect(f"file:{world.house.state / 'ledger.sqlite3'}?mode=ro", uri=True)
    names = [name for (name,) in source.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    rows = [
        f"{name}: {sorted(map(repr, source.execute('SELECT * FROM ' + chr(34) + name + chr(34))))}" for name in names
    ]
    source.close()
    return "\n".join(rows)
