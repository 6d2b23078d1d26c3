"""Secrets: the three places they may come from, and what is wrong with each."""

from __future__ import annotations

import pytest

from syncd.config import load

TENANT = """
returns = "store"
[erp]
kind = "http"
base_url = "https://erp.example"
{erp}
[stores.us-west]
kind = "bigcommerce"
store_hash = "abc"
baseline = "counted"
{store}
"""
VARIABLES = {
    "SYNCD_SECRET_ACME_ERP_TOKEN": "erp-t0ken",
    "SYNCD_SECRET_ACME_US_WEST_ACCESS_TOKEN": "us-t0ken",
}


@pytest.fixture
def configure(tmp_path):
    """Loads a folder whose tenant has these lines in its ERP's and its store's table."""

    def go(environment, erp="", store=""):
        (tmp_path / "tenants").mkdir(exist_ok=True)
        (tmp_path / "syncd.toml").touch()
        (tmp_path / "tenants/acme.toml").write_text(TENANT.format(erp=erp, store=store))
        return load(tmp_path, environment)

    return go


def secrets(configuration):
    assert not configuration.errors, configuration.errors
    [tenant] = configuration.tenants
    return tenant.erp.token.get_secret_value(), tenant.stores["us-west"].access_token.get_secret_value()


def test_the_environment_gives_secrets(configure):
    assert secrets(configure(VARIABLES)) == ("erp-t0ken", "us-t0ken")


def test_systemd_credentials_give_secrets(configure, tmp_path):
    (tmp_path / "acme.erp.token").write_text("erp-t0ken\n")
    (tmp_path / "acme.us-west.access_token").write_text("us-t0ken")
    assert secrets(configure({"CREDENTIALS_DIRECTORY": str(tmp_path)})) == ("erp-t0ken", "us-t0ken")


def test_files_give_secrets_relative_to_the_tenants_file_or_absolute(configure, tmp_path):
    (tmp_path / "erp.txt").write_text("  erp-t0ken  \n\n")
    (tmp_path / "us.txt").write_text("us-t0ken")
    configuration = configure({}, 'token_file = "../erp.txt"', f'access_token_file = "{tmp_path}/us.txt"')
    assert secrets(configuration) == ("erp-t0ken", "us-t0ken")


def test_a_file_that_everyone_can_read_is_warned_of(configure, tmp_path):
    for name, mode in (("erp.txt", 0o644), ("us.txt", 0o640)):
        (tmp_path / name).write_text("t0ken-value")
        (tmp_path / name).chmod(mode)
    configuration = configure({}, 'token_file = "../erp.txt"', 'access_token_file = "../us.txt"')
    assert len(configuration.tenants) == 1
    [warning] = configuration.problems
    assert (warning.severity, warning.key, warning.line) == ("warning", "erp.token_file", 6)
    assert "chmod 600" in warning.hint


def test_two_sources_for_one_secret_are_refused(configure, tmp_path):
    (tmp_path / "acme.erp.token").write_text("erp-t0ken")
    configuration = configure(VARIABLES | {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    [problem] = configuration.errors
    assert (problem.expected, problem.key) == ("one source for the secret", "erp.token")
    assert "SYNCD_SECRET_ACME_ERP_TOKEN and credential acme.erp.token" in problem.found


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "nothing"),
        (b" \n", "nothing"),
        (b"t0ken value", "spaces"),
        (b"t0ken\nvalue", "spaces"),
        (b"\xff\xfet0ken", "other bytes"),
        ("t0kén".encode(), "other characters"),
        (b"x" * 5_000, "more"),
    ],
)
def test_a_file_that_holds_no_usable_secret_is_refused_without_showing_it(configure, tmp_path, content, found):
    (tmp_path / "us.txt").write_bytes(content)
    (tmp_path / "us.txt").chmod(0o600)
    configuration = configure({"SYNCD_SECRET_ACME_ERP_TOKEN": "erp-t0ken"}, store='access_token_file = "../us.txt"')
    [problem] = configuration.errors
    assert problem.key == "stores.us-west.access_token_file"
    assert found in problem.found
    assert "t0k" not in str(problem)


@pytest.mark.parametrize("line", ["token_file = 3", 'token_file = ""', 'token_file = "a\\u0000b"', 'token_file = "."'])
def test_a_path_that_is_none_is_refused(configure, line):
    configuration = configure({"SYNCD_SECRET_ACME_US_WEST_ACCESS_TOKEN": "us-t0ken"}, erp=line)
    assert [problem.key for problem in configuration.errors] == ["erp.token_file"]


@pytest.mark.parametrize("value", ['"hunter2"', "12345678", "['hunter2']"])
def test_a_secret_in_the_file_is_refused_with_the_remedy_and_not_shown(configure, value):
    configuration = configure(VARIABLES, store=f"access_token = {value}")
    [problem] = configuration.errors
    assert (problem.key, problem.found) == ("stores.us-west.access_token", "one (not shown)")
    assert "access_token_file" in problem.hint
    assert "SYNCD_SECRET_ACME_US_WEST_ACCESS_TOKEN" in problem.hint
    assert "acme.us-west.access_token" in problem.hint
    assert "hunter2" not in str(problem)


def test_a_secret_under_an_unknown_key_is_not_shown(configure):
    configuration = configure(VARIABLES, store='acces_token = "hunter2hunter2"')
    [problem] = configuration.errors
    assert "hunter2" not in str(problem)
    assert 'Did you mean "access_token_file"?' in problem.hint


def test_a_variable_for_a_secret_that_nobody_asks_for_is_warned_of(configure):
    configuration = configure(VARIABLES | {"SYNCD_SECRET_ACME_US_ACCESS_TOKEN": "us-t0ken"})
    [warning] = configuration.problems
    assert warning.severity == "warning"
    assert 'Did you mean "SYNCD_SECRET_ACME_US_WEST_ACCESS_TOKEN"?' in warning.hint
    assert "t0ken-" not in str(warning)
