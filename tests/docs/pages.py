"""The project's own Markdown pages, and what the tests look for in them."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PAGES = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^    (.*)$", re.MULTILINE)
SPAN = re.compile(r"`([^`\n]+)`")


def name_of(page: Path) -> str:
    """The page's path inside the project."""
    return str(page.relative_to(PROJECT))


def fenced(text: str, language: str) -> list[str]:
    """The blocks of code in this language."""
    return [found[2] for found in FENCE.finditer(text) if found[1] == language]


def without_fences(text: str) -> str:
    """The page's prose: what stands outside of blocks of code."""
    return FENCE.sub("", text)


def slug(heading: str) -> str:
    """The anchor that a heading gets where the pages are shown."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(text: str) -> set[str]:
    """Every anchor of a page."""
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", without_fences(text), re.MULTILINE)}
