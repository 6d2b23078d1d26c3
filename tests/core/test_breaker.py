"""The breaker: opens after failures in a row, probes slowly, closes on success, tells edges once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.breaker import Breaker, Edge, Phase, Tolerance, abandon, admit, fail, succeed, wait
from syncd.core.quantity import SECOND

BEARS = Tolerance(failures_max=3, probe_us=30 * SECOND, probe_us_max=100 * SECOND)


def opened(now_us: int = 0) -> Breaker:
    breaker = Breaker()
    for _ in range(BEARS.failures_max):
        breaker, edge = fail(admit(breaker), BEARS, now_us)
    assert edge is Edge.OPENED
    return breaker


def test_it_opens_after_failures_in_a_row_and_not_before():
    breaker, first = fail(Breaker(), BEARS, 0)
    breaker, second = fail(breaker, BEARS, 0)
    assert (first, second, breaker.phase, wait(breaker, 0)) == (None, None, Phase.CLOSED, 0)
    breaker, third = fail(breaker, BEARS, 0)
    assert (third, breaker.phase, wait(breaker, 0)) == (Edge.OPENED, Phase.OPEN, 30 * SECOND)


def test_a_success_between_failures_starts_the_count_anew():
    breaker = Breaker()
    for _ in range(10):
        breaker, _edge = fail(breaker, BEARS, 0)
        breaker, _edge = fail(breaker, BEARS, 0)
        breaker, edge = succeed(breaker)
        assert (breaker, edge) == (Breaker(), None)


def test_when_its_time_has_come_one_probe_passes_and_the_others_wait():
    breaker = opened()
    assert wait(breaker, 30 * SECOND - 1) == 1
    assert wait(breaker, 30 * SECOND) == 0
    breaker = admit(breaker)
    assert breaker.phase is Phase.PROBING
    assert wait(breaker, 30 * SECOND) > 0


def test_a_probe_that_succeeds_closes_it():
    assert succeed(admit(opened())) == (Breaker(), Edge.CLOSED)


def test_probes_that_fail_come_ever_slower_up_to_a_bound_and_tell_nobody():
    breaker, now_us, waits = opened(), 0, []
    for _ in range(4):
        waits.append(wait(breaker, now_us))
        now_us += waits[-1]
        breaker, edge = fail(admit(breaker), BEARS, now_us)
        assert edge is None
    assert waits == [30 * SECOND, 60 * SECOND, 100 * SECOND, 100 * SECOND]
    assert breaker.opened_at_us == 0  # since when it is down is kept


def test_a_cancelled_probe_leaves_room_for_another_at_once():
    breaker = abandon(admit(opened()))
    assert (breaker.phase, wait(breaker, 30 * SECOND)) == (Phase.OPEN, 0)


def test_a_request_that_was_under_way_when_it_opened_moves_no_probe_and_its_success_counts():
    breaker, edge = fail(opened(), BEARS, 20 * SECOND)
    assert (edge, wait(breaker, 20 * SECOND)) == (None, 10 * SECOND)
    assert succeed(breaker) == (Breaker(), Edge.CLOSED)


@given(st.lists(st.tuples(st.sampled_from(["succeed", "fail", "abandon"]), st.integers(0, 60 * SECOND)), max_size=60))
def test_in_any_history_edges_alternate_and_an_open_breaker_always_opens_a_door_in_time(history):
    breaker, now_us, last = Breaker(), 0, Edge.CLOSED
    for action, pause_us in history:
        now_us += pause_us
        if wait(breaker, now_us) == 0:
            breaker = admit(breaker)
        if action == "abandon":
            breaker, edge = abandon(breaker), None
        else:
            breaker, edge = succeed(breaker) if action == "succeed" else fail(breaker, BEARS, now_us)
        if edge is not None:
            assert edge is not last
            last = edge
        assert (breaker.phase is Phase.CLOSED) == (last is Edge.CLOSED)
        assert breaker.phase is not Phase.PROBING  # each probe was told of
        assert wait(breaker, now_us) <= BEARS.probe_us_max
