"""`[private]`: off by default, and without a token for this machine alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.config import load
from syncd.config.settings import known_variables

TOKEN = "a-token-that-is-long-enough"


@pytest.fixture
def read(tmp_path: Path):
    """`read(TEXT, environment)` gives the private settings (None) and what is wrong with `syncd.toml`, by key."""
    (tmp_path / "tenants").mkdir()
    (tmp_path / "token").write_text(TOKEN + "\n")
    (tmp_path / "short").write_text("1234")
    for name in ("token", "short"):
        (tmp_path / name).chmod(0o600)

    def given(text: str, environment: dict[str, str] | None = None):
        (tmp_path / "syncd.toml").write_text(text)
        configuration = load(tmp_path, environment or {})
        problems = {p.key: p for p in configuration.problems if not p.file.endswith("tenants")}
        return configuration.settings and configuration.settings.private, problems, configuration

    return given


def test_without_the_table_nothing_listens(read):
    private, problems, _ = read("")
    assert (private, problems) == (None, {})


def test_an_empty_table_listens_on_this_machine_alone(read):
    private, problems, configuration = read("[private]")
    assert (private.listen, private.token, problems, configuration.secrets) == ("127.0.0.1:8485", None, {}, ())


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:8485", "localhost:8485", "127.8.8.8:1"])
def test_this_machine_has_several_names(read, address):
    private, problems, _ = read(f'[private]\nlisten = "{address}"')
    assert (private.listen, problems) == (address, {})


@pytest.mark.parametrize("address", ["0.0.0.0:8485", "[::]:8485", "10.0.0.1:8485", "localhost.example.org:1"])
def test_others_are_refused_without_a_token(read, address):
    private, problems, _ = read(f'[private]\nlisten = "{address}"')
    assert private is None
    assert "no token" in problems["private.listen"].expected
    assert problems["private.listen"].line == 2
    private, problems, configuration = read(f'[private]\nlisten = "{address}"\ntoken_file = "token"')
    assert (private.listen, private.token.get_secret_value(), problems) == (address, TOKEN, {})
    assert configuration.secrets == (TOKEN,), "the log blots it out"


def test_the_token_may_stand_in_the_environment_and_the_address_too(read):
    environment = {"SYNCD_SECRET_PRIVATE_TOKEN": TOKEN, "SYNCD_PRIVATE__LISTEN": "0.0.0.0:8485"}
    private, problems, _ = read("", environment)
    assert (private.token.get_secret_value(), private.listen, problems) == (TOKEN, "0.0.0.0:8485", {})
    private, problems, _ = read("", {"SYNCD_PRIVATE__LISTEN": "0.0.0.0:8485"})
    assert private is None
    assert list(problems) == ["SYNCD_PRIVATE__LISTEN"]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[private]\ntoken = "a-token-that-is-long-enough"', "private.token"),
        ('[private]\ntoken_file = "nothing-there"', "private.token_file"),
        ('[private]\ntoken_file = "short"', "private.token"),
        ('[private]\nlisten = "8485"', "private.listen"),
        ('[private]\nlisten = "127.0.0.1:99999"', "private.listen"),
        ('[private]\nlistne = "127.0.0.1:1"', "private.listne"),
        ("private = 3", "private"),
    ],
)
def test_a_mistake_is_told_once_and_keeps_the_daemon_from_running(read, text, key):
    private, problems, configuration = read(text)
    assert private is None
    assert configuration.settings is None
    assert list(problems) == [key]


def test_the_keys_of_tables_that_may_be_left_out_have_variables():
    assert {"SYNCD_PRIVATE__LISTEN", "SYNCD_WEBHOOKS__PUBLIC_URL"} <= set(known_variables())
    assert "SYNCD_PRIVATE__TOKEN" not in known_variables(), "a secret is given by SYNCD_SECRET_PRIVATE_TOKEN"


def test_a_port_that_does_not_exist_is_told_of_the_webhook_listener_too(read):
    text = '[webhooks]\npublic_url = "https://syncd.example.com"\nlisten = "127.0.0.1:{port}"'
    assert list(read(text.format(port=99999))[1]) == ["webhooks.listen"]
    assert read(text.format(port=65535))[1] == {}
