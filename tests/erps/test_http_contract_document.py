"""docs/erp-contract/openapi.yaml is valid, and what the simulated ERP and the example answer is what it says."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import aiohttp
import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from yarl import URL

from syncd.core.document import OrderDocument
from syncd.core.following import ShopStatus
from syncd.core.placing import KINDS, Flaw
from syncd.core.quantity import Quantity, units
from syncd.erps.http import orders_wire, wire
from syncd.ports.erp import ErpMove
from syncd.ports.placing import OrderOutcome, Result
from syncd.testing.order_document import an_order
from tests.erps.services import TOKEN, ExampleHand, example_server, simulated_erp

BILLING = {"last_name": "Example", "zip": "53111", "country": "DE"}
FOLDER = Path(__file__).resolve().parents[2] / "docs/erp-contract"
METHODS = {"get", "put", "post", "delete", "patch"}
REFERENCE = re.compile(r"#/components/(schemas|responses|parameters|headers)/([A-Za-z]+)")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return yaml.safe_load((FOLDER / "openapi.yaml").read_text("utf-8"))


def walk(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in the document."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(inner)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        yield from ((path, method, operation) for method, operation in item.items() if method in METHODS)


class Judge:
    """Validates bodies against the document's schemas."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        resource = DRAFT202012.create_resource(document)
        self.registry: Registry[Any] = Registry().with_resource("urn:contract", resource)
        self.seen: set[tuple[str, str, str]] = set()

    def complaints(self, schema: str, body: Any) -> list[str]:
        reference = {"$ref": f"urn:contract#/components/schemas/{schema}"}
        return [error.message for error in Draft202012Validator(reference, registry=self.registry).iter_errors(body)]

    async def check(self, path: str, answer: aiohttp.ClientResponse) -> Any:
        """The answer's body, after its status, type, headers and shape were compared with the document."""
        method = answer.method.lower()
        told = self.document["paths"][path][method]["responses"]
        told = told.get(str(answer.status), told["default"])
        if "$ref" in told:
            told = self.document["components"]["responses"][told["$ref"].rsplit("/", 1)[1]]
        self.seen.add((path, method, str(answer.status)))
        if "Cache-Control" in told.get("headers", {}):
            assert answer.headers["Cache-Control"] == "no-store"
        if "content" not in told:
            assert not await answer.read()
            return None
        assert answer.content_type in told["content"], f"{answer.content_type} for {answer.status} of {path}"
        body = await answer.json(content_type=None)
        schema = told["content"][answer.content_type]["schema"]["$ref"].rsplit("/", 1)[1]
        assert self.complaints(schema, body) == [], body
        return body


@pytest.fixture
def judge(document: dict[str, Any]) -> Judge:
    return Judge(document)


def test_the_document_is_openapi_3_1_and_its_schemas_are_schemas(document):
    assert document["openapi"].startswith("3.1.")
    assert {"title", "version"} <= document["info"].keys()
    assert len(document["components"]["schemas"]) > 10
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for place in walk(document["paths"]):
        if isinstance(place.get("schema"), dict):
            Draft202012Validator.check_schema(place["schema"])


def test_every_reference_leads_somewhere_and_everything_defined_is_used(document):
    used = set()
    for place in walk(document):
        if isinstance(place.get("$ref"), str):
            match = REFERENCE.fullmatch(place["$ref"])
            assert match is not None, place
            assert match[2] in document["components"][match[1]], place
            used.add((match[1], match[2]))
    defined = {
        (kind, name)
        for kind in ("schemas", "responses", "parameters", "headers")
        for name in document["components"][kind]
    }
    assert used == defined


def test_every_operation_is_named_explained_and_answers_with_success_and_with_problems(document):
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names)) == 8
    for path, method, operation in operations(document):
        assert operation["summary"], path
        assert {"200", "204"} & operation["responses"].keys(), path
        assert "default" in operation["responses"], path
        assert (method in {"post", "put"}) == ("requestBody" in operation), path
        told = {parameter["name"] for parameter in operation.get("parameters", []) if "name" in parameter}
        assert set(re.findall(r"\{(\w+)\}", path)) <= told, path


