"""Reload: read the whole configuration again, then start, stop and restart what has changed, and nothing else.

What can't be used stays as it was: a tenant whose file is broken goes on as before, and where `syncd.toml` or the folder
itself is broken, nothing is changed at all. A tenant's new form is built before its old one ends, so that whatever can't
be built keeps the old one running.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
from pydantic import BaseModel

from syncd.adapters import kinds_of
from syncd.app import App, Surroundings, build, build_store, doors, public_url_of, tell_failed
from syncd.config.agree import shop_key
from syncd.config.load import Configuration
from syncd.config.settings import Settings
from syncd.config.tenant import Tenant
from syncd.control.failure import EXIT_AGAIN, CommandFailed
from syncd.control.plain import iso
from syncd.core.signal import Kind
from syncd.engine.reconciler import Reconciler
from syncd.engine.supervisor import TenantWork, adopt
from syncd.erps.embedded.book import StockBook
from syncd.errors import MisconfiguredError, StoreFault, SyncdError, TransientError
from syncd.inbox.receiver import Door
from syncd.ledger import signals
from syncd.observability import events
from syncd.observability.log import Log
from syncd.observability.redact import Redaction

TAKES_EFFECT_AT_ONCE: Final = frozenset({"shutdown"})  # of `syncd.toml`; whatever else changes needs a restart
PROBLEMS_MAX: Final = 50  # of one tenant in an answer; the log and `syncd check` have all

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """What follows from a new configuration: tenants by what becomes of them; `stores` are those with changed stores alone."""

    started: tuple[Tenant, ...]
    stopped: tuple[str, ...]
    restarted: tuple[Tenant, ...]
    stores: tuple[Tenant, ...]
    kept: Mapping[str, list[str]]  # those that go on as they were, or stay out, and why


def compare(running: Mapping[str, Tenant], now: Configuration, state_dir: Path) -> Change:
    """What has changed between what runs and what the files say."""
    kept = {name: [str(each) for each in now.errors if each.tenant == name] for name in now.failed_tenants}
    changed = {tenant.name: tenant for tenant in now.tenants if running.get(tenant.name) != tenant}
    while clashing := _clashing(changed.values(), [running[n] for n in kept if n in running], state_dir):
        for name, other in clashing.items():  # a kept one still has what the new one wants
            kept[name] = [f"a shop or stock book of it is in use by tenant {other}, which goes on as it was"]
            del changed[name]
    stays = {tenant.name for tenant in now.tenants} | kept.keys()
    known = [tenant for tenant in changed.values() if tenant.name in running]
    stores = tuple(tenant for tenant in known if _only_stores_differ(running[tenant.name], tenant))
    return Change(
        started=tuple(tenant for tenant in changed.values() if tenant.name not in running),
        stopped=tuple(name for name in running if name not in stays),
        restarted=tuple(tenant for tenant in known if tenant not in stores),
        stores=stores,
        kept=kept,
    )


def _only_stores_differ(old: Tenant, new: Tenant) -> bool:
    return all(getattr(old, name) == getattr(new, name) for name in Tenant.model_fields if name != "stores")


def _clashing(changed: Iterable[Tenant], kept: Iterable[Tenant], state_dir: Path) -> dict[str, str]:
    """The changed tenants that want what a kept one has, each with that one's name."""
    held = {thing: tenant.name for tenant in kept for thing in _belongings(tenant, state_dir)}
    return {
        tenant.name: held[thing]
        for tenant in changed
        for thing in _belongings(tenant, state_dir)
        if held.get(thing, tenant.name) != tenant.name
    }


def _belongings(tenant: Tenant, state_dir: Path) -> set[object]:
    """What no two tenants may have at once."""
    shops = [
        shop_key({name: getattr(store, name, None) for name in ("kind", "base_url", "store_hash")})
        for store in tenant.stores.values()
    ]
    return {thing for thing in (*shops, tenant.erp_file(state_dir)) if thing is not None}


def needs_restart(old: Settings, new: Settings) -> list[str]:
    """The keys of `syncd.toml` whose change has no effect before a restart."""
    found = []
    for name in Settings.model_fields:
        before, after = getattr(old, name), getattr(new, name)
        if before == after or name in TAKES_EFFECT_AT_ONCE:
            continue
        both = isinstance(before, BaseModel) and type(before) is type(after)
        fields = type(before).model_fields if both else ()
        inner = [f"{name}.{key}" for key in fields if getattr(before, key) != getattr(after, key)]
        found += inner or [name]
    return found


