"""Every error that syncd raises on purpose, in one tree, split by who must act.

    SyncdError
    ├── TransientError        the outside failed; the same call later may work      -> retry with backoff
    │   ├── StoreFault        a store or an ERP answered with nonsense, 5xx, or not at all
    │   ├── OutcomeUnknown    a write may or may not have taken place               -> ask before sending again
    │   └── Throttled         asked to wait; carries for how long
    ├── RefusedError          the outside understood and said no: this item         -> quarantine
    │   └── NotFound          the thing asked for does not exist
    ├── MisconfiguredError    this tenant (or this store) stops, loudly             -> the operator
    └── BugError              an assumption of ours is broken                       -> crash, restart, report

Each carries what an operator needs: tenant, operation, key and a hint. None carries a secret: whoever raises one has
redacted the message.
"""

from __future__ import annotations


class SyncdError(Exception):
    """Something went wrong: the message says what, `hint` says what to do about it."""

    def __init__(
        self, message: str, *, operation: str = "", key: str = "", tenant: str = "", store: str = "", hint: str = ""
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.key = key
        self.tenant = tenant
        self.store = store
        self.hint = hint


class TransientError(SyncdError):
    """The outside failed for now; the same call may work later."""


class StoreFault(TransientError):
    """The other side answered 5xx, something that is not what it promises, or could not be reached; nothing was written."""

    def __init__(self, message: str, *, status: int | None = None, first_bytes: bytes = b"", **details: str) -> None:
        super().__init__(message, **details)
        self.status = status
        self.first_bytes = first_bytes


class OutcomeUnknown(TransientError):
    """A write was sent and its answer is missing or unusable: it may have taken place. Ask before sending it again."""


class Throttled(TransientError):
    """The other side asked to wait, or the breaker is open, for `wait_seconds` from now; nothing was written."""

    def __init__(self, message: str, *, wait_seconds: float, **details: str) -> None:
        super().__init__(message, **details)
        self.wait_seconds = wait_seconds


class RefusedError(SyncdError):
    """The other side understood the request and refused it; repeating it changes nothing. `status` and `code` are its own."""

    def __init__(self, message: str, *, status: int = 0, code: str = "", body: bytes = b"", **details: str) -> None:
        super().__init__(message, **details)
        self.status = status
        self.code = code
        self.body = body


class NotFound(RefusedError):
    """The thing asked for does not exist (an explicit answer, never an absence in a list)."""


class MisconfiguredError(SyncdError):
    """The configuration, a credential or a setting of the other side makes it impossible to go on for this tenant."""


class BugError(SyncdError):
    """An assumption of syncd's own is broken; the process that sees it should not go on with that work."""
