"""Times at the border: integer microseconds since the epoch to protobuf and to text, and back.

Inside the project a time is an integer, microseconds since the Unix epoch (UTC), and 0 means
unset. Nothing here reads a clock.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


def set_timestamp(message: Timestamp, time_us: int) -> None:
    """Write ``time_us`` into ``message``; 0 leaves it, and so the field that holds it, unset."""
    if time_us:
        seconds, rest_us = divmod(time_us, 1_000_000)
        message.seconds = seconds
        message.nanos = rest_us * 1000


def microseconds(message: Timestamp) -> int:
    """The time that ``message`` holds, cut to whole microseconds; 0 where it is unset."""
    return message.seconds * 1_000_000 + message.nanos // 1000


def rfc3339(time_us: int) -> str:
    """``time_us`` as ``2030-01-31T12:00:00.000000Z``: always UTC, always six decimals.

    Texts of one length sort as the times do. The time must lie in the years 1 to 9999.
    """
    moment = _EPOCH + timedelta(microseconds=time_us)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> int:
    """The time that an RFC 3339 text names, cut to whole microseconds.

    Raises:
      ValueError: the text isn't a date and time with an offset, or there is no such day.
    """
    if not _RFC_3339.fullmatch(text):
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    moment = datetime.fromisoformat(text.upper())
    return (moment - _EPOCH) // _MICROSECOND
