"""The rules for a call: its number, its script or the batch's, the limits of the rest."""

from __future__ import annotations

import pytest

from batchcalls.errors import InvalidRequest, Reason, Violation
from batchcalls.v1.batch_calls_service_pb2 import SubmitBatchRequest
from tests.api.requests import check, found, good


def violations(request: SubmitBatchRequest) -> list[Violation]:
    with pytest.raises(InvalidRequest) as caught:
        check(request)
    return list(caught.value.violations)


def without_script(default: str | None, **variables: str) -> SubmitBatchRequest:
    request = SubmitBatchRequest()
    request.calls.add(phone_number="+15550100000", variables=variables)
    if default is not None:
        request.batch.call_defaults.script.text = default
    return request


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("voice_id", "v" * 128),
        ("priority", -1000),
        ("priority", 1000),
        ("reference_id", "r" * 128),
        ("caller_id", "c" * 64),
    ],
)
def test_a_value_inside_its_bounds_passes(name: str, value: object) -> None:
    """The ends of every range are good."""
    request = good()
    setattr(request.calls[0], name, value)
    assert found(request) == []


def test_a_script_that_grows_too_long_is_one_violation_of_its_call() -> None:
    """Be it the call's own or the batch's: its variables make it what it is."""
    request = without_script("{{x}}" * 512, x="x" * 1_024)
    request.calls.add(phone_number="+15550100000", variables={"x": "short"})
    (violation,) = violations(request)
    assert violation.field == "calls[0].script"
    assert violation.reason is Reason.INVALID_SCRIPT
    assert "of the batch is 524,288 bytes long" in violation.description
    request.calls[1].script.text = "{{x}}" * 512
    request.calls[1].variables["x"] = "x" * 1_024
    assert found(request) == ["calls[0].script", "calls[1].script"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("phone_number", ""),
        ("voice_id", "v" * 129),
        ("priority", -1001),
        ("priority", 1001),
        ("reference_id", "r" * 129),
        ("caller_id", "c" * 65),
    ],
)
def test_a_value_outside_its_bounds_is_refused(name: str, value: object) -> None:
    """The path names the call by its place, from 0."""
    request = good(calls=18)
    setattr(request.calls[17], name, value)
    assert found(request) == [f"calls[17].{name}"]


@pytest.mark.parametrize("name", ["variables", "metadata"])
def test_maps_are_bounded(name: str) -> None:
    """1,024 characters pass, 1,025 don't."""
    request = good()
    getattr(request.calls[0], name)["k"] = "v" * 1024
    assert found(request) == []
    getattr(request.calls[0], name)["k"] = "v" * 1025
    assert found(request) == [f"calls[0].{name}[k]"]


def test_a_number_has_a_reason_of_its_own() -> None:
    """Clients tell bad numbers from other mistakes without reading text."""
    request = good()
    request.calls[0].phone_number = "12345"
    assert [(v.field, v.reason) for v in violations(request)] == [
        ("calls[0].phone_number", Reason.INVALID_PHONE_NUMBER)
    ]


def test_a_script_has_a_reason_of_its_own() -> None:
    """The path leads to the text or the step."""
    request = good()
    request.calls[0].script.Clear()
    request.calls[0].script.steps.add(text="Hello {{name}}.")
    request.calls[0].script.steps.add(text=" ")
    request.calls[0].variables["name"] = "Ada"
    assert violations(request) == [
        Violation("calls[0].script.steps[1]", "is blank", Reason.INVALID_SCRIPT)
    ]


def test_the_type_of_a_script_is_short() -> None:
    """64 characters pass, 65 don't."""
    request = good()
    request.calls[0].script.type = "t" * 64
    assert found(request) == []
    request.calls[0].script.type = "t" * 65
    assert found(request) == ["calls[0].script.type"]


def test_a_variable_must_be_given() -> None:
    """The call's own script asks for the call's own variables."""
    request = good()
    request.calls[0].script.text = "Hello {{name}}."
    assert violations(request) == [
        Violation("calls[0].script.text", 'the variable "name" is not given', Reason.INVALID_SCRIPT)
    ]


def test_a_script_must_come_from_somewhere() -> None:
    """Neither the call nor the batch has one."""
    assert violations(without_script(None)) == [
        Violation("calls[0].script", "is missing, and the batch gives none", Reason.INVALID_SCRIPT)
    ]


def test_a_call_inherits_the_script_of_its_batch() -> None:
    """With its own variables, and those that the script doesn't name."""
    assert found(without_script("Hello {{name}}.", name="Ada", other="x")) == []


def test_an_inherited_script_asks_for_the_calls_variables() -> None:
    """The call is told what it lacks: the script itself is good."""
    assert violations(without_script("Hello {{name}}.")) == [
        Violation(
            "calls[0].variables",
            'the variable "name" is not given, but the batch\'s script names it',
            Reason.INVALID_SCRIPT,
        )
    ]


def test_a_bad_script_of_the_batch_is_told_once() -> None:
    """Not once more for every call that inherits it."""
    request = without_script("Hello {{}}.")
    request.calls.add(phone_number="+15550100000")
    assert found(request) == ["batch.call_defaults.script.text"]


def test_a_bad_script_of_the_batch_counts_even_when_no_call_inherits_it() -> None:
    """What is stored is good, used or not."""
    request = good()
    request.batch.call_defaults.script.text = " "
    assert found(request) == ["batch.call_defaults.script.text"]
