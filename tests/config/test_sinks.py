"""`[sinks.NAME]`: who is told of what, and each mistake with what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from syncd.config import agree, load
from syncd.config.sink_models import NdjsonSink, ParquetSink, WebhookSink
from tests.config.test_load import SECRET, TENANT, TOKENS

CRM = """
[sinks.crm]
kind = "webhook"
url = "https://crm.example/syncd"
secret_file = "crm.secret"
events = ["order.placed", "customer.erased"]
"""
LAKE = '\n[sinks.lake]\nkind = "ndjson"\nevents = ["order.changed"]\n'


@pytest.fixture
def read(tmp_path: Path) -> Any:
    """`read(TEXT, other=TEXT)`: the configuration, and its problems by key."""

    def answer(text: str, **others: str) -> tuple[Any, dict[str, str]]:
        (tmp_path / "tenants").mkdir(exist_ok=True)
        (tmp_path / "syncd.toml").write_text(f'state_dir = "{tmp_path}/state"\n')
        secret = tmp_path / "tenants" / "crm.secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        for name, content in {"acme": TENANT + text, **others}.items():
            (tmp_path / "tenants" / f"{name}.toml").write_text(content)
        configuration = load(tmp_path, TOKENS)
        return configuration, {each.key: str(each) for each in configuration.problems if "OTHER" not in each.key}

    return answer


def test_there_are_none_unless_they_are_asked_for(read):
    configuration, problems = read("")
    assert (configuration.tenants[0].sinks, problems) == ({}, {})


def test_a_webhook_and_files_with_their_defaults(read, tmp_path):
    configuration, problems = read(CRM + LAKE + LAKE.replace("lake", "parts").replace("ndjson", "parquet"))
    assert problems == {}
    sinks = configuration.tenants[0].sinks
    crm, lake, parts = sinks["crm"], sinks["lake"], sinks["parts"]
    assert isinstance(crm, WebhookSink)
    assert isinstance(lake, NdjsonSink)
    assert isinstance(parts, ParquetSink)
    assert (crm.events, crm.fields, crm.personal, crm.stores) == (
        ("order.placed", "customer.erased"),
        None,
        False,
        None,
    )
    assert (crm.keep_days, crm.backlog_max, lake.split, parts.gather_seconds) == (7, 100_000, "all", 300)
    assert lake.folder_in(tmp_path, "acme") == tmp_path / "sinks/acme/lake"
    assert SECRET in configuration.secrets, "so that the log blots it out"
    assert SECRET not in repr(crm)


@pytest.mark.parametrize(
    ("old", "new", "key", "said"),
    [
        ('"order.placed"', '"order.placd"', "sinks.crm.events.0", "Did you mean"),
        ('events = ["order.placed", "customer.erased"]', "", "sinks.crm.events", "Add events"),
        ('events = ["order.placed", "customer.erased"]', "events = []", "sinks.crm.events", "at least one"),
        ('kind = "webhook"', 'kind = "webhok"', "sinks.crm.kind", '"webhook"'),
        ('kind = "webhook"\n', "", "sinks.crm.kind", '"parquet"'),
        ("https://crm.example", "http://crm.example", "sinks.crm.url", "https://"),
        ("/syncd", "/syncd?key=1", "sinks.crm.url", "from the ? or # on"),
        ('secret_file = "crm.secret"', f'secret = "{SECRET}"', "sinks.crm.secret", "no secret in this file"),
        ('secret_file = "crm.secret"', "", "sinks.crm.secret", "SYNCD_SECRET_ACME_CRM_SECRET"),
        ("[sinks.crm]", '[sinks.crm]\nfields = ["a..b"]', "sinks.crm.fields.0", "customer.email"),
        ("[sinks.crm]", '[sinks.crm]\nname = "x"', "sinks.crm.name", "the sink's name is the table's"),
        ("[sinks.crm]", '[sinks.crm]\nstores = ["fr"]', "sinks.crm.stores", "Known here: us"),
        ("[sinks.crm]", "[sinks.crm]\nbacklog_max = 1", "sinks.crm.backlog_max", "not below 100"),
        ("sinks.crm", "sinks.Crm", "sinks.Crm", "a-z"),
    ],
)
def test_a_mistake_is_told_with_what_to_do(read, old, new, key, said):
    assert old in CRM
    configuration, problems = read(CRM.replace(old, new, 1))
    assert configuration.tenants == ()
    [problem] = [text for name, text in problems.items() if name == key] or [str(problems)]
    assert said in problem
    assert SECRET not in problem


@pytest.mark.parametrize("folder", ["/srv/lake", "../lake", "."])
def test_files_lie_below_the_state_directory(read, folder):
    _, problems = read(LAKE + f'folder = "{folder}"\n')
    assert "below state_dir" in problems["sinks.lake.folder"]


@pytest.mark.parametrize("folder", ["sinks/acme/lake", "sinks/acme", "sinks/acme/lake/inner"])
def test_no_two_sinks_write_to_one_folder(read, folder):
    _, problems = read(LAKE, other=TENANT + LAKE.replace("lake", "pond") + f'folder = "{folder}"\n')
    assert "that of acme/lake" in problems["sinks.pond.folder"]


def test_parquet_without_its_package_is_told(read, monkeypatch):
    monkeypatch.setattr(agree, "find_spec", lambda _name: None)
    configuration, problems = read(LAKE.replace("ndjson", "parquet"))
    assert configuration.tenants == ()
    assert "pip install 'syncd[parquet]'" in problems["sinks.lake.kind"]