OPERATION_FIELDS = {"operationId", "tags", "summary", "description", "parameters", "requestBody", "responses"}
RESPONSE_FIELDS = {"description", "headers", "content"}
MEDIA_FIELDS = {"schema", "example"}
PARAMETER_FIELDS = {"name", "in", "required", "description", "schema", "style", "explode"}


def test_no_field_of_the_document_is_misspelt(document):
    """The closed list of fields that OpenAPI 3.1 has at each place, as far as this document uses them."""
    assert document.keys() <= {"openapi", "info", "servers", "security", "tags", "paths", "components"}
    assert document["components"].keys() == {"securitySchemes", "headers", "parameters", "responses", "schemas"}
    responses = list(document["components"]["responses"].values())
    parameters = list(document["components"]["parameters"].values())
    media = []
    tags = {tag["name"] for tag in document["tags"]}
    for path, _, operation in operations(document):
        assert operation.keys() <= OPERATION_FIELDS, path
        assert set(operation["tags"]) <= tags, path
        responses += [response for response in operation["responses"].values() if "$ref" not in response]
        parameters += [parameter for parameter in operation.get("parameters", []) if "$ref" not in parameter]
        if "requestBody" in operation:
            assert operation["requestBody"].keys() == {"required", "content"}, path
            media += operation["requestBody"]["content"].values()
    for response in responses:
        assert {"description"} <= response.keys() <= RESPONSE_FIELDS, response
        media += response.get("content", {}).values()
    for parameter in parameters:
        assert {"name", "in", "schema"} <= parameter.keys() <= PARAMETER_FIELDS, parameter
        assert parameter["in"] == "query" or (parameter["in"] == "path" and parameter["required"])
    assert len(media) >= 9
    assert all(one.keys() <= MEDIA_FIELDS for one in media)


def test_the_examples_of_the_document_keep_its_schemas(document, judge):
    count = 0
    for place in walk(document["paths"]):
        if "example" in place:
            assert judge.complaints(place["schema"]["$ref"].rsplit("/", 1)[1], place["example"]) == []
            count += 1
    assert count >= 4


def test_the_document_names_the_statuses_results_and_kinds_that_there_are(document):
    schemas = document["components"]["schemas"]
    assert set(schemas["OrderStatus"]["enum"]) == set(ShopStatus)
    assert set(schemas["OrderOutcome"]["properties"]["result"]["enum"]) == set(Result)
    assert set(schemas["OutcomeDetail"]["properties"]["kind"]["enum"]) == KINDS


def test_what_the_adapter_sends_keeps_the_document(judge):
    moves = wire.moves_body([ErpMove("a_b-1", "A", "", Quantity(-12_345), "shop 1"), ErpMove("k", "B", "WH", units(3))])
    assert judge.complaints("Moves", msgspec.json.decode(moves)) == []
    flaw = Flaw("out_of_stock", "A", "OutOfStock", units(1), units(2))
    outcome = OrderOutcome("k", "shop", 2, Result.REFUSED, "", "", "out of stock", (flaw, Flaw("refused")))
    assert judge.complaints("OrderOutcome", msgspec.json.decode(orders_wire.outcome_body(outcome))) == []
    placed = OrderOutcome("k", "shop", 1, Result.PLACED, "1001", ShopStatus.PENDING)
    assert judge.complaints("OrderOutcome", msgspec.json.decode(orders_wire.outcome_body(placed))) == []
    order = msgspec.json.decode(wire.order_body(an_order("k")))
    assert judge.complaints("Order", order) == []
    assert order["created"] == "2023-11-14T22:13:20.123456Z"
    assert all(
        order[name] for name in order if name not in {"is_archived", "prices_include_tax"}
    )  # nothing is left out
    assert judge.complaints("Order", order | {"lines": [{"quantity": 3}]}) != []


