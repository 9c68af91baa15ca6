"""Times are the same moment on both sides of the border."""

from __future__ import annotations

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from batchcalls.timestamps import microseconds, parse_rfc3339, rfc3339, set_timestamp

FIRST_US = -62_135_596_800_000_000
LAST_US = 253_402_300_799_999_999
TIMES_US = st.integers(FIRST_US, LAST_US)


@given(TIMES_US)
def test_a_timestamp_holds_every_microsecond(time_us: int) -> None:
    """A time comes back from a message as it went in, before the epoch too."""
    message = Timestamp()
    set_timestamp(message, time_us)
    assert microseconds(message) == time_us
    assert 0 <= message.nanos < 1_000_000_000


@given(TIMES_US)
def test_text_holds_every_microsecond(time_us: int) -> None:
    """A time comes back from its text as it went in."""
    assert parse_rfc3339(rfc3339(time_us)) == time_us


@given(TIMES_US, TIMES_US)
def test_texts_sort_as_times_do(one_us: int, other_us: int) -> None:
    """Texts have one length and one zone."""
    assert (rfc3339(one_us) < rfc3339(other_us)) == (one_us < other_us)


@pytest.mark.parametrize(
    ("text", "time_us"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000),
        ("1970-01-01t00:00:01z", 1_000_000),
        ("1970-01-01T01:00:01+01:00", 1_000_000),
        ("1969-12-31T19:00:01.5-05:00", 1_500_000),
        ("1970-01-01T00:00:00.000001999Z", 1),
    ],
)
def test_rfc_3339_is_understood(text: str, time_us: int) -> None:
    """Offsets, fractions of any length and lower-case letters are part of RFC 3339."""
    assert parse_rfc3339(text) == time_us


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2030-01-31",
        "2030-01-31T12:00:00",
        "2030-01-31 12:00:00Z",
        "2030-02-30T12:00:00Z",
        "20300131T120000Z",
        "2030-01-31T12:00Z",
        "2030-01-31T12:00:00.Z",
        "٢٠٣٠-01-31T12:00:00Z",
        "2030-01-31T12:00:00.٣Z",
        "soon",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    """A text without a zone names no moment."""
    with pytest.raises(ValueError):
        parse_rfc3339(text)
