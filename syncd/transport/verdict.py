"""What an answer means, and which of syncd's errors it becomes: one table for all stores.

The hard part is whom to believe. Between syncd and a shop stand firewalls, caches and hosts that answer with pages of
their own, under statuses that mean something else in an API. So a 404 or 403 counts as the API's own word only when it
is JSON (or has no body); an HTML page is a fault of the store, whatever its status says.
"""

from __future__ import annotations

import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

import aiohttp
import msgspec
from yarl import URL

from syncd.core.quantity import seconds
from syncd.errors import (
    MisconfiguredError,
    NotFound,
    OutcomeUnknown,
    RefusedError,
    StoreFault,
    SyncdError,
    Throttled,
)
from syncd.transport.limits import Limits
from syncd.transport.redaction import Redaction
from syncd.transport.session import ConnectionLost, TooLarge

REFUSAL_BYTES_MAX = 64 * 2**10  # of a refusal's body kept on the error: the details of the largest batch
MESSAGE_CHARACTERS_MAX = 300  # of the other side's own message
SCALAR_BYTES_MAX = 64  # a body that is one JSON number, true, false or null
BODILESS = frozenset({202, 204, 205, 304})  # an empty 200 is PHP's white page, an empty one of these is meant
LASTING = frozenset({501, 505, 507})  # not implemented, HTTP version, storage full: no better in a minute
_CLOSING = {ord("{"): ord("}"), ord("["): ord("]"), ord('"'): ord('"')}
_SCALAR = frozenset(b"-0123456789tfn")


class Kind(Enum):
    """Who must act."""

    FAULT = "fault"
    THROTTLED = "throttled"
    REFUSED = "refused"
    MISSING = "missing"
    MISCONFIGURED = "misconfigured"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no usable answer. `reason` and `body` are as they came: whoever shows them redacts them."""

    kind: Kind
    reason: str
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    sent: bool = True  # False: the request surely never left
    lasting: bool = False  # trying again within the same call won't help
    alive: bool = False  # a FAULT that doesn't speak against the store as a whole
    hint: str = ""


def judge(
    status: int, headers: Mapping[str, str], body: bytes, *, accept: Collection[int] = (), bodiless: bool = False
) -> Trouble | None:
    """What keeps this complete answer from being used, or None. `bodiless`: it answers a HEAD."""
    trouble = _judge(status, headers, body, accept, bodiless=bodiless)
    return None if trouble is None else replace(trouble, status=status, headers=headers, body=body)


def _judge(
    status: int, headers: Mapping[str, str], body: bytes, accept: Collection[int], *, bodiless: bool
) -> Trouble | None:
    if status == 429:
        return Trouble(Kind.THROTTLED, "429, too many requests")
    if status < 300 or status == 304 or status in accept:
        if (not body and (status in BODILESS or status >= 400 or bodiless)) or is_json(headers, body):
            return None
        return Trouble(Kind.FAULT, f"{status}, {'not JSON' if body else 'an empty body'}", lasting=status >= 400)
    if status < 400:
        return Trouble(
            Kind.MISCONFIGURED,
            f"{status}, redirected to {redirect_target(headers)}",
            hint="configure the final address: a redirect loses the credentials or the body",
        )
    if status >= 500 or status in {408, 425}:
        return Trouble(Kind.FAULT, str(status), lasting=status in LASTING)
    believed = not body or is_json(headers, body)
    if status == 401 or (status == 403 and believed):
        return Trouble(Kind.MISCONFIGURED, str(status), hint="check the credentials, their scopes and the clock")
    if status == 404 and believed:
        return Trouble(Kind.MISSING, "404")
    if status in {403, 404} or (not believed and is_html(headers, body)):
        hint = "a page of a firewall or the host, not of the API: is the address right, is syncd let through?"
        return Trouble(Kind.FAULT, f"{status}, not JSON", lasting=True, hint=hint)
    return Trouble(Kind.REFUSED, str(status))


def is_html(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether this is a page for people."""
    return "html" in headers.get("Content-Type", "").lower() or body.lstrip()[:1] == b"<"


