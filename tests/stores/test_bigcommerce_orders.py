"""The BigCommerce orders port, against the simulated shop over HTTP."""

from __future__ import annotations

import pytest

from syncd.core.order import LineKind, Order, Phase, Unreadable
from syncd.core.quantity import SECOND, Instant, units
from syncd.core.scan import Seen, after_page, begin, check
from syncd.core.taking_rule import TakingRule
from syncd.errors import MisconfiguredError, StoreFault, Throttled
from syncd.ports.store import OrderPage, OrdersPort, ScanRequest, StockBehaviour
from syncd.stores.bigcommerce import BigCommerceStore
from syncd.transport import Answer
from tests.stores.bigcommerce_bodies import link, order, product, raw
from tests.stores.bigcommerce_world import EPOCH, open_world

ALL = ScanRequest(since=Instant(0))


@pytest.fixture
async def world():
    async with open_world() as opened:
        opened.add({"sku": "RED", "stock": 100}, {"sku": "BLUE", "stock": 100})
        yield opened


def paths(world) -> list[str]:
    """What was asked for, but for the stock settings: those are read once, and at each start."""
    return [path for path, _ in world.asked.reads if path != "/v3/settings/inventory"]


def read_orders(page: OrderPage) -> list[Order]:
    rows = [row for row in page.orders if isinstance(row, Order)]
    assert len(rows) == len(page.orders)
    return rows


def ids(page: OrderPage) -> list[str]:
    return [row.order for row in page.orders]


class Script:
    """A client whose answers are written down: path -> body, or a callable of the query."""

    def __init__(self, answers, status: int = 200):
        self.answers = answers
        self.status = status
        self.asked: list[tuple[str, dict[str, str]]] = []

    async def read(self, path, query=(), *, accept=()):
        self.asked.append((path, dict(query)))
        found = self.answers[path]
        body = found(dict(query)) if callable(found) else found
        if isinstance(body, Exception):
            raise body
        status = 204 if body is None else self.status
        return Answer(status, {}, raw(body) if body is not None else b"", Instant(1), Instant(2), f"GET {path}")

    async def write(self, method, path, body, query=(), *, not_after=0):
        raise AssertionError("orders are never written")


def scripted(answers) -> tuple[OrdersPort, Script]:
    client = Script({"/v3/settings/inventory": {"data": {}, "meta": {}}, **answers})
    return BigCommerceStore(client, store_hash="abc123").orders, client


async def test_the_traits_are_the_platforms(world):
    traits = world.store.orders.traits
    assert (traits.grain_us, traits.page_max, traits.exclude_max, traits.settle_us) == (SECOND, 250, 0, 2 * SECOND)
    async with open_world(settle_us=7, settle_wait_max_us=8) as other:
        assert (other.store.orders.traits.settle_us, other.store.orders.traits.settle_wait_max_us) == (7, 8)


async def test_a_sold_order_is_read_with_its_lines_in_one_request(world):
    number = world.sell("RED", 2, custom_lines=[{"name": "Engraving", "quantity": 1}])
    page = await world.store.orders.changed(ALL)
    (read,) = page.orders
    assert isinstance(read, Order)
    assert (read.order, read.phase, read.created, read.channel) == (number, Phase.PAID, EPOCH, "1")
    assert [(line.sku, line.quantity, line.kind) for line in read.lines] == [
        ("RED", units(2), LineKind.STOCK),
        ("", units(1), LineKind.CUSTOM),
    ]
    assert read.lines[0].product == "111/76"
    assert read.cart == world.shop.order(number).cart_id
    assert not page.full
    assert page.raw.startswith(b"[{")
    assert paths(world) == ["/v2/orders"]


async def test_an_empty_list_is_an_empty_page(world):
    page = await world.store.orders.changed(ALL)
    assert (page.orders, page.raw, page.full) == ((), b"", False)
    assert page.began == EPOCH
    world.sell("RED")
    past = await world.store.orders.changed(ScanRequest(since=Instant(0), page=9))
    assert past.orders == ()


async def test_a_page_says_whether_there_may_be_more(world):
    numbers = [world.sell("RED") for _ in range(3)]
    first = await world.store.orders.changed(ScanRequest(since=Instant(0), limit=2))
    assert (ids(first), first.full) == (numbers[:2], True)
    second = await world.store.orders.changed(ScanRequest(since=Instant(0), limit=2, page=2))
    assert (ids(second), second.full) == (numbers[2:], False)


