"""The demo from the first process to the exit code. `main` is what `syncd demo` and `make demo` call."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Final

import anyio
import msgspec
from rich.console import Console

from syncd.clock import SystemChance
from syncd.demo.assortment import ARTICLES
from syncd.demo.child import Child
from syncd.demo.city import Desk, Shop, make_session
from syncd.demo.play import Broken, Play
from syncd.demo.premises import Premises
from syncd.demo.scene import Scene
from syncd.demo.shops import STORES
from syncd.demo.stage import Stage, make_stage
from syncd.demo.verdict import Outcome, show_outcome, show_table

EXIT_OK, EXIT_OFF, EXIT_INTERRUPTED = 0, 1, 130
SECONDS: Final = 30.0
SEEDS: Final = 10_000  # as many plays to choose from
SHOPS_SECONDS: Final = 30.0  # to open, on a slow machine
ERRORS_CHARACTERS_MAX: Final = 2_000
TAIL_LINES: Final = 25  # of the daemon's log, where something was off; the whole of it is kept
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(*, seconds: float = SECONDS, seed: int | None = None, keep: bool = False) -> int:
    """Run the demo: `seconds` of shopping, then the verdict. Returns 0 if every unit is where it should be, 1 if one is off,
    130 if it was interrupted. The temporary folder stays with `keep`, and where something was off."""
    if seed is None:
        seed = int(SystemChance().uniform(1, SEEDS))
    try:
        return anyio.run(_main, seconds, seed, keep)
    except KeyboardInterrupt:  # before the signals were watched
        return EXIT_INTERRUPTED


async def _main(seconds: float, seed: int, keep: bool) -> int:
    folder = Path(tempfile.mkdtemp(prefix="syncd-demo-"))
    premises = Premises(folder)
    scene = Scene(seed, dict(STORES), seconds)
    stage = make_stage()
    ended: list[Outcome] = []
    kept = keep
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_watch_signals, group.cancel_scope, name="signals")
            with stage:
                ended.append(await _perform(premises, scene, stage))
            group.cancel_scope.cancel()
        if not ended:
            stage.console.print("Interrupted: all processes have ended.", markup=False)
            return EXIT_INTERRUPTED
        good = ended[0].is_good(scene)
        kept = keep or not good
        console = stage.console
        if not good:
            _show_evidence(console, premises)
        show_table(console, scene)
        show_outcome(console, scene, ended[0])
        if kept:
            _show_folder(console, premises, scene)
        return EXIT_OK if good else EXIT_OFF
    finally:
        premises.close()
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)


async def _watch_signals(scope: anyio.CancelScope) -> None:
    """Ctrl-C, SIGTERM or a closed terminal end the play; the children end with their blocks."""
    with anyio.open_signal_receiver(*SIGNALS) as received:
        async for _ in received:
            scope.cancel()


async def _perform(premises: Premises, scene: Scene, stage: Stage) -> Outcome:
    """Open the shops, play, and clean up. Trouble is part of the outcome."""
    premises.daemon_log.parent.mkdir(parents=True)
    shops = Child(["syncd.demo.shops", str(scene.seed)], folder=premises.folder, out=None, errors=premises.shops_errors)
    daemon = Child(
        ["syncd", "run", "--config", str(premises.config)],
        folder=premises.folder, out=premises.daemon_log, errors=premises.daemon_errors,
    )  # fmt: skip
    stage.say(f"syncd demo: {len(STORES)} shops, one ERP, {scene.whole_seconds:g} s of shopping, seed {scene.seed}")
    play: Play | None = None
    try:
        async with shops, daemon, make_session() as session:
            addresses = await _open(shops, premises)
            premises.furnish(addresses)
            stage.say(f"the page, while it plays: http://127.0.0.1:{premises.page_port}/")
            stores = {name: Shop(name, kind, addresses[name], session) for name, kind in STORES.items()}
            desk = Desk(addresses["desk"], session)
            play = Play(scene, stage, premises, stores, desk, daemon, Random(scene.seed))
            return await play.run()
    except Broken as error:
        outcome = play.outcome if play else Outcome()
        outcome.troubles.append(str(error))
        return outcome


async def _open(shops: Child, premises: Premises) -> dict[str, str]:
    """Start the shops; their addresses. Raises Broken."""
    await shops.start()
    line = ""
    with anyio.move_on_after(SHOPS_SECONDS):
        line = await shops.first_line()
    try:
        return msgspec.json.decode(line, type=dict[str, str])
    except msgspec.MsgspecError:
        said = premises.shops_errors.read_text(errors="replace")[-ERRORS_CHARACTERS_MAX:]
        raise Broken(f"the simulated shops did not open within {SHOPS_SECONDS:.0f} s: {said}") from None


def _show_folder(console: Console, premises: Premises, scene: Scene) -> None:
    """Where everything lies, and what to try with it."""
    syncd = Path(sys.executable).with_name("syncd")
    command = str(syncd) if syncd.is_file() else f"{sys.executable} -m syncd"
    sku = min(scene.rows, key=lambda row: row.should).sku if scene.rows else ARTICLES[0].sku
    for line in (
        "",
        f"log            {premises.daemon_log}",
        f"ledger         {premises.ledger}",
        f"configuration  {premises.config}",
        f"to try         {command} explain sku {sku} --config {premises.config}",
    ):
        console.print(line, markup=False, soft_wrap=True)


def _show_evidence(console: Console, premises: Premises) -> None:
    """What the daemon said last, where something went wrong."""
    for name, path in (("the daemon's log", premises.daemon_log), ("its standard error", premises.daemon_errors)):
        lines = path.read_text(errors="replace").splitlines()[-TAIL_LINES:] if path.is_file() else []
        if lines:
            console.print(f"\nThe end of {name}:", markup=False)
        for line in lines:
            console.print(line, markup=False, soft_wrap=True)
