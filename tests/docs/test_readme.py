"""What the README shows works as it stands there."""

from __future__ import annotations

from syncd.config.load import load
from tests.docs.pages import PROJECT, fenced

TEXT = (PROJECT / "README.md").read_text("utf-8")
LINES_MAX = 24  # "under 25 lines" is a promise


def smallest_tenant() -> str:
    (block,) = fenced(TEXT, "toml")
    return block


def test_the_smallest_tenant_file_is_small():
    assert len(smallest_tenant().splitlines()) <= LINES_MAX


def test_the_smallest_tenant_file_is_a_whole_configuration(tmp_path):
    folder = tmp_path / "shop"
    (folder / "tenants").mkdir(parents=True)
    (folder / "syncd.toml").write_text('state_dir = "state"\n')
    (folder / "tenants" / "acme.toml").write_text(smallest_tenant())
    for name in ("acme-us.token", "acme-web.key", "acme-web.secret"):
        secret = folder / "tenants" / name
        secret.write_text("abcdefgh12345678\n")
        secret.chmod(0o600)
    configuration = load(folder, {})
    assert not configuration.problems
    (tenant,) = configuration.tenants
    assert sorted(tenant.stores) == ["us", "web"]


def test_the_smallest_tenant_file_is_the_example_that_comes_with_syncd():
    def settings(text: str) -> list[str]:
        lines = [line.split("#")[0].strip() for line in text.splitlines()]
        return [line.replace("NAME", "acme") for line in lines if line]

    assert settings(smallest_tenant()) == settings((PROJECT / "config/tenants/minimal.toml.example").read_text("utf-8"))
