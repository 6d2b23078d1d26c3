"""The JSON Schema for editors: it takes what `load` takes, and refuses the plain mistakes."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from syncd.config.schema import make_schema

EXAMPLES = Path(__file__).resolve().parents[2] / "config"


def as_json(text):
    return json.loads(json.dumps(tomllib.loads(text), default=str))


@pytest.mark.parametrize(
    ("which", "file"),
    [("settings", "syncd.toml"), ("tenant", "tenants/minimal.toml.example"), ("tenant", "tenants/full.toml.example")],
)
def test_the_examples_fit_the_schema(which, file):
    schema = make_schema(which)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(as_json((EXAMPLES / file).read_text("utf-8")))


@pytest.mark.parametrize(
    "change",
    [
        ("returns =", "returnz ="),
        ('kind = "embedded"', 'kind = "embeded"'),
        ('kind = "embedded"', 'kind = "embedded"\nname = "x"'),
        ("access_token_file", "access_token"),
        ('baseline = "counted"', ""),
        ('returns = "store"', 'returns = "store"\nname = "x"'),
        ('returns = "store"', 'returns = "store"\nbuffer = -1'),
        ("https://shop.example", "shop.example"),
        ("stores.web", "stores.Web"),
    ],
)
def test_plain_mistakes_do_not_fit(change):
    text = (EXAMPLES / "tenants/minimal.toml.example").read_text("utf-8")
    assert change[0] in text
    assert not Draft202012Validator(make_schema("tenant")).is_valid(as_json(text.replace(*change)))


def test_every_key_is_described_for_the_editor():
    for which in ("settings", "tenant"):
        schema = make_schema(which)
        for table in [schema, *schema.get("$defs", {}).values()]:
            assert not [name for name, described in table["properties"].items() if not described.get("description")]