async def test_no_page_is_larger_than_the_platform_allows(world):
    await world.store.orders.changed(ScanRequest(since=Instant(0), limit=1000))
    assert world.asked.reads[-1][1]["limit"] == "250"


@pytest.mark.parametrize("inclusive", [True, False])
async def test_the_bound_is_inclusive_whatever_the_platforms_rule_is(world, inclusive):
    world.shop.settings.change({"min_date_inclusive": inclusive, "bad_filters_ignored": False})
    world.sell("RED")
    world.clock.pass_seconds(10)
    number = world.sell("RED")
    page = await world.store.orders.changed(ScanRequest(since=world.clock.now()))
    assert ids(page) == [number]


async def test_changes_come_oldest_first(world):
    first, second = world.sell("RED"), world.sell("RED")
    world.clock.pass_seconds(5)
    world.shop.cancel(first)
    assert ids(await world.store.orders.changed(ALL)) == [second, first]


async def test_rows_outside_the_bound_are_handed_on_for_the_scan_to_see(world):
    number = world.sell("RED")
    world.clock.pass_seconds(60)
    world.shop.faults.change({"ignored_filters": 1.0})
    page = await world.store.orders.changed(ScanRequest(since=world.clock.now()))
    assert ids(page) == [number]


async def test_each_order_carries_the_rule_of_its_own_channel_and_one_entered_by_hand_the_stores(world):
    world.shop.settings.change({"edit_order_stock_adjustment": True})
    world.shop.channels[2] = "Market"
    world.shop.settings.change({"channel": 1, "refund_order_stock_adjustment": False})
    world.shop.settings.change({"channel": 2, "update_stock_behavior": "order_completed_or_shipped"})
    world.shop.settings.change({"channel": 2, "edit_order_stock_adjustment": False})
    await world.store.orders.describe()
    world.forget()
    shop = world.sell("RED")
    market = world.sell("RED", channel=2)
    manual = world.sell("RED", channel=2, source="manual", status_id=11)
    for _ in range(2):
        rules = {row.order: row.rule for row in read_orders(await world.store.orders.changed(ALL))}
        assert rules == {
            shop: TakingRule("placed", edits_adjust=True, cancel_returns=False),
            market: TakingRule("shipped", edits_adjust=False, cancel_returns=True),
            manual: TakingRule("placed", edits_adjust=True, cancel_returns=True),
        }
    settings = [query for path, query in world.asked.reads if path == "/v3/settings/inventory"]
    assert settings == [{"channel_id": "2"}], "read once, when an order of it first asks"


async def test_orders_beyond_the_channels_that_are_kept_cost_no_request_each(world, monkeypatch):
    monkeypatch.setattr("syncd.stores.bigcommerce.settings.CHANNELS_MAX", 1)
    world.shop.channels[2] = "Market"
    await world.store.orders.describe()
    world.forget()
    for _ in range(3):
        world.sell("RED", channel=2)
    await world.store.orders.changed(ALL)
    assert [path for path, _ in world.asked.reads] == ["/v2/orders"]


async def test_describing_the_store_learns_changed_settings(world):
    world.sell("RED")
    (before,) = read_orders(await world.store.orders.changed(ALL))
    world.shop.settings.change({"channel": 1, "refund_order_stock_adjustment": False})
    (unknown,) = read_orders(await world.store.orders.changed(ALL))
    await world.store.orders.describe()
    (after,) = read_orders(await world.store.orders.changed(ALL))
    assert before == unknown
    assert before.rule == TakingRule("placed", edits_adjust=False, cancel_returns=True)
    assert after.rule == TakingRule("placed", edits_adjust=False, cancel_returns=False)


async def test_a_refund_by_the_api_puts_nothing_back(world):
    number = world.sell("RED", 2)
    line = world.shop.order(number).lines[0].id
    world.shop.refund(number, [{"line": line, "quantity": 1}])
    (part,) = (await world.store.orders.changed(ALL)).orders
    assert (part.phase, part.lines[0].restocked) == (Phase.PAID, 0)
    world.shop.refund(number)
    (whole,) = (await world.store.orders.changed(ALL)).orders
    assert (whole.phase, whole.lines[0].restocked) == (Phase.REFUNDED, 0)


async def test_shipped_units_are_told(world):
    number = world.sell("RED", 3)
    line = world.shop.order(number).lines[0].id
    world.shop.ship(number, [{"line": line, "quantity": 2}])
    (part,) = (await world.store.orders.changed(ALL)).orders
    assert (part.phase, part.lines[0].shipped) == (Phase.PAID, units(2))
    world.shop.ship(number)
    (whole,) = (await world.store.orders.changed(ALL)).orders
    assert (whole.phase, whole.lines[0].shipped, whole.completed) == (Phase.COMPLETED, units(3), EPOCH)