def test_the_document_names_every_field_of_an_order(document):
    def compare(kind: Any, name: str) -> None:
        told = document["components"]["schemas"][name]["properties"]
        assert list(told) == list(kind.__struct_fields__), name
        for field, hint in get_type_hints(kind).items():
            inner = [
                each for each in (hint, *get_args(hint)) if isinstance(each, type) and issubclass(each, msgspec.Struct)
            ]
            if inner:
                reference = next(place["$ref"] for place in walk(told[field]) if "$ref" in place)
                compare(inner[0], reference.rpartition("/")[2])

    compare(OrderDocument, "Order")


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        ("Level", {"sku": "A", "location": "", "available": 3}),
        ("Level", {"sku": "A", "location": "", "available": "0.00001"}),
        ("Level", {"sku": "A", "available": "3"}),
        ("Outcome", {"key": "k", "result": "done"}),
        ("Outcome", {"key": "k", "result": "different"}),
        ("Outcome", {"key": "k", "result": "refused"}),
        ("Move", {"key": "k" * 36, "sku": "A", "location": "", "change": "1"}),
        ("Identity", {"contract": 2, "identity": "a", "epoch": "b", "moves_max": 1, "late_seconds": 1}),
    ],
)
def test_what_breaks_the_contract_is_told_by_its_schemas(judge, schema, body):
    assert judge.complaints(schema, body)


