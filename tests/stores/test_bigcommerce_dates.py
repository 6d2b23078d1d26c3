"""BigCommerce's dates, there and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime, parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.quantity import SECOND, Instant
from syncd.stores.bigcommerce.dates import read_date, read_date_or_none, write_date

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _NAIVE, _LAST = map(datetime.fromisoformat, ("1900-01-01", "1970-01-01", "2100-01-01"))

seconds = st.datetimes(_FIRST, _LAST, timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0))
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def _instant(moment: datetime) -> Instant:
    return Instant((moment - _EPOCH) // timedelta(microseconds=1))


def test_the_vendors_own_example_is_read():
    assert read_date("Tue, 05 Mar 2019 21:40:11 +0000") == 1_551_822_011 * SECOND


@given(seconds)
def test_a_date_of_an_order_is_read_as_the_standard_library_reads_it(moment):
    text = format_datetime(moment)
    assert read_date(text) == _instant(parsedate_to_datetime(text))


@given(seconds, offsets)
def test_other_offsets_are_honoured(moment, offset):
    local = moment.astimezone(offset)
    assert read_date(format_datetime(local)) == _instant(moment)
    assert read_date(local.isoformat()) == _instant(moment)


@given(st.datetimes(_NAIVE, _LAST, timezones=st.just(UTC)))
def test_fractions_of_iso_dates_are_kept(moment):
    assert read_date(moment.isoformat()) == _instant(moment)
    assert read_date(moment.isoformat().replace("+00:00", "Z")) == _instant(moment)


@given(seconds)
def test_what_is_written_is_read_back(moment):
    assert read_date(write_date(_instant(moment))) == _instant(moment)


@given(st.integers(0, 4_000_000_000 * SECOND))
def test_a_bound_is_rounded_down_never_up(instant):
    assert read_date(write_date(Instant(instant))) == instant // SECOND * SECOND


def test_a_single_digit_day_and_missing_seconds_are_read():
    assert read_date("Tue, 5 Mar 2019 21:40 +0000") == read_date("05 Mar 2019 21:40:00 GMT")


@given(st.text(max_size=40))
def test_nonsense_is_refused_with_a_value_error(text):
    try:
        read_date(text)
    except ValueError:
        return
    assert text


@given(st.integers(0, 30), st.characters())
def test_a_damaged_date_is_refused_or_another_date(place, character):
    good = "Tue, 05 Mar 2019 21:40:11 +0000"
    try:
        assert isinstance(read_date(good[:place] + character + good[place + 1 :]), int)
    except ValueError:
        return


@pytest.mark.parametrize(
    "text",
    [
        "2019-03-05T21:40:11",
        "Tue, 05 Mar 2019 21:40:11",
        "Tue, 31 Feb 2019 21:40:11 +0000",
        "Tue, 05 Mar 2019 24:40:11 +0000",
        "Tue, 05 Mar 2019 21:60:11 +0000",
        "Tue, 05 Foo 2019 21:40:11 +0000",
        "Tue, ٠٥ Mar 2019 21:40:11 +0000",
        "",
    ],
)
def test_a_date_without_an_offset_or_that_never_was_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        read_date(text)


def test_an_absent_date_is_none():
    assert read_date_or_none("") is None
    assert read_date_or_none(None) is None
    assert read_date_or_none("Tue, 05 Mar 2019 21:40:11 +0000") is not None