@dataclass(slots=True)
class Reloader:
    """Brings the running tenants to what the files say. `changed` is told the configuration that is in force then."""

    app: App
    given: Surroundings
    configuration: Configuration  # in force; its settings are those of the start
    reread: Callable[[], Configuration]
    redaction: Redaction
    doors: dict[tuple[str, str], Door]
    changed: Callable[[Configuration, Answer], None]

    async def reload(self) -> Answer:
        """Read, and change what has changed. Returns what was done, as plain data."""
        now = self.reread()
        self.redaction.learn(now.secrets)
        self._log_problems(now)
        settings = self.configuration.settings
        assert settings is not None
        general = [str(problem) for problem in now.errors if not problem.tenant]
        answer: Answer = {
            "at": iso(self.given.clock.now()), "problems": general, "started": [], "stopped": [], "restarted": [],
            "stores": {"started": [], "stopped": [], "restarted": []}, "unchanged": 0, "kept": [], "failed": [],
            "needs_restart": [],
        }  # fmt: skip
        if general or now.settings is None:
            self.given.log.emit(events.CONFIG_KEPT, reason="; ".join(general)[:1000])
            answer["unchanged"] = len(self.app.tenants)
            in_force = Configuration(settings, tuple(self.app.models.values()), now.problems)
        else:
            answer["needs_restart"] = needs_restart(settings, now.settings)
            for key in answer["needs_restart"]:
                self.given.log.emit(events.CONFIG_NEEDS_RESTART, key=key)
            self.app.supervisor.drain_seconds = now.settings.shutdown.drain_seconds
            await self._change(compare(self.app.models, now, settings.state_dir), answer)
            known = {tenant.name: tenant for tenant in now.tenants} | self.app.models
            in_force = Configuration(settings, tuple(known[name] for name in sorted(known)), now.problems)
            self.configuration = in_force
            await self.tidy()
        self.configuration = in_force
        self.changed(in_force, answer)
        return answer

    async def tidy(self) -> None:
        """Forget what stores have spoken of that were taken out of the configuration, and kinds that they aren't read for any
        more: nobody would read it. A tenant whose file is broken may come back with its stores."""
        known: dict[str, Collection[tuple[str, Kind]] | None] = dict.fromkeys(self.configuration.failed_tenants)
        known |= {
            tenant.name: {(name, kind) for name, store in tenant.stores.items() for kind in kinds_of(store)}
            for tenant in self.configuration.tenants
        }
        with suppress(TransientError):  # the next start or reload does it
            await self.given.ledger.run(partial(signals.forget_others, known=known))

    def _log_problems(self, now: Configuration) -> None:
        for problem in now.problems:
            self.given.log.emit(
                events.CONFIG_INVALID if problem.severity == "error" else events.CONFIG_WARNED, file=problem.file, key=problem.key, line_number=problem.line, expected=problem.expected,
                found=problem.found, hint=problem.hint, severity=problem.severity,
            )  # fmt: skip

    async def _change(self, change: Change, answer: Answer) -> None:
        for name, problems in change.kept.items():
            self._keep(name, problems, answer)
        built = self._build(change, answer)
        restarted = [tenant.name for tenant in change.restarted if tenant.name in built]
        ending = [*change.stopped, *restarted]
        untouched = len(self.app.tenants) - len(ending) - len(change.stores)
        old = {name: self.app.tenants[name] for name in ending}
        try:
            if not await self.app.supervisor.end(list(old.values())):
                raise CommandFailed("the daemon is stopping", exit_code=EXIT_AGAIN)
            for name in change.stopped:
                self.app.drop(name)
                answer["stopped"].append(name)
            new = self._build_stores(change)
            for tenant in change.stores:  # all that end end first: a shop may go from one tenant to another
                await self._end_stores(tenant, answer)
            for tenant in change.stores:
                await self._start_stores(tenant, new[tenant.name], answer)
            for tenant in [*change.restarted, *change.started]:
                if tenant.name in built:
                    await self._start(tenant, built, answer)
        finally:
            for _, book in built.values():  # those that were not started
                if book is not None:
                    book.close()
            self.doors.clear()
            self.doors.update(doors(self.app))
        kept = sum(each["running"] for each in answer["kept"])
        answer["unchanged"] = untouched - sum(
            each["running"] for each in answer["kept"] if each["tenant"] not in ending
        )
        stores = answer["stores"]
        self.given.log.emit(
            events.CONFIG_RELOADED, started=answer["started"], stopped=answer["stopped"],
            restarted=answer["restarted"], stores_started=stores["started"], stores_stopped=stores["stopped"],
            stores_restarted=stores["restarted"], unchanged=answer["unchanged"], kept=kept,
            failed=len(answer["failed"]),
        )  # fmt: skip

    def _build(self, change: Change, answer: Answer) -> dict[str, tuple[TenantWork, StockBook | None]]:
        """The tenants that start, or start anew, before anything ends."""
        built: dict[str, tuple[TenantWork, StockBook | None]] = {}
        for tenant in [*change.restarted, *change.started]:
            try:
                built[tenant.name] = build(tenant, self.given, public_url_of(self.configuration))
            except (MisconfiguredError, StoreFault, OSError) as error:
                self._fail(tenant.name, error, answer)
        return built

    async def _start(
        self, tenant: Tenant, built: dict[str, tuple[TenantWork, StockBook | None]], answer: Answer
    ) -> None:
        """Begin a tenant's new epoch. Its old form, if there was one, has ended; it comes back where the ledger refuses."""
        async with self.app.changing:  # what the ledger tells of pauses is true until the new form is in its place
            await self._adopt(tenant, built, answer)

    async def _adopt(
        self, tenant: Tenant, built: dict[str, tuple[TenantWork, StockBook | None]], answer: Answer
    ) -> None:
        work, _ = built[tenant.name]
        old = self.app.tenants.get(tenant.name)
        try:
            await adopt(work.context, self.given.holder)
        except (MisconfiguredError, TransientError) as error:
            if old is not None:
                self.app.supervisor.start(old)
            self._fail(tenant.name, error, answer)
            return
        if old is not None:
            self.app.drop(tenant.name)
        work, book = built.pop(tenant.name)
        self.app.take(tenant, work, book)
        self.app.supervisor.start(work)
        answer["started" if old is None else "restarted"].append(tenant.name)

    def _build_stores(self, change: Change) -> dict[str, list[Reconciler]]:
        """The new and changed stores of tenants of which nothing else has changed, before anything of them ends."""
        url = public_url_of(self.configuration)
        return {
            tenant.name: [
                Reconciler(build_store(name, tenant, self.app.tenants[tenant.name].context, self.given, url))
                for name, store in tenant.stores.items()
                if self.app.models[tenant.name].stores.get(name) != store
            ]
            for tenant in change.stores
        }

    async def _end_stores(self, tenant: Tenant, answer: Answer) -> None:
        """Only stores have changed: the ERP's tasks and the other stores go on, under the same epoch."""
        before = self.app.models[tenant.name].stores
        ending = [name for name, store in before.items() if tenant.stores.get(name) != store]
        await self.app.tenants[tenant.name].change_stores(ending, (), drain_seconds=self.app.supervisor.drain_seconds)
        answer["stores"]["stopped"] += [f"{tenant.name}/{name}" for name in ending if name not in tenant.stores]

    async def _start_stores(self, tenant: Tenant, new: Sequence[Reconciler], answer: Answer) -> None:
        """An old store's task has surely ended by now, so nothing of it can write."""
        work, before = self.app.tenants[tenant.name], self.app.models[tenant.name].stores
        await work.change_stores((), new, drain_seconds=self.app.supervisor.drain_seconds)
        self.app.models[tenant.name] = tenant
        for each in new:
            name = each.context.store
            answer["stores"]["restarted" if name in before else "started"].append(f"{tenant.name}/{name}")

    def _keep(self, name: str, problems: list[str], answer: Answer) -> None:
        running = name in self.app.tenants
        answer["kept"].append({"tenant": name, "running": running, "problems": problems[:PROBLEMS_MAX]})
        reason = "; ".join(problems)[:1000]
        if running:
            self.given.log.emit(events.CONFIG_KEPT, tenant=name, reason=reason)

    def _fail(self, name: str, error: SyncdError | OSError, answer: Answer) -> None:
        if name in self.app.tenants:
            self._keep(name, [str(error)], answer)
            return
        hint = tell_failed(self.given.log, name, error)
        answer["failed"].append({"tenant": name, "reason": str(error), "hint": hint})


