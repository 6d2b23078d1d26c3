"""Orders that are placed in a BigCommerce store: what is sent, and what an answer is taken for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from syncd.core.following import ShopStatus
from syncd.core.placing import Address, PlacedLine, Price, WantedOrder
from syncd.core.quantity import NEVER, Instant, units
from syncd.errors import MisconfiguredError, OutcomeUnknown, RefusedError, StoreFault
from syncd.ports.placing import Placement, Refusal
from syncd.stores.bigcommerce import BigCommerceStore
from syncd.stores.bigcommerce.mapping import OWN_KEY_PREFIX
from syncd.stores.bigcommerce.placing import STATUS_IDS
from syncd.stores.bigcommerce.states import written_out
from syncd.transport import Answer
from tests.stores.bigcommerce_bodies import raw

KEY = "syncd-" + "a" * 26
BILLING = Address("Ada", "Example", state="TX", zip="73301", country="US")
ORDER = WantedOrder("SO1", "us", BILLING, (), status=ShopStatus.AWAITING_PAYMENT)
LINES = (PlacedLine("12/30", "A", "", units(2), Price("011.90", "10")), PlacedLine("12", "B", "", units(1), Price()))


class Script:
    """A client that answers each list with `lists` in turn, and writes with `answered` or by raising it."""

    def __init__(self, *lists: Any, answered: Any = b'{"id": 7}', status: int = 201):
        self.lists, self.answered, self.status = list(lists), answered, status
        self.asked: list[dict[str, str]] = []
        self.sent: list[tuple[str, str, Any]] = []

    async def read(self, path: str, query: Any = (), *, accept: Any = ()) -> Answer:
        self.asked.append(dict(query))
        rows = self.lists.pop(0)
        number = len(self.asked)
        if isinstance(rows, int):
            assert rows in accept
            return Answer(rows, {}, b"[]", Instant(number), Instant(number + 10), f"GET {path}")
        return Answer(
            200 if rows else 204, {}, raw(rows) if rows else b"", Instant(number), Instant(number + 10), "GET"
        )

    async def write(
        self, method: str, path: str, body: bytes, query: Any = (), *, not_after: Instant = NEVER
    ) -> Answer:
        self.sent.append((method, path, msgspec.json.decode(body)))
        if isinstance(self.answered, Exception):
            raise self.answered
        return Answer(self.status, {}, self.answered, Instant(1), Instant(2), f"{method} {path}")


def port_of(client: Script) -> Any:
    return BigCommerceStore(client, store_hash="abc123").placing


def order(number: int, key: str = KEY, **more: Any) -> dict[str, Any]:
    stamp = "Tue, 14 Nov 2023 22:13:20 +0000"
    return {
        "id": number,
        "date_created": stamp,
        "date_modified": stamp,
        "status_id": 1,
        "external_order_id": key,
        **more,
    }


def refused(status: int, body: Any) -> RefusedError:
    return RefusedError("no", status=status, body=msgspec.json.encode(body), operation="POST /v2/orders")


async def test_what_is_left_open_is_left_out() -> None:
    client = Script()
    assert await port_of(client).place(Placement(KEY, ORDER, LINES)) == "7"
    billing = {"first_name": "Ada", "last_name": "Example", "state": "Texas", "zip": "73301", "country_iso2": "US"}
    assert client.sent == [
        (
            "POST",
            "/v2/orders",
            {
                "external_order_id": KEY,
                "external_source": "syncd",
                "status_id": 7,
                "customer_id": 0,
                "billing_address": billing,
                "products": [
                    {"quantity": 2, "price_inc_tax": 11.9, "price_ex_tax": 10, "product_id": 12, "variant_id": 30},
                    {"quantity": 1, "product_id": 12},
                ],
            },
        )
    ]


def test_our_keys_are_those_that_orders_are_known_by() -> None:
    assert KEY.startswith(OWN_KEY_PREFIX)
    assert set(STATUS_IDS) == set(ShopStatus)
    assert sorted(STATUS_IDS.values()) == list(range(15))


@pytest.mark.parametrize("status", [200, 201])
async def test_either_answer_to_a_post_names_the_order(status: int) -> None:
    assert await port_of(Script(status=status)).place(Placement(KEY, ORDER, LINES)) == "7"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b'{"id": "x"}'])
async def test_an_answer_without_an_order_is_an_unknown_outcome(body: bytes) -> None:
    with pytest.raises(OutcomeUnknown):
        await port_of(Script(answered=body)).place(Placement(KEY, ORDER, LINES))


async def test_an_order_is_looked_for_by_its_key_archived_or_not() -> None:
    client = Script([order(1)], [order(1), order(2, is_deleted=True, status_id=99)])
    found = await port_of(client).find(KEY)
    assert [(one.order, one.status, one.archived) for one in found.orders] == [
        ("1", ShopStatus.PENDING, False),
        ("2", None, True),
    ]
    assert (found.began, found.ended) == (1, 12)
    assert [asked["external_order_id"] for asked in client.asked] == [KEY, KEY]
    assert [asked.get("is_deleted") for asked in client.asked] == [None, "true"]


async def test_a_shop_that_does_not_know_the_filter_of_archived_orders_may_say_so() -> None:
    assert (await port_of(Script([], 400)).find(KEY)).orders == ()


@pytest.mark.parametrize("other", ["", "syncd-other"])
async def test_a_list_of_other_orders_proves_nothing(other: str) -> None:
    """A filter that isn't honoured gives all orders."""
    with pytest.raises(StoreFault):
        await port_of(Script([order(1), order(2, other)])).find(KEY)


