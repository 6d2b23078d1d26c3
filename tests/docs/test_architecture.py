"""ARCHITECTURE.md is short, and speaks of what the design and the walls speak of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import PROJECT
from tests.test_walls import MAY_IMPORT

TEXT = (PROJECT / "ARCHITECTURE.md").read_text("utf-8")
LINES_MAX = 150  # three pages
INVARIANTS = ("ONCE", "CONSERVE", "AGREE", "COMPLETE", "DURABLE", "ISOLATED", "BOUNDED", "SHADOW", "EXPLAIN")


def test_it_fits_on_three_pages():
    assert len(TEXT.splitlines()) <= LINES_MAX


@pytest.mark.parametrize("name", INVARIANTS)
def test_every_invariant_says_what_it_promises_where_it_is_kept_and_where_it_is_proved(name):
    (row,) = re.findall(rf"^\| {name} \|(.+)\|$", TEXT, re.MULTILINE)
    cells = [cell.strip() for cell in row.split(" | ")]
    assert len(cells) == 3
    assert all(cells)
    assert "`tests/" in cells[-1]


def test_the_invariants_are_the_designs(shared_folder: Path):
    design = (shared_folder / "design.md").read_text("utf-8")
    assert tuple(re.findall(r"^- \*\*([A-Z]+)\*\*:", design, re.MULTILINE)) == INVARIANTS


def test_every_part_of_the_house_stands_in_the_table_of_layers():
    parts = {path.name for path in (PROJECT / "syncd").iterdir() if path.is_dir() and path.name in MAY_IMPORT}
    table = TEXT.split("## The flow", maxsplit=1)[0]
    assert not [part for part in sorted(parts) if f"`syncd/{part}`" not in table]
