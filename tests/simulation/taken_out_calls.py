"""The safeguards around the shops' calls, each taken out of the daemon, as `taken_out.py` does with the others."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from syncd.core.quantity import NEVER
from syncd.inbox.inbox import Inbox
from syncd.ledger import signals
from syncd.reconcile import hooks_step, signal_step
from tests.simulation.taken_out import Patch


def answered_at_once() -> Patch:
    async def take(self: Any, tenant: str, store: str, spoken: Any, wake: Callable[[Any], None]) -> None:
        self._groups[-1].places |= dict.fromkeys([(tenant, store, *signal) for signal in spoken], wake)
        self._something.set()

    return [(Inbox, "take", take)]


def cleared_first() -> Patch:
    plain = signal_step.SignalStep.run
    cleared: dict[str, dict[str, Any]] = {}

    async def run(self: Any) -> float:
        tenant, store = self.context.tenant.tenant, self.context.store
        names = await self.context.tenant.ledger.read(lambda c: signals.waiting(c, tenant, store, 50))
        if names:
            cleared[store] = names
            await self.context.tenant.ledger.run(partial(self._done, names=list(names), before=NEVER))
        return await plain(self)

    def waiting(_connection: Any, _tenant: str, store: str, _limit: int) -> dict[str, Any]:
        return cleared.pop(store, {})

    return [
        (signal_step.SignalStep, "run", run),
        (signal_step, "signals", SimpleNamespace(**{**vars(signals), "waiting": waiting})),
    ]


def anybody_is_believed() -> Patch:
    bigcommerce, woocommerce = (import_module(f"syncd.stores.{name}.hooks") for name in ("bigcommerce", "woocommerce"))
    believing = SimpleNamespace(digest=hmac.digest, compare_digest=lambda *_: True)
    return [(bigcommerce, "same", lambda *_: True), (woocommerce, "hmac", believing)]


def made_once() -> Patch:
    return [(hooks_step, "LOOK_SECONDS", 1e6)]


def no_pause() -> Patch:
    return [(signal_step, "RETRY_SECONDS", 0.0)]
