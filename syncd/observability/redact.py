"""Keep secrets out of what is logged: by the name of a field, by the shape of a text, and by the secrets we know.

Redaction is the second line of defence. The first is that nobody logs a request's headers or its full address.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

REDACTED = "[redacted]"
SECRET_LENGTH_MIN = 5  # shorter ones would blot out ordinary text ("main", "1"); no platform issues such keys
SPELLINGS_MAX = 50_000  # of known secrets: 1,000 tenants with some stores each, and several rotations of their keys
NAMES_MAX = 500  # decisions about names that are remembered: our own fields are far fewer, a shop's keys may be endless

SECRET_NAMES = re.compile(
    r"(?:^|_|-)(?:tokens?|secrets?|passw(?:or)?d|passphrase|authori[sz]ation|credentials?|cookies?|signature)(?:$|_|-)"
    r"|api_?key|consumer_key|private_key|x-auth",
    re.IGNORECASE,
)
SECRET_SHAPES = re.compile(
    r"(?P<scheme>\b(?:Basic|Bearer)\s+)[A-Za-z0-9+/=._~-]{8,}"
    r"|(?P<name>\b(?:consumer_key|consumer_secret|oauth_signature|oauth_token|access_token|client_secret|password)"
    r"[\"']?\s*[=:]\s*[\"']?)[^&\s\"',;}]+"
    r"|(?P<user>://)[^/\s:@]+:[^/\s@]+(?=@)",
    re.IGNORECASE,
)
SHAPES_NEED = re.compile(r"[\s=:]")  # no shape is without one of these: most values are through in one look


class Redaction:
    """Blots out known secrets, in the spellings in which they travel, and what looks like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._spellings: dict[str, None] = {}
        self._known: re.Pattern[str] | None = None
        self.learn(secrets)
        self._names: dict[str, bool] = {}  # what was decided about names; see NAMES_MAX

    def learn(self, secrets: Iterable[str]) -> None:
        """Blot these out, too, from now on. Older ones stay known: what a shop quotes may be late."""
        for spelling in [spelling for secret in secrets for spelling in _spellings(secret)]:
            self._spellings.pop(spelling, None)
            self._spellings[spelling] = None
        while len(self._spellings) > SPELLINGS_MAX:
            del self._spellings[next(iter(self._spellings))]
        # the longest first, so that no rest of a secret stays behind one that it begins with
        ordered = sorted(self._spellings, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def is_secret_name(self, name: str) -> bool:
        """Whether a field of this name should never show its value."""
        decided = self._names.get(name)
        if decided is None:
            decided = SECRET_NAMES.search(name) is not None
            if len(self._names) < NAMES_MAX:
                self._names[name] = decided
        return decided

    def text(self, text: str) -> str:
        """The text without what is, or looks like, a secret."""
        if self._known is not None and len(text) >= SECRET_LENGTH_MIN:
            text = self._known.sub(REDACTED, text)
        return SECRET_SHAPES.sub(_keep_the_name, text) if SHAPES_NEED.search(text) else text


def _keep_the_name(found: re.Match[str]) -> str:
    return f"{found['scheme'] or found['name'] or found['user']}{REDACTED}"


def _spellings(secret: str) -> set[str]:
    """A secret as it is, percent-encoded, and in Base64."""
    if len(secret) < SECRET_LENGTH_MIN:
        return set()
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    return {secret, quote(secret, safe=""), quote_plus(secret), encoded}
