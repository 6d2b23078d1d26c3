"""The cart step: look at the carts that the store has spoken of, and at those that it may have been silent about.

No store lists its carts, so the calls are the source, and the ledger is the list. A cart is looked at when it is spoken of, once
however often that is within a moment; an hour after its last change, when it is abandoned; once a day as long as it lives; and when
an order says that it came of it. The orders that the ledger has answer without a request what has become of a cart. After a time in
which calls may have been lost all carts that live are looked at again, spread over a while.

A cart that isn't there may have become an order that shows a little later. So it is looked at twice before it counts as deleted, and
the store is asked for its orders by the cart's id.

Carts are read one at a time, beside the orders and never before them: they decide nothing about what is counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection

from syncd.core.cart import Happened, SeenCart
from syncd.core.quantity import LONG_AGO, Instant, microseconds, seconds
from syncd.core.signal import Kind
from syncd.errors import MisconfiguredError, RefusedError, TransientError
from syncd.ledger import carts, items, signals, stores, tenants
from syncd.ledger.carts import CartRow
from syncd.observability import events
from syncd.ports.carts import CartsPort
from syncd.reconcile.cart_unit import LOOKS, CartFacts, CartsTaken, Looked, take_carts
from syncd.reconcile.context import StoreContext

LOOKS_PER_STEP_MAX = 20  # in one transaction; what else is due goes on at once
SIGNALS_MAX = 500  # looked through for those that are quiet
QUIET_SECONDS = (
    1.0  # a cart is read so long after the store spoke of it last: what it says of one change comes together
)
BUSY_SECONDS = 5.0  # but not later than this after it spoke first
APPEARS_SECONDS = (
    20.0  # a cart that can't be found so long after it was spoken of was deleted before anybody could read it
)
APPEARS_AGAIN_SECONDS = 4.0
UNREADABLE_SECONDS = 3_600.0  # a cart that can't be understood is looked at again after this
FAILED_SECONDS = 30.0  # one that the store failed to show lets the others go first
MISCONFIGURED_SECONDS = 300.0  # somebody has to mend it
NOT_READY_SECONDS = 2.0
IDLE_SECONDS = 3_600.0  # the bell rings when there is something
SILENT_SECONDS = 300.0  # without calls for so long some may be lost: the store gives up its first tries by then
CATCH_UP_MAX = 5_000  # carts that are looked at after that, those that changed last; the others have their daily look
CATCH_UP_PER_SECOND = 2.0
NO_CALLS = "the store can't call"


@dataclass(slots=True)
class CartStep:
    """One store's carts. What it remembers is soft."""

    context: StoreContext
    port: CartsPort
    heard: dict[str, float] = field(default_factory=dict)  # when a cart that waits was first seen to, monotonic
    again: dict[str, float] = field(default_factory=dict)  # carts that weren't there yet: when they are read again
    silent_since: Instant | None = None  # since when calls may have been lost; None: they come
    begun: bool = False
    stuck: bool = False
    deaf: bool = False  # it was said that the store can't call
    stuck_until: float = 0.0

    async def run(self) -> float:
        """Some looks. Returns the seconds until it is due again (the bell may ring before)."""
        context = self.context
        monotonic, now = context.tenant.clock.monotonic(), context.tenant.clock.now()
        if monotonic < self.stuck_until:
            return self.stuck_until - monotonic
        row, waiting, due, soonest = await context.tenant.ledger.read(partial(self._look, now=now))
        if row is None or row.state != stores.READY:
            return NOT_READY_SECONDS
        if context.hooks is None and not self.deaf:
            self.deaf, context.carts_trouble = True, NO_CALLS
            hint = "add [webhooks] to syncd.toml: stores have no list of carts"
            context.log.emit(events.CARTS_STUCK, reason=NO_CALLS, hint=hint)
        await self._after_silence(now)
        ready, wait = self._quiet(waiting, monotonic, now)
        share = LOOKS_PER_STEP_MAX // 4  # calls without an end don't keep the others from being looked at
        names = list(dict.fromkeys([*due[:share], *ready, *due]))[:LOOKS_PER_STEP_MAX]
        if not names:
            if soonest is not None:
                wait = min(wait, max(0.2, seconds(soonest - now)))
            return wait
        try:
            await self._work(names, waiting)
        except MisconfiguredError as error:
            return self._stand_back(error)
        self.stuck, context.carts_trouble = False, NO_CALLS if self.deaf else ""
        return 0.0

    def _look(
        self, connection: Connection, now: Instant
    ) -> tuple[stores.StoreRow | None, dict[str, Instant], list[str], Instant | None]:
        tenant, store = self.context.tenant.tenant, self.context.store
        return (
            stores.read_store(connection, tenant, store),
            signals.waiting(connection, tenant, store, SIGNALS_MAX, Kind.CART),
            carts.due(connection, tenant, store, now, LOOKS_PER_STEP_MAX),
            carts.next_look(connection, tenant, store),
        )

    def _quiet(self, waiting: dict[str, Instant], monotonic: float, now: Instant) -> tuple[list[str], float]:
        """The carts of which the store has said all for now, and how long the next of the others takes."""
        self.heard = {name: self.heard.get(name, monotonic) for name in waiting}
        self.again = {name: at for name, at in self.again.items() if name in waiting}
        ready, wait = [], IDLE_SECONDS
        for name, spoken in waiting.items():
            quiet = max(0.0, QUIET_SECONDS - seconds(now - spoken))
            left = max(min(quiet, self.heard[name] + BUSY_SECONDS - monotonic), self.again.get(name, 0.0) - monotonic)
            if left <= 0:
                ready.append(name)
            else:
                wait = min(wait, left)
        return ready, wait

    # -- looking

    async def _work(self, names: list[str], waiting: dict[str, Instant]) -> None:
        """Look at these, and take what was seen in one transaction. What fails for now is raised after that."""
        context = self.context
        rows = await context.tenant.ledger.read(
            lambda connection: carts.read_carts(connection, context.tenant.tenant, context.store, names)
        )
        looks: list[Looked] = []
        unreadable: list[str] = []
        failed: TransientError | MisconfiguredError | None = None
        for name in names:
            try:
                looks.append(await self._seen(name, rows.get(name)))
            except RefusedError as error:
                unreadable.append(name)
                context.log.emit(events.CART_UNREADABLE, cart=name, reason=str(error))
            except (TransientError, MisconfiguredError) as error:
                failed = error
                break
        await self._take(looks, unreadable, rows, waiting)
        if isinstance(failed, TransientError):
            await self._put_off(name)
        if failed is not None:
            raise failed

    async def _put_off(self, name: str) -> None:
        """The store failed to show this one. It may be its fault or the cart's: the next turn begins with another."""
        context = self.context
        tenant, store, clock = context.tenant.tenant, context.store, context.tenant.clock

        def unit(connection: Connection) -> None:
            tenants.assert_epoch(connection, tenant, context.tenant.epoch)
            row = carts.read_carts(connection, tenant, store, [name]).get(name)
            if row is not None and row.look is not None:
                later = Instant(clock.now() + microseconds(FAILED_SECONDS))
                carts.look_at(connection, tenant, store, {name: max(row.look, later)})

        await context.tenant.ledger.run(unit)
        self.again[name] = clock.monotonic() + FAILED_SECONDS

    async def _seen(self, name: str, row: CartRow | None) -> Looked:
        """One cart: by what the ledger knows if that decides, else by one request, or two. Raises as the port."""
        clock = self.context.tenant.clock
        if row is not None and row.is_converted:
            return Looked(name, SeenCart(None, row.order, self._shop_now(clock.now())), clock.now())
        look = await self.port.read(name)
        order = ""
        if look.content is None and row is not None and row.missing + 1 >= LOOKS:
            order = next((each.order for each in await self.port.orders_of(name) if each.placed), "")
        return Looked(name, SeenCart(look.content, order, self._shop_now(look.began)), look.began)

    def _shop_now(self, now: Instant) -> Instant:
        return Instant(now + self.context.clock_ahead_us)

    def facts(self) -> CartFacts:
        """The store's facts for a unit of work."""
        context = self.context
        return CartFacts(
            context.tenant.tenant, context.store, context.policy, context.cart_holds, self.port.traits,
            context.clock_ahead_us, context.tenant.outbox,
        )  # fmt: skip

    async def _take(
        self, looks: list[Looked], unreadable: list[str], rows: dict[str, CartRow], waiting: dict[str, Instant]
    ) -> None:
        context = self.context
        tenant, store, facts = context.tenant.tenant, context.store, self.facts()
        now, monotonic = context.tenant.clock.now(), context.tenant.clock.monotonic()
        since = now - microseconds(APPEARS_SECONDS)
        later = {
            look.cart
            for look in looks
            if look.seen.content is None and look.cart not in rows and waiting.get(look.cart, LONG_AGO) > since
        }
        began = {look.cart: look.began for look in looks if look.cart not in later} | dict.fromkeys(unreadable, now)
        put_off = Instant(now + microseconds(UNREADABLE_SECONDS))

        def unit(connection: Connection) -> CartsTaken:
            tenants.assert_epoch(connection, tenant, context.tenant.epoch)
            taken = take_carts(connection, facts, looks, now)
            carts.look_at(connection, tenant, store, {name: put_off for name in unreadable if name in rows})
            for name, at in began.items():
                if name in waiting:
                    signals.done(connection, tenant, store, [name], at, Kind.CART)
            return taken

        taken = await context.tenant.ledger.run(unit)
        for name in later:
            self.again[name] = monotonic + APPEARS_AGAIN_SECONDS
        for name in began:
            self.heard.pop(name, None)
            self.again.pop(name, None)
        self._tell(taken)

    def _tell(self, taken: CartsTaken) -> None:
        """After the commit: the log, and whoever has something to do now."""
        context = self.context
        for name, what, order in taken.happened:
            if what is Happened.CONVERTED:
                context.log.emit(events.CART_CONVERTED, cart=name, order=order)
            else:
                context.log.emit(events.CART_CHANGED, cart=name, what=str(what))
            context.tenant.meters.of(context.tenant.tenant, context.store).cart(str(what))
        if taken.held:
            context.tenant.publish()
        if taken.told:
            context.tenant.outbox.ring()

    def _stand_back(self, error: MisconfiguredError) -> float:
        """The store lets nobody read its carts: said once, and tried again now and then. Its orders go on."""
        context = self.context
        if not self.stuck:
            hint = error.hint or "give the access token the right to read carts, or set carts = false"
            context.log.emit(events.CARTS_STUCK, reason=str(error), hint=hint)
        self.stuck, context.carts_trouble = True, str(error)
        self.stuck_until = context.tenant.clock.monotonic() + MISCONFIGURED_SECONDS
        return MISCONFIGURED_SECONDS

    # -- what may have been missed

    async def _after_silence(self, now: Instant) -> None:
        """At the start, and when the store calls again after it didn't: look at all carts that live, spread over a while."""
        alive = self.context.hooks_alive
        if not self.begun:
            self.begun = True
            await self._catch_up(Instant(now - microseconds(SILENT_SECONDS)), now)
        elif not alive:
            self.silent_since = self.silent_since or now
        elif self.silent_since is not None:
            before, self.silent_since = self.silent_since, None
            if now - before > microseconds(SILENT_SECONDS):
                await self._catch_up(now, now)

    async def _catch_up(self, before: Instant, now: Instant) -> None:
        context = self.context
        tenant, store = context.tenant.tenant, context.store

        def unit(connection: Connection) -> None:
            tenants.assert_epoch(connection, tenant, context.tenant.epoch)
            living = carts.unread_since(connection, tenant, store, before, CATCH_UP_MAX)
            looks = {name: Instant(now + microseconds(k / CATCH_UP_PER_SECOND)) for k, (name, _) in enumerate(living)}
            carts.look_at(connection, tenant, store, {name: min(looks[name], look) for name, look in living})

        await context.tenant.ledger.run(unit)


@dataclass(slots=True)
class HoldStep:
    """Lets go what carts have held for long enough. It asks the store nothing, so it works while the store doesn't answer."""

    context: StoreContext

    async def run(self) -> float:
        """Returns the seconds until it is due again (the bell may ring before)."""
        context = self.context
        tenant, store, now = context.tenant.tenant, context.store, context.tenant.clock.now()
        until = now if context.cart_holds.minutes else Instant(2**62)  # without holds those of before end now
        first = await context.tenant.ledger.read(lambda connection: carts.next_over(connection, tenant, store))
        if first is None:
            return IDLE_SECONDS
        if first > until:
            return max(0.2, seconds(first - now))

        def unit(connection: Connection) -> int:
            tenants.assert_epoch(connection, tenant, context.tenant.epoch)
            skus = carts.release_over(connection, tenant, store, until)
            return items.make_due(connection, tenant, skus, now)

        if await context.tenant.ledger.run(unit):
            context.tenant.publish()
        return 0.0