async def test_drafts_and_unpaid_orders_are_told_apart(world):
    draft = world.sell("RED", status_id=0)
    unpaid = world.sell("RED", paid=False)
    phases = {row.order: row.phase for row in (await world.store.orders.changed(ALL)).orders}
    assert phases == {draft: Phase.DRAFT, unpaid: Phase.PLACED}


async def test_lines_that_the_include_leaves_out_are_read_for_that_order_alone(world):
    world.shop.settings.change({"include_lines_max": 1})
    small = world.sell("RED")
    large = world.shop.sell([{"sku": "RED", "quantity": 1}, {"sku": "BLUE", "quantity": 2}])
    rows = (await world.store.orders.changed(ALL)).orders
    assert [len(row.lines) for row in rows] == [1, 2]
    assert paths(world) == ["/v2/orders", f"/v2/orders/{large.id}/products"]
    assert small == rows[0].order


async def test_the_same_state_has_the_same_content_and_another_state_another(world):
    number = world.sell("RED", 2)
    (first,) = (await world.store.orders.changed(ALL)).orders
    (again,) = (await world.store.orders.changed(ALL)).orders
    line = world.shop.order(number).lines[0].id
    world.shop.edit(number, [{"line": line, "quantity": 1}])
    (edited,) = (await world.store.orders.changed(ALL)).orders
    assert first == again
    assert first.modified == edited.modified
    assert first.content != edited.content


async def test_a_scan_loses_no_order_while_orders_move_between_its_pages(world):
    numbers = {world.sell("RED") for _ in range(30)}
    world.shop.faults.change({"move_order_every": 1})
    port, seen = world.store.orders, set()
    scan = begin(Instant(EPOCH), grain_us=port.traits.grain_us, exclude_max=port.traits.exclude_max)
    for number in range(400):
        if number == 40:
            world.shop.faults.clear()
        asked = scan.request()
        page = await port.changed(ScanRequest(asked.since, asked.exclude, asked.page, limit=7))
        rows = [Seen(row.order, row.modified) for row in read_orders(page)]
        check(rows, asked, port.traits.grain_us)
        seen |= {row.order for row in rows}
        scan = after_page(scan, rows, full=page.full)
        world.clock.pass_seconds(0.4)
        if scan.done:
            break
    assert scan.done
    assert seen == numbers


async def test_orders_are_read_by_id_with_one_request_for_near_ones(world):
    numbers = [world.sell("RED") for _ in range(6)]
    page = await world.store.orders.by_ids([numbers[4], numbers[0], numbers[2]])
    assert sorted(ids(page)) == [numbers[0], numbers[2], numbers[4]]
    assert len(paths(world)) == 1
    assert page.missing == ()
    assert page.raw.startswith(b"[{")


async def test_an_order_alone_is_read_by_its_own_address(world):
    numbers = [world.sell("RED") for _ in range(20)]
    page = await world.store.orders.by_ids([numbers[0], numbers[-1]])
    assert sorted(ids(page)) == [numbers[0], numbers[-1]]
    assert paths(world) == [f"/v2/orders/{numbers[0]}", f"/v2/orders/{numbers[-1]}"]


async def test_an_order_is_the_same_whichever_way_it_is_read(world):
    number = world.sell("RED", 2)
    listed = (await world.store.orders.changed(ALL)).orders
    assert (await world.store.orders.by_ids([number])).orders == listed
    assert (await world.store.orders.by_number("", 9)).orders == listed


async def test_only_an_explicit_not_found_makes_an_order_missing(world):
    numbers = [world.sell("RED") for _ in range(3)]
    world.shop.archive(numbers[1])
    world.shop.delete(numbers[2])
    page = await world.store.orders.by_ids([*numbers, "99999"])
    phases = {row.order: row.phase for row in page.orders}
    assert phases == {numbers[0]: Phase.PAID, numbers[1]: Phase.CANCELLED}
    assert sorted(page.missing) == sorted([numbers[2], "99999"])
    assert page.began == EPOCH
    assert page.ended >= page.began


async def test_missing_orders_alone_still_have_the_times_of_the_asking(world):
    page = await world.store.orders.by_ids(["5"])
    assert (page.orders, page.missing, page.began) == ((), ("5",), EPOCH)


