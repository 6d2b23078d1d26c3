"""Why a command can't do what it was asked, and the exit code that says so to scripts."""

from __future__ import annotations

from typing import Any, Final

from syncd.errors import MisconfiguredError, RefusedError, StoreFault, SyncdError, TransientError

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1  # it failed, or drift was found that nothing explains
EXIT_USAGE: Final = 2  # the command line is wrong: no such tenant, store, order
EXIT_UNAVAILABLE: Final = 69  # the daemon, a store or an ERP can't be reached (EX_UNAVAILABLE)
EXIT_AGAIN: Final = 75  # not now; the same command later may work (EX_TEMPFAIL)
EXIT_CONFIG: Final = 78  # the configuration is wrong (EX_CONFIG)


class CommandFailed(SyncdError):
    """The command can't be done; `hint` says what to do, `exit_code` tells scripts."""

    def __init__(self, message: str, *, hint: str = "", exit_code: int = EXIT_FAILED, **details: str) -> None:
        super().__init__(message, hint=hint, **details)
        self.exit_code = exit_code


def exit_code_of(error: SyncdError) -> int:
    """The exit code for an error, by who must act."""
    if isinstance(error, CommandFailed):
        return error.exit_code
    if isinstance(error, StoreFault):
        return EXIT_UNAVAILABLE
    if isinstance(error, TransientError):
        return EXIT_AGAIN
    if isinstance(error, MisconfiguredError):
        return EXIT_CONFIG
    if isinstance(error, RefusedError):
        return EXIT_FAILED
    return EXIT_FAILED


def as_answer(error: SyncdError) -> dict[str, Any]:
    """The error as a line of the control socket."""
    return {"error": str(error), "hint": error.hint, "exit": exit_code_of(error)}
