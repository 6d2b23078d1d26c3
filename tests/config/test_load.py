"""Reading a configuration folder: what comes out of right files, and every mistake of wrong ones at once."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from syncd.adapters import places_of
from syncd.app import policy_of
from syncd.config import BigCommerceStore, EmbeddedErp, HttpErp, WooCommerceStore, load
from syncd.core.quantity import Quantity, units

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
EXAMPLES = Path(__file__).resolve().parents[2] / "config"

TENANT = """
returns = "store"
[erp]
kind = "embedded"
[stores.us]
kind = "bigcommerce"
store_hash = "abc"
baseline = "counted"
"""
TOKENS = {"SYNCD_SECRET_ACME_US_ACCESS_TOKEN": "t0ken-value", "SYNCD_SECRET_OTHER_US_ACCESS_TOKEN": "t0ken-value"}


@pytest.fixture
def folder(tmp_path):
    """Writes a configuration folder: `folder(acme=TEXT, settings=TEXT)` gives its path."""

    def write(settings: str | None = "", **tenants: str) -> Path:
        (tmp_path / "tenants").mkdir(exist_ok=True)
        if settings is not None:
            (tmp_path / "syncd.toml").write_text(settings)
        for name, text in tenants.items():
            (tmp_path / "tenants" / f"{name.replace('_', '-')}.toml").write_text(text)
        return tmp_path

    return write


def said(configuration) -> dict[str, str]:
    """Each problem by the end of its file's path and its key."""
    return {f"{Path(problem.file).name}:{problem.key}": str(problem) for problem in configuration.problems}


def test_a_small_file_gives_a_tenant_with_all_defaults(folder):
    configuration = load(folder(acme=TENANT), TOKENS | {"SYNCD_STATE_DIR": "/srv/state"})
    assert not [problem for problem in configuration.problems if "OTHER" not in problem.key]
    [tenant] = configuration.tenants
    assert (tenant.name, tenant.mode, tenant.count_on, tenant.on_cancel, tenant.returns, tenant.approve) == (
        "acme", "live", "placed", "release", "store", "manual",
    )  # fmt: skip
    assert (tenant.buffer, tenant.brake_share, tenant.brake_gone_orders, tenant.payload_days) == (0, 0.3, 20, 90)
    assert isinstance(tenant.erp, EmbeddedErp)
    assert tenant.erp_file(Path("/srv/state")) == Path("/srv/state/erp/acme.sqlite3")
    store = tenant.stores["us"]
    assert isinstance(store, BigCommerceStore)
    assert (store.name, store.base_url, store.location, store.channels) == (
        "us",
        "https://api.bigcommerce.com",
        1,
        None,
    )
    assert (store.poll_seconds, store.settle_seconds, store.sweep_hours, store.quota_share) == (30, None, 24, 0.5)
    assert (store.requests_concurrent_max, store.read_items_every_seconds, store.drift) == (2, 900, "erp")
    assert store.access_token.get_secret_value() == "t0ken-value"
    assert configuration.secrets == ("t0ken-value",)


def test_the_minimal_example_is_short_and_loads(folder):
    text = (EXAMPLES / "tenants/minimal.toml.example").read_text("utf-8")
    assert len(text.splitlines()) < 25
    path = folder(acme=text)
    for name in ("us.token", "web.key", "web.secret"):
        secret = path / "tenants" / f"NAME-{name}"
        secret.write_text(f"secret-{name}\n")
        secret.chmod(0o600)
    configuration = load(path, {})
    assert not configuration.problems
    assert configuration.tenants[0].stores["web"].consumer_secret.get_secret_value() == "secret-web.secret"


def test_the_full_example_and_the_example_of_the_settings_load(folder):
    path = folder(
        settings=(EXAMPLES / "syncd.toml").read_text("utf-8"),
        acme=(EXAMPLES / "tenants/full.toml.example").read_text("utf-8"),
    )
    for name in ("us.token", "erp.token", "web.key", "web.secret", "crm.secret"):
        secret = path / "tenants" / f"NAME-{name}"
        secret.write_text(SECRET if name == "crm.secret" else "secret-value")
        secret.chmod(0o600)
    configuration = load(path, {})
    assert not configuration.problems
    assert configuration.settings.state_dir == Path("/var/lib/syncd")
    [tenant] = configuration.tenants
    assert isinstance(tenant.erp, HttpErp)
    assert tenant.kits["PICNIC-SET"] == {"BASKET": units(1), "PLATE": units(4), "CLOTH-BY-THE-METRE": Quantity(15_000)}
    assert tenant.stores["us"].cutover == datetime(2026, 1, 1, tzinfo=UTC)
    assert tenant.stores["us"].cutover_instant == 1_767_225_600_000_000
    assert (tenant.buffer_for("us"), tenant.buffer_for("web")) == (units(2), 0)


