"""What is allowed but looks like a mistake, by path and reason."""

from __future__ import annotations

import pytest

from batchcalls.api.warnings import MAX_WARNINGS, Warnings
from batchcalls.v1.batch_calls_service_pb2 import SubmitBatchRequest
from batchcalls.v1.warning_pb2 import (
    WARNING_REASON_DELAY_WITHOUT_ATTEMPTS,
    WARNING_REASON_DUPLICATE_NUMBER,
    WARNING_REASON_EMPTY_VARIABLE,
    WARNING_REASON_SINGLE_BRACES,
)
from tests.api.requests import check, good


def looked(request: SubmitBatchRequest) -> Warnings:
    """All warnings about a request that is good."""
    check(request)
    warnings = Warnings(request)
    for _ in warnings.look():
        pass
    return warnings


def found(request: SubmitBatchRequest) -> list[tuple[str, int]]:
    return [(each.field, each.reason) for each in looked(request).listed()]


def apart(calls: int) -> SubmitBatchRequest:
    """A good request to numbers that all differ."""
    request = good(calls=calls)
    for index, call in enumerate(request.calls):
        call.phone_number = f"+1999{index:07d}"
    return request


def test_an_ordinary_request_has_no_warnings() -> None:
    """Nothing is said where nothing is strange."""
    request = apart(3)
    request.batch.retry_config.max_attempts = 2
    request.batch.retry_config.delay.seconds = 60
    request.calls[0].script.text = "Hello {{name}}."
    request.calls[0].variables["name"] = "Ada"
    assert found(request) == []


def test_single_braces_are_told_where_they_stand() -> None:
    """In the batch's script once, however many calls inherit it, and in a call's own."""
    request = apart(3)
    request.batch.call_defaults.script.text = "Hello {name}."
    for call in request.calls[:2]:
        call.ClearField("script")
    request.calls[2].script.Clear()
    request.calls[2].script.steps.add(text="Hello.")
    request.calls[2].script.steps.add(text="Bye {name}.")
    assert found(request) == [
        ("batch.call_defaults.script.text", WARNING_REASON_SINGLE_BRACES),
        ("calls[2].script.steps[1]", WARNING_REASON_SINGLE_BRACES),
    ]


@pytest.mark.parametrize("value", ["", " ", "\n\t"])
def test_an_empty_variable_is_told_if_the_script_names_it(value: str) -> None:
    """Whether the script is the call's own or the batch's; others are nobody's concern."""
    request = apart(3)
    request.batch.call_defaults.script.text = "Hello {{name}}."
    request.calls[0].ClearField("script")
    request.calls[1].script.text = "Bye {{ last }} {{last}}."
    for call in request.calls:
        call.variables.update({"name": value, "last": value})
    assert found(request) == [
        ("calls[0].variables[name]", WARNING_REASON_EMPTY_VARIABLE),
        ("calls[1].variables[last]", WARNING_REASON_EMPTY_VARIABLE),
    ]


def test_a_number_twice_is_told_at_the_later_call() -> None:
    """With the first one that had it, however far apart they are."""
    request = apart(1_000)
    request.calls[999].phone_number = request.calls[3].phone_number
    (warning,) = looked(request).listed()
    assert (warning.field, warning.reason) == (
        "calls[999].phone_number",
        WARNING_REASON_DUPLICATE_NUMBER,
    )
    assert "that of calls[3] too" in warning.description


@pytest.mark.parametrize(("calls", "characters"), [(3_000, 0), (100, 4_000)])
def test_a_large_request_is_looked_through_in_steps(calls: int, characters: int) -> None:
    """Few large calls, or many small ones: others get their turn in between."""
    request = apart(calls)
    for call in request.calls:
        call.script.text += "x" * characters
    assert len(list(Warnings(request).look())) >= 2


def test_a_small_request_is_looked_through_at_once() -> None:
    """Its client doesn't wait for others."""
    assert list(Warnings(apart(100)).look()) == []


@pytest.mark.parametrize(
    ("attempts", "delay_s", "told"),
    [(None, 0, False), (None, 60, True), (1, 60, True), (1, 0, False), (2, 60, False)],
)
def test_a_delay_needs_a_second_attempt(attempts: int | None, delay_s: int, told: bool) -> None:
    """``max_attempts`` counts the first dial, and is 1 by itself."""
    request = apart(1)
    retry = request.batch.retry_config
    retry.delay.seconds = delay_s
    if attempts is not None:
        retry.max_attempts = attempts
    expected = [("batch.retry_config.delay", WARNING_REASON_DELAY_WITHOUT_ATTEMPTS)]
    assert found(request) == (expected if told else [])


def test_the_list_is_bounded_and_the_total_stated() -> None:
    """One call too many is as one hundred thousand."""
    warnings = looked(good(calls=1_000))
    assert len(warnings.listed()) == MAX_WARNINGS
    assert warnings.total == 999
    assert warnings.listed()[-1].field == f"calls[{MAX_WARNINGS}].phone_number"
