"""What there is to see at one moment, whatever shows it."""

from __future__ import annotations

from dataclasses import dataclass, field

from syncd.demo.reckoning import Row


@dataclass(slots=True)
class Scene:
    """The state of the demo. `elapsed_seconds` of `whole_seconds` of shopping; `phase` in a few words."""

    seed: int
    stores: dict[str, str]
    whole_seconds: float
    phase: str = "opening the shops"
    elapsed_seconds: float = 0.0
    waiting_seconds: float = 0.0
    daemon: str = "not started"
    lives: int = 0
    kills: int = 0
    orders: int = 0
    changes: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    writes: int = 0
    rows: list[Row] = field(default_factory=list)

    @property
    def faults_total(self) -> int:
        """Faults that have struck so far."""
        return sum(self.faults.values())

    @property
    def off(self) -> int:
        """How many numbers (of the ERP and of each shop) are not what they should be, at this moment."""
        return sum(len(row.complaints) for row in self.rows)
