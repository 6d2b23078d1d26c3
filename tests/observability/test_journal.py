"""The journal's native protocol, against a real datagram socket that reads it as journald does."""

from __future__ import annotations

import array
import io
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import pytest

from syncd.observability import events, journal
from syncd.observability.journal import Journal, encode, is_journal
from syncd.observability.log import Log, make_log
from tests.observability.test_log import StoppedClock


def parse(datagram: bytes) -> dict[str, str]:
    """The fields of one entry, by the rules of the protocol."""
    fields, rest = {}, datagram
    while rest:
        line, _, rest = rest.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = int.from_bytes(rest[:8], "little")
            value, end = rest[8 : 8 + length], rest[8 + length : 9 + length]
            assert end == b"\n"
            rest = rest[9 + length :]
        assert name not in fields
        fields[name.decode()] = value.decode()
    return fields


class Journald:
    """The other end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)

    def entries(self) -> list[dict[str, str]]:
        """What has arrived since the last look."""
        found: list[dict[str, str]] = []
        while True:
            try:
                data, rights, _, _ = self.socket.recvmsg(1 << 20, 1024)
            except BlockingIOError:
                return found
            for _, _, descriptors in rights:
                [file] = array.array("i", descriptors)
                data = os.pread(file, 1 << 24, 0)
                os.close(file)
            found.append(parse(data))


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[Journald]:
    there = Journald(tmp_path / "socket")
    yield there
    there.socket.close()


Make = Callable[..., tuple[Log, io.StringIO]]


@pytest.fixture
def a_log() -> Iterator[Make]:
    """Makes logs for a journal's socket, with the stream beside it."""
    made = []

    def make(path: Path, stream: TextIO | None = None, **options: Any) -> tuple[Log, io.StringIO]:
        text = io.StringIO()
        made.append(Journal(path))
        given = {"form": "auto", "level": "debug", "clock": StoppedClock(), "journal": made[-1], **options}
        return make_log(stream or text, **given), text

    yield make
    for each in made:
        each.close()


def test_an_entry_has_its_fields_so_that_a_tenants_can_be_found(a_log: Make, journald: Journald) -> None:
    log, text = a_log(journald.path)
    log.bind(tenant="acme", store="us").emit(events.LEVEL_WRITTEN, order="1001", sku="TEA-100", effect="e1", level=7)
    log.emit(events.QUARANTINE_GREW, entries=3, some=["a", 1], nothing=None)
    first, second = journald.entries()
    assert first == {
        "MESSAGE": "level.written tenant=acme store=us order=acme/us/1001 sku=TEA-100 effect=e1 level_value=7",
        "PRIORITY": "6", "SYSLOG_IDENTIFIER": "syncd", "SYNCD_EVENT": "level.written", "SYNCD_TENANT": "acme",
        "SYNCD_STORE": "us", "SYNCD_ORDER": "acme/us/1001", "SYNCD_SKU": "TEA-100", "SYNCD_EFFECT": "e1",
        "SYNCD_LEVEL_VALUE": "7",
    }  # fmt: skip
    assert (second["PRIORITY"], second["SYNCD_ENTRIES"], second["SYNCD_SOME"], second["SYNCD_NOTHING"]) == (
        "3", "3", '["a",1]', "null",
    )  # fmt: skip
    assert text.getvalue() == "", "nothing is said twice"


@pytest.mark.parametrize(
    ("event", "priority"),
    [(events.ORDER_UNSETTLED, "7"), (events.ORDER_APPLIED, "6"), (events.ORDER_GONE, "4"), (events.BUG_FOUND, "3")],
)
def test_a_level_is_a_priority(a_log: Make, journald: Journald, event: events.Event, priority: str) -> None:
    a_log(journald.path)[0].emit(event)
    assert [entry["PRIORITY"] for entry in journald.entries()] == [priority]


@pytest.mark.parametrize("value", ["one\ntwo", "SYNCD_TENANT=other\nPRIORITY=0\n", "\n", "ä\n€\r\n"])
def test_what_a_shop_sends_can_forge_no_field_and_no_line(a_log: Make, journald: Journald, value: str) -> None:
    log, _ = a_log(journald.path)
    log.bind(tenant="acme").emit(events.STORE_UNREACHABLE, first_bytes=value)
    [entry] = journald.entries()
    assert entry["SYNCD_FIRST_BYTES"] == value
    assert (entry["SYNCD_TENANT"], entry["PRIORITY"]) == ("acme", "4")
    assert "\n" not in entry["MESSAGE"]


def test_any_field_has_a_name_that_journald_takes(a_log: Make, journald: Journald) -> None:
    log, _ = a_log(journald.path)
    log.emit(events.BUG_FOUND, **{"odd name-é": "x", "y" * 100: "z"})
    [entry] = journald.entries()
    assert entry["SYNCD_ODD_NAME__"] == "x"
    assert entry["SYNCD_" + "Y" * 58] == "z"


def test_a_trace_stands_under_the_message(a_log: Make, journald: Journald) -> None:
    log, _ = a_log(journald.path)
    log.bug(ValueError("odd"))
    [entry] = journald.entries()
    assert entry["MESSAGE"].splitlines()[-1] == "    ValueError: odd"


def test_secrets_are_blotted_out_there_too(a_log: Make, journald: Journald) -> None:
    log, _ = a_log(journald.path, secrets=["hunter22"])
    log.emit(events.STORE_UNREACHABLE, reason="Bearer hunter22 hunter22", access_token="12345678", many=["hunter22"])
    data = journald.socket.recv(1 << 20)
    assert b"hunter22" not in data
    assert b"12345678" not in data
    assert parse(data)["SYNCD_ACCESS_TOKEN"] == "[redacted]"


