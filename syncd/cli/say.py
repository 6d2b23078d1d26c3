"""What the command line prints: JSON for scripts, tables for people (plain when piped), failures with their hints."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from syncd.errors import SyncdError

PIPED_WIDTH = 200  # a table in a file isn't cut at some terminal's edge


def console(*, errors: bool = False) -> Console:
    """Where to print: colours and lines only on a terminal."""
    stream = sys.stderr if errors else sys.stdout
    width = None if stream.isatty() else PIPED_WIDTH
    return Console(file=stream, width=width, highlight=False, soft_wrap=False)


def print_json(value: Any, *, on_one_line: bool = False) -> None:
    """One JSON document; `on_one_line` where more follow."""
    print(json.dumps(value, indent=None if on_one_line else 2, ensure_ascii=False), flush=on_one_line)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table; numbers' columns begin with ">" in their names. None is shown as "-"."""
    where = console()
    plain = not where.is_terminal
    table = Table(title=title or None, title_justify="left", box=None if plain else _box(), pad_edge=False)
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.removeprefix(">"), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    where.print(table)


def clear_screen() -> None:
    """On a terminal, so that what follows stands where the last one stood."""
    console().clear()


def is_terminal() -> bool:
    """Whether a person looks."""
    return sys.stdout.isatty()


def print_line(text: str = "", style: str = "") -> None:
    """A line of text, as it is."""
    console().print(Text(text, style=style), soft_wrap=True)


def print_failure(error: SyncdError) -> None:
    """What went wrong and what to do about it, on standard error."""
    where = console(errors=True)
    where.print(f"[bold red]syncd:[/] {escape(str(error))}", soft_wrap=True)
    if error.hint:
        where.print(f"[bold]hint:[/] {escape(error.hint)}", soft_wrap=True)


def _box() -> Any:
    from rich import box  # noqa: PLC0415 - only on a terminal

    return box.SIMPLE_HEAD


def _cell(value: object) -> Text:
    if value is None or value == "":
        return Text("-")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    return Text(str(value))
