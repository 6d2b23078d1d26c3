"""Who may look at the page, and who may decide something there.

Without a token any user of this machine may look, as at everything of the private listener: what customers wrote stays hidden
then, and nothing can be decided. With one, a browser shows it once by a form and gets a session: the end of its time and a
code that only whoever has the token can make. The token itself is kept nowhere, and a new one ends all sessions.

A form carries a code of its session, and is believed from this very page alone: no other site can have it sent.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from aiohttp import web
from yarl import URL

from syncd.core.quantity import Instant, microseconds
from syncd.ports.clock import Clock

ASSETS: Final[Mapping[str, str]] = {  # everybody may have them: the form that asks for the token needs them
    "/page.css": "text/css",
    "/page.js": "text/javascript",
    "/icon.svg": "image/svg+xml",
}
COOKIE: Final = "syncd-session"
SESSION_SECONDS: Final = 12 * 3_600.0
WRONG_MAX: Final = 5  # of one address within WRONG_SECONDS: whoever mistypes more often can wait
WRONG_OF_ALL_MAX: Final = 50
WRONG_SECONDS: Final = 60.0
ADDRESSES_MAX: Final = 1_000  # remembered; the ones longest ago are forgotten first


class Access:
    """The session and its codes. `token` is None where any user of this machine may look."""

    def __init__(self, token: str | None, clock: Clock) -> None:
        self._token = None if token is None else token.encode()
        self._clock = clock
        self._wrong: OrderedDict[str, list[float]] = OrderedDict()

    @property
    def has_token(self) -> bool:
        """Whether decisions are possible at all."""
        return self._token is not None

    def is_known(self, request: web.Request) -> bool:
        """Whether the request carries the token, or the session of a browser that has shown it."""
        return self.name_of(request) is not None

    def name_of(self, request: web.Request) -> str | None:
        """The session to which the request's forms belong; None: nobody's."""
        if self._token is None:
            return None
        sent = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if sent and hmac.compare_digest(sent, b"Bearer " + self._token):
            return "bearer"
        session = request.cookies.get(COOKIE, "")
        until, _, code = session.partition(".")
        if not (until.isdecimal() and until.isascii() and len(until) <= 20):
            return None
        is_ours = hmac.compare_digest(code.encode("utf-8", "surrogateescape"), self._code("session", until).encode())
        return session if is_ours and int(until) > self._clock.now() else None

    def _code(self, purpose: str, text: str) -> str:
        assert self._token is not None
        return hmac.new(self._token, f"syncd page {purpose} {text}".encode(), hashlib.sha256).hexdigest()

    # -- logging in and out

    def is_right(self, token: str) -> bool:
        """Whether this is the token."""
        return self._token is not None and hmac.compare_digest(token.strip().encode(), self._token)

    def wait_seconds(self, address: str) -> float:
        """How long this address has to wait before it may try once more; 0: not at all."""
        now = self._clock.monotonic()
        mine = [at for at in self._wrong.get(address, []) if now - at < WRONG_SECONDS]
        everybody = sorted(at for times in self._wrong.values() for at in times if now - at < WRONG_SECONDS)
        waits = [WRONG_SECONDS - (now - mine[-WRONG_MAX])] if len(mine) >= WRONG_MAX else []
        if len(everybody) >= WRONG_OF_ALL_MAX:
            waits.append(WRONG_SECONDS - (now - everybody[-WRONG_OF_ALL_MAX]))
        return max(waits, default=0.0)

    def was_wrong(self, address: str) -> None:
        """Somebody there didn't know the token."""
        self._wrong.setdefault(address, []).append(self._clock.monotonic())
        self._wrong.move_to_end(address)
        del self._wrong[address][:-WRONG_MAX]
        while len(self._wrong) > ADDRESSES_MAX:
            self._wrong.popitem(last=False)

    def open_session(self, request: web.Request, answer: web.Response) -> None:
        """Give the browser a session; one that came over TLS, by a proxy, keeps it to TLS."""
        until = Instant(self._clock.now() + microseconds(SESSION_SECONDS))
        answer.set_cookie(
            COOKIE, f"{until}.{self._code('session', str(until))}", max_age=int(SESSION_SECONDS), path="/",
            httponly=True, samesite="Strict", secure=request.headers.get("Origin", "").startswith("https://"),
        )  # fmt: skip

    def end_session(self, answer: web.Response) -> None:
        """Let the browser forget its session."""
        answer.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict")

    # -- forms

    def form_code(self, request: web.Request) -> str:
        """What the forms of this session carry; "" where nobody may send one."""
        name = self.name_of(request)
        return "" if name is None else self._code("form", name)

    def is_own_form(self, request: web.Request, code: str) -> bool:
        """Whether a form was sent from this page, in this session."""
        own = self.form_code(request)
        return bool(own) and comes_from_here(request) and hmac.compare_digest(code.encode(), own.encode())


def comes_from_here(request: web.Request) -> bool:
    """Whether the browser says that a page of this very origin has sent it. Browsers tell `Sec-Fetch-Site` over TLS and on this
    machine alone; elsewhere, and in old ones, `Origin` has to be the address that was asked."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    try:
        origin = URL(request.headers.get("Origin", ""))
        return bool(origin.host) and origin.authority == URL(f"{origin.scheme}://{request.host}").authority
    except ValueError:
        return False


def remaining(wait: float) -> str:
    """Whole seconds, for `Retry-After`."""
    return str(max(1, round(wait)))
