"""A tenant's lease and the numbers it gives out. Every unit that writes for a tenant asserts its epoch first."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, insert, select, update

from syncd.core.quantity import Instant
from syncd.errors import MisconfiguredError
from syncd.ledger.schema import lease

# Made once: building a statement costs as much as running it, and each unit of work runs these.
_MINE = lease.c.tenant == bindparam("of")
_EPOCH = select(lease.c.epoch).where(_MINE)
_TAKE = {
    name: (
        update(lease).where(_MINE).values({name: lease.c[name] + bindparam("count")}),
        select(lease.c[name]).where(_MINE),
    )
    for name in ("sequence", "reading")
}


def take_lease(connection: Connection, tenant: str, holder: str, now: Instant) -> int:
    """Begin a new epoch for the tenant and return it: whoever held it before can't write any more."""
    row = connection.execute(select(lease.c.epoch).where(lease.c.tenant == tenant)).one_or_none()
    epoch = 1 if row is None else row[0] + 1
    if row is None:
        connection.execute(insert(lease).values(tenant=tenant, epoch=epoch, holder=holder, expires=now))
    else:
        connection.execute(
            update(lease).where(lease.c.tenant == tenant).values(epoch=epoch, holder=holder, expires=now)
        )
    return epoch


def assert_epoch(connection: Connection, tenant: str, epoch: int) -> None:
    """Raise MisconfiguredError unless this epoch is the tenant's current one: another process has taken it over."""
    current = connection.execute(_EPOCH, {"of": tenant}).scalar_one_or_none()
    if current != epoch:
        raise MisconfiguredError(
            f"tenant {tenant} was taken over by another process",
            tenant=tenant,
            operation="ledger",
            hint="run one syncd per state directory",
        )


def take_numbers(connection: Connection, tenant: str, count: int) -> int:
    """Give out `count` sequence numbers; returns the first."""
    return _take(connection, tenant, count, "sequence")


def take_readings(connection: Connection, tenant: str, count: int) -> int:
    """Give out `count` reading numbers (each reading of an order takes one when its request starts); returns the first."""
    return _take(connection, tenant, count, "reading")


def _take(connection: Connection, tenant: str, count: int, name: str) -> int:
    taking, last = _TAKE[name]
    connection.execute(taking, {"of": tenant, "count": count})
    return int(connection.execute(last, {"of": tenant}).scalar_one()) - count + 1
