"""An order of the ERP's that goes into the shop by a cart and its checkout: one step after the other, each on disk before it is sent.

    ""  --POST cart-->  cart known, filled  --POST order-->  draft known  --PUT key and status-->  placed

- A cart takes no stock, and nobody can ask for one whose answer was lost: it is made again when the request is surely dead, and the
  other one stays empty-handed until it passes.
- The order that is made of a checkout is a draft: it takes no stock and counts nothing. Each request makes another one. So before each
  the shop is asked for the orders of the cart, and after a lost answer until the request is surely dead. Once one is known the cart is
  removed: nothing can be made of it any more.
- One PUT gives the draft our key and its status. So no reader ever sees it placed without our key: without both it is a draft, which
  counts nothing; with both it is the ERP's own, whose document counts. A draft that has another status by then was placed by
  somebody else: a person looks.

The questions by our key, the room, and all ends are `place_step.py`'s.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import Connection

from syncd.core.following import START, ShopStatus
from syncd.core.placing import PlacedLine
from syncd.core.quantity import Instant
from syncd.errors import MisconfiguredError, NotFound, OutcomeUnknown, RefusedError, StoreFault, TransientError
from syncd.ledger import placing, tenants
from syncd.ledger.placing import INTENDED, SENT, PlacementRow
from syncd.ports.checkouts import CheckoutPort
from syncd.ports.placing import Placement, Refusal
from syncd.reconcile.placements import Placements

NOTHING, FILL, DRAFT = "", "fill", "draft"  # what there is: nothing, a cart to be filled, a draft
CART, ORDER, KEY = "cart", "order", "key"  # the request that is under way
BEFORE: Final = {CART: NOTHING, ORDER: FILL, KEY: DRAFT}
FILLS_MAX = 8  # requests in a row to fill one checkout: an address, a consignment, a way of shipping
STRANGE_HINT = (
    "the shop's order counts as a sale of the shop now: cancel it there, and release --count, which makes another one; or cancel the "
    "ERP's, and release --already-counted"
)
GONE_HINT = "was it deleted in the shop? release --count makes another one"


@dataclass(frozen=True, slots=True)
class Held:
    """A person must look, and what may be done."""

    reason: str
    hint: str


Ended = (
    str | Refusal | Held | None
)  # the shop's id of the placed order; None: another step is due, or something is waited for


@dataclass(slots=True)
class CheckoutStep:
    """One store's."""

    placements: Placements
    port: CheckoutPort

    async def asked(self, row: PlacementRow) -> None:
        """A request of it is under way, and the shop has no order with our key: what became of the request."""
        placements = self.placements
        dead_at = placements.dead_at(row) + placements.port.traits.stale_us
        began = placements.context.tenant.clock.now()
        if row.stage == ORDER:
            drafts = await self.port.made_of(row.cart)
            began = drafts.began
            if drafts.orders:
                await self._go_on(row, DRAFT, draft=drafts.orders[0])
                return
        if began <= dead_at:
            await placements.wait(row, "its request may still arrive")
        else:
            await self._go_on(row, BEFORE[row.stage], draft=row.draft)

    async def run(self, row: PlacementRow, lines: tuple[PlacedLine, ...]) -> Ended:
        """The next step of one that has no request under way."""
        status = ShopStatus(row.wanted) if row.wanted in START else row.order.status
        placement = Placement(row.own_key, msgspec.structs.replace(row.order, status=status), lines)
        try:
            if row.stage == NOTHING:
                return await self._make_cart(row, placement)
            if row.stage == FILL:
                return await self._fill(row, placement)
            return await self._finish(row, placement)
        except NotFound:
            if row.stage == DRAFT:
                if await self._shows_late(row):
                    return None
                return Held(f"its draft {row.draft} isn't in the shop any more", GONE_HINT)
            drafts = await self.port.made_of(row.cart)
            stage, draft = (DRAFT, drafts.orders[0]) if drafts.orders else (NOTHING, "")
            await self._go_on(row, stage, draft=draft)  # somebody has removed the cart
            return None

    async def _shows_late(self, row: PlacementRow) -> bool:
        """Whether a draft that was made isn't shown yet."""
        placements = self.placements
        if placements.context.tenant.clock.now() > placements.dead_at(row) + placements.port.traits.stale_us:
            return False
        await placements.wait(row, "its draft doesn't show yet")
        return True

    async def drop(self, row: PlacementRow) -> None:
        """Nothing becomes of it any more: its cart is removed, if that works; if not, it passes by itself."""
        if row.cart:
            with suppress(TransientError, MisconfiguredError, OutcomeUnknown, RefusedError):
                await self.port.drop(row.cart)

    async def _make_cart(self, row: PlacementRow, placement: Placement) -> Ended:
        sent, not_after = await self._claim(row, CART, placement)
        answer = await self._sent(sent, lambda: self.port.make_cart(placement, not_after=not_after))
        if isinstance(answer, Refusal):
            await self._go_on(sent, NOTHING)
            return answer
        if answer is not None:
            await self._go_on(sent, FILL, cart=answer)
        return None

    async def _fill(self, row: PlacementRow, placement: Placement) -> Ended:
        """Then make the order, if there is none yet."""
        for _ in range(FILLS_MAX):
            _, not_after, _ = self.placements.sending()
            full = await self.port.fill(row.cart, placement, not_after=not_after)
            if isinstance(full, Refusal):
                return full
            if full:
                break
        else:
            raise StoreFault(f"checkout {row.cart} lacks something again and again", operation="fill checkout")
        drafts = await self.port.made_of(row.cart)
        if drafts.orders:
            await self._go_on(row, DRAFT, draft=drafts.orders[0])
            return None
        sent, not_after = await self._claim(row, ORDER, placement)
        answer = await self._sent(sent, lambda: self.port.make_order(row.cart, not_after=not_after))
        if isinstance(answer, Refusal):
            await self._go_on(sent, FILL)
            return answer
        if answer is not None:
            await self._go_on(sent, DRAFT, draft=answer)
        return None

    async def _finish(self, row: PlacementRow, placement: Placement) -> Ended:
        """The cart goes first: no request that is late makes anything of it then."""
        await self.port.drop(row.cart)
        shown = await self.placements.port.read(row.draft)
        if shown.status is not ShopStatus.INCOMPLETE or shown.archived:
            state = "archived" if shown.archived else shown.status
            return Held(
                f"its draft {row.draft} was touched in the shop before it had our key: it is {state}", STRANGE_HINT
            )
        sent, not_after = await self._claim(row, KEY, placement)
        answer = await self._sent(sent, lambda: self._write_key(row, placement, not_after))
        if isinstance(answer, Refusal):
            await self._go_on(sent, DRAFT, draft=row.draft)
        return answer

    async def _write_key(self, row: PlacementRow, placement: Placement, not_after: Instant) -> str | Refusal:
        refusal = await self.port.finish(row.draft, placement, not_after=not_after)
        return row.draft if refusal is None else refusal

    # -- on disk

    async def _claim(self, row: PlacementRow, stage: str, placement: Placement) -> tuple[PlacementRow, Instant]:
        """On disk as sent."""
        context = self.placements.context
        tenant = context.tenant.tenant
        now, not_after, dead_at = self.placements.sending()
        values: dict[str, object] = {"written": placement.order.status} if stage == KEY else {}

        def unit(connection: Connection) -> PlacementRow:
            tenants.assert_epoch(connection, tenant, context.tenant.epoch)
            placing.change(
                connection, tenant, row, state=SENT, stage=stage, sent_at=now, dead_at=dead_at, retry_at=now,
                attempts=row.attempts + 1, lines=msgspec.json.encode(placement.lines).decode(), reason="",
                epoch=context.tenant.epoch, **values,
            )  # fmt: skip
            sent = placing.read_placement(connection, tenant, row.key)
            assert sent is not None
            return sent

        return await context.tenant.ledger.run(unit), not_after

    async def _sent(self, sent: PlacementRow, request: Callable[[], Awaitable[str | Refusal]]) -> str | Refusal | None:
        """Send it, once. None: nobody knows what became of it."""
        placements = self.placements
        try:
            return await request()
        except OutcomeUnknown as error:
            await placements.doubt(sent, str(error))
            return None
        except (TransientError, MisconfiguredError) as error:  # surely it had no effect
            await placements.not_sent(sent, error, state=INTENDED, stage=BEFORE[sent.stage])
            raise
        except NotFound:
            await placements.change(sent, state=INTENDED, stage=BEFORE[sent.stage])
            raise

    async def _go_on(self, row: PlacementRow, stage: str, *, cart: str | None = None, draft: str = "") -> None:
        cart = row.cart if cart is None else cart
        await self.placements.change(row, state=INTENDED, stage=stage, cart=cart, draft=draft, retry_at=0)