def test_the_environment_overrides_the_settings(folder):
    path = folder(settings='state_dir = "here"\n[log]\nlevel = "debug"\nformat = "json"', acme=TENANT)
    settings = load(path, {}).settings
    assert (settings.state_dir, settings.log.level, settings.shutdown.drain_seconds) == (path / "here", "debug", 20)
    settings = load(path, {"SYNCD_LOG__LEVEL": "error", "SYNCD_SHUTDOWN__DRAIN_SECONDS": "1.5"}).settings
    assert (settings.log.level, settings.log.format, settings.shutdown.drain_seconds) == ("error", "json", 1.5)


def test_the_process_environment_is_never_read(folder, monkeypatch):
    monkeypatch.setenv("SYNCD_LOG__LEVEL", "error")
    assert load(folder(acme=TENANT), {}).settings.log.level == "info"


def test_one_tenants_mistake_keeps_no_other_from_running(folder):
    configuration = load(folder(acme=TENANT, other=TENANT.replace("abc", "def") + "polling = 3"), TOKENS)
    assert [tenant.name for tenant in configuration.tenants] == ["acme"]
    assert configuration.failed_tenants == ("other",)
    assert list(said(configuration)) == ["other.toml:stores.us.polling"]


WRONG_SETTINGS = """
state_dri = "x"
[log]
format = "yaml"
[shutdown]
drain_seconds = -1
"""
WRONG_TENANT = """mode = "lve"
returnz = "store"
buffer = -1
brake_share = 1.5
payload_days = "90"
name = "x"
[erp]
kind = "http"
base_url = "https://erp.example/x?y=1"
token = "hunter2hunter2"
[stores.us]
kind = "bigcommerce"
store_hash = "a/b"
access_token_file = "nope.txt"
poll_seconds = true
channels = [1, "x"]
cutover = 2026-01-01
skus = { "" = "x", "y" = 3 }
[stores.erp]
kind = "woocomerce"
[stores.Web]
kind = "woocommerce"
auth = "basic"
base_url = "http://shop.example"
quota_share = nan
settle_seconds = inf
consumer_key_file = "ck_1234567890123456789012345"
[kits]
A = { B = 0, C = 1.00001 }
B = {}
D = { A = 1 }
"""
MISTAKES = {  # key -> line, and words that must be in what is said
    "syncd.toml:state_dri": (2, ['Did you mean "state_dir"?']),
    "syncd.toml:log.format": (4, ['"auto" or "json" or "console"', '"yaml"']),
    "syncd.toml:shutdown.drain_seconds": (6, ["above 0", "-1"]),
    "environment:SYNCD_LOG__LEVEL": (0, ['"debug" or "info"', '"loud"']),
    "environment:SYNCD_STATEDIR": (0, ['Did you mean "SYNCD_STATE_DIR"?']),
    "acme.toml:returns": (0, ['"store" or "erp"', "nothing", "Add returns", "mandatory choice"]),
    "acme.toml:mode": (1, ['"live" or "shadow"', 'Did you mean "live"?']),
    "acme.toml:returnz": (2, ['Did you mean "returns"?']),
    "acme.toml:buffer": (3, ["a number of units, 0 or more", "-1"]),
    "acme.toml:brake_share": (4, ["above 0 and not above 1", "1.5"]),
    "acme.toml:payload_days": (5, ["a whole number", '"90"']),
    "acme.toml:name": (6, ["Remove it"]),
    "acme.toml:erp.base_url": (9, ["without a query"]),
    "acme.toml:erp.token": (10, ["token_file", "SYNCD_SECRET_ACME_ERP_TOKEN", "acme.erp.token"]),
    "acme.toml:stores.us.baseline": (
        11,
        ['"counted" or "not_counted" or "ask_erp"', "Add baseline = ... to [stores.us]"],
    ),
    "acme.toml:stores.us.store_hash": (13, ["letters and digits"]),
    "acme.toml:stores.us.access_token_file": (14, ["No such file"]),
    "acme.toml:stores.us.poll_seconds": (15, ["a number above 0", "true"]),
    "acme.toml:stores.us.channels[1]": (16, ["a whole number", '"x"']),
    "acme.toml:stores.us.cutover": (17, ["2026-11-01T00:00:00Z", "Add the time and a Z"]),
    'acme.toml:stores.us.skus.""': (18, ["text"]),
    "acme.toml:stores.us.skus.y": (18, ["a text in quotes", "3"]),
    "acme.toml:stores.erp": (19, ['other than "erp"']),
    "acme.toml:stores.erp.kind": (20, ['Did you mean "woocommerce"?']),
    "acme.toml:stores.Web": (21, ["a name of 1 to 31 characters"]),
    "acme.toml:stores.Web.consumer_secret": (21, ["consumer_secret_file", "SYNCD_SECRET_ACME_WEB_CONSUMER_SECRET"]),
    "acme.toml:stores.Web.baseline": (21, ["Add baseline"]),
    "acme.toml:stores.Web.base_url": (24, ['https:// for another machine when auth = "basic"', "oauth1"]),
    "acme.toml:stores.Web.quota_share": (25, ["not above 1", "nan"]),
    "acme.toml:stores.Web.settle_seconds": (26, ["not above 3600", "inf"]),
    "acme.toml:stores.Web.consumer_key_file": (27, ["not shown"]),
    "acme.toml:kits.A.B": (29, ["units above 0", "no kit itself"]),
    "acme.toml:kits.A.C": (29, ["four decimal places"]),
    "acme.toml:kits.B": (30, ["at least one component"]),
    "acme.toml:kits.D.A": (31, ["no kit itself"]),
    "torn.toml:": (3, ["TOML"]),
    "UPPER.toml:": (0, ["a name of 1 to 31 characters"]),
    "twin.toml:stores.us.store_hash": (7, ["that of other/us"]),
    "twin.toml:erp.file": (4, ["that of other"]),
}


