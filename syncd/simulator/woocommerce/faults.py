"""The faults of this shop, each a dial: a probability in [0, 1] or a value. All are off by default."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Probability = float
Range = tuple[float, float]


class Faults(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The dials. Set them as attributes, or several at once by `change` (what PUT /_sim/faults does)."""

    latency_seconds: Range = (0.0, 0.0)
    """Each request takes so long; the effect happens at some moment in between."""
    slow: Probability = 0.0
    slow_seconds: float = 20.0
    """A share of the requests, and how long they take on top."""
    too_many_bare: Probability = 0.0
    """429 without any header, as a host's firewall answers."""
    too_many_retry_after: Probability = 0.0
    retry_after_seconds: int = 5
    """429 with Retry-After."""
    error_500: Probability = 0.0
    error_502: Probability = 0.0
    error_503: Probability = 0.0
    error_504: Probability = 0.0
    """500 is WordPress's own JSON, the others are the web server's HTML; the request has no effect."""
    html_200: Probability = 0.0
    html_503: Probability = 0.0
    """An HTML page instead of the answer; the request has no effect."""
    php_notice: Probability = 0.0
    """A PHP notice stands before the JSON; the request had its effect."""
    truncated: Probability = 0.0
    """Half of the body, then the connection closes; the request had its effect."""
    reset: Probability = 0.0
    """The connection is reset before the request has an effect."""
    lost_answer: Probability = 0.0
    lost_answer_by: Literal["504", "500", "hang", "reset"] = "504"
    hang_seconds: float = 120.0
    """A write takes place and its answer is lost: by an error, by silence, or by a reset."""
    ignored_filters: Probability = 0.0
    """A list ignores modified_after, modified_before, after, before and exclude, and returns everything."""
    stale_seconds: float = 0.0
    """Orders and levels are read as they were so long ago (as far back as the dial was on)."""
    torn_orders: Probability = 0.0
    torn_seconds: Range = (0.3, 0.3)
    """A share of the new orders is visible for so long in unfinished states: no lines, total 0.00, part of the stock."""
    shuffled_ties: Probability = 0.0
    """Rows of equal stamps (orderby=modified) come in any order, another one for each request."""
    move_order_every: int = 0
    """After each n-th list of orders a random order is modified, so that it moves between pages."""
    silent_edits: Probability = 0.0
    """An edit of lines that doesn't touch date_modified (woocommerce issue 34798)."""
    silent_stock_dates: Probability = 0.0
    """An order's taking that doesn't touch the product's date_modified (woocommerce issue 40060)."""
    oversell: Probability = 0.0
    oversell_window_seconds: float = 1.0
    """A checkout looks at the stock as it was so long ago: simultaneous buyers get the last unit twice."""
    read_modify_write_seconds: float = 0.0
    """How long lies between the read and the write of an inventory_delta."""
    clock_skew_seconds: float = 0.0
    """The shop's own clock (all stamps) is so much ahead."""
    server_skew_seconds: Range = (0.0, 0.0)
    """Several web servers whose clocks differ: each stamp of an order is off by so much, another one for each change."""

    webhook_seconds: Range = (0.2, 0.2)
    """How long a delivery waits for its turn (9 to 55 s on a real shop); with a range, later ones overtake earlier ones."""
    webhooks_need_visits: bool = False
    """Nothing is delivered before somebody asks the shop for something, as where only visitors run WordPress's cron."""
    webhook_lost: Probability = 0.0
    """A delivery that is never made."""
    webhook_repeated: Probability = 0.0
    """A delivery that is made twice."""
    webhook_late: Probability = 0.0
    webhook_late_seconds: Range = (60.0, 300.0)
    """A delivery that waits so long instead of webhook_seconds."""
    webhook_wrong_secret: Probability = 0.0
    """A delivery that is signed with another secret."""
    webhook_disabled: Probability = 0.0
    """After a delivery, somebody disables its webhook."""

    def change(self, wanted: dict[str, Any]) -> None:
        """Set some dials. Raises msgspec.ValidationError for an unknown name or a wrong value; nothing changes then."""
        merged = msgspec.convert({**msgspec.to_builtins(self), **wanted}, Faults)
        for name in Faults.__struct_fields__:
            setattr(self, name, getattr(merged, name))

    def clear(self) -> None:
        """Turn every dial off."""
        self.change(msgspec.to_builtins(Faults()))
