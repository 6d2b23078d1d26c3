"""Where in a TOML file a key stands. tomllib doesn't tell; a look at the shape of each line is enough to point at it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

HEADER = re.compile(r"\s*\[\s*(?P<path>[^\[\]]+?)\s*\]\s*(?:#.*)?$")
ASSIGNMENT = re.compile(r"\s*(?P<path>(?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*=")
PART = re.compile(r"\"([^\"]*)\"|'([^']*)'|([\w-]+)")
LONG_QUOTES = ('"""', "'''")


def find_lines(text: str) -> Mapping[tuple[str, ...], int]:
    """The line (from 1) of each table header and each key. Inside texts of several lines nothing is looked for."""
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    inside = ""  # the quotes that a text of several lines waits for
    for number, line in enumerate(text.splitlines(), start=1):
        if inside:
            inside = "" if inside in line else inside
            continue
        if header := HEADER.match(line):
            table = _parts(header["path"])
            found.setdefault(table, number)
        elif assignment := ASSIGNMENT.match(line):
            path = table + _parts(assignment["path"])
            for length in range(len(table) + 1, len(path) + 1):
                found.setdefault(path[:length], number)
        inside = next((quotes for quotes in LONG_QUOTES if line.count(quotes) % 2), "")
    return found


def nearest_line(lines: Mapping[tuple[str, ...], int], path: Sequence[str | int]) -> int:
    """The line of this key, or of the nearest table around it that is in the file; 0 when there is none."""
    names: list[str] = []
    for part in path:
        if isinstance(part, int):
            break
        names.append(part)
    while names:
        if tuple(names) in lines:
            return lines[tuple(names)]
        names.pop()
    return 0


def _parts(path: str) -> tuple[str, ...]:
    return tuple(double or single or bare for double, single, bare in PART.findall(path))
