"""A record is what its fields are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from batchcalls.core.record import record


@record
class Point:
    """Somewhere."""

    x: int
    y: int = 0


def test_records_with_the_same_fields_are_the_same() -> None:
    """They are equal and hashed by their fields, and a changed copy is another."""
    assert Point(x=1) == Point(x=1, y=0)
    assert {Point(x=1), Point(x=1), Point(x=2)} == {Point(x=1), Point(x=2)}
    assert replace(Point(x=1), y=2) == Point(x=1, y=2)
    assert repr(Point(x=1)) == "Point(x=1, y=0)"


def test_a_record_has_its_fields_and_no_others() -> None:
    """A misspelt field is an error, not a new one; and fields are given by name."""
    with pytest.raises(AttributeError):
        Point(x=1).z = 2  # type: ignore[attr-defined] # the fault
    with pytest.raises(TypeError):
        Point(1)  # type: ignore[call-arg] # the fault


if TYPE_CHECKING:
    # The check fails where one of these is no error any more: an unused "ignore" is one.
    Point(x=1).x = 2  # type: ignore[misc] # the fault
