"""Who a shop is and how far its clock is off, from headers and addresses."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.quantity import SECOND, Instant
from syncd.errors import StoreFault
from syncd.simulator.woocommerce import routes
from syncd.simulator.woocommerce.rest import Answer as SimulatedAnswer
from syncd.stores.woocommerce.description import identity_of
from syncd.transport import Answer, Limits, clock_of
from tests.simulator.woocommerce_shop import START_US
from tests.stores.woocommerce_shop import open_front


def answer(began: int, ended: int, date: str | None) -> Answer:
    return Answer(200, {} if date is None else {"Date": date}, b"", Instant(began), Instant(ended))


@given(
    began=st.integers(START_US, START_US + 10 * SECOND),
    there_us=st.integers(0, 2 * SECOND),
    back_us=st.integers(0, 2 * SECOND),
    ahead_us=st.integers(-86_400 * SECOND, 86_400 * SECOND),
)
def test_the_clock_is_known_within_the_error_that_is_told(began: int, there_us: int, back_us: int, ahead_us: int):
    stamp = formatdate((began + there_us + ahead_us) // SECOND, usegmt=True)
    told = clock_of([answer(began, began + there_us + back_us, stamp)])
    assert told is not None
    told_us, error_us = told
    assert abs(told_us - ahead_us) <= error_us
    assert error_us <= 3 * SECOND


def test_the_quickest_answer_tells_the_clock():
    stamp = formatdate(START_US // SECOND + 100, usegmt=True)
    slow = answer(START_US, START_US + 30 * SECOND, stamp)
    quick = answer(START_US, START_US + 1_000, stamp)
    assert clock_of([slow, quick]) == clock_of([quick])


def test_without_a_usable_date_nothing_is_claimed():
    assert clock_of([answer(START_US, START_US, None), answer(START_US, START_US, "soon")]) is None


def test_an_answer_that_a_cache_has_kept_does_not_tell_the_clock():
    headers = {"Date": formatdate(START_US // SECOND - 600, usegmt=True), "Age": "600"}
    assert clock_of([Answer(200, headers, b"", Instant(START_US), Instant(START_US))]) is None


@pytest.mark.parametrize(
    ("address", "identity"),
    [
        ("https://shop.example", "woocommerce:shop.example"),
        ("http://Shop.Example:80/", "woocommerce:shop.example"),
        ("https://shop.example:8443/eu/", "woocommerce:shop.example:8443/eu"),
        ("https://shop.example/EU", "woocommerce:shop.example/EU"),
    ],
)
def test_a_shop_is_its_host_port_and_path(address: str, identity: str):
    assert identity_of(address) == identity


@pytest.mark.parametrize("status", [403, 500])
async def test_a_firewall_before_the_system_status_costs_only_the_version(monkeypatch: pytest.MonkeyPatch, status: int):
    real = routes.dispatch

    async def dispatch(shop, known, call):
        if call.route.endswith("/system_status"):
            return SimulatedAnswer(status, b"<html>no</html>", {"Content-Type": "text/html"})
        return await real(shop, known, call)

    monkeypatch.setattr("syncd.simulator.woocommerce.server.dispatch", dispatch)
    async with open_front() as front:
        description = await front.orders.describe()
        assert any("version of WooCommerce is not known" in row for row in description.warnings)


async def test_a_shop_that_is_down_is_not_described():
    async with open_front(limits=Limits(interval_default_seconds=0, tries_max=1)) as front:
        front.shop.faults.error_503 = 1.0
        with pytest.raises(StoreFault):
            await front.orders.describe()
