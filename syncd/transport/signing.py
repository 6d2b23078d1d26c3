"""How a request shows who asks. A signer is called anew for each try: OAuth wants a new nonce and time each time."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from hmac import digest
from typing import Protocol, TypeAlias
from urllib.parse import quote

from syncd.core.quantity import SECOND
from syncd.errors import BugError, MisconfiguredError
from syncd.ports.clock import Chance, Clock

Query: TypeAlias = Sequence[tuple[str, str]]

NONCE_BYTES = 16  # WooCommerce remembers nonces for 15 minutes; 128 bits never meet
_NESTED = re.compile(r"([^\[\]]+)\[([^\[\]]*)\]")
_CODES = {code: quote(chr(code), safe="") for code in range(128)}
_NO_HEADERS: Mapping[str, str] = {}
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


class Signer(Protocol):
    """Adds what authenticates a request."""

    def sign(self, method: str, url: str, query: Query) -> tuple[Query, Mapping[str, str]]:
        """The query and the headers to send. `url` has no query; `query` is decoded, in order."""


def encode_query(query: Query) -> str:
    """A query as it goes over the wire: all but RFC 3986's unreserved characters percent-encoded, in order."""
    return "&".join([f"{_encode(name)}={_encode(value)}" for name, value in query])


def _encode(text: str) -> str:
    """As `quote`, which takes each byte in hand where there is a single one to be encoded."""
    return text.translate(_CODES) if text.isascii() else quote(text, safe="")


class HeaderSigner:
    """Fixed headers: X-Auth-Token, Authorization: Bearer.

    Raises MisconfiguredError where one can't be sent, such as a token with the line end of the file it came from.
    """

    __slots__ = ("_headers",)

    def __init__(self, headers: Mapping[str, str]) -> None:
        for name, value in headers.items():
            if _UNPRINTABLE.search(value) or value != value.strip():
                raise MisconfiguredError(
                    f"the value for the header {name} has a character that can't be sent",
                    hint="does the secret end with a line end or a blank?",
                )
        self._headers = dict(headers)

    def sign(self, method: str, url: str, query: Query) -> tuple[Query, Mapping[str, str]]:  # noqa: ARG002 - a port
        """The query as it is, with the fixed headers."""
        return query, self._headers


class BasicSigner(HeaderSigner):
    """HTTP Basic: a name (a consumer key) and a password (a consumer secret). For https alone."""

    __slots__ = ()

    def __init__(self, name: str, password: str) -> None:
        super().__init__({"Authorization": "Basic " + b64encode(f"{name}:{password}".encode()).decode("ascii")})


class QueryKeySigner:
    """Keys in the query (WooCommerce on hosts that strip the Authorization header). They end up in access logs."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Mapping[str, str]) -> None:
        self._pairs = list(pairs.items())

    def sign(self, method: str, url: str, query: Query) -> tuple[Query, Mapping[str, str]]:  # noqa: ARG002 - a port
        """The query with the keys behind it."""
        return [*query, *self._pairs], _NO_HEADERS


class OAuth1Signer:
    """OAuth 1.0a with one leg, HMAC-SHA256, parameters in the query: WooCommerce over plain http.

    As WooCommerce verifies it (class-wc-rest-authentication.php, 10.0): the key is the consumer secret and "&"; the
    parameters are sorted by their decoded names as bytes; `name[]` arrives in PHP as an array, and is signed as
    `name[0]`, `name[1]`; the address is the site's home URL and path, without a slash at the end where the route is a
    parameter. A time more than 15 minutes off, or a nonce seen before, is refused with 401.
    """

    __slots__ = ("_chance", "_clock", "_key", "_secret")

    def __init__(self, key: str, secret: str, *, clock: Clock, chance: Chance) -> None:
        self._key = key
        self._secret = f"{quote(secret, safe='')}&".encode()
        self._clock = clock
        self._chance = chance

    def sign(self, method: str, url: str, query: Query) -> tuple[Query, Mapping[str, str]]:
        """The query with the OAuth parameters behind it; no headers."""
        signed = [
            *query,
            ("oauth_consumer_key", self._key),
            ("oauth_nonce", self._chance.token(NONCE_BYTES)),
            ("oauth_signature_method", "HMAC-SHA256"),
            ("oauth_timestamp", str(self._clock.wall() // SECOND)),
        ]
        text = signature_base(method, url, signed)
        signature = b64encode(digest(self._secret, text.encode("ascii"), sha256)).decode("ascii")
        return [*signed, ("oauth_signature", signature)], _NO_HEADERS


def signature_base(method: str, url: str, query: Query) -> str:
    """The text that OAuth 1.0a signs, as PHP sees the query.

    Raises BugError for names that PHP would not keep apart: twice the same, `a` beside `a[]`, or nested more than once.
    """
    kinds: dict[str, str] = {}  # of each name, without what stands in brackets
    taken: set[str] = set()
    rows: list[tuple[bytes, int, str]] = []
    for position, (name, value) in enumerate(query):
        nested = _NESTED.fullmatch(name)
        if nested:
            top, index = nested[1], nested[2]
            kind = "named" if index else "listed"
            if kind == "listed":
                index = str(sum(1 for earlier, _ in query[:position] if earlier == name))
            written = f"{quote(top, safe='')}%5B{index}%5D"
        else:
            top, kind, written = name, "plain", quote(name, safe="")
        if kinds.setdefault(top, kind) != kind or written in taken or (kind == "plain" and "[" in name):
            raise BugError(f"PHP would not keep this query parameter apart: {name}")
        taken.add(written)
        rows.append((top.encode(), position, f"{written}={quote(value, safe='')}"))
    if any(name == "rest_route" for name, _ in query):
        url = url.rstrip("/")
    rows.sort()
    parameters = quote("&".join([row[2] for row in rows]), safe="")
    return f"{method.upper()}&{quote(url, safe='')}&{parameters}"
