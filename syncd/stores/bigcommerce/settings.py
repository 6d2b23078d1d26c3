"""When this shop takes stock and puts it back, by its settings: the store's own and each channel's.

Source: the vendor's page "Inventory settings" (`GET /v3/settings/inventory?channel_id=`). The store's own values rule
orders entered by hand, a channel's rule the orders of that channel; null on a channel means that the store's hold.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from syncd.errors import RefusedError
from syncd.ports.store import StockBehaviour
from syncd.stores.bigcommerce import wire
from syncd.stores.bigcommerce.client import Client, decode

CHANNELS_MAX = 50  # settings that are kept; more channels than a store has. One beyond counts as without own values

_ANSWERS = msgspec.json.Decoder(wire.InventorySettingsAnswer, strict=False)
_NONE = wire.InventorySettings()


class ShopSettings:
    """The settings as they were read last. A channel is read when an order of it first asks, and at each `refresh`."""

    def __init__(self, client: Client, channels: Iterable[int]) -> None:
        self._client = client
        self._named = tuple(channels)
        self._store: wire.InventorySettings | None = None
        self._channels: dict[str, wire.InventorySettings] = {}

    async def refresh(self, default_channel: int | None) -> None:
        """Read the store's settings and those of each known channel again. Raises as `Client.read`."""
        known = dict.fromkeys(map(str, self._named))
        if default_channel is not None:
            known[str(default_channel)] = None
        known |= dict.fromkeys(self._channels)
        store = await self._read("")
        channels = {channel: await self._read(channel) for channel in list(known)[:CHANNELS_MAX]}
        self._store, self._channels = store, channels

    async def cancel_returns(self, channel: str) -> bool:
        """Whether cancelling, or refunding by status, an order of this channel puts its units back. Raises as `Client.read`."""
        if self._store is None:
            self._store = await self._read("")
        if channel and channel not in self._channels and len(self._channels) < CHANNELS_MAX:
            self._channels[channel] = await self._read(channel)
        return self._behaviour(channel).cancel_returns

    def behaviour(self, default_channel: int | None) -> tuple[StockBehaviour, tuple[str, ...]]:
        """How the shop behaves, and what its operator should know. The default channel's settings stand for the shop."""
        chosen = self._behaviour("" if default_channel is None else str(default_channel))
        warnings = [
            f"channel {channel} treats stock differently from the store's default channel ({_tell(other)}, there "
            f"{_tell(chosen)}): syncd follows each channel for what is put back, and the default channel for the rest; "
            "set the channels alike in the store's inventory settings"
            for channel in sorted(self._channels)
            if (other := self._behaviour(channel)) != chosen
        ]
        if chosen.takes_at == "shipped":
            warnings.append(
                "stock is taken when an order is shipped or completed: until then the shop's own counter promises units "
                "that are sold already; update_stock_behavior = order_placed is exact sooner"
            )
        if not chosen.edits_adjust:
            warnings.append(
                "editing an order doesn't move the shop's counter (edit_order_stock_adjustment is off): syncd corrects the "
                "level after each edit, and until then it is off by the edit"
            )
        store = self._store or _NONE
        if store.update_stock_behavior not in {"order_placed", "order_completed_or_shipped"}:
            warnings.append(
                f"update_stock_behavior is {store.update_stock_behavior!r}, which the vendor doesn't describe: taken as "
                "order_placed"
            )
        return chosen, tuple(warnings)

    async def _read(self, channel: str) -> wire.InventorySettings:
        try:
            answer = await self._client.read("/v3/settings/inventory", [("channel_id", channel)] if channel else [])
        except RefusedError:
            if not channel:
                raise
            return _NONE  # a channel that is no more, or never was one: the store's own values hold
        return decode(answer, _ANSWERS).data

    def _behaviour(self, channel: str) -> StockBehaviour:
        store = self._store or _NONE
        own = self._channels.get(channel, _NONE)
        takes = own.update_stock_behavior or store.update_stock_behavior
        return StockBehaviour(
            takes_at="shipped" if takes == "order_completed_or_shipped" else "placed",
            edits_adjust=_first(own.edit_order_stock_adjustment, store.edit_order_stock_adjustment),
            cancel_returns=_first(own.refund_order_stock_adjustment, store.refund_order_stock_adjustment),
            witnessed=False,
        )


def _first(own: bool | None, store: bool | None) -> bool:
    """The channel's value, else the store's; off where neither is set, as in a new store (page "Orders overview")."""
    return bool(store) if own is None else own


def _tell(behaviour: StockBehaviour) -> str:
    edits = "with" if behaviour.edits_adjust else "without"
    returns = "with" if behaviour.cancel_returns else "without"
    return f"taken when {behaviour.takes_at}, {edits} edits, {returns} returns on cancelling"
