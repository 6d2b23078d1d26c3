"""How long an order that the store has spoken of, and that can't be acted on yet, is left alone."""

from __future__ import annotations

from syncd.core.quantity import Instant
from syncd.reconcile.order_step import RETRY_SECONDS
from syncd.reconcile.signal_step import RETRY_SECONDS_MAX, _after


def test_pauses_grow_to_a_bound_while_the_store_says_nothing_new() -> None:
    again = _after(None, Instant(100), 0.0)
    pauses = [again.pause_seconds]
    for _ in range(5):
        again = _after(again, Instant(100), again.at)
        pauses.append(again.pause_seconds)
    assert pauses == [2.0, 4.0, 8.0, 8.0, 8.0, 8.0]
    assert pauses[0] == RETRY_SECONDS
    assert pauses[-1] == RETRY_SECONDS_MAX


def test_an_order_that_the_store_speaks_of_anew_is_read_two_seconds_after_the_last_time() -> None:
    again = _after(_after(None, Instant(100), 0.0), Instant(200), 2.0)
    assert again.due(Instant(199)) == 6.0
    assert again.due(Instant(201)) == 4.0
    assert _after(again, Instant(300), 4.0).at == 6.0, "its pauses begin anew"
