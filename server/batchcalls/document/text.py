"""JSON text to the document that it holds: what the standard reader lets pass is kept for refusal.

A key that stands twice in an object, and a number of thousands of digits, have a place in the
document like any other mistake; ``reading`` refuses them there.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Final

_MAX_DIGITS: Final = 1_000
"""Longer numbers fit no field, and turning them into integers takes time that grows as a square."""

_TOO_LARGE: Final = int("9" * _MAX_DIGITS)


class NotJson(ValueError):
    """The text isn't JSON: ``line`` and ``column`` count from 1, 0 where there is no place."""

    def __init__(self, description: str, *, line: int = 0, column: int = 0) -> None:
        super().__init__(f"{line}:{column}: {description}" if line else description)
        self.line = line
        self.column = column


class RepeatedKeys(dict[str, Any]):
    """An object in which each of the keys ``repeated`` stood more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        times = Counter(key for key, _ in pairs)
        self.repeated = tuple(key for key in self if times[key] > 1)


def parse_document(text: str | bytes) -> object:
    """The document in ``text``; bytes are UTF-8, UTF-16 or UTF-32, as JSON has it.

    Raises:
      NotJson: the text isn't JSON, or nested too deeply.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_int=_integer)
    except json.JSONDecodeError as error:
        description = f"not JSON: {error.msg}"
        raise NotJson(description, line=error.lineno, column=error.colno) from None
    except UnicodeDecodeError as error:
        raise NotJson(f"not {error.encoding.upper()}, byte {error.start}") from None
    except RecursionError:
        raise NotJson("nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else RepeatedKeys(pairs)


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        return -_TOO_LARGE if digits.startswith("-") else _TOO_LARGE
    return int(digits)
