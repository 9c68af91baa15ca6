"""Answers that hold stored events, made of the very bytes that are stored.

A message inside of a message is a tag, a length and its bytes. So nothing is parsed, and nothing
serialized again for each reader: the events are put one behind the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from google.protobuf.descriptor import FieldDescriptor

from batchcalls.v1.batch_calls_service_pb2 import ListEventsResponse, WatchEventsResponse

_LENGTH_DELIMITED: Final = 2


def watch_events_response(payloads: Sequence[bytes], *, last_sequence: int) -> bytes:
    """A serialized ``WatchEventsResponse``."""
    rest = WatchEventsResponse(last_sequence=last_sequence)
    return _joined(_WATCHED, payloads) + rest.SerializeToString()


def list_events_response(
    payloads: Sequence[bytes], *, last_sequence: int, next_after_sequence: int
) -> bytes:
    """A serialized ``ListEventsResponse``."""
    rest = ListEventsResponse(last_sequence=last_sequence, next_after_sequence=next_after_sequence)
    return _joined(_LISTED, payloads) + rest.SerializeToString()


def _joined(tag: bytes, payloads: Sequence[bytes]) -> bytes:
    parts: list[bytes] = []
    for payload in payloads:
        parts += (tag, _length(len(payload)), payload)
    return b"".join(parts)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


_SHORT: Final = tuple(map(_varint, range(4_096)))
"""The lengths that events usually have."""


def _length(value: int) -> bytes:
    return _SHORT[value] if value < len(_SHORT) else _varint(value)


def _tag(field: FieldDescriptor) -> bytes:
    return _varint(field.number << 3 | _LENGTH_DELIMITED)


_WATCHED: Final = _tag(WatchEventsResponse.DESCRIPTOR.fields_by_name["events"])
_LISTED: Final = _tag(ListEventsResponse.DESCRIPTOR.fields_by_name["events"])
