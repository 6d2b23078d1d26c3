"""Raw answers have a bound in days and in bytes; the oldest go first."""

from __future__ import annotations

from syncd.core.quantity import Instant
from syncd.ledger import payloads
from syncd.ledger.connection import ledger_path, read_engine, write_engine
from tests.ledger.entries import opened

PAGE_BYTES = 1_000


async def test_what_is_too_much_goes_oldest_first_and_another_tenants_stays(folder):
    await opened(folder).close()
    engine = write_engine(ledger_path(folder))
    with engine.begin() as connection:
        for number in range(1, 11):
            payloads.keep(connection, "acme", "us", number, Instant(number), b"x" * PAGE_BYTES)
            payloads.keep(connection, "other", "us", number, Instant(number), b"x" * PAGE_BYTES)
    with engine.begin() as connection:
        assert payloads.beyond(connection, "acme", 10 * PAGE_BYTES) == 0
        upto = payloads.beyond(connection, "acme", 4 * PAGE_BYTES + 1)
        assert upto == 6
        assert payloads.purge(connection, "acme", Instant(0), 4, upto=upto) == 4
        assert payloads.purge(connection, "acme", Instant(0), 4, upto=upto) == 2
        assert payloads.purge(connection, "acme", Instant(0), 4, upto=upto) == 0
        assert payloads.beyond(connection, "acme", 4 * PAGE_BYTES) == 0
    engine.dispose()
    reading = read_engine(ledger_path(folder))
    with reading.begin() as connection:
        rows = connection.exec_driver_sql("SELECT tenant, id FROM payload").all()
    reading.dispose()
    assert {number for tenant, number in rows if tenant == "acme"} == {7, 8, 9, 10}
    assert sum(1 for tenant, _ in rows if tenant == "other") == 10
