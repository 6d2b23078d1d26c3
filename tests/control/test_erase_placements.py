"""An order of the ERP's on its way into a shop keeps the customer's address until it has ended, and an erasure says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from syncd.control.failure import CommandFailed
from syncd.core.following import ShopStatus
from syncd.core.placing import Address, WantedLine, WantedOrder
from syncd.core.quantity import UNIT, Quantity
from syncd.ledger import erasure, placing
from syncd.ledger.placing import REFUSED, Told
from syncd.ports.placing import OrderOutcome, Result
from tests.control.bench import Bench, open_bench

ADA, BOB = "ada@example.test", "bob@example.test"


def wanted(key: str, email: str, customer: str = "") -> WantedOrder:
    home = Address(first_name="A.", last_name="Lovelace", street_1="12 St James", zip="1", country="GB", email=email)
    return WantedOrder(key, "us", home, (WantedLine(Quantity(UNIT), "BOLT"),), customer=customer)


async def take(bench: Bench, *orders: WantedOrder) -> None:
    told = [Told(each, 1, ShopStatus.PENDING) for each in orders]
    now = bench.clock.now()
    await bench.ledger.run(lambda c: placing.take_wishes(c, "acme", told, "1", begin=["us"], epoch=1, now=now))


async def end(bench: Bench, key: str, reason: str = "") -> None:
    def unit(connection: Any) -> None:
        row = placing.read_placement(connection, "acme", key)
        assert row is not None
        outcome = OrderOutcome(key, "us", 1, Result.REFUSED, "", "", reason)
        placing.conclude(connection, "acme", row, outcome, state=REFUSED, reason=reason)

    await bench.ledger.run(unit)


async def erase(bench: Bench, **more: Any) -> Any:
    return await bench.call("erase", **{"tenant": "acme", "email": ADA, "only_look": False} | more)


def is_on_disk(folder: Path, email: str) -> bool:
    return any(email.encode() in path.read_bytes() for path in (folder / "state").rglob("*") if path.is_file())


async def test_one_on_its_way_is_told_and_leaves_the_erasure_unfinished(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        await take(bench, wanted("W-1", ADA.upper()), wanted("W-2", BOB), wanted("W-3", "", customer="7"))
        looked = await erase(bench, customers=["us/7"], only_look=True)
        assert looked["on_the_way"] == [{"store": "us", "key": "W-1"}, {"store": "us", "key": "W-3"}]
        with pytest.raises(CommandFailed, match=r"not all is erased.* us/W-1, us/W-3") as raised:
            await erase(bench, customers=["us/7"])
        assert "cancel them in the ERP" in raised.value.hint
        assert "ada" not in str(raised.value).lower()
        row = await bench.ledger.read(lambda c: placing.read_placement(c, "acme", "W-1"))
        assert row is not None
        assert row.order == wanted("W-1", ADA.upper()), "what is to be sent is whole"
        assert await bench.ledger.read(lambda c: erasure.unfinished(c, "acme")) == 1


async def test_once_it_has_ended_the_same_command_ends_the_erasure(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        await take(bench, wanted("W-1", ADA), wanted("W-2", BOB))
        with pytest.raises(CommandFailed):
            await erase(bench)
        await end(bench, "W-1")
        told = await erase(bench)
        assert told["done"]
        assert told["on_the_way"] == []
        assert not is_on_disk(tmp_path, ADA)
        assert is_on_disk(tmp_path, BOB)
        assert await bench.ledger.read(lambda c: erasure.unfinished(c, "acme")) == 0


async def test_of_one_that_has_ended_nothing_is_kept_whoever_left_it(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        await take(bench, wanted("W-1", ADA), wanted("W-2", ADA), wanted("W-3", BOB))
        await end(bench, "W-1", reason=f"the shop says: {ADA} is blocked")
        await end(bench, "W-3", reason="no such SKU")

        def as_left_by_hand(connection: Any) -> None:
            row = placing.read_placement(connection, "acme", "W-2")
            assert row is not None
            placing.change(connection, "acme", row, state=REFUSED)

        await bench.ledger.run(as_left_by_hand)
        told = await erase(bench)
        assert told["changed"]["orders_of_the_erp"] == 2
        assert not is_on_disk(tmp_path, ADA)

        def left(connection: Any) -> list[placing.PlacementRow]:
            rows = [placing.read_placement(connection, "acme", key) for key in ("W-1", "W-2", "W-3")]
            return [row for row in rows if row is not None]

        rows = await bench.ledger.read(left)
        assert [row.order.lines[0].sku for row in rows] == ["BOLT"] * 3, "what it was of stays"
        assert [row.outcome.reason for row in rows if row.result] == ["", "no such SKU"]
