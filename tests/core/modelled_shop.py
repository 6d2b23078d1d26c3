"""A modelled shop with one stock item, and what a daemon would know of it: for the proof of belief.

Discrete events, integer microseconds of our clock. The shop's stamps have one second's grain and its clock is wrong; an
order shows late, and torn before; readings may be stale; writes are applied late, their answers get lost, absolute ones
put the level back over sales that came between. The truth is kept by identity: `inside` are the changes of stock that the
counter contains at this moment.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random

import msgspec

from syncd.core.account import Account, Book, Product, account, lowers_only
from syncd.core.belief import CONFIRMED, DOUBT, SENT, Belief, Change, Course, ItemBook, Reading, Write, believe
from syncd.core.order import Line, Order, Phase
from syncd.core.policy import Baseline, Policy, Returns
from syncd.core.quantity import NEVER, SECOND, Instant, units
from syncd.core.taking_rule import TakingRule

GRAIN = SECOND
CLOCK_ERROR = SECOND // 2
SLACK = CLOCK_ERROR + GRAIN
VISIBLE = 3 * SECOND // 2  # an order shows at most this late, torn before
SETTLE = 3 * SECOND
STALE = 2 * SECOND  # of a shop that adds
APPLY = 3 * SECOND
LATE = 10 * SECOND  # after this a request without an answer is dead
TIMEOUT = 5 * SECOND
READINGS_KEPT = 8  # as the ledger prunes


@dataclass(frozen=True)
class Setup:
    """Which shop this is. `wild`: orders are edited far up and back again between two looks. `hasty`: within the very second
    of their creation too, where no stamp tells the edit from the placing (a known gap of belief)."""

    relative: bool = True
    mixed: bool = False  # a shop that adds is written absolutely now and then (a refused lowering)
    witnessed: bool = True
    wild: bool = False
    hasty: bool = False
    torn: bool = True
    steps: int = 80
    hurry: float = 1.0  # how much time passes between two steps


@dataclass(frozen=True)
class Version:
    """A state of an order; up to `shows` it may show without its lines. `moves`: the stock changes it contains."""

    order: Order
    at: int
    shows: int
    torn: bool
    moves: frozenset[int]


@dataclass
class Snapshot:
    """The counter at one moment: its level, and the changes it contains."""

    at: int
    level: int
    inside: frozenset[int]


@dataclass
class Pending:
    """A write on its way: what it will do, and when."""

    at: int
    change: int
    put: int | None
    base: Snapshot | None
    sure: bool = False
    done: bool = False


@dataclass
class World:
    """The shop and its daemon. `problems` collects the moments at which belief missed the book."""

    setup: Setup
    seed: int
    now: int = 1_000 * SECOND
    checks: int = 0
    known: int = 0
    width: int = 0
    log: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.dice = Random(self.seed)
        self.serial = count()
        self.queue: list[tuple[int, int, Callable[[], None]]] = []
        self.clock = self.dice.randint(-CLOCK_ERROR, CLOCK_ERROR)
        self.counter = Snapshot(self.now, 100, frozenset())
        self.history = [self.counter]
        self.units_of: dict[int, int] = {}
        self.orders: dict[str, list[Version]] = {}
        self.pending: list[Pending] = []
        # what the daemon knows
        rule = TakingRule(witnessed=self.setup.witnessed)
        policy = Policy(Returns.STORE, Baseline.COUNTED)
        self.book = Book(policy, rule, {"1": Product("1", "A")}, {"A"}.__contains__)
        self.accounts: dict[str, list[Account]] = {}
        self.states: dict[str, Order] = {}
        self.read_moves: frozenset[int] = frozenset()
        self.waiting: dict[str, int] = {}
        self.drained = self.unheld = 0
        self.scanning = False
        self.readings: list[Reading] = []
        self.changes: list[Change] = []
        self.writes: dict[int, Write] = {}

    # -- time

    def after(self, delay, call):
        heapq.heappush(self.queue, (self.now + delay, next(self.serial), call))

    def run(self):
        for _ in range(self.setup.steps):
            self.after(int(self.dice.expovariate(1.0) * self.setup.hurry * SECOND), self.act)
            while self.queue:
                at = self.queue[0][0]
                self.now, _, call = heapq.heappop(self.queue)
                call()
                self.check()
                if call == self.act:
                    break
                assert at <= self.now

    def act(self):
        self.dice.choice([self.place, self.edit, self.edit, self.scan, self.scan, self.read, self.read, self.write])()

    # -- the shop

    def move(self, change):
        """The counter changes: a new entry that it contains from now on."""
        number = next(self.serial)
        self.units_of[number] = change
        self.count(Snapshot(self.now, self.counter.level + change, self.counter.inside | {number}))
        return number

    def count(self, snapshot):
        self.counter = snapshot
        self.history = [*self.history[-60:], snapshot]

    def state(self, name, phase, quantity, restocked=0):
        versions = self.orders.setdefault(name, [])
        last = versions[-1] if versions else None
        stamp = Instant((self.now + self.clock) // GRAIN * GRAIN)
        taken = 0 if phase in (Phase.CANCELLED, Phase.PENDING) else quantity - restocked
        before = -sum(self.units_of[move] for move in last.moves) if last else 0
        moves = (last.moves if last else frozenset()) | (
            {self.move(before - taken)} if taken != before else frozenset()
        )
        of = Line(
            "a", "1", "A", units(quantity), restocked=units(restocked),
            reduced=units(taken) if self.setup.witnessed else None,
        )  # fmt: skip
        content = msgspec.msgpack.encode((phase, of, stamp, len(versions)))
        created = last.order.created if last else stamp
        order = Order(name, created, stamp, phase, str(phase), (of,), content)
        shows = self.now + self.dice.randint(0, VISIBLE)
        versions.append(Version(order, self.now, shows, self.setup.torn and self.dice.random() < 0.5, moves))
        self.log.append(f"{self.now} order {name} {phase} {quantity} -{restocked}, shows {shows}, stamp {stamp}")

    def place(self):
        self.state(
            str(len(self.orders)), self.dice.choice([Phase.PAID, Phase.PAID, Phase.PENDING]), self.dice.randint(1, 3)
        )

    def edit(self):
        """A change of an order; often followed by the way back, soon."""
        if not self.orders:
            return
        name = self.dice.choice(sorted(self.orders)[-4:])
        last = self.orders[name][-1].order
        quantity = last.lines[0].quantity // units(1)
        restocked = last.lines[0].restocked // units(1)
        match self.dice.choice(["cancel", "touch", "restock", "pay", "quantity" if self.setup.wild else "cancel"]):
            case "cancel":
                self.state(
                    name, Phase.CANCELLED if last.phase is not Phase.CANCELLED else Phase.PAID, quantity, restocked
                )
            case "quantity" if self.setup.hasty or (self.now + self.clock) // GRAIN * GRAIN > last.created:
                self.state(name, last.phase, self.dice.randint(restocked, 9), restocked)
            case "restock":
                self.state(name, last.phase, quantity, min(quantity, restocked + 1))
            case "touch":
                self.state(name, last.phase, quantity, restocked)
            case _:
                self.state(name, Phase.PAID, quantity, restocked)
        if self.dice.random() < 0.4:
            back = self.dice.randint(0, 3 * SECOND)
            self.after(back, lambda: self.state(name, last.phase, quantity, restocked))

    def apply(self, write):
        write.done = True
        self.pending.remove(write)
        self.count(after(write, self.counter, self.now, self.units_of, self.serial))
        self.log.append(f"{self.now} applied {write.change} {write.put}: level {self.counter.level}")

    # -- the daemon reads

    def scan(self):
        if self.scanning:
            return
        self.scanning = True
        began = self.now
        rtt = self.dice.randint(0, SECOND // 2)
        self.after(self.dice.randint(0, rtt), lambda: self.shown(began, rtt))

    def shown(self, began, rtt):
        page: list[tuple[Order, frozenset[int]]] = []
        for versions in self.orders.values():
            seen = [v for v in versions if v.shows <= self.now][-1:]
            tearing = [v for v in versions if v.torn and v.at <= self.now < v.shows][-1:]
            if tearing:
                bare = msgspec.structs.replace(tearing[0].order, lines=(), content=b"torn" + tearing[0].order.content)
                page.append((bare, seen[0].moves if seen else frozenset()))
            elif seen:
                page.append((seen[0].order, seen[0].moves))
        self.after(began + rtt - self.now if began + rtt > self.now else 0, lambda: self.take(page, began))

    def take(self, page, began):
        """As the order step and its unit of work do."""
        drained = began - SETTLE
        waited: dict[str, int] = {}
        for order, moves in page:
            known = self.states.get(order.order)
            if known is not None and known.content == order.content:
                continue
            before = self.accounts.get(order.order, [])
            outcome = account(order, before, self.book, phase_before=known.phase if known else None)
            if order.modified > began - SETTLE and not lowers_only(before, outcome.changed):
                waited[order.order] = self.waiting.get(order.order, max(self.unheld, self.drained))
                continue
            rows = {(row.line, row.part): row for row in [*before, *outcome.changed]}
            self.accounts[order.order] = list(rows.values())
            self.states[order.order] = order
            self.read_moves |= moves
            for entry in outcome.takings:
                self.changes.append(self.dated(entry.taking, order))
            self.log.append(f"{self.now} took {order.order} {order.phase} {outcome.takings}")
        self.waiting = waited
        self.unheld = drained
        self.drained = max(self.drained, min([drained, *waited.values()]))
        self.scanning = False

    def dated(self, taking, order):
        """As `_taking_row` of the unit of work does it."""
        began = max(order.created - SLACK, self.drained)
        ended = min(order.modified + SLACK, self.now)
        if ended < began:
            ended = max(self.now, began)
        return Change(
            Instant(began), Instant(ended), taking.was, taking.low, taking.high, taking.least, taking.most, taking.plain
        )

    @property
    def stale(self):
        return STALE if self.setup.relative else 0

    def read(self, then=None):
        began = self.now
        rtt = self.dice.randint(0, SECOND)

        def look():
            at = self.now - self.dice.randint(0, self.stale)
            snapshot = next((s for s in reversed(self.history) if s.at <= at), self.history[0])
            self.after(began + rtt - self.now, lambda: done(snapshot))

        def done(snapshot):
            self.add(Reading(units(snapshot.level), Instant(began - self.stale), Instant(self.now)))
            if then:
                then(snapshot, began)

        self.after(self.dice.randint(0, rtt), look)

    def add(self, reading):
        self.log.append(f"{self.now} reading {reading}")
        self.readings = sorted([*self.readings, reading], key=lambda r: (r.began, r.ended))[-READINGS_KEPT:]
        oldest = self.readings[0].began
        self.changes = [change for change in self.changes if change.ended >= oldest]
        self.writes = {seq: write for seq, write in self.writes.items() if write.ended >= oldest}

    # -- the daemon writes

    def write(self):
        absolute = not self.setup.relative or (self.setup.mixed and self.dice.random() < 0.3)
        if absolute and any(write.is_alive(Instant(self.now)) for write in self.writes.values()):
            return  # two absolute writes are never alive together, nor with another
        if not absolute and any(w.is_absolute and w.is_alive(Instant(self.now)) for w in self.writes.values()):
            return
        change = self.dice.choice([-3, -2, -1, 1, 2, 5])
        if absolute:
            self.read(lambda snapshot, began: self.send(change, snapshot, began))
        else:
            self.send(change, None, 0)

    def send(self, change, base, began):
        now = Instant(self.now)
        if base is not None and any(write.is_alive(now) for write in self.writes.values()):
            return  # another one left while this one read
        seq = next(self.serial)
        level = None if base is None else units(base.level + change)
        blind = NEVER if base is None else Instant(began - self.stale)
        self.writes[seq] = Write(seq, units(change), level, now, NEVER, SENT, blind)
        unclear = self.dice.choice(["", "", "", "lost", "applied", "late"])
        on_the_way = self.dice.randint(0, SECOND // 2)
        if unclear == "late":
            on_the_way = self.dice.randint(0, LATE - APPLY)
        landing = self.dice.randint(0, APPLY) if self.setup.relative else 0
        write = Pending(self.now + on_the_way + landing, change, None if base is None else base.level + change, base)
        self.log.append(f"{self.now} send {seq} {change} {level} {unclear} lands {write.at}")
        if unclear != "lost":
            self.pending.append(write)
            self.after(on_the_way + landing, lambda: self.apply(write))
        if unclear:
            self.after(TIMEOUT, lambda: self.end(seq, DOUBT, LATE))
        else:
            self.after(on_the_way + self.dice.randint(0, SECOND // 2), lambda: self.answered(seq, write))

    def answered(self, seq, write):
        write.sure = True
        self.end(seq, CONFIRMED, APPLY if self.setup.relative else 0)

    def end(self, seq, state, longer):
        if seq not in self.writes:
            return
        ended = Instant(self.now + longer)
        self.writes[seq] = msgspec.structs.replace(self.writes[seq], state=state, ended=ended)
        write = self.writes[seq]
        if state == CONFIRMED and write.level is not None:
            self.add(Reading(write.level, write.began, ended, seq))

    # -- the truth against the belief

    def truth(self):
        """The book: the counter as if the changes not read yet had not happened, and as if confirmed writes had landed."""
        counter = self.counter
        for write in sorted((w for w in self.pending if w.sure), key=lambda w: w.at):
            counter = after(write, counter, self.now, self.units_of, count(10**12))
        orders_moves = frozenset(m for versions in self.orders.values() for m in versions[-1].moves)
        unread = (counter.inside & orders_moves) - self.read_moves
        return counter.level - sum(self.units_of[move] for move in unread)

    def item_book(self) -> ItemBook:
        return ItemBook(tuple(self.readings), tuple(self.changes), tuple(self.writes.values()))

    def belief(self) -> Belief:
        return believe(self.item_book(), Instant(self.drained))

    def check(self):
        belief = self.belief()
        self.checks += 1
        if not belief.interval.is_known:
            return
        self.known += 1
        self.width += belief.interval.hi - belief.interval.lo
        truth = units(self.truth())
        if self.setup.wild and not all(Course(self.item_book()).is_clean(reading) for reading in belief.used):
            return  # an edit up and down again between two looks: nobody can know how far it went
        right = not belief.drift and belief.interval.lo <= truth <= belief.interval.hi
        assert right, "\n".join(
            [*self.log[-60:], f"{self.now} drained {self.drained}, truth {truth}, {belief}", *map(str, self.changes)]
        )


def after(write, counter, now, units_of, serial):
    """The counter once this write has landed."""
    if write.put is None:
        number = next(serial)
        units_of.setdefault(number, write.change)
        return Snapshot(now, counter.level + write.change, counter.inside | {number})
    return Snapshot(now, write.put, write.base.inside)