def test_a_configuration_full_of_mistakes_is_told_all_of_them_at_once(folder):
    twin = TENANT.replace('"embedded"', '"embedded"\nfile = "erp/other.sqlite3"').replace("abc", "def")
    path = folder(
        WRONG_SETTINGS,
        acme=WRONG_TENANT,
        other=TENANT.replace("abc", "def"),
        torn="returns = 'store'\n[erp]\nkind = embedded\n",
        twin=twin.strip() + '\naccess_token_file = "t"\n',
        UPPER=TENANT,
    )
    (path / "tenants/t").write_text("t0ken-value")
    (path / "tenants/t").chmod(0o600)
    environment = {
        "SYNCD_LOG__LEVEL": "loud",
        "SYNCD_STATEDIR": "x",
        "SYNCD_SECRET_OTHER_US_ACCESS_TOKEN": "t0ken-value",
    }
    configuration = load(path, environment)
    found = said(configuration)
    assert set(found) == set(MISTAKES)
    lines = {f"{Path(problem.file).name}:{problem.key}": problem.line for problem in configuration.problems}
    for key, (line, words) in MISTAKES.items():
        assert (key, lines[key]) == (key, line)
        everything = " ".join(str(p) for p in configuration.problems if f"{Path(p.file).name}:{p.key}" == key)
        assert not [word for word in words if word not in everything], everything
    assert configuration.settings is None
    assert [tenant.name for tenant in configuration.tenants] == ["other"]
    assert "hunter2" not in str(configuration.problems)
    assert "ck_123" not in str(configuration.problems)
    for problem in configuration.problems:
        assert problem.expected
        assert problem.found
        assert problem.hint.endswith((".", "?")), problem


def test_a_folder_that_is_not_there_says_what_belongs_into_it(tmp_path):
    configuration = load(tmp_path / "nowhere", {})
    assert [Path(problem.file).name for problem in configuration.problems] == ["syncd.toml", "tenants"]
    assert all(problem.hint for problem in configuration.problems)


