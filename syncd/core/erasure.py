"""Whose data has to go, and what is left of a document then. Pure, as all of the core: nobody is named in an error here."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from syncd.core.event import strike

_BEFORE: Final = (
    r"(?<![\w.+%-])"  # what may stand in an e-mail before the part that is looked for: it is another one then
)
_AFTER: Final = r"(?![\w-]|\.\w)"
NUMBERS: Final = (
    "customer_id",
    "customerId",
)  # how the platforms we know call a customer's number in an order or a cart


class Whom(msgspec.Struct, frozen=True):
    """A customer: by e-mail (in lower case; "": none is known), by stores' numbers for him, by the keys of both, and by the
    subjects ("orders/1001" of a store) that are known to be his."""

    email: str = ""
    numbers: frozenset[tuple[str, str]] = frozenset()
    persons: frozenset[str] = frozenset()
    subjects: frozenset[tuple[str, str]] = frozenset()


class Mention:
    """Looks for a customer's e-mail, wherever it stands: as a whole, not as a part of a longer one."""

    def __init__(self, email: str) -> None:
        pattern = _BEFORE + re.escape(email) + _AFTER if email else r"(?!)"
        self._text = re.compile(pattern, re.IGNORECASE)
        self._bytes = re.compile(pattern.encode(), re.IGNORECASE)
        self._plain = email.isascii()

    def stands_in(self, text: str) -> bool:
        """Whether it is in this text."""
        return self._text.search(text) is not None

    def may_stand_in(self, content: bytes) -> bool:
        """Whether it may be in this JSON; a False is sure. What is escaped can't be told without reading it."""
        return b"\\u" in content or not self._plain or self._bytes.search(content) is not None

    def stands_in_bytes(self, content: bytes) -> bool:
        """Whether it is in what is no JSON."""
        return self._bytes.search(content) is not None

    def stands_in_document(self, document: Any) -> bool:
        """Whether it is in any text of it, or in a field's name."""
        return bool(self.scrubbed(document) != document)

    def scrubbed(self, document: Any) -> Any:
        """The document with "" in the place of each text in which it stands; a field that has it in its name goes."""
        if isinstance(document, str):
            return "" if self.stands_in(document) else document
        if isinstance(document, dict):
            return {name: self.scrubbed(inner) for name, inner in document.items() if not self.stands_in(str(name))}
        if isinstance(document, list):
            return [self.scrubbed(inner) for inner in document]
        return document


def concerns(document: Any, store: str, whom: Whom, mention: Mention) -> bool:
    """Whether an order or a cart, as its store sent it or as the ledger keeps it, is this customer's."""
    if not isinstance(document, dict):
        return False
    told = [document.get(name) for name in NUMBERS]
    told += [
        one.get("id") if isinstance(one, dict) else one for one in [document.get("customer")]
    ]  # as our own documents say it
    numbers = {(store, str(number)) for number in told if number not in (None, "", 0, "0")}
    return bool(numbers & whom.numbers) or mention.stands_in_document(document)


def without(document: Any, personal: tuple[str, ...], mention: Mention, *, theirs: bool) -> Any:
    """An event's data as an erasure leaves it: without the personal fields where it is `theirs`, and nowhere with the e-mail."""
    return mention.scrubbed(strike(document, personal) if theirs else document)
