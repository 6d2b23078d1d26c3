"""Fate: begins and ends the faults of a script."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from tests.simulation.dials import DIALS
from tests.simulation.hands import LISTENER_PORT, meddle
from tests.simulation.house import HOST
from tests.simulation.script import STORES
from tests.simulation.stranger import HOST as STRANGER
from tests.simulation.wire import DIALS as WIRE
from tests.simulation.wire import Wire

if TYPE_CHECKING:
    from tests.simulation.world import World

JUMPS_SECONDS = (-86_400.0, -3_600.0, -15.0, 90.0, 3_600.0)
STEPS_SECONDS = (
    -7_200.0,
    -600.0,
    -40.0,
    -3.0,
    5.0,
    70.0,
    1_800.0,
    7_200.0,
)  # of the daemon's wall clock, while it lives
SHOP_STEPS_SECONDS = (-80.0, -30.0, 30.0, 120.0, 3_600.0)  # not back to before the cutover
DATES_SECONDS = (-600.0, -90.0, 90.0, 600.0)
LOSS = 0.2
STOP_SECONDS = 30.0  # a step that runs has 10 s, then comes the ledger's last commit
SLOW_NET = (0.2, 4.0)
RESET_EVERY_SECONDS = 9.0


class Fate:
    """The faults of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.struck: Counter[str] = Counter()
        self.kills = 0
        self._cut: set[str] = set()
        self.wire = Wire(world)
        self.date_off: defaultdict[str, float] = defaultdict(float)  # seconds by which a host's Date header is off
        self._armed: list[tuple[str, float]] = []
        self._open: dict[int, tuple[dict[str, Any], int]] = {}
        self._ends: list[Any] = []

    def strike(self, args: dict[str, Any]) -> None:
        """A fault begins; its end is in the loop's calendar (the driver's host, which nobody kills)."""
        world, dial = self.world, DIALS[args["dial"]]
        if dial.is_kill and world.house.app is None:
            return  # nothing runs
        self.struck[dial.name] += 1
        mark = id(args)
        excuses = dial.is_kill or not dial.calls
        self._open[mark] = (args, world.health.begin(args["host"], world.now) if excuses else 0)
        if dial.is_kill:
            if dial.name == "clock_jump":
                world.house.machine.ahead_seconds += _drawn(JUMPS_SECONDS, args)
            if dial.name == "restart":
                self._restart(args["seconds"])
            elif dial.name in {"kill", "kill_machine", "clock_jump"}:
                self._kill(args["seconds"], silently=dial.name != "kill")
            else:
                self._armed.append((dial.name, args["seconds"]))
        else:
            self._turn(args, on=True)
        self._ends.append(world.loop.call_later(args["seconds"], self._end, mark))

    def _end(self, mark: int) -> None:
        if mark not in self._open:
            return
        args, number = self._open.pop(mark)
        self.world.journal.note("step", f"end of {args['dial']} at {args['host']}")
        if not DIALS[args["dial"]].is_kill:
            self._turn(args, on=False)
        if number:
            self.world.health.end(args["host"], number, self.world.now)

    async def over(self) -> None:
        """All faults end, but those that last longer than the story (a process that sleeps for an hour)."""
        self._armed.clear()
        lasting = [mark for mark, (args, _) in self._open.items() if DIALS[args["dial"]].outlasts]
        for mark in list(self._open):
            if mark not in lasting:
                self._end(mark)
        while any(mark in self._open for mark in lasting):
            await self.world._until(self.world.now + 60.0)

    # -- turning

    def _turn(self, args: dict[str, Any], *, on: bool) -> None:
        world, dial, host = self.world, DIALS[args["dial"]], args["host"]
        if dial.turn:
            self._turn_simulator(host, dial.turn, on=on)
        elif dial.name in WIRE:
            self.wire.turn(dial.name, host, on=on)
        elif dial.calls:
            self._turn_calls(args, on=on)
        elif dial.name.startswith("net_") or dial.name in {"partition", "one_way"}:
            self._turn_net(args, on=on)
        elif dial.name == "bad_units":
            if on:
                self.wire.bad_units(partial(self._is_open, args))
        elif dial.name == "clock_step":
            if on:
                world.house.machine.ahead_seconds += _drawn(STEPS_SECONDS, args)
        elif dial.name == "date_off":
            self.date_off[host] = _drawn(DATES_SECONDS, args) if on else 0.0
        elif dial.name == "shop_clock_step":
            if on:
                world.clocks[host].ahead_seconds += _drawn(SHOP_STEPS_SECONDS, args)
        elif dial.name in {"freeze", "freeze_hour"}:
            if on and HOST not in world.loop.frozen:
                world.loop.freeze(HOST)
            elif not on:
                world.loop.thaw(HOST)
        elif dial.name in {"freeze_at_commit", "freeze_at_level"}:
            if on:
                self._armed.append((dial.name, args["seconds"]))
            else:
                self._armed = [entry for entry in self._armed if entry[0] != dial.name]
                world.loop.thaw(HOST)
        else:
            raise AssertionError(dial.name)

    def _turn_net(self, args: dict[str, Any], *, on: bool) -> None:
        loop, host = self.world.loop, args["host"]
        pairs = ((HOST, f"{host}.localhost"), (f"{host}.localhost", HOST))
        if args["dial"] == "net_slow":
            from tests.simulation.world import LATENCY

            for src, dst in pairs:
                loop.net.set_link(src, dst, latency=SLOW_NET if on else LATENCY)
        elif args["dial"] == "net_loss":
            loop.lossy = {**loop.lossy, **dict.fromkeys(pairs, LOSS if on else 0.0)}
        elif args["dial"] == "net_resets":
            if on:
                loop.call_later(0.0, self._reset, args, Random(args["draw"]))
        elif args["dial"] == "one_way":  # either way: requests that don't arrive, or answers
            loop.cut_one_way(*pairs[args["draw"] < 0.5], on=on)
        else:
            (self._cut.add if on else self._cut.discard)(host)
            loop.heal()
            if self._cut:
                loop.net.partition([HOST], [f"{name}.localhost" for name in sorted(self._cut)])

    def _turn_calls(self, args: dict[str, Any], *, on: bool) -> None:
        world, dial, host = self.world, args["dial"], args["host"]
        if dial == "hooks_cut":  # the calls don't arrive, or their answers don't
            there, here = f"{host}.localhost", HOST
            way = (there, here, LISTENER_PORT) if args["draw"] < 0.5 else (here, there, LISTENER_PORT)
            (world.loop.shut.add if on else world.loop.shut.discard)(way)
        elif dial == "inbox_full":
            world.house.inbox_is_full = on
        elif dial in {"hooks_forged", "hooks_replayed"}:
            if on:
                act = world.stranger.forge if dial == "hooks_forged" else world.stranger.replay
                call = act(Random(args["draw"]), partial(self._is_open, args))
                world.loop.net.host(STRANGER).create_task(call, name=dial)
        elif on:
            meddle(world.shops[host], dial)

    def _turn_simulator(self, host: str, turn: dict[str, Any], *, on: bool) -> None:
        if host == "erp":
            faults = self.world.erp.simulated.faults
            plain = type(faults)()
            faults.turn(turn if on else {name: getattr(plain, name) for name in turn})
        else:
            shop_faults = self.world.shops[host].shop.faults
            default = type(shop_faults)()
            shop_faults.change(turn if on else {name: getattr(default, name) for name in turn})

    def _reset(self, args: dict[str, Any], random: Random) -> None:
        if not self._is_open(args):
            return
        self.world.loop.reset_one(HOST, random.randrange(1_000))
        self.world.loop.call_later(random.uniform(1.0, RESET_EVERY_SECONDS), self._reset, args, random)

    def _is_open(self, args: dict[str, Any]) -> bool:
        return any(other is args for other, _ in self._open.values())

    # -- kills

    def committed(self) -> None:
        """The ledger has committed, and nobody knows it yet."""
        self._strike_armed("kill_at_commit")
        self._freeze_armed("freeze_at_commit")

    def written(self, host: str) -> None:
        """A write has taken effect somewhere, and its answer has not left yet."""
        self._strike_armed("kill_at_write")
        if host != "erp":
            self._strike_armed("kill_at_level")

    def asked(self, host: str, path: str) -> None:
        """A list of orders is on its way to the daemon: the next commit may be theirs. (The first shop's: it has a crowd.)"""
        if "orders" in path and host == STORES[0]:
            self._armed = [("kill_at_commit" if name == "kill_at_orders" else name, at) for name, at in self._armed]

    def answered(self) -> None:
        """A call was answered with 2xx, and its order has not been read yet."""
        loop = self.world.loop
        loop.host_call("driver", lambda: loop.call_later(0.0, self._strike_armed, "kill_at_hook"))

    def named(self) -> None:
        """An order that was asked for by its id is on its way to the daemon."""
        self._strike_armed("kill_at_named")

    def sending(self) -> None:
        """Levels have been decided and committed, and are about to leave."""
        self._freeze_armed("freeze_at_level")

    def _freeze_armed(self, dial: str) -> None:
        if any(name == dial for name, _ in self._armed) and HOST not in self.world.loop.frozen:
            self._armed = [entry for entry in self._armed if entry[0] != dial]
            self.world.loop.freeze(HOST)

    def _strike_armed(self, name: str) -> None:
        for entry in [entry for entry in self._armed if entry[0] == name]:
            self._armed.remove(entry)
            self._kill(entry[1], silently=False)
            return

    def _restart(self, seconds: float) -> None:
        """SIGTERM; what has not ended after a while is killed, and that is a finding."""
        house, life = self.world.house, self.world.house.lives
        house.stop()

        def over() -> None:
            if house.lives != life or house.app is None:
                return  # killed meanwhile
            if not house.stopped and HOST not in self.world.loop.frozen:
                self.world.judges.blame("BUG", f"the daemon has not stopped within {STOP_SECONDS:.0f} s")
            self._kill(seconds, silently=False)

        self.world.loop.call_later(STOP_SECONDS, over)

    def _kill(self, seconds: float, *, silently: bool) -> None:
        world = self.world
        if world.house.app is None:
            return
        self.kills += 1
        world.journal.note("step", f"kill, back in {seconds:.0f} s")
        number = world.health.begin(HOST, world.now)
        copy = world.house.kill(silently=silently)
        world.judges.crashed(copy)

        def back() -> None:
            world.health.end(HOST, number, world.now)
            world.house.start()

        world.loop.host_call("driver", lambda: world.loop.call_later(seconds, back))


def _drawn(choices: Sequence[float], args: dict[str, Any]) -> float:
    return choices[int(args["draw"] * len(choices))]
