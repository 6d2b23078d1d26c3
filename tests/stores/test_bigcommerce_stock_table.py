"""Stock settings, ways to come and things that happen: what the shop takes, what counts, and that belief holds.

The tables are those of the manual page (docs/bigcommerce.md): what they say is what the simulated shop does and what syncd
makes of it, with the switches as they are by default. Then everything runs with each switch in its other position.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import product as combinations
from pathlib import Path
from typing import Any

import pytest

from syncd.core.quantity import UNIT
from syncd.simulator.bigcommerce import OutOfStock
from syncd.simulator.bigcommerce.orders import Order
from tests.stores.bigcommerce_counting import CHANNEL, OPENING, Counting, opposite, rules

PAGE = Path(__file__).resolve().parents[2] / "docs" / "bigcommerce.md"
Step = Callable[[Counting, Order], object]
Origin = Callable[[Counting], Order]
SETTINGS = [
    rules(takes_at, edits=edits, returns=returns)
    for takes_at, (returns, edits) in combinations(("placed", "shipped"), combinations((False, True), (False, True)))
]  # in the order of the page's columns


def status(number: int) -> Step:
    return lambda of, order: of.shop.write_status(order.id, number)


def edit(quantity: int) -> Step:
    return lambda of, order: of.shop.edit(order.id, [{"line": order.lines[0].id, "quantity": quantity}])


def add(of: Counting, order: Order) -> None:
    of.shop.edit(order.id, [], [{"sku": "B", "quantity": 2}])


def remove(of: Counting, order: Order) -> None:
    of.shop.edit(order.id, [{"line": order.lines[-1].id, "quantity": 0}])


def ship(units: int) -> Step:
    return lambda of, order: of.shop.ship(order.id, [{"line": order.lines[0].id, "quantity": units}])


def unship(of: Counting, order: Order) -> None:
    of.shop.delete_shipment(order.id, order.shipments[-1].id)


def refund(of: Counting, order: Order) -> None:
    of.shop.book_refund(order, {order.lines[0].id: 1})


def refund_all(of: Counting, order: Order) -> None:
    of.shop.book_refund(order, {line.id: line.quantity - line.refunded for line in order.lines})


def archive(of: Counting, order: Order) -> None:
    of.shop.archive(order.id)


def restore(of: Counting, order: Order) -> None:
    of.shop.restore(order.id)


def pay(of: Counting, order: Order) -> None:
    of.shop.pay(order.id)


def touch(of: Counting, order: Order) -> None:
    order.staff_notes += "!"
    of.shop.touch(order)


PAID, CANCELLED, DECLINED, COMPLETED, REFUNDED = status(11), status(5), status(6), status(10), status(4)

HAPPENS: dict[str, list[Step]] = {
    "ordered and paid": [],
    "edited from 3 to 5": [edit(5)],
    "edited from 3 to 1": [edit(1)],
    "a line of 2 added": [add],
    "a line of 2 added and removed": [add, remove],
    "edited to 5, completed": [edit(5), COMPLETED],
    "completed, edited to 5": [COMPLETED, edit(5)],
    "1 shipped": [ship(1)],
    "1 shipped, the other 2 shipped": [ship(1), ship(2)],
    "shipped, the shipment deleted": [ship(3), unship],
    "completed": [COMPLETED],
    "cancelled": [CANCELLED],
    "1 shipped, cancelled": [ship(1), CANCELLED],
    "completed, cancelled": [COMPLETED, CANCELLED],
    "cancelled, paid again": [CANCELLED, PAID],
    "declined": [DECLINED],
    "declined, paid after all": [DECLINED, PAID],
    "disputed": [status(13)],
    "held for verification": [status(12)],
    "refunded by its status": [REFUNDED],
    "completed, refunded by its status": [COMPLETED, REFUNDED],
    "refunded whole by the API": [refund_all],
    "completed, refunded whole by the API": [COMPLETED, refund_all],
    "1 refunded by the API": [refund],
    "1 refunded by the API, cancelled": [refund, CANCELLED],
    "partially refunded by its status": [status(14)],
    "archived": [archive],
    "archived, restored": [archive, restore],
    "completed, archived": [COMPLETED, archive],
    "made Incomplete again": [status(0)],
}
LONGER: list[list[Step]] = [
    [touch, edit(5), edit(2)],
    [add, COMPLETED, touch],
    [ship(1), edit(2), status(2)],
    [ship(1), unship, ship(1)],
    [edit(5), CANCELLED, PAID],
    [ship(1), CANCELLED, touch],
    [CANCELLED, touch, PAID, COMPLETED],
    [DECLINED, touch, CANCELLED],
    [CANCELLED, archive, restore],
    [archive, CANCELLED],
    [REFUNDED, PAID, COMPLETED],
    [COMPLETED, REFUNDED, touch],
    [COMPLETED, refund_all, touch],
    [refund, refund_all, CANCELLED],
    [refund, REFUNDED],
    [status(0), PAID],
    [status(1), status(12), PAID],
    [status(13), status(9), status(8)],
]
"""Whatever else a merchant may do: only belief is checked, not each number."""


def sold(**how: Any) -> Origin:
    return lambda of: of.shop.sell([{"sku": "A", "quantity": 3}], channel=CHANNEL, **how)


def posted(status_id: int, **how: Any) -> Origin:
    def post(of: Counting) -> Order:
        lines = [of.shop.line_of("A", 3)]
        return of.shop.place(lines, status_id=status_id, channel_id=CHANNEL, source="external", **how)

    return post


def thrice(of: Counting) -> Order:
    """A server asks for the order of a checkout again and again: each time another Incomplete one."""
    made = [sold(status_id=0, source="checkout_api", cart_id="cart-1")(of) for _ in range(3)]
    for order in made[1:]:
        of.read(order)
    return made[0]


CAME: dict[str, tuple[Origin, list[Step]]] = {
    "a shopper at the payment page (*Incomplete*)": (sold(status_id=0), []),
    "three *Incomplete* orders of one cart by the checkout API": (thrice, []),
    "a shopper who pays later (*Awaiting Payment*)": (sold(paid=False), []),
    "entered by hand, paid": (sold(source="manual", status_id=11), []),
    "entered by hand as a draft": (sold(source="manual", status_id=0), []),
    "posted by API with status 0": (posted(0), []),
    "posted by API with status 1": (posted(1), []),
    "posted by API with status 7": (posted(7), []),
    "posted by API with status 11": (posted(11), []),
    "posted by API as history (`M-MIG`)": (posted(11, external_source="M-MIG"), []),
}
AND_THEN: dict[str, list[Step]] = {
    "the same, paid": [pay],
    "the same, one of them paid": [pay],
    "the same, paid later": [pay],
    "the same, made an order": [PAID],
    "the same, then paid": [PAID],
}
PLACED_BY: dict[str, tuple[Origin, list[Step]]] = {
    "a shopper who paid": (sold(), []),
    "a shopper, from Incomplete": (sold(status_id=0), [pay]),
    "a shopper who pays later": (sold(paid=False), []),
    "a shopper who has paid later": (sold(paid=False), [pay]),
    "by hand": (sold(source="manual", status_id=11), []),
    "a draft": (sold(source="manual", status_id=0), [PAID]),
    "by hand, unpaid": (sold(source="manual", status_id=1), [PAID]),
    "posted with 0": (posted(0), [PAID]),
    "posted with 1": (posted(1), []),
    "posted with 7": (posted(7), [PAID]),
    "posted with 11": (posted(11), []),
    "history": (posted(11, external_source="M-MIG"), []),
}
HAND = frozenset({"entered by hand, paid", "entered by hand as a draft", "by hand", "a draft", "by hand, unpaid"})
SWITCHES: dict[str, Any] = {
    "incomplete_holds": True,
    "declined_holds": True,
    "unpaid_holds": False,
    "unpaid_status": 1,
    "archive_returns_stock": True,
    "revived_takes_again": False,
    "settings_catch_up": False,
    "shipment_deletion_returns": True,
    "refund_api_restocks": True,
    "migrated_takes_stock": False,
}
"""The other position of each switch that says when an order moves stock."""
OF_NO_DOCUMENTS = {name: value for name, value in SWITCHES.items() if name != "incomplete_holds"}


def table(heading: str) -> Iterator[tuple[str, list[int]]]:
    """The rows of the first table of the page whose first column has this heading."""
    rows = re.search(rf"^\| {heading} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE.read_text("utf-8"), re.MULTILINE)
    assert rows is not None
    for row in rows[1].splitlines():
        name, *numbers = [cell.strip() for cell in row.strip("|").split("|")]
        yield name, [int(number) for number in numbers]


def counting(settings: Mapping[str, Any], *, by_hand: bool = False, **switches: Any) -> Counting:
    """A shop where these settings rule the order, and the others would be wrong."""
    mine, others = dict(settings), opposite(dict(settings))
    return Counting(others, mine, **switches) if by_hand else Counting(mine, others, **switches)


def play(of: Counting, made: Origin | Order, steps: list[Step], *, strict: bool = True) -> Order:
    """Let it happen. After each step syncd reads the order, then the counters: belief contains the truth (at once, if
    `strict`), the reading contradicts nothing, and what it leaves is exact, so that the shop comes to agree."""
    order = made if isinstance(made, Order) else made(of)
    for step in (None, *steps):
        if step is not None:
            step(of, order)
        of.read(order)
        if strict:
            assert of.misses() == "", "before the next reading"
        of.look()
        if strict:
            assert of.misses() == "", "after the next reading"
        assert of.exact()
    return order


@pytest.mark.parametrize(("name", "numbers"), [*table("what happens")])
def test_an_order_counts_and_takes_as_the_page_says(name, numbers):
    kept, back, *takes = numbers
    for settings, taken in zip(SETTINGS, takes, strict=True):
        of = counting(settings)
        play(of, sold(), HAPPENS[name])
        expected = back if settings["refund_order_stock_adjustment"] else kept
        assert (of.commits(), of.takes()) == (expected, taken), settings
        if name != "declined":  # no page says what it does: the account stays
            assert of.taken() == taken, settings


def test_the_page_tells_of_all_that_happens():
    assert [name for name, _ in table("what happens")] == list(HAPPENS)


def test_an_order_comes_as_the_page_says():
    told: list[str] = []
    make, before = sold(), list[Step]()
    for name, (counts, placed, shipped) in table("how it came"):
        if name in CAME:
            (make, before), told = CAME[name], [*told, name]
        for settings in SETTINGS:
            of = counting(settings, by_hand=told[-1] in HAND)
            play(of, make, [*before, *AND_THEN.get(name, [])])
            taken = placed if settings["update_stock_behavior"] == "order_placed" else shipped
            assert (of.commits(), of.takes(), of.taken()) == (counts, taken, taken), (name, settings)
    assert told == list(CAME)


@pytest.mark.parametrize("name", PLACED_BY)
def test_belief_holds_whatever_happens_to_an_order_however_it_came(name):
    make, before = PLACED_BY[name]
    for settings, happens in combinations(SETTINGS, [*HAPPENS.values(), *LONGER]):
        play(counting(settings, by_hand=name in HAND), make, [*before, *happens])


@pytest.mark.parametrize("name", OF_NO_DOCUMENTS)
def test_belief_holds_where_the_documents_are_silent_and_the_shop_does_the_other_thing(name):
    origins = ["history"] if name == "migrated_takes_stock" else ["a shopper who pays later", "posted with 0"]
    for settings, happens, origin in combinations(SETTINGS, [*HAPPENS.values(), *LONGER], origins):
        make, before = PLACED_BY[origin]
        play(counting(settings, **{name: OF_NO_DOCUMENTS[name]}), make, [*before, *happens])


@pytest.mark.parametrize("name", PLACED_BY)
def test_belief_holds_where_the_shop_does_the_other_thing_everywhere(name):
    make, before = PLACED_BY[name]
    for settings, happens in combinations(SETTINGS[::3], [*HAPPENS.values(), *LONGER]):
        play(counting(settings, by_hand=name in HAND, **OF_NO_DOCUMENTS), make, [*before, *happens])


def test_a_draft_or_an_order_posted_as_incomplete_may_take_stock_and_a_shoppers_is_known_after_the_next_reading():
    for settings, name, happens in combinations(SETTINGS, PLACED_BY, [[], [CANCELLED], [ship(1), CANCELLED, PAID]]):
        make, before = PLACED_BY[name]
        of = counting(settings, by_hand=name in HAND, incomplete_holds=True)
        play(of, make, [*before, *happens], strict=name != "a shopper, from Incomplete")


def test_of_the_orders_of_one_cart_each_that_is_paid_counts_and_the_shop_sells_nothing_twice():
    of = counting(SETTINGS[0])
    first = thrice(of)
    second = of.shop.order(first.id + 1)
    of.shop.set_stock("A", 5)
    of.look()
    of.readings = {sku: readings[-1:] for sku, readings in of.readings.items()}
    play(of, first, [pay])
    with pytest.raises(OutOfStock):
        of.shop.pay(second.id)
    of.shop.set_stock("A", 9)
    of.readings["A"].clear()
    of.look()
    play(of, second, [pay])
    assert (of.commits(), of.taken()) == (6, 6)


@pytest.mark.parametrize("aggregated", [False, True])
@pytest.mark.parametrize("elsewhere", [0, 4])
def test_what_a_shop_takes_at_another_location_is_known_after_the_next_reading(aggregated, elsewhere):
    of = counting(SETTINGS[0], aggregated_locations=aggregated)
    of.shop.add_location(9, "W", "Warehouse")
    of.shop.set_stock("A", elsewhere, 9)
    for happens in ([edit(5)], [COMPLETED], [CANCELLED, PAID]):
        play(of, sold(), happens, strict=not (aggregated and elsewhere))


@pytest.mark.parametrize("negative", [False, True])
def test_a_counter_that_ends_at_0_or_goes_below_is_known_after_the_next_reading(negative):
    of = counting(SETTINGS[0], negative_levels=negative, unpaid_holds=False)
    unpaid = [sold(paid=False)(of) for _ in range(2)]
    of.shop.set_stock("A", 4)
    of.look()
    for order in unpaid:
        play(of, order, [pay], strict=False)
    assert of.level() == (-2 if negative else 0)
    assert of.commits() == 6


def test_settings_taking_on_shipping_from_now_on_leave_an_order_that_was_placed_before_as_it_is():
    ways: list[list[Step]] = [[touch], [status(9)], [ship(1)], [ship(3)], [COMPLETED], [ship(1), COMPLETED, touch]]
    for happens in ways:
        of = counting(rules("placed", edits=False, returns=True))
        order = play(of, sold(), [])
        of.change_settings(update_stock_behavior="order_completed_or_shipped")
        play(of, order, happens)
        assert (of.takes(), of.taken(), of.commits()) == (3, 3, 3)
        play(of, sold(), [])
        assert (of.takes(), of.taken(), of.commits()) == (3, 3, 6)  # the next order waits for its shipment


@pytest.mark.parametrize("catches_up", [True, False])
def test_settings_taking_on_placing_from_now_on_take_an_open_order_or_not_and_belief_holds(catches_up):
    for happens in ([touch, COMPLETED], [status(9)], [ship(1), ship(2)], [edit(5), PAID, COMPLETED], [CANCELLED, PAID]):
        of = counting(rules("shipped", edits=True, returns=True), settings_catch_up=catches_up)
        order = play(of, sold(), [])
        of.change_settings(update_stock_behavior="order_placed")
        play(of, order, [touch, *happens], strict=False)
        assert not of.misses()


def test_settings_edits_count_from_when_the_setting_is_on():
    of = counting(rules("placed", edits=False, returns=True))
    order = play(of, sold(), [edit(5)])
    assert (of.takes(), of.taken(), of.commits()) == (3, 3, 5)
    of.change_settings(edit_order_stock_adjustment=True)
    play(of, order, [edit(6)])
    assert (of.takes(), of.taken(), of.commits()) == (4, 4, 6)
    play(of, order, [edit(1)])
    assert (of.takes(), of.taken(), of.commits()) == (0, 0, 1)  # 5 less than 6: all that it had taken
    of.change_settings(edit_order_stock_adjustment=False)
    play(of, order, [edit(4), COMPLETED])
    assert (of.takes(), of.taken(), of.commits()) == (0, 0, 4)


@pytest.mark.parametrize("by_status", [CANCELLED, REFUNDED])
def test_settings_an_order_that_was_over_before_they_changed_stays_as_it_was(by_status):
    of = counting(rules("placed", edits=False, returns=False))
    kept, other = play(of, sold(), [ship(2), by_status]), play(of, sold(), [ship(2)])
    counts = of.commits()
    of.change_settings(refund_order_stock_adjustment=True)
    play(of, kept, [touch, touch], strict=False)
    assert (of.takes(), of.taken(), of.commits()) == (6, 6, counts)
    play(of, other, [by_status])
    assert (of.takes(), of.taken(), of.commits()) == (3, 3, counts - 3)
    of.change_settings(refund_order_stock_adjustment=False)
    play(of, other, [touch])
    assert (of.takes(), of.taken(), of.commits()) == (3, 3, counts - 3)


def test_the_shop_agrees_once_the_difference_is_written():
    """What is written is the target less the upper end of belief: where belief is one number, the shop shows the target."""
    of = counting(rules("placed", edits=False, returns=False))
    play(of, sold(), [edit(1), CANCELLED])
    assert (of.level(), of.commits()) == (47, 0)
    of.shop.set_stock("A", of.level() + OPENING - of.commits() - of.belief().interval.hi // UNIT)
    assert of.level() == OPENING
