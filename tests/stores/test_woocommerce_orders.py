"""The orders port against the simulated shop, over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.core.order import Order, Phase, Unreadable
from syncd.core.quantity import SECOND, Instant, units
from syncd.errors import BugError, MisconfiguredError, StoreFault, Throttled
from syncd.ports.store import OrderPage, OrdersPort, ScanRequest
from syncd.simulator.woocommerce import order_query, routes
from syncd.simulator.woocommerce.records import Meta, ShopRefusal
from syncd.simulator.woocommerce.rest import invalid
from syncd.transport import Limits
from tests.simulator.woocommerce_shop import START_US
from tests.stores.woocommerce_shop import Front, open_front

LONG_BEFORE = Instant(START_US - 3_600 * SECOND)


def stocked(front: Front, **levels: int) -> None:
    for sku, level in levels.items():
        front.shop.add_product(sku, stock=level)


def bought(front: Front, count: int, *, apart_seconds: float = 1.0) -> list[str]:
    numbers = []
    for _ in range(count):
        numbers.append(str(front.shop.checkout([("A", 1)]).id))
        front.bench.clock.pass_seconds(apart_seconds)
    return numbers


def numbers_of(page: OrderPage) -> list[str]:
    return [order.order for order in page.orders]


async def changed(front: Front, **request: Any) -> OrderPage:
    return await front.orders.changed(ScanRequest(**{"since": LONG_BEFORE, **request}))


async def test_the_adapter_is_an_orders_port():
    async with open_front() as front:
        port: OrdersPort = front.orders
        assert port.traits.page_max == 100
        assert (port.traits.grain_us, port.traits.settle_us) == (SECOND, 5 * SECOND)


async def test_changed_orders_come_by_their_stamp_with_drafts_and_the_trash():
    async with open_front() as front:
        stocked(front, A=50)
        numbers = bought(front, 3)
        draft = front.shop.checkout([("A", 1)], draft=True)
        front.bench.clock.pass_seconds(1)
        front.shop.trash(front.shop.order(int(numbers[0])))
        page = await changed(front)
        assert numbers_of(page) == [*numbers[1:], str(draft.id), numbers[0]]
        phases = [order.phase for order in page.orders if isinstance(order, Order)]
        assert phases == [Phase.PAID, Phase.PAID, Phase.DRAFT, Phase.CANCELLED]
        assert not page.full
        assert page.began <= page.ended
        assert page.raw.startswith(b"[{")


@pytest.mark.parametrize("timezone", ["UTC", "America/New_York", "Asia/Kolkata", "+05:30"])
async def test_the_bound_is_inclusive_wherever_the_shop_lies(timezone: str):
    async with open_front(settings={"timezone": timezone}) as front:
        stocked(front, A=50)
        numbers = bought(front, 4, apart_seconds=10)
        third = Instant(START_US + 20 * SECOND)
        assert numbers_of(await changed(front, since=third)) == numbers[2:]
        assert numbers_of(await changed(front, since=third + SECOND - 1)) == numbers[2:], "the same second"
        assert numbers_of(await changed(front, since=third + SECOND)) == numbers[3:]


async def test_from_the_beginning_no_bound_is_sent():
    async with open_front() as front:
        stocked(front, A=50)
        numbers = bought(front, 2)
        assert numbers_of(await changed(front, since=0)) == numbers
        assert not any("modified_after" in row for row in front.asked())


async def test_seen_orders_are_left_out_and_pages_say_whether_they_are_full():
    async with open_front() as front:
        stocked(front, A=50)
        numbers = bought(front, 5, apart_seconds=0)
        page = await changed(front, limit=2)
        assert (numbers_of(page), page.full) == (numbers[:2], True)
        page = await changed(front, limit=2, exclude=tuple(numbers[:2]))
        assert (numbers_of(page), page.full) == (numbers[2:4], True)
        page = await changed(front, limit=2, page=3)
        assert (numbers_of(page), page.full) == (numbers[4:], False)


async def test_a_long_list_of_exclusions_goes_as_a_body():
    async with open_front(settings={"plain_http": "oauth"}, auth="oauth") as front:
        stocked(front, A=50)
        numbers = bought(front, 3)
        await changed(front)
        front.asked()
        elsewhere = tuple(str(number) for number in range(1_000_000, 1_000_997))
        page = await changed(front, exclude=(*elsewhere, *numbers[:2]))
        assert numbers_of(page) == numbers[2:]
        (request,) = front.asked()
        assert request.startswith("POST /wp-json/wc/v3/orders?_method=GET")
        assert len(request) < 1_000
        page = await changed(front, exclude=tuple(numbers))
        assert numbers_of(page) == []
        assert front.asked()[0].startswith("GET ")


async def test_one_bad_order_never_fails_its_page():
    async with open_front() as front:
        stocked(front, A=50)
        numbers = bought(front, 3)
        bad = front.shop.order(int(numbers[1]))
        bad.lines[0].meta = [Meta(1, "_reduced_stock", "abc")]
        bad.rendered.clear()
        page = await changed(front)
        assert numbers_of(page) == numbers
        unreadable = page.orders[1]
        assert isinstance(unreadable, Unreadable)
        assert unreadable.modified == START_US + SECOND
        assert b'"abc"' in unreadable.raw


async def test_an_unchanged_order_has_the_same_content_whichever_way_it_is_read():
    async with open_front() as front:
        stocked(front, A=50)
        (number,) = bought(front, 1)
        readings = [await changed(front), await front.orders.by_ids([number]), await front.orders.by_number("", 10)]
        contents = {order.content for page in readings for order in page.orders if isinstance(order, Order)}
        assert len(contents) == 1
        front.shop.edit(front.shop.order(int(number)), {1: 2})
        (order,) = (await changed(front)).orders
        assert isinstance(order, Order)
        assert order.content not in contents
        assert order.lines[0].reduced == units(2)


async def test_a_torn_order_is_shown_as_it_is_and_changes_its_content_within_the_second():
    async with open_front() as front:
        stocked(front, A=50)
        front.shop.faults.torn_orders = 1.0
        front.shop.faults.torn_seconds = (0.9, 0.9)
        front.shop.checkout([("A", 1)])
        contents, lines = [], []
        for _ in range(4):
            (order,) = (await changed(front)).orders
            assert isinstance(order, Order)
            contents.append(order.content)
            lines.append((len(order.lines), order.status))
            front.bench.clock.pass_seconds(0.31)
        assert lines[0] == (0, "pending")
        assert lines[-1] == (1, "processing")
        assert len(set(contents)) > 1


# Statuses --------------------------------------------------------------------------------------------------------------


async def test_custom_statuses_are_asked_for_and_mean_what_is_configured():
    settings = {"extra_statuses": {"packing": "Packing", "on-loan": "On loan"}}
    async with open_front(settings=settings, statuses={"packing": Phase.PAID}) as front:
        stocked(front, A=50)
        numbers = bought(front, 2)
        for number, status in zip(numbers, ["packing", "on-loan"], strict=True):
            front.shop.set_status(front.shop.order(int(number)), status)
        first, second = (await changed(front)).orders
        assert isinstance(first, Order)
        assert (first.phase, first.status) == (Phase.PAID, "packing")
        assert isinstance(second, Unreadable)
        assert "on-loan" in second.reason


async def test_statuses_are_read_once_and_again_when_one_has_gone():
    async with open_front(settings={"extra_statuses": {"packing": "Packing"}}) as front:
        stocked(front, A=50)
        numbers = bought(front, 1)
        for _ in range(3):
            await changed(front)
        assert [("statuses" in row) for row in front.asked()] == [True, False, False, False]
        front.shop.settings.extra_statuses = {}
        assert numbers_of(await changed(front)) == numbers
        assert [("statuses" in row) for row in front.asked()] == [False, True, False]


async def test_a_status_that_a_plugin_adds_is_found_after_some_lists():
    async with open_front() as front:
        stocked(front, A=50)
        (number,) = bought(front, 1)
        await changed(front)
        front.shop.settings.extra_statuses = {"packing": "Packing"}
        front.shop.set_status(front.shop.order(int(number)), "packing")
        pages = [await changed(front) for _ in range(31)]
        assert numbers_of(pages[0]) == []
        assert numbers_of(pages[-1]) == [number]


async def test_a_shop_that_refuses_the_list_is_asked_for_any_and_for_the_trash(monkeypatch: pytest.MonkeyPatch):
    async with open_front() as front:
        refuse_trash_among_others(front, monkeypatch)
        stocked(front, A=500)
        numbers = bought(front, 1)
        for _ in range(2):
            numbers.append(str(front.shop.checkout([("A", 1)]).id))
            front.shop.trash(front.shop.order(int(numbers[-1])))
            front.bench.clock.pass_seconds(1)
        numbers += bought(front, 4)
        front.shop.trash(front.shop.order(int(numbers[-1])))
        page = await changed(front)
        assert (numbers_of(page), page.full) == (numbers, False)
        front.asked()
        page = await changed(front, limit=2)
        assert (numbers_of(page), page.full) == (numbers[:4], True), "what lies behind the end of a full page waits"
        assert len(front.asked()) == 3, "any, and two pages of the trash"
        page = await changed(front, limit=2, page=2)
        assert (numbers_of(page), page.full) == (sorted([*numbers[1:3], *numbers[4:6]]), True)
        page = await changed(front, limit=2, page=3)
        assert (numbers_of(page), page.full) == ([*numbers[1:3], numbers[6]], False)
        assert numbers_of(await front.orders.by_ids(numbers)) == numbers
        assert await walked(front, limit=2) == numbers


def refuse_trash_among_others(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shop that takes `any` or one status, and no list."""
    real = order_query.wanted_statuses

    def wanted(shop, call):
        if len(call.words("status")) > 1:
            raise invalid("status", "status is not of type string.", "rest_invalid_type")
        return real(shop, call)

    monkeypatch.setattr(order_query, "wanted_statuses", wanted)


