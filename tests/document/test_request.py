"""Documents that submit a batch: what is taken, and how what isn't is named."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from batchcalls.document import batch_request, document_path
from batchcalls.errors import InvalidRequest
from batchcalls.v1 import outcome_pb2
from batchcalls.v1.batch_calls_service_pb2 import SubmitBatchRequest

ACCEPTANCE = Path(__file__).resolve().parents[1] / "acceptance"

FULL: dict[str, Any] = {
    "calls": [
        {
            "phone_number": "+15550100000",
            "voice_id": "v",
            "script": {"type": "t", "text": "a", "steps": [{"text": "b"}]},
            "priority": -5,
            "variables": {"a": "b"},
            "metadata": {"c": "d"},
            "reference_id": "r",
            "caller_id": "c",
        }
    ],
    "request_id": "request",
    "batch_id": "batch_a",
    "display_name": "n",
    "labels": {"a": "b"},
    "concurrency": 5,
    "max_calls_per_second": 2.5,
    "priority": 20,
    "retry_config": {
        "max_attempts": 3,
        "delay": 0.25,
        "backoff_multiplier": 2,
        "max_delay": 3600,
        "jitter": 0.1,
        "retry_on": ["busy", "no_answer", "voicemail"],
    },
    "retry_order": "retries_first",
    "callback_url": "https://example.com",
    "carrier": "simulator",
    "start_time": "2030-01-31T12:00:00+01:00",
    "call_defaults": {"voice_id": "v", "script": {"text": "a"}, "caller_id": "c"},
}


def read(name: str) -> SubmitBatchRequest:
    return batch_request(json.loads((ACCEPTANCE / name).read_text(encoding="utf-8")))


def violations(document: object) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        batch_request(document)
    return {violation.field: violation.description for violation in caught.value.violations}


def unset(message: Message) -> set[str]:
    fields = {field.name for field in message.DESCRIPTOR.fields}
    return fields - {field.name for field, _ in message.ListFields()}


def test_the_basic_document_is_accepted() -> None:
    """Numbers, scripts as text, concurrency."""
    request = read("basic.json")
    assert [call.phone_number for call in request.calls] == ["+1234567890", "+0987654321"]
    assert request.calls[0].script.text == "Hello, this is a test call."
    assert request.batch.concurrency == 2
    assert not request.batch.HasField("retry_config")


def test_the_advanced_document_is_accepted() -> None:
    """Voices, scripts in steps, a retry configuration with a delay in seconds."""
    request = read("advanced.json")
    assert request.calls[1].voice_id == "voice_male_1"
    assert request.calls[0].script.type == "sales_call"
    assert [step.text for step in request.calls[0].script.steps] == [
        "Hello, I'm calling about our new product."
    ]
    assert request.batch.retry_config.max_attempts == 3
    assert request.batch.retry_config.delay.seconds == 300


def test_the_retry_document_is_accepted() -> None:
    """A whole number where a fraction may stand, and outcomes as words."""
    retry = read("retry.json").batch.retry_config
    assert retry.backoff_multiplier == 2.0
    assert list(retry.retry_on) == [
        outcome_pb2.OUTCOME_BUSY,
        outcome_pb2.OUTCOME_NO_ANSWER,
        outcome_pb2.OUTCOME_FAILED,
    ]


def test_a_document_can_give_every_field() -> None:
    """Whatever the API takes for a batch can be written, but for ``validate_only``."""
    request = batch_request(FULL)
    assert unset(request) == {"validate_only"}
    messages = [
        request.batch,
        request.batch.retry_config,
        request.batch.call_defaults,
        request.calls[0],
        request.calls[0].script,
    ]
    assert [unset(message) for message in messages] == [set()] * len(messages)


def test_values_keep_their_meaning() -> None:
    """Seconds may have fractions, and times an offset."""
    batch = batch_request(FULL).batch
    assert (batch.retry_config.delay.seconds, batch.retry_config.delay.nanos) == (0, 250_000_000)
    assert batch.start_time.ToJsonString() == "2030-01-31T11:00:00Z"


@pytest.mark.parametrize(
    ("document", "path", "description"),
    [
        ([], "document", "must be an object, not a list"),
        ({"calls": {}}, "calls", "must be a list, not an object"),
        ({"calls": [7]}, "calls[0]", "must be an object, not a number"),
        ({"calls": [{"voice_id": None}]}, "calls[0].voice_id", "must be text, not null"),
        ({"calls": [{"priority": True}]}, "calls[0].priority", "must be a number, not a boolean"),
        (
            {"calls": [{"script": {"steps": ["a"]}}]},
            "calls[0].script.steps[0]",
            "must be an object, not text",
        ),
        (
            {"calls": [{"variables": {"a": 4}}]},
            "calls[0].variables[a]",
            "must be text, not a number",
        ),
        (
            {"calls": [{"phone_number": "\ud800"}]},
            "calls[0].phone_number",
            "holds half a surrogate pair, which is no character",
        ),
        ({"concurrency": 1.5}, "concurrency", "must be a whole number, not 1.5"),
        ({"concurrency": 2**31}, "concurrency", "is out of range: it must fit into 32 bits"),
        ({"concurrency": "5"}, "concurrency", "must be a number, not text"),
        ({"max_calls_per_second": 10**400}, "max_calls_per_second", "is out of range"),
        (
            {"max_calls_per_second": float("nan")},
            "max_calls_per_second",
            "must be a finite number, not nan",
        ),
        ({"labels": []}, "labels", "must be an object, not a list"),
        (
            {"start_time": "tomorrow"},
            "start_time",
            "must be an RFC 3339 time such as 2030-01-31T12:00:00Z",
        ),
        (
            {"retry_config": {"delay": float("inf")}},
            "retry_config.delay",
            "must be a finite number, not inf",
        ),
        ({"retry_config": {"delay": 1e12}}, "retry_config.delay", "is out of range"),
        (
            {"retry_order": "fresh"},
            "retry_order",
            '"fresh" is unknown; did you mean "fresh_first"?',
        ),
        (
            {"retry_config": {"retry_on": ["bussy"]}},
            "retry_config.retry_on[0]",
            '"bussy" is unknown; did you mean "busy"?',
        ),
        (
            {"calls": [{"phone_nmber": "+1"}]},
            "calls[0].phone_nmber",
            'is an unknown key; did you mean "phone_number"?',
        ),
        (
            {"retry_config": {"zzz": 1}},
            "retry_config.zzz",
            (
                "is an unknown key; known are max_attempts, delay, backoff_multiplier, max_delay,"
                " jitter, retry_on"
            ),
        ),
    ],
)
def test_a_violation_names_its_place(document: object, path: str, description: str) -> None:
    """Each wrong key or type is listed by its path in the document."""
    assert violations(document) == {path: description}


def test_a_whole_number_may_be_written_with_a_point() -> None:
    """JSON doesn't tell 5 from 5.0."""
    assert batch_request({"concurrency": 5.0}).batch.concurrency == 5