def is_json(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a body looks like one whole JSON value: cheap, by its ends, where PHP puts notices and where bodies are cut."""
    text = body.strip()
    if not text or "html" in headers.get("Content-Type", "").lower():
        return False
    closing = _CLOSING.get(text[0])
    if closing is None:
        return text[0] in _SCALAR and len(text) <= SCALAR_BYTES_MAX
    return text[-1] == closing and len(text) > 1


def redirect_target(headers: Mapping[str, str]) -> str:
    """Scheme and host of a redirect: its path and query may hold what must not be shown."""
    try:
        target = URL(headers.get("Location", ""))
        return f"{target.scheme}://{target.host}" if target.host else "another path of the same host"
    except ValueError:
        return "an address that can't be read"


def unreached(error: Exception, limits: Limits, status: int | None, headers: Mapping[str, str]) -> Trouble:
    """What it means that an exchange broke off. The error's own text is left behind: it holds the address."""
    if status == 429:
        return Trouble(Kind.THROTTLED, "429, too many requests", status=status, headers=headers)
    if isinstance(error, TooLarge):
        reason = f"the body is above {limits.body_bytes_max} bytes"
        return Trouble(
            Kind.FAULT, reason, status=status, headers=headers, lasting=True, alive=True, hint="ask for smaller pages"
        )
    sent = not isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    hint = "renew the certificate" if isinstance(error, aiohttp.ClientConnectorCertificateError) else ""
    return Trouble(Kind.FAULT, _reason(error, limits), status=status, headers=headers, sent=sent, hint=hint)


def _reason(error: Exception, limits: Limits) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            cause = error.certificate_error
            detail = cause.verify_message if isinstance(cause, ssl.SSLCertVerificationError) else "not valid"
            return f"its certificate was refused: {detail}"
        case aiohttp.ClientConnectorDNSError():
            return "its name was not found"
        case aiohttp.ClientConnectorError():
            return f"no connection: {error.os_error.strerror or type(error.os_error).__name__}"
        case aiohttp.ConnectionTimeoutError():
            return f"no connection within {limits.connect_seconds:g} s"
        case aiohttp.SocketTimeoutError():
            return f"nothing came for {limits.read_seconds:g} s"
        case TimeoutError():
            return f"no complete answer within {limits.total_seconds:g} s"
        case ConnectionLost():
            return "the connection was closed before an answer"
        case aiohttp.ClientPayloadError():
            return "the answer was cut off or can't be decompressed"
        case aiohttp.ClientResponseError():
            return "the answer is no HTTP that can be read"
        case _:
            return f"the exchange broke off ({type(error).__name__})"


def error_for(trouble: Trouble, operation: str, redaction: Redaction, *, wrote: bool, wait_us: int) -> SyncdError:
    """The error for a trouble that is final for this call. `wait_us`: when the store may be asked again."""
    excerpt = redaction.excerpt(trouble.body)
    message = f"{operation}: {redaction.text(trouble.reason)}"
    told = {"operation": operation, "hint": trouble.hint}
    if trouble.kind is Kind.THROTTLED:
        return Throttled(f"{message}; wait {seconds(wait_us):.1f} s", wait_seconds=seconds(wait_us), **told)
    if trouble.kind is Kind.FAULT:
        message = f"{message}: {excerpt}" if excerpt else message
        if wrote and trouble.sent:
            return OutcomeUnknown(message, operation=operation, hint=trouble.hint or "ask whether it took place")
        return StoreFault(message, status=trouble.status, first_bytes=excerpt.encode(), **told)
    code, said = own_words(trouble.body)
    message = f"{message}: {redaction.text(said)[:MESSAGE_CHARACTERS_MAX]}" if said else message
    if trouble.kind is Kind.MISCONFIGURED:
        return MisconfiguredError(f"{message} ({redaction.text(code)})" if code else message, **told)
    body = redaction.body(trouble.body[:REFUSAL_BYTES_MAX])
    refusal = NotFound if trouble.kind is Kind.MISSING else RefusedError
    return refusal(message, status=trouble.status or 0, code=redaction.known(code), body=body, **told)


def own_words(body: bytes) -> tuple[str, str]:
    """Code and message of an error body: WooCommerce `{code, message}`, BigCommerce v2 `[{status, message}]`, v3 `{title, type}`."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "", ""
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        return "", ""
    return _text(value.get("code") or value.get("type")), _text(value.get("message") or value.get("title"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
