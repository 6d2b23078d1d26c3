"""Writes: sent at most once, and what is known about their outcome afterwards."""

from __future__ import annotations

import anyio
import pytest

from syncd.core.quantity import SECOND, Instant
from syncd.errors import (
    BugError,
    MisconfiguredError,
    NotFound,
    OutcomeUnknown,
    RefusedError,
    StoreFault,
    SyncdError,
    Throttled,
)
from tests.transport.misbehaving import EPOCH, answers, cuts_off, hangs, pours, resets, says, shows_page

BODY = b'{"stock_quantity":3}'


async def test_a_write_sends_its_body_as_json(guest, shop):
    shop.script = [answers({"id": 1}, status=201)]
    answer = await guest.client.write("PUT", "/products/1", BODY, [("a", "b")])
    assert answer.status == 201
    assert answer.wrote
    [request] = shop.requests
    assert (request.method, request.target, request.body) == ("PUT", "/products/1?a=b", BODY)
    assert request.headers["Content-Type"] == "application/json"


async def test_a_write_without_a_body_names_no_type(guest, shop):
    shop.script = [answers(status=204, raw=b"")]
    await guest.client.write("DELETE", "/hooks/1", b"")
    assert "Content-Type" not in shop.requests[0].headers


UNCLEAR = {
    "500": answers({"message": "x"}, status=500),
    "504": shows_page(504),
    "408": answers({}, status=408),
    "reset": resets(),
    "cut off": cuts_off(),
    "html": shows_page(),
    "a firewall's 403": shows_page(403),
    "a firewall's 404": shows_page(404),
    "a page under 400": shows_page(400),
    "white page": answers(raw=b""),
    "half a json": answers(raw=b'{"id": 1'),
    "no http": says(b"hello\r\n"),
    "too large": pours(b" " * 1000, 100),
}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("behaviour", UNCLEAR.values(), ids=UNCLEAR.keys())
async def test_a_write_without_a_usable_answer_is_sent_once_and_its_outcome_is_unknown(
    make_guest, shop, behaviour, method
):
    guest = make_guest(body_bytes_max=20_000)
    await guest.client.read("/warm")  # a kept connection: aiohttp would send PUT and DELETE again over a new one
    shop.script = [behaviour]
    with pytest.raises(OutcomeUnknown) as caught:
        await guest.client.write(method, "/x", BODY)
    assert len(shop.requests) == 2
    assert guest.clock.waits == []
    assert caught.value.hint


async def test_a_write_that_is_never_answered_has_an_unknown_outcome(make_guest, shop):
    shop.script = [hangs()]
    with pytest.raises(OutcomeUnknown):
        await make_guest(total_seconds=0.05).client.write("POST", "/x", BODY)
    assert len(shop.requests) == 1


async def test_a_write_that_could_not_connect_surely_did_not_take_place(make_guest):
    with pytest.raises(StoreFault, match="no connection"):
        await make_guest(base_url="http://127.0.0.1:1").client.write("POST", "/x", BODY)


async def test_a_throttled_write_surely_did_not_take_place_and_is_not_sent_again(guest, shop):
    shop.script = [answers({}, status=429, headers={"Retry-After": "7"})]
    with pytest.raises(Throttled) as caught:
        await guest.client.write("POST", "/x", BODY)
    assert caught.value.wait_seconds == 7
    assert len(shop.requests) == 1


async def test_a_throttled_answer_that_is_cut_off_is_still_throttled(guest, shop):
    shop.script = [cuts_off(status=429)]
    with pytest.raises(Throttled):
        await guest.client.write("POST", "/x", BODY)


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (answers({"code": "no"}, status=400), RefusedError),
        (answers({"title": "conflict"}, status=409), RefusedError),
        (shows_page(413), OutcomeUnknown),
        (answers({}, status=404), NotFound),
        (answers({}, status=401), MisconfiguredError),
        (answers({}, status=403), MisconfiguredError),
        (answers(status=301, raw=b"", headers={"Location": "https://other/"}), MisconfiguredError),
    ],
)
async def test_a_refused_write_is_refused(guest, shop, behaviour, error):
    shop.script = [behaviour]
    with pytest.raises(SyncdError) as caught:
        await guest.client.write("POST", "/x", BODY)
    assert type(caught.value) is error


async def test_a_refusal_that_the_caller_accepts_is_an_answer(guest, shop):
    shop.script = [answers({"title": "requires absolute adjustment"}, status=422)]
    assert (await guest.client.write("POST", "/x", BODY, accept=[422])).status == 422


async def test_a_write_is_not_sent_after_its_time(make_guest, shop):
    """It waits for its turn, and meanwhile the level it carries has grown old."""
    guest = make_guest(interval_default_seconds=10.0)
    await guest.client.read("/x")
    with pytest.raises(Throttled, match="too late"):
        await guest.client.write("PUT", "/x", BODY, not_after=Instant(EPOCH + 9 * SECOND))
    assert len(shop.requests) == 1
    await guest.client.write("PUT", "/x", BODY, not_after=Instant(EPOCH + 30 * SECOND))
    assert len(shop.requests) == 2


async def test_a_write_whose_turn_comes_later_than_patience_lasts_is_not_sent(make_guest, shop):
    guest = make_guest(interval_default_seconds=10.0, patience_seconds=5.0)
    await guest.client.read("/x")
    with pytest.raises(Throttled, match="later than patience") as caught:
        await guest.client.write("PUT", "/x", BODY)
    assert caught.value.wait_seconds == 10
    assert len(shop.requests) == 1


async def test_writes_go_one_at_a_time_beside_reads(make_guest, shop):
    writing: list[int] = []
    most: list[int] = []

    async def slowly(request):
        if request.method == "PUT":
            writing.append(1)
            most.append(len(writing))
            await anyio.sleep(0.01)
            writing.pop()
        return await answers({})(request)

    shop.script = [slowly]
    guest = make_guest(concurrent_max=3)
    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(guest.client.write, "PUT", "/x", BODY)
            group.start_soon(guest.client.read, "/x")
    assert max(most) == 1
    assert len(shop.requests) == 8


async def test_a_cancelled_write_gives_its_place_back(guest, shop):
    shop.script = [hangs(), answers({})]
    async with anyio.create_task_group() as group:
        group.start_soon(guest.client.write, "PUT", "/x", BODY)
        await shop.arrived(1)
        group.cancel_scope.cancel()
    with anyio.fail_after(5):
        await guest.client.write("PUT", "/x", BODY)


async def test_a_body_above_the_limit_is_a_bug_of_ours(make_guest, shop):
    with pytest.raises(BugError, match="above 100"):
        await make_guest(sent_bytes_max=100).client.write("PUT", "/x", b" " * 101)
    assert shop.requests == []
