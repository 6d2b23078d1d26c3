"""When orders of the BigCommerce shop move stock, by its settings and switches."""

from __future__ import annotations

from random import Random

import pytest

from syncd.simulator.bigcommerce import NoSuch, NotPossible, OutOfStock, Shop
from tests.simulator.bigcommerce_bench import HandClock


@pytest.fixture
def shop():
    shop = Shop(HandClock(), Random(1))
    shop.add_products([{"sku": "A", "stock": 10}, {"sku": "B", "stock": 10}, {"sku": "LOOSE", "track": "none"}])
    shop.channels[2] = "Second"
    return shop


def level(shop, sku="A"):
    return shop.truth()["skus"][sku]["level"]


def buy(shop, quantity=2, sku="A", **more):
    return shop.sell([{"sku": sku, "quantity": quantity}], **more)


def test_a_purchase_takes_stock_and_the_last_unit_is_sold_once(shop):
    buy(shop, 9)
    with pytest.raises(OutOfStock):
        buy(shop, 2)
    buy(shop, 1)
    assert level(shop) == 0
    assert shop.truth()["oversold"] == {}


def test_the_lines_of_one_order_are_checked_together(shop):
    with pytest.raises(OutOfStock):
        shop.sell([{"sku": "A", "quantity": 6}, {"sku": "A", "quantity": 6}])


def test_safety_stock_is_not_sold(shop):
    shop.add_products([{"sku": "S", "stock": 5, "safety_stock": 3}])
    with pytest.raises(OutOfStock):
        buy(shop, 3, "S")
    buy(shop, 2, "S")


def test_null_stock_is_out_of_stock(shop):
    shop.add_products([{"sku": "N"}])
    with pytest.raises(OutOfStock):
        buy(shop, 1, "N")


def test_untracked_products_and_custom_lines_move_nothing(shop):
    shop.sell([{"sku": "LOOSE", "quantity": 500}], custom_lines=[{"name": "Wrap", "quantity": 3}])
    assert "LOOSE" not in shop.truth()["skus"]


def test_variants_of_a_product_tracked_by_product_share_its_counter(shop):
    shop.add_products([{"sku": "P", "track": "product", "stock": 5, "variants": [{"sku": "P1"}, {"sku": "P2"}]}])
    buy(shop, 2, "P1")
    buy(shop, 2, "P2")
    assert level(shop, "P") == 1
    with pytest.raises(OutOfStock):
        buy(shop, 2, "P1")


def test_an_incomplete_order_takes_stock_on_payment_and_the_second_payer_is_too_late(shop):
    first, second = buy(shop, 10, status_id=0), buy(shop, 10, status_id=0)
    assert level(shop) == 10
    assert shop.truth()["skus"]["A"]["open"] == 20
    shop.pay(first.id)
    assert level(shop) == 0
    with pytest.raises(OutOfStock):
        shop.pay(second.id)
    assert second.status_id == 0


def test_incomplete_orders_hold_stock_with_the_switch(shop):
    shop.settings.switches.incomplete_holds = True
    buy(shop, 2, status_id=0)
    assert level(shop) == 8


def test_unpaid_orders_hold_stock_unless_the_switch_says_no(shop):
    order = buy(shop, 2, paid=False)
    assert (order.status_id, level(shop)) == (7, 8)
    shop.settings.switches.unpaid_holds = False
    shop.settings.switches.unpaid_status = 1
    order = buy(shop, 2, paid=False)
    assert (order.status_id, level(shop)) == (1, 8)
    shop.pay(order.id)
    assert (order.status_id, level(shop)) == (11, 6)


def test_a_cancelled_order_gives_back_only_with_the_refund_setting(shop):
    order = buy(shop)
    shop.cancel(order.id)
    assert level(shop) == 10
    shop.cancel(order.id)
    assert level(shop) == 10
    shop.settings.change({"refund_order_stock_adjustment": False})
    shop.cancel(buy(shop).id)
    assert level(shop) == 8


def test_a_cancelled_order_that_is_revived_takes_again(shop):
    order = buy(shop)
    shop.cancel(order.id)
    shop.set_status(order, 11)
    assert level(shop) == 8
    shop.set_status(order, 9)
    assert level(shop) == 8


def test_a_declined_order_gives_back_unless_the_switch_says_no(shop):
    shop.decline(buy(shop).id)
    assert level(shop) == 10
    shop.settings.switches.declined_holds = True
    shop.decline(buy(shop).id)
    assert level(shop) == 8


def test_archiving_moves_stock_only_with_the_switch_and_deleting_never(shop):
    shop.archive(buy(shop).id)
    shop.delete(buy(shop).id)
    assert level(shop) == 6
    shop.settings.switches.archive_returns_stock = True
    shop.archive(buy(shop).id)
    assert level(shop) == 6


def test_an_order_that_never_took_takes_nothing_when_it_is_declined(shop):
    shop.settings.switches.declined_holds = True
    shop.decline(buy(shop, status_id=0).id)
    assert level(shop) == 10


