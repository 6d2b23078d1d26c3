"""The end of the demo: the table, the verdict, the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from syncd.demo.scene import Scene


@dataclass(slots=True)
class Outcome:
    """How it ended. `troubles` are what went wrong besides the levels: a daemon that ended by itself, a wait in vain."""

    troubles: list[str] = field(default_factory=list)
    agreed_after_seconds: float | None = None
    ledger: Mapping[str, int] = field(default_factory=dict)

    def is_good(self, scene: Scene) -> bool:
        """Whether every number was right and nothing else went wrong."""
        return bool(scene.rows) and not scene.off and not self.troubles


def show_table(console: Console, scene: Scene) -> None:
    """Each SKU: what was sold and returned, what the ERP should have and has, what each shop shows, the verdict."""
    plain = not console.is_terminal
    table = Table(box=None if plain else box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("SKU")
    for name in ("opening", "sold", "returned", "ERP should", "ERP has", *scene.stores, "oversold"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for row in scene.rows:
        verdict = Text("exact", style="green") if not row.complaints else Text("OFF", style="bold red")
        shown = [str(row.shown.get(store, "-")) for store in scene.stores]
        table.add_row(
            row.sku, str(row.opening), str(row.sold), str(row.returned), str(row.should), str(row.erp), *shown,
            str(row.oversold or "-"), verdict,
        )  # fmt: skip
    console.print()
    console.print(table)
    console.print()


def show_outcome(console: Console, scene: Scene, outcome: Outcome) -> None:
    """The verdict and the numbers."""

    def line(text: str, style: str = "") -> None:
        console.print(Text(text, style=style), soft_wrap=True)

    for row in scene.rows:
        for complaint in row.complaints:
            line(f"OFF: {row.sku}: {complaint}", "bold red")
    for trouble in outcome.troubles:
        line(f"TROUBLE: {trouble}", "bold red")
    if any(row.oversold for row in scene.rows):
        line(
            "Oversold units were promised by one shop before it could know of the other's sale, or by a merchant's edit; "
            "they are counted, and no shop offers them."
        )
    if outcome.is_good(scene):
        units = sum(row.sold for row in scene.rows)
        line(
            f"All {len(scene.rows)} SKUs are exact in the ERP and in {len(scene.stores)} shops, "
            f"after {units} units sold and {scene.kills} kills.",
            "bold green",
        )
    elif not scene.off:
        line("The levels agree, but see the trouble above.", "bold red")
    else:
        line(f"{scene.off} number(s) off.", "bold red")
    faults = ", ".join(f"{count} {name}" for name, count in sorted(scene.faults.items(), key=lambda pair: -pair[1]))
    agreed = "never" if outcome.agreed_after_seconds is None else f"after {outcome.agreed_after_seconds:.0f} s of calm"
    line("")
    line(f"orders    {scene.orders}, and {scene.changes} changes of orders")
    line(f"kills     {scene.kills} by SIGKILL")
    line(f"faults    {scene.faults_total}: {faults or 'none'}")
    line(f"requests  {scene.requests}")
    line(f"moves     {outcome.ledger.get('moves', 0)} confirmed by the ERP")
    line(f"writes    {scene.writes} levels in the shops")
    line(f"agreed    {agreed}")
    if outcome.ledger.get("quarantined"):
        line(f"quarantine {outcome.ledger['quarantined']}")
