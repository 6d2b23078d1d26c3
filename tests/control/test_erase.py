"""A customer's data is erased by command: nothing of it is left in the state directory, and the numbers that were counted stay."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import msgspec
import pytest
from sqlalchemy import select

from syncd.control import erase as erase_module
from syncd.control.failure import CommandFailed
from syncd.control.server import _for_log
from syncd.core.cart import Cart, CartState, KnownCart
from syncd.core.document import Customer, OrderDocument
from syncd.core.document_place import Address
from syncd.core.quantity import Instant
from syncd.erps.embedded.documents import document
from syncd.errors import StoreFault
from syncd.ledger import carts, deliveries, documents, erasure, payloads, quarantine
from syncd.ledger.outbox import Event
from syncd.ledger.schema_outbox import erasure as table
from tests.control.bench import TENANT, Bench, open_bench, order

ADA, BOB = "Ada.Lovelace+shop@example.test", "bob@example.test"
SINKS = """
[sinks.lake]
kind = "ndjson"
events = ["order.changed"]
personal = true
[sinks.counts]
kind = "ndjson"
events = ["order.changed"]
"""


def raw_order(number: int, email: str, customer: int, **more: Any) -> dict[str, Any]:
    return {
        "id": number, "customer_id": customer, "total": "12.00", "billing_address": {"email": email, "street_1": f"{email} road"},
        **more,
    }  # fmt: skip


def pages() -> list[list[dict[str, Any]]]:
    """What the store sent: Ada's orders under her number and as a guest, and others' among them."""
    return [
        [raw_order(1, ADA, 7), raw_order(2, BOB, 8), raw_order(3, ADA.lower(), 0)],
        [
            raw_order(4, "x" + ADA, 9),
            raw_order(5, "ada@new.example", 7, customer_message=f"write to {ADA.upper()}, please"),
        ],
        [raw_order(6, BOB, 8)],
    ]


def happened(bench: Bench, number: int, email: str, customer: int) -> Event:
    document = {"id": str(number), "total": "12.00", "customer": {"email": email, "name": f"Name of {email}"}}
    persons = bench.work.context.outbox.persons(email=email, store="us", customer=str(customer))
    return Event(
        f"e{number}", "order.changed", "us", f"us/{number}", f"orders/{number}", Instant(1_795_000_000_000_000),
        json.dumps(document).encode(), ("customer",), persons,
    )  # fmt: skip


@asynccontextmanager
async def a_life(folder: Path) -> Any:
    """Orders of Ada and Bob in raw answers, quarantine, files of sinks, and waiting for sinks."""
    async with open_bench(folder, TENANT + SINKS) as bench:
        await bench.stock(BOLT=10)
        await bench.open_store("us", BOLT=10)
        await bench.take("us", order("1", {"BOLT": 2}), order("2", {"BOLT": 1}))

        def unit(connection: Any) -> None:
            now = bench.clock.now()
            for number, page in enumerate(pages(), 1_000):
                payloads.keep(connection, "acme", "us", number, now, payloads.compress(msgspec.json.encode(page)))
            for number, email in ((1, ADA), (2, BOB)):
                quarantine.hold(
                    connection, "acme", "us", str(number), "", reason=f"{email} is no SKU", hint="", now=now,
                    raw=msgspec.json.encode(raw_order(number, email, 0)),
                )  # fmt: skip

        await bench.ledger.run(unit)
        await bench.ledger.run(keep_documents)
        await bench.ledger.run(keep_carts)
        await put(bench, happened(bench, 1, ADA, 7), happened(bench, 2, BOB, 8))
        for step in bench.work.sinks:
            await step.run()
        await put(bench, happened(bench, 3, ADA, 0), happened(bench, 6, BOB, 8))
        yield bench


def keep_documents(connection: Any) -> None:
    """Of each, one that waits for the ERP."""
    for number, email in ((1, ADA), (2, BOB)):
        whole = OrderDocument(
            f"acme-us-{number}", "us", str(number), "paid", "", customer=Customer("8" if email == BOB else "7"),
            billing=Address(first_name="A. Lovelace", email=email),
        )  # fmt: skip
        documents.make_due(connection, "acme", "us", [str(number)], Instant(1))
        body = {"body": msgspec.json.encode(whole), "content": "digest", "waits": 1}
        documents.change(connection, "acme", "us", str(number), body)


def keep_carts(connection: Any) -> None:
    """Ada's by her number, Ada's by her e-mail, and Bob's."""
    for name, number, email in (("c-1", "7", ""), ("c-2", "", ADA), ("c-3", "8", BOB)):
        content = Cart(name, 1, Instant(1), Instant(2), "EUR", (), customer=number, email=email)
        known = KnownCart(CartState.OPEN, content)
        carts.write_cart(
            connection, "acme", "us", name, known, began=Instant(1), look=None, now=Instant(2), ended=Instant(0)
        )


