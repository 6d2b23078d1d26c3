"""The vendor's OpenAPI documents: which request and which answer they know, and what in one of them breaks its schema."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import jsonschema
import yaml

DOCUMENTS = (
    ("v2", "orders.v2.oas2.yml"),
    ("v2", "store_information.v2.yml"),
    ("v2", "currencies.v2.yml"),
    ("v3", "orders.v3.yml"),
    ("v3", "inventory.v3.yml"),
    ("v3", "locations.v3.yml"),
    ("v3", "channels.v3.yml"),
    ("v3", "settings.v3.yml"),
    ("v3", "webhooks.v3.yml"),
    ("v3", "carts.v3.yml"),
    ("v3", "checkouts.v3.yml"),
    ("v3", "abandoned_carts.v3.yml"),
    ("v3", "catalog/products_catalog.v3.yml"),
    ("v3", "catalog/product-variants_catalog.v3.yml"),
)
SUCCESS = {"201": "200"}
"""POST /orders answers 201, as the older pages say; the document has 200 for the same body."""
VERBS = frozenset({"get", "put", "post", "delete"})
AS_TEXT = "Float-As-String"
"""In the description of a field: it may be written as a number or as a number in text, whatever its type says."""

Schema = dict[str, Any]


@dataclass
class Operation:
    """What the documents say of one verb at one path."""

    verb: str
    template: str
    pattern: re.Pattern[str]
    operation: dict[str, Any]
    shared: list[Any]
    document: dict[str, Any]
    _kept: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def queries(self) -> dict[str, Schema]:
        """The schemas of its query parameters, by name."""
        found = [_resolved(one, self.document) for one in (*self.shared, *self.operation.get("parameters", ()))]
        return {
            one["name"]: {**_plain(one.get("schema", {}), self.document), "required": one.get("required", False)}
            for one in found
            if one["in"] == "query"
        }

    @cached_property
    def body(self) -> Schema | None:
        """The schema of the body that it takes; None: it takes none."""
        wanted = _resolved(self.operation.get("requestBody", {}), self.document)
        schema = wanted.get("content", {}).get("application/json", {}).get("schema")
        return None if schema is None else _plain(schema, self.document, sent=True)

    def answer(self, status: int) -> Schema | None:
        """The schema of an answer, {} if the document gives it no body. None: the document doesn't know the answer."""
        key = str(status)
        if key not in self._kept:
            self._kept[key] = self._answer(key)
        return self._kept[key]

    def _answer(self, status: str) -> Schema | None:
        responses = self.operation["responses"]
        response = responses.get(status) or responses.get(SUCCESS.get(status, ""))
        if response is None:
            return None
        for media in _resolved(response, self.document).get("content", {}).values():
            if "schema" in media:
                return _plain(media["schema"], self.document)
        return {}


class Documents:
    """All documents of a folder."""

    def __init__(self, folder: Path) -> None:
        self._operations: list[Operation] = []
        for version, name in DOCUMENTS:
            document = yaml.load(
                (folder / name).read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
            )
            for template, path in sorted(document["paths"].items(), key=lambda path: path[0].count("{")):
                pattern = re.compile(f"/{version}" + re.sub(r"\{[^}]+\}", "[^/]+", template))
                shared = path.get("parameters", [])
                for verb in VERBS & path.keys():
                    of_path = (verb, f"/{version}{template}", pattern, path[verb], shared, document)
                    self._operations.append(Operation(*of_path))

    def operations(self, method: str, path: str) -> Sequence[Operation]:
        """Whatever fits, the most special first: some paths are in two documents."""
        return [one for one in self._operations if one.verb == method.lower() and one.pattern.fullmatch(path)]

    def schema(self, method: str, path: str, status: int) -> Schema | None:
        """The schema of an answer, {} if the document gives it no body. None: the document doesn't know the answer."""
        for operation in self.operations(method, path):
            schema = operation.answer(status)
            if schema is not None:
                return schema
        return None


_VALIDATORS: dict[int, tuple[Schema, Any]] = {}


