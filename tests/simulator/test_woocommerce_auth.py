"""Who may call the shop: Basic, query keys, and OAuth 1.0a with its nonces and its window."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import quote, urlencode

import pytest

from tests.simulator.woocommerce_shop import START_US, V3, open_bench

SECRET = "cs_simulated"


@pytest.fixture
async def bench():
    async with open_bench(plain_http="oauth") as running:
        running.shop.add_product("A", stock=10)
        yield running


def signed(bench, method="GET", path=f"{V3}/orders", query=(), *, nonce="n1", algorithm="HMAC-SHA256", **changed):
    """A signed address, by RFC 5849 and not by the simulator's own code."""
    oauth = {
        "oauth_consumer_key": "ck_simulated",
        "oauth_nonce": nonce,
        "oauth_signature_method": algorithm,
        "oauth_timestamp": str(START_US // 1_000_000),
        **changed,
    }
    pairs = [*query, *oauth.items()]
    encoded = sorted((quote(key, safe="~"), quote(value, safe="~")) for key, value in pairs)
    text = "&".join(f"{key}={value}" for key, value in encoded)
    whole = "&".join((method, quote(bench.base + path, safe="~"), quote(text, safe="~")))
    digest = getattr(hashlib, {"HMAC-SHA1": "sha1"}.get(algorithm, "sha256"))
    signature = base64.b64encode(hmac.new(f"{SECRET}&".encode(), whole.encode(), digest).digest()).decode()
    return f"{path}?{urlencode([*pairs, ('oauth_signature', signature)], quote_via=quote)}"


async def call(bench, path, method="GET", **more):
    return await bench.call(method, path, keys=False, **more)


@pytest.mark.parametrize("algorithm", ["HMAC-SHA1", "HMAC-SHA256"])
async def test_a_signed_call_passes(bench, algorithm):
    query = [("status", "any"), ("modified_after", "2026-11-23T10:00:00"), ("search", "a b~c/d+e")]
    answer = await call(bench, signed(bench, query=query, algorithm=algorithm))
    assert answer.status == 200


async def test_a_list_in_the_query_is_signed_with_its_places(bench):
    path = signed(bench, query=[("exclude[0]", "1"), ("exclude[1]", "2")])
    answer = await call(bench, path.replace("exclude%5B0%5D", "exclude[]").replace("exclude%5B1%5D", "exclude[]"))
    assert answer.status == 200


async def test_a_post_is_signed_with_its_own_method(bench):
    body = {"line_items": [{"sku": "A", "quantity": 1}]}
    assert (await call(bench, signed(bench, "POST"), "POST", body=body)).status == 201
    wrong = await call(bench, signed(bench, "GET", nonce="n2"), "POST", body=body)
    assert (wrong.status, wrong.body["code"]) == (401, "woocommerce_rest_authentication_error")


async def test_oauth_by_header_passes_too(bench):
    path = signed(bench)
    parts = dict(part.split("=", 1) for part in path.partition("?")[2].split("&"))
    header = "OAuth " + ", ".join(f'{name}="{value}"' for name, value in parts.items())
    assert (await call(bench, f"{V3}/orders", headers={"Authorization": header})).status == 200


async def test_a_nonce_is_good_once(bench):
    path = signed(bench)
    assert (await call(bench, path)).status == 200
    again = await call(bench, path)
    assert (again.status, again.body["message"]) == (401, "Invalid nonce - nonce has already been used.")
    bench.clock.pass_seconds(16 * 60)
    late = str(bench.clock.now() // 1_000_000)
    assert (await call(bench, signed(bench, nonce="n2", oauth_timestamp=late))).status == 200
    assert (await call(bench, signed(bench, nonce="n1", oauth_timestamp=late))).status == 200


@pytest.mark.parametrize("off_seconds", [-901, 901])
async def test_a_timestamp_outside_the_window_is_refused(bench, off_seconds):
    at = str(START_US // 1_000_000 + off_seconds)
    answer = await call(bench, signed(bench, oauth_timestamp=at))
    assert (answer.status, answer.body["message"]) == (401, "Invalid timestamp.")
    inside = str(START_US // 1_000_000 + off_seconds // 2)
    assert (await call(bench, signed(bench, nonce="n2", oauth_timestamp=inside))).status == 200


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"oauth_consumer_key": "ck_other"}, "Consumer key is invalid."),
        ({"algorithm": "PLAINTEXT"}, "Invalid signature - signature method is invalid."),
        ({"nonce": ""}, "Missing OAuth parameter oauth_nonce"),
    ],
)
async def test_wrong_oauth_parameters_are_named(bench, changed, message):
    answer = await call(bench, signed(bench, **changed))
    assert (answer.status, answer.body["message"]) == (401, message)


async def test_another_home_url_breaks_the_signature(bench):
    bench.shop.settings.url = "https://shop.example.test"
    answer = await call(bench, signed(bench))
    assert answer.body["message"] == "Invalid signature - provided signature does not match."


async def test_plain_http_refuses_keys_in_the_query_and_https_takes_them(bench):
    path = f"{V3}/orders?consumer_key=ck_simulated&consumer_secret=cs_simulated"
    assert (await call(bench, path)).status == 401
    bench.shop.settings.plain_http = "basic"
    assert (await call(bench, path)).status == 200
    assert (await bench.get("/orders")).status == 200
    assert (await call(bench, signed(bench))).status == 200
    wrong = await call(bench, path + "x")
    assert (wrong.status, wrong.body["message"]) == (401, "Consumer secret is invalid.")


async def test_without_a_key_only_the_index_answers(bench):
    assert (await call(bench, "/wp-json/")).body["home"] == bench.base
    for method, path in (("GET", "/orders"), ("POST", "/orders"), ("PUT", "/products/1"), ("DELETE", "/orders/1")):
        assert (await call(bench, V3 + path, method)).status == 401


async def test_a_key_may_only_do_what_its_permissions_say(bench):
    bench.shop.settings.plain_http, bench.shop.settings.permissions = "basic", "read"
    assert (await bench.get("/orders")).status == 200
    assert (await bench.post("/orders", {})).status == 401
    bench.shop.settings.permissions = "write"
    assert (await bench.get("/orders")).status == 401
    assert (await bench.post("/orders", {})).status == 201
