"""Orders that go into a store by way of a cart and its checkout: what a store must be able to do to have that.

Optional beside `syncd.ports.placing`, whose questions (`find`, `read`) and times hold here as well. It raises only `syncd.errors`.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from syncd.core.quantity import NEVER, Instant
from syncd.ports.placing import Placement, Refusal


class Drafts(msgspec.Struct, frozen=True):
    """The orders that were made of a cart, by the shop's ids, the oldest first. `began`: when the reading did, in our clock."""

    orders: tuple[str, ...]
    began: Instant


class CheckoutPort(Protocol):
    """A cart, its checkout, and the draft of an order that is made of it. None of the three takes stock; `finish` does."""

    async def make_cart(self, placement: Placement, *, not_after: Instant = NEVER) -> str | Refusal:
        """Make a cart with the placement's lines, not after `not_after`. Returns its id. After OutcomeUnknown there may be one that
        nobody knows and nobody can ask for: it passes with its life. StoreFault, Throttled, MisconfiguredError: surely none."""

    async def fill(self, cart: str, placement: Placement, *, not_after: Instant = NEVER) -> bool | Refusal:
        """Look at the checkout, and give it one thing that it lacks: where the order goes, and how. True: nothing was lacking. May be
        repeated after whatever was raised: what is there isn't given again. Raises NotFound for a cart that is gone."""

    async def make_order(self, cart: str, *, not_after: Instant = NEVER) -> str | Refusal:
        """Make the checkout's order, a draft, not after `not_after`. Returns its id. Repeating it makes another: after OutcomeUnknown
        `made_of` is asked. Raises NotFound for a cart that is gone."""

    async def made_of(self, cart: str) -> Drafts:
        """The orders that were made of this cart; may be repeated. StoreFault where the answer may be about other carts."""

    async def finish(self, order: str, placement: Placement, *, not_after: Instant = NEVER) -> Refusal | None:
        """Let the draft be the order: our key and its status in one request, which has no other effect when it is repeated. Raises
        OutcomeUnknown when it may have been written; NotFound for an order that isn't there."""

    async def drop(self, cart: str) -> None:
        """Let there be no such cart; repeating it is no error. Its draft stays."""
