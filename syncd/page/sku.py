"""A SKU's own page: its levels over time as a picture, what moved it, and why each shop shows what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from syncd.control.commands import Commands
from syncd.core.quantity import Instant, Quantity, microseconds, parse
from syncd.engine.supervisor import TenantWork
from syncd.ledger import history, level_changes
from syncd.ledger.level_changes import ERP, Place, Step
from syncd.page.overview import LOOK_SECONDS
from syncd.page.picture import NARROW, WIDE, Line, draw
from syncd.page.story import story

SPANS: Final[Mapping[str, tuple[str, float]]] = {
    "15min": ("15 minutes", 900.0),
    "1h": ("1 hour", 3_600.0),
    "6h": ("6 hours", 6 * 3_600.0),
    "24h": ("24 hours", 86_400.0),
    "7d": ("7 days", 7 * 86_400.0),
    "30d": ("30 days", 30 * 86_400.0),
}
STEPS_MAX: Final = 400  # of one line: more than a screen has room for
LINES_MAX: Final = 12
TABLE_ROWS_MAX: Final = 200


async def sku_page(commands: Commands, work: TenantWork, sku: str, *, span: str, before: str) -> dict[str, Any]:
    """Everything about one SKU. Raises CommandFailed where nobody knows it."""
    scene, context = commands.scene, work.context
    told = await commands.call("explain.sku", {"tenant": context.tenant, "sku": sku}, _nobody)
    now = scene.clock.now()
    lines = _counters(told, sku, context.erp_location)
    month_ago = Instant(now - microseconds(SPANS["30d"][1]))

    def look(connection: Connection) -> tuple[Any, ...]:
        places = [place for place, _, _ in lines]
        steps = level_changes.read(connection, context.tenant, places, month_ago, STEPS_MAX)
        chosen = span or fitting(steps, now)
        since = Instant(now - microseconds(SPANS[chosen][1]))
        if chosen != "30d":
            steps = level_changes.read(connection, context.tenant, places, since, STEPS_MAX)
        where = history.items_with_sku(connection, context.tenant, sku)
        return chosen, since, steps, story(connection, context.tenant, sku, context.erp_location, where, before)

    chosen, since, steps, (chapters, older) = await scene.ledger.read(look, limit_seconds=LOOK_SECONDS)
    drawn = [Line(name, steps[place], level, is_erp=place.store == ERP) for place, name, level in lines]
    return {
        "told": told,
        "span": chosen,
        "spans": SPANS,
        "wide": draw(drawn, since, now, WIDE),
        "narrow": draw(drawn, since, now, NARROW),
        "table": _table(drawn, since),
        "chapters": chapters,
        "older": older,
        "is_first_page": not before,
        "names": sorted({item["name"] for shop in told["stores"] for item in shop["items"] if item["name"]}),
    }


async def _nobody(_progress: Mapping[str, Any]) -> None:
    """Commands of the page have no progress to tell."""


def fitting(steps: Mapping[Place, Sequence[Step]], now: Instant) -> str:
    """The shortest span in which everything lies that is known to have happened, up to a day."""
    changes = [each[1].at for each in steps.values() if len(each) > 1]
    first = min((each[0].at for each in steps.values() if each), default=now) if changes else now
    for name in ("15min", "1h", "6h"):
        if changes and first >= now - microseconds(SPANS[name][1]):
            return name
    return "24h"


def _counters(told: Mapping[str, Any], sku: str, location: str) -> list[tuple[Place, str, Quantity | None]]:
    """(place, name, level now) of each line: the ERP's first, then each counter that is one unit of this SKU."""
    erp = told["erp"]
    found: list[tuple[Place, str, Quantity | None]] = [
        (Place(ERP, sku, location), "ERP", None if erp is None else parse(erp["level"]))
    ]
    for shop in told["stores"]:
        plain = [item for item in shop["items"] if item["factor"] == "1" and not item["is_kit"]]
        for item in plain:
            low, high = item["believed"]["low"], item["believed"]["high"]
            name = shop["store"] if len(plain) == 1 else f"{shop['store']} {item['item']}"
            found.append((Place(shop["store"], item["item"]), name, parse(low) if low and low == high else None))
    return found[:LINES_MAX]


def _table(lines: Sequence[Line], since: Instant) -> list[tuple[Instant, str, Quantity]]:
    """The picture as a table, newest first."""
    rows = [(step.at, line.name, step.level) for line in lines for step in line.steps if step.at >= since]
    return sorted(rows, reverse=True)[:TABLE_ROWS_MAX]
