"""Reads: what counts as an answer, what is tried again, and how each trouble ends."""

from __future__ import annotations

import contextlib

import anyio
import pytest
from msgspec import Struct

from syncd import __version__
from syncd.core.quantity import SECOND
from syncd.errors import (
    BugError,
    MisconfiguredError,
    NotFound,
    OutcomeUnknown,
    RefusedError,
    StoreFault,
    Throttled,
)
from syncd.transport import Answer
from tests.transport.misbehaving import (
    EPOCH,
    TOKEN,
    answers,
    cuts_off,
    explodes,
    hangs,
    pours,
    resets,
    says,
    shows_page,
)


class Row(Struct):
    id: int


async def test_an_answer_carries_status_headers_body_and_the_times_around_it(guest, shop):
    shop.script = [answers([{"id": 7, "unknown": 1}], headers={"X-WP-Total": "1"})]
    answer = await guest.client.read("/orders", [("after", "2024-01-01T00:00:00+00:00"), ("a&b", "ä=/")])
    assert answer.status == 200
    assert answer.headers["x-wp-total"] == "1"
    assert answer.json(list[Row]) == [Row(7)]
    assert (answer.began, answer.ended) == (EPOCH, EPOCH)
    [request] = shop.requests
    assert request.target == "/orders?after=2024-01-01T00%3A00%3A00%2B00%3A00&a%26b=%C3%A4%3D%2F"
    assert request.headers["X-Auth-Token"] == TOKEN
    assert request.headers["User-Agent"] == f"syncd/{__version__}"
    assert request.headers["Accept"] == "application/json"
    assert request.headers["Accept-Encoding"] == "gzip"


async def test_an_answer_begins_with_the_try_that_gave_it_not_with_the_call(guest, shop):
    shop.script = [answers(status=500), answers([])]
    answer = await guest.client.read("/orders")
    assert answer.began == EPOCH + SECOND


async def test_one_connection_serves_many_requests(guest, shop):
    for _ in range(5):
        await guest.client.read("/orders")
    assert len({request.connection for request in shop.requests}) == 1


async def test_a_base_address_may_have_a_path_and_a_slash_at_its_end(make_guest, shop):
    await make_guest(base_url=f"{shop.url}/wp-json/").client.read("/wc/v3/orders")
    assert shop.requests[0].target == "/wp-json/wc/v3/orders"


@pytest.mark.parametrize(
    "base", ["ftp://x/", "nonsense", "https://", "https://u:pa55word@h/", "https://h/?key=pa55word"]
)
def test_an_address_that_is_none_is_refused_without_showing_it(make_guest, base):
    with pytest.raises(MisconfiguredError) as caught:
        make_guest(base_url=base)
    assert "pa55word" not in str(caught.value)


@pytest.mark.parametrize("path", ["orders", "/a?b=1", "/a#b", "/a b", "/ä", "/a\r\nX: y"])
async def test_a_path_that_would_change_the_request_is_a_bug(guest, shop, path):
    with pytest.raises(BugError):
        await guest.client.read(path)
    assert shop.requests == []


@pytest.mark.parametrize("status", [200, 201, 207])
async def test_json_below_300_is_an_answer(guest, shop, status):
    shop.script = [answers({}, status=status)]
    assert (await guest.client.read("/x")).status == status


@pytest.mark.parametrize("status", [202, 204, 304])
async def test_some_statuses_may_have_no_body(guest, shop, status):
    shop.script = [answers(status=status, raw=b"")]
    assert (await guest.client.read("/x")).body == b""


async def test_a_head_has_no_body(guest, shop):
    assert (await guest.client.read("/x", method="HEAD")).status == 200


@pytest.mark.parametrize("raw", [b"3", b"null", b'"text"', b' \n{"a":\n1} \n'])
async def test_json_is_more_than_objects(guest, shop, raw):
    shop.script = [answers(raw=raw)]
    assert (await guest.client.read("/x")).status == 200