async def test_a_list_that_ignores_its_filters_does_not_mislead_reading_by_id(world):
    numbers = [world.sell("RED") for _ in range(4)]
    world.shop.faults.change({"ignored_filters": 1.0})
    page = await world.store.orders.by_ids(numbers[:2])
    assert ids(page) == numbers[:2]


async def test_asking_for_no_order_asks_nothing(world):
    page = await world.store.orders.by_ids([])
    assert (page.orders, page.missing, world.asked.reads) == ((), (), [])


async def test_orders_are_read_by_ascending_number(world):
    numbers = [world.sell("RED") for _ in range(5)]
    first = await world.store.orders.by_number("", 3)
    assert (ids(first), first.full) == (numbers[:3], True)
    rest = await world.store.orders.by_number(numbers[2], 3)
    assert (ids(rest), rest.full) == (numbers[3:], False)


async def test_a_sweep_does_not_go_in_circles_when_the_filter_is_ignored(world):
    numbers = [world.sell("RED") for _ in range(3)]
    world.shop.faults.change({"ignored_filters": 1.0})
    with pytest.raises(StoreFault, match="earlier ones"):
        await world.store.orders.by_number(numbers[1], 3)


async def test_the_store_describes_itself(world):
    world.shop.faults.change({"clock_skew_seconds": 30.0})
    described = await world.store.orders.describe()
    assert (described.identity, described.name) == ("bigcommerce:simshop", "Simulated shop")
    assert described.behaviour == StockBehaviour("placed", edits_adjust=False, cancel_returns=True, witnessed=False)
    assert abs(described.clock_ahead_us - 30 * SECOND) <= described.clock_error_us
    assert described.clock_error_us >= SECOND
    assert any("edit_order_stock_adjustment" in warning for warning in described.warnings)


async def test_a_shop_with_plain_settings_needs_no_warning(world):
    world.shop.settings.change({"edit_order_stock_adjustment": True})
    assert (await world.store.orders.describe()).warnings == ()


async def test_warnings_name_the_channels_that_they_are_about():
    async with open_world(channels=(2, 77)) as world:
        world.shop.channels[2] = "Market"
        world.shop.settings.change({"edit_order_stock_adjustment": True})
        world.shop.settings.change({"channel": 1, "refund_order_stock_adjustment": False})
        world.shop.settings.change({"channel": 2, "update_stock_behavior": "order_completed_or_shipped"})
        described = await world.store.orders.describe()
        world.shop.settings.change({"update_stock_behavior": "order_completed_or_shipped"})
        everywhere = await world.store.orders.describe()
    assert described.behaviour == StockBehaviour("placed", edits_adjust=True, cancel_returns=False)
    (warning,) = described.warnings
    assert warning.startswith("channel 2: stock is taken when an order is shipped")
    assert everywhere.warnings[0].startswith("orders entered by hand, channel 2, channel 77, channel 1: stock is taken")


async def test_stock_taken_when_shipped_is_told_and_warned_of(world):
    world.shop.settings.change(
        {"update_stock_behavior": "order_completed_or_shipped", "edit_order_stock_adjustment": True}
    )
    described = await world.store.orders.describe()
    assert described.behaviour.takes_at == "shipped"
    assert len(described.warnings) == 1


async def test_a_store_without_a_hash_of_its_own_goes_by_the_configured_one():
    orders, _ = scripted(
        {
            "/v2/store": {"name": "", "default_channel_id": None, "logo": []},
            "/v2/time": {"time": 0},
            "/v3/settings/inventory": {"data": {}, "meta": {}},
        }
    )
    described = await orders.describe()
    assert (described.identity, described.name) == ("bigcommerce:abc123", "abc123")
    assert any("update_stock_behavior" in warning for warning in described.warnings)


async def test_one_bad_order_does_not_fail_its_page():
    orders, _ = scripted(
        {"/v2/orders": [order(1), order(2, status_id=99), order(3, date_created="soon"), "no order", order(5)]}
    )
    page = await orders.changed(ALL)
    assert [type(row) for row in page.orders] == [Order, Unreadable, Unreadable, Unreadable, Order]
    assert ids(page) == ["1", "2", "3", "", "5"]
    bad = page.orders[1]
    assert isinstance(bad, Unreadable)
    assert "status_id 99" in bad.reason
    assert bad.raw == raw(order(2, status_id=99))


