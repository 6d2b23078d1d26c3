"""The tables of carts."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, Table

from syncd.ledger.columns import flag_column, metadata, number_column, partial_index, text_column

# Carts in the state read last. `content` is the JSON of `core/cart.py`, "" of one that was gone before anybody could read it; it
# holds personal data. `order`: the one that was placed from it, "" if none is known. `began`: when the reading began that brought
# this state; an older one never overwrites it. `missing`: how often in a row it wasn't there. `look`: when it is looked at next
# (NULL: never again). `ended`: when it was seen to be converted, deleted or expired; 0 while it lives.
cart = Table(
    "cart", metadata, text_column("tenant"), text_column("store"), text_column("cart"), text_column("state"),
    text_column("content"), text_column("order", ""), number_column("began", 0), flag_column("missing"),
    Column("look", BigInteger, nullable=True), number_column("seen"), number_column("ended", 0),
    PrimaryKeyConstraint("tenant", "store", "cart"), sqlite_with_rowid=False,
)  # fmt: skip
partial_index("ix_cart_look", cart.c.tenant, cart.c.store, cart.c.look, where="look IS NOT NULL")
Index("ix_cart_ended", cart.c.tenant, cart.c.ended)
Index("ix_cart_state", cart.c.tenant, cart.c.store, cart.c.state)

# What carts keep from the other shops until `until` (`core/cart_hold.py`), in the ERP's units. `share`: how much of the ERP's
# level all carts of the store may hold, in ten-thousandths.
cart_hold = Table(
    "cart_hold", metadata, text_column("tenant"), text_column("store"), text_column("cart"), text_column("line"),
    flag_column("part"), text_column("sku"), text_column("location"), number_column("units"), number_column("until"),
    number_column("share"), PrimaryKeyConstraint("tenant", "store", "cart", "line", "part"), sqlite_with_rowid=False,
)  # fmt: skip
Index("ix_cart_hold_sku", cart_hold.c.tenant, cart_hold.c.location, cart_hold.c.sku)
Index("ix_cart_hold_until", cart_hold.c.tenant, cart_hold.c.store, cart_hold.c.until)