def faults(schema: Schema, answer: Any) -> list[str]:
    """What the schema finds wrong."""
    if id(schema) not in _VALIDATORS:
        _VALIDATORS[id(schema)] = (
            schema,
            jsonschema.Draft202012Validator(schema),
        )  # kept, so that its id stays its own
    validator = _VALIDATORS[id(schema)][1]
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(answer)]


def strange_fields(schema: Schema, answer: Any, path: str = "$", *, sent: bool = False) -> Iterator[str]:
    """Fields that the schema doesn't name: misspelt ones, most likely. Of what is sent, also those that are only shown."""
    branches = list(_branches(schema))
    if isinstance(answer, list):
        items = [branch["items"] for branch in branches if "items" in branch]
        for entry in answer if items else ():
            yield from strange_fields({"anyOf": items}, entry, f"{path}[]", sent=sent)
    if isinstance(answer, dict):
        named: dict[str, list[Any]] = {}
        for branch in branches:
            for name, inner in branch.get("properties", {}).items():
                if not (sent and inner.get("readOnly")):
                    named.setdefault(name, []).append(inner)
        free = any(branch.get("additionalProperties") not in (None, False) for branch in branches)
        for name, value in answer.items() if named else ():
            if name in named:
                yield from strange_fields({"anyOf": named[name]}, value, f"{path}.{name}", sent=sent)
            elif not free:
                yield f"{path}.{name}"


def query_fault(schema: Schema, text: str) -> str | None:
    """What is wrong with a value of a query parameter; a list is one text with commas."""
    kind = schema.get("type")
    if kind == "array":
        found = (query_fault(schema.get("items", {}), part) for part in text.split(","))
        return next((fault for fault in found if fault is not None), None)
    whole = re.fullmatch(r"-?\d+", text)
    if kind == "integer" and not whole:
        return f"{text!r} is no integer"
    if kind == "number" and not re.fullmatch(r"-?\d+(\.\d+)?", text):
        return f"{text!r} is no number"
    if kind == "boolean" and text not in {"true", "false"}:
        return f"{text!r} is no boolean"
    if "enum" in schema and text not in {str(one) for one in schema["enum"]}:
        return f"{text!r} is none of {schema['enum']}"
    if whole and int(text) > schema.get("maximum", int(text)):
        return f"{text} is above {schema['maximum']}"
    return None


def _branches(schema: Schema) -> Iterator[Schema]:
    yield schema
    for key in ("allOf", "anyOf"):
        for inner in schema.get(key, ()):
            yield from _branches(inner)


def _resolved(node: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        target: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


def _plain(node: Any, document: dict[str, Any], seen: tuple[str, ...] = (), *, sent: bool = False) -> Any:
    """An OpenAPI 3.0 schema as a JSON schema without references.

    `oneOf` is read as `anyOf`: the documents use it for shapes that overlap (a link and an object without required
    fields). Reading null is `nullable` there and a type here. What is `sent` may have amounts as numbers and as text.
    """
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str):
        if reference in seen:
            return {}
        return _plain(_resolved(node, document), document, (*seen, reference), sent=sent)
    plain: dict[str, Any] = {}
    for key, value in node.items():
        if key in {"type", "enum", "required", "additionalProperties", "readOnly"}:
            plain[key] = (
                value
                if key != "additionalProperties" or isinstance(value, bool)
                else _plain(value, document, seen, sent=sent)
            )
        elif (key in {"minimum", "maximum", "minLength", "maxLength"} and node.get("type") != "array") or (
            key == "minItems" and sent
        ):
            plain[key] = value
        elif key == "properties":
            plain[key] = {name: _plain(inner, document, seen, sent=sent) for name, inner in value.items()}
        elif key == "items":
            plain[key] = _plain(value, document, seen, sent=sent)
        elif key in {"allOf", "anyOf", "oneOf"}:
            plain.setdefault("allOf" if key == "allOf" else "anyOf", []).extend(
                _plain(inner, document, seen, sent=sent) for inner in value
            )
    if sent and AS_TEXT in str(node.get("description", "")) and plain.get("type") == "string":
        plain["type"] = ["string", "number"]
    if node.get("nullable") and isinstance(plain.get("type"), str):
        plain["type"] = [plain["type"], "null"]
        if "enum" in plain:
            plain["enum"] = [*plain["enum"], None]
    return plain
