"""When a shop takes stock for an order and puts it back: its settings, as they were when the order's state was read."""

from __future__ import annotations

import msgspec


class TakingRule(msgspec.Struct, frozen=True):
    """When the shop takes stock: `takes_at` "placed" or "shipped"; the switches as in the shop's settings."""

    takes_at: str = "placed"
    edits_adjust: bool = True
    cancel_returns: bool = True
    witnessed: bool = False