@pytest.mark.parametrize("returns", [False, True])
def test_a_restored_order_takes_what_archiving_gave_back(shop, returns):
    shop.settings.switches.archive_returns_stock = returns
    order = buy(shop)
    shop.archive(order.id)
    assert level(shop) == (10 if returns else 8)
    shop.restore(order.id)
    shop.restore(order.id)
    assert (level(shop), order.archived) == (8, False)


def test_an_order_that_gave_its_stock_back_takes_it_again_unless_the_switch_says_no(shop):
    shop.settings.switches.revived_takes_again = False
    order = buy(shop)
    shop.cancel(order.id)
    shop.write_status(order.id, 11)
    shop.complete(order.id)
    assert level(shop) == 10
    with pytest.raises(NotPossible):
        shop.write_status(order.id, 15)


@pytest.mark.parametrize("catches_up", [False, True])
def test_an_order_from_before_the_store_took_on_placing_catches_up_or_not(shop, catches_up):
    shop.settings.switches.settings_catch_up = catches_up
    shop.settings.change({"update_stock_behavior": "order_completed_or_shipped"})
    order = buy(shop)
    shop.settings.change({"update_stock_behavior": "order_placed"})
    shop.write_status(order.id, 9)
    assert level(shop) == (8 if catches_up else 10)


@pytest.mark.parametrize("returns", [False, True])
def test_deleting_a_shipment_leaves_the_status_and_the_stock_but_with_the_switch(shop, returns):
    shop.settings.switches.shipment_deletion_returns = returns
    shop.settings.change({"update_stock_behavior": "order_completed_or_shipped"})
    order = buy(shop)
    shipment = shop.ship(order.id)
    shop.delete_shipment(order.id, shipment.id)
    assert (level(shop), order.status_id, order.lines[0].shipped) == (10 if returns else 8, 2, 0)
    with pytest.raises(NoSuch):
        shop.delete_shipment(order.id, shipment.id)


def test_an_edit_moves_stock_only_with_the_edit_setting(shop):
    order = buy(shop)
    line = order.lines[0].id
    shop.edit(order.id, [{"line": line, "quantity": 5}], [{"sku": "B", "quantity": 1}])
    assert (level(shop), level(shop, "B")) == (8, 10)
    shop.settings.change({"edit_order_stock_adjustment": True})
    shop.edit(order.id, [{"line": line, "quantity": 6}], [{"sku": "B", "quantity": 3}])
    assert (level(shop), level(shop, "B")) == (7, 7)
    shop.edit(order.id, [{"line": line, "quantity": 0}])
    assert level(shop) == 10
    assert [one.sku for one in order.lines] == ["B", "B"]
    with pytest.raises(OutOfStock):
        shop.edit(order.id, add=[{"sku": "B", "quantity": 99}])


def test_stock_that_an_edit_left_behind_is_not_taken_by_the_next_status(shop):
    order = buy(shop)
    shop.edit(order.id, [{"line": order.lines[0].id, "quantity": 5}], [{"sku": "B", "quantity": 1}])
    shop.set_status(order, 9)
    assert (level(shop), level(shop, "B")) == (8, 10)


def test_with_order_completed_or_shipped_stock_moves_on_shipment_and_completion(shop):
    shop.settings.change({"update_stock_behavior": "order_completed_or_shipped"})
    shipped, completed = buy(shop, 3), buy(shop, 4)
    assert level(shop) == 10
    shop.ship(shipped.id, [{"line": shipped.lines[0].id, "quantity": 1}])
    assert level(shop) == 9
    shop.ship(shipped.id)
    assert level(shop) == 7
    shop.complete(shipped.id)
    assert level(shop) == 7
    shop.complete(completed.id)
    assert level(shop) == 3


def test_a_migrated_order_that_moves_no_stock_moves_none_on_completion_either(shop):
    shop.settings.change({"migrated_takes_stock": False})
    line = shop.line_of("A", 2)
    order = shop.place([line], status_id=11, channel_id=1, source="external", external_source="M-MIG")
    shop.settings.change({"update_stock_behavior": "order_completed_or_shipped"})
    shop.ship(order.id)
    shop.complete(order.id)
    assert level(shop) == 10


def test_a_counter_stops_at_zero_and_the_rest_is_oversold_unless_levels_may_be_negative(shop):
    shop.settings.change({"update_stock_behavior": "order_completed_or_shipped"})
    orders = [buy(shop, 8) for _ in range(3)]
    shop.complete(orders[0].id)
    shop.complete(orders[1].id)
    assert (level(shop), shop.truth()["oversold"]) == (0, {"A": 6})
    shop.settings.switches.negative_levels = True
    shop.complete(orders[2].id)
    assert (level(shop), shop.truth()["oversold"]) == (-8, {"A": 14})


