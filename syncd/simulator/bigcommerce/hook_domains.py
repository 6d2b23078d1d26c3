"""The vendor's denylist of destinations (its page "Webhooks overview"): a domain where too many calls fail isn't called for
a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from syncd.simulator.bigcommerce.dates import SECOND_US

WINDOW_US: Final = 120 * SECOND_US
BLOCKED_US: Final = 180 * SECOND_US
REQUESTS_MIN: Final = 100
"""A window with fewer calls than this judges nobody."""
SUCCESS_PERCENT_MIN: Final = 90


@dataclass(slots=True)
class _Window:
    began_us: int
    calls: int = 0
    well: int = 0


class Domains:
    """How calls went, by domain."""

    def __init__(self) -> None:
        self._windows: dict[str, _Window] = {}
        self._blocked: dict[str, int] = {}

    def blocked(self, now_us: int) -> dict[str, int]:
        """The domains on the list, each with the seconds that are left."""
        self._blocked = {domain: until for domain, until in self._blocked.items() if until > now_us}
        return {domain: -(-(until - now_us) // SECOND_US) for domain, until in self._blocked.items()}

    def called(self, domain: str, now_us: int, *, well: bool) -> None:
        """A call was made."""
        window = self._windows.get(domain)
        if window is None or now_us - window.began_us >= WINDOW_US:
            window = self._windows[domain] = _Window(now_us)
        window.calls += 1
        window.well += well
        if window.calls >= REQUESTS_MIN and window.well * 100 < window.calls * SUCCESS_PERCENT_MIN:
            self._blocked[domain] = now_us + BLOCKED_US
            del self._windows[domain]
