"""The stylesheet's colours, light and dark: enough contrast between what is written and what it is written on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import syncd.page

CSS = (Path(syncd.page.__file__).parent / "static" / "page.css").read_text("utf-8")
TEXTS = ["ink", "soft", "link"]
STATES = ["ok", "wait", "stop", "note"]
GROUNDS = ["ground", "card", "sunk"]
PAIRS = [(text, ground, 4.5) for text in TEXTS for ground in GROUNDS]
PAIRS += [(state, ground, 4.5) for state in STATES for ground in ("card", f"{state}-ground")]
PAIRS += [(text, f"{state}-ground", 4.5) for state in STATES for text in TEXTS]
PAIRS += [("button-ink", "button", 4.5), ("focus", "ground", 3.0), ("focus", "card", 3.0)]
PAIRS += [(f"c{number}", "card", 3.0) for number in range(6)]


def variables(scheme: str) -> dict[str, str]:
    light, dark = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[:2]
    text = light if scheme == "light" else light + dark
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", text))


def brightness(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((brightness(one), brightness(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground", "least"), PAIRS)
def test_what_is_written_can_be_read(scheme, text, ground, least):
    colours = variables(scheme)
    assert contrast(colours[text], colours[ground]) >= least


def test_contrast_is_what_the_guidelines_say():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_the_stylesheet_names_no_other_host_and_defines_what_it_uses():
    assert "//" not in re.sub(r"/\*.*?\*/", "", CSS, flags=re.DOTALL)
    assert "@import" not in CSS
    assert "url(" not in CSS
    used = set(re.findall(r"var\(--([\w-]+)\)", CSS))
    assert used <= set(re.findall(r"--([\w-]+):", CSS))