async def put(bench: Bench, *some: Event) -> None:
    now = bench.clock.now()
    await bench.ledger.run(lambda c: bench.work.context.outbox.put(c, some, now))


async def erase(bench: Bench, **more: Any) -> Any:
    return await bench.call(
        "erase", **{"tenant": "acme", "email": ADA, "customers": ["us/7"], "only_look": False} | more
    )


def state_bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def places_of_ada(folder: Path) -> list[str]:
    """The files in which her e-mail stands, whatever its case; not where it is a part of another's."""
    found = []
    for name, content in state_bytes(folder).items():
        if ADA.lower().encode() in content.lower().replace(b"x" + ADA.lower().encode(), b""):
            found.append(name)
    return found


def packed_pieces() -> list[bytes]:
    """Pieces of the compressed pages with Ada in them, as they lay in the ledger."""
    found = []
    for page in pages()[:2]:
        packed = payloads.compress(msgspec.json.encode(page))
        found += [packed[k : k + 24] for k in range(16, len(packed) - 24, 24)]
    return found


async def test_what_there_is_is_shown_first_and_nothing_is_changed(tmp_path):
    async with a_life(tmp_path) as bench:
        before = await bench.ledger.read(lambda c: payloads.read(c, "acme", 1_000))
        told = await erase(bench, only_look=True)
        assert told == {
            "tenant": "acme", "done": False, "orders": 5,
            "changed": {"raw_orders": 3, "waiting_documents": 1, "carts": 2, "orders_of_the_erp": 0, "quarantine": 1, "waiting_events": 2, "stock_book": 0},
            "on_the_way": [],
            "sinks": [
                {"sink": "lake", "events": 1, "files": 1, "trouble": None},
                {"sink": "counts", "events": 0, "files": 0, "trouble": None},
            ],
        }  # fmt: skip
        assert await bench.ledger.read(lambda c: payloads.read(c, "acme", 1_000)) == before
        assert await bench.ledger.read(lambda c: c.execute(select(table)).all()) == []


async def test_nothing_of_it_is_left_in_the_state_directory(tmp_path):
    async with a_life(tmp_path) as bench:
        state = tmp_path / "state"
        assert {"ledger.sqlite3-wal", "sinks/acme/lake/all"} <= {
            name if name.startswith("ledger") else name.rpartition("/")[0] for name in places_of_ada(state)
        }, "it is there before"
        content = b"".join(state_bytes(state).values())
        assert all(piece in content for piece in packed_pieces())
        told = await erase(bench)
        assert told["done"]
        assert told["tidied"]
        assert places_of_ada(state) == []
        content = b"".join(state_bytes(state).values())
        assert not [piece for piece in packed_pieces() if piece in content]
    assert places_of_ada(tmp_path / "state") == []


async def test_what_is_anybody_elses_and_what_was_counted_stays(tmp_path):
    async with a_life(tmp_path) as bench:
        await erase(bench)

        def look(connection: Any) -> Any:
            kept = [json.loads(payloads.read(connection, "acme", number) or b"") for number in (1_000, 1_001, 1_002)]
            held = [quarantine.of_order(connection, "acme", "us", number)[-1] for number in ("1", "2")]
            return kept, held

        kept, held = await bench.ledger.read(look)
        gone = {"erased": "by command"}
        assert kept[0] == [{"id": 1, **gone}, pages()[0][1], {"id": 3, **gone}]
        assert kept[1] == [pages()[1][0], {"id": 5, **gone}]
        assert kept[2] == pages()[2]
        assert [(each.raw != b"", each.state) for each in held] == [(False, "held"), (True, "held")]
        story = await bench.call("explain.order", tenant="acme", store="us", order="1")
        assert [line["commitment"] for line in story["lines"]] == ["2"]
        assert await bench.ledger.read(lambda c: payloads.order_in(c, "acme", 1_000, 0, "1"))


async def test_a_document_reaches_the_erp_without_it(tmp_path):
    async with a_life(tmp_path) as bench:
        await erase(bench)
        rows, _ = await bench.ledger.read(lambda c: documents.waiting(c, "acme", bench.clock.now(), 10))
        left = {row.order: msgspec.json.decode(row.body, type=OrderDocument) for row in rows}
        assert (left["1"].billing, left["1"].customer, left["1"].phase) == (Address(), Customer(), "paid")
        assert (left["2"].billing.email, left["2"].customer.id) == (BOB, "8")