# By id ------------------------------------------------------------------------------------------------------------------


async def test_by_ids_tells_gone_from_trashed_from_unknown():
    async with open_front() as front:
        stocked(front, A=50)
        numbers = bought(front, 4)
        front.shop.trash(front.shop.order(int(numbers[1])))
        front.shop.delete(front.shop.order(int(numbers[2])))
        front.shop.set_status(front.shop.order(int(numbers[3])), "auto-draft")
        await changed(front)
        front.asked()
        page = await front.orders.by_ids([*numbers, "999999"])
        assert sorted(numbers_of(page)) == [numbers[0], numbers[1], numbers[3]]
        assert sorted(page.missing) == sorted([numbers[2], "999999"])
        assert len(front.asked()) == 4, "one list, and three that it doesn't show"
        assert page.raw.count(b'"order_key"') == 3


async def test_a_404_for_the_route_says_nothing_about_the_orders(monkeypatch: pytest.MonkeyPatch):
    async def refuse(*_):
        raise ShopRefusal(404, "rest_no_route", "No route was found matching the URL and request method.")

    async with open_front() as front:
        stocked(front, A=50)
        numbers = bought(front, 1)
        await changed(front)
        refuse_routes(monkeypatch, "/orders", refuse)
        with pytest.raises(StoreFault, match="rest_no_route"):
            await changed(front)
        with pytest.raises(StoreFault, match="rest_no_route"):
            await front.orders.by_ids(numbers)
        with pytest.raises(StoreFault, match="rest_no_route"):
            await front.orders.by_number("", 10)


