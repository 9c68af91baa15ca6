"""Violations are gathered without a bound on their number, and without keeping them all."""

from __future__ import annotations

import pytest

from batchcalls.api.findings import Findings, at_most, below, between, entries
from batchcalls.errors import MAX_VIOLATIONS, InvalidRequest, Violation


def test_no_findings_are_no_error() -> None:
    """A check that found nothing ends in peace."""
    findings = Findings()
    findings.add([])
    findings.finish()


def test_the_first_are_listed_and_all_are_counted() -> None:
    """However many rounds they come in, the list is capped and the total is not."""
    findings = Findings()
    for start in range(0, 150, 30):
        findings.add(Violation(f"calls[{n}]", "is bad") for n in range(start, start + 30))
    with pytest.raises(InvalidRequest) as caught:
        findings.finish()
    assert caught.value.total == 150
    assert [violation.field for violation in caught.value.violations] == [
        f"calls[{n}]" for n in range(MAX_VIOLATIONS)
    ]


def test_a_path_is_put_below_its_parent() -> None:
    """What is wrong stays the same."""
    assert list(below("batch", [Violation("delay", "is bad")])) == [
        Violation("batch.delay", "is bad")
    ]


@pytest.mark.parametrize(("value", "good"), [(0.9, False), (1, True), (3, True), (3.1, False)])
def test_the_ends_of_a_range_belong_to_it(value: float, good: bool) -> None:
    """1 to 3 is both 1 and 3."""
    assert (not list(between("x", value, 1, 3))) == good


def test_nan_is_in_no_range() -> None:
    """NaN compares with nothing, which must not let it through."""
    assert list(between("x", float("nan"), 0, 1)) == [Violation("x", "must be 0 to 1, not nan")]


def test_text_is_measured_in_characters() -> None:
    """Three characters are three, however many bytes they take."""
    assert list(at_most("x", "äöü", 3)) == []
    assert list(at_most("x", "äöüß", 3)) == [
        Violation("x", "has 4 characters; at most 3 are allowed")
    ]


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"k" * 63: "v" * 5}, None),
        ({"k" * 64: "v"}, f"labels[{'k' * 63}]"),
        ({"": "v"}, "labels[]"),
        ({"k": "v" * 6}, "labels[k]"),
        ({str(n): "v" * 6 for n in range(65)}, "labels"),
    ],
)
def test_a_map_is_bounded(values: dict[str, str], path: str | None) -> None:
    """64 entries, keys of 1 to 63 characters, values of so many; a long key is cut in the path."""
    assert [violation.field for violation in entries("labels", values, 5)] == (
        [path] if path else []
    )
