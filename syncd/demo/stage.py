"""How the demo is shown: a live picture on a terminal, plain lines where the output is piped."""

from __future__ import annotations

import os
import sys
from collections import deque
from typing import Final, Protocol, Self, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from syncd.demo.scene import Scene

PIPED_WIDTH: Final = 110
LINE_EVERY_SECONDS: Final = 5.0  # of the plain form
EVENTS_KEPT: Final = 40
EVENTS_SHOWN_MIN: Final = 3
SHORT: Final = {"bigcommerce": "(BC)", "woocommerce": "(Woo)"}
LINES_AROUND: Final = 8  # of the picture that are neither levels nor events


class Stage(Protocol):
    """Where the demo is shown. `say` is for what must not be missed, `note` for what goes by."""

    console: Console

    def say(self, text: str) -> None:
        """A moment of the play: a kill, a new phase."""

    def note(self, texts: list[str]) -> None:
        """What the daemon or the shoppers did."""

    def show(self, scene: Scene) -> None:
        """The state of things, several times a second."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


def make_stage(stream: TextIO | None = None) -> Stage:
    """A picture if the stream is a terminal that can be painted on, else lines."""
    out = stream or sys.stdout
    if out.isatty() and os.environ.get("TERM") != "dumb":
        return Picture(Console(file=out, highlight=False))
    return Lines(plain_console(out))


def plain_console(stream: TextIO) -> Console:
    """A console that writes text and nothing else, whatever the environment says about colours."""
    return Console(file=stream, force_terminal=False, color_system=None, width=PIPED_WIDTH, highlight=False)


class Lines:
    """Plain lines: what is said, and a line about the state every few seconds."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._line_at = 0.0

    def say(self, text: str) -> None:
        """Print it."""
        self._print(text)

    def note(self, texts: list[str]) -> None:
        """Too much for a log; the daemon's own is kept with --keep."""

    def show(self, scene: Scene) -> None:
        """A line now and then."""
        now = scene.elapsed_seconds + scene.waiting_seconds
        if now - self._line_at < LINE_EVERY_SECONDS:
            return
        self._line_at = now
        self._print(
            f"{now:5.0f} s  {scene.phase}; daemon {scene.daemon}; {scene.orders} orders, {scene.changes} changes of orders, "
            f"{scene.requests} requests, {scene.faults_total} faults; {_off(scene)}"
        )

    def _print(self, text: str) -> None:
        self.console.print(text, markup=False, soft_wrap=True)
        self.console.file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass


class Picture:
    """A live picture: progress, the shops side by side, and what happens, in words. No thread: each `show` paints."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._events: deque[Text] = deque(maxlen=EVENTS_KEPT)
        self._live = Live(console=console, auto_refresh=False)

    def say(self, text: str) -> None:
        """Keep it among the events, in bold."""
        self._events.append(Text(text, style="bold yellow"))

    def note(self, texts: list[str]) -> None:
        """Keep the last ones."""
        self._events.extend(Text(text, style="dim" if "is edited" in text else "") for text in texts)

    def show(self, scene: Scene) -> None:
        """Paint."""
        lines = max(EVENTS_SHOWN_MIN, self.console.size.height - len(scene.rows) - LINES_AROUND)
        self._live.update(
            Group(_head(scene), _levels(scene), _events(list(self._events)[-lines:], lines)), refresh=True
        )

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.__exit__(None, None, None)


def _head(scene: Scene) -> Group:
    bar = Table.grid(padding=(0, 1), expand=True)
    bar.add_column(no_wrap=True)
    bar.add_column(ratio=1)
    bar.add_column(no_wrap=True, justify="right")
    done = min(scene.elapsed_seconds, scene.whole_seconds)
    clock = f"{scene.elapsed_seconds:.0f} s" + (f" + {scene.waiting_seconds:.0f} s" if scene.waiting_seconds else "")
    bar.add_row(Text(scene.phase, style="bold"), ProgressBar(total=scene.whole_seconds, completed=done), clock)
    state = Text("daemon ")
    state.append(scene.daemon, style="bold green" if scene.daemon.startswith("up") else "bold red")
    state.append(f"   kills {scene.kills}   seed {scene.seed}")
    counts = Text(
        f"orders {scene.orders}   changes {scene.changes}   requests {scene.requests}   faults {scene.faults_total}   "
        f"levels written {scene.writes}"
    )
    for line in (state, counts):
        line.no_wrap, line.overflow = True, "ellipsis"
    return Group(bar, state, counts)


def _levels(scene: Scene) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="bold")
    table.add_column("SKU", no_wrap=True)
    for name in ("opening", "sold", "returned", "should be", "ERP"):
        table.add_column(name, justify="right", no_wrap=True)
    for store, kind in scene.stores.items():
        table.add_column(f"{store} {SHORT[kind]}", justify="right", no_wrap=True)
    for row in scene.rows:
        cells = [Text(row.sku), Text(str(row.opening)), Text(str(row.sold)), Text(str(row.returned))]
        cells.append(Text(str(row.should), style="bold red" if row.should < 0 else "bold"))
        cells.append(_level(row.erp, row.should))
        cells += [_level(row.shown.get(store), row.expected.get(store)) for store in scene.stores]
        table.add_row(*cells)
    return table


def _level(level: int | None, expected: int | None) -> Text:
    return Text("-" if level is None else str(level), style="green" if level == expected else "yellow")


def _events(events: list[Text], lines: int) -> Panel:
    for event in events:
        event.no_wrap, event.overflow = True, "ellipsis"
    padded = [*events, *(Text("") for _ in range(lines - len(events)))]
    return Panel(Group(*padded), title="what happens", title_align="left", border_style="dim")


def _off(scene: Scene) -> str:
    if not scene.off:
        return "all agree"
    return f"{scene.off} number{'s' if scene.off > 1 else ''} on the way"
