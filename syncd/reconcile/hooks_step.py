"""The hooks step: see to it that the store calls. Stores switch their webhooks off after some failures, and tell nobody.

Nothing depends on it: the polls go on from the cursor, so whatever was missed while the store was silent is read anyway.
While it calls they come less often.
"""

from __future__ import annotations

from dataclasses import dataclass

from syncd.errors import MisconfiguredError, RefusedError, SyncdError
from syncd.observability import events
from syncd.reconcile.context import StoreContext

LOOK_SECONDS = 300.0  # between two looks: one request
LOOK_REFUSED_SECONDS = 3_600.0  # where the store refuses its webhooks (rights, an address it doesn't call)


@dataclass(slots=True)
class HooksStep:
    """One store's webhooks."""

    context: StoreContext

    async def run(self) -> float:
        """Look, and mend. Returns the seconds until it is due again. Raises TransientError."""
        context = self.context
        if context.hooks is None or not context.may_write:
            return LOOK_SECONDS  # nothing is asked; a pause may end
        try:
            kept = await context.hooks.keep(context.hooks_address)
        except (RefusedError, MisconfiguredError) as error:  # a key without that right still reads orders
            self._judge(alive=False, trouble=str(error), hint=error.hint)
            return LOOK_REFUSED_SECONDS
        except SyncdError:
            context.hooks_alive = False
            raise
        if kept.done:
            context.log.emit(events.WEBHOOK_REPAIRED, done=list(kept.done))
        self._judge(alive=kept.alive, trouble=kept.trouble, hint="")
        return LOOK_SECONDS

    def _judge(self, *, alive: bool, trouble: str, hint: str) -> None:
        context, before = self.context, self.context.hooks_trouble
        if trouble and trouble != before:
            context.log.emit(events.WEBHOOK_DISABLED, reason=trouble, hint=hint)
        if before and not trouble:
            context.log.emit(events.WEBHOOK_ENABLED)
        if before is None or bool(before) != bool(trouble):  # the process before may have told of trouble
            context.tell(events.WEBHOOK_DISABLED if trouble else events.WEBHOOK_ENABLED)
        context.hooks_trouble = trouble
        context.hooks_alive = alive