def test_a_folder_without_tenants_says_so_and_examples_are_no_tenants(folder):
    path = folder()
    (path / "tenants/acme.toml.example").write_text(TENANT)
    (path / "tenants/.hidden.toml").write_text(TENANT)
    configuration = load(path, {})
    assert configuration.tenants == ()
    assert [problem.expected for problem in configuration.problems] == ["one file NAME.toml for each tenant"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xff\xfe", "UTF-8 text"),
        (b"returns = 'store'\nreturns = 'erp'\n", "TOML"),
        (b"x = " + b"[" * 5_000, "TOML"),
        (b"#" * 1_000_001, "at most 1000000 bytes"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_problem_of_its_tenant_alone(folder, content, expected):
    path = folder(acme=TENANT)
    (path / "tenants/broken.toml").write_bytes(content)
    configuration = load(path, TOKENS)
    assert [tenant.name for tenant in configuration.tenants] == ["acme"]
    [problem] = configuration.errors
    assert (problem.tenant, problem.expected) == ("broken", expected)


def test_a_folder_in_a_files_place_is_a_problem_too(folder):
    path = folder(acme=TENANT)
    (path / "tenants/odd.toml").mkdir()
    assert load(path, TOKENS).failed_tenants == ("odd",)


@pytest.mark.parametrize(
    ("address", "auth", "in_use"),
    [
        ("https://shop.example", "auto", "basic"),
        ("http://shop.example/blog/", "auto", "oauth1"),
        ("http://127.0.0.1:8080", "auto", "oauth1"),
        ("http://localhost:8080", "basic", "basic"),
        ("http://[::1]:8080", "query", "query"),
        ("https://shop.example", "oauth1", "oauth1"),
        ("http://shop.example", "basic", None),
        ("http://shop.example", "query", None),
    ],
)
def test_keys_travel_in_the_open_to_this_machine_only(folder, address, auth, in_use):
    text = TENANT.partition("[stores.us]")[0] + (
        f'[stores.web]\nkind = "woocommerce"\nbase_url = "{address}"\nauth = "{auth}"\nbaseline = "counted"'
    )
    environment = {"SYNCD_SECRET_ACME_WEB_CONSUMER_KEY": "ck_1", "SYNCD_SECRET_ACME_WEB_CONSUMER_SECRET": "cs_1"}
    configuration = load(folder(acme=text), environment)
    if in_use is None:
        assert list(said(configuration)) == ["acme.toml:stores.web.base_url"]
    else:
        store = configuration.tenants[0].stores["web"]
        assert isinstance(store, WooCommerceStore)
        assert (store.auth_in_use, store.base_url) == (in_use, address.rstrip("/"))


@pytest.mark.parametrize(
    "address",
    ["shop.example", "ftp://shop.example", "https://", "https://user:p4ss@shop.example", "https://shop.example/?a=1",
     "https://shop.example/#x", "https://shop.example:port", "https://shop example", "http://[::1", "http://far.example"],
)  # fmt: skip
def test_an_address_that_cannot_be_used_is_refused_and_never_shows_credentials(folder, address):
    configuration = load(folder(acme=TENANT + f'base_url = "{address}"'), TOKENS)
    assert "acme.toml:stores.us.base_url" in said(configuration)
    assert "p4ss" not in str(configuration.problems)


def test_a_name_that_two_secrets_share_is_refused_for_both(folder):
    text = TENANT.replace("stores.us", "stores.b-c")
    other = TENANT.replace("stores.us", "stores.c").replace("abc", "def")
    path = folder(a=text, a_b=other)
    variable = "SYNCD_SECRET_A_B_C_ACCESS_TOKEN"
    configuration = load(path, {variable: "t0ken-value"})
    assert configuration.failed_tenants == ("a", "a-b")
    assert all(variable in problem.expected for problem in configuration.errors)


def test_secrets_show_in_no_representation(folder):
    configuration = load(folder(acme=TENANT), TOKENS)
    assert "t0ken" not in repr(configuration)
    assert "t0ken" not in configuration.tenants[0].model_dump_json()


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
def test_a_file_without_permission_is_a_problem(folder):
    path = folder(acme=TENANT)
    (path / "tenants/acme.toml").chmod(0)
    assert load(path, TOKENS).failed_tenants == ("acme",)


@pytest.mark.parametrize(
    "spelling",
    ["https://API.bigcommerce.com/", "https://api.bigcommerce.com:443", "http://api.bigcommerce.com:80", "https://api.bigcommerce.com."],
)  # fmt: skip
def test_one_shop_under_two_spellings_of_its_address_is_one_shop(folder, spelling):
    twin = TENANT.replace('store_hash = "abc"', f'store_hash = "abc"\nbase_url = "{spelling}"')
    configuration = load(folder(acme=TENANT, other=twin), TOKENS)
    assert "that of acme/us" in [problem.found for problem in configuration.errors]


def test_a_byte_order_mark_before_a_file_does_no_harm(folder):
    path = folder()
    (path / "tenants/acme.toml").write_bytes(b"\xef\xbb\xbf" + TENANT.encode())
    assert [tenant.name for tenant in load(path, TOKENS).tenants] == ["acme"]


def test_carts_that_nobody_would_hear_of_and_holds_without_carts_are_mistakes(folder):
    text = TENANT.replace("baseline", "{more}\nbaseline", 1)
    one = text.replace("{more}", "carts = true\nwebhooks = false")
    two = (
        text.replace("{more}", "holds_minutes = 15")
        .replace("abc", "def")
        .replace('"embedded"', '"embedded"\nfile = "x"')
    )
    found = said(
        load(
            folder("", acme=one, other=two),
            {"SYNCD_SECRET_ACME_US_ACCESS_TOKEN": "t", "SYNCD_SECRET_OTHER_US_ACCESS_TOKEN": "u"},
        )
    )
    assert {"acme.toml:stores.us.carts", "other.toml:stores.us.holds_minutes"} <= set(found)


def test_several_locations_have_a_location_of_the_erp_each(folder):
    configuration = load(folder(acme=TENANT + '[stores.us.locations]\n1 = "main"\n2 = "outlet"\n'), TOKENS)
    assert not configuration.errors
    [tenant] = configuration.tenants
    store = tenant.stores["us"]
    places = places_of(store, tenant.erp.location)
    assert (places.locations, places.home, places.taken_at) == ({"": "main", "@2": "outlet"}, "main", ("",))
    assert policy_of(tenant, "us").location == "main"


@pytest.mark.parametrize(
    ("more", "locations", "home", "taken_at", "pooled"),
    [
        ("", {"": "main"}, "main", ("",), False),
        ("location = 4", {"": "main"}, "main", (), False),
        ('location = 4\nlocations = { 4 = "far", 1 = "near" }', {"": "far", "@1": "near"}, "near", ("@1",), False),
        ('stock = "aggregated"\nlocations = { 1 = "a", 2 = "b" }', {"": "a", "@2": "b"}, "a", ("", "@2"), True),
    ],
)
def test_orders_take_at_location_1_or_anywhere(folder, more, locations, home, taken_at, pooled):
    [tenant] = load(folder(acme=TENANT + more), TOKENS).tenants
    places = places_of(tenant.stores["us"], tenant.erp.location)
    assert (places.locations, places.home, places.taken_at, places.pooled) == (locations, home, taken_at, pooled)


@pytest.mark.parametrize(
    ("locations", "expected"),
    [
        ('2 = "main"\n3 = "outlet"', "the location 1 among them"),
        ('1 = "main"\n2 = "main"', "another location of the ERP for each"),
        ('one = "main"', ""),
    ],
)
def test_locations_that_do_not_fit_together_are_refused(folder, locations, expected):
    configuration = load(folder(acme=f"{TENANT}[stores.us.locations]\n{locations}\n"), TOKENS)
    [problem] = configuration.errors
    assert problem.key.startswith("stores.us.locations")
    assert expected in problem.expected


@pytest.mark.parametrize("way", ["to_erp", "both"])
def test_what_the_shop_ships_needs_an_erp_that_keeps_documents(folder, way):
    store = f'shipments = "{way}"\norder_parts = ["taxes"]\n'
    complaint = said(load(folder(acme=TENANT + store), TOKENS))["acme.toml:stores.us.shipments"]
    assert "documents = true in [erp]" in complaint
    text = TENANT.replace('kind = "embedded"', 'kind = "embedded"\ndocuments = true') + store
    [tenant] = load(folder(acme=text), TOKENS).tenants
    us = tenant.stores["us"]
    assert isinstance(us, BigCommerceStore)
    assert us.parts_wanted == {"taxes", "shipments"}
    assert us.ships_from_erp == (way == "both")
