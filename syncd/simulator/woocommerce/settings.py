"""How this shop is set up: what a merchant chooses in wp-admin, and which WooCommerce it runs."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

CORE_STATUSES: dict[str, str] = {
    "pending": "Pending payment",
    "processing": "Processing",
    "on-hold": "On hold",
    "completed": "Completed",
    "cancelled": "Cancelled",
    "refunded": "Refunded",
    "failed": "Failed",
    "checkout-draft": "Draft",
}


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One shop's settings. Set them as attributes, or several at once by `change` (POST /_sim/settings)."""

    name: str = "Lab Store"
    url: str = ""
    """The site's home URL without a slash at its end; empty is the address that a request came to."""
    timezone: str = "UTC"
    """An IANA name, or an offset as `+05:30`."""
    version: str = "10.0.2"
    """Rules that changed follow it: modified_after 5.8, dates_are_gmt 5.4, line edits adjust stock 9.5."""
    currency: str = "EUR"
    manage_stock: bool = True
    hold_stock_minutes: int = 60
    cancel_unpaid: bool = False
    """Whether the hourly job cancels shoppers' unpaid pending orders when hold_stock_minutes have passed."""
    created_via: Literal["store-api", "checkout"] = "store-api"
    """What shoppers' orders carry: the block checkout's mark, or the classic one's."""
    pretty_permalinks: bool = True
    """False: only /?rest_route= works, /wp-json/ is an HTML 404."""
    plain_http: Literal["basic", "oauth"] = "basic"
    """basic: the connection counts as HTTPS. oauth: as plain HTTP, where only OAuth 1.0a is accepted."""
    consumer_key: str = "ck_simulated"
    consumer_secret: str = "cs_simulated"  # noqa: S105 - a simulator's, known to all
    permissions: Literal["read", "write", "read_write"] = "read_write"
    extra_statuses: dict[str, str] = {}
    """Custom order statuses: slug to name."""
    coupons: dict[str, int] = {}
    """Coupon codes, in lower case, to per cent."""
    unsafe_delivery_urls: bool = True
    """Webhooks may call private addresses and any port. False: as WordPress, which counts that as a failed delivery."""
    notices: str = (
        "<br />\n<b>Notice</b>:  Undefined index: lang in <b>/srv/shop/plugin.php</b> on line <b>42</b><br />\n"
    )

    def change(self, wanted: dict[str, Any]) -> None:
        """Set some. Raises msgspec.ValidationError for an unknown name or a wrong value; nothing changes then."""
        merged = msgspec.convert({**msgspec.to_builtins(self), **wanted}, Settings)
        for name in Settings.__struct_fields__:
            setattr(self, name, getattr(merged, name))

    def statuses(self) -> dict[str, str]:
        """Every order status of this shop, slug to name, without trash and auto-draft."""
        return {**CORE_STATUSES, **self.extra_statuses}

    def at_least(self, *wanted: int) -> bool:
        """Whether this shop's WooCommerce is that version or newer: `at_least(9, 5)`."""
        own = tuple(int(part) for part in self.version.split(".") if part.isdigit())
        return own >= wanted
