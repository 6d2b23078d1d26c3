"""Links between the pages lead somewhere, and the pages name nothing that isn't there."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import PAGES, PROJECT, anchors, name_of, without_fences

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(
    r"`((?:syncd|tests|config|systemd|docs|core|ledger|reconcile|engine|transport|erps|stores|control)/[\w./-]+)`"
)
CHANGING = {"docs/performance.md"}  # figures of benchmarks, told by part


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_to_a_page_of_ours_leads_to_it_and_to_its_heading(page):
    broken = []
    for target in LINK.findall(without_fences(page.read_text("utf-8"))):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file.read_text("utf-8"))):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("page", [page for page in PAGES if name_of(page) not in CHANGING], ids=name_of)
def test_every_file_that_a_page_names_exists(page):
    named = PATH.findall(without_fences(page.read_text("utf-8")))
    places = (PROJECT, PROJECT / "syncd")
    assert not [path for path in named if not any((place / path).exists() for place in places)]


def test_the_manuals_index_names_every_page():
    index = (PROJECT / "docs/README.md").read_text("utf-8")
    pages = [page for page in (PROJECT / "docs").glob("*.md") if page.name != "README.md"]
    assert not [page.name for page in pages if f"({page.name})" not in index]


def test_decisions_are_numbered_one_by_one_and_say_what_a_record_says():
    records = sorted((PROJECT / "docs/decisions").glob("[0-9]*.md"))
    assert [record.name[:4] for record in records] == [f"{number:04}" for number in range(1, len(records) + 1)]
    index = (PROJECT / "docs/decisions/README.md").read_text("utf-8")
    listed = [f"- [{record.read_text('utf-8').splitlines()[0][2:]}]({record.name})" for record in records]
    assert re.findall(r"^- \[.*$", index, re.MULTILINE) == listed
    for record in records:
        text = record.read_text("utf-8")
        assert text.startswith(f"# {record.name[:4]}. "), record.name
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Choice", "Consequences"], record.name