def test_one_reply_lists_every_violation() -> None:
    """Reading goes on behind a violation."""
    document = {"calls": [{"voice_id": 1}, {"priority": "x"}], "concurrency": [], "x": 1}
    assert list(violations(document)) == [
        "calls[0].voice_id",
        "calls[1].priority",
        "concurrency",
        "x",
    ]


def test_zero_is_not_left_out() -> None:
    """Concurrency 0 and a negative delay reach the server, which refuses them."""
    batch = batch_request({"concurrency": 0, "retry_config": {"delay": -1}}).batch
    assert batch.HasField("concurrency")
    assert batch.retry_config.delay.seconds == -1


def keys_of(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(keys_of, value.values()))
    return set().union(*map(keys_of, value)) if isinstance(value, list) else set()


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.just("busy"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(sorted(keys_of(FULL))), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_no_document_breaks_the_reader(document: object) -> None:
    """Whatever JSON can say is a request or an ``InvalidRequest``, and nothing else."""
    with suppress(InvalidRequest):
        batch_request(document)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("batch.retry_config.delay", "retry_config.delay"),
        ("batch.concurrency", "concurrency"),
        ("calls[17].phone_number", "calls[17].phone_number"),
        ("batch_id", "batch_id"),
    ],
)
def test_a_path_of_the_request_is_found_in_the_document(path: str, expected: str) -> None:
    """The document has no ``batch``: its fields stand at the top."""
    assert document_path(path) == expected
