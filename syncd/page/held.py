"""Quarantine: what waits for a person, and one entry with all that is known about it."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from typing import Any, Final, Protocol

from syncd.engine.supervisor import TenantWork

ROWS: Final = 50


class Call(Protocol):
    """Runs a command by its name."""

    def __call__(self, name: str, /, **arguments: Any) -> Awaitable[Any]:
        """Its answer."""


async def held(call: Call, work: TenantWork, after: int) -> dict[str, Any]:
    """A page of a tenant's entries, oldest first."""
    told = await call("quarantine.list", tenant=work.context.tenant, after=after, limit=ROWS + 1)
    rows = told["entries"][:ROWS]
    more = len(told["entries"]) > ROWS
    return {"held": told["held"], "rows": rows, "next": rows[-1]["id"] if more else None, "is_first_page": not after}


async def entry(call: Call, work: TenantWork, number: int, *, raw: bool) -> dict[str, Any]:
    """One entry. What the store sent has customers' names and addresses in it: only where it is asked for."""
    told = await call("quarantine.show", tenant=work.context.tenant, id=number)
    text = told.pop("raw", None)
    binary = told.pop("raw_base64", None)
    return {"entry": told, "has_raw": bool(text or binary), "raw": _readable(text or binary) if raw else None}


def _readable(text: str | None) -> str:
    """JSON in lines; anything else as it is."""
    if not text:
        return ""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):  # cut off, or no JSON
        return text
