"""The faults of this shop, each a dial: a probability in [0, 1] or a value. All are off by default."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Probability = float
Range = tuple[float, float]


class Faults(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The dials. Set them as attributes, or all at once by `change` (what PUT /_sim/faults does)."""

    quota_requests: int | None = None
    """Requests in a window of 30 s: None is the plan's, 0 is without a limit."""
    quota_other_apps: int = 0
    """Requests that other apps take out of each window."""
    latency_seconds: Range = (0.0, 0.0)
    """Each request takes so long; the effect happens at some moment in between."""
    slow: Probability = 0.0
    slow_seconds: float = 20.0
    """A share of the requests, and how long they take on top."""
    too_many: Probability = 0.0
    """429 with the rate headers (and requests left, as the vendor's own sample shows)."""
    too_many_bare: Probability = 0.0
    """429 without any header: platform load."""
    too_many_retry_after: Probability = 0.0
    retry_after_seconds: int = 5
    """429 with rate headers and X-Retry-After."""
    error_500: Probability = 0.0
    error_502: Probability = 0.0
    error_503: Probability = 0.0
    error_504: Probability = 0.0
    html_200: Probability = 0.0
    html_503: Probability = 0.0
    """An HTML page instead of the answer; the request has no effect."""
    truncated: Probability = 0.0
    """Half of the body, then the connection closes; the request had its effect."""
    reset: Probability = 0.0
    """The connection is reset before the request has an effect."""
    lost_answer: Probability = 0.0
    lost_answer_by: Literal["504", "500", "hang", "reset"] = "504"
    hang_seconds: float = 120.0
    """A write takes place and its answer is lost: by an error, by silence, or by a reset."""
    ignored_filters: Probability = 0.0
    """A list of orders ignores all filters, and returns everything."""
    stale_seconds: float = 0.0
    """Levels are read as they were so long ago."""
    apply_delay_seconds: Range = (0.0, 0.0)
    """Stock adjustments are accepted at once and applied so much later."""
    late_orders_seconds: Range = (0.0, 0.0)
    """A new order is invisible for so long, and then appears with its old stamps."""
    stale_orders_seconds: float = 0.0
    """Orders are read as they were so long ago, as far back as the dial was on: a change appears late, with its stamp."""
    torn_orders: Probability = 0.0
    torn_seconds: Range = (5.0, 5.0)
    torn_as: Literal["no_lines", "incomplete", "both"] = "both"
    """A share of the new orders shows no lines, status 0, or both for a while; no stamp tells when that ends."""
    shuffled_ties: Probability = 0.0
    """Rows of a list with equal sort values come in any order, other ones for each request."""
    move_order_every: int = 0
    """After each n-th list of orders a random order is modified, so that it moves between pages."""
    silent_edits: Probability = 0.0
    """An edit, note, shipment or refund that doesn't touch date_modified."""
    clock_skew_seconds: float = 0.0
    """The shop's own clock (stamps and /v2/time) is so much ahead."""

    late_carts_seconds: Range = (0.0, 0.0)
    """A new cart is answered with 404 for so long, though calls about it may come before."""
    carts_linger_seconds: Range = (0.0, 0.0)
    """A cart that was deleted or converted is shown as it was for so long."""

    webhook_seconds: Range = (0.2, 0.2)
    """How long a webhook takes to be called; with a range, later calls overtake earlier ones."""
    webhook_live_seconds: float = 0.0
    """A new webhook isn't called for events of its first so many seconds (about a minute, the vendor says)."""
    webhook_retry_scale: float = 1.0
    """What the pauses between retries are multiplied with: 60 s to a day, as the vendor has them."""
    webhook_lost: Probability = 0.0
    """A call that is never made."""
    webhook_repeated: Probability = 0.0
    """A call that is made twice."""
    webhook_late: Probability = 0.0
    webhook_late_seconds: Range = (60.0, 300.0)
    """A call that takes so long instead of webhook_seconds."""
    webhook_wrong_secret: Probability = 0.0
    """A call with other headers than the webhook's own, and another signature."""
    webhook_disabled: Probability = 0.0
    """After a call, somebody switches its webhook off."""

    def change(self, wanted: dict[str, Any]) -> None:
        """Set some dials. Raises msgspec.ValidationError for an unknown name or a wrong value; nothing changes then."""
        merged = msgspec.convert({**msgspec.to_builtins(self), **wanted}, Faults)
        for name in Faults.__struct_fields__:
            setattr(self, name, getattr(merged, name))

    def clear(self) -> None:
        """Turn every dial off."""
        self.change(msgspec.to_builtins(Faults()))
