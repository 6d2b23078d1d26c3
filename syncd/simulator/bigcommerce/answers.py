"""The vendor's ways to answer: v2 has arrays and empty 204s, v3 has data and meta, inventory has problem+json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

ERROR_TYPE: Final = "https://developer.bigcommerce.com/api-docs/getting-started/api-status-codes"
PAGE_DEFAULT: Final = 50
PAGE_MAX: Final = 250
"""Rows of a page in the orders and catalog API; more is 413."""
INVENTORY_PAGE_MAX: Final = 1000
"""Rows of a page in the inventory API."""


def answer(body: Any, status: int = 200, content_type: str = "application/json") -> web.Response:
    """Any JSON."""
    return web.Response(body=msgspec.json.encode(body), status=status, content_type=content_type)


def nothing() -> web.Response:
    """204: the v2 API's empty list, and its answer to DELETE."""
    return web.Response(status=204)


def v2_list(rows: Sequence[Any]) -> web.Response:
    """A bare array, or 204 when there is nothing."""
    return answer(rows) if rows else nothing()


def v2_error(status: int, message: str, details: Mapping[str, Any] | None = None) -> web.Response:
    """The v2 API's errors: an array."""
    fault: dict[str, Any] = {"status": status, "message": message}
    if details is not None:
        fault["details"] = details
    return answer([fault], status)


def v2_missing() -> web.Response:
    """404 of the v2 API."""
    return v2_error(404, "The requested resource was not found.")


def v3_error(
    status: int, title: str, errors: Mapping[str, str] | None = None, *, problem: bool = False
) -> web.Response:
    """The v3 API's errors: an object; the inventory API labels it as problem+json."""
    body = {"status": status, "title": title, "type": ERROR_TYPE, "errors": dict(errors or {})}
    return answer(body, status, "application/problem+json" if problem else "application/json")


def v3_page(rows: Sequence[Any], page: int, limit: int) -> web.Response:
    """One page of rows, with the vendor's pagination."""
    pages = max(1, -(-len(rows) // limit))
    shown = rows[(page - 1) * limit : page * limit]
    links = {"current": f"?page={page}&limit={limit}"}
    if page > 1:
        links["previous"] = f"?page={page - 1}&limit={limit}"
    if page < pages:
        links["next"] = f"?page={page + 1}&limit={limit}"
    pagination = {
        "total": len(rows),
        "count": len(shown),
        "per_page": limit,
        "current_page": page,
        "total_pages": pages,
        "links": links,
    }
    return answer({"data": shown, "meta": {"pagination": pagination}})


def page_of(query: Mapping[str, str], limit_default: int = PAGE_DEFAULT) -> tuple[int, int]:
    """Page and limit of a request; what can't be read is the default."""
    page, limit = query.get("page", ""), query.get("limit", "")
    return (
        int(page) if page.isascii() and page.isdigit() and int(page) else 1,
        int(limit) if limit.isascii() and limit.isdigit() and int(limit) else limit_default,
    )


def listed(query: Mapping[str, str], name: str) -> list[str] | None:
    """The values of a comma-separated filter, or None without it."""
    return [part.strip() for part in query[name].split(",")] if name in query else None


def numbers(query: Mapping[str, str], name: str) -> set[int] | None:
    """The integers of a comma-separated filter, or None without it; others are dropped."""
    parts = listed(query, name)
    return None if parts is None else {int(part) for part in parts if part.isascii() and part.isdigit()}


async def body_of(request: web.Request) -> dict[str, Any] | None:
    """The JSON object that was sent, or None if there is none."""
    try:
        body = msgspec.json.decode(await request.read())
    except msgspec.DecodeError:
        return None
    return body if isinstance(body, dict) else None
