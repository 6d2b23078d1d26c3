"""The canonical order: values, and the tables of its phases."""

from __future__ import annotations

import msgspec
import pytest

from syncd.core.order import DEAD, FINAL, LineKind, Phase
from syncd.core.quantity import units
from tests.core.orders_by_hand import line, order


def test_what_is_dead_is_final_and_only_the_dead_commit_nothing_by_themselves():
    assert DEAD < FINAL
    assert {Phase.COMPLETED, Phase.REFUNDED} == FINAL - DEAD


def test_an_order_survives_the_way_through_the_ledger():
    state = order(Phase.PAID, line(2.5, reduced=2, kind=LineKind.STOCK), after_seconds=5, cart="c", hold_until=7)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=type(state)) == state


def test_a_value_read_once_is_never_changed():
    with pytest.raises(AttributeError):
        line().quantity = units(3)  # type: ignore[misc]
