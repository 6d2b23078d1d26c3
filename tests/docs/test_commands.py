"""The manual page of the commands and the command line say the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from syncd.cli.application import EPILOG, application
from syncd.control import failure

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "commands.md").read_text("utf-8")
SECTION = re.compile(r"^### ([^\n]+)$\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)


def commands(command: Any = None, words: tuple[str, ...] = ()) -> dict[str, Any]:
    """Every command that does something, by its words."""
    root = get_command(application) if command is None else command
    found: dict[str, Any] = {}
    for name, inner in root.commands.items():
        if hasattr(inner, "commands"):
            found |= commands(inner, (*words, name))
        else:
            found[" ".join((*words, name))] = inner
    return found


def sections() -> dict[str, str]:
    return dict(SECTION.findall(PAGE))


def test_every_command_has_its_section_and_every_section_its_command():
    assert sorted(sections()) == sorted(commands())


@pytest.mark.parametrize("name", sorted(commands()))
def test_a_section_shows_an_example_and_names_every_option(name):
    text = sections()[name]
    assert f"    $ syncd {name}" in text
    common = {"--config", "--json", "--tenant", "--help", "--location", "--limit"}  # told once, or by --help alone
    options = {option for parameter in commands()[name].params for option in parameter.opts if option.startswith("--")}
    assert [option for option in options - common if option not in text] == []


@pytest.mark.parametrize("name", sorted(commands()))
def test_a_command_tells_what_it_does_in_a_sentence_and_shows_an_example(name):
    command = commands()[name]
    assert command.help[0].isupper()
    assert command.help.endswith(".")
    assert "syncd " in (command.epilog or "")


@pytest.mark.parametrize("name", [name for name in vars(failure) if name.startswith("EXIT_")])
def test_every_exit_code_is_told_on_the_page_and_in_the_help(name):
    code = getattr(failure, name)
    assert f"| {code} |" in PAGE
    assert f" {code} " in EPILOG


def test_everything_that_reports_can_print_json():
    silent = {"run", "config-schema", "demo"}
    for name, command in commands().items():
        options = {option for parameter in command.params for option in parameter.opts}
        assert ("--json" in options) == (name not in silent), name
