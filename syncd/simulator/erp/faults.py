"""The dials. All are off at first; they may be turned by Python (attributes) or by `POST /_sim/faults`.

The dials named `..._rate` are probabilities for each posting, drawn in this order; at most one strikes.
"""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, field
from typing import Any

RATES = ("error_before_rate", "error_after_rate", "partial_rate", "timeout_after_rate", "reset_after_rate", "late_rate")


@dataclass(slots=True)
class Faults:
    """What goes wrong, by name."""

    latency_seconds: float = 0.0  # each answer takes between none and this
    down: bool = False  # every connection is cut without an answer, nothing is done
    unavailable: bool = False  # every request gets a 503
    throttled: bool = False  # every request gets a 429, Retry-After `retry_after_seconds`
    retry_after_seconds: int = 1
    error_before_rate: float = 0.0  # 500, nothing was counted
    error_after_rate: float = 0.0  # 500, everything was counted
    partial_rate: float = 0.0  # 500, the first half of the batch was counted
    timeout_after_rate: float = 0.0  # everything was counted, the answer never comes
    reset_after_rate: float = 0.0  # everything was counted, the connection is cut at once
    late_rate: float = 0.0  # the connection is cut at once, everything is counted `late_seconds` later
    late_seconds: float = 5.0
    hang_seconds: float = 600.0  # how long an answer that never comes is held back
    faults_left: int | None = None  # so many postings more are struck by a rate; None: no limit
    refused_skus: set[str] = field(default_factory=set)
    stale_seconds: float = 0.0  # levels are answered as they were so long ago
    html: bool = False  # a proxy's page instead of every answer, status 200; nothing is done

    def turn(self, dials: dict[str, Any]) -> None:
        """Set dials by name. Raises ValueError for a name or a value that isn't one."""
        known = asdict(self)
        for name, value in dials.items():
            if name not in known:
                raise ValueError(f"no dial {name!r}; there are {', '.join(sorted(known))}")
            if name == "refused_skus":
                self.refused_skus = set(value)
            elif name == "faults_left":
                self.faults_left = None if value is None else int(value)
            elif isinstance(known[name], bool):
                setattr(self, name, bool(value))
            else:
                setattr(self, name, type(known[name])(value))

    def shown(self) -> dict[str, Any]:
        """All dials as JSON."""
        return {**asdict(self), "refused_skus": sorted(self.refused_skus)}

    def strike(self, chance: random.Random) -> str:
        """Which of the rates strikes this posting: its name without `_rate`; "" for none."""
        if self.faults_left == 0:
            return ""
        for name in RATES:
            rate = getattr(self, name)
            if rate and chance.random() < rate:
                if self.faults_left is not None:
                    self.faults_left -= 1
                return name.removesuffix("_rate")
        return ""
