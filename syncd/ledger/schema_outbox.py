"""The tables of what is told to sinks."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, PrimaryKeyConstraint, Table

from syncd.ledger.columns import flag_column, metadata, number_column, partial_index, text_column

# Events on their way to sinks, a row for each sink that gets one, deleted when it has arrived. `seq` orders those of a stream;
# `data` holds the fields that this sink gets, `personal` (JSON) the personal paths among them, `persons` (JSON) the keys of whom
# it concerns. `due`: when it is tried next; NEVER while an earlier one of its stream waits. `state`: waiting, refused.
outbox = Table(
    "outbox", metadata, text_column("tenant"), text_column("sink"), text_column("id"), number_column("seq"),
    text_column("kind"), text_column("store"), text_column("stream"), text_column("subject"), number_column("at"),
    Column("data", LargeBinary, nullable=False), text_column("personal"), text_column("persons"), number_column("put_at"),
    number_column("due"), flag_column("tries"), flag_column("refusals"), text_column("state"), text_column("reason", ""),
    PrimaryKeyConstraint("tenant", "sink", "id"),
)  # fmt: skip
partial_index(
    "ix_outbox_stream", outbox.c.tenant, outbox.c.sink, outbox.c.stream, outbox.c.seq, where="state = 'waiting'"
)
partial_index("ix_outbox_due", outbox.c.tenant, outbox.c.sink, outbox.c.due, where="state = 'waiting'")
Index("ix_outbox_seq", outbox.c.tenant, outbox.c.sink, outbox.c.state, outbox.c.seq)

# The sinks that have been given something personal: they hear of an erasure, whatever else they hear of.
sink = Table(
    "sink", metadata, text_column("tenant"), text_column("sink"), flag_column("holds"),
    PrimaryKeyConstraint("tenant", "sink"), sqlite_with_rowid=False,
)  # fmt: skip

# With what a tenant's persons are named, so that nobody can tell from a name whose it is.
person_key = Table("person_key", metadata, text_column("tenant"), text_column("secret"), PrimaryKeyConstraint("tenant"))

# What was erased by command, and by whom; nothing of the customer but the keys. `subjects` (JSON): the orders that were found to
# be his; `changed` (JSON): how much of what. `state`: running, done. One that runs when its process ends is gone on with.
erasure = Table(
    "erasure", metadata, text_column("tenant"), number_column("id"), text_column("persons"), number_column("since"),
    number_column("ended", 0), text_column("who"), text_column("subjects"), text_column("changed"), text_column("state"),
    PrimaryKeyConstraint("tenant", "id"),
)  # fmt: skip
