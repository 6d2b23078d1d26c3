"""Signals: that something in a store is worth a look. What it is, is read from the store; a signal is never data."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What can be spoken of. Each kind waits in a queue of its own, and is read by a step of its own."""

    ORDER = "order"
    CART = "cart"
    ITEM = "item"  # a stock item
    PARTS = "parts"  # an order's message, money or refund, which its own state need not show


class Signal(NamedTuple):
    """One thing of a store that should be looked at: its kind, and its id or name as the store's adapter gives it."""

    kind: Kind
    name: str
