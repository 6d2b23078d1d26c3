"""One store's carts, in a task of their own: they wait for nothing that orders do, and hold up nothing.

Nothing begins here before the store's own task has made sure whose shop it is (`ready`). A step that fails for now comes again with
backoff; a bug ends this loop alone, and it is started anew after a pause.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from syncd.engine.steps import Loop, Timer
from syncd.errors import TransientError
from syncd.observability import events
from syncd.ports.carts import CartsPort
from syncd.reconcile.cart_step import CartStep, HoldStep
from syncd.reconcile.context import StoreContext

RESTART_SECONDS = 60.0  # after a bug: carts can wait


@dataclass(slots=True)
class CartLoop:
    """A store's carts at work. `ready`: the store's identity is known to be right."""

    context: StoreContext
    port: CartsPort
    ready: Callable[[], bool]
    loop: Loop | None = None

    async def run(self) -> None:
        """Until cancelled. Whatever goes wrong stays here."""
        context = self.context
        clock, chance = context.tenant.clock, context.tenant.chance
        while True:
            holds = Timer("holds", HoldStep(context).run, rings=True)
            look = Timer("carts", CartStep(context, self.port).run, rings=True)
            self.loop = Loop(
                [holds, look], context.cart_bell, clock=clock, chance=chance, failed=self._failed, held=self._is_held
            )
            try:
                await self.loop.run()
            except Exception as error:  # noqa: BLE001 - a bug here must not stop the store's orders
                context.carts_trouble = f"{type(error).__name__}: {error}"
                context.log.bug(error)
                context.log.emit(events.CARTS_STUCK, reason=context.carts_trouble, hint="")
            finally:
                self.loop = None
            await clock.sleep(RESTART_SECONDS * chance.uniform(0.5, 1.0))

    def _is_held(self) -> bool:
        return self.context.is_paused or not self.ready()

    def _failed(self, step: str, error: TransientError) -> None:
        self.context.carts_trouble = f"{step}: {error}"