async def test_by_ids_is_bounded_and_never_empty():
    async with open_front() as front:
        with pytest.raises(BugError):
            await front.orders.by_ids([str(number) for number in range(101)])
        with pytest.raises(BugError):
            await front.orders.by_ids([])


# By number --------------------------------------------------------------------------------------------------------------


async def walked(front: Front, *, limit: int, after: str = "", between: Any = None) -> list[str]:
    found: list[str] = []
    for _ in range(200):
        page = await front.orders.by_number(after, limit)
        found += numbers_of(page)
        if between is not None:
            between(found)
        if not page.full:
            return found
        if page.orders:
            after = page.orders[-1].order
    raise AssertionError("it never ends")


async def test_all_orders_come_by_number_in_one_request_a_page():
    async with open_front() as front:
        stocked(front, A=500)
        numbers = bought(front, 10, apart_seconds=0)
        front.shop.trash(front.shop.order(int(numbers[4])))
        await changed(front)
        front.asked()
        assert await walked(front, limit=4) == numbers
        assert len(front.asked()) == 3


async def test_orders_that_vanish_behind_the_reader_take_none_with_them():
    async with open_front() as front:
        stocked(front, A=5_000)
        numbers = bought(front, 60, apart_seconds=0)
        doomed = iter(numbers)

        def delete_some(found: list[str]) -> None:
            for _ in range(7):
                number = next(doomed, None)
                if number in found:
                    front.shop.delete(front.shop.order(int(number)))

        assert await walked(front, limit=10, between=delete_some) == numbers