async def test_a_cart_stays_without_whose_it_is(tmp_path):
    async with a_life(tmp_path) as bench:
        await erase(bench)
        rows = await bench.ledger.read(lambda c: carts.read_carts(c, "acme", "us", ["c-1", "c-2", "c-3"]))
        left = {name: row.known.content for name, row in rows.items()}
        assert [(left[name].customer, left[name].email) for name in sorted(left)] == [("", ""), ("", ""), ("8", BOB)]
        assert {content.currency for content in left.values()} == {"EUR"}


async def test_sinks_are_told_with_keys_and_orders_and_nothing_personal(tmp_path):
    async with a_life(tmp_path) as bench:
        told = await erase(bench)
        assert told["sinks_told"] == 1, "the other has nothing personal, and didn't ask"
        waiting = await bench.ledger.read(lambda c: deliveries.first(c, "acme", "lake", 10))
        [row] = [row for row in waiting if row.kind == "customer.erased"]
        outbox = bench.work.context.outbox
        keys = {*outbox.persons(email=ADA), *outbox.persons(store="us", customer="7")}
        data = json.loads(row.data)
        assert set(data["persons"]) == keys == set(json.loads(row.persons))
        theirs = ["carts/c-1", "carts/c-2", "orders/1", "orders/3", "orders/5"]
        assert data["subjects"] == [{"store": "us", "subject": name} for name in theirs]
        assert row.due > bench.clock.now(), "after what was on its way"
        step = next(each for each in bench.work.sinks if each.name == "lake")
        sent = step.delivery(row)
        assert set(sent.persons) == keys
        assert json.loads(sent.data) == data


async def test_what_waited_for_a_sink_arrives_without_it(tmp_path):
    async with a_life(tmp_path) as bench:
        await erase(bench)
        for step in bench.work.sinks:
            await step.run()
        [path] = (tmp_path / "state/sinks/acme/lake/all").glob("*")
        lines = {line["id"]: line for line in map(json.loads, path.read_text().splitlines())}
        assert lines["e3"]["data"] == {"id": "3", "total": "12.00"}
        assert "persons" not in lines["e3"]
        assert lines["e1"]["data"] == {"id": "1", "total": "12.00"}
        assert lines["e6"]["data"]["customer"]["email"] == BOB


async def test_it_is_recorded_with_who_and_when_and_without_the_customer(tmp_path):
    async with a_life(tmp_path) as bench:
        told = await erase(bench, who="carol (sudo: dave)")
        [row] = await bench.ledger.read(lambda c: c.execute(select(table)).all())
        assert (row.id, row.who, row.state) == (told["id"], "carol (sudo: dave)", "done")
        assert row.ended >= row.since > 0
        assert json.loads(row.changed) == {
            "raw_orders": 3, "waiting_documents": 1, "carts": 2, "quarantine": 1, "waiting_events": 2, "stock_book": 0, "sinks/lake": 1, "sinks/counts": 0,
        }  # fmt: skip
        assert "ada" not in str(row).lower()
        assert "ada" not in bench.log.getvalue().lower()
        assert "erasure.done" in bench.log.getvalue()


async def test_to_give_the_command_again_changes_nothing(tmp_path):
    async with a_life(tmp_path) as bench:
        await erase(bench)
        told = await erase(bench)
        assert set(told["changed"].values()) == {0}


@pytest.mark.parametrize("parts", range(7))
async def test_a_kill_after_any_part_is_made_good_by_the_same_command(tmp_path, monkeypatch, parts):
    async with a_life(tmp_path) as bench:
        left = parts
        take_part = erasure.take_part

        def killed(*given: Any, **named: Any) -> Any:
            nonlocal left
            if not left:
                raise KeyError("kill -9")
            left -= 1
            return take_part(*given, **named)

        with monkeypatch.context() as patched:
            patched.setattr(erasure, "take_part", killed)
            if parts == 6:
                patched.setattr(erase_module, "_sinks", killed)
            with pytest.raises(KeyError):
                await erase(bench)
        assert await bench.ledger.read(lambda c: erasure.unfinished(c, "acme")) == 1
        told = await erase(bench)
        assert told["orders"] == 5, "also those that can't be found any more"
        assert places_of_ada(tmp_path / "state") == []
        assert await bench.ledger.read(lambda c: erasure.unfinished(c, "acme")) == 0


