"""The daemon's log, read while it is written: what it does in plain words, and what can be counted from it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

READ_BYTES_MAX: Final = 4 * 2**20  # in one look; the rest comes with the next
TAIL_LINES: Final = 40  # of the log, where something went wrong

Entry = Mapping[str, Any]
Names = Mapping[tuple[str, str], str]


class Tidings:
    """Follows one log file over all lives of the daemon."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._half = b""
        self.counts: Counter[str] = Counter()
        self.stores: dict[str, set[str]] = {}
        """For each event, the stores that it was told of since the last `forget`."""
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)

    def forget(self) -> None:
        """A new life of the daemon begins: which stores are ready is told anew."""
        self.stores.clear()

    def read(self, names: Names) -> list[str]:
        """What is new, in words; most lines say nothing worth a viewer's time."""
        told = []
        for entry in self._entries():
            event = str(entry.get("event", ""))
            self.counts[event] += 1
            self.stores.setdefault(event, set()).add(str(entry.get("store", "")))
            if text := in_words(entry, names):
                told.append(text)
        return told

    def _entries(self) -> Iterator[Entry]:
        if not self._path.is_file():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            new = file.read(READ_BYTES_MAX)
        self._offset += len(new)
        *lines, self._half = (self._half + new).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace")
            self.tail.append(text)
            try:
                entry = msgspec.json.decode(line)
            except msgspec.DecodeError:  # half a line: the daemon was killed while it wrote
                continue
            if isinstance(entry, dict):
                yield entry


def in_words(entry: Entry, names: Names) -> str:
    """One entry as a sentence; "" for those that come too often or say too little."""
    say = WORDS.get(str(entry.get("event")))
    return say(entry, names) if say else ""


def _goods(entry: Entry, names: Names) -> str:
    store, item = str(entry.get("store", "")), str(entry.get("item", ""))
    return names.get((store, item), item)


def _order(entry: Entry) -> str:
    return str(entry.get("order", "")).rpartition("/")[2]


def _written(entry: Entry, names: Names) -> str:
    change = str(entry.get("change", ""))
    sign = "" if change.startswith("-") else "+"
    return f"{entry.get('store')}: {_goods(entry, names)} {sign}{change}, to show {entry.get('target')}"


def _applied(entry: Entry, _names: Names) -> str:
    moves = entry.get("moves")
    if not moves:
        return ""
    return f"{entry.get('store')}: order {_order(entry)} is {entry.get('status')}: {moves} stock move(s) for the ERP"


WORDS: Final[Mapping[str, Callable[[Entry, Names], str]]] = {
    "daemon.started": lambda e, _: f"syncd is up, process {e.get('pid')}",
    "daemon.stopped": lambda _e, _n: "syncd has stopped",
    "daemon.refused": lambda e, _: f"syncd cannot start: {e.get('reason')}",
    "tenant.failed": lambda e, _: f"the tenant cannot run: {e.get('reason')}",
    "store.baseline_done": lambda e, _: f"{e.get('store')}: the orders from before are recorded; levels may be written",
    "store.unreachable": lambda e, _: f"{e.get('store')}: doesn't answer as it should ({e.get('reason')})",
    "store.recovered": lambda e, _: f"{e.get('store')}: answers again",
    "store.failed": lambda e, _: f"{e.get('store')}: its reconciler starts again ({e.get('reason')})",
    "store.stale": lambda e, _: f"{e.get('store')}: orders are behind; nothing is raised there",
    "store.brake": lambda e, _: f"{e.get('store')}: the brake: {e.get('reason')}",
    "order.applied": _applied,
    "order.quarantined": lambda e, _: f"{e.get('store')}: order {_order(e)} is in quarantine: {e.get('reason')}",
    "move.doubt": lambda e, _: f"ERP: no answer to move {e.get('effect')}; it is asked about",
    "move.refused": lambda e, _: f"ERP: refuses move {e.get('effect')}: {e.get('reason')}",
    "level.written": _written,
    "level.doubt": lambda e, n: f"{e.get('store')}: a level of {_goods(e, n)} got no clear answer; readings will tell",
    "level.refused": lambda e, n: f"{e.get('store')}: refuses a level of {_goods(e, n)}; it is computed anew",
    "drift.found": lambda e, n: f"{e.get('store')}: {_goods(e, n)} is off by {e.get('units')} from the book; corrected",
    "drift.explained": lambda e, n: f"{e.get('store')}: {_goods(e, n)}: the drift is explained",
    "bug.found": lambda e, _: f"a bug: {e.get('error')}",
}
