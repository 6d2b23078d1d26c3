"""Messages to the service manager, against a real datagram socket."""

from __future__ import annotations

import os
import socket

import pytest

from syncd.observability.notify import Notify, from_environment


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    """A service manager's end, and how NOTIFY_SOCKET names it."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.settimeout(10)
    if request.param == "path":
        address = str(tmp_path / "notify")
        listener.bind(address)
    else:
        address = f"@syncd-test-{os.getpid()}"
        listener.bind("\0" + address[1:])
    yield listener, address
    listener.close()


def test_each_message_reaches_the_service_manager(manager):
    listener, address = manager
    notify = from_environment({"NOTIFY_SOCKET": address})
    assert notify.is_heard
    notify.ready("2 tenants")
    notify.status("one\nline  only " + "x" * 500)
    notify.watchdog()
    notify.extend_timeout(1.5)
    notify.stopping()
    notify.close()
    received = [listener.recv(4096).decode() for _ in range(5)]
    assert received[0] == "READY=1\nSTATUS=2 tenants"
    assert received[1].startswith("STATUS=one line only xxx")
    assert len(received[1]) == len("STATUS=") + 200
    assert received[2:] == ["WATCHDOG=1", "EXTEND_TIMEOUT_USEC=1500000", "STOPPING=1"]


@pytest.mark.parametrize("address", ["", "relative/path", "vsock:2:1234"])
def test_without_a_socket_nothing_is_sent_and_nothing_fails(address):
    notify = from_environment({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"})
    notify.ready()
    notify.watchdog()
    notify.close()
    assert not notify.is_heard
    assert notify.watchdog_seconds is None


def test_a_service_manager_that_went_away_or_reads_nothing_stops_no_work(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        notify = Notify(str(tmp_path / "notify"))
        for _ in range(5_000):  # more than the socket's queue holds
            notify.watchdog()
    (tmp_path / "notify").unlink()
    notify.ready()
    notify.close()
    notify.ready()


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdogs_interval_is_read_if_it_is_meant_for_this_process(tmp_path, extra, expected):
    notify = from_environment({"NOTIFY_SOCKET": str(tmp_path / "s"), **extra})
    assert notify.watchdog_seconds == expected
    notify.close()
