"""A cart that the ERP's people prepare and a shopper buys by himself: made in the shop, and kept as the ERP has it while it is open.

What comes of it is a sale of the shop like any: it has no key of ours, and no room. The ERP must not have it on its own book.

A cart takes no stock, and nobody can ask for one whose answer was lost: it is made again when the request is surely dead, and a stray
one may stay until it passes. A change names the version that was read just before; of one whose end is unknown the cart is read
again, once nothing of it can arrive any more. Before each change and each deletion the shop is asked for the cart's orders.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from syncd.core.following import ShopStatus
from syncd.core.placing import REFUSED as SHOP_SAYS_NO
from syncd.core.placing import Flaw, Unplaceable
from syncd.core.quantity import SECOND, Instant
from syncd.errors import MisconfiguredError, NotFound, OutcomeUnknown, RefusedError, TransientError
from syncd.ledger.placing import CONFIRMED, DONE, INTENDED, OPEN, REFUSED, SENT, WITHDRAWN, PlacementRow
from syncd.observability import events
from syncd.ports.carts import CartConflict, CartsPort, NewCart, WantedLine
from syncd.ports.placing import OrderOutcome, Result
from syncd.reconcile.placements import REASON_CHARACTERS_MAX, Placements

MISSING_US = 60 * SECOND  # a cart that isn't there may show yet, or its order may


@dataclass(slots=True)
class LinkStep:
    """One store's."""

    placements: Placements
    port: CartsPort
    missing: dict[str, Instant] = field(default_factory=dict)  # soft: since when a cart isn't there, by the ERP's key

    async def run(self, row: PlacementRow) -> None:
        """The next step of one."""
        if SENT in (row.state, row.following):
            await self._asked(row)
        elif row.state == INTENDED:
            await self._make(row)
        elif not row.cart:  # it ended without one: the ERP hears it again
            await self._end(row, row.outcome.result, row.reason, flaws=row.outcome.flaws)
        else:
            await self._follow(row)

    async def _asked(self, row: PlacementRow) -> None:
        """A request is under way, and nobody knows its end: nothing is decided while it may arrive."""
        placements = self.placements
        if placements.context.tenant.clock.now() <= placements.dead_at(row):
            await placements.wait(row, "its request may still arrive")
        elif row.state == SENT:
            await placements.change(row, state=INTENDED, retry_at=0)
        else:
            await placements.change(row, following=INTENDED, retry_at=0)

    # -- it is made

    async def _make(self, row: PlacementRow) -> None:
        if row.wanted == ShopStatus.CANCELLED:
            await self._end(row, Result.WITHDRAWN, "cancelled in the ERP before it was made", state=WITHDRAWN)
            return
        lines = await self._lines(row)
        if lines is None:
            return
        sent, not_after = await self.placements.claim(row, state=SENT)
        if sent is None:
            return
        order = sent.order
        try:
            made = await self.port.create(lines, customer=order.customer, channel=order.channel, not_after=not_after)
        except OutcomeUnknown as error:
            await self.placements.doubt(sent, str(error))
        except RefusedError as error:
            await self._refuse(sent, str(error), (Flaw(SHOP_SAYS_NO, "", str(error)),))
        except (TransientError, MisconfiguredError) as error:  # surely nothing was made
            await self.placements.not_sent(sent, error, state=INTENDED)
            raise
        else:
            await self._end(sent, Result.PREPARED, made=made, state=CONFIRMED, stage=OPEN, cart=made.content.cart)

    async def _lines(self, row: PlacementRow) -> tuple[WantedLine, ...] | None:
        """In the shop's terms; None: it was refused, or the catalogue is waited for."""
        try:
            resolved = await self.placements.resolve(row)
        except Unplaceable as error:
            if self.placements.may_be_sold_soon(row, error):
                await self.placements.wait(row, f"{error}; its catalogue is read again first")
            else:
                await self._refuse(row, str(error), error.flaws)
            return None
        return tuple(WantedLine(line.product, line.quantity, line.name, line.sku) for line in resolved.lines)

    # -- the ERP has told of another revision

    async def _follow(self, row: PlacementRow) -> None:
        """Read it, then do what is to be done."""
        try:
            look = await self.port.read(row.cart)
            bought = await self._bought(row)
            if bought:
                await self._end(row, Result.CONVERTED, "it was bought in the shop", order=bought)
            elif look.content is None:
                await self._gone(row)
            elif row.wanted == ShopStatus.CANCELLED:
                await self._delete(row)
            else:
                await self._change(row, look.content.version)
        except RefusedError as error:
            await self._refuse(row, str(error))

    async def _bought(self, row: PlacementRow) -> str:
        """The first order that was placed of it; "" if there is none."""
        placed = [order.order for order in await self.port.orders_of(row.cart) if order.placed]
        return placed[-1] if placed else ""

    async def _gone(self, row: PlacementRow) -> None:
        """It isn't there: deleted, passed, or bought by an order that doesn't show yet. Looked at for a while."""
        now = self.placements.context.tenant.clock.now()
        if now - self.missing.setdefault(row.key, now) < MISSING_US:
            await self.placements.wait(row, "its cart isn't there; an order of it may show yet")
        elif row.wanted == ShopStatus.CANCELLED:
            await self._end(row, Result.WITHDRAWN, "the cart isn't there any more", state=WITHDRAWN)
        else:
            await self._end(row, Result.GONE, "the cart isn't there any more, and no order of it is known")

    async def _delete(self, row: PlacementRow) -> None:
        sent, _ = await self.placements.claim(row, following=SENT)
        if sent is None:
            return
        try:
            await self.port.delete(row.cart)
        except OutcomeUnknown as error:
            await self.placements.doubt(sent, str(error))
            return
        except (TransientError, MisconfiguredError) as error:
            await self.placements.not_sent(sent, error, following=INTENDED)
            raise
        try:
            bought = await self._bought(sent)  # between the look and the deletion
        except TransientError as error:
            await self.placements.not_sent(sent, error, following=INTENDED)
            raise
        if bought:
            await self._end(sent, Result.CONVERTED, "it was bought in the shop", order=bought)
        else:
            await self._end(sent, Result.WITHDRAWN, "cancelled in the ERP: the cart was deleted", state=WITHDRAWN)

    async def _change(self, row: PlacementRow, version: int) -> None:
        lines = await self._lines(row)
        if lines is None:
            return
        sent, not_after = await self.placements.claim(row, following=SENT)
        if sent is None:
            return
        try:
            made = await self.port.change(row.cart, version, lines, not_after=not_after)
        except (CartConflict, NotFound) as error:  # a shopper was there: it is read again
            await self.placements.not_sent(sent, error, following=INTENDED)
            await self.placements.later(sent, str(error))
        except OutcomeUnknown as error:
            await self.placements.doubt(sent, str(error))
        except (TransientError, MisconfiguredError) as error:  # perhaps some of its requests: it is read again
            await self.placements.not_sent(sent, error, following=INTENDED)
            raise
        else:
            await self._end(sent, Result.PREPARED, made=made)

    # -- on disk

    async def _refuse(self, row: PlacementRow, reason: str, flaws: tuple[Flaw, ...] = ()) -> None:
        """The ERP hears why: there is no cart, or it stays as it is."""
        if row.cart:
            await self._end(row, Result.NOT_FOLLOWED, reason, flaws=flaws)
        else:
            await self._end(row, Result.REFUSED, reason, flaws=flaws, state=REFUSED)

    async def _end(
        self,
        row: PlacementRow,
        result: Result,
        reason: str = "",
        *,
        made: NewCart | None = None,
        order: str = "",
        flaws: tuple[Flaw, ...] = (),
        **values: Any,
    ) -> None:
        """What the ERP is to hear of this revision, with what became of it. The links are the newest that are known."""
        placements = self.placements
        kept = reason[:REASON_CHARACTERS_MAX]
        before = row.outcome if row.result else OrderOutcome(row.key, row.store, row.revision, result)
        outcome = msgspec.structs.replace(
            before, revision=row.revision, result=result, order=order, reason=kept, flaws=flaws
        )
        if made is not None:
            outcome = msgspec.structs.replace(
                outcome, cart=made.content.cart, cart_url=made.cart_url or before.cart_url,
                checkout_url=made.checkout_url or before.checkout_url,
            )  # fmt: skip
        now = placements.context.tenant.clock.now()
        told = msgspec.json.encode(flaws).decode() if flaws else ""
        values = {"following": DONE, "confirmed_at": now, "retry_at": 0, "reason": kept, "flaws": told, **values}
        await placements.change(row, outcome, **values)
        placements.failures.pop(row.key, None)
        self.missing.pop(row.key, None)
        placements.count(result)
        placements.context.log.emit(events.PLACEMENT_CART, effect=row.key, result=result, reason=kept)
