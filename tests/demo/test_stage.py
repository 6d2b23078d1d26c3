"""What is shown: a picture on a terminal, plain lines where the output is piped."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from syncd.demo.reckoning import Row
from syncd.demo.scene import Scene
from syncd.demo.stage import Lines, Picture, make_stage
from syncd.demo.verdict import Outcome, show_outcome, show_table

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def scene() -> Scene:
    row = Row("MUG-RED", 10, sold=12, returned=1, erp=-1, shown={"us": 0, "de": -1}, expected={"us": 0, "de": -1})
    scene = Scene(7, {"us": "bigcommerce", "de": "woocommerce"}, 30.0, rows=[row], faults={"429": 3, "5xx": 2})
    scene.elapsed_seconds, scene.daemon, scene.kills = 12.0, "up (life 2, process 4711)", 1
    return scene


def test_piped_output_has_no_control_characters_whatever_the_environment_says(scene, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    out = io.StringIO()
    stage = make_stage(out)
    assert isinstance(stage, Lines)
    with stage:
        stage.say("kill -9 4711: [bold]the daemon[/bold] is gone")
        stage.note(["us: MUG-RED +2, to show 9"])
        stage.show(scene)
    show_table(stage.console, scene)
    show_outcome(stage.console, scene, Outcome(agreed_after_seconds=20.0))
    text = out.getvalue()
    assert all(character == "\n" or character.isprintable() for character in text)
    assert "[bold]the daemon[/bold]" in text
    assert "exact" in text
    assert "5: 3 429, 2 5xx" in text


def test_plain_lines_about_the_state_come_now_and_then_only(scene):
    out = io.StringIO()
    stage = make_stage(out)
    for _ in range(10):
        stage.show(scene)
    assert out.getvalue().count("\n") == 1


def test_a_number_that_is_off_is_named(scene):
    out = io.StringIO()
    scene.rows[0].erp = 0
    stage = make_stage(out)
    show_table(stage.console, scene)
    show_outcome(stage.console, scene, Outcome(troubles=["asked to stop, the daemon had to be killed"]))
    assert "OFF: MUG-RED: the ERP has 0, it should have -1" in out.getvalue()
    assert "TROUBLE: asked to stop" in out.getvalue()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 60), (40, 10)])
def test_the_picture_fits_the_terminal(scene, width, height):
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, height=height, color_system=None)
    with Picture(console) as stage:
        stage.say("kill -9 4711")
        stage.note(["us: order 101 is edited"] * 50)
        stage.show(scene)
        painted = ESCAPES.sub("", out.getvalue()).replace("\r", "").splitlines()
    assert any("is edited" in line for line in painted)
    assert len(painted) <= height
    assert max(map(len, painted)) <= width
