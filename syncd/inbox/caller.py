"""Who calls one of the listeners."""

from __future__ import annotations

from typing import Final

from aiohttp import web

LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})


def address_of(request: web.Request) -> str:
    """The address of whoever calls; behind a proxy of this machine, the one that it names: last, in the last such header, as some
    proxies add to what the caller has sent and others put their own behind it."""
    remote = request.remote or ""
    named = request.headers.getall("X-Forwarded-For", [""])[-1] if remote in LOOPBACK else ""
    return named.rpartition(",")[2].strip() or remote