async def test_the_place_after_any_number_is_found_again_by_a_new_process():
    async with open_front() as front:
        stocked(front, A=5_000)
        numbers = bought(front, 40, apart_seconds=0)
        for number in numbers[::3]:
            front.shop.delete(front.shop.order(int(number)))
        left = [number for place, number in enumerate(numbers) if place % 3]
        for after in [numbers[0], numbers[20], numbers[21], numbers[-1], "5", "99999"]:
            expected = [number for number in left if int(number) > int(after)]
            assert await walked(front, limit=5, after=after) == expected
            page = await front.orders.by_number(after, 5)
            assert len(page.orders) == min(5, len(expected)), "now that the place is known"


async def test_finding_the_place_takes_a_logarithm_of_requests():
    async with open_front() as front:
        stocked(front, A=50_000)
        numbers = bought(front, 1_200, apart_seconds=0)
        await changed(front)
        front.asked()
        page = await front.orders.by_number(numbers[700], 100)
        assert numbers_of(page)[0] == numbers[701]
        assert len(front.asked()) < 20


async def test_a_shop_that_does_not_sort_by_id_is_not_read(monkeypatch: pytest.MonkeyPatch):
    async with open_front() as front:
        stocked(front, A=50)
        bought(front, 3)
        real = order_query.select_orders
        monkeypatch.setattr("syncd.simulator.woocommerce.orders_api.select_orders", lambda *args: real(*args)[::-1])
        with pytest.raises(MisconfiguredError, match="ascending"):
            await front.orders.by_number("", 10)


# The shop itself --------------------------------------------------------------------------------------------------------


async def test_the_description_names_the_shop_its_behaviour_and_its_clock():
    async with open_front(settings={"name": "Ada's", "url": "https://Shop.example/eu/"}) as front:
        front.bench.clock.pass_seconds(0.7)
        description = await front.orders.describe()
        assert description.identity == "woocommerce:shop.example/eu"
        assert description.name == "Ada's"
        behaviour = description.behaviour
        assert (behaviour.witnessed, behaviour.takes_at) == (True, "placed")
        assert (behaviour.edits_adjust, behaviour.cancel_returns) == (True, True)
        assert description.warnings == ()
        assert len(front.asked()) == 5


async def test_the_description_warns_of_what_will_hurt():
    settings = {"manage_stock": False, "version": "9.4.1"}
    async with open_front(settings=settings) as front:
        description = await front.orders.describe()
        assert not description.behaviour.edits_adjust
        told = "\n".join(description.warnings)
        assert "plain http" in told
        assert "stock management is switched off" in told
        assert "before 9.5" in told


async def test_a_shop_too_old_to_list_changes_is_refused():
    async with open_front(settings={"version": "5.7.2"}) as front:
        with pytest.raises(MisconfiguredError, match=r"5\.7"):
            await front.orders.describe()


async def test_wrong_keys_come_with_a_remedy():
    async with open_front(auth="wrong") as front:
        with pytest.raises(MisconfiguredError) as caught:
            await front.orders.describe()
        assert 'auth = "query"' in caught.value.hint
        assert "cs_wrong" not in str(caught.value)
        with pytest.raises(MisconfiguredError) as caught:
            await changed(front)
        assert "Read/Write" in caught.value.hint


