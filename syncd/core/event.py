"""What happens to carts, orders and customers, as others are told of it; and which fields of it they get.

A field is named by its dotted path: `customer.email`. Lists on the way are passed through: `lines.sku` is the SKU of each line.
A document says which of its paths are personal. Those go out only where somebody has asked for them: by their very name, by
something inside them, or for all of them at once. To name what lies around them doesn't ask for them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any, Final, Literal, get_args

import msgspec

from syncd.core.quantity import Instant

Kind = Literal[
    "order.changed", "order.placed", "order.paid", "order.shipped", "order.cancelled", "order.refunded",
    "cart.created", "cart.changed", "cart.abandoned", "cart.converted", "cart.deleted", "customer.erased",
]  # fmt: skip
KINDS: Final[tuple[str, ...]] = get_args(Kind)
ERASED: Final = "customer.erased"
ID_BYTES: Final = 20  # of a digest: no two happenings of a tenant ever meet


class Event(msgspec.Struct, frozen=True):
    """One happening. The same happening has the same `id`, however often it is found; events of one `stream` are told in
    order. `data` is a document's JSON, `personal` the paths of what is personal in it, `persons` the keys of whom it concerns."""

    id: str
    kind: str
    store: str
    stream: str  # the cart's id, or the order's where there is no cart, with the store's name
    subject: str  # "orders/1001", "carts/6cb7..."
    at: Instant
    data: bytes
    personal: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()


class _Nothing:
    """No value; None is one."""


_NOTHING: Final = _Nothing()


def event_id(*parts: str | int) -> str:
    """An id that follows from what happened: kind, store, subject, and what tells this time from others (a state's digest, a
    stamp). No part can run into the next."""
    text = "".join([f"{len(str(part))}:{part}," for part in parts])
    return hashlib.blake2b(text.encode(), digest_size=ID_BYTES).hexdigest()


def select(
    document: Any, fields: Collection[str] | None, personal: Collection[str], *, all_personal: bool = False
) -> tuple[Any, tuple[str, ...]]:
    """The part of a document that somebody gets who asks for these `fields` (None: for all that isn't personal), and which
    `personal` paths are in it. A field that the document doesn't have is left out."""
    walk = _Walk(frozenset(fields or ()), frozenset(personal), all_personal)
    part = walk.part(document, "", granted=fields is None)
    return ({} if part is _NOTHING else part), tuple(path for path in personal if path in walk.found)


def strike(document: Any, paths: Collection[str]) -> Any:
    """The document without what stands at these paths."""
    return _Walk(frozenset(), frozenset(paths), all_personal=False).part(document, "", granted=True)


class _Walk:
    """One walk through a document."""

    def __init__(self, named: frozenset[str], personal: frozenset[str], all_personal: bool) -> None:
        self._named, self._personal, self._all = named, personal, all_personal
        self.found: set[str] = set()

    def part(self, value: Any, path: str, *, granted: bool) -> Any:
        """What may be seen of `value`, or _NOTHING."""
        if path in self._named:
            granted = True
        elif path in self._personal and not self._all:
            granted = False
        part = self._inside(value, path, granted)
        if part is not _NOTHING and path in self._personal:
            self.found.add(path)
        return part

    def _inside(self, value: Any, path: str, granted: bool) -> Any:
        if isinstance(value, dict):
            parts = {
                name: part
                for name, inner in value.items()
                if (part := self.part(inner, f"{path}.{name}" if path else name, granted=granted)) is not _NOTHING
            }
            return parts if parts or granted else _NOTHING
        if isinstance(value, list):
            some = [part for inner in value if (part := self.part(inner, path, granted=granted)) is not _NOTHING]
            return some if some or granted else _NOTHING
        return value if granted else _NOTHING
