"""The command line. `syncd run` goes past the library that parses all other commands: a daemon has no use for it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

DAEMON = "run"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == [DAEMON] and not {"--help", "-h"} & set(given):
        from syncd.cli.run import run_daemon  # noqa: PLC0415 - only what the command needs is loaded

        return run_daemon(given[1:])
    from syncd.cli.application import run_command  # noqa: PLC0415 - as above

    return run_command(given)
