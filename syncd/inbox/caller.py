"""Who calls one of the listeners."""

from __future__ import annotations

from typing import Final

from aiohttp import web

LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})


def address_of(request: web.Request) -> str:
    """The address of whoever calls; behind a proxy of this machine, the one that it names."""
    remote = request.remote or ""
    named = request.headers.get("X-Forwarded-For", "") if remote in LOOPBACK else ""
    return named.rpartition(",")[2].strip() or remote
