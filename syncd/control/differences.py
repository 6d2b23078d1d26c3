"""What an audit has found: differences, each explained or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

SHOWN_MAX: Final = 1_000  # of each kind of verdict: whoever has more has one cause


@dataclass(slots=True)
class Differences:
    """Collected differences. `expected` and `found` are shown quantities, or None."""

    explained: list[dict[str, Any]] = field(default_factory=list)
    unexplained: list[dict[str, Any]] = field(default_factory=list)
    explained_count: int = 0
    unexplained_count: int = 0
    in_flight: int = 0

    def add(
        self,
        what: str,
        where: Mapping[str, str],
        expected: str | None,
        found: str | None,
        why: str | None,
        text: str = "",
    ) -> None:
        """One difference; `why` explains it, None where nothing does."""
        entry = {"what": what, **where, "expected": expected, "found": found, "text": text or None, "why": why}
        if why is None:
            self.unexplained_count += 1
            if len(self.unexplained) < SHOWN_MAX:
                self.unexplained.append(entry)
        else:
            self.explained_count += 1
            if len(self.explained) < SHOWN_MAX:
                self.explained.append(entry)

    def absorb(self, other: Differences) -> None:
        """Take over what another look has found."""
        for entry in other.explained:
            self.explained.append(entry)
        self.unexplained.extend(other.unexplained)
        self.explained_count += other.explained_count
        self.unexplained_count += other.unexplained_count
        self.in_flight += other.in_flight