@pytest.mark.parametrize(
    ("status", "body", "kinds"),
    [
        (400, [{"status": 400, "message": "The field 'zip' is invalid."}], ["bad_field"]),
        (400, [{"status": 400, "message": "The options of one or more products are invalid."}], ["bad_options"]),
        (409, [{"status": 409, "message": "no"}], ["refused"]),
        (409, {"title": "no"}, ["refused"]),
        (422, "nothing", ["refused"]),
        (
            400,
            [
                {
                    "message": "The options ...",
                    "details": {"errors": [{"type": "InvalidProductOption", "product": {"sku": "A"}}]},
                }
            ],
            ["bad_options"],
        ),
        (409, [{"message": "m", "details": {"errors": [{"type": "New", "product": None}, "x"]}}], ["refused"]),
    ],
)
async def test_what_the_shop_says_no_to_is_a_refusal(status: int, body: Any, kinds: list[str]) -> None:
    answer = await port_of(Script(answered=refused(status, body))).place(Placement(KEY, ORDER, LINES))
    assert isinstance(answer, Refusal)
    assert [flaw.kind for flaw in answer.flaws] == kinds


@pytest.mark.parametrize("number", [5, "5", "5.0", 5.0])
async def test_a_level_is_read_wherever_it_stands(number: Any) -> None:
    product = {"name": "Tea", "sku": {"sku": "A", "inventory_level": number}}
    body = [{"message": "m", "details": {"errors": [{"type": "OutOfStock", "product": product}]}}]
    answer = await port_of(Script(answered=refused(409, body))).place(Placement(KEY, ORDER, LINES))
    assert [(flaw.sku, flaw.level) for flaw in answer.flaws] == [("A", units(5))]


@pytest.mark.parametrize(("status", "error"), [(423, StoreFault), (404, MisconfiguredError), (405, MisconfiguredError)])
async def test_what_is_about_no_single_order_is_no_refusal(status: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        await port_of(Script(answered=refused(status, []))).place(Placement(KEY, ORDER, LINES))


async def test_a_status_is_written_alone() -> None:
    client = Script()
    await port_of(client).set_status("7", ShopStatus.COMPLETED)
    assert client.sent == [("PUT", "/v2/orders/7", {"status_id": 10})]


@pytest.mark.parametrize(
    ("state", "country", "written"),
    [
        ("TX", "US", "Texas"),
        ("tx", "US", "Texas"),
        ("D.C.", "US", "D.C."),
        ("DC", "US", "District of Columbia"),
        ("NT", "CA", "Northwest Territories"),
        ("NT", "AU", "Northern Territory"),
        ("Texas", "US", "Texas"),
        ("BY", "DE", "BY"),
        ("", "US", ""),
    ],
)
def test_states_are_written_out_where_that_is_sure(state: str, country: str, written: str) -> None:
    assert written_out(state, country) == written
