"""The log: what a line holds, what it never holds, and that it never stops the work."""

from __future__ import annotations

import io
import json
import logging
import os
from enum import StrEnum

import msgspec
import pytest

from syncd.core.quantity import Instant, Quantity
from syncd.errors import StoreFault
from syncd.observability import events
from syncd.observability.library import LibraryHandler
from syncd.observability.log import TRACE_CHARACTERS_MAX, VALUE_CHARACTERS_MAX, Log, make_log, order_key

NOON = Instant(1_764_072_000_000_123)  # 2025-11-25 12:00:00.000123 UTC


class StoppedClock:
    def now(self):
        return NOON

    wall = now

    def monotonic(self):
        return 0.0

    async def sleep(self, wait_seconds):
        raise AssertionError("nothing here waits")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def a_log(stream=None, **options) -> tuple[Log, io.StringIO]:
    stream = io.StringIO() if stream is None else stream
    return make_log(stream, **{"form": "json", "level": "debug", "clock": StoppedClock(), **options}), stream


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_the_instant_in_utc_and_its_keys_in_a_fixed_order():
    log, stream = a_log()
    log.bind(store="us").emit(
        events.MOVE_CONFIRMED, reason="sold", attempt=1, sku="A", tenant="acme", line="7", order="9"
    )
    assert stream.getvalue() == (
        '{"time":"2025-11-25T12:00:00.000123Z","level":"info","event":"move.confirmed","tenant":"acme","store":"us",'
        '"order":"acme/us/9","line":"7","sku":"A","attempt":1,"reason":"sold"}\n'
    )


def test_every_event_about_an_order_carries_the_key_that_one_grep_finds():
    log, stream = a_log()
    bound = log.bind(tenant="acme", store="us")
    bound.emit(events.ORDER_APPLIED, order="1001")
    bound.bind(order=1001).emit(events.MOVE_SENT)
    bound.emit(events.MOVE_CONFIRMED, order=order_key("acme", "us", "1001"))
    assert [line["order"] for line in lines(stream)] == ["acme/us/1001"] * 3


def test_binding_gives_another_log_and_leaves_the_first_as_it_was():
    log, stream = a_log()
    log.bind(tenant="acme")
    log.emit(events.DAEMON_STARTED)
    assert "tenant" not in lines(stream)[0]


def test_events_below_the_level_are_not_written():
    log, stream = a_log(level="warning")
    for event in (events.ORDER_UNSETTLED, events.ORDER_APPLIED, events.ORDER_GONE, events.ORDER_QUARANTINED):
        log.emit(event)
    assert [line["event"] for line in lines(stream)] == ["order.gone", "order.quarantined"]


def test_known_secrets_are_blotted_out_in_every_spelling_and_place():
    secret = "s3cr+t/value"  # 12 bytes, as Base64: czNjcit0L3ZhbHVl
    log, stream = a_log(secrets=[secret, "cs"])
    log.emit(
        events.STORE_UNREACHABLE,
        error=ValueError(f"GET https://shop/?q={secret}"),
        address="https://shop/?q=s3cr%2Bt%2Fvalue",
        basic="czNjcit0L3ZhbHVl",
        nested={"deep": [f"x{secret}x"], "cs": "cs"},
        first=secret.encode(),
    )
    log.bug(RuntimeError(secret), note="docs")
    text = stream.getvalue()
    assert secret not in text
    assert "s3cr" not in text
    assert "czNjcit0" not in text
    assert text.count("[redacted]") >= 7
    assert lines(stream)[1]["note"] == "docs"  # "cs" is too short to be blotted out


@pytest.mark.parametrize(
    "name",
    ["token", "access_token", "X-Auth-Token", "consumer_secret", "Authorization", "password", "apikey", "cookie"],
)
def test_fields_with_a_secrets_name_never_show_their_value(name):
    log, stream = a_log()
    log.emit(events.CONFIG_INVALID, headers={name: "hunter22"}, **{name.replace("-", "_"): 12345})
    assert "hunter22" not in stream.getvalue()
    assert "12345" not in stream.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Basic aHVudGVyMjI6aHVudGVyMjI=",
        "Authorization: Bearer hunter22hunter22",
        "/orders?consumer_key=hunter22&consumer_secret=hunter22",
        'OAuth oauth_signature="hunter22"',
        "https://hunter22:hunter22@shop.example/",
        '{"access_token": "hunter22"}',
    ],
)
def test_what_looks_like_a_secret_is_blotted_out_though_nobody_told_it(text):
    log, stream = a_log()
    log.emit(events.STORE_UNREACHABLE, reason=text)
    assert "hunter22" not in stream.getvalue()
    assert "aHVudGVy" not in stream.getvalue()


def test_ordinary_fields_are_not_mistaken_for_secrets():
    log, stream = a_log()
    log.emit(events.LEVEL_WRITTEN, key="acme/us/1/1/1", sku="TOKENRING-1", author="Kim", reason="tokens: none left")
    line = lines(stream)[0]
    assert (line["key"], line["sku"], line["author"], line["reason"]) == (
        "acme/us/1/1/1", "TOKENRING-1", "Kim", "tokens: none left",
    )  # fmt: skip


