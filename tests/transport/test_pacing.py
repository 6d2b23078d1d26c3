"""Being a good guest: spacing by the quota's share, waiting as long as asked, and leaving a broken store alone."""

from __future__ import annotations

import anyio
import pytest

from syncd.core.breaker import Phase
from syncd.errors import OutcomeUnknown, StoreFault, Throttled
from tests.transport.misbehaving import answers, cuts_off, hangs, resets, shows_page

QUOTA = {
    "X-Rate-Limit-Time-Window-Ms": "30000",
    "X-Rate-Limit-Time-Reset-Ms": "30000",
    "X-Rate-Limit-Requests-Quota": "150",
    "X-Rate-Limit-Requests-Left": "150",
}


async def test_requests_keep_the_default_distance_while_nothing_is_known(make_guest):
    guest = make_guest(interval_default_seconds=0.25)
    for _ in range(3):
        await guest.client.read("/x")
    assert guest.clock.waits == [0.25, 0.25]


async def test_requests_take_their_share_of_the_quota_evenly(make_guest, shop):
    shop.script = [answers([], headers=QUOTA)]
    guest = make_guest(share=0.5)
    async with anyio.create_task_group() as group:
        await guest.client.read("/x")
        for _ in range(4):
            group.start_soon(guest.client.read, "/x")
    assert guest.clock.waits == [0.4, 0.4, 0.4, 0.4]
    assert guest.client.quota().seen.limit == 150


async def test_what_is_left_of_the_window_is_shared_with_others(make_guest, shop):
    shop.script = [answers([], headers={**QUOTA, "X-Rate-Limit-Requests-Left": "20"})]
    guest = make_guest(share=0.5)
    await guest.client.read("/x")
    await guest.client.read("/x")
    assert guest.clock.waits == [3.0]


async def test_a_used_up_window_is_waited_for(make_guest, shop):
    headers = {**QUOTA, "X-Rate-Limit-Requests-Left": "0", "X-Rate-Limit-Time-Reset-Ms": "12000"}
    shop.script = [answers([], headers=headers), answers([])]
    guest = make_guest()
    await guest.client.read("/x")
    await guest.client.read("/x")
    assert guest.clock.waits == [12.0]


@pytest.mark.parametrize(
    ("headers", "wait_seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:50 GMT", "Date": "Tue, 14 Nov 2023 22:13:20 GMT"}, 30),
        ({"X-Retry-After": "7", "X-Rate-Limit-Time-Reset-Ms": "15000"}, 15),
        ({"X-Retry-After": "17", "X-Rate-Limit-Time-Reset-Ms": "15000"}, 17),
        ({"X-Rate-Limit-Time-Reset-Ms": "9000", "X-Rate-Limit-Requests-Left": "35"}, 9),
    ],
)
async def test_a_throttled_read_waits_as_long_as_it_is_asked_to(guest, shop, headers, wait_seconds):
    shop.script = [answers({}, status=429, headers=headers), answers([])]
    await guest.client.read("/x")
    assert guest.clock.waits == [wait_seconds]
    assert guest.listener.heard == [("throttled", wait_seconds)]


async def test_throttled_without_a_word_backs_off_by_itself(guest, shop):
    shop.script = [*[shows_page(429)] * 3, answers([])]
    await guest.client.read("/x")
    assert guest.clock.waits == [1.0, 2.0, 4.0]
    assert guest.listener.edges == ["throttled"]  # told once


async def test_an_answer_between_two_throttlings_makes_the_second_a_first(guest, shop):
    shop.script = [answers({}, status=429), answers([]), answers({}, status=429), answers([])]
    await guest.client.read("/x")
    await guest.client.read("/x")
    assert guest.clock.waits == [1.0, 1.0]
    assert guest.listener.edges == ["throttled", "throttled"]


async def test_throttled_again_and_again_ends_with_how_long_to_wait(guest, shop):
    shop.script = [answers({}, status=429)]
    with pytest.raises(Throttled) as caught:
        await guest.client.read("/x")
    assert len(shop.requests) == 4
    assert caught.value.wait_seconds == 8
    assert guest.client.breaker().phase is Phase.CLOSED  # a store that asks to wait is alive


async def test_asked_to_wait_for_longer_than_patience_it_says_so_at_once(guest, shop):
    shop.script = [answers({}, status=429, headers={"Retry-After": "600"})]
    with pytest.raises(Throttled) as caught:
        await guest.client.read("/x")
    assert caught.value.wait_seconds == 600
    assert guest.clock.waits == []
    assert len(shop.requests) == 1


async def test_one_calls_throttling_holds_all_calls_of_the_store(guest, shop):
    shop.script = [answers({}, status=429, headers={"Retry-After": "20"}), answers([])]
    with pytest.raises(Throttled):
        await guest.client.write("POST", "/x", b"{}")
    await guest.client.read("/y")
    assert guest.clock.waits == [20.0]


async def test_a_maintenance_page_is_waited_for_as_long_as_it_asks(guest, shop):
    """WordPress answers 503 with Retry-After: 600 while it updates itself."""
    shop.script = [shows_page(503, **{"Retry-After": "600"})]
    with pytest.raises(Throttled) as caught:
        await guest.client.read("/x")
    assert caught.value.wait_seconds == pytest.approx(599, abs=1)
    assert len(shop.requests) == 1


