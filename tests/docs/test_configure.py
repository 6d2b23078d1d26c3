"""The manual page of the configuration and the models say the same: each key has a heading, and each heading a key."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic.fields import FieldInfo

from syncd.config.erp_models import EmbeddedErp, HttpErp
from syncd.config.settings import Settings
from syncd.config.sink_models import NdjsonSink, ParquetSink, WebhookSink
from syncd.config.store_models import BigCommerceStore, WooCommerceStore
from syncd.config.tenant import Tenant

PROJECT = Path(__file__).resolve().parents[2]
PAGE = PROJECT / "docs" / "configure.md"
TABLES = {
    "erp",
    "stores",
    "sinks",
    "log",
    "shutdown",
    "webhooks",
    "private",
    "alerts",
}  # they hold keys, and are told by those


def inner(annotation: Any) -> Any:
    """The model of a table, also of one that may be left out."""
    return next((one for one in getattr(annotation, "__args__", ()) if one is not type(None)), annotation)


def keys():
    """Each key of the files, as the page names it, with its fields (a key may stand in several models)."""
    found: dict[str, list[FieldInfo]] = {}
    nested = {name: inner(field.annotation) for name, field in Settings.model_fields.items() if name in TABLES}
    models: list[tuple[str, Any]] = [("", Settings), ("", Tenant)]
    models += [(f"{name}.", model) for name, model in nested.items()]
    models += [("erp.", EmbeddedErp), ("erp.", HttpErp)]
    models += [("stores.NAME.", BigCommerceStore), ("stores.NAME.", WooCommerceStore)]
    models += [("sinks.NAME.", WebhookSink), ("sinks.NAME.", NdjsonSink), ("sinks.NAME.", ParquetSink)]
    for prefix, model in models:
        for name, field in model.model_fields.items():
            left_out = type(None) in getattr(field.annotation, "__args__", ())  # a table that may be: it is a key, too
            if name != "name" and (prefix or left_out or name not in TABLES):
                found.setdefault(prefix + name, []).append(field)
    return found


def sections():
    page = PAGE.read_text("utf-8")
    return dict(re.findall(r"^### (\S+)\n\n(.+?)(?=\n\n##|\n*\Z)", page, re.MULTILINE | re.DOTALL))


def test_every_key_has_a_heading_and_every_heading_a_key():
    headings = re.findall(r"^### (.+)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(keys())


@pytest.mark.parametrize("key", sorted(keys()))
def test_a_section_names_the_default_or_says_that_the_key_is_mandatory(key):
    text = sections()[key].replace("\n", " ")
    for field in keys()[key]:
        if field.is_required():
            assert "mandatory" in text
        elif field.default is None or field.default == {}:
            assert "by default" in text
        else:
            value = field.default
            shown = str(value) if isinstance(value, Path) else json.dumps(value)
            shown = shown.removesuffix(".0")
            assert f"default `{shown}`" in text


@pytest.mark.parametrize("key", sorted(keys()))
def test_a_section_names_every_choice(key):
    text = sections()[key]
    for field in keys()[key]:
        for choice in getattr(field.annotation, "__args__", ()):
            if isinstance(choice, str):
                assert f'"{choice}"' in text


def test_the_full_example_shows_every_key_of_a_tenant():
    text = (PROJECT / "config/tenants/full.toml.example").read_text("utf-8")
    daemons = {"state_dir", "format", "level", "drain_seconds", "listen", "public_url", "private", "token"}
    daemons |= {"alerts", "url", "secret", "events"}
    names = {key.rsplit(".", 1)[-1] for key in keys()} - daemons
    assert not [name for name in sorted(names) if not re.search(rf"^#?(\[)?{name}(_file)?(\]| =)", text, re.MULTILINE)]
