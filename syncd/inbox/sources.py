"""Who calls with a wrong secret too often is turned away unheard: guessing gets slow, and costs us nothing.

An address from which genuine calls come is never turned away, whatever else comes from there: many callers may stand behind
one proxy.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final

ADDRESSES_MAX: Final = 4_096  # remembered; the one not heard of for the longest time is forgotten
WRONG_MAX: Final = 20.0  # wrong secrets in a row; one is forgiven every FORGIVE_SECONDS
FORGIVE_SECONDS: Final = 3.0
TRUST_SECONDS: Final = 3_600.0
TOLD_SECONDS: Final = 3_600.0  # an address is told of once in this
TOLD_MAX: Final = 20  # and of all addresses together so many in this
GREETING: Final = 0.1  # of a wrong one: many shops of one host may greet at once, but nobody for ever


@dataclass(slots=True)
class _Source:
    wrong: float = 0.0
    at: float = 0.0
    trusted_until: float = -1.0
    told_until: float = -1.0


class Sources:
    """The addresses that have called lately. `now`: monotonic seconds."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Source] = OrderedDict()
        self._told: deque[float] = deque(maxlen=TOLD_MAX)

    def may_speak(self, address: str, now: float) -> bool:
        """Whether a call from there is listened to."""
        source = self._known.get(address)
        return source is None or source.trusted_until >= now or _left(source, now) <= WRONG_MAX - 1.0

    def was_genuine(self, address: str, now: float) -> None:
        """It knew the secret."""
        self._of(address).trusted_until = now + TRUST_SECONDS

    def was_wrong(self, address: str, now: float) -> bool:
        """It didn't. Returns whether that is worth a line in the log."""
        source = self._of(address)
        source.wrong, source.at = min(_left(source, now) + 1.0, WRONG_MAX), now
        crowded = len(self._told) == TOLD_MAX and now - self._told[0] < TOLD_SECONDS
        if crowded or source.told_until > now:
            return False
        source.told_until = now + TOLD_SECONDS
        self._told.append(now)
        return True

    def has_greeted(self, address: str, now: float) -> None:
        """It has sent a greeting, for which nobody needs the secret."""
        source = self._of(address)
        source.wrong, source.at = min(_left(source, now) + GREETING, WRONG_MAX), now

    def _of(self, address: str) -> _Source:
        source = self._known.setdefault(address, _Source())
        self._known.move_to_end(address)
        if len(self._known) > ADDRESSES_MAX:
            self._known.popitem(last=False)
        return source


def _left(source: _Source, now: float) -> float:
    return max(0.0, source.wrong - (now - source.at) / FORGIVE_SECONDS)