def test_a_channel_has_its_own_rules_null_inherits_and_manual_orders_follow_the_store(shop):
    shop.settings.change({"channel": 2, "update_stock_behavior": "order_completed_or_shipped"})
    buy(shop, 1, channel=2)
    assert level(shop) == 10
    buy(shop, 1, channel=2, source="manual")
    assert level(shop) == 9
    buy(shop, 1, channel=1)
    assert level(shop) == 8
    shop.settings.change({"channel": 2, "update_stock_behavior": None})
    buy(shop, 1, channel=2)
    assert level(shop) == 7


def test_a_partial_refund_is_restocked_by_hand_only(shop):
    order = buy(shop, 4)
    line = order.lines[0]
    shop.refund(order.id, [{"line": line.id, "quantity": 1}])
    assert (level(shop), order.status_id, line.refunded, line.restocked) == (6, 14, 1, 0)
    shop.refund(order.id, [{"line": line.id, "quantity": 2}], restock=True)
    assert (level(shop), line.refunded, line.restocked) == (8, 3, 2)
    assert shop.history("A")[-1]["cause"] == f"hand: refund of order {order.id}"
    shop.cancel(order.id)
    assert level(shop) == 10


def test_a_full_refund_is_restocked_by_the_status_if_the_setting_is_on_else_by_hand(shop):
    order = buy(shop, 4)
    shop.refund(order.id, restock=True)
    assert (level(shop), order.status_id, order.lines[0].restocked) == (10, 4, 4)
    assert shop.history("A")[-1]["cause"] == f"order {order.id}"
    shop.settings.change({"refund_order_stock_adjustment": False})
    order = buy(shop, 4)
    shop.refund(order.id, restock=True)
    assert (level(shop), order.lines[0].restocked) == (10, 4)
    assert shop.history("A")[-1]["cause"].startswith("hand")
    with pytest.raises(NotPossible):
        shop.refund(order.id)


def test_the_merchant_puts_back_what_left_the_house_and_not_what_was_never_taken(shop):
    order = buy(shop, 2)
    line = order.lines[0]
    shop.edit(order.id, [{"line": line.id, "quantity": 5}])
    shop.ship(order.id, [{"line": line.id, "quantity": 4}])
    shop.refund(order.id, [{"line": line.id, "quantity": 3}], restock=True)
    assert (level(shop), line.restocked) == (11, 3)
    shop.settings.change({"update_stock_behavior": "order_completed_or_shipped"})
    open_order = buy(shop, 2)
    shop.refund(open_order.id, [{"line": open_order.lines[0].id, "quantity": 1}], restock=True)
    assert (level(shop), open_order.lines[0].restocked) == (11, 0)


def test_a_refund_without_restock_never_moves_stock(shop):
    shop.refund(buy(shop, 4).id)
    assert level(shop) == 6


def test_orders_take_from_the_default_location_or_from_all_enabled_ones(shop):
    shop.add_location(2, "EAST", "East")
    shop.add_location(3, "CLOSED", "Closed", enabled=False)
    shop.add_products([{"sku": "M", "stock": {"1": 2, "2": 3, "3": 9}}])
    with pytest.raises(OutOfStock):
        buy(shop, 4, "M")
    shop.settings.switches.aggregated_locations = True
    order = buy(shop, 4, "M")
    assert {one["location"]: one["level"] for one in shop.history("M")} == {1: 1, 2: 0, 3: 9}
    with pytest.raises(OutOfStock):
        buy(shop, 2, "M")
    shop.cancel(order.id)
    assert {one["location"]: one["level"] for one in shop.history("M")} == {1: 2, 2: 3, 3: 9}


def test_the_truth_balances_opening_writes_sales_and_returns(shop):
    shop.settings.change({"edit_order_stock_adjustment": True})
    order, other = buy(shop, 3), buy(shop, 2)
    shop.edit(order.id, [{"line": order.lines[0].id, "quantity": 4}])
    shop.cancel(other.id)
    truth = shop.truth()["skus"]["A"]
    assert truth == {"level": 6, "pending": 0, "sold": 6, "returned": 2, "open": 0}
    assert sum(change["change"] for change in shop.history("A")) == 6


def test_what_does_not_exist_is_said_so(shop):
    for call in (
        lambda: shop.sell([{"sku": "X", "quantity": 1}]),
        lambda: shop.pay(5),
        lambda: shop.history("LOOSE"),
        lambda: shop.set_stock("X", 1),
        lambda: shop.edit(buy(shop).id, [{"line": 999, "quantity": 1}]),
    ):
        with pytest.raises(NoSuch):
            call()
    for call in (
        lambda: shop.sell([]),
        lambda: buy(shop, 0),
        lambda: buy(shop, channel=9),
        lambda: shop.pay(buy(shop).id),
        lambda: shop.ship(buy(shop).id, [{"line": shop.book.nth(-1).lines[0].id, "quantity": 9}]),
    ):
        with pytest.raises(NotPossible):
            call()
    with pytest.raises(ValueError, match="taken"):
        shop.add_products([{"sku": "A"}])
