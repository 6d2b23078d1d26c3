"""The tables of the ledger, in a form that SQLite and PostgreSQL serve alike.

Everything belongs to a tenant, so the tenant comes first in every key. Instants are microseconds UTC, quantities are
ten-thousandths of a unit, foreign ids are text. Flags are small integers. What waits for something to be done is found
by a partial index on its state, never by "everything after the last id": ids become visible out of order on PostgreSQL.

What stays for ever: `orders`, `line`, `move` (a refund comes years later), `shipment`. The rest is kept for a while.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, PrimaryKeyConstraint, Table, literal_column

from syncd.ledger.columns import (
    flag_column as _flag,
)
from syncd.ledger.columns import (
    metadata,
)
from syncd.ledger.columns import (
    number_column as _number,
)
from syncd.ledger.columns import (
    partial_index as _partial,
)
from syncd.ledger.columns import (
    pause_columns as _pause,
)
from syncd.ledger.columns import (
    text_column as _text,
)

# One row per tenant: who may write for it (epoch), and the numbers given out: `reading` orders readings of orders,
# `sequence` orders moves and writes.
lease = Table(
    "lease", metadata, _text("tenant"), _number("epoch"), _text("holder"), _number("expires"), _number("reading", 0),
    _number("sequence", 0), _flag("paused"), *_pause(), PrimaryKeyConstraint("tenant"),
)  # fmt: skip

# One row per store. `identity` is pinned at the first contact. `state`: new, baseline, ready. `approved` is the instant
# of the approval of its plan (0: none), `brake` why its writes are stopped ("" if they aren't). `ships`: it is told of shipments
# that the ERP's feed brings from now on; what the feed held when that was switched on was shipped before.
store = Table(
    "store",
    metadata,
    _text("tenant"),
    _text("store"),
    _text("identity"),
    _text("state"),
    _text("mode"),
    _number("cutover"),
    _number("cursor"),
    _number("drained"),
    _text("resume"),
    _text("behaviour"),
    _number("approved", 0),
    _text("brake", ""),
    _flag("paused"),
    _number("swept", 0),
    _number("catalogued", 0),
    *_pause(),
    _number("clock_ahead", 0),
    _number("clock_at", 0),
    _flag("ships"),
    PrimaryKeyConstraint("tenant", "store"),
)

# One row: how far time had come when something was written last, give or take a second (`seen.py`), and when the ledger was
# put back from a backup (`restored.py`; 0: never).
clock = Table("clock", metadata, _flag("id"), _number("seen"), _number("restored", 0), PrimaryKeyConstraint("id"))

# What a store has spoken of (webhooks), until it has been read. `kind`: order, cart, item (`core/signal.py`).
signal = Table(
    "signal", metadata, _text("tenant"), _text("store"), _text("kind"), _text("name"), _number("first_at"),
    _number("last_at"), PrimaryKeyConstraint("tenant", "store", "kind", "name"), sqlite_with_rowid=False,
)  # fmt: skip

# The ERP of a tenant: identity and epoch pinned, where its feeds of levels and of shipments continue.
erp = Table(
    "erp", metadata, _text("tenant"), _text("identity"), _text("epoch"), _text("cursor", ""), _number("watched", 0),
    _text("shipments", ""), PrimaryKeyConstraint("tenant"),
)  # fmt: skip

# Orders in the state read last. `reading` is the fence: a reading that began earlier never overwrites a later one.
# `batch`, `place`: where the raw bytes are (payload). `missing`: how often in a row the store said that it is gone.
orders = Table(
    "orders",
    metadata,
    _text("tenant"),
    _text("store"),
    _text("order"),
    _number("created"),
    _text("key"),
    _number("modified"),
    _text("phase"),
    _text("status"),
    _text("cart"),
    _number("reading"),
    _number("read_at"),
    Column("content", LargeBinary, nullable=False),
    _number("batch", 0),
    _flag("place"),
    _flag("rules_version"),
    _flag("mapper_version"),
    _flag("baseline"),
    _flag("missing"),
    PrimaryKeyConstraint("tenant", "store", "order"),
    sqlite_with_rowid=False,
)
_partial(
    "ix_orders_living",
    orders.c.tenant,
    orders.c.store,
    orders.c.read_at,
    where="phase IN ('draft', 'pending', 'placed', 'paid')",
)

# One row per line, product in it and component: the accounts of counting. `lead` rows carry what the shop took.
# `state`: counted, quarantined, ignored. `open`: it may still matter to a target (untold, claim, hold, or confirmed so
# lately that the ERP's last level may not show it).
line = Table(
    "line",
    metadata,
    _text("tenant"),
    _text("store"),
    _text("order"),
    _text("line"),
    _flag("part"),
    _text("product"),
    _text("item"),
    _text("sku"),
    _text("location"),
    _number("factor"),
    _flag("lead"),
    _number("quantity"),
    _number("commitment"),
    _number("confirmed"),
    _number("taken"),
    _number("claim"),
    _number("hold"),
    _number("hold_until"),
    _text("state"),
    _text("rule"),
    _flag("open"),
    _flag("moves"),
    _number("shipped", 0),
    PrimaryKeyConstraint("tenant", "store", "order", "line", "part"),
    sqlite_with_rowid=False,
)
_partial("ix_line_open", line.c.tenant, line.c.sku, where="open = 1")

# Stock moves: each is its own effect on the ERP. `change` is signed: a sale is negative. `state`: intended, sent,
# confirmed, refused, void. `doubt`: it was sent and nobody knows. `seq`: the order in which they go out.
move = Table(
    "move",
    metadata,
    _text("tenant"),
    _text("store"),
    _text("order"),
    _text("line"),
    _flag("n"),
    _flag("part"),
    _text("sku"),
    _text("location"),
    _number("change"),
    _text("key"),
    _text("state"),
    _number("seq"),
    _number("reading"),
    _text("rule"),
    _number("epoch", 0),
    _number("planned_at"),
    _number("sent_at", 0),
    _number("dead_at", 0),
    _number("confirmed_at", 0),
    _number("retry_at", 0),
    _flag("attempts"),
    _flag("doubt"),
    _text("reason", ""),
    _text("erp_ref", ""),
    PrimaryKeyConstraint("tenant", "store", "order", "line", "n"),
    sqlite_with_rowid=False,
)
_partial("ix_move_waiting", move.c.tenant, move.c.seq, where="state IN ('intended', 'sent')")
# What a query has to say so that SQLite takes a partial index: the index's own condition, its constants written out.
IS_WAITING = move.c.state.in_([literal_column("'intended'"), literal_column("'sent'")])
_partial("ix_move_confirmed", move.c.tenant, move.c.sku, move.c.confirmed_at, where="state = 'confirmed'")
_partial("ix_move_doubt", move.c.tenant, move.c.sku, where="doubt = 1")

# Shipments that the ERP has told, each once (`key` is the ERP's): effects on a shop. `part`: one for each place that it goes
# to. `content` is the JSON of what the ERP told, `lines` that of [line, quantity] in the shop's terms, "" until the shop's
# order was read; `own_key` is what the shop carries. `state`: intended, sent, confirmed, refused, quarantined, skipped, booked.
shipment = Table(
    "shipment", metadata, _text("tenant"), _text("key"), _flag("part"), _text("store"), _text("order"), _text("content"),
    _text("place", ""), _text("lines", ""), _text("own_key", ""), _text("state"), _number("seq"), _number("told_at"),
    _number("sent_at", 0), _number("dead_at", 0), _number("confirmed_at", 0), _number("retry_at", 0), _flag("attempts"),
    _text("reason", ""), _text("shop_ref", ""), _number("epoch", 0), PrimaryKeyConstraint("tenant", "key", "part"),
    sqlite_with_rowid=False,
)  # fmt: skip
_partial(
    "ix_shipment_waiting", shipment.c.tenant, shipment.c.store, shipment.c.seq, where="state IN ('intended', 'sent')"
)
Index("ix_shipment_order", shipment.c.tenant, shipment.c.store, shipment.c.order)

# What a shop sells: the product as order lines name it, and the stock item that it draws from ("" if none is counted).
listing = Table(
    "listing",
    metadata,
    _text("tenant"),
    _text("store"),
    _text("product"),
    _text("item"),
    _text("sku"),
    _text("name"),
    _flag("digital"),
    _number("seen"),
    PrimaryKeyConstraint("tenant", "store", "product"),
)

# Stock items: the counters of a shop. `recipe` is the JSON list of [SKU, factor] that it sells. `due`: when the
# publisher should look at it next (NULL: nothing to do). `read_at`: the last reading. `needs_absolute`: the shop has no
# level there. `accepted`: a named offset that the operator accepted as drift. `place`: what its name ends with where its counter
# isn't at the shop's main location. `warning`: at which level the merchant has the shop warn; for people alone.
item = Table(
    "item",
    metadata,
    _text("tenant"),
    _text("store"),
    _text("item"),
    _text("sku"),
    _text("recipe"),
    _text("name"),
    _flag("active", 1),
    Column("due", BigInteger, nullable=True),
    _number("read_at", 0),
    _flag("needs_absolute"),
    _number("refused_at", 0),
    _number("accepted", 0),
    _text("trouble", ""),
    Column("shown", BigInteger, nullable=True),
    _text("place", ""),
    _number("warning", 0),
    PrimaryKeyConstraint("tenant", "store", "item"),
)
_partial("ix_item_due", item.c.tenant, item.c.store, item.c.due, where="due IS NOT NULL")
Index("ix_item_read", item.c.tenant, item.c.store, item.c.read_at)

# Which items draw on which ERP SKU.
ingredient = Table(
    "ingredient",
    metadata,
    _text("tenant"),
    _text("sku"),
    _text("store"),
    _text("item"),
    _number("factor"),
    PrimaryKeyConstraint("tenant", "sku", "store", "item"),
)

# Readings of items, newest few. `write`: the seq of our own absolute write that this reading is (0: a real reading).
reading = Table(
    "reading",
    metadata,
    _text("tenant"),
    _text("store"),
    _text("item"),
    _number("began"),
    _number("ended"),
    _number("level"),
    _number("write", 0),
    PrimaryKeyConstraint("tenant", "store", "item", "began", "write"),
)

# Changes of what the shop has taken, as far as they can be dated: at some instants in [began, ended]. While it went on,
# taken was within [least, most]; since then it is within [low, high]. `plain`: one placing, nothing else hides in it.
taking = Table(
    "taking", metadata, _text("tenant"), _text("store"), _text("item"), _number("seq"), _text("order"), _text("line"),
    _number("began"), _number("ended"), _number("was"), _number("low"), _number("high"), _number("least"),
    _number("most"), _flag("plain"), PrimaryKeyConstraint("tenant", "store", "item", "seq"),
)  # fmt: skip

# Effects on a shop's counters. `change` is what it should do to the level; `level` the absolute number, NULL if it
# adds. `blind_from`: takings since then may have been written over (absolute only). `state`: sent, confirmed, refused,
# doubt. `ended`: its effect falls into [sent_at, ended].
level_write = Table(
    "level_write",
    metadata,
    _text("tenant"),
    _text("store"),
    _text("item"),
    _number("seq"),
    _text("key"),
    _text("state"),
    _number("change"),
    Column("level", BigInteger, nullable=True),
    _number("blind_from"),
    _number("sent_at"),
    _number("not_after"),
    _number("ended"),
    _number("target"),
    _number("low"),
    _number("high"),
    _text("why"),
    _text("reason", ""),
    _number("epoch", 0),
    PrimaryKeyConstraint("tenant", "store", "item", "seq"),
)
_partial("ix_level_write_waiting", level_write.c.tenant, level_write.c.store, where="state = 'sent'")

# The ERP's levels as last read: `began` is the start of the request that returned this very SKU.
erp_level = Table(
    "erp_level", metadata, _text("tenant"), _text("sku"), _text("location"), _number("level"), _number("began"),
    _number("ended"), PrimaryKeyConstraint("tenant", "sku", "location"),
)  # fmt: skip

# For people alone: when a counter's level was seen to have changed, and since when it is `level`. Store "": the ERP, with its
# SKU and location; else a stock item, location "".
level_change = Table(
    "level_change", metadata, _text("tenant"), _text("store"), _text("counter"), _text("location"), _number("at"),
    _number("level"), PrimaryKeyConstraint("tenant", "store", "counter", "location", "at"), sqlite_with_rowid=False,
)  # fmt: skip
Index("ix_level_change_at", level_change.c.tenant, level_change.c.at)

# For people alone: how many orders were taken in, moves confirmed and levels written in the quarter of an hour from `since`.
flow = Table(
    "flow", metadata, _text("tenant"), _number("since"), _text("store"), _text("kind"), _number("times"),
    PrimaryKeyConstraint("tenant", "since", "store", "kind"), sqlite_with_rowid=False,
)  # fmt: skip

# What could not be processed, and why. `line` is "" for a whole order. `state`: held, counted, already_counted, mended.
quarantine = Table(
    "quarantine",
    metadata,
    _text("tenant"),
    _number("id"),
    _text("store"),
    _text("order"),
    _text("line"),
    _text("reason"),
    _text("hint"),
    Column("raw", LargeBinary, nullable=False),
    _number("since"),
    _text("state"),
    _number("released", 0),
    PrimaryKeyConstraint("tenant", "id"),
)
Index("ix_quarantine_place", quarantine.c.tenant, quarantine.c.store, quarantine.c.order, quarantine.c.line)

# Drift: readings that contradict each other or the book, and what became of it. `state`: open, explained, accepted.
drift = Table(
    "drift", metadata, _text("tenant"), _number("id"), _text("store"), _text("item"), _number("since"),
    _number("units"), _text("reason"), _text("state"), PrimaryKeyConstraint("tenant", "id"),
)  # fmt: skip

# Alerts (`alerts.py`). `subject` is the event that begins it; `details` are JSON; `due` says when it is tried next, `tries`
# how often it may have been sent. `state`: waiting, sent, given_up.
alert = Table(
    "alert", metadata, _text("tenant"), _number("id"), _text("store"), _text("event"), _text("subject"),
    _number("since"), _text("details"), _number("times"), _number("tries"), _number("due"), _text("state"),
    _number("ended"), PrimaryKeyConstraint("tenant", "id"),
)  # fmt: skip
_partial("ix_alert_waiting", alert.c.tenant, alert.c.store, alert.c.subject, where="state = 'waiting'")

# Raw answers, one row per page, zstd-compressed; `orders.place` counts within it.
payload = Table(
    "payload",
    metadata,
    _text("tenant"),
    _number("id"),
    _text("store"),
    _number("taken_at"),
    _text("codec"),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("tenant", "id"),
)
