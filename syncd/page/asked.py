"""What a request asks for: its parameters, each named once, known, and within bounds; else a complaint that says which."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from multidict import MultiMapping

from syncd.control.failure import EXIT_AGAIN, EXIT_USAGE, CommandFailed
from syncd.errors import StoreFault, SyncdError, TransientError

TEXT_CHARACTERS_MAX: Final = 500  # no SKU, order number or name is longer
NUMBER_DIGITS_MAX: Final = 18  # what the ledger can hold


class Complaint(Exception):
    """The request can't be answered: the status, what is wrong, and what to do."""

    def __init__(self, status: int, text: str, hint: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.hint = hint
        self.headers = dict(headers or {})


def complaint_of(error: SyncdError) -> Complaint:
    """What the commands complain about, as an answer of HTTP."""
    if isinstance(error, CommandFailed):
        status = {EXIT_USAGE: 404, EXIT_AGAIN: 503}.get(error.exit_code, 409)
    else:
        status = 503 if isinstance(error, TransientError | StoreFault) else 409
    return Complaint(status, str(error), error.hint, {"Retry-After": "5"} if status == 503 else None)


class Asked:
    """The parameters of a request (or the fields of a form)."""

    def __init__(self, given: MultiMapping[str], known: tuple[str, ...]) -> None:
        for name in given:
            if name not in known:
                raise Complaint(400, "There is a parameter that this page doesn't know.", _listed(known))
            if len(given.getall(name)) > 1:
                raise Complaint(400, f"The parameter “{name}” is there more than once.")
        self._given = given

    def text(self, name: str) -> str:
        """A text, "" where it is missing."""
        value = str(self._given.get(name, ""))
        if len(value) > TEXT_CHARACTERS_MAX or "\x00" in value:
            raise Complaint(400, f"The parameter “{name}” is too long, or no text.")
        return value

    def needed(self, name: str) -> str:
        """A text that has to be there."""
        value = self.text(name)
        if not value:
            raise Complaint(400, f"The parameter “{name}” is missing.")
        return value

    def matching(self, name: str, pattern: str) -> str:
        """A text of this shape, as the page's own links have it; "" where it is missing."""
        value = self.text(name)
        if value and not re.fullmatch(pattern, value, re.ASCII):
            raise Complaint(400, f"The parameter “{name}” is none of this page's own.", "Go back, and follow a link.")
        return value

    def number(self, name: str, default: int = 0) -> int:
        """A whole number that isn't negative."""
        value = self.text(name)
        if not value:
            return default
        if not (value.isascii() and value.isdecimal() and len(value) <= NUMBER_DIGITS_MAX):
            raise Complaint(400, f"The parameter “{name}” is a whole number.", "Like 12.")
        return int(value)

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """One of several words; "" where it is missing."""
        value = self.text(name)
        if value and value not in choices:
            raise Complaint(400, f"The parameter “{name}” has another value than it can have.", _listed(choices))
        return value


def _listed(names: tuple[str, ...]) -> str:
    return f"It may be one of: {', '.join(names)}." if names else "It takes none."
