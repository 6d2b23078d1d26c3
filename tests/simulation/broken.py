"""A broken invariant: by its name in the design, with the numbers."""

from __future__ import annotations


class Broken(AssertionError):
    """An invariant does not hold."""

    def __init__(self, invariant: str, numbers: str) -> None:
        super().__init__(f"{invariant}: {numbers}")
        self.invariant = invariant
        self.numbers = numbers
