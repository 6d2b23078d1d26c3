"""Orders on their way to being told whole: no change is lost between a reading and its end."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from syncd.clock import SystemClock
from syncd.core.quantity import Instant
from syncd.ledger import documents
from syncd.ledger.hop import InlineHop
from syncd.ledger.ledger import Ledger, open_ledger

NOW = Instant(1_000)


@pytest.fixture
async def ledger(tmp_path: Path) -> Any:
    opened = open_ledger(tmp_path, clock=SystemClock(), hop=InlineHop())
    yield opened
    await opened.close()


async def due(ledger: Ledger, now: int = 10_000) -> list[documents.DueDocument]:
    rows, _ = await ledger.read(lambda connection: documents.due(connection, "acme", "us", Instant(now), 10))
    return rows


async def make_due(ledger: Ledger, *orders: str, now: int = NOW) -> None:
    await ledger.run(lambda connection: documents.make_due(connection, "acme", "us", orders, Instant(now)))


def made(row: documents.DueDocument, content: str, body: bytes = b"{}") -> Callable[[Connection], None]:
    values = {"waits": 1, "content": content, "body": body}
    return lambda connection: documents.made(connection, "acme", "us", row.order, row.due_at, values)


async def waiting(ledger: Ledger, now: int = 10_000) -> list[documents.WaitingDocument]:
    rows, _ = await ledger.read(lambda connection: documents.waiting(connection, "acme", Instant(now), 10))
    return rows


async def test_an_order_is_due_once_however_often_it_is_named(ledger: Ledger) -> None:
    await make_due(ledger, "1", "2", "1")
    await make_due(ledger, "1", now=2_000)
    assert [row.order for row in await due(ledger)] == ["2", "1"]


@pytest.mark.parametrize("now", [NOW, NOW + 5])
async def test_a_change_while_the_document_is_made_makes_it_due_again(ledger: Ledger, now: int) -> None:
    await make_due(ledger, "1")
    (row,) = await due(ledger)
    await make_due(ledger, "1", now=now)  # also at the very same instant
    await ledger.run(made(row, "a"))
    (again,) = await due(ledger)
    await ledger.run(made(again, "b"))
    assert await due(ledger) == []


async def test_a_document_that_was_put_while_a_newer_one_was_made_goes_on_waiting(ledger: Ledger) -> None:
    await make_due(ledger, "1")
    (row,) = await due(ledger)
    await ledger.run(made(row, "a", b"first"))
    (out,) = await waiting(ledger)
    await make_due(ledger, "1", now=2_000)
    (row,) = await due(ledger)
    await ledger.run(made(row, "b", b"second"))
    await ledger.run(lambda connection: documents.was_put(connection, "acme", out, NOW))
    (newer,) = await waiting(ledger)
    assert (newer.content, newer.body) == ("b", b"second")
    await ledger.run(lambda connection: documents.was_put(connection, "acme", newer, NOW))
    assert await waiting(ledger) == []
    state = await ledger.read(lambda connection: documents.of_order(connection, "acme", "us", "1"))
    assert state is not None
    assert (state.told, state.waits) == ("b", 0)


async def test_a_failure_of_an_older_document_concerns_no_newer_one(ledger: Ledger) -> None:
    await make_due(ledger, "1")
    (row,) = await due(ledger)
    await ledger.run(made(row, "a"))
    (out,) = await waiting(ledger)
    await make_due(ledger, "1", now=2_000)
    (row,) = await due(ledger)
    await ledger.run(made(row, "b"))

    def fail(connection: Connection) -> bool:
        return documents.put_failed(connection, "acme", out, reason="no", retry_at=None)

    assert not await ledger.run(fail)
    assert [entry.content for entry in await waiting(ledger)] == ["b"]


async def test_what_was_put_names_nobody_any_more(ledger: Ledger) -> None:
    await make_due(ledger, "1")
    (row,) = await due(ledger)
    await ledger.run(made(row, "a", b'{"billing": "Jane"}'))
    (out,) = await waiting(ledger)
    await ledger.run(lambda connection: documents.was_put(connection, "acme", out, NOW))

    def bodies(connection: Connection) -> list[bytes]:
        return [body for (body,) in connection.exec_driver_sql("SELECT body FROM document")]

    assert await ledger.read(bodies) == [b""]


async def test_a_refund_makes_its_order_due_once(ledger: Ledger) -> None:
    news = [("7", "1", Instant(500)), ("8", "2", Instant(600))]

    async def take(refunds: list[tuple[str, str, Instant]], forget: int = 0) -> list[str]:
        return await ledger.run(
            lambda connection: documents.take_refunds(
                connection, "acme", "us", refunds, Instant(600), Instant(forget), NOW
            )
        )

    assert await take(news) == ["1", "2"]
    assert await take(news) == []
    assert await take(news[:1], forget=550) == []
    assert await ledger.read(lambda connection: documents.refund_cursor(connection, "acme", "us")) == 600


async def test_an_erp_put_back_from_a_backup_is_told_again(ledger: Ledger) -> None:
    for order, at in (("1", 100), ("2", 5_000)):
        await make_due(ledger, order)
        (row,) = await due(ledger)
        await ledger.run(made(row, order))
        (out,) = await waiting(ledger)
        await ledger.run(partial(documents.was_put, tenant="acme", entry=out, now=Instant(at)))
    count = await ledger.run(
        lambda connection: documents.tell_again(connection, "acme", Instant(1_000), Instant(6_000))
    )
    assert count == 1
    assert [(row.order, row.told) for row in await due(ledger)] == [("2", "")]