async def test_lines_behind_a_link_are_read_page_by_page():
    lines = [product(number) for number in range(1, 301)]

    def pages(query):
        start = (int(query["page"]) - 1) * int(query["limit"])
        return lines[start : start + int(query["limit"])] or None

    body = order(118, consignments=link(118, "consignments"), items_total=600)
    orders, client = scripted({"/v2/orders": [body, order(119)], "/v2/orders/118/products": pages})
    first, second = read_orders(await orders.changed(ALL))
    assert len(first.lines) == 300
    assert len(second.lines) == 1
    assert [query["page"] for path, query in client.asked if path.endswith("products")] == ["1", "2"]


async def test_an_exactly_full_page_of_lines_is_followed_by_an_empty_one():
    lines = [product(number) for number in range(1, 251)]
    body = order(118, consignments=link(118, "consignments"), items_total=500)
    orders, _ = scripted(
        {"/v2/orders": [body], "/v2/orders/118/products": lambda query: lines if query["page"] == "1" else None}
    )
    (read,) = read_orders(await orders.changed(ALL))
    assert len(read.lines) == 250


async def test_changed_lines_behind_a_link_are_another_content():
    body = order(118, consignments=link(118, "consignments"))
    contents = []
    for quantity in (2, 3):
        orders, _ = scripted({"/v2/orders": [body], "/v2/orders/118/products": [product(quantity=quantity)]})
        (read,) = read_orders(await orders.changed(ALL))
        contents.append(read.content)
    assert contents[0] != contents[1]


async def test_an_order_with_endless_lines_goes_to_quarantine():
    body = order(118, consignments=link(118, "consignments"))
    endless = [product(number) for number in range(1, 251)]
    orders, client = scripted({"/v2/orders": [body], "/v2/orders/118/products": endless})
    (read,) = (await orders.changed(ALL)).orders
    assert isinstance(read, Unreadable)
    assert "more than 5000 lines" in read.reason
    assert len(client.asked) == 21  # the list, and 20 pages of lines


@pytest.mark.parametrize(
    ("trouble", "alone"),
    [
        (StoreFault("oops", status=500), True),
        (StoreFault("maintenance", status=503), False),
        (Throttled("wait", wait_seconds=1.0), False),
    ],
)
async def test_a_store_that_fails_on_one_orders_lines_alone_fails_that_order_alone(trouble, alone):
    body = order(118, consignments=link(118, "consignments"))
    orders, _ = scripted({"/v2/orders": [body, order(119)], "/v2/orders/118/products": trouble})
    if not alone:
        with pytest.raises(type(trouble)):
            await orders.changed(ALL)
        return
    first, second = (await orders.changed(ALL)).orders
    assert isinstance(first, Unreadable)
    assert isinstance(second, Order)


async def test_another_order_under_the_number_that_was_asked_for_is_unreadable():
    orders, _ = scripted({"/v2/orders/7": order(8)})
    (read,) = (await orders.by_ids(["7"])).orders
    assert isinstance(read, Unreadable)
    assert "asked for order 7" in read.reason


@pytest.mark.parametrize("body", [{"status": 200}, "text", None])
async def test_an_answer_that_is_no_list_of_orders_is_the_stores_fault(body):
    client = Script({"/v2/orders": body})
    if body is None:  # no body under a status that promises one
        client.answers = {"/v2/orders": ""}
    with pytest.raises(StoreFault):
        await BigCommerceStore(client, store_hash="abc123").orders.changed(ALL)


@pytest.mark.parametrize("fault", ["html_200", "html_503", "truncated", "reset", "error_500", "error_502"])
async def test_nonsense_of_the_store_is_the_stores_fault(world, fault):
    world.sell("RED")
    world.shop.faults.change({fault: 1.0})
    with pytest.raises(StoreFault):
        await world.store.orders.changed(ALL)
    world.shop.faults.clear()
    world.clock.pass_seconds(600)
    assert len((await world.store.orders.changed(ALL)).orders) == 1


@pytest.mark.parametrize("fault", ["too_many", "too_many_bare", "too_many_retry_after"])
async def test_a_store_that_is_asked_too_often_is_left_alone(world, fault):
    world.shop.faults.change({fault: 1.0})
    with pytest.raises(Throttled):
        await world.store.orders.changed(ALL)


async def test_a_wrong_token_is_a_misconfiguration():
    async with open_world(token="wrong") as world:
        with pytest.raises(MisconfiguredError):
            await world.store.orders.changed(ALL)


async def test_a_refused_filter_is_not_taken_for_an_empty_list(world):
    world.shop.settings.change({"bad_filters_ignored": False})
    page = await world.store.orders.changed(ALL)
    assert page.orders == ()
    assert world.asked.reads[-1][1]["min_date_modified"] == "Thu, 01 Jan 1970 00:00:00 +0000"
