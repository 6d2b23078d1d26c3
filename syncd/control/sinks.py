"""`sinks retry`: what a sink has refused goes to it once more."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import msgspec

from syncd.control.failure import EXIT_USAGE, CommandFailed
from syncd.control.scene import Scene, Tell
from syncd.ledger import deliveries

AGAIN_MAX: Final = 500  # in one transaction
TURNS_MAX: Final = 2_000


class RetryRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A tenant's sink."""

    tenant: str
    sink: str


async def retry(scene: Scene, request: RetryRequest, tell: Tell) -> dict[str, Any]:  # noqa: ARG001 - as all commands
    """Let all that was refused wait again."""
    work = scene.tenant(request.tenant)
    names = work.context.outbox.names
    if request.sink not in names:
        raise CommandFailed(
            f"tenant {work.context.tenant} has no sink {request.sink!r}",
            hint=f"its sinks are: {', '.join(sorted(names)) or 'none'}",
            exit_code=EXIT_USAGE,
        )
    total = 0
    for _ in range(TURNS_MAX):
        again = partial(
            deliveries.try_refused_again,
            tenant=work.context.tenant,
            sink=request.sink,
            now=scene.clock.now(),
            most=AGAIN_MAX,
        )
        count = await scene.ledger.run(again)
        total += count
        if count < AGAIN_MAX:
            break
    work.context.outbox.ring()
    return {"tenant": work.context.tenant, "sink": request.sink, "events": total}
