"""Who was well, and when: what may excuse the daemon, and what may not."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

GRACE = {"alpha": 360.0, "beta": 360.0, "woo": 360.0, "erp": 150.0, "syncd": 45.0}
"""Seconds after a fault's end in which its host still counts as unwell: the breaker's slowest probe, backoff, a start."""


@dataclass
class Health:
    """Spans in which a host was unwell."""

    spans: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    open: dict[str, dict[int, float]] = field(default_factory=dict)
    count: int = 0

    def begin(self, host: str, at: float) -> int:
        """A fault begins; returns its number."""
        self.count += 1
        self.open.setdefault(host, {})[self.count] = at
        return self.count

    def end(self, host: str, number: int, at: float) -> None:
        """It ends."""
        began = self.open[host].pop(number, None)
        if began is not None:
            self.spans.setdefault(host, []).append((began, at + GRACE[host]))

    def well_since(self, hosts: Collection[str], at: float) -> float:
        """The beginning of the time up to `at` in which all of these were well; `at` itself if one isn't."""
        since = 0.0
        for host in hosts:
            if any(began <= at for began in self.open.get(host, {}).values()):
                return at
            for began, ended in self.spans.get(host, ()):
                if began <= at:
                    since = max(since, min(ended, at))
        return since

    def last_well(self, hosts: Collection[str], at: float, seconds: float) -> float:
        """The beginning of the last `seconds` in a row, before `at`, in which all of these were well; 0 if there were none."""
        unwell = [(began, ended) for host in hosts for began, ended in self.spans.get(host, ()) if began < at]
        unwell += [(began, at) for host in hosts for began in self.open.get(host, {}).values() if began <= at]
        moment = at
        while moment > seconds:
            between = [began for began, ended in unwell if began < moment and ended > moment - seconds]
            if not between:
                return moment - seconds
            moment = min(between)
        return 0.0
