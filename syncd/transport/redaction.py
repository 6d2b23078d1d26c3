"""What must not be seen is taken out of everything that leaves the transport as text: messages and first bytes.

Two nets. Known secrets are replaced wherever they stand, as they are and as they look inside an address or JSON. And
whatever follows a secret-looking name (`consumer_secret=`, `"token": "`, `Authorization: Basic `) is replaced too, for
secrets that nobody told us of: WAF pages like to show the address they refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from urllib.parse import quote, quote_plus

HIDDEN = "[hidden]"
SECRET_CHARACTERS_MIN = 4  # a shorter one is no secret, and replacing it would make any text unreadable
SCANNED_BYTES_MAX = 16_384  # of a body, for an excerpt
EXCERPT_CHARACTERS_MAX = 300  # the first bytes of a page: enough to know a WAF, a PHP notice, a maintenance page

# Linear on any text: each part is bounded, and no part can begin where the one before it ends.
_NAMED = re.compile(
    r"((?:consumer_key|api_?key|secret|token|passw(?:or)?d|pwd|signature|nonce|credential)[\w-]{0,40}"
    r"[\"']?\s{0,4}(?:=|:|%3D|%3A)\s{0,4}[\"']?)[^&\s\"'<>,;]{1,4096}",
    re.IGNORECASE,
)
_AUTHORIZATION = re.compile(r"\b(Basic|Bearer|OAuth)\s{1,4}[\w+/=.~:-]{8,4096}")


class Redaction:
    """Knows the secrets of one client; never shows them, not even as its own repr."""

    __slots__ = ("_known", "_longest")

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        forms: set[str] = set()
        for secret in secrets:
            if len(secret) >= SECRET_CHARACTERS_MIN:
                forms |= {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}
        ordered = sorted(forms, key=len, reverse=True)  # the longest first: one may contain another
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        self._longest = len(ordered[0].encode()) if ordered else 0

    def known(self, text: str) -> str:
        """The text without the secrets that are known; nothing else is touched."""
        return self._known.sub(HIDDEN, text) if self._known else text

    def text(self, text: str) -> str:
        """The text without secrets, known and suspected."""
        return _AUTHORIZATION.sub(rf"\1 {HIDDEN}", _NAMED.sub(rf"\1{HIDDEN}", self.known(text)))

    def excerpt(self, body: bytes) -> str:
        """The beginning of a body, without secrets, on one line. Cut after redaction: a cut secret is not recognised."""
        scanned = body[:SCANNED_BYTES_MAX].decode("utf-8", "replace")
        text = self.text(scanned)
        if len(body) > SCANNED_BYTES_MAX:  # the scan itself may have cut one: leave out where it could stand
            text = text[: max(0, len(text) - self._longest)]
        return " ".join(text[:EXCERPT_CHARACTERS_MAX].split())

    def body(self, body: bytes) -> bytes:
        """A whole body without the known secrets, for those who read its details."""
        if self._known is None:
            return body
        return self.known(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def __repr__(self) -> str:
        return "Redaction()"


NOTHING_SECRET = Redaction()
