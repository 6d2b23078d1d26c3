"""A sink in memory: the port's promises on one page. It may be told to fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from syncd.core.erasure import Mention, Whom, without
from syncd.ports.sink import Delivery, Erased, SinkTraits


class FakeSink:
    """`Sink`. `taken` is what has arrived, each with its data as it is now; `fails` is asked about each event first."""

    def __init__(self, traits: SinkTraits | None = None) -> None:
        self.traits = traits if traits is not None else SinkTraits()
        self.taken: list[Delivery] = []
        self.fails: Callable[[Delivery], Exception | None] = lambda _event: None

    async def open(self) -> int:
        """There is nothing to mend."""
        return 0

    async def deliver(self, events: Sequence[Delivery]) -> None:
        """Take them, up to the first that fails."""
        for each in events:
            error = self.fails(each)
            if error is not None:
                raise error
            self.taken.append(each)

    async def erase(self, whom: Whom, *, only_look: bool = False) -> Erased:
        """Strike out what is personal, and the text wherever it stands."""
        changed = 0
        for k, each in enumerate(self.taken):
            document: Any = msgspec.json.decode(each.data)
            theirs = bool(whom.persons & set(each.persons)) or (each.store, each.subject) in whom.subjects
            left = without(document, each.personal, Mention(whom.email), theirs=theirs)
            if left == document and not (theirs and each.persons):
                continue
            changed += 1
            if not only_look:
                self.taken[k] = msgspec.structs.replace(
                    each,
                    data=msgspec.json.encode(left),
                    personal=() if theirs else each.personal,
                    persons=() if theirs else each.persons,
                )
        return Erased(changed, int(changed > 0))
