"""What happened in a seed: each request with its body, each ledger row, each truth, as a hash and as the last few lines."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable

LINES_KEPT = 80


class Journal:
    """The domain events of one seed."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._hash = hashlib.blake2b(digest_size=16)
        self.last: deque[str] = deque(maxlen=LINES_KEPT)
        self.counts: Counter[str] = Counter()

    def note(self, kind: str, text: str) -> None:
        """Something happened."""
        line = f"{self._now():10.3f} {kind:8} {text}"
        self.counts[kind] += 1
        self._hash.update(line.encode())
        self.last.append(line[:240])

    def digest(self) -> str:
        """The hash of all of it."""
        return self._hash.hexdigest()
