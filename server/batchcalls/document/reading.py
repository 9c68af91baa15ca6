"""Strict readers for the values of a JSON document.

A reader takes a value and returns what the API has for it. What is wrong goes into a
``Reading`` by its path, and reading goes on, so that one reply lists everything; what a
reader returns after that is never sent. Booleans aren't numbers and null isn't left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from batchcalls.document.text import RepeatedKeys
from batchcalls.errors import InvalidRequest, Violation
from batchcalls.timestamps import parse_rfc3339, set_timestamp
from batchcalls.wire.spec import set_duration

_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1
_DURATION_MAX_S = 315_576_000_000
"""10,000 years: what a protobuf duration holds."""

_TWICE = "is given more than once"


class Reading:
    """The reading of one document: everything that is wrong with it so far."""

    def __init__(self) -> None:
        self._violations: list[Violation] = []

    def refuse(self, path: str, description: str) -> None:
        """Note that the value at ``path`` is no good."""
        self._violations.append(Violation(path, description))

    def finish(self) -> None:
        """End the reading.

        Raises:
          InvalidRequest: something is wrong.
        """
        if self._violations:
            raise InvalidRequest(self._violations)


Reader = Callable[[Reading, str, object], Any]
"""Reads the value at a path; what it returns fits the field of that name."""


def text(reading: Reading, path: str, value: object) -> str:
    """Text that UTF-8 can carry: JSON can escape half a surrogate pair."""
    if not isinstance(value, str):
        reading.refuse(path, f"must be text, not {_kind(value)}")
    elif not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        reading.refuse(path, "holds half a surrogate pair, which is no character")
    else:
        return value
    return ""


def whole_number(reading: Reading, path: str, value: object) -> int:
    """A whole number of 32 bits; 5.0 is one."""
    exact = _finite(reading, path, value)
    if exact != int(exact):
        reading.refuse(path, f"must be a whole number, not {exact}")
    elif not _INT32_MIN <= exact <= _INT32_MAX:
        reading.refuse(path, "is out of range: it must fit into 32 bits")
    else:
        return int(exact)
    return 0


def number(reading: Reading, path: str, value: object) -> float:
    """A finite number."""
    return float(_finite(reading, path, value))


def _finite(reading: Reading, path: str, value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        reading.refuse(path, f"must be a number, not {_kind(value)}")
    elif isinstance(value, float) and not math.isfinite(value):
        reading.refuse(path, f"must be a finite number, not {value}")
    elif abs(value) > 1e300:  # beyond it a long integer fits into no float
        reading.refuse(path, "is out of range")
    else:
        return value
    return 0


def seconds(reading: Reading, path: str, value: object) -> Duration:
    """A duration in seconds; fractions are fine."""
    message = Duration()
    duration_s = number(reading, path, value)
    if abs(duration_s) > _DURATION_MAX_S:
        reading.refuse(path, "is out of range")
    else:
        set_duration(message, duration_s)
    return message


def time(reading: Reading, path: str, value: object) -> Timestamp:
    """A moment as RFC 3339 text."""
    message = Timestamp()
    words = text(reading, path, value)
    if isinstance(value, str):
        try:
            set_timestamp(message, parse_rfc3339(words))
        except ValueError:
            reading.refuse(path, "must be an RFC 3339 time such as 2030-01-31T12:00:00Z")
    return message


def texts(reading: Reading, path: str, value: object) -> dict[str, str]:
    """An object whose values are texts."""
    if not isinstance(value, dict):
        reading.refuse(path, f"must be an object, not {_kind(value)}")
        return {}
    for key in _repeated(value):
        reading.refuse(f"{path}[{key}]", _TWICE)
    return {
        text(reading, f"{path}[{key}]", key): text(reading, f"{path}[{key}]", item)
        for key, item in value.items()
    }


def list_of(item: Reader) -> Reader:
    """A reader of lists whose items ``item`` reads."""

    def read(reading: Reading, path: str, value: object) -> list[Any]:
        if not isinstance(value, list):
            reading.refuse(path, f"must be a list, not {_kind(value)}")
            return []
        return [item(reading, f"{path}[{index}]", each) for index, each in enumerate(value)]

    return read


def word_of(words: Mapping[str, int]) -> Reader:
    """A reader of one of ``words``; it returns the value that the word stands for."""
    known = tuple(words)

    def read(reading: Reading, path: str, value: object) -> int:
        word = text(reading, path, value)
        if isinstance(value, str) and word not in words:
            reading.refuse(path, f'"{word[:40]}" is unknown; {_hint(word, known)}')
        return words.get(word, 0)

    return read


def message_of(make: Callable[..., Any], fields: Mapping[str, Reader]) -> Reader:
    """A reader of objects with these ``fields``; it returns what ``make`` makes of them."""

    def read(reading: Reading, path: str, value: object) -> Any:
        return make(**values_of(reading, path, value, fields))

    return read


def values_of(
    reading: Reading, path: str, value: object, fields: Mapping[str, Reader]
) -> dict[str, Any]:
    """The values of the object at ``path`` by key; an empty path is the document itself."""
    if not isinstance(value, dict):
        reading.refuse(path or "document", f"must be an object, not {_kind(value)}")
        return {}
    for key in _repeated(value):
        reading.refuse(f"{path}.{key}" if path else key, _TWICE)
    values = {}
    for key, item in value.items():
        place = f"{path}.{key}" if path else key
        if key in fields:
            values[key] = fields[key](reading, place, item)
        else:
            reading.refuse(place, f"is an unknown key; {_hint(key, tuple(fields))}")
    return values


def _repeated(value: dict[str, Any]) -> tuple[str, ...]:
    return value.repeated if isinstance(value, RepeatedKeys) else ()


# One misspelled key usually stands in every call of a document, and a search takes long.
@lru_cache(maxsize=128)
def _hint(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word[:80], known, n=1, cutoff=0.5)
    return f'did you mean "{close[0]}"?' if close else f"known are {', '.join(known)}"


_KINDS: Mapping[type, str] = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def _kind(value: object) -> str:
    return _KINDS.get(type(value), type(value).__name__)
