"""When this shop takes stock and puts it back, by its settings: the store's own and each channel's.

Source: the vendor's page "Inventory settings" (`GET /v3/settings/inventory?channel_id=`). The store's own values rule
orders entered by hand, a channel's rule the orders of that channel; null on a channel means that the store's hold.
Each order carries the rule of its own channel as it stood when the order was read: reading it costs no request.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from syncd.core.taking_rule import TakingRule
from syncd.errors import RefusedError
from syncd.ports.store import StockBehaviour
from syncd.stores.bigcommerce import wire
from syncd.stores.bigcommerce.client import Client, decode

CHANNELS_MAX = 50  # settings that are kept; more channels than a store has. One beyond counts as without own values

_ANSWERS = msgspec.json.Decoder(wire.InventorySettingsAnswer, strict=False)
_NONE = wire.InventorySettings()


class ShopSettings:
    """The settings as they were read last, and what they come to for each channel ("": for orders entered by hand). A channel
    is read when an order of it first asks, and at each `refresh`."""

    def __init__(self, client: Client, channels: Iterable[int]) -> None:
        self._client = client
        self._named = tuple(channels)
        self._store: wire.InventorySettings | None = None
        self._channels: dict[str, wire.InventorySettings] = {}
        self._rules: dict[str, TakingRule] = {}

    async def refresh(self, default_channel: int | None) -> None:
        """Read the store's settings and those of each known channel again. Raises as `Client.read`."""
        known = dict.fromkeys(map(str, self._named))
        if default_channel is not None:
            known[str(default_channel)] = None
        known |= dict.fromkeys(self._channels)
        store = await self._read("")
        channels = {channel: await self._read(channel) for channel in list(known)[:CHANNELS_MAX]}
        self._store, self._channels = store, channels
        self._rules = {channel: self._rule(channel) for channel in ("", *channels)}

    def known(self, channel: str) -> TakingRule | None:
        """The rule for orders of this channel, if it has been read."""
        return self._rules.get(channel)

    async def rule(self, channel: str) -> TakingRule:
        """The rule for orders of this channel, read now if it is new. Raises as `Client.read`."""
        if self._store is None:
            self._store = await self._read("")
        if channel and channel not in self._channels and len(self._channels) < CHANNELS_MAX:
            self._channels[channel] = await self._read(channel)
        rule = self._rule(channel)
        if not channel or channel in self._channels:
            self._rules[channel] = rule
        return rule

    def behaviour(self, default_channel: int | None) -> tuple[StockBehaviour, tuple[str, ...]]:
        """How the shop behaves in its default channel, and what its operator should know of this and the others."""
        mine = "" if default_channel is None else str(default_channel)
        chosen = self._rule(mine)
        rules = {channel: self._rule(channel) for channel in ("", *self._channels)}
        warnings = []
        late = [_name(channel) for channel, rule in rules.items() if rule.takes_at == "shipped"]
        if late:
            warnings.append(
                f"{_list(late)}: stock is taken when an order is shipped or completed; until then the shop's own counter "
                "promises units that are sold already; update_stock_behavior = order_placed is exact sooner"
            )
        deaf = [_name(channel) for channel, rule in rules.items() if not rule.edits_adjust]
        if deaf:
            warnings.append(
                f"{_list(deaf)}: editing an order doesn't move the shop's counter (edit_order_stock_adjustment is off); syncd "
                "corrects the level after each edit, and until then it is off by the edit"
            )
        store = self._store or _NONE
        if store.update_stock_behavior not in {"order_placed", "order_completed_or_shipped"}:
            warnings.append(
                f"update_stock_behavior is {store.update_stock_behavior!r}, which the vendor doesn't describe: taken as "
                "order_placed"
            )
        behaviour = StockBehaviour(
            chosen.takes_at, edits_adjust=chosen.edits_adjust, cancel_returns=chosen.cancel_returns, witnessed=False
        )
        return behaviour, tuple(warnings)

    async def _read(self, channel: str) -> wire.InventorySettings:
        try:
            answer = await self._client.read("/v3/settings/inventory", [("channel_id", channel)] if channel else [])
        except RefusedError:
            if not channel:
                raise
            return _NONE  # a channel that is no more, or never was one: the store's own values hold
        return decode(answer, _ANSWERS).data

    def _rule(self, channel: str) -> TakingRule:
        store = self._store or _NONE
        own = self._channels.get(channel, _NONE)
        takes = own.update_stock_behavior or store.update_stock_behavior
        return TakingRule(
            takes_at="shipped" if takes == "order_completed_or_shipped" else "placed",
            edits_adjust=_first(own.edit_order_stock_adjustment, store.edit_order_stock_adjustment),
            cancel_returns=_first(own.refund_order_stock_adjustment, store.refund_order_stock_adjustment),
            witnessed=False,
        )


def _first(own: bool | None, store: bool | None) -> bool:
    """The channel's value, else the store's; off where neither is set, as in a new store (page "Orders overview")."""
    return bool(store) if own is None else own


def _name(channel: str) -> str:
    return f"channel {channel}" if channel else "orders entered by hand"


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
