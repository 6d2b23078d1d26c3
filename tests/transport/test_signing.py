"""Signatures, checked by a reading of WooCommerce's own verification, and keys that reach the shop as they should."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from hashlib import sha256
from hmac import new as hmac
from urllib.parse import quote, unquote_plus, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import BugError, MisconfiguredError
from syncd.transport import BasicSigner, HeaderSigner, OAuth1Signer, QueryKeySigner
from syncd.transport.signing import encode_query
from tests.transport.misbehaving import FakeChance, FakeClock, answers, resets

KEY, SECRET = "ck_0123456789", "cs_9876543210"


def php_query(text: str) -> dict[str, str | dict[str, str]]:
    """What PHP makes of a query string: $_GET."""
    found: dict[str, str | dict[str, str]] = {}
    for part in text.split("&"):
        name, _, value = part.partition("=")
        name, value = unquote_plus(name), unquote_plus(value)
        nested = re.fullmatch(r"([^\[]+)\[([^\]]*)\]", name)
        if nested:
            array = found.setdefault(nested[1], {})
            assert isinstance(array, dict)
            array[nested[2] or str(len(array))] = value
        else:
            found[name] = value
    return found


def encoded(text: str) -> str:
    """PHP's rawurlencode."""
    return quote(text, safe="-_.~")


def woocommerce_accepts(method: str, url: str, home: str, secret: str = SECRET) -> bool:
    """check_oauth_signature of class-wc-rest-authentication.php, in Python: get_home_url, uksort, normalize, join, hash."""
    parts = urlsplit(url)
    params = php_query(parts.query)
    base = urlsplit(home).path + "/"
    path = parts.path.removeprefix(base)
    address = home + ("/" + path.lstrip("/") if path else "")
    given_signature = params.pop("oauth_signature")
    assert isinstance(given_signature, str)
    joined: list[str] = []
    for name in sorted(params, key=lambda name: name.encode()):
        value = params[name]
        if isinstance(value, dict):
            joined += [encoded(f"{encoded(name)}%5B{index}%5D={encoded(one)}") for index, one in value.items()]
        else:
            joined.append(encoded(f"{encoded(name)}={encoded(value)}"))
    text = f"{method}&{encoded(address)}&{'%26'.join(joined)}"
    expected = b64encode(hmac(f"{secret}&".encode(), text.encode(), sha256).digest()).decode()
    return given_signature == expected


def signed_url(query, url="http://shop.example/wp-json/wc/v3/orders", method="GET") -> str:
    signer = OAuth1Signer(KEY, SECRET, clock=FakeClock(), chance=FakeChance())
    full, headers = signer.sign(method, url, query)
    assert not headers
    return f"{url}?{encode_query(full)}"


@pytest.mark.parametrize(
    "query",
    [
        [],
        [("per_page", "100"), ("modified_after", "2024-01-01T00:00:00+00:00"), ("_fields", "id,status")],
        [("search", "50% off & more / ä~-._ +*'()!")],
        [("status[]", "processing"), ("zeta", "1"), ("status[]", "on-hold"), ("Alpha", "2")],
        [("meta[a]", "1"), ("meta[b]", "2"), ("meta2", "3"), ("meta-x", "4")],
    ],
)
def test_woocommerce_verifies_what_is_signed(query):
    assert woocommerce_accepts("GET", signed_url(query), "http://shop.example")
    assert woocommerce_accepts("POST", signed_url(query, method="post"), "http://shop.example")
    assert not woocommerce_accepts("GET", signed_url(query), "http://shop.example", secret="cs_other")


def test_a_shop_in_a_folder_and_one_without_pretty_addresses_verify_too():
    folder = "http://shop.example:8080/shop"
    assert woocommerce_accepts("GET", signed_url([("a", "b")], url=f"{folder}/wp-json/wc/v3/orders"), folder)
    route = [("rest_route", "/wc/v3/orders"), ("per_page", "1")]
    assert woocommerce_accepts("GET", signed_url(route, url=f"{folder}/"), folder)
    assert woocommerce_accepts("GET", signed_url(route, url="http://shop.example/"), "http://shop.example")
    assert woocommerce_accepts("GET", signed_url(route, url=f"{folder}/index.php"), folder)


NAMES = st.text(st.characters(blacklist_characters="[]. +", blacklist_categories=["Cs", "Cc", "Z"]), min_size=1)
VALUES = st.text(st.characters(blacklist_categories=["Cs"]))


@given(st.dictionaries(NAMES.filter(lambda name: not name.startswith("oauth_")), VALUES, max_size=6))
def test_woocommerce_verifies_any_query(query):
    assert woocommerce_accepts("GET", signed_url(list(query.items())), "http://shop.example")


@pytest.mark.parametrize(
    "query",
    [
        [("a", "1"), ("a", "2")],
        [("a[b][c]", "1")],
        [("a[", "1")],
        [("a[]", "1"), ("a", "2")],
        [("a", "2"), ("a[]", "1")],
        [("a[]", "1"), ("a[0]", "2")],
        [("a[x]", "1"), ("a[x]", "2")],
    ],
)
def test_a_query_that_php_would_read_differently_is_a_bug(query):
    with pytest.raises(BugError):
        signed_url(query)


async def test_each_try_is_signed_anew(make_guest, shop):
    clock, chance = FakeClock(), FakeChance()
    guest = make_guest(signer=OAuth1Signer(KEY, SECRET, clock=clock, chance=chance))
    await guest.client.read("/warm")  # over its kept connection aiohttp would send the next one twice, with one nonce
    shop.script = [resets(), answers({}, status=500), answers([])]
    clock.passed_seconds = 5
    await guest.client.read("/x", [("a", "b")])
    queries = [php_query(urlsplit(request.target).query) for request in shop.requests]
    assert len({str(query["oauth_nonce"]) for query in queries}) == len(queries) == 4
    assert queries[-1]["oauth_timestamp"] == "1700000005"
    assert all(woocommerce_accepts("GET", shop.url + request.target, shop.url) for request in shop.requests)


async def test_keys_go_where_they_are_told(make_guest, shop):
    await make_guest(signer=BasicSigner(KEY, SECRET)).client.read("/x")
    await make_guest(signer=QueryKeySigner({"consumer_key": KEY, "consumer_secret": SECRET})).client.read(
        "/x", [("a", "b")]
    )
    await make_guest(signer=HeaderSigner({"Authorization": "Bearer abc"})).client.read("/x")
    basic, query, bearer = shop.requests
    assert b64decode(basic.headers["Authorization"].removeprefix("Basic ")).decode() == f"{KEY}:{SECRET}"
    assert query.target == f"/x?a=b&consumer_key={KEY}&consumer_secret={SECRET}"
    assert bearer.headers["Authorization"] == "Bearer abc"


@pytest.mark.parametrize("token", ["abc\n", "abc\r\nX-Other: 1", " abc", "abc\x00", "ÄBC"])
def test_a_token_that_can_not_be_sent_is_refused_without_being_shown(token):
    with pytest.raises(MisconfiguredError) as caught:
        HeaderSigner({"X-Auth-Token": token})
    assert "X-Auth-Token" in str(caught.value)
    assert token.strip() not in str(caught.value)


def test_signers_do_not_show_what_they_hold():
    for signer in (
        HeaderSigner({"X": SECRET}),
        BasicSigner(KEY, SECRET),
        QueryKeySigner({"k": SECRET}),
        OAuth1Signer(KEY, SECRET, clock=FakeClock(), chance=FakeChance()),
    ):
        assert SECRET not in repr(signer)
