"""What an operator has paused: a store, or a whole tenant. It stays so until somebody resumes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from sqlalchemy import Connection, select, update

from syncd.core.quantity import Instant
from syncd.ledger.schema import lease, store

NOT, ALL, WRITES = 0, 1, 2  # as the columns `paused` hold them
SCOPES: Final[Mapping[int, str]] = {ALL: "all", WRITES: "writes"}
WHOLE: Final = ""  # in place of a store's name: the tenant


class Pause(msgspec.Struct, frozen=True):
    """What is held back (ALL or WRITES), since when, and why, in an operator's words."""

    scope: int
    since: Instant
    reason: str

    @property
    def shown(self) -> str:
        """`all` or `writes`."""
        return SCOPES[self.scope]


def read_pauses(connection: Connection, tenant: str) -> dict[str, Pause]:
    """The tenant's pauses by store; its own under WHOLE."""
    stores = select(store.c.store, store.c.paused, store.c.paused_at, store.c.paused_reason)
    own = select(lease.c.paused, lease.c.paused_at, lease.c.paused_reason)
    rows = [tuple(row) for row in connection.execute(stores.where(store.c.tenant == tenant, store.c.paused != NOT))]
    rows += [(WHOLE, *row) for row in connection.execute(own.where(lease.c.tenant == tenant, lease.c.paused != NOT))]
    return {name: Pause(scope, Instant(since), reason) for name, scope, since, reason in rows}


def write_pause(connection: Connection, tenant: str, name: str, pause: Pause | None) -> bool:
    """Pause (or, with None, resume) a store, or under WHOLE the tenant. Returns False where the ledger has no such row: a store
    before its first contact."""
    values = {
        "paused": pause.scope if pause else NOT,
        "paused_at": pause.since if pause else 0,
        "paused_reason": pause.reason if pause else "",
    }
    change = (
        update(lease).where(lease.c.tenant == tenant)
        if name == WHOLE
        else update(store).where(store.c.tenant == tenant, store.c.store == name)
    )
    return connection.execute(change.values(**values)).rowcount == 1


def pause_of(pauses: Mapping[str, Pause], name: str) -> Pause | None:
    """What holds for a store: the stronger of its own pause and its tenant's."""
    both = [pause for pause in (pauses.get(WHOLE), pauses.get(name)) if pause is not None]
    return min(both, key=lambda pause: pause.scope, default=None)
