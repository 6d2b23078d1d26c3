"""The shared aiohttp session, and what of aiohttp's kindness has to be turned off.

aiohttp sends a GET, PUT or DELETE a second time by itself when the connection is lost before the answer. A PUT could
thus take place twice, and a GET would carry its OAuth nonce twice (WooCommerce refuses that with 401, which means a
wrong key to us). `send_once` keeps each request to one sending: retrying is the client's, which signs anew.
"""

from __future__ import annotations

import ssl
from codecs import BOM_UTF8
from collections.abc import Sequence

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientHandlerType,
    ClientOSError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ConnectionTimeoutError,
    DummyCookieJar,
    ServerDisconnectedError,
    TCPConnector,
    TraceConfig,
)

from syncd import __version__

KEEPALIVE_SECONDS = 65.0  # above a poll of 60 s, below the 75 s after which nginx closes: no race between the two
DNS_SECONDS = 60  # how long a name's addresses are kept: a shop that moves is found again within a poll or two
HEADER_BYTES_MAX = 16_384  # one header line; WordPress plugins write long ones, aiohttp's 8 kB has been too little
STREAM_BYTES = 64 * 2**10  # read (and decompressed) at a time


class ConnectionLost(ClientError):
    """The connection ended after the request was handed to it, and before the answer's head was complete."""


class TooLarge(ClientError):
    """The body is larger than the limit."""


async def send_once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """An aiohttp middleware: a lost connection becomes an error that aiohttp doesn't answer by sending again."""
    try:
        return await handler(request)
    except (ClientConnectorError, ConnectionTimeoutError):
        raise  # never connected: surely not sent
    except (ClientOSError, ServerDisconnectedError) as error:
        raise ConnectionLost(type(error).__name__) from error


def make_session(ssl_context: ssl.SSLContext | None = None, *, traces: Sequence[TraceConfig] = ()) -> ClientSession:
    """One session for all stores; to be called on a running loop, and closed by who calls it.

    One SSLContext for all (100 default ones were 81 MB), TLS verified; `ssl_context` is for a private authority. No
    cookies, no proxy from the environment, gzip at most (what decompresses further is not worth its libraries). `traces` see
    each answer's head.
    """
    connector = TCPConnector(
        ssl=ssl_context or ssl.create_default_context(),
        limit=0,  # each client bounds its own connections: a slow store must not take another's
        keepalive_timeout=KEEPALIVE_SECONDS,
        ttl_dns_cache=DNS_SECONDS,
    )
    return ClientSession(
        connector=connector,
        cookie_jar=DummyCookieJar(),
        trust_env=False,
        auto_decompress=True,
        read_bufsize=STREAM_BYTES,
        max_line_size=HEADER_BYTES_MAX,
        max_field_size=HEADER_BYTES_MAX,
        headers={
            "User-Agent": f"syncd/{__version__}",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
        },
        middlewares=(send_once,),
        trace_configs=list(traces),
    )


async def read_body(response: ClientResponse, body_bytes_max: int) -> bytes:
    """The whole body, decompressed as it comes. Raises TooLarge as soon as it is above the limit, aiohttp's when it is cut.

    Without a byte order mark: one PHP file saved with it puts it before each answer of a WordPress site.
    """
    declared = response.content_length
    if declared is not None and declared > body_bytes_max:
        raise TooLarge
    content = response.content
    first = await content.readany()
    size = len(first)
    parts = [first]
    while size <= body_bytes_max and not content.at_eof():
        part = await content.readany()
        parts.append(part)
        size += len(part)
    if size > body_bytes_max:
        raise TooLarge
    body = first if len(parts) == 1 else b"".join(parts)
    return body.removeprefix(BOM_UTF8)