async def tour(judge: Judge, base_url: str) -> None:
    """Ask for everything of the needed part, in every way that has an answer of its own."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session:
        async with session.get(f"{base_url}/v1/identity") as answer:
            told = await judge.check("/v1/identity", answer)
        assert told["moves_max"] >= 100
        moves = [
            {"key": "one", "sku": "A", "location": "", "change": "-1.5", "reference": "r"},
            {"key": "one", "sku": "A", "location": "", "change": "-2"},
            {"key": "two", "sku": "nobody", "location": "", "change": "-1"},
        ]
        async with session.post(f"{base_url}/v1/moves", json={"moves": moves}) as answer:
            outcomes = (await judge.check("/v1/moves", answer))["outcomes"]
        assert [outcome["result"] for outcome in outcomes] == ["confirmed", "different", "refused"]
        async with session.get(f"{base_url}/v1/moves", params=[("key", "one"), ("key", "two")]) as answer:
            found = (await judge.check("/v1/moves", answer))["moves"]
        assert [move["key"] for move in found] == ["one"]
        async with session.get(f"{base_url}/v1/levels") as answer:
            levels = await judge.check("/v1/levels", answer)
        assert levels["complete"]
        async with session.get(f"{base_url}/v1/levels", params={"limit": "1"}) as answer:
            page = await judge.check("/v1/levels", answer)
        assert page["more"] is True
        async with session.get(f"{base_url}/v1/levels", params={"since": levels["cursor"]}) as answer:
            assert (await judge.check("/v1/levels", answer))["levels"] == []
        async with session.get(f"{base_url}/v1/levels", params={"since": "another.1"}) as answer:
            await judge.check("/v1/levels", answer)
            assert answer.status == 410
    async with aiohttp.ClientSession() as nobody, nobody.get(f"{base_url}/v1/identity") as answer:
        await judge.check("/v1/identity", answer)
        assert answer.status == 401


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session:
        yield session


async def test_the_example_server_answers_as_the_document_says(judge, tmp_path):
    with example_server(tmp_path / "erp.sqlite") as base_url:
        hand = ExampleHand(tmp_path / "erp.sqlite")
        await hand.set_level("A", units(3))
        await hand.set_level("B", units(0))
        await tour(judge, base_url)


async def test_the_example_server_keeps_the_newest_document_of_an_order(judge, session, tmp_path):
    path = tmp_path / "erp.sqlite"
    with example_server(path) as base_url:
        whole = an_order("acme-us-1001")
        for revision, phase in ((2, "paid"), (3, "cancelled"), (2, "paid"), (3, "cancelled")):
            body = wire.order_body(msgspec.structs.replace(whole, revision=revision, phase=phase))
            async with session.put(f"{base_url}/v1/orders/{whole.key}", data=body) as answer:
                await judge.check("/v1/orders/{key}", answer)
        async with session.put(f"{base_url}/v1/orders/another", data=wire.order_body(whole)) as answer:
            assert answer.status == 422
        with sqlite3.connect(path) as book:
            ((content,),) = book.execute("SELECT content FROM document").fetchall()
        assert msgspec.json.decode(content)["phase"] == "cancelled"


async def test_the_simulated_erp_answers_as_the_document_says(judge, session, document):
    async with simulated_erp() as simulated:
        await simulated.set_level("A", units(3))
        await simulated.set_level("B", units(0))
        await tour(judge, simulated.base_url)
        base_url, faults = simulated.base_url, simulated.truth.faults
        order = {"store": "s", "order": "1", "status": "paid", "created": "2026-01-01T00:00:00Z", "lines": []}
        async with session.put(f"{base_url}/v1/orders/k", json=order) as answer:
            await judge.check("/v1/orders/{key}", answer)
        shipment = {"key": "s1", "store": "s", "order": "1", "lines": [{"line": "11", "quantity": 2}]}
        async with session.post(f"{base_url}/_sim/shipments", json=shipment) as answer:
            assert answer.status == 200
        async with session.get(f"{base_url}/v1/shipments") as answer:
            assert len((await judge.check("/v1/shipments", answer))["shipments"]) == 1
        async with session.get(f"{base_url}/v1/shipments", params={"since": "x"}) as answer:
            await judge.check("/v1/shipments", answer)
        wanted = {"key": "SO/1", "store": "s", "billing": BILLING, "lines": [{"sku": "A", "quantity": "1"}]}
        async with session.post(f"{base_url}/_sim/orders", json=wanted) as answer:
            assert answer.status == 200
        async with session.get(f"{base_url}/v1/orders") as answer:
            assert len((await judge.check("/v1/orders", answer))["orders"]) == 1
        async with session.get(f"{base_url}/v1/orders", params={"since": "x"}) as answer:
            await judge.check("/v1/orders", answer)
        outcome = {"store": "s", "revision": 1, "result": "placed", "order": "100"}
        for key in ("SO%2F1", "nobody"):
            path = URL(f"{base_url}/v1/orders/{key}/outcome", encoded=True)
            async with session.post(path, json=outcome) as answer:
                await judge.check("/v1/orders/{key}/outcome", answer)
        no_key = {"key": "?", "sku": "A", "location": "", "change": "1"}
        malformed: list[dict[str, Any]] = [{}, {"moves": []}, {"moves": [{"key": "k"}]}, {"moves": [no_key]}]
        for bad in malformed:
            async with session.post(f"{base_url}/v1/moves", json=bad) as answer:
                await judge.check("/v1/moves", answer)
                assert answer.status == 400
        many = [{"key": f"k{number}", "sku": "A", "location": "", "change": "-1"} for number in range(101)]
        async with session.post(f"{base_url}/v1/moves", json={"moves": many}) as answer:
            await judge.check("/v1/moves", answer)
        for dials in (
            {"throttled": True},
            {"throttled": False, "unavailable": True},
            {"unavailable": False, "error_after_rate": 1},
        ):
            faults.turn(dials)
            async with session.post(f"{base_url}/v1/moves", json={"moves": many[:1]}) as answer:
                await judge.check("/v1/moves", answer)
        assert {status for _, _, status in judge.seen} >= {
            "200",
            "204",
            "400",
            "401",
            "410",
            "413",
            "429",
            "500",
            "503",
        }
    assert {(path, method) for path, method, _ in judge.seen} == {
        (path, method) for path, method, _ in operations(document)
    }
