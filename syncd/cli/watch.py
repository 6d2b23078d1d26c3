"""`status --watch`: the status again and again, until Ctrl-C. It asks a running daemon alone: taking the lock again and again
would keep one from starting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from syncd.cli.folder import load_folder
from syncd.cli.reach import usable_settings
from syncd.cli.say import clear_screen, print_line
from syncd.control.client import NoDaemonError, ask
from syncd.control.failure import EXIT_AGAIN, EXIT_UNAVAILABLE, CommandFailed

LOOK_SECONDS: Final = 2.0  # as often as an eye follows; the look itself takes some ms of the daemon
PASSING: Final = (
    EXIT_AGAIN,
    EXIT_UNAVAILABLE,
)  # a daemon that starts, stops or is busy: it may be back at the next look


def watch(folder: Path, tenant: str | None, show: Callable[[Mapping[str, Any]], None], *, clear: bool) -> None:
    """Show the status each LOOK_SECONDS; `clear` draws it at the same place of a terminal. Returns at Ctrl-C."""
    state_dir = usable_settings(load_folder(folder)).state_dir
    try:
        for _ in _ticks():
            told, trouble = _look(state_dir, tenant)
            if clear:
                clear_screen()
            if told is None:
                print_line(trouble, style="bold red")
            else:
                show(told)
    except KeyboardInterrupt:
        return


def _look(state_dir: Path, tenant: str | None) -> tuple[Any, str]:
    """The status, or why there is none."""
    try:
        return ask(state_dir, "status", {"tenant": tenant}, lambda _: None), ""
    except NoDaemonError:
        return None, f"daemon: not running   state: {state_dir}"
    except CommandFailed as error:
        if error.exit_code not in PASSING:
            raise
        return None, f"daemon: {error}"


def _ticks() -> Iterator[None]:
    import anyio  # noqa: PLC0415 - only for its sleep

    from syncd.clock import SystemClock  # noqa: PLC0415

    clock = SystemClock()
    while True:
        yield
        anyio.run(clock.sleep, LOOK_SECONDS)
