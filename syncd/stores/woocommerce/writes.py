"""Writing levels: absolute, in batches, and disbelieving each answer.

The shop answers 200 to a write that it ignores (a product that doesn't count its stock), and the batch routes take
anything for a number: `"abc"` sets the stock to 0 (both measured on 10.0.2). So a level goes as a JSON integer, and each
row of the answer is compared with what was sent. `manage_stock` is never sent: it is the merchant's switch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from syncd.core.quantity import UNIT, Instant, is_whole
from syncd.errors import MisconfiguredError, OutcomeUnknown, RefusedError, TransientError
from syncd.ports.store import LevelWrite, WriteOutcome, WriteResult
from syncd.stores.woocommerce.api import Api
from syncd.stores.woocommerce.items import Item, level_shown, read_item
from syncd.stores.woocommerce.levels import PRODUCTS
from syncd.stores.woocommerce.wire import BatchRow

NOT_SENT = "not sent"  # how the reason of a write begins that was left out after others had gone
REASON_CHARACTERS_MAX = 300  # it goes to the ledger and to people
_ROW = msgspec.json.Decoder(BatchRow)


class _RawBatch(msgspec.Struct):
    update: list[msgspec.Raw]


class LevelWriter:
    """Sends some writes, one request after another, and gathers how each ended."""

    def __init__(self, api: Api, not_after: Instant) -> None:
        self._api = api
        self._not_after = not_after
        self._outcomes: dict[str, WriteOutcome] = {}
        self._sent = False
        self._stopped = ""  # why nothing more is sent

    async def write(self, writes: Sequence[LevelWrite]) -> tuple[WriteOutcome, ...]:
        """One outcome per write, in order. Raises only while surely nothing was written."""
        for route, batch in self._batches(writes).items():
            if not self._stopped:
                try:
                    await self._send(route, batch)
                except (TransientError, MisconfiguredError) as error:
                    if not self._sent:
                        raise
                    self._stopped = str(error)  # others were sent already: no error may hide how those ended
            if self._stopped:
                for write in batch.values():
                    if write.key not in self._outcomes:
                        self._end(write, WriteResult.NOT_SENT, f"{NOT_SENT}: {self._stopped}")
        return tuple(self._outcomes[write.key] for write in writes)

    def _batches(self, writes: Sequence[LevelWrite]) -> dict[str, dict[int, LevelWrite]]:
        """The writes by route, and by the id that the shop knows the counter under."""
        batches: dict[str, dict[int, LevelWrite]] = {}
        for write in writes:
            if write.level is None:
                self._end(write, WriteResult.REFUSED, "WooCommerce sets levels, it can't add to them")
            elif not is_whole(write.level):
                self._end(write, WriteResult.REFUSED, "WooCommerce counts whole units")
            elif (item := read_item(write.item)) is None:
                self._end(write, WriteResult.REFUSED, f"{write.item!r} is no stock item of a WooCommerce shop")
            else:
                batches.setdefault(_route(item), {})[item.own_id] = write
        return batches

    async def _send(self, route: str, batch: Mapping[int, LevelWrite]) -> None:
        """Send one batch. Raises as HttpClient.write does, where surely nothing of it was written."""
        body = {"update": [{"id": number, "stock_quantity": _whole(write)} for number, write in batch.items()]}
        try:
            answer = await self._api.write("POST", route, body, not_after=self._not_after)
            rows = answer.json(_RawBatch).update
        except OutcomeUnknown as error:
            self._sent = True
            self._stopped = "the request before had no clear end"
            for write in batch.values():
                self._end(write, WriteResult.UNKNOWN, str(error))
            return
        except RefusedError as error:
            for write in batch.values():
                self._end(write, WriteResult.REFUSED, f"{error} ({error.code})")
            return
        self._sent = True
        self._compare(rows, batch)

    def _compare(self, rows: Sequence[msgspec.Raw], batch: Mapping[int, LevelWrite]) -> None:
        """Each row of the answer with what was sent."""
        for raw in rows:
            try:
                row = _ROW.decode(raw)
                write = batch.get(row.id)
                if write is not None:
                    self._judge(row, write)
            except (msgspec.MsgspecError, ValueError):
                continue
        for write in batch.values():
            if write.key not in self._outcomes:
                self._end(write, WriteResult.UNKNOWN, "the answer says nothing about it that can be read")

    def _judge(self, row: BatchRow, write: LevelWrite) -> None:
        if row.error is not None:
            self._end(write, WriteResult.REFUSED, row.error.told())
        elif row.manage_stock is not True:
            self._end(write, WriteResult.IGNORED, f"the shop doesn't count it: manage_stock is {row.manage_stock!r}")
        else:
            level = level_shown(row)
            if level is None:
                self._end(write, WriteResult.IGNORED, "the shop shows no level after the write")
            elif level == write.level:
                self._outcomes[write.key] = WriteOutcome(write.key, WriteResult.APPLIED, level=level)
            else:  # a sale between write and answer, or a plugin that has its own idea
                reason = "the shop shows another level right after the write"
                self._outcomes[write.key] = WriteOutcome(write.key, WriteResult.UNKNOWN, reason, level)

    def _end(self, write: LevelWrite, result: WriteResult, reason: str) -> None:
        self._outcomes[write.key] = WriteOutcome(write.key, result, reason[:REASON_CHARACTERS_MAX])


def _route(item: Item) -> str:
    return f"{PRODUCTS}/{item.product}/variations/batch" if item.variation else f"{PRODUCTS}/batch"


def _whole(write: LevelWrite) -> Any:
    assert write.level is not None
    return write.level // UNIT
