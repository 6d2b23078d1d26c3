"""What every sink must do, as tests. Subclass `SinkContract` and give it two fixtures:

class TestMySink(SinkContract):
    @pytest.fixture
    async def port(self): ...          # the adapter (`syncd.ports.sink.Sink`)
    @pytest.fixture
    async def driver(self, port): ...  # a `SinkDriver`: the other side
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec
import pytest

from syncd.core.erasure import Whom
from syncd.core.quantity import Instant
from syncd.errors import TransientError
from syncd.ports.sink import Delivery, Sink

NOON = Instant(1_795_000_000_000_000)


class SinkDriver(Protocol):
    """The other side of a sink."""

    async def taken(self) -> list[dict[str, Any]]:
        """What has arrived, oldest first: of each event at least its `id`, its `data` and its `sequence` (a number, or a text)."""

    async def fail(self, *, failing: bool) -> None:
        """Let nothing arrive from now on, or let it arrive again."""


def an_event(name: str, seq: int = 1, stream: str = "us/1001", email: str = "ada@example.test") -> Delivery:
    """An event with something personal."""
    data = msgspec.json.encode({"id": stream, "n": name, "email": email})
    subject = f"orders/{stream.rpartition('/')[2]}"
    return Delivery(
        "acme", name, seq, "order.changed", "us", stream, subject, NOON, data, ("email",), (f"key-of-{email}",)
    )


class SinkContract:
    """The promises of `syncd.ports.sink`, one test each."""

    async def test_what_is_delivered_has_arrived(self, port: Sink, driver: SinkDriver) -> None:
        """When `deliver` returns, the event is on the other side, with its data."""
        await port.open()
        await port.deliver([an_event("e1")])
        (found,) = await driver.taken()
        assert (found["id"], found["data"]["n"], found["data"]["email"]) == ("e1", "e1", "ada@example.test")

    async def test_a_batch_arrives_whole_and_in_order(self, port: Sink, driver: SinkDriver) -> None:
        """As large as the sink takes them."""
        await port.open()
        for start in range(0, 6, port.traits.batch_events_max):
            batch = [an_event(f"e{k}", k) for k in range(start, min(6, start + port.traits.batch_events_max))]
            await port.deliver(batch)
        found = await driver.taken()
        assert [each["id"] for each in found] == [f"e{k}" for k in range(6)]
        assert sorted(found, key=lambda each: each["sequence"]) == found

    async def test_an_event_that_comes_again_has_the_same_id(self, port: Sink, driver: SinkDriver) -> None:
        """Whether the other side keeps it once or twice is its own affair."""
        await port.open()
        await port.deliver([an_event("e1")])
        await port.deliver([an_event("e1")])
        assert {each["id"] for each in await driver.taken()} == {"e1"}

    async def test_what_does_not_arrive_is_told_and_arrives_later(self, port: Sink, driver: SinkDriver) -> None:
        """A failure is one of `syncd.errors`; nothing stands in the way of the next try."""
        await port.open()
        await driver.fail(failing=True)
        with pytest.raises(TransientError):
            await port.deliver([an_event("e1")])
        await driver.fail(failing=False)
        await port.deliver([an_event("e1")])
        assert "e1" in {each["id"] for each in await driver.taken()}

    async def test_to_open_it_again_changes_nothing(self, port: Sink, driver: SinkDriver) -> None:
        """As each start does."""
        await port.open()
        await port.deliver([an_event("e1")])
        assert await port.open() == 0
        assert [each["id"] for each in await driver.taken()] == ["e1"]

    async def test_an_erasure_takes_what_is_personal_of_that_person_and_nothing_else(
        self, port: Sink, driver: SinkDriver
    ) -> None:
        """Of what the sink keeps itself: a sink that keeps nothing says so."""
        await port.open()
        bob = "bob@example.test"
        for event in (an_event("e1"), an_event("e2", 2, "us/1002", bob), an_event("e3", 3, "us/1003")):
            await port.deliver([event])
        ada = "ada@example.test"
        whom = Whom(ada, frozenset(), frozenset([f"key-of-{ada}"]), frozenset([("us", "orders/1003")]))
        plan = await port.erase(whom, only_look=True)
        assert plan.events in {0, 2}
        assert "ada@example.test" in str(await driver.taken()), "it was a look"
        assert await port.erase(whom) == plan
        assert (await port.erase(whom)).events == 0
        found = {each["id"]: each["data"] for each in await driver.taken()}
        assert found["e2"]["email"] == bob
        assert (found["e1"]["n"], found["e3"]["n"]) == ("e1", "e3")
        if plan.events:
            assert "ada@example.test" not in str(found)
