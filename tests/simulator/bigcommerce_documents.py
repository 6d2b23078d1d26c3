"""The vendor's OpenAPI documents as a judge of answers: which schema an answer has, and what in it breaks that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import yaml

DOCUMENTS = (
    ("v2", "orders.v2.oas2.yml"),
    ("v2", "store_information.v2.yml"),
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


class Documents:
    """All documents of a folder."""

    def __init__(self, folder: Path) -> None:
        self._operations: list[tuple[str, re.Pattern[str], dict[str, Any], dict[str, Any]]] = []
        for version, name in DOCUMENTS:
            document = yaml.load(
                (folder / name).read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
            )
            for template, operations in sorted(document["paths"].items(), key=lambda path: path[0].count("{")):
                pattern = re.compile(f"/{version}" + re.sub(r"\{[^}]+\}", "[^/]+", template))
                for method, operation in operations.items():
                    if method in {"get", "put", "post", "delete"}:
                        self._operations.append((method, pattern, operation, document))

    def schema(self, method: str, path: str, status: int) -> dict[str, Any] | None:
        """The schema of an answer, {} if the document gives it no body. None: the document doesn't know the answer."""
        fits = [
            (operation, document)
            for verb, pattern, operation, document in self._operations
            if verb == method.lower() and pattern.fullmatch(path)
        ]
        for operation, document in fits:
            responses = operation["responses"]
            response = responses.get(str(status)) or responses.get(SUCCESS.get(str(status), ""))
            if response is None:
                continue
            content = _resolved(response, document).get("content", {})
            for media in content.values():
                if "schema" in media:
                    return _plain(media["schema"], document)
            return {}
        return None


def faults(schema: dict[str, Any], answer: Any) -> list[str]:
    """What the schema finds wrong."""
    validator = jsonschema.Draft202012Validator(schema)
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(answer)]


def strange_fields(schema: dict[str, Any], answer: Any, path: str = "$") -> Iterator[str]:
    """Fields of an answer that the schema doesn't name: misspelt ones, most likely."""
    branches = list(_branches(schema))
    if isinstance(answer, list):
        items = [branch["items"] for branch in branches if "items" in branch]
        for entry in answer if items else ():
            yield from strange_fields({"anyOf": items}, entry, f"{path}[]")
    if isinstance(answer, dict):
        named: dict[str, list[Any]] = {}
        for branch in branches:
            for name, inner in branch.get("properties", {}).items():
                named.setdefault(name, []).append(inner)
        for name, value in answer.items() if named else ():
            if name not in named:
                yield f"{path}.{name}"
            else:
                yield from strange_fields({"anyOf": named[name]}, value, f"{path}.{name}")


def _branches(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
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


def _plain(node: Any, document: dict[str, Any], seen: tuple[str, ...] = ()) -> Any:
    """An OpenAPI 3.0 schema as a JSON schema without references.

    `oneOf` is read as `anyOf`: the documents use it for shapes that overlap (a link and an object without required
    fields). Reading null is `nullable` there and a type here.
    """
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str):
        if reference in seen:
            return {}
        return _plain(_resolved(node, document), document, (*seen, reference))
    plain: dict[str, Any] = {}
    for key, value in node.items():
        if key in {"type", "enum", "required", "additionalProperties"}:
            plain[key] = (
                value if key != "additionalProperties" or isinstance(value, bool) else _plain(value, document, seen)
            )
        elif key in {"minimum", "maximum", "minLength", "maxLength"} and node.get("type") != "array":
            plain[key] = value
        elif key == "properties":
            plain[key] = {name: _plain(inner, document, seen) for name, inner in value.items()}
        elif key == "items":
            plain[key] = _plain(value, document, seen)
        elif key in {"allOf", "anyOf", "oneOf"}:
            plain.setdefault("allOf" if key == "allOf" else "anyOf", []).extend(
                _plain(inner, document, seen) for inner in value
            )
    if node.get("nullable") and isinstance(plain.get("type"), str):
        plain["type"] = [plain["type"], "null"]
        if "enum" in plain:
            plain["enum"] = [*plain["enum"], None]
    return plain
