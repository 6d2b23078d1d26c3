"""What the service manager hears while syncd works: that it is ready, what goes on, that it is alive."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from syncd.engine.pulse import pulse
from syncd.engine.reconciler import Reconciler
from syncd.engine.supervisor import Supervisor
from syncd.ledger.ledger import Ledger
from syncd.observability.notify import Notify
from syncd.reconcile.context import Stream

STATUS_SECONDS: Final = 5.0  # between two looks; said only when it has changed
WATCHDOG_PARTS: Final = 3  # petted three times within the service manager's bound
NAMES_MAX: Final = 5  # of stores in one line
UNWATCHED_SECONDS: Final = 60.0


class Herald:
    """Speaks to the service manager for one supervisor."""

    def __init__(self, supervisor: Supervisor, ledger: Ledger, notify: Notify) -> None:
        self._supervisor = supervisor
        self._ledger = ledger
        self._notify = notify
        self._said = ""
        self._note = ""  # what the last reload has left undone

    async def tell(self) -> None:
        """READY when the first tenant is at work; then its status, whenever that changes. Until cancelled."""
        await self._supervisor.working.wait()
        self._notify.ready(self._line())
        while self._notify.is_heard:
            await self._supervisor.clock.sleep(STATUS_SECONDS)
            if headline(self._supervisor, self._note) != self._said:
                self._notify.status(self._line())

    async def pet(self) -> None:
        """Say that work goes on: the loop turns, the writer answers, no loop is stuck. A shop that hangs has its own
        time-outs and never starves this. Until cancelled."""
        while self._notify.is_heard:
            if not await pulse(self._supervisor, self._ledger):
                self._notify.watchdog()
            await self._supervisor.clock.sleep((self._notify.watchdog_seconds or UNWATCHED_SECONDS) / WATCHDOG_PARTS)

    def reloading(self) -> None:
        """The configuration is being read again."""
        self._notify.reloading(self._supervisor.clock.monotonic())

    def reloaded(self, note: str) -> None:
        """It was; `note` is what could not be done ("": nothing)."""
        self._note = note
        self._notify.ready(self._line())

    def _line(self) -> str:
        self._said = headline(self._supervisor, self._note)
        return self._said


def headline(supervisor: Supervisor, note: str = "") -> str:
    """All of it in one line: how many run, and which of them don't do what they should."""
    works = supervisor.works
    stores = [reconciler for work in works for reconciler in work.reconcilers]
    parts = [f"{len(works)} tenant(s) running"]
    parts += [note] if note else []
    parts += _named("tenant(s) in trouble", (work.context.tenant for work in works if work.trouble))
    paused = [each for each in stores if each.context.is_paused]
    failing = [each for each in stores if each not in paused and each.context.stream is Stream.FAILING]
    for what, chosen in (
        ("store(s) can't be read", failing),
        ("behind", [each for each in stores if each.stale and each not in failing and each not in paused]),
        ("reading old orders", [each for each in stores if each.context.stream is Stream.BASELINE]),
        ("paused", paused),
    ):
        parts += _named(what, map(_name, chosen))
    return "; ".join(parts)


def _name(reconciler: Reconciler) -> str:
    return f"{reconciler.context.tenant.tenant}/{reconciler.context.store}"


def _named(what: str, names: Iterable[str]) -> list[str]:
    """`2 behind: acme/us, acme/eu`, or nothing where there are none."""
    found = list(names)
    if not found:
        return []
    more = ["..."] if len(found) > NAMES_MAX else []
    return [f"{len(found)} {what}: {', '.join([*found[:NAMES_MAX], *more])}"]
