"""The quota of the store: so many requests in a window of 30 s, shared by all apps and tokens."""

from __future__ import annotations

from typing import Final

from syncd.simulator.bigcommerce.settings import PLAN_QUOTAS
from syncd.simulator.bigcommerce.shop import Shop

WINDOW_US: Final = 30_000_000
UNLIMITED_SHOWN: Final = 1_000_000
"""What the headers say where there is no limit."""


class Quota:
    """Counts requests in windows of the injected clock."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._began_us = 0
        self._used = 0

    def limit(self) -> int:
        """Requests in a window; 0 is without a limit."""
        dial = self._shop.faults.quota_requests
        return PLAN_QUOTAS[self._shop.settings.switches.plan] if dial is None else dial

    def admit(self) -> bool:
        """Count a request; False if the quota is used up. Refused requests don't count."""
        now_us = self._shop.clock.now()
        if not self._began_us <= now_us < self._began_us + WINDOW_US:
            self._began_us = now_us
            self._used = self._shop.faults.quota_other_apps
        limit = self.limit()
        if limit and self._used >= limit:
            return False
        self._used += 1
        return True

    def headers(self) -> dict[str, str]:
        """The four rate headers as they stand."""
        limit = self.limit() or UNLIMITED_SHOWN
        left_us = max(0, self._began_us + WINDOW_US - self._shop.clock.now())
        return {
            "X-Rate-Limit-Time-Window-Ms": str(WINDOW_US // 1000),
            "X-Rate-Limit-Time-Reset-Ms": str(left_us // 1000),
            "X-Rate-Limit-Requests-Quota": str(limit),
            "X-Rate-Limit-Requests-Left": str(max(0, limit - self._used)),
        }