@dataclass(slots=True)
class _Round:
    """A reload, and who waits for its end."""

    ended: anyio.Event = field(default_factory=anyio.Event)
    answer: Answer | None = None
    error: Exception | None = None


class Reloads:
    """One reload after the other. However many ask while one runs, one more answers them all."""

    def __init__(self, work: Callable[[], Awaitable[Answer]], log: Log) -> None:
        self._work = work
        self._log = log
        self._asked = anyio.Event()
        self._next = _Round()

    def hint(self) -> None:
        """Somebody wants a reload (SIGHUP)."""
        self._asked.set()

    async def ask(self) -> Answer:
        """Want a reload that begins from now on, and wait for its answer. Going away doesn't stop it."""
        mine = self._next
        self._asked.set()
        await mine.ended.wait()
        if isinstance(mine.error, CommandFailed):
            raise mine.error
        if mine.answer is None:
            raise CommandFailed(
                f"the reload failed: {mine.error}",
                hint="look at the log, then at `syncd status`; a restart ends any doubt",
            )
        return mine.answer

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._asked.wait()
            this, self._next, self._asked = self._next, _Round(), anyio.Event()
            try:
                this.answer = await self._work()
            except CommandFailed as error:
                this.error = error
            except Exception as error:  # noqa: BLE001 - a bug in a reload must not stop what runs
                self._log.bug(error)
                this.error = error
            this.ended.set()
