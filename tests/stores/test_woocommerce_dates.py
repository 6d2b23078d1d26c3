from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.quantity import SECOND
from syncd.stores.woocommerce.dates import read_gmt, read_gmt_or_none, write_gmt

moments = st.datetimes()


@given(moments)
def test_a_stamp_is_read_as_utc(moment: datetime):
    stamp = moment.replace(microsecond=0, tzinfo=UTC)
    assert (
        read_gmt(stamp.strftime("%Y").rjust(4, "0") + stamp.strftime("-%m-%dT%H:%M:%S"))
        == round((stamp - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * SECOND
    )


@given(moments, st.integers(min_value=0, max_value=SECOND - 1))
def test_what_is_written_is_read_again_without_the_fraction(moment: datetime, fraction: int):
    whole = read_gmt(moment.replace(microsecond=0).isoformat())
    assert read_gmt(write_gmt(whole + fraction)) == whole


def test_queries_carry_no_time_zone_mark():
    assert write_gmt(1_795_431_488_999_999) == "2026-11-23T10:58:08"
    assert write_gmt(-1) == "1969-12-31T23:59:59"


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "2026-11-23",
        "2026-11-23T10:58:08Z",
        "2026-11-23T10:58:08+00:00",
        "2026-11-23T10:58+02",
        "0000-00-00T00:00:00",
        "-001-11-30T00:00:00",
        "2026-02-30T00:00:00",
        "2026-11-23T24:00:01",
        "2026-11-23T10:58:08.5",
        "yesterday, at noon.",
    ],
)
def test_anything_else_is_refused(odd: str):
    with pytest.raises(ValueError, match=r".+"):
        read_gmt(odd)


@given(st.text(max_size=25))
def test_no_text_does_worse_than_being_refused(text: str):
    with suppress(ValueError):
        read_gmt(text)


def test_null_and_nothing_are_not_yet():
    assert read_gmt_or_none(None) is None
    assert read_gmt_or_none("") is None
    assert read_gmt_or_none("2026-11-23T10:58:08") == 1_795_431_488_000_000
