"""The play itself: who does what when. Every wait is bounded and says what is off when it ends in vain."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

import aiohttp
import anyio

from syncd.clock import SystemClock
from syncd.demo.child import Child
from syncd.demo.city import Desk, Shop
from syncd.demo.premises import Premises
from syncd.demo.reckoning import reckon, unsettled
from syncd.demo.scene import Scene
from syncd.demo.shoppers import Crowd
from syncd.demo.stage import Stage
from syncd.demo.tidings import Tidings
from syncd.demo.verdict import Outcome

KILLS: Final = ((0.25, 0.40), (0.55, 0.70))  # when, as shares of the shopping time
DOWN_SECONDS: Final = (0.3, 1.5)  # between a kill and the next start, as a service manager takes
LOOK_SECONDS: Final = 0.3  # between two looks at everything
READY_SECONDS: Final = 60.0  # for the daemon's first contact with all shops, on a slow machine
AGREE_SECONDS: Final = (
    150.0  # a write without an answer may count as alive for a minute, and nothing is raised meanwhile
)
AGREE_LOOKS: Final = 10  # in a row, about three seconds, before it is believed


class Broken(Exception):
    """The demo can't go on; the message says why."""


@dataclass(slots=True)
class Play:
    """One performance. `run` gives the outcome; the scene holds the numbers."""

    scene: Scene
    stage: Stage
    premises: Premises
    shops: dict[str, Shop]
    desk: Desk
    daemon: Child
    chance: Random
    outcome: Outcome = field(default_factory=Outcome)
    crowds: list[Crowd] = field(default_factory=list)
    clock: SystemClock = field(default_factory=SystemClock)
    watched: bool = False
    """Whether the daemon should be running: its end is a surprise then."""
    tidings: Tidings = field(init=False)
    names: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tidings = Tidings(self.premises.daemon_log)
        self.crowds = [
            Crowd(shop, Random(self.chance.random()), lambda text: self.stage.note([text]))
            for shop in self.shops.values()
        ]

    async def run(self) -> Outcome:
        """All acts, one after the other. Raises Broken."""
        try:
            await self._begin_life()
            await self._wait(self._all_ready, READY_SECONDS, "the daemon made contact with the shops")
            await self._shop()
            await self._settle()
            await self._end()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Broken(f"the simulated shops don't answer as they should: {error!r}") from error
        return self.outcome

    # -- the acts

    async def _shop(self) -> None:
        """Shoppers and faults for the whole time, two kills on the way."""
        scene = self.scene
        self._phase("the shops are open")
        await self.desk.storm()
        began = self.clock.monotonic()
        kills = [began + scene.whole_seconds * self.chance.uniform(*when) for when in KILLS]
        try:
            async with anyio.create_task_group() as group:
                for crowd in self.crowds:
                    group.start_soon(crowd.live, name=f"shoppers of {crowd.shop.name}")
                group.start_soon(self._kill_at, kills, name="kills")
                while (elapsed := self.clock.monotonic() - began) < scene.whole_seconds:
                    scene.elapsed_seconds = elapsed
                    await self._look()
                group.cancel_scope.cancel()
        except ExceptionGroup as errors:
            foreseen, rest = errors.split((Broken, aiohttp.ClientError, TimeoutError))
            if foreseen is None or rest is not None:
                raise
            raise Broken(f"while the shops were open: {foreseen.exceptions[0]}") from errors
        scene.elapsed_seconds = scene.whole_seconds
        if not self.daemon.is_running:
            await self._begin_life()

    async def _kill_at(self, instants: list[float]) -> None:
        for instant in instants:
            await self.clock.sleep(instant - self.clock.monotonic())
            self.watched = False
            pid = self.daemon.pid
            await self.daemon.kill()
            self.scene.kills += 1
            self.scene.daemon = "killed"
            self.stage.say(f"kill -9 {pid}: the daemon is gone in the middle of its work; the shops go on selling")
            await self.clock.sleep(self.chance.uniform(*DOWN_SECONDS))
            await self._begin_life()

    async def _settle(self) -> None:
        """The shoppers go home, the faults end; everything must agree within the bound."""
        self._phase("closing time")
        await self.desk.calm()
        truths = {name: await shop.truth() for name, shop in self.shops.items()}
        waiting = unsettled(truths)
        for crowd in self.crowds:
            await crowd.finish(waiting[crowd.shop.name])
        self._phase("waiting until all agree")
        looks = 0

        async def agrees() -> bool:
            nonlocal looks
            looks = 0 if self.scene.off else looks + 1
            return looks >= AGREE_LOOKS

        began = self.clock.monotonic()
        if await self._wait(agrees, AGREE_SECONDS, ""):
            self.outcome.agreed_after_seconds = self.clock.monotonic() - began

    async def _end(self) -> None:
        """The daemon is asked to stop, and must do so cleanly; then everything is looked at once more."""
        self._phase("stopping the daemon")
        self.watched = False
        code = await self.daemon.stop()
        self.scene.daemon = "stopped"
        if code != 0:
            how = "had to be killed" if code is None else f"ended with exit code {code}"
            self.outcome.troubles.append(f"asked to stop, the daemon {how}")
        await self._look()
        self._phase("done")
        self.outcome.ledger = self.premises.ledger_counts()

    # -- what all acts need

    async def _begin_life(self) -> None:
        self.tidings.forget()
        await self.daemon.start()
        self.watched = True
        self.scene.lives += 1
        self.scene.daemon = f"up (life {self.scene.lives}, process {self.daemon.pid})"
        if self.scene.kills:
            self.stage.say(f"the daemon is started again, process {self.daemon.pid}")

    async def _all_ready(self) -> bool:
        return self.tidings.stores.get("store.baseline_done", set()) >= set(self.shops)

    async def _wait(self, done: Callable[[], Awaitable[bool]], bound_seconds: float, what: str) -> bool:
        """Look until done. Where the time runs out: Broken if `what` must be (and is told), else False."""
        began = self.clock.monotonic()
        while (waited := self.clock.monotonic() - began) < bound_seconds:
            if not what:
                self.scene.waiting_seconds = waited
            await self._look()
            if await done():
                return True
        if what:
            raise Broken(f"waited {bound_seconds:.0f} s in vain until {what}")
        return False

    async def _look(self) -> None:
        """Read everything once, and show it."""
        scene = self.scene
        truths = {name: await shop.truth() for name, shop in self.shops.items()}
        scene.faults = await self.desk.tally()
        scene.rows = reckon(truths, scene.stores, self.premises.erp_levels())
        scene.requests = sum(truth["requests"] for truth in truths.values())
        scene.orders = sum(crowd.done["orders"] for crowd in self.crowds)
        scene.changes = sum(
            sum(crowd.done.values()) - crowd.done["orders"] - crowd.done["refused"] for crowd in self.crowds
        )
        if len(self.names) < len(scene.rows) * len(scene.stores):
            self.names = self.premises.skus_of_items()
        self.stage.note(self.tidings.read(self.names))
        scene.writes = self.tidings.counts["level.written"]
        if self.watched and not self.daemon.is_running:
            self.watched = False
            raise Broken(f"the daemon ended by itself with exit code {self.daemon.exit_code}")
        self.stage.show(scene)
        await self.clock.sleep(LOOK_SECONDS)

    def _phase(self, text: str) -> None:
        self.scene.phase = text
        self.stage.say(f"-- {text}")
