"""What a command works on: the tenants of a running daemon, or of one that was composed for this command alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import anyio

from syncd.config.load import Configuration
from syncd.control.failure import EXIT_CONFIG, EXIT_FAILED, EXIT_USAGE, CommandFailed
from syncd.core.quantity import Quantity
from syncd.engine.reconciler import Reconciler
from syncd.engine.supervisor import TenantWork
from syncd.ledger.ledger import Ledger
from syncd.observability.log import Log
from syncd.ports.clock import Clock

Tell = Callable[[Mapping[str, Any]], Awaitable[None]]
PROBLEMS_SHOWN_MAX = 20  # of a broken tenant in an error; `syncd check` shows all


class Desk(Protocol):
    """What a person may do with an embedded ERP's stock book."""

    def import_csv(self, content: bytes, name: str, *, adjust: bool) -> dict[str, int]:
        """Import opening stock; rows by what became of them."""

    def adjust(self, sku: str, location: str, change: Quantity, reason: str) -> dict[str, Any]:
        """Record a correction; the entry."""

    def receive(self, sku: str, location: str, quantity: Quantity, reference: str) -> dict[str, Any]:
        """Record goods that came in; the entry."""

    def journal(self, sku: str, limit: int) -> list[dict[str, Any]]:
        """The last entries of a SKU, oldest first."""

    def disagreements(self) -> list[tuple[str, str]]:
        """(SKU, location) whose level isn't the sum of its entries."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything a command may use. `running` says whether the steps run beside it."""

    configuration: Configuration
    state_dir: Path
    ledger: Ledger
    clock: Clock
    log: Log
    works: Mapping[str, TenantWork]
    desks: Mapping[str, Desk]
    running: bool
    changing: anyio.Lock  # whoever holds it knows that no reload puts a tenant's new form in its place meanwhile
    reload: Callable[[], Awaitable[dict[str, Any]]] | None = None  # of a running daemon
    reloaded: Mapping[str, Any] | None = None  # the last reload's answer

    def tenant(self, name: str | None) -> TenantWork:
        """The tenant of this name; without a name the only one there is. Raises CommandFailed."""
        names = sorted({*self.works, *(tenant.name for tenant in self.configuration.tenants), *self.failed})
        if name is None:
            if len(names) != 1:
                raise CommandFailed(
                    "which tenant?", hint=f"name one of: {', '.join(names) or 'there is none'}", exit_code=EXIT_USAGE
                )
            name = names[0]
        work = self.works.get(name)
        if work is not None:
            return work
        if name in self.failed:
            raise broken_tenant(self.configuration, name)
        if name in names:
            raise CommandFailed(
                f"tenant {name} can't run", hint="the log of the start says why (tenant.failed)", exit_code=EXIT_FAILED
            )
        raise unknown_tenant(name, names)

    @property
    def failed(self) -> tuple[str, ...]:
        """Tenants whose configuration is broken."""
        return self.configuration.failed_tenants

    def place(self, tenant: str | None, store: str | None) -> tuple[TenantWork, Reconciler | None]:
        """A tenant and perhaps a store of it. With a single tenant, one word may be the store's name."""
        if tenant is not None and store is None and tenant not in self.works and len(self.works) == 1:
            only = next(iter(self.works.values()))
            if tenant in _stores(only) and tenant not in self.failed:
                return only, _stores(only)[tenant]
        work = self.tenant(tenant)
        return work, None if store is None else self.store(work, store)

    def store(self, work: TenantWork, name: str) -> Reconciler:
        """The tenant's store of this name. Raises CommandFailed."""
        known = _stores(work)
        if name not in known:
            raise CommandFailed(
                f"tenant {work.context.tenant} has no store {name!r}",
                hint=f"its stores are: {', '.join(sorted(known))}",
                exit_code=EXIT_USAGE,
            )
        return known[name]

    def one_store(self, tenant: str | None, store: str | None) -> tuple[TenantWork, Reconciler]:
        """Like `place`, for commands that need a store: the only one where none is named."""
        work, found = self.place(tenant, store)
        if found is not None:
            return work, found
        known = _stores(work)
        if len(known) != 1:
            raise CommandFailed(
                f"which store of tenant {work.context.tenant}?",
                hint=f"name one of: {', '.join(sorted(known))}",
                exit_code=EXIT_USAGE,
            )
        return work, next(iter(known.values()))


def _stores(work: TenantWork) -> dict[str, Reconciler]:
    return {reconciler.context.store: reconciler for reconciler in work.reconcilers}


def broken_tenant(configuration: Configuration, name: str) -> CommandFailed:
    """The failure for a tenant whose configuration is broken: with its problems."""
    mine = [str(problem) for problem in configuration.errors if problem.tenant == name]
    more = [f"and {len(mine) - PROBLEMS_SHOWN_MAX} more"] if len(mine) > PROBLEMS_SHOWN_MAX else []
    shown = "\n".join(f"  {line}" for line in [*mine[:PROBLEMS_SHOWN_MAX], *more])
    return CommandFailed(
        f"the configuration of tenant {name} is broken, so it doesn't run:\n{shown}",
        hint="mend the file; `syncd check` tells whether all is well",
        exit_code=EXIT_CONFIG,
    )


def unknown_tenant(name: str, names: list[str]) -> CommandFailed:
    """The failure for a name that no tenant has."""
    return CommandFailed(
        f"no tenant is called {name!r}", hint=f"the tenants are: {', '.join(names) or 'none'}", exit_code=EXIT_USAGE
    )
