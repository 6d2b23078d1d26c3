"""Where a shop's counters are, and what an order's taking is to each of them."""

from __future__ import annotations

from syncd.core.places import Places
from syncd.core.quantity import ZERO, units
from syncd.core.taking import Taking

TWO = {"": "main", "@2": "outlet"}


def taking(was: int, taken: int) -> Taking:
    low, high = sorted((was, taken))
    return Taking(units(was), units(taken), units(taken), units(taken), units(low), units(high), plain=True)


def test_a_shop_with_one_location_knows_nothing_of_places():
    one = Places({"": "main"}, "main")
    assert one.counters("p:1") == ["p:1"]
    assert one.takings("p:1", taking(0, 3)) == [("p:1", taking(0, 3))]


def test_orders_take_at_the_platforms_default_location_alone():
    assert Places(TWO, "main").takings("p:1", taking(0, 3)) == [("p:1", taking(0, 3))]
    assert Places(TWO, "main", ("@2",)).takings("p:1", taking(0, 3)) == [("p:1@2", taking(0, 3))]
    assert Places(TWO, "main", ()).takings("p:1", taking(0, 3)) == []


def test_where_stock_is_pooled_each_counter_may_have_given_any_part():
    pooled = Places(TWO, "main", ("", "@2"), pooled=True)
    for was, taken, low, high in ((0, 3, 0, 3), (2, 5, 0, 3), (5, 2, -3, 0), (4, 4, 0, 0)):
        found = dict(pooled.takings("p:1", taking(was, taken)))
        assert set(found) == {"p:1", "p:1@2"}
        for part in found.values():
            assert (part.was, part.low, part.high) == (ZERO, units(low), units(high))
            assert part.least <= part.low
            assert part.most >= part.high
