"""The simulated event loop and network: simloop's, with a real kill -9, a freeze, a livelock guard and clean partitions.

simloop's own `crash` cancels, so `finally` blocks run and commit. A kill here drops the host's callbacks, timers and
connections, and keeps its tasks referenced for as long as the process lives: nothing of them ever runs again. This reaches
into simloop 0.2.2, which is pinned for that reason.
"""

from __future__ import annotations

import asyncio
import heapq
import sys
from collections.abc import Coroutine
from typing import Any

if sys.version_info < (3, 12):  # all that simloop lacks there
    asyncio.Handle.get_context = lambda self: self._context  # type: ignore[attr-defined]

from simloop import SimLoop
from simloop._loop import SimulationDeadlockError, _host_of

STEPS_WITHOUT_TIME_MAX = 100_000  # callbacks at one instant; honest work has some thousands
SENT_AGAIN_SECONDS = 0.2  # Linux's first retransmission; each further one waits twice as long
LOST_SECONDS_MAX = 20.0
GRAVE: list[object] = []  # what a kill left behind: a reference keeps the garbage collector from closing coroutines


class Livelock(AssertionError):
    """So many steps, and time doesn't move."""


class _Silent:
    """No trace: the hash of domain events tells more, and a trace of every callback is a third of the time."""

    def record(self, *_: object) -> None:
        """Nothing."""


