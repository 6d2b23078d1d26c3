"""Pictures as numbers, and what is left of the ERP's steps beside the moves."""

from __future__ import annotations

import itertools
import re

import pytest

from syncd.core.quantity import SECOND, Instant, Quantity, units
from syncd.ledger.level_changes import Step
from syncd.ledger.moves import Counted
from syncd.page.picture import NARROW, WIDE, Line, Scale, draw, spark
from syncd.page.story import own_changes

HOUR = 3_600 * SECOND
NOON = Instant(20_000 * 24 * HOUR + 12 * HOUR)


def steps(*pairs: tuple[float, int]) -> list[Step]:
    return [Step(Instant(NOON + round(at * HOUR)), units(level)) for at, level in pairs]


def line(name: str, now: int | None, *pairs: tuple[float, int], is_erp: bool = False) -> Line:
    return Line(name, steps(*pairs), None if now is None else units(now), is_erp=is_erp)


@pytest.mark.parametrize("form", [WIDE, NARROW])
def test_everything_lies_within_the_picture(form):
    erp = line("ERP", 5, (-9, 80), (-1, 60), (0.5, 90), (3.9, 5), is_erp=True)
    shop = line("us", 7, (-3, 80), (1, 12), (3.95, 7))
    picture = draw([erp, shop, line("de", None)], NOON, Instant(NOON + 4 * HOUR), form)
    assert [strip.name for strip in picture.strips] == ["ERP", "us", "de"]
    for strip in picture.strips:
        numbers = [float(value) for value in re.findall(r"-?\d+\.?\d*", strip.path)]
        assert all(0 <= value <= picture.width for value in numbers)
        assert all(0 <= tick.at <= picture.height for tick in strip.ticks)
        for x, y, width, height in strip.gaps:
            assert picture.left <= x <= x + width <= picture.right + 0.1
            assert 0 <= y <= y + height <= strip.bottom
    assert picture.strips[0].path.startswith(f"M {picture.left} "), "the level from before stands at the left edge"
    assert picture.strips[0].end is not None
    assert picture.strips[0].end[2] == "5"
    assert picture.strips[2].path == ""
    places = [tick.at for tick in picture.ticks]
    assert len(places) >= 2
    assert all(later - sooner > 40 for sooner, later in itertools.pairwise(places)), "labels don't touch"


def test_where_a_shop_differs_from_the_erp_there_is_a_gap_and_nowhere_else():
    erp = line("ERP", 8, (-1, 10), (2, 8), is_erp=True)
    shop = line("us", 8, (-1, 10), (3, 8))
    (gap,) = draw([erp, shop], NOON, Instant(NOON + 4 * HOUR), WIDE).strips[1].gaps
    left, right = 48.0, 960.0 - 66.0
    assert gap[0] == pytest.approx(left + (right - left) * 0.5, abs=0.1)
    assert gap[2] == pytest.approx((right - left) * 0.25, abs=0.2)


def test_a_level_that_never_changed_is_one_line():
    picture = draw([line("ERP", 3, is_erp=True)], NOON, Instant(NOON + HOUR), WIDE)
    assert re.fullmatch(r"M 48\.0 [\d.]+ H 894\.0", picture.strips[0].path)


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 4, ["0", "1", "2", "3", "4"]),
        (83, 140, ["80", "100", "120", "140"]),
        (-3, 2, ["−4", "−2", "0", "2"]),
        (5, 5, ["0", "2", "4", "6"]),
        (0, 100_000, ["0", "50\u202f000", "100\u202f000"]),
        (999, 1_001, ["999", "1000", "1001"]),
    ],
)
def test_axes_have_round_numbers(low, high, labels):
    scale = Scale([units(low), units(high)], 0.0, 100.0, 4)
    assert [tick.text for tick in scale.ticks()] == labels
    assert 0 <= scale.y(units(high)) <= scale.y(units(low)) <= 100


def test_a_count_above_nothing_is_seen():
    picture = spark([0, 1, 1_000])
    assert [bar[0] for bar in picture.bars] == [33.33, 66.67]
    assert picture.bars[0][2] == 2.0
    assert picture.bars[1][2] == 40.0
    assert spark([]).bars == []


def moved(change: int, sent: float, confirmed: float, seq: int = 1) -> Counted:
    return Counted(Instant(NOON + round(sent * HOUR)), Instant(NOON + round(confirmed * HOUR)), seq, units(change))


def left(*args) -> list[tuple[float, int]]:
    return [((at - NOON) / HOUR, Quantity(change) // 10_000) for at, change, _ in own_changes(*args)]


def test_what_the_moves_account_for_is_not_the_erps_own():
    assert left(steps((0, 10), (2, 7)), [moved(-3, 1, 1.1)]) == []
    assert left(steps((0, 10), (2, 12)), [moved(-3, 1, 1.1)]) == [(2, 5)]
    assert left(steps((0, 10), (2, 12)), []) == [(2, 2)]
    assert left(steps((0, 10)), []) == []


def test_a_move_that_was_under_way_when_the_erp_was_asked_counts_where_it_fits():
    """Its answer came after the reading that shows it already; or the reading came just before it."""
    assert left(steps((0, 10), (2, 7), (4, 7)), [moved(-3, 1.9, 2.1)]) == []
    assert left(steps((0, 10), (2, 9), (4, 6)), [moved(-3, 1.9, 2.1, 2), moved(-1, 1, 1.1)]) == []
    assert left(steps((0, 10), (2, 15), (4, 12)), [moved(-3, 1.9, 2.1)]) == [(2, 5)]
