"""Every command that a page tells the reader to type exists, with the options that it shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.docs.pages import FENCE, INDENTED, PAGES, SPAN, name_of, without_fences

TYPED = re.compile(r"(?<![\w/.-])syncd ((?:[a-z][a-z-]*)(?: [^\s#;`|]+)*)")
TALKED_OF = {"CHANGELOG.md", "docs/decisions"}  # history may speak of what was


def commands() -> Any:
    """The command line as a tree of click commands."""
    application = pytest.importorskip("syncd.cli.application", reason="the command line isn't built yet")
    typer = pytest.importorskip("typer")
    return typer.main.get_command(application.application)


def typed(text: str) -> Iterator[list[str]]:
    """The words after `syncd` of each command that a page shows."""
    code = [block for _, block in FENCE.findall(text)]
    prose = without_fences(text)
    lines = [line for part in code for line in part.splitlines()] + INDENTED.findall(prose) + SPAN.findall(prose)
    for line in lines:
        for found in TYPED.findall(line):
            yield found.split()


def complaint(root: Any, words: list[str]) -> str:
    """What is wrong with a command line; "" if it is right."""
    command = root
    rest = list(words)
    while hasattr(command, "commands"):
        if not rest or rest[0].startswith("-"):
            return ""
        chosen = rest.pop(0)
        if "|" in chosen:
            missing = [name for name in chosen.split("|") if name not in command.commands]
            return f"no {missing} in `syncd {' '.join(words)}`" if missing else ""
        if chosen not in command.commands:
            return f"no {chosen!r} in `syncd {' '.join(words)}`"
        command = command.commands[chosen]
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    options |= {"--help", "-h", "--config", "-c"}  # `run` parses its own
    given = [word.split("=")[0] for word in rest if word.startswith("-") and not word[1:2].isdigit()]  # -3 is a number
    unknown = [name for name in given if name not in options]
    return f"no option {unknown} in `syncd {' '.join(words)}`" if unknown else ""


@pytest.mark.parametrize(
    "page", [page for page in PAGES if not name_of(page).startswith(tuple(TALKED_OF))], ids=name_of
)
def test_every_command_that_a_page_shows_exists(page):
    root = commands()
    assert not [told for words in typed(page.read_text("utf-8")) if (told := complaint(root, words))]


def test_an_unknown_command_and_an_unknown_option_are_found():
    root = commands()
    text = "Type `syncd nonsense`, or:\n\n    syncd plan acme --nonsense\n    syncd status --json   # right\n"
    told = {" ".join(words): complaint(root, words) for words in typed(text)}
    assert {line: bool(found) for line, found in told.items()} == {
        "nonsense": True,
        "plan acme --nonsense": True,
        "status --json": False,
    }
