"""`reload`: read the configuration again, and change what has changed."""

from __future__ import annotations

from typing import Any

import msgspec

from syncd.control.failure import EXIT_UNAVAILABLE, CommandFailed
from syncd.control.scene import Scene, Tell


class ReloadRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing to choose: the whole configuration is read."""


async def reload(scene: Scene, request: ReloadRequest, tell: Tell) -> dict[str, Any]:  # noqa: ARG001 - as all commands
    """What was started, stopped, restarted and kept as it was."""
    if scene.reload is None:
        raise no_daemon()
    return await scene.reload()


def no_daemon() -> CommandFailed:
    """The failure where nothing runs that could read anything again."""
    return CommandFailed(
        "no daemon runs here: there is nothing to reload",
        hint="`syncd check` looks at the configuration; the next start reads it",
        exit_code=EXIT_UNAVAILABLE,
    )
