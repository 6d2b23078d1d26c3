"""Scans: no order is lost, whatever moves while the list is read; by examples and against a modelled shop's list."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from syncd.core.quantity import SECOND, Instant
from syncd.core.scan import (
    PAGES_ON_MAX,
    PASSES_MAX,
    QUIET_PASSES_MAX,
    Bound,
    FilterIgnored,
    Scan,
    Seen,
    after_page,
    begin,
    check,
)

START = 1_000 * SECOND


@dataclass
class Shop:
    """A shop's list of orders by modified date, with a second's grain. Among equal stamps the sequence is the database's
    whim: by `whim`, and another one after each change. Each order has a version, raised with each change."""

    stamps: dict[str, int] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    now: int = START
    whim: int = 0
    requests: int = 0

    def change(self, order):
        self.stamps[order] = self.now // SECOND * SECOND
        self.versions[order] = self.versions.get(order, 0) + 1
        self.whim += 1

    def vanish(self, order):
        self.stamps.pop(order, None)
        self.versions.pop(order, None)

    def answer(self, asked: Bound, limit: int):
        self.requests += 1
        rows = [
            Seen(order, Instant(stamp))
            for order, stamp in self.stamps.items()
            if stamp >= asked.since and order not in asked.exclude
        ]
        rows.sort(key=lambda row: (row.modified, hash((int(row.order), self.whim)), row.order))
        return rows[(asked.page - 1) * limit :][:limit]


def scan_all(shop, *, limit, exclude_max, since=0, between=lambda: None, known=None):
    """A whole scan. Returns the versions seen, by order."""
    state = begin(Instant(since), grain_us=SECOND, exclude_max=exclude_max)
    known = {} if known is None else known
    for _ in range(PAGES_ON_MAX * PASSES_MAX):
        asked = state.request()
        rows = shop.answer(asked, limit)
        check(rows, asked, SECOND)
        for row in rows:
            known[row.order] = shop.versions[row.order]
        state = after_page(state, rows, full=len(rows) == limit)
        if state.done:
            return known
        between()
    pytest.fail("the scan doesn't end")


def filled(*counts, after_seconds=0):
    """A shop with so many orders in each of neighbouring seconds, and a clock that stands later than that."""
    shop = Shop()
    for second, count in enumerate(counts):
        shop.now = START + second * SECOND
        for _ in range(count):
            shop.change(str(len(shop.stamps)))
    shop.whim = 0
    shop.now = START + (len(counts) + after_seconds) * SECOND
    return shop


@pytest.mark.parametrize("exclude_max", [0, 100, 1_000])
def test_scan_540_orders_in_two_neighbouring_seconds_need_a_handful_of_requests(exclude_max):
    shop = filled(270, 270)
    assert len(scan_all(shop, limit=250, exclude_max=exclude_max)) == 540
    assert shop.requests <= 8


def test_scan_without_exclude_a_second_that_overflows_a_page_is_paged_and_read_again():
    shop = filled(1, 30, 1)
    assert len(scan_all(shop, limit=10, exclude_max=0)) == 32
    assert shop.requests <= 11


def test_scan_a_list_that_spreads_over_time_is_read_in_as_many_requests_as_it_has_pages():
    shop = filled(*([1] * 100))
    assert len(scan_all(shop, limit=10, exclude_max=0)) == 100
    assert shop.requests <= 13  # each page begins with the rows of the last second seen


def test_scan_an_empty_list_is_one_request():
    assert after_page(begin(Instant(0), grain_us=SECOND, exclude_max=0), (), full=False).done


def test_scan_asks_again_from_the_last_stamp_less_the_grain_and_leaves_out_what_it_has_seen_there():
    state = begin(Instant(0), grain_us=SECOND, exclude_max=9)
    rows = [Seen("1", Instant(10 * SECOND)), Seen("2", Instant(20 * SECOND)), Seen("3", Instant(21 * SECOND))]
    assert after_page(state, rows, full=True).request() == Bound(Instant(20 * SECOND), ("2", "3"), 1)


def test_scan_pages_on_where_the_bound_would_not_move():
    rows = [Seen("1", Instant(10 * SECOND)), Seen("2", Instant(10 * SECOND))]
    state = begin(Instant(9 * SECOND), grain_us=SECOND, exclude_max=0)
    assert after_page(state, rows, full=True).request() == Bound(Instant(9 * SECOND), (), 2)


def test_scan_leaves_out_more_and_more_where_the_platform_can():
    rows = [Seen("1", Instant(10 * SECOND)), Seen("2", Instant(10 * SECOND))]
    state = begin(Instant(9 * SECOND), grain_us=SECOND, exclude_max=9)
    assert after_page(state, rows, full=True).request() == Bound(Instant(9 * SECOND), ("1", "2"), 1)


def test_scan_pages_on_where_a_platform_ignores_what_it_should_leave_out():
    rows = [Seen("1", Instant(10 * SECOND)), Seen("2", Instant(10 * SECOND))]
    state = begin(Instant(9 * SECOND), grain_us=SECOND, exclude_max=9)
    again = after_page(after_page(state, rows, full=True), rows, full=True)
    assert again.request() == Bound(Instant(9 * SECOND), (), 2)


def test_scan_stops_loudly_where_a_filter_was_ignored():
    asked = Bound(Instant(100 * SECOND), (), 1)
    check([Seen("1", Instant(98 * SECOND)), Seen("2", Instant(98 * SECOND))], asked, SECOND)
    with pytest.raises(FilterIgnored, match="date filter"):
        check([Seen("1", Instant(97 * SECOND))], asked, SECOND)
    with pytest.raises(FilterIgnored, match="sorting"):
        check([Seen("1", Instant(102 * SECOND)), Seen("2", Instant(101 * SECOND))], asked, SECOND)


def passes(*answers):
    """A scan of which each answer holds these orders, all of one second; a page holds two."""
    state = begin(Instant(9 * SECOND), grain_us=SECOND, exclude_max=0)
    for numbers in answers:
        assert not state.done
        rows = [Seen(str(number), Instant(10 * SECOND)) for number in numbers]
        state = after_page(state, rows, full=len(rows) == 2)
    return state


def test_scan_a_pass_that_brings_nothing_new_and_is_whole_is_the_last():
    assert not passes((1, 2), (3,)).done
    assert passes((1, 2), (3,), (1, 2), (3,)).done


def test_scan_a_pass_that_brought_something_new_on_any_page_is_repeated():
    again = passes((1, 2), (3, 4), (5,), (6, 1), (2, 3), (4, 5), ())
    assert not again.done
    assert again.request().page == 1


def test_scan_a_pass_in_which_a_row_came_twice_is_repeated():
    """The pages were full, so another row came not at all."""
    assert not passes((1, 2), (3,), (1, 2), (1, 3), (), (1, 2), (1, 3), ()).done
    assert passes((1, 2), (3,), (1, 2), (2, 3), (), (1, 2), (3,)).done


def test_scan_a_pass_that_lacks_a_row_of_the_one_before_is_repeated():
    """It is gone, and pulled its neighbours over the edges of the pages."""
    assert not passes((1, 2), (3, 4), (), (1, 2), (3,)).done
    assert passes((1, 2), (3, 4), (), (1, 2), (3,), (1, 2), (3,)).done


def test_scan_one_pass_alone_proves_nothing_though_all_its_rows_are_known_from_the_bound_before():
    state = begin(Instant(0), grain_us=SECOND, exclude_max=0)
    rows = [Seen("1", Instant(10 * SECOND)), Seen("2", Instant(10 * SECOND))]
    state = after_page(after_page(state, rows, full=True), rows, full=True)
    assert state.request() == Bound(Instant(9 * SECOND), (), 2)
    assert not after_page(state, (), full=False).done


def test_scan_a_platform_that_shuffles_equal_stamps_each_time_is_left_after_some_quiet_passes():
    shuffled = [(1, 2), (2, 3), (), (1, 3), (3, 2), ()] * QUIET_PASSES_MAX
    state = begin(Instant(9 * SECOND), grain_us=SECOND, exclude_max=0)
    for numbers in shuffled:
        if state.done:
            break
        rows = [Seen(str(number), Instant(10 * SECOND)) for number in numbers]
        state = after_page(state, rows, full=len(rows) == 2)
    assert state.done


@dataclass
class Script:
    """What happens between two pages: changes, new orders, vanishing ones; and time passes, or not."""

    shop: Shop
    steps: list[tuple[str, int]]
    touched: set[str] = field(default_factory=set)

    def __call__(self):
        for _ in range(3):
            if not self.steps:
                return
            what, which = self.steps.pop()
            orders = sorted(self.shop.stamps, key=int)
            if what == "tick":
                self.shop.now += SECOND // 2
            elif what == "new":
                self.shop.change(str(10_000 + len(self.shop.versions) + which))
            elif orders:
                (self.shop.change if what == "change" else self.shop.vanish)(orders[which % len(orders)])


WORLDS = st.tuples(
    st.lists(st.sampled_from([0, 1, 2, 3, 7, 12]), min_size=1, max_size=6),  # orders in neighbouring seconds
    st.integers(2, 6),  # rows in a page
    st.sampled_from([0, 0, 4, 100]),  # ids that a request can leave out
    st.sampled_from([0, 3]),  # seconds between the newest order and the scan
)
STEPS = st.lists(
    st.tuples(st.sampled_from(["change"] * 5 + ["new", "vanish", "tick"]), st.integers(0, 40)), max_size=60
)
CHANGES = st.lists(st.tuples(st.sampled_from(["change"] * 6 + ["new", "tick"]), st.integers(0, 40)), max_size=60)


def missed(shop, known, before):
    """Orders that are there, were there when the scan began, and were not seen as they were then or later."""
    return {order for order, version in before.items() if order in shop.stamps and known.get(order, 0) < version}


@given(WORLDS, CHANGES)
@example(([12], 4, 0, 0), [("change", 0)] * 12)
@settings(max_examples=400)
def test_scan_every_order_is_seen_as_it_was_when_the_scan_began_or_later(world, steps):
    counts, limit, exclude_max, after_seconds = world
    shop = filled(*counts, after_seconds=after_seconds)
    before, changes = dict(shop.versions), len(steps)
    known = scan_all(shop, limit=limit, exclude_max=exclude_max, between=Script(shop, steps))
    assert not missed(shop, known, before)
    assert shop.requests <= (len(shop.versions) // limit + 2) * (4 + changes)


@given(WORLDS, STEPS)
@settings(max_examples=400)
def test_scan_rows_that_vanish_hide_no_neighbour(world, steps):
    counts, limit, exclude_max, after_seconds = world
    shop = filled(*counts, after_seconds=after_seconds)
    before = dict(shop.versions)
    known = scan_all(shop, limit=limit, exclude_max=exclude_max, between=Script(shop, steps))
    assert not missed(shop, known, before)


@given(WORLDS, STEPS, st.integers(1, 4))
@settings(max_examples=200)
def test_scan_with_the_overlap_nothing_stays_stale(world, steps, polls):
    """Polls from an overlap before the newest stamp seen, while orders change; after the last change one poll more."""
    counts, limit, exclude_max, after_seconds = world
    shop = filled(*counts, after_seconds=after_seconds)
    known: dict[str, int] = {}
    cursor, overlap = 0, 3 * SECOND
    script = Script(shop, steps)
    for poll in range(polls + 1):
        began = shop.now
        between = script if poll < polls else lambda: None
        scan_all(
            shop, limit=limit, exclude_max=exclude_max, since=max(0, cursor - overlap), between=between, known=known
        )
        cursor = max(cursor, min(began, max(shop.stamps.values(), default=0)))
    assert {order: known.get(order) for order in shop.versions} == shop.versions


def test_scan_a_list_that_never_ends_is_given_up():
    state = begin(Instant(0), grain_us=SECOND, exclude_max=0)
    for page in range(1, PAGES_ON_MAX + 1):
        assert not state.done
        state = after_page(state, [Seen(str(page), Instant(0))], full=True)
    assert state.done


def test_scan_passes_over_one_bound_are_limited():
    state: Scan = begin(Instant(0), grain_us=SECOND, exclude_max=0)
    for number in range(2 * PASSES_MAX + 2):
        if state.done:
            break
        state = after_page(state, [Seen(str(number), Instant(0))], full=number % 2 == 0)
    assert state.done
