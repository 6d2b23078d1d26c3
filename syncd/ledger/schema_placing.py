"""Tables of the orders that the ERP wants in stores."""

from __future__ import annotations

from sqlalchemy import Index, PrimaryKeyConstraint, Table

from syncd.ledger.columns import flag_column as _flag
from syncd.ledger.columns import metadata
from syncd.ledger.columns import number_column as _number
from syncd.ledger.columns import partial_index as _partial
from syncd.ledger.columns import text_column as _text

# Where the ERP's list of orders continues, and the stores that get orders from it (a row: its list has been read to the end since).
placing_feed = Table(
    "placing_feed",
    metadata,
    _text("tenant"),
    _text("cursor", ""),
    PrimaryKeyConstraint("tenant"),
    sqlite_with_rowid=False,
)
placing_store = Table(
    "placing_store",
    metadata,
    _text("tenant"),
    _text("store"),
    PrimaryKeyConstraint("tenant", "store"),
    sqlite_with_rowid=False,
)

# Orders of the ERP. `content` is what it told first, without people once it has ended; `state` intended, sent, confirmed, refused, quarantined, withdrawn, skipped,
# booked. `lines` are in the shop's terms, once they are known, and stay so. `shop_order` is the shop's id. Until when a request may
# still arrive: `dead_at`. `wanted` is the status of the newest `revision`, and `following` what became of it: "" (nothing to do),
# intended, sent, done, refused. `stage`, `cart` and `draft` are of an order that goes by a checkout (`reconcile/checkout_step.py`), or is a cart
# (`reconcile/link_step.py`), whose `content` is what it shall hold now. `untold`: the ERP is to hear of `result`; `telling` counts what it is to be told.
placement = Table(
    "placement",
    metadata,
    _text("tenant"),
    _text("key"),
    _text("store"),
    _text("content"),
    _text("own_key"),
    _text("state"),
    _text("lines", ""),
    _number("seq"),
    _number("told_at"),
    _number("sent_at", 0),
    _number("dead_at", 0),
    _number("confirmed_at", 0),
    _number("retry_at", 0),
    _flag("attempts"),
    _text("reason", ""),
    _text("flaws", ""),
    _text("shop_order", ""),
    _number("epoch", 0),
    _number("revision"),
    _text("wanted"),
    _text("following", ""),
    _text("written", ""),
    _text("result", ""),
    _flag("untold"),
    _number("telling", 0),
    _text("stage", ""),
    _text("cart", ""),
    _text("draft", ""),
    PrimaryKeyConstraint("tenant", "key"),
    sqlite_with_rowid=False,
)
_partial(
    "ix_placement_waiting",
    placement.c.tenant,
    placement.c.store,
    placement.c.seq,
    where="state IN ('intended', 'sent') OR following IN ('intended', 'sent')",
)
_partial("ix_placement_untold", placement.c.tenant, placement.c.seq, where="untold = 1")
_partial("ix_placement_cart", placement.c.tenant, placement.c.store, placement.c.cart, where="cart != ''")
Index("ix_placement_order", placement.c.tenant, placement.c.store, placement.c.shop_order)
Index("ix_placement_own_key", placement.c.tenant, placement.c.store, placement.c.own_key)

# Room: units of the ERP's SKUs that a store shows beyond the ERP's level, since an order that takes them is on its way into it. The
# ERP's level doesn't have them any more if it was asked for after `since`; `open`: it was.
placing_room = Table(
    "placing_room",
    metadata,
    _text("tenant"),
    _text("store"),
    _text("key"),
    _text("sku"),
    _number("units"),
    _number("since"),
    _flag("open"),
    PrimaryKeyConstraint("tenant", "store", "key", "sku"),
    sqlite_with_rowid=False,
)
Index("ix_placing_room_sku", placing_room.c.tenant, placing_room.c.store, placing_room.c.sku)
