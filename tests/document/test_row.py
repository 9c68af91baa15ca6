"""How a mistake is named by what stands in the document."""

from __future__ import annotations

import pytest

from batchcalls.document import name_rows
from batchcalls.errors import Violation

DOCUMENT = {
    "concurrency": 0,
    "calls": [
        {"phone_number": "555", "reference_id": "customer 7", "variables": {"name": "é"}},
        {"phone_number": 5, "script": {"steps": [{"text": "x" * 1_000}]}},
        "no call",
    ],
}


def named(field: str, description: str = "is wrong") -> str:
    (found,) = name_rows(DOCUMENT, [Violation(field, description)])
    return str(found)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("concurrency", ": 0"),
        ("calls[0].phone_number", ': "555" (reference_id "customer 7")'),
        ("calls[0].script", ' (reference_id "customer 7")'),
        ("calls[0].variables[name]", ': "é" (reference_id "customer 7")'),
        ("calls[0].reference_id", ': "customer 7"'),
        ("calls[1].phone_number", ": 5"),
        ("calls[1].script.steps[0].text", f': "{"x" * 60}…"'),
        ("calls[2].phone_number", ""),
        ("calls[9].phone_number", ""),
        ("calls", ""),
        ("document", ""),
    ],
)
def test_a_mistake_has_the_value_and_the_reference_of_its_row(field: str, words: str) -> None:
    """An index is found by counting, what stands there by searching."""
    assert named(field) == f"{field}: is wrong{words}"


def test_a_path_of_a_request_is_one_of_the_document() -> None:
    """What the server says is found, too."""
    assert named("batch.concurrency") == "concurrency: is wrong: 0"


def test_a_value_is_not_said_twice() -> None:
    """Where the description has it already."""
    assert named("calls[1].phone_number", "must not be 5") == "calls[1].phone_number: must not be 5"


def test_what_is_no_document_has_no_rows() -> None:
    """Nothing is found in it, and nothing fails."""
    assert name_rows([], [Violation("calls[0]", "is wrong")])[0].description == "is wrong"