async def test_a_sink_that_fails_leaves_it_unfinished(tmp_path):
    async with a_life(tmp_path) as bench:

        async def fails(*_given: Any, **_named: Any) -> Any:
            raise StoreFault("the disk is full")

        step = bench.work.sinks[0]
        port, step.port = step.port, type("Full", (), {"erase": fails, "traits": step.port.traits})()
        with pytest.raises(CommandFailed, match="the disk is full"):
            await erase(bench)
        step.port = port
        assert (await erase(bench))["done"]
        assert places_of_ada(tmp_path / "state") == []


async def test_what_was_read_before_and_is_written_meanwhile_is_erased_too(tmp_path):
    async with a_life(tmp_path) as bench:
        step = bench.work.sinks[0]
        begun, go_on, deliver = anyio.Event(), anyio.Event(), step.port.deliver

        async def slow(some: Any) -> None:
            begun.set()
            await go_on.wait()
            await deliver(some)

        step.port.deliver = slow
        async with anyio.create_task_group() as group:
            group.start_soon(step.run)
            await begun.wait()
            group.start_soon(erase, bench)
            while "waiting_events" not in [told["what"] for told in bench.told]:
                await anyio.lowlevel.checkpoint()
            for _ in range(100):  # time enough to erase the file, if nothing holds that up
                await anyio.lowlevel.checkpoint()
            go_on.set()
        [path] = (tmp_path / "state/sinks/acme/lake/all").glob("*")
        assert {json.loads(line)["id"] for line in path.read_text().splitlines()} >= {"e1", "e3"}
        assert places_of_ada(tmp_path / "state") == []


@pytest.mark.parametrize(
    ("more", "hint"),
    [
        ({"email": "", "customers": []}, "whom"),
        ({"email": "no address"}, "no e-mail"),
        ({"customers": ["fr/7"]}, "no customer"),
        ({"customers": ["us/"]}, "no customer"),
        ({"customers": ["us/0"]}, "no customer"),
    ],
)
async def test_a_mistake_names_nobody(tmp_path, more, hint):
    async with open_bench(tmp_path) as bench:
        with pytest.raises(CommandFailed, match=hint) as raised:
            await erase(bench, **more)
        assert "ada" not in str(raised.value).lower()


def test_the_log_of_commands_names_nobody():
    told = _for_log("erase", {"tenant": "acme", "email": ADA, "customers": ["us/7"], "only_look": True})
    assert told == {"tenant": "acme", "email": "(not shown)", "customers": "(not shown)", "only_look": True}


async def test_the_ledger_can_be_written_anew_beside_the_daemon(tmp_path):
    async with a_life(tmp_path) as bench:
        told = await erase(bench, compact=True)
        assert told["tidied"]
        assert (tmp_path / "state/ledger.sqlite3-wal").stat().st_size == 0


async def test_an_erps_words_about_a_document_lose_the_email(tmp_path):
    async with a_life(tmp_path) as bench:

        def refused(connection: Any) -> None:
            said = {
                "put_reason": f"the ERP refuses it: {ADA} is no e-mail",
                "reason": "not placed yet",
                "body": b"",
                "waits": 0,
            }
            documents.change(connection, "acme", "us", "1", said)

        await bench.ledger.run(refused)
        told = await erase(bench)
        assert told["changed"]["waiting_documents"] == 1
        state = await bench.ledger.read(lambda c: documents.of_order(c, "acme", "us", "1"))
        assert (state.put_reason, state.reason) == ("", "not placed yet")
        assert places_of_ada(tmp_path / "state") == []


async def test_documents_in_the_stock_book_lose_it_and_stay(tmp_path):
    async with a_life(tmp_path) as bench:
        erp = bench.work.context.erp
        bobs = [(number, BOB) for number in range(100, 160)]  # more than are looked at in one call
        for number, email in [*bobs, (70, ADA), (71, "")]:
            billing = Address(first_name="A. Lovelace", street_1="12 St James", email=email)
            customer = Customer("8" if email == BOB else "7")
            await erp.put_order(
                OrderDocument(f"acme-us-{number}", "us", str(number), "paid", "", customer=customer, billing=billing)
            )
        assert "erp/acme.sqlite3" in {name.removesuffix("-wal") for name in places_of_ada(tmp_path / "state")}, (
            "it is there before"
        )
        told = await erase(bench)
        assert (told["changed"]["stock_book"], told["tidied"]) == (2, True)
        assert places_of_ada(tmp_path / "state") == []
        left = [document(erp._book, f"acme-us-{number}") for number in (105, 70, 71)]
        assert [each.billing.first_name for each in left] == ["A. Lovelace", "", ""]
        assert [each.phase for each in left] == ["paid"] * 3
