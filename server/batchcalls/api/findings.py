"""What is wrong with a request, gathered field by field, so that one reply lists everything.

A rule here takes the path of a field and its value and yields what is wrong with it; a
request is good when no rule yields anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from batchcalls.errors import MAX_VIOLATIONS, InvalidRequest, Violation

MAX_ENTRIES = 64
"""The most entries in a map of labels, variables or metadata."""

MAX_KEY_CHARACTERS = 63
"""The longest key in such a map."""


class Findings:
    """Violations as they are found: the first ``MAX_VIOLATIONS``, and how many there are."""

    def __init__(self) -> None:
        self._listed: list[Violation] = []
        self.total = 0

    def __repr__(self) -> str:
        return f"<Findings: {self.total} violations>"

    def add(self, violations: Iterable[Violation]) -> None:
        """Take up ``violations``; past the cap they are only counted."""
        rest = iter(violations)
        fresh = list(islice(rest, MAX_VIOLATIONS - len(self._listed)))
        self._listed += fresh
        self.total += len(fresh) + sum(1 for _ in rest)

    def finish(self) -> None:
        """End the check.

        Raises:
          InvalidRequest: something was found.
        """
        if self._listed:
            raise InvalidRequest(self._listed, total=self.total)


def below(parent: str, violations: Iterable[Violation]) -> Iterator[Violation]:
    """The same violations with their paths put below ``parent``."""
    for violation in violations:
        path = f"{parent}.{violation.field}"
        yield Violation(path, violation.description, violation.reason)


def required(path: str, value: str) -> Iterator[Violation]:
    """Text is given."""
    if not value:
        yield Violation(path, "is required")


def at_most(path: str, value: str, characters: int) -> Iterator[Violation]:
    """Text has a greatest length, in Unicode code points."""
    if len(value) > characters:
        yield Violation(path, f"has {len(value):,} characters; at most {characters:,} are allowed")


def between(path: str, value: float, least: float, most: float) -> Iterator[Violation]:
    """A number lies in a range, ends included; NaN lies in none."""
    if not least <= value <= most:
        yield Violation(path, f"must be {least:,} to {most:,}, not {value:,}")


def entries(path: str, values: Mapping[str, str], characters: int) -> Iterator[Violation]:
    """A map has few entries, short keys, and values of at most so many ``characters``."""
    if len(values) > MAX_ENTRIES:
        yield Violation(path, f"has {len(values):,} entries; at most {MAX_ENTRIES} are allowed")
        return
    for key, value in values.items():
        place = f"{path}[{key[:MAX_KEY_CHARACTERS]}]"
        if not 1 <= len(key) <= MAX_KEY_CHARACTERS:
            yield Violation(place, f"its key must have 1 to {MAX_KEY_CHARACTERS} characters")
        yield from at_most(place, value, characters)
