"""Who may call: Basic and query keys where the connection counts as HTTPS, OAuth 1.0a one-legged everywhere.

As WooCommerce's `WC_REST_Authentication` does it: OAuth parameters in the query or in an Authorization header, the key
of the signature is the secret with `&`, the timestamp may be 15 minutes off, and a nonce is remembered that long.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from syncd.simulator.woocommerce.order_book import SECOND
from syncd.simulator.woocommerce.records import ShopRefusal
from syncd.simulator.woocommerce.rest import INDEXED

if TYPE_CHECKING:
    from syncd.simulator.woocommerce.shop import Shop

WINDOW_SECONDS = 15 * 60
NONCES_MAX = 100_000  # fifteen minutes of a very busy client
OAUTH_NAMES = (
    "oauth_consumer_key",
    "oauth_timestamp",
    "oauth_nonce",
    "oauth_signature",
    "oauth_signature_method",
)
HEADER_PART = re.compile(r'(\w+)="([^"]*)"')
Query = list[tuple[str, str]]


def refused(message: str) -> ShopRefusal:
    """A key or signature that is wrong."""
    return ShopRefusal(401, "woocommerce_rest_authentication_error", message)


def nobody(method: str) -> ShopRefusal:
    """No usable key at all: WordPress goes on as a visitor, who may do nothing."""
    verb = {"GET": ("cannot_view", "list resources"), "DELETE": ("cannot_delete", "delete this resource")}
    code, what = verb.get(
        method, ("cannot_create", "create resources") if method == "POST" else ("cannot_edit", "edit this resource")
    )
    return ShopRefusal(
        401, f"woocommerce_rest_{code}", f"Sorry, you {'cannot' if method == 'GET' else 'are not allowed to'} {what}."
    )


class Gate:
    """Checks one shop's calls; remembers the nonces."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._nonces: dict[str, int] = {}

    def check(self, method: str, uri: str, query: Query, headers: Mapping[str, str]) -> None:
        """Let a call pass, or raise ShopRefusal. `uri` is the address without its query."""
        settings = self._shop.settings
        given = headers.get("Authorization", "")
        if settings.plain_http == "basic":
            pair = _basic(given) or _query_keys(query)
            if pair is not None and pair[0] == settings.consumer_key:
                if not hmac.compare_digest(pair[1], settings.consumer_secret):
                    raise refused("Consumer secret is invalid.")
                self._allow(method)
                return
        oauth = dict(query)
        if given.startswith("OAuth "):
            oauth |= {name: unquote(value) for name, value in HEADER_PART.findall(given)}
        if not any(name in oauth for name in OAUTH_NAMES):
            raise nobody(method)
        self._check_oauth(method, uri, query, oauth)
        self._allow(method)

    def _allow(self, method: str) -> None:
        permissions = self._shop.settings.permissions
        if method == "GET" and permissions == "write":
            raise refused("The API key provided does not have read permissions.")
        if method != "GET" and permissions == "read":
            raise refused("The API key provided does not have write permissions.")

    def _check_oauth(self, method: str, uri: str, query: Query, oauth: dict[str, str]) -> None:
        missing = [name for name in OAUTH_NAMES if not oauth.get(name)]
        if missing:
            text = f"Missing OAuth parameter{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
            raise ShopRefusal(401, "woocommerce_rest_authentication_missing_parameter", text)
        settings = self._shop.settings
        if oauth["oauth_consumer_key"] != settings.consumer_key:
            raise refused("Consumer key is invalid.")
        algorithm = {"HMAC-SHA1": "sha1", "HMAC-SHA256": "sha256"}.get(oauth["oauth_signature_method"])
        if algorithm is None:
            raise refused("Invalid signature - signature method is invalid.")
        signed = [(name, value) for name, value in query if name != "oauth_signature"]
        known = {name for name, _ in signed}
        signed += [
            (name, value)
            for name, value in oauth.items()
            if name.startswith("oauth_") and name not in known and name != "oauth_signature"
        ]
        text = base_string(method, uri, signed)
        digest = hmac.new(f"{settings.consumer_secret}&".encode(), text.encode(), algorithm).digest()
        if not hmac.compare_digest(base64.b64encode(digest).decode(), oauth["oauth_signature"].replace(" ", "+")):
            raise refused("Invalid signature - provided signature does not match.")
        self._check_fresh(oauth["oauth_timestamp"], oauth["oauth_nonce"])

    def _check_fresh(self, timestamp: str, nonce: str) -> None:
        now = self._shop.now() // SECOND
        if not timestamp.isdigit() or abs(int(timestamp) - now) > WINDOW_SECONDS:
            raise refused("Invalid timestamp.")
        if nonce in self._nonces:
            raise refused("Invalid nonce - nonce has already been used.")
        self._nonces[nonce] = int(timestamp)
        for old, stamp in list(self._nonces.items()):  # sorted by arrival: the old ones stand first
            if stamp >= now - WINDOW_SECONDS and len(self._nonces) <= NONCES_MAX:
                break
            del self._nonces[old]


def base_string(method: str, uri: str, query: Query) -> str:
    """What is signed: method, address and sorted parameters, as WooCommerce builds it (`a[]` counts as `a[0]`)."""
    named: Query = []
    counts: dict[str, int] = {}
    for name, value in query:
        match = INDEXED.match(name)
        if match:
            place = counts.get(match[1], 0)
            counts[match[1]] = place + 1
            named.append((f"{match[1]}[{place}]", value))
        else:
            named.append((name, value))
    pairs = sorted((quote(name, safe="-._~"), quote(value, safe="-._~")) for name, value in named)
    text = "&".join(f"{name}={value}" for name, value in pairs)
    return "&".join((method.upper(), quote(uri, safe="-._~"), quote(text, safe="-._~")))


def _basic(given: str) -> tuple[str, str] | None:
    if not given.startswith("Basic "):
        return None
    try:
        text = base64.b64decode(given[6:], validate=True).decode()
    except ValueError:
        return None
    key, _, secret = text.partition(":")
    return key, secret


def _query_keys(query: Query) -> tuple[str, str] | None:
    given = dict(query)
    if "consumer_key" in given and "consumer_secret" in given:
        return given["consumer_key"], given["consumer_secret"]
    return None