def test_long_values_are_cut_and_say_by_how_much():
    log, stream = a_log()
    log.emit(events.STORE_UNREACHABLE, first_bytes="x" * (VALUE_CHARACTERS_MAX + 5), many=list(range(1_000)))
    line = lines(stream)[0]
    assert line["first_bytes"].endswith("x… (+5 characters)")
    assert len(line["many"]) == 50


class Odd(StrEnum):
    SIDE = "side"


class Rude:
    def __str__(self):
        raise RuntimeError("no")


class Wire(msgspec.Struct):
    sku: str


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Odd.SIDE, "side"),
        (Quantity(5), 5),
        (True, True),
        (None, None),
        (2**70, str(2**70)),
        (b"\xffa", "\\xffa"),
        ("\udcff", "\\udcff"),
        (("a", 1), ["a", 1]),
        (Rude(), "<Rude that can't be shown: RuntimeError>"),
        (Wire("A"), "Wire(sku='A')"),
        (float("nan"), None),
        ({1: {2: {3: {4: {5: 6}}}}}, {"1": {"2": {"3": {"4": "{5: 6}"}}}}),
    ],
)
def test_any_value_can_be_logged(value, shown):
    log, stream = a_log()
    log.emit(events.DRIFT_FOUND, value=value)
    assert lines(stream)[0]["value"] == shown


def test_a_field_that_takes_a_name_of_the_line_itself_is_renamed():
    log, stream = a_log()
    log.emit(events.LEVEL_WRITTEN, level=3, event="x", time=1, method_name="m")
    line = lines(stream)[0]
    assert (line["level"], line["level_value"], line["event"], line["event_value"]) == ("info", 3, "level.written", "x")


def test_an_error_of_ours_brings_its_hint():
    log, stream = a_log()
    log.emit(events.STORE_UNREACHABLE, error=StoreFault("502", operation="changed", hint="look at the shop's own log"))
    line = lines(stream)[0]
    assert (line["error"], line["hint"], line["operation"]) == (
        "StoreFault: 502", "look at the shop's own log", "changed",
    )  # fmt: skip


def test_a_bug_is_logged_with_its_trace_within_a_limit():
    log, stream = a_log()
    try:
        raise ExceptionGroup("several", [ValueError("x" * 3 * TRACE_CHARACTERS_MAX), KeyError("inner")])
    except ExceptionGroup as error:
        log.bug(error, tenant="acme")
    line = lines(stream)[0]
    assert line["event"] == "bug.found"
    assert "KeyError: 'inner'" in line["trace"]
    assert len(line["trace"]) <= TRACE_CHARACTERS_MAX


def test_on_a_terminal_lines_are_for_people():
    log, stream = a_log(Terminal(), form="auto", colours=False)
    log.emit(events.STORE_UNREACHABLE, tenant="acme", store="us", reason="two words", attempt=2)
    assert stream.getvalue() == (
        '12:00:00.000 warning store.unreachable        tenant=acme store=us attempt=2 reason="two words"\n'
    )


def test_a_terminal_gets_colours_and_a_pipe_gets_json():
    log, stream = a_log(Terminal(), form="auto")
    log.emit(events.DAEMON_STARTED)
    assert "\x1b[" in stream.getvalue()
    log, stream = a_log(form="auto")
    log.emit(events.DAEMON_STARTED)
    assert lines(stream)


def test_what_a_shop_sends_can_neither_forge_a_line_nor_steer_the_terminal():
    log, stream = a_log(form="console")
    log.emit(events.ORDER_QUARANTINED, sku="A\n12:00:00 info order.applied\x1b[2J", order="1\r2")
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()
    assert "\r" not in stream.getvalue()


def test_a_trace_on_a_terminal_has_lines_of_its_own():
    log, stream = a_log(form="console")
    log.bug(ValueError("x"))
    assert stream.getvalue().splitlines()[-1] == "    ValueError: x"


def test_a_closed_stream_does_not_stop_the_work():
    stream = io.StringIO()
    log, _ = a_log(stream)
    stream.close()
    log.emit(events.DAEMON_STARTED)
    make_log(stream, form="auto", level="info", clock=StoppedClock()).emit(events.DAEMON_STOPPED)


def test_a_reader_that_has_gone_does_not_stop_the_work():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as stream:
        log, _ = a_log(stream)
        for _ in range(3):
            log.emit(events.DAEMON_STARTED)  # and closing the stream, which flushes once more, raises nothing


def test_a_full_disk_does_not_stop_the_work():
    with open("/dev/full", "w", encoding="utf-8") as stream:  # noqa: PTH123 -- the device is the point
        log, _ = a_log(stream)
        log.emit(events.DAEMON_STARTED)
        log.emit(events.DAEMON_STOPPED)
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # let the file be closed


def test_what_a_library_says_becomes_an_event():
    log, stream = a_log()
    library = logging.Logger("aiohttp.server")  # noqa: LOG001 -- not in the registry: nothing outlives the test
    library.addHandler(LibraryHandler(log))
    library.info("of no interest")
    library.error("odd %s", "thing", exc_info=ValueError("why"))
    line = lines(stream)[0]
    assert (line["event"], line["library"], line["severity"], line["message"], line["error"]) == (
        "library.warned", "aiohttp.server", "error", "odd thing", "ValueError: why",
    )  # fmt: skip


def test_every_event_has_a_name_of_its_own():
    assert len({event.name for event in events.EVENTS}) == len(events.EVENTS) > 30
