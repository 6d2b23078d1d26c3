"""Raw answers have a bound in days and in bytes; the oldest go first."""

from __future__ import annotations

from syncd.core.quantity import Instant
from syncd.ledger import migrate, payloads
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


def test_one_order_of_a_page_is_found_by_its_place_and_only_if_it_is_that_one(folder):
    engine = write_engine(ledger_path(folder))
    migrate.upgrade(engine)
    page = b'[{"id": 7, "total": 1.50}, {"id": "8"}, {"number": 9}]'
    with engine.begin() as connection:
        for number, body in enumerate((page, b"no json", b'{"id": 7}', b"\xff"), 1):
            payloads.keep(connection, "acme", "us", number, Instant(number), payloads.compress(body))

        def order(number: int, place: int, name: str) -> bytes:
            return payloads.order_in(connection, "acme", number, place, name)

        assert order(1, 0, "7") == b'{"id": 7, "total": 1.50}', "byte for byte"
        assert order(1, 1, "8") == b'{"id": "8"}'
        assert [order(1, 0, "8"), order(1, 2, "9"), order(1, 9, "7")] == [b""] * 3
        assert [order(number, 0, "7") for number in (2, 3, 4, 5)] == [b""] * 4
    engine.dispose()