async def test_a_byte_order_mark_before_the_json_is_left_out(guest, shop):
    shop.script = [answers(raw=b'\xef\xbb\xbf[{"id": 7}]')]
    assert (await guest.client.read("/x")).json(list[Row]) == [Row(7)]


UNUSABLE = {
    "500": answers({"message": "x"}, status=500),
    "503": shows_page(503),
    "reset": resets(),
    "cut off": cuts_off(),
    "cut off, chunked": cuts_off(chunked=True),
    "html": shows_page(),
    "json that says it is html": shows_page(text="[]"),
    "php notice before": answers(raw=b'<br />\n<b>Notice</b>: Undefined index {"id": 1}'),
    "php warning behind": answers(raw=b'{"id": 1}<br />\n<b>Warning</b>'),
    "half a json": answers(raw=b'[{"id": 1}, {"id"'),
    "white page": answers(raw=b""),
    "text": answers(raw=b"Database connection lost"),
    "no http": says(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "broken gzip": answers(raw=b"\x1f\x8bnonsense", headers={"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("behaviour", UNUSABLE.values(), ids=UNUSABLE.keys())
async def test_an_unusable_answer_is_asked_for_again_and_then_a_fault_of_the_store(guest, shop, behaviour):
    shop.script = [behaviour, answers([])]
    assert (await guest.client.read("/x")).body == b"[]"
    shop.script = [behaviour]
    shop.requests.clear()
    with pytest.raises(StoreFault) as caught:
        await guest.client.read("/x")
    assert len(shop.requests) == 4
    assert caught.value.operation == "GET /x"


async def test_the_waits_between_tries_double_and_are_jittered(guest, shop):
    shop.script = [answers(status=500)]
    with pytest.raises(StoreFault):
        await guest.client.read("/x")
    assert guest.clock.waits == [1.0, 2.0, 4.0]
    guest.clock.waits.clear()
    guest.chance.draw = 0.5
    with pytest.raises(StoreFault):
        await guest.client.read("/x")
    assert guest.clock.waits == [0.5, 1.0, 2.0]


async def test_no_try_starts_after_patience_is_over(make_guest, shop):
    shop.script = [answers(status=500)]
    guest = make_guest(patience_seconds=2.5, tries_max=7)
    with pytest.raises(StoreFault):
        await guest.client.read("/x")
    assert guest.clock.waits == [1.0]  # the next, of 2 s, would end at 3 s
    assert len(shop.requests) == 2


@pytest.mark.parametrize("status", [501, 505, 507])
async def test_what_a_minute_does_not_mend_is_not_tried_again(guest, shop, status):
    shop.script = [answers(status=status)]
    with pytest.raises(StoreFault):
        await guest.client.read("/x")
    assert len(shop.requests) == 1


async def test_the_fault_shows_the_first_bytes(guest, shop):
    shop.script = [
        shows_page(503, text="<html>\n  <h1>Briefly unavailable for scheduled maintenance</h1>" + "x" * 5000)
    ]
    with pytest.raises(StoreFault, match=r"503.*Briefly unavailable") as caught:
        await guest.client.read("/x")
    assert caught.value.status == 503
    assert caught.value.first_bytes.startswith(b"<html> <h1>Briefly")
    assert len(caught.value.first_bytes) <= 300


async def test_nobody_at_the_door_is_a_fault(make_guest):
    guest = make_guest(base_url="http://127.0.0.1:1")
    with pytest.raises(StoreFault, match="no connection"):
        await guest.client.read("/x")
    assert guest.clock.waits == [1.0, 2.0, 4.0]


async def test_a_name_that_does_not_exist_is_a_fault(make_guest):
    with pytest.raises(StoreFault, match=r"name was not found|no connection"):
        await make_guest(base_url="http://nowhere.invalid", tries_max=1).client.read("/x")


@pytest.mark.parametrize(
    ("behaviour", "limits", "reason"),
    [
        (hangs(), {"read_seconds": 0.05}, "nothing came for 0.05 s"),
        (hangs(), {"total_seconds": 0.05}, "no complete answer within 0.05 s"),
        (
            hangs(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n[1,"),
            {"read_seconds": 0.05},
            "nothing came for 0.05 s",
        ),
    ],
)
async def test_a_store_that_says_nothing_is_not_waited_for_for_ever(make_guest, shop, behaviour, limits, reason):
    shop.script = [behaviour, answers([])]
    assert (await make_guest(**limits).client.read("/x")).body == b"[]"
    shop.script = [behaviour]
    with pytest.raises(StoreFault, match=reason):
        await make_guest(**limits, tries_max=1).client.read("/x")


# Limits of size


@pytest.mark.parametrize(
    "behaviour",
    [answers(raw=b"[" + b" " * 5000 + b"]"), pours(b" " * 500, 1000), explodes(2_000_000)],
    ids=["declared", "chunked", "gzip bomb"],
)
async def test_a_body_above_the_limit_is_left_unread_and_not_asked_for_again(make_guest, shop, behaviour):
    shop.script = [behaviour]
    guest = make_guest(body_bytes_max=1000, failures_max=1)
    with pytest.raises(StoreFault, match="above 1000 bytes") as caught:
        await guest.client.read("/x")
    assert "smaller pages" in caught.value.hint
    assert len(shop.requests) == 1
    assert guest.listener.edges == []  # the store as a whole is well


async def test_a_body_that_is_announced_too_large_is_not_waited_for(make_guest, shop):
    shop.script = [hangs(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1001\r\n\r\n")]
    with pytest.raises(StoreFault, match="above 1000 bytes"):
        await make_guest(body_bytes_max=1000, tries_max=1, read_seconds=0.5).client.read("/x")


async def test_a_body_just_within_the_limit_is_read(make_guest, shop):
    shop.script = [explodes(1000)]
    assert len((await make_guest(body_bytes_max=1000).client.read("/x")).body) == 1000


async def test_a_zip_bomb_is_not_unpacked_in_memory(make_guest, shop):
    import tracemalloc

    shop.script = [explodes(200 * 2**20)]
    guest = make_guest(body_bytes_max=2**20)
    tracemalloc.start()
    try:
        with pytest.raises(StoreFault, match="above"):
            await guest.client.read("/x")
        _now, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 20 * 2**20


# Refusals


async def test_not_found_in_the_apis_own_words_is_not_found(guest, shop):
    shop.script = [answers({"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID."}, status=404)]
    with pytest.raises(NotFound, match="Invalid ID") as caught:
        await guest.client.read("/orders/9")
    assert (caught.value.status, caught.value.code) == (404, "woocommerce_rest_shop_order_invalid_id")
    assert len(shop.requests) == 1


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("kind", ["text/html", "text/plain"])
async def test_a_page_is_never_the_apis_word_that_something_is_gone_or_forbidden(guest, shop, status, kind):
    shop.script = [answers(status=status, raw=b"error code: 1020", headers={"Content-Type": kind})]
    with pytest.raises(StoreFault, match="not JSON"):
        await guest.client.read("/orders/9", accept=[404])
    assert len(shop.requests) == 1  # asking a firewall again makes it no friendlier


async def test_a_status_that_the_caller_accepts_is_an_answer(guest, shop):
    shop.script = [answers({"title": "no"}, status=404)]
    assert (await guest.client.read("/orders/9", accept=[404, 409])).status == 404


@pytest.mark.parametrize("status", [400, 405, 409, 410, 413, 415, 422, 423])
async def test_other_refusals_carry_status_code_and_body(guest, shop, status):
    shop.script = [
        answers([{"status": status, "message": "The field 'x' is invalid.", "details": {"a": 1}}], status=status)
    ]
    with pytest.raises(RefusedError, match="field 'x' is invalid") as caught:
        await guest.client.read("/x")
    assert not isinstance(caught.value, NotFound)
    assert caught.value.status == status
    assert b'"details"' in caught.value.body
    assert len(shop.requests) == 1


@pytest.mark.parametrize("behaviour", [answers({"code": "no"}, status=401), answers({}, status=403), shows_page(401)])
async def test_wrong_credentials_are_the_operators(guest, shop, behaviour):
    shop.script = [behaviour]
    with pytest.raises(MisconfiguredError):
        await guest.client.read("/x")
    assert len(shop.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_its_target_is_named_without_its_query(guest, shop, status):
    target = "https://www.example.com/wp-json/orders?consumer_secret=cs_123"
    shop.script = [answers(status=status, raw=b"", headers={"Location": target})]
    with pytest.raises(MisconfiguredError, match=r"redirected to https://www\.example\.com$") as caught:
        await guest.client.read("/x")
    assert "final address" in caught.value.hint
    assert len(shop.requests) == 1


@pytest.mark.parametrize("target", ["/elsewhere", "http://[broken", ""])
async def test_a_redirect_that_leads_nowhere_is_refused_too(guest, shop, target):
    shop.script = [answers(status=302, raw=b"", headers={"Location": target})]
    with pytest.raises(MisconfiguredError, match="redirected"):
        await guest.client.read("/x")


# Decoding


def test_a_body_of_another_shape_is_a_fault_with_its_first_bytes():
    answer = Answer(200, {}, b'[{"id": "seven"}]', EPOCH, EPOCH, "GET /x")
    with pytest.raises(StoreFault, match=r"Expected `int`.*seven") as caught:
        answer.json(list[Row])
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("body", [b"", b"\xff", b"[" * 100_000 + b"]"])
def test_a_body_that_is_no_json_is_a_fault(body):
    with pytest.raises(StoreFault):
        Answer(200, {}, body, EPOCH, EPOCH).json(list[Row])


def test_an_unreadable_answer_to_a_write_leaves_its_outcome_unknown():
    with pytest.raises(OutcomeUnknown):
        Answer(200, {}, b"{}", EPOCH, EPOCH, wrote=True).json(Row)


# Being cancelled, and crowds


async def test_a_cancelled_read_gives_its_place_back(make_guest, shop):
    shop.script = [hangs(), answers([])]
    guest = make_guest(concurrent_max=1)
    async with anyio.create_task_group() as group:
        group.start_soon(guest.client.read, "/slow")
        await shop.arrived(1)
        group.cancel_scope.cancel()
    with anyio.fail_after(5):
        assert (await guest.client.read("/x")).body == b"[]"


async def test_no_more_than_the_allowed_requests_are_under_way(make_guest, shop):
    async def slowly(request):
        await anyio.sleep(0.02)
        return await answers([])(request)

    shop.script = [slowly]
    guest = make_guest(concurrent_max=2)
    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(guest.client.read, "/x")
    assert shop.under_way_most == 2
    assert len(shop.requests) == 8


@pytest.mark.parametrize(
    "behaviour", [answers({}), answers({}, status=404), answers({}, status=429), answers({}, status=500)]
)
async def test_a_call_that_ended_in_whatever_way_counts_no_longer(make_guest, shop, behaviour):
    guest = make_guest(waiting_max=1, failures_max=1000)
    for _ in range(3):
        for asking in (guest.client.read("/x"), guest.client.write("PUT", "/x", b"{}")):
            shop.script = [behaviour]
            with contextlib.suppress(RefusedError, StoreFault, OutcomeUnknown, Throttled):
                await asking
    assert guest.client._calls == 0


async def test_more_calls_than_may_wait_are_turned_away(make_guest, shop):
    shop.script = [hangs()]
    guest = make_guest(concurrent_max=1, waiting_max=2)
    async with anyio.create_task_group() as group:
        group.start_soon(guest.client.read, "/x")
        group.start_soon(guest.client.read, "/x")
        await shop.arrived(1)
        with pytest.raises(Throttled, match="waiting already"):
            await guest.client.read("/x")
        group.cancel_scope.cancel()
