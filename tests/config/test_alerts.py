"""`[alerts]`: off by default, signed, and never readable on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import pytest

from syncd.config.load import Configuration, load
from syncd.config.problem import Problem
from syncd.config.settings import AlertKind, signing_key
from syncd.observability.events import ALERTS
from syncd.reload import needs_restart
from tests.engine.receiver import KEY, SECRET

URL = "https://alerts.example.com/syncd"
WHOLE = f'[alerts]\nurl = "{URL}"\nsecret_file = "key"\n'
Answer = tuple[Any, dict[str, Problem], Configuration]


@pytest.fixture
def read(tmp_path: Path) -> Any:
    """`read(TEXT, environment)` gives the settings of alerts and what is wrong with `syncd.toml`, by key."""
    (tmp_path / "key").write_text(SECRET + "\n")
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "short").write_text("whsec_c2hvcnQ=")
    (tmp_path / "short").chmod(0o600)

    def answer(text: str, environment: Mapping[str, str] | None = None) -> Answer:
        (tmp_path / "syncd.toml").write_text(text)
        configuration = load(tmp_path, environment or {})
        problems = {each.key: each for each in configuration.problems if each.file != str(tmp_path / "tenants")}
        return configuration.settings and configuration.settings.alerts, problems, configuration

    return answer


def test_there_are_none_unless_they_are_asked_for(read: Any) -> None:
    assert read("")[:2] == (None, {})


def test_everything_that_can_be_an_alert_is_one_by_default(read: Any) -> None:
    settings, problems, configuration = read(WHOLE)
    assert not problems
    assert (settings.url, signing_key(settings.secret.get_secret_value())) == (URL, KEY)
    assert settings.events == get_args(AlertKind) == tuple(event.name for event in ALERTS)
    assert SECRET in configuration.secrets, "so that the log blots it out"
    assert SECRET not in repr(settings)


def test_events_can_be_chosen(read: Any) -> None:
    settings, problems, _ = read(WHOLE + 'events = ["quarantine.grew"]')
    assert (settings.events, problems) == (("quarantine.grew",), {})


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/alerts", "http://localhost:9", "https://a.example"])
def test_plain_http_is_for_this_machine_alone(read: Any, url: str) -> None:
    settings, problems, _ = read(WHOLE.replace(URL, url))
    assert (settings.url, problems) == (url, {})


@pytest.mark.parametrize(
    ("text", "key", "word"),
    [
        (WHOLE.replace("https", "http"), "alerts.url", "https"),
        (WHOLE.replace("/syncd", "/syncd?token=x"), "alerts.url", "query"),
        (WHOLE.replace("https://", "https://user:pass@"), "alerts.url", "credentials"),
        (WHOLE.replace("secret_file", "secret"), "alerts.secret", "no secret in this file"),
        (WHOLE.replace('"key"', '"short"'), "alerts.secret", "whsec_"),
        (WHOLE.replace('secret_file = "key"', ""), "alerts.secret", "a secret"),
        (WHOLE.replace(f'url = "{URL}"', ""), "alerts.url", ""),
        (WHOLE + "events = []", "alerts.events", ""),
        (WHOLE + 'events = ["store.brake"]', "alerts.events[0]", "store.stale"),
        (WHOLE + "retries = 3", "alerts.retries", ""),
    ],
)
def test_a_mistake_is_told_with_its_key_and_shows_no_secret(read: Any, text: str, key: str, word: str) -> None:
    settings, problems, _ = read(text)
    assert settings is None
    assert list(problems) == [key]
    assert word in str(problems[key])
    assert "c2hvcnQ" not in str(problems[key])


def test_the_secret_comes_from_a_credential_or_the_environment_too(read: Any, tmp_path: Path) -> None:
    text = WHOLE.replace('secret_file = "key"', "")
    (tmp_path / "alerts.secret").write_text(SECRET)
    for environment in ({"CREDENTIALS_DIRECTORY": str(tmp_path)}, {"SYNCD_SECRET_ALERTS_SECRET": SECRET}):
        settings, problems, _ = read(text, environment)
        assert not problems
        assert settings.secret.get_secret_value() == SECRET


def test_environment_variables_override_the_file(read: Any) -> None:
    environment = {"SYNCD_ALERTS__URL": "https://b.example", "SYNCD_ALERTS__EVENTS": json.dumps(["store.stale"])}
    settings, problems, _ = read(WHOLE, environment)
    assert not problems
    assert (settings.url, settings.events) == ("https://b.example", ("store.stale",))


def test_a_change_needs_a_restart_and_says_so(read: Any) -> None:
    before, after = read(WHOLE)[2].settings, read(WHOLE.replace("alerts.example", "b.example"))[2].settings
    assert needs_restart(before, after) == ["alerts.url"]
    assert needs_restart(before, read("")[2].settings) == ["alerts"]


@pytest.mark.parametrize("wrong", ["", "whsec_", "whsec_%%%", SECRET.removeprefix("whsec_"), "whsec_" + "AAAA" * 22])
def test_what_is_no_key_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"form|base64|padding"):
        signing_key(wrong)
