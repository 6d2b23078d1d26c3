"""An ERP in memory: the port's promises on one page. For tests of whatever uses an ERP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.core.quantity import Quantity
from syncd.ports.clock import Clock
from syncd.ports.erp import ErpDescription, ErpLevels, ErpMove, ErpTraits, PostOutcome, PostResult


class FakeErp:
    """`Erp` without a disk or a network. `known`, `moves` and `changed` may be looked at by tests; `locations` be set."""

    def __init__(self, clock: Clock, *, page_max: int = 1_000) -> None:
        self.clock = clock
        self.page_max = page_max
        self.traits = ErpTraits(frozenset({"move"}), batch_max=100, late_us=1_000_000)
        self.description = ErpDescription("fake", "1")
        self.locations = {""}
        self.known: dict[tuple[str, str], Quantity] = {}
        self.moves: dict[str, ErpMove] = {}
        self.changed: list[tuple[str, str]] = []  # one item a change; a cursor is a position in here

    async def describe(self) -> ErpDescription:
        """What `description` holds."""
        return self.description

    async def post(self, moves: Sequence[ErpMove]) -> tuple[PostOutcome, ...]:
        """Count each move whose key is new."""
        return tuple([self.post_one(move) for move in moves])

    def post_one(self, move: ErpMove) -> PostOutcome:
        """Count one move."""
        if (there := self.moves.get(move.key)) is not None:
            same = (there.sku, there.location, there.change) == (move.sku, move.location, move.change)
            result = PostResult.CONFIRMED if same else PostResult.DIFFERENT
            return PostOutcome(move.key, result, erp_ref=move.key, found=None if same else there)
        if move.sku not in {sku for sku, _ in self.known} or move.location not in self.locations:
            return PostOutcome(move.key, PostResult.REFUSED, f"unknown: {move.sku!r} at {move.location!r}")
        self.moves[move.key] = move
        self.change((move.sku, move.location), move.change)
        return PostOutcome(move.key, PostResult.CONFIRMED, erp_ref=move.key)

    async def find(self, keys: Sequence[str]) -> Mapping[str, ErpMove]:
        """What was counted under these keys."""
        return {key: self.moves[key] for key in keys if key in self.moves}

    async def levels(self, cursor: str) -> ErpLevels:
        """Levels that changed since."""
        began, start = self.clock.now(), int(cursor or 0)
        end = min(start + self.page_max, len(self.changed))
        levels = {place: self.known[place] for place in self.changed[start:end]}
        more = end < len(self.changed)
        return ErpLevels(levels, str(end), start == 0 and not more, more, began, self.clock.now())

    def change(self, place: tuple[str, str], change: int) -> None:
        """Move a level, as the ERP's own business does too."""
        self.known[place] = Quantity(self.known.get(place, 0) + change)
        self.changed.append(place)

    async def set_level(self, sku: str, quantity: Quantity, location: str = "") -> None:
        """Make a SKU known at this level."""
        self.change((sku, location), quantity - self.known.get((sku, location), 0))

    async def receive(self, sku: str, quantity: Quantity, location: str = "") -> None:
        """Goods come in."""
        self.change((sku, location), quantity)
