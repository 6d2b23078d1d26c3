"""What syncd asks of BigCommerce, and what the simulated shop answers, is held against the vendor's OpenAPI documents.

The judge sits in `open_world` (here and of tests/reconcile) and in the bench of the shop's own tests: whatever is added there
is judged too. These tests show that it would notice.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.simulator.bigcommerce_judge import FOLDER, Exchange, complaints, the_judge
from tests.stores.bigcommerce_world import World, open_world

SHIP = {"order_address_id": 100, "items": [{"order_product_id": 1, "quantity": 1}]}
ADJUST = {"items": [{"location_id": 1, "sku": "A", "quantity": 2}]}


@pytest.fixture(autouse=True)
def documents() -> None:
    if the_judge() is None:
        pytest.skip(
            f"nothing that passes between syncd and BigCommerce was judged, the documents are not here: {FOLDER}"
        )


def told(method: str, path: str, query: dict[str, str] | None = None, body: Any = None, **more: Any) -> list[str]:
    raw = b"" if body is None else msgspec.json.encode(body)
    exchange = Exchange(
        method, path, [*(query or {}).items()], raw, **{"status": 0, "answer": None, "content_type": "", **more}
    )
    return [line.partition(": ")[2] for line in complaints([exchange])]


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        (
            "GET",
            "/v2/orders",
            {"sort": "date_modified:asc", "limit": "250", "include": "consignments.line_items,fees"},
            None,
        ),
        ("GET", "/v2/orders/7", {"consignment_structure": "object"}, None),
        ("GET", "/v3/inventory/locations/1/items", {"sku:in": "A,B", "product_id:in": "1,2"}, None),
        ("POST", "/v2/orders/7/shipments", None, {**SHIP, "comments": "syncd-1"}),
        ("POST", "/v3/inventory/adjustments/relative", None, ADJUST),
        ("PUT", "/v2/orders/7", None, {"status_id": 11, "discount_amount": 1, "staff_notes": "x"}),
    ],
    ids=str,
)
def test_a_right_request_is_none_to_complain_of(method, path, query, body):
    assert told(method, path, query, body) == []


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "complaint"),
    [
        ("GET", "/v2/ordes", None, None, "the documents know no such request"),
        ("PATCH", "/v2/orders/7", None, None, "the documents know no such request"),
        ("GET", "/v2/orders", {"min_modified": "x"}, None, "the query parameter 'min_modified' is unknown"),
        ("GET", "/v2/orders", {"limit": "many"}, None, "the query parameter 'limit': 'many' is no number"),
        ("GET", "/v2/orders", {"include": "fees,lines"}, None, "the query parameter 'include': 'lines' is none of"),
        ("GET", "/v2/orders", {"sort": "colour:asc"}, None, "the query parameter 'sort': 'colour' is none of"),
        (
            "GET",
            "/v3/inventory/items",
            {"product_id:in": "1,x"},
            None,
            "the query parameter 'product_id:in': 'x' is no integer",
        ),
        ("GET", "/v2/orders/7", None, {}, "a body where none is taken"),
        ("POST", "/v2/orders", None, None, "the body is missing"),
        (
            "POST",
            "/v2/orders/7/shipments",
            None,
            {**SHIP, "tracking_no": "T"},
            "$.tracking_no: no such field to be written",
        ),
        (
            "POST",
            "/v2/orders/7/shipments",
            None,
            {**SHIP, "order_address_id": "100"},
            "$.order_address_id: '100' is not of type",
        ),
        ("POST", "/v2/orders/7/shipments", None, {**SHIP, "tracking_number": "x" * 51}, "$.tracking_number: "),
        (
            "POST",
            "/v2/orders",
            None,
            {"billing_address": {"first_name": "Ann"}, "products": []},
            "$.billing_address: 'zip'",
        ),
        ("PUT", "/v2/orders/7", None, {"external_id": "x"}, "$.external_id: no such field to be written"),
        ("POST", "/v3/inventory/adjustments/relative", None, {"items": [{"sku": "A", "quantity": "2"}]}, "$.items[0]"),
    ],
    ids=str,
)
def test_a_wrong_request_is_named(method, path, query, body, complaint):
    found = told(method, path, query, body)
    assert any(line.startswith(complaint) for line in found), found


def test_a_body_that_is_not_said_to_be_json_is_named():
    assert told("POST", "/v2/orders/7/shipments", None, SHIP, content_type_sent="text/plain") != []


@pytest.mark.parametrize(
    ("path", "status", "answer", "complaint"),
    [
        ("/v2/orders", 200, b'[{"id":"7"}]', "$[].id: '7' is not of type 'integer'"),
        ("/v2/orders", 200, b'{"data":[]}', "$: {'data': []} is not of type 'array'"),
        ("/v2/orders", 200, b"[{]", "the answer is no JSON"),
        ("/v2/orders", 200, b'[{"id":7,"payment_state":"paid"}]', "$[].payment_state: no such field"),
        ("/v2/orders/7/messages", 202, b"[]", "the documents know no 202"),
        ("/v2/orders", 200, b"", "an empty body"),
        ("/v3/orders/7/transactions", 200, b'{"data":[{"event":"sale"}]}', "$.data[0]"),
    ],
    ids=str,
)
def test_a_wrong_answer_is_named(path, status, answer, complaint):
    found = told("GET", path, None, None, status=status, answer=answer, content_type="application/json")
    assert any(complaint in line for line in found), found


async def test_what_passes_between_the_adapter_and_the_shop_is_kept_and_judged():
    with pytest.raises(
        AssertionError, match="against the vendor's documents:\nGET /v2/orders/1/producs: the documents know"
    ):
        async with open_world() as world:
            await wrongly(world)


async def wrongly(world: World) -> None:
    """A request that no document knows, by the adapter's own client."""
    with pytest.raises(Exception, match="404"):
        await world.asked.read("/v2/orders/1/producs")
