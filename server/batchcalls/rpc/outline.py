"""The outline of a large request: how much is in it, counted before it is read.

Sixty megabytes of empty calls become four gigabytes of objects, for nothing. A request that is
read whole is held in memory whole, so its parts are counted in its bytes first, by the rules of
the wire format: every field is stepped over, and messages inside are looked into. What isn't
well-formed is passed: whoever reads it says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from google.protobuf.descriptor import Descriptor

from batchcalls.errors import InvalidRequest, Violation

LARGE_BYTES: Final = 2 * 1024 * 1024
"""Up to here a request may hold what it likes: it becomes some 120 MB at most."""

MAX_ELEMENTS: Final = 100_000
"""The most elements in one list or map: as many as a batch may have calls."""

MAX_FIELDS: Final = 4_000_000
"""The most fields in a request: 40 for each of so many calls, or some 300 MB."""

MAX_VALUE_BYTES: Final = 1024 * 1024
"""The longest text or list of numbers: several times what any field may hold."""

_FIELDS_PER_STEP: Final = 10_000
"""How many fields one step looks at: a few milliseconds, in which nothing else runs."""

_VARINT, _SIZED = 0, 2
_FIXED_BYTES: Final = {1: 8, 5: 4}


class _Kind(NamedTuple):
    """A kind of message: the names of its fields, and the kinds of those that are messages."""

    names: Mapping[int, str]
    messages: Mapping[int, _Kind]


def check_outline(data: bytes, kind: Descriptor) -> Iterator[None]:
    """Check the bytes of a message of that kind in steps: iterate to the end.

    Raises:
      InvalidRequest: a list, a value or the whole is larger than any that is good.
    """
    waiting = [("", _kind(kind), 0, len(data))]
    fields = 0
    while waiting:
        path, (names, messages), start, end = waiting.pop()
        counts = dict.fromkeys(messages, 0)
        for number, at, size in _fields(data, start, end):
            fields += 1
            if fields % _FIELDS_PER_STEP == 0:
                _at_most("calls", fields, MAX_FIELDS, "fields")
                yield
            if number in messages:
                counts[number] += 1
                if counts[number] > MAX_ELEMENTS:
                    _at_most(path + names[number], counts[number], MAX_ELEMENTS, "elements")
                if messages[number].messages:
                    waiting.append((f"{path}{names[number]}.", messages[number], at, at + size))
                    continue
            if size > MAX_VALUE_BYTES:
                _at_most(path + names.get(number, "(unknown)"), size, MAX_VALUE_BYTES, "bytes")


def _at_most(place: str, count: int, most: int, what: str) -> None:
    if count > most:
        raise InvalidRequest(
            [Violation(place, f"has more than the {most:,} {what} that are allowed")]
        )


@lru_cache(maxsize=64)
def _kind(kind: Descriptor) -> _Kind:
    return _Kind(
        names={field.number: field.name for field in kind.fields},
        messages={
            field.number: _kind(field.message_type) for field in kind.fields if field.message_type
        },
    )


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The number of each field, where its value begins, and how long it is."""
    try:
        while at < end:
            key = data[at]
            if key < 0x80:  # one byte, as nearly always: this is the hot path
                at += 1
            else:
                key, at = _varint(data, at)
            form = key & 7
            if form == _SIZED:
                size, at = (data[at], at + 1) if data[at] < 0x80 else _varint(data, at)
            else:
                size = _varint(data, at)[1] - at if form == _VARINT else _FIXED_BYTES.get(form, 0)
            yield key >> 3, at, size
            at += size
    except IndexError:
        return


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of up to ten bytes, seven bits each, and where the next thing begins."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise IndexError("a number has more bytes than any")
