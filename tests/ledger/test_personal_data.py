"""Every table of the ledger is either known to name nobody, or has a holder that erases: a new one has to say which."""

from __future__ import annotations

from syncd.ledger.erasure import HOLDERS
from syncd.ledger.tables import MODULES, metadata

NAMES_NOBODY = {
    "alert", "cart_hold", "clock", "drift", "erasure", "erp", "erp_level", "flow", "ingredient", "item", "lease", "level_change",
    "level_write", "line", "listing", "move", "orders", "person_key", "placing_feed", "placing_room", "placing_store", "reading",
    "refund_feed", "refund_seen", "shipment",
    "signal", "sink", "store", "taking",
}  # fmt: skip
ERASED = {
    "payload": "raw_orders",
    "cart": "carts",
    "placement": "orders_of_the_erp",
    "document": "waiting_documents",
    "quarantine": "quarantine",
    "outbox": "waiting_events",
}


UNDER_WAY = {"placement"}  # people only until the order is placed; `syncd erase` tells how many


def test_every_table_names_nobody_or_is_erased():
    assert MODULES
    assert set(metadata.tables) == NAMES_NOBODY | UNDER_WAY | ERASED.keys()
    assert {holder.name for holder in HOLDERS} == set(ERASED.values())
