"""Stock per SKU: what the ERP has, what each shop should show, and what it is believed to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from syncd.control.plain import interval
from syncd.control.plan import moment_of
from syncd.control.scene import Scene
from syncd.core.policy import Recipe
from syncd.core.quantity import UNIT, show
from syncd.engine.reconciler import Reconciler
from syncd.engine.supervisor import TenantWork
from syncd.ledger import catalogue, history, levels, stores
from syncd.page.overview import LOOK_SECONDS
from syncd.page.words import span
from syncd.reconcile.evaluate import Evaluation, evaluate
from syncd.reconcile.publish_step import PublishStep

ROWS: Final = 50  # of a page
SKUS_AT_ONCE: Final = 200  # evaluated in one query, so that none takes long
SEARCH_SECONDS: Final = 1.5  # for one page of differences; the next page goes on


class Cell(NamedTuple):
    """What a shop shows of a SKU. `state`: agrees, differs, waits (it may differ), kit, none."""

    state: str
    shown: str = ""
    should: str | None = None
    why: str = ""
    items: int = 1


class Row(NamedTuple):
    """One SKU. `erp`: None where the ERP has not shown it; `is_absent`: it has, but doesn't any more."""

    sku: str
    name: str
    erp: str | None
    is_absent: bool
    cells: Sequence[Cell]

    @property
    def differs(self) -> bool:
        """Whether some shop doesn't show, or may not show, what it should."""
        return self.erp is None or self.is_absent or any(cell.state in {"differs", "waits"} for cell in self.cells)


async def stock(scene: Scene, work: TenantWork, *, prefix: str, after: str, only_differences: bool) -> dict[str, Any]:
    """A page of SKUs. Where only differences are wanted, it is what a search of some moments has found."""
    rows: list[Row] = []
    until = scene.clock.monotonic() + SEARCH_SECONDS
    at, seen, more = after, 0, True
    while more and len(rows) < ROWS and (not seen or scene.clock.monotonic() < until):
        count = SKUS_AT_ONCE if only_differences else ROWS
        found, more = await scene.ledger.read(
            lambda c, at=at, count=count: _rows(c, scene, work, at, prefix, count),  # type: ignore[misc]
            limit_seconds=LOOK_SECONDS,
        )
        for row in found:
            if len(rows) == ROWS:
                more = True
                break
            at, seen = row.sku, seen + 1
            if not only_differences or row.differs:
                rows.append(row)
        if not only_differences:
            break
    return {
        "stores": [reconciler.context.store for reconciler in work.reconcilers],
        "rows": rows,
        "seen": seen,
        "next": at if more and seen else None,
    }


def _rows(
    connection: Connection, scene: Scene, work: TenantWork, after: str, prefix: str, count: int
) -> tuple[list[Row], bool]:
    """Up to `count` SKUs, and whether there are more."""
    tenant, location = work.context.tenant, work.context.erp_location
    wanted = catalogue.skus(connection, tenant, location, after=after, prefix=prefix, count=count + 1)
    more, wanted = len(wanted) > count, wanted[:count]
    readings = levels.erp_readings(connection, tenant, location, wanted)
    drawing = catalogue.items_of(connection, tenant, wanted)
    shops: list[Mapping[str, list[Evaluation]]] = []
    names: dict[str, str] = {}
    for reconciler in work.reconcilers:
        rows = drawing.get(reconciler.context.store, [])
        shops.append(_evaluated(connection, scene, reconciler, rows))
        titles = history.item_names(connection, tenant, reconciler.context.store, [row.item for row in rows])
        for row in rows:
            if is_plain(row.recipe):
                names.setdefault(row.recipe[0][0], titles.get(row.item, ""))
    found = []
    for sku in wanted:
        reading = readings.get(sku)
        cells = [_cell(shop.get(sku, [])) for shop in shops]
        level = None if reading is None else show(reading.level)
        found.append(Row(sku, names.get(sku, ""), level, bool(reading and reading.absent), cells))
    return found, more


def _evaluated(
    connection: Connection, scene: Scene, reconciler: Reconciler, rows: Sequence[Any]
) -> dict[str, list[Evaluation]]:
    """By SKU: the store's items that draw on it."""
    context = reconciler.context
    row = stores.read_store(connection, context.tenant.tenant, context.store)
    moment = moment_of(context, row, running=scene.running)
    found: dict[str, list[Evaluation]] = {}
    for result in evaluate(connection, PublishStep(context).shop(), rows, moment):
        for sku, _ in result.row.recipe:
            found.setdefault(sku, []).append(result)
    return found


def is_plain(recipe: Recipe) -> bool:
    """Whether an item is one unit of one SKU: then its level can stand beside the ERP's."""
    return len(recipe) == 1 and recipe[0][1] == UNIT


def _cell(results: Sequence[Evaluation]) -> Cell:
    """Several counters of one SKU in one shop are told by the one that is off most."""
    cells = [_of_item(result) for result in results if is_plain(result.row.recipe)]
    kits = [_of_item(result) for result in results if not is_plain(result.row.recipe)]
    off = [cell for cell in (*cells, *kits) if cell.state in {"differs", "waits"}]
    if off:
        worst = min(off, key=lambda cell: cell.state)
        return worst._replace(items=len(results))
    if cells:
        return cells[0]._replace(items=len(cells))
    return Cell("kit", items=len(kits)) if kits else Cell("none")


def _of_item(result: Evaluation) -> Cell:
    lo, hi = result.belief.interval.lo, result.belief.interval.hi
    decision = result.decision
    believed = interval(result.belief.interval)
    shown = span(believed["low"], believed["high"])
    should = None if result.target is None else show(decision.shown)
    why = "" if decision.blocked is None else decision.blocked.value
    if lo == hi and result.target is not None and lo == decision.shown:
        return Cell("agrees", shown, should, why)
    return Cell("differs" if result.is_apart else "waits", shown, should, why)
