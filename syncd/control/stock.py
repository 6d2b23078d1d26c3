"""`erp ...`: what a person does with the embedded ERP's stock book; and any ERP's levels."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from syncd.control.failure import EXIT_AGAIN, EXIT_FAILED, EXIT_USAGE, CommandFailed
from syncd.control.plain import iso
from syncd.control.scene import Desk, Scene, Tell
from syncd.core.quantity import Instant, Quantity, parse, show
from syncd.engine.supervisor import TenantWork
from syncd.errors import NotFound

LEVEL_PAGES_MAX: Final = 1_000
LEVELS_SHOWN_MAX: Final = 100_000  # of one answer
JOURNAL_SHOWN_MAX: Final = 1_000


class ImportRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A CSV file's content (UTF-8) and its name, for people."""

    content: str
    name: str
    adjust: bool = False
    tenant: str | None = None


class ChangeRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A quantity of a SKU; `text` is the reason or the reference."""

    sku: str
    quantity: str
    text: str = ""
    location: str = ""
    tenant: str | None = None


class LevelsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """All SKUs, or one."""

    sku: str | None = None
    tenant: str | None = None


class JournalRequest(msgspec.Struct, forbid_unknown_fields=True):
    """One SKU's journal."""

    sku: str
    limit: int = JOURNAL_SHOWN_MAX
    tenant: str | None = None


async def import_opening(scene: Scene, request: ImportRequest, tell: Tell) -> dict[str, Any]:  # noqa: ARG001 - as all commands
    """Import opening stock, all or nothing."""
    work, desk = _desk(scene, request.tenant)
    report = desk.import_csv(request.content.encode(), request.name, adjust=request.adjust)
    work.context.watcher_bell.ring()
    return {"tenant": work.context.tenant, "file": request.name, **report}


async def adjust(scene: Scene, request: ChangeRequest, tell: Tell) -> dict[str, Any]:  # noqa: ARG001 - as all commands
    """Record a correction."""
    work, desk = _desk(scene, request.tenant)
    entry = desk.adjust(request.sku, request.location, _quantity(request.quantity), request.text)
    work.context.watcher_bell.ring()
    return {"tenant": work.context.tenant, **entry}


async def receive(scene: Scene, request: ChangeRequest, tell: Tell) -> dict[str, Any]:  # noqa: ARG001 - as all commands
    """Record goods that came in."""
    work, desk = _desk(scene, request.tenant)
    entry = desk.receive(request.sku, request.location, _quantity(request.quantity), request.text)
    work.context.watcher_bell.ring()
    return {"tenant": work.context.tenant, **entry}


async def journal(scene: Scene, request: JournalRequest, tell: Tell) -> dict[str, Any]:  # noqa: ARG001 - as all commands
    """The last entries of a SKU, oldest first."""
    work, desk = _desk(scene, request.tenant)
    limit = max(1, min(request.limit, JOURNAL_SHOWN_MAX))
    try:
        entries = desk.journal(request.sku, limit)
    except NotFound as error:
        raise CommandFailed(str(error), hint="`syncd erp levels` shows the SKUs", exit_code=EXIT_USAGE) from error
    return {"tenant": work.context.tenant, "sku": request.sku, "entries": entries}


async def erp_levels(scene: Scene, request: LevelsRequest, tell: Tell) -> dict[str, Any]:  # noqa: ARG001 - as all commands
    """What the ERP has available now, read from it."""
    work = scene.tenant(request.tenant)
    levels, began = await read_levels(work)
    rows = [
        {"sku": sku, "location": location, "level": show(level)}
        for (sku, location), level in sorted(levels.items())
        if request.sku in (None, sku)
    ]
    if request.sku is not None and not rows:
        raise CommandFailed(
            f"the ERP has no SKU {request.sku!r}", hint="SKUs are written exactly as there", exit_code=EXIT_USAGE
        )
    return {
        "tenant": work.context.tenant,
        "read_at": iso(began),
        "sold_from": work.context.erp_location,
        "levels": rows[:LEVELS_SHOWN_MAX],
        "left_out": max(0, len(rows) - LEVELS_SHOWN_MAX),
    }


async def read_levels(work: TenantWork) -> tuple[dict[tuple[str, str], Quantity], Instant]:
    """All levels that the ERP shows now, and when the first request for them began. Raises what the port raises."""
    levels: dict[tuple[str, str], Quantity] = {}
    began = work.context.clock.now()
    cursor = ""
    for _ in range(LEVEL_PAGES_MAX):
        answer = await work.context.erp.levels(cursor)
        levels |= answer.levels
        cursor = answer.cursor
        if not answer.more:
            return levels, began
    raise CommandFailed(
        "the ERP's list of levels never ends", hint="report it to whoever made it", exit_code=EXIT_AGAIN
    )


def _desk(scene: Scene, tenant: str | None) -> tuple[TenantWork, Desk]:
    work = scene.tenant(tenant)
    desk = scene.desks.get(work.context.tenant)
    if desk is None:
        raise CommandFailed(
            f"tenant {work.context.tenant} has an ERP of its own",
            hint="book it there; this command is for the embedded stock book",
            exit_code=EXIT_FAILED,
        )
    return work, desk


def _quantity(text: str) -> Quantity:
    try:
        return parse(text)
    except ValueError as error:
        raise CommandFailed(str(error), hint="write it like 3, -2 or 2.5", exit_code=EXIT_USAGE) from error