async def test_a_cancelled_wait_for_a_turn_leaves_no_gap(make_guest):
    guest = make_guest(interval_default_seconds=5.0)
    await guest.client.read("/x")
    asleep = anyio.Event()

    async def on_sleep():
        asleep.set()
        await anyio.sleep_forever()

    guest.clock.on_sleep = on_sleep
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(guest.client.read, "/x")
        await asleep.wait()
        group.cancel_scope.cancel()
    guest.clock.on_sleep = None
    guest.clock.waits.clear()
    await guest.client.read("/x")
    assert guest.clock.waits == [5.0]


# The breaker


@pytest.mark.parametrize("behaviour", [answers({}, status=500), shows_page(), resets(), cuts_off(), shows_page(403)])
async def test_after_faults_in_a_row_a_store_is_left_alone(make_guest, shop, behaviour):
    guest = make_guest(failures_max=3, tries_max=1, probe_seconds=30.0)
    shop.script = [behaviour]
    for _ in range(3):
        with pytest.raises(StoreFault):
            await guest.client.read("/x")
    with pytest.raises(Throttled) as caught:
        await guest.client.read("/x")
    assert caught.value.wait_seconds == 30
    with pytest.raises(Throttled):
        await guest.client.write("POST", "/x", b"{}")
    assert len(shop.requests) == 3
    assert guest.listener.edges == ["unreachable"]
    assert guest.client.breaker().phase is Phase.OPEN


async def test_a_read_stops_trying_when_the_breaker_opens(make_guest, shop):
    guest = make_guest(failures_max=2, tries_max=4)
    shop.script = [answers({}, status=500)]
    with pytest.raises(StoreFault):
        await guest.client.read("/x")
    assert len(shop.requests) == 2


async def test_who_waited_for_a_place_while_the_breaker_opened_is_not_sent(make_guest, shop):
    guest = make_guest(failures_max=1, tries_max=1, concurrent_max=1)
    released = anyio.Event()

    async def fails_later(request):
        await released.wait()
        return await answers({}, status=500)(request)

    shop.script = [fails_later]
    ends: list[type[Exception]] = []

    async def ask():
        try:
            await guest.client.read("/x")
        except (StoreFault, Throttled) as error:
            ends.append(type(error))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await shop.arrived(1)
        group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        released.set()
    assert ends == [StoreFault, Throttled]
    assert len(shop.requests) == 1


async def test_while_the_breaker_is_open_nobody_queues(make_guest, shop):
    guest = make_guest(failures_max=1, tries_max=1, interval_default_seconds=5.0)
    shop.script = [answers({}, status=500)]
    with pytest.raises(StoreFault):
        await guest.client.read("/x")
    with pytest.raises(Throttled):
        await guest.client.read("/x")
    assert guest.clock.waits == []


async def test_a_slow_probe_finds_the_store_back(make_guest, shop):
    guest = make_guest(failures_max=1, tries_max=3, probe_seconds=30.0)
    shop.script = [answers({}, status=500), answers({}, status=500), answers([])]
    with pytest.raises(StoreFault):
        await guest.client.read("/x")
    guest.clock.passed_seconds += 30
    with pytest.raises(StoreFault):
        await guest.client.read("/x")  # the probe, tried once
    guest.clock.passed_seconds += 30
    with pytest.raises(Throttled) as caught:
        await guest.client.read("/x")
    assert caught.value.wait_seconds == 30  # the second probe comes after 60 s
    guest.clock.passed_seconds += 30
    await guest.client.read("/x")
    assert len(shop.requests) == 3
    assert guest.listener.heard[1:] == [("recovered", 90.0)]
    assert guest.client.breaker().phase is Phase.CLOSED


async def test_while_one_probes_the_others_do_not(make_guest, shop):
    guest = make_guest(failures_max=1, tries_max=1)
    shop.script = [answers({}, status=500), hangs()]
    with pytest.raises(StoreFault):
        await guest.client.read("/x")
    guest.clock.passed_seconds += 30
    async with anyio.create_task_group() as group:
        group.start_soon(guest.client.read, "/x")
        await shop.arrived(2)
        with pytest.raises(Throttled):
            await guest.client.read("/x")
        group.cancel_scope.cancel()
    shop.script = [answers([])]
    await guest.client.read("/x")  # the cancelled probe left room for another
    assert guest.listener.edges == ["unreachable", "recovered"]


async def test_a_refusal_shows_that_the_store_is_alive(make_guest, shop):
    guest = make_guest(failures_max=2, tries_max=1)
    for _ in range(3):
        shop.script = [answers({}, status=500), answers({}, status=404)]
        with pytest.raises(StoreFault):
            await guest.client.read("/x")
        await guest.client.read("/x", accept=[404])
    assert guest.listener.edges == []


async def test_writes_without_an_answer_open_the_breaker_too(make_guest, shop):
    guest = make_guest(failures_max=2)
    shop.script = [resets()]
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            await guest.client.write("POST", "/x", b"{}")
    with pytest.raises(Throttled):
        await guest.client.write("POST", "/x", b"{}")
    assert len(shop.requests) == 2
