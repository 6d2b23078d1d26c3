"""The status of an order that the ERP has placed follows the ERP's: written seldom, and never needlessly (`core/following.py`).

The shop is asked just before; a write is on disk before it is sent, and after a lost answer the shop is asked again until the
request is surely dead. What the ERP wants meanwhile waits for that: a write that arrives late must not undo a later one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from syncd.core.following import Deed, ShopStatus, Step, follow
from syncd.errors import MisconfiguredError, NotFound, OutcomeUnknown, RefusedError, TransientError
from syncd.ledger.placing import DONE, INTENDED, REFUSED, SENT, PlacementRow
from syncd.observability import events
from syncd.ports.placing import OrderOutcome, Result, ShopOrder
from syncd.reconcile.placements import REASON_CHARACTERS_MAX, Placements


@dataclass(slots=True)
class FollowStatus:
    """One store's. `read_orders` makes the signals due at once."""

    placements: Placements
    read_orders: Callable[[], None]

    async def run(self, row: PlacementRow) -> None:
        """The next step of one order's status."""
        try:
            shown = await self.placements.port.read(row.shop_order)
        except NotFound:
            await self._not_followed(row, "the shop says that there is no such order")
            return
        except RefusedError as error:  # about this order alone: others go on
            await self._not_followed(row, f"the shop refuses to show it: {error}")
            return
        if row.following == SENT:
            await self._settle(row, shown)
            return
        if shown.status is None:
            await self._not_followed(row, "the order has a status in the shop that syncd doesn't know")
            return
        step = follow(shown.status, ShopStatus(row.wanted), archived=shown.archived)
        if step.deed is Deed.REFUSE:
            await self._not_followed(row, step.reason)
        elif step.deed is Deed.NOTHING:
            await self._followed(row, step)
        else:
            await self._write(row, step)

    async def _settle(self, row: PlacementRow, shown: ShopOrder) -> None:
        """It was written, and nobody knows its end: what the shop shows tells."""
        placements = self.placements
        if shown.status == row.written:
            await self._followed(row, Step(Deed.WRITE, "found after an answer was lost"))
        elif placements.context.tenant.clock.now() <= placements.dead_at(row) + placements.port.traits.stale_us:
            await placements.wait(row, "its status was written, and the shop doesn't show it yet")
        else:  # it never arrived, and can't any more; perhaps somebody has set another one
            await placements.change(row, following=INTENDED, retry_at=0)

    async def _write(self, row: PlacementRow, step: Step) -> None:
        """On disk as sent, then sent, once; nothing but the status."""
        placements = self.placements
        now, not_after, dead_at = placements.sending()
        status, epoch = ShopStatus(row.wanted), placements.context.tenant.epoch
        await placements.change(
            row, signal=True, following=SENT, written=status, sent_at=now, dead_at=dead_at, retry_at=now, epoch=epoch
        )
        sent = msgspec.structs.replace(row, following=SENT, written=status, dead_at=dead_at, epoch=epoch)
        try:
            await placements.port.set_status(row.shop_order, status, not_after=not_after)
        except OutcomeUnknown as error:
            await placements.doubt(sent, str(error))
        except RefusedError as error:
            await self._not_followed(sent, f"the shop refuses it: {error}")
        except (TransientError, MisconfiguredError) as error:  # surely it wasn't written
            await placements.not_sent(sent, error, following=INTENDED)
            raise
        else:
            await self._followed(sent, step)

    async def _followed(self, row: PlacementRow, step: Step) -> None:
        """The shop has it."""
        placements = self.placements
        sent = row.following == SENT
        if sent and row.written != row.wanted:  # the ERP has changed its mind since it was sent
            await placements.change(row, signal=True, following=INTENDED, retry_at=0)
            return
        outcome = OrderOutcome(row.key, row.store, row.revision, Result.FOLLOWED, row.shop_order, row.wanted)
        await placements.change(row, outcome, signal=sent, following=DONE, reason=step.reason, retry_at=0)
        placements.failures.pop(row.key, None)
        if sent:
            self.read_orders()
            placements.count("followed")
            placements.context.log.emit(
                events.PLACEMENT_FOLLOWED, order=row.shop_order, effect=row.key, status=row.wanted, reason=step.reason,
                tax=step.tax,
            )  # fmt: skip

    async def _not_followed(self, row: PlacementRow, reason: str) -> None:
        """The ERP hears why."""
        placements = self.placements
        kept = reason[:REASON_CHARACTERS_MAX]
        outcome = OrderOutcome(row.key, row.store, row.revision, Result.NOT_FOLLOWED, row.shop_order, row.wanted, kept)
        await placements.change(row, outcome, following=REFUSED, reason=kept, retry_at=0)
        placements.failures.pop(row.key, None)
        placements.count("not_followed")
        placements.context.log.emit(
            events.PLACEMENT_NOT_FOLLOWED, order=row.shop_order, effect=row.key, status=row.wanted, reason=reason
        )