async def test_a_key_that_may_not_read_settings_still_works(monkeypatch: pytest.MonkeyPatch):
    async def refuse(*_):
        raise ShopRefusal(403, "woocommerce_rest_cannot_view", "Sorry, you cannot view this resource.")

    async with open_front() as front:
        refuse_routes(monkeypatch, "/s", refuse)
        description = await front.orders.describe()
        assert description.identity.startswith("woocommerce:127.0.0.1:")
        assert len([row for row in description.warnings if "may not read" in row]) == 2


def refuse_routes(monkeypatch: pytest.MonkeyPatch, prefix: str, refuse: Any) -> None:
    """Answer everything under /wc/v3 whose route begins so by `refuse`."""
    real = routes.dispatch

    async def dispatch(shop, known, call):
        return await (refuse() if call.route.startswith(f"/wc/v3{prefix}") else real(shop, known, call))

    monkeypatch.setattr("syncd.simulator.woocommerce.server.dispatch", dispatch)


async def test_what_is_no_shop_is_refused():
    async with open_front(settings={"pretty_permalinks": False}) as front:
        with pytest.raises((MisconfiguredError, StoreFault)):
            await front.orders.describe()


async def test_a_shop_without_pretty_permalinks_has_its_routes_in_the_query():
    for auth in ("basic", "query"):
        async with open_front(auth=auth, settings={"pretty_permalinks": False}, rest_route=True) as front:
            await front.orders.describe()
            stocked(front, A=50)
            numbers = bought(front, 2)
            assert numbers_of(await changed(front)) == numbers
            assert numbers_of(await front.orders.by_ids(numbers)) == numbers
            elsewhere = tuple(str(number) for number in range(1_000_000, 1_000_900))
            assert numbers_of(await changed(front, exclude=elsewhere)) == numbers


async def test_units_are_held_for_as_long_as_the_shop_says():
    for setting, configured, minutes in ((25, None, 25), (25, 7, 7), (0, None, None)):
        settings = {"hold_stock_minutes": setting}
        async with open_front(settings=settings, hold_stock_minutes=configured) as front:
            await front.orders.describe()
            stocked(front, A=50)
            front.shop.checkout([("A", 1)], paid=False)
            (order,) = (await changed(front)).orders
            assert isinstance(order, Order)
            assert order.phase is Phase.PENDING
            assert order.hold_until == (None if minutes is None else START_US + minutes * 60 * SECOND)


# Faults -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", ["html_200", "html_503", "php_notice", "truncated", "reset", "error_500", "error_502"]
)
async def test_a_fault_is_a_fault_and_passes(fault: str):
    async with open_front(limits=Limits(interval_default_seconds=0, tries_max=2)) as front:
        stocked(front, A=50)
        numbers = bought(front, 2)
        await changed(front)
        setattr(front.shop.faults, fault, 1.0)
        with pytest.raises(StoreFault):
            await changed(front)
        setattr(front.shop.faults, fault, 0.0)
        assert numbers_of(await changed(front)) == numbers


async def test_a_full_waiting_room_is_waited_for():
    async with open_front(limits=Limits(interval_default_seconds=0, patience_seconds=3.0)) as front:
        stocked(front, A=50)
        bought(front, 1)
        await changed(front)
        front.shop.faults.too_many_retry_after = 1.0
        with pytest.raises(Throttled) as caught:
            await changed(front)
        assert caught.value.wait_seconds > 3


@pytest.mark.parametrize("auth", ["basic", "query", "oauth"])
async def test_each_try_is_signed_anew(auth: str):
    plain_http = "oauth" if auth == "oauth" else "basic"
    limits = Limits(interval_default_seconds=0, tries_max=15, failures_max=100)
    async with open_front(auth=auth, settings={"plain_http": plain_http}, limits=limits) as front:
        stocked(front, A=50)
        numbers = bought(front, 2)
        front.shop.faults.php_notice = 0.5
        assert numbers_of(await changed(front)) == numbers
        assert numbers_of(await changed(front)) == numbers
        requests = front.asked()
        assert len(requests) > 3, "some were answered with nonsense after their nonce was taken"
        if auth == "oauth":
            assert len({row.partition("oauth_nonce=")[2][:40] for row in requests}) == len(requests)