@pytest.fixture
def small_datagrams(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine whose kernel allows no more than usual."""
    monkeypatch.setattr(journal, "SEND_BUFFER_BYTES", 100_000)


@pytest.mark.usefixtures("small_datagrams")
def test_an_entry_above_a_datagrams_size_arrives_whole(a_log: Make, journald: Journald) -> None:
    log, text = a_log(journald.path)
    many = {f"value_{n}": ["x" * 2_000] * 50 for n in range(20)}
    log.emit(events.DRIFT_FOUND, **many)
    [entry] = journald.entries()
    assert json.loads(entry["SYNCD_VALUE_19"]) == many["value_19"]
    assert text.getvalue() == ""


@pytest.mark.usefixtures("small_datagrams")
def test_a_file_that_was_handed_over_can_be_changed_by_nobody(journald: Journald) -> None:
    mine = Journal(journald.path)
    assert mine.send(b"MESSAGE=" + b"x" * (1 << 20) + b"\n")
    mine.close()
    _, [(_, _, descriptors)], _, _ = journald.socket.recvmsg(10, 1024)
    [file] = array.array("i", descriptors)
    try:
        with pytest.raises(PermissionError):
            os.pwrite(file, b"y", 0)
    finally:
        os.close(file)


def test_while_journald_is_busy_entries_wait_and_keep_their_order(a_log: Make, journald: Journald) -> None:
    log, text = a_log(journald.path)
    for n in range(2_000):  # far more than its queue holds; a blocking log would stand still here
        log.emit(events.ORDER_APPLIED, order=str(n))
    arrived = journald.entries()
    assert 0 < len(arrived) < 2_000, "its queue was full: else this shows nothing"
    while len(arrived) < 2_000:
        log.flush()
        arrived += journald.entries()
    assert [entry["SYNCD_ORDER"] for entry in arrived] == [str(n) for n in range(2_000)]
    assert text.getvalue() == ""


def test_what_finds_no_room_is_counted_and_told_once(
    a_log: Make, journald: Journald, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "WAITING_MAX", 10)
    log, _ = a_log(journald.path)
    for n in range(2_000):
        log.emit(events.ORDER_APPLIED, order=str(n))
    arrived = journald.entries()
    for _ in range(3):
        log.flush()
        arrived += journald.entries()
    told = arrived.pop()
    assert told["SYNCD_EVENT"] == "log.lost"
    assert int(told["SYNCD_ENTRIES"]) == 2_000 - len(arrived) > 0


def test_where_the_socket_does_not_work_json_lines_go_to_the_output(a_log: Make, tmp_path: Path) -> None:
    with (tmp_path / "output").open("w", encoding="utf-8") as output:
        log, _ = a_log(tmp_path / "nobody", output)
        log.emit(events.DAEMON_STARTED, version="1")
    line = json.loads((tmp_path / "output").read_text("utf-8"))
    assert (line["event"], line["version"]) == ("daemon.started", "1")


def test_entries_that_come_after_journald_has_died_do_not_wait_for_it(
    a_log: Make, journald: Journald, tmp_path: Path
) -> None:
    with (tmp_path / "output").open("w", encoding="utf-8") as output:
        log, _ = a_log(journald.path, output)
        for n in range(2_000):
            log.emit(events.ORDER_APPLIED, order=str(n))
        assert not log.flush(), "some wait: else this shows nothing"
        journald.socket.close()
        log.emit(events.DAEMON_STOPPING)
    lines = (tmp_path / "output").read_text("utf-8").splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["daemon.stopping"]


def test_an_output_that_takes_nothing_either_does_not_stop_the_work(a_log: Make, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while os.write(writer, b"x" * 65_536):
            pass  # until it is full
    os.set_blocking(writer, True)
    with os.fdopen(writer, "w", encoding="utf-8") as output:
        log, _ = a_log(tmp_path / "nobody", output)
        log.emit(events.DAEMON_STARTED)  # would stand still here
    os.close(reader)


def test_a_journald_that_comes_back_is_used_again(a_log: Make, tmp_path: Path) -> None:
    with (tmp_path / "output").open("w", encoding="utf-8") as output:
        log, _ = a_log(tmp_path / "socket", output)
        log.emit(events.DAEMON_STARTED)
        there = Journald(tmp_path / "socket")
        log.emit(events.DAEMON_STOPPING)
        assert [entry["SYNCD_EVENT"] for entry in there.entries()] == ["daemon.stopping"]
        there.socket.close()


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_form_that_was_asked_for_is_kept(a_log: Make, journald: Journald, form: str) -> None:
    log, text = a_log(journald.path, form=form)
    log.emit(events.DAEMON_STARTED)
    assert "daemon.started" in text.getvalue()
    assert journald.entries() == []


def test_the_journal_is_recognized_by_the_stream_that_leads_there(tmp_path: Path) -> None:
    with (tmp_path / "a").open("w") as mine, (tmp_path / "b").open("w") as other:
        found = os.fstat(mine.fileno())
        environment = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        assert is_journal(mine, environment)
        assert not is_journal(other, environment), "somebody has put a file in its place"
        for wrong in ({}, {"JOURNAL_STREAM": ""}, {"JOURNAL_STREAM": "x"}, {"JOURNAL_STREAM": f"{found.st_dev}"}):
            assert not is_journal(mine, wrong)
    assert not is_journal(mine, environment), "closed"
    assert not is_journal(io.StringIO(), environment)


def test_text_that_is_no_utf8_is_sent_all_the_same() -> None:
    assert b"SYNCD_EVENT=x\n" in encode({"level": "info", "event": "x", "odd": "\udcff"})