class Loop(SimLoop):
    """One seed's loop: virtual time, seeded order, named hosts."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._recorder = _Silent()  # type: ignore[assignment]
        self._instant = -1.0
        self._steps_here = 0
        self.steps = 0
        self.frozen: dict[str, _Frozen] = {}
        self.lossy: dict[tuple[str, str], float] = {}  # the share of packets that are lost, from host to host
        self._one_way: set[tuple[str, str]] = set()
        self._stuck: list[Any] = []
        self._dark: set[str] = set()  # machines without power
        self.shut: set[tuple[str, str, int]] = set()  # from host to host, to or from that port: nothing comes through
        self._deliver_packet = self.net._deliver
        self.net._deliver = self._deliver_unless_frozen  # type: ignore[method-assign]

    def _step(self) -> None:
        super()._step()
        self.steps += 1
        if self._now != self._instant:
            self._instant, self._steps_here = self._now, 0
        self._steps_here += 1
        if self._steps_here > STEPS_WITHOUT_TIME_MAX:
            waiting = sorted({label for _, label, _, _ in self._ready})
            raise Livelock(f"{STEPS_WITHOUT_TIME_MAX} steps at {self._now:.3f} s; ready: {', '.join(waiting[:9])}")

    def run(self, main: Coroutine[Any, Any, Any]) -> None:
        """Run `main` to its end; what else is under way then stays where it is. Raises what `main` raises."""
        task = self.create_task(main)
        task.add_done_callback(lambda _: self.stop())
        try:
            self.run_forever()
        finally:
            GRAVE.append((self, list(self.net._tasks.values())))
        if not task.done():
            raise SimulationDeadlockError("nothing is left to run, and the story has not ended")
        task.result()

    # -- a process ends, or stands still

    def kill(self, host: str, *, silently: bool) -> None:
        """kill -9. `silently`: the whole machine is gone, its peers hear nothing; else its kernel resets connections."""
        net = self.net
        self.frozen.pop(host, None)
        GRAVE.append(list(net._tasks[host]))
        net._tasks[host].clear()
        self._ready[:] = [entry for entry in self._ready if _host_of(entry[2]) != host]
        self._timers[:] = [entry for entry in self._timers if _host_of(entry[3]) != host]
        heapq.heapify(self._timers)
        asking = [conn for conn, asked in net._pending.items() if asked.local[0] == host]
        GRAVE.extend([net._pending.pop(conn) for conn in asking])
        for key in [key for key in net._streams if key[1] == host]:
            stream = net._streams[key]
            if not silently:
                stream._send("rst")
            GRAVE.append(stream)
            net._drop_stream(*key)
        GRAVE.extend([net._listeners.pop(place) for place in list(net._listeners) if place[0] == host])
        if silently:
            net.crash(host)
            net.restart(host)
            self._dark.add(host)

    def boot(self, host: str) -> None:
        """The machine has power again: what arrives is answered."""
        self._dark.discard(host)

    def freeze(self, host: str) -> None:
        """SIGSTOP: nothing of the host runs, what arrives waits in its kernel."""
        assert host not in self.frozen
        ready = [entry for entry in self._ready if _host_of(entry[2]) == host]
        timers = [entry for entry in self._timers if _host_of(entry[3]) == host]
        self._ready[:] = [entry for entry in self._ready if _host_of(entry[2]) != host]
        self._timers[:] = [entry for entry in self._timers if _host_of(entry[3]) != host]
        heapq.heapify(self._timers)
        self.frozen[host] = _Frozen(ready, timers, [])

    def thaw(self, host: str) -> None:
        """SIGCONT: timers that are over are over at once."""
        asleep = self.frozen.pop(host, None)
        if asleep is None:  # killed meanwhile
            return
        self._ready.extend(asleep.ready)
        for timer in asleep.timers:
            heapq.heappush(self._timers, timer)
        for packet in asleep.packets:
            self.net._transmit(packet)

    def _deliver_unless_frozen(self, packet: Any) -> None:
        asleep = self.frozen.get(packet.dst)
        if packet.dst in self._dark or (self.shut and self._is_shut_out(packet)):
            return
        if (packet.src, packet.dst) in self._one_way:
            self._stuck.append(packet)
        elif asleep is not None:
            asleep.packets.append(packet)
        elif not self._is_lost(packet):
            if packet.kind == "accept" and packet.conn not in self.net._pending:
                self._refuse_late(packet)
            self._deliver_packet(packet)

    def _refuse_late(self, accept: Any) -> None:
        """Who has asked for this connection has given up meanwhile: its kernel resets it, or the other end would wait for ever."""
        ends = {"src": accept.dst, "dst": accept.src, "src_port": accept.dst_port, "dst_port": accept.src_port}
        self.net._send_stream(kind="rst", conn=accept.conn, seq=1, **ends)

    def _is_shut_out(self, packet: Any) -> bool:
        way = (packet.src, packet.dst)
        return (*way, packet.dst_port) in self.shut or (*way, packet.src_port) in self.shut

    def _is_lost(self, packet: Any) -> bool:
        """A stream loses nothing: a lost packet comes when it was sent again, and those behind it wait for it."""
        share = self.lossy.get((packet.src, packet.dst))
        if not share:
            return False
        wait, lost = SENT_AGAIN_SECONDS, 0.0
        while self.net._rng.random() < share and lost < LOST_SECONDS_MAX:
            lost, wait = lost + wait, 2 * wait
        if lost:
            self.call_later(lost, self._deliver_packet, packet)
        return lost > 0.0

    # -- the network

    def cut_one_way(self, src: str, dst: str, *, on: bool) -> None:
        """Nothing from `src` arrives at `dst`; the other way it does. When that ends, what connections still wait for comes."""
        if on:
            self._one_way.add((src, dst))
            return
        self._one_way.discard((src, dst))
        stuck = [packet for packet in self._stuck if (packet.src, packet.dst) == (src, dst)]
        self._stuck = [packet for packet in self._stuck if (packet.src, packet.dst) != (src, dst)]
        open_ends = self._open_ends()
        for packet in stuck:
            if (packet.conn, packet.src) in open_ends:
                self.net._transmit(packet)

    def heal(self) -> None:
        """Every partition ends. What a closed connection had under way is gone: its kernel has forgotten it."""
        net, open_ends = self.net, self._open_ends()
        net._held = [packet for packet in net._held if (packet.conn, packet.src) in open_ends]
        net.heal()

    def _open_ends(self) -> set[tuple[Any, str]]:
        ends = {(conn, host) for conn, host, _ in self.net._streams}
        return ends | {(conn, asked.local[0]) for conn, asked in self.net._pending.items()}

    def reset_one(self, host: str, pick: int) -> bool:
        """Reset one of the host's connections, as seen from both ends. Returns whether there was one."""
        keys = sorted(key for key in self.net._streams if key[1] == host)
        if not keys or host in self.frozen:
            return False
        key = keys[pick % len(keys)]
        self.host_call(host, self.net._streams[key].abort)
        return True

    def host_call(self, host: str, call: Any) -> None:
        """Run a plain function as the host does: what it schedules belongs to it."""
        from simloop._net import _current_host

        token = _current_host.set(host)
        try:
            call()
        finally:
            _current_host.reset(token)

    def name(self, host: str, name: str) -> None:
        """Give a host another name, as a name server does."""
        self.net._addresses[name] = self.net.address(host)


class _Frozen:
    """What waits while a host stands still."""

    def __init__(self, ready: list[Any], timers: list[Any], packets: list[Any]) -> None:
        self.ready = ready
        self.timers = timers
        self.packets = packets
