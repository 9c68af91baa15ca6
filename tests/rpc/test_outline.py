"""The outline of a request: what is out of all measure is refused before it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from batchcalls.errors import InvalidRequest
from batchcalls.rpc.outline import MAX_ELEMENTS, MAX_FIELDS, MAX_VALUE_BYTES, check_outline
from batchcalls.v1.batch_calls_service_pb2 import ListCallsRequest, SubmitBatchRequest
from batchcalls.v1.call_pb2 import CALL_STATUS_PENDING

CALL, STEP = b"\x12", b"\x1a"
"""The keys of a call in a request and of a step in a script."""


def check(data: bytes, kind: Any = SubmitBatchRequest) -> int:
    """In how many steps the bytes are looked through."""
    return len(list(check_outline(data, kind.DESCRIPTOR)))


def sized(key: bytes, value: bytes) -> bytes:
    """A field as it is on the wire."""
    length, digits = len(value), bytearray()
    while length > 0x7F:
        digits.append(length & 0x7F | 0x80)
        length >>= 7
    return key + bytes([*digits, length]) + value


def refusal(data: bytes) -> tuple[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        check(data)
    (violation,) = caught.value.violations
    return violation.field, violation.description


def labels(request: SubmitBatchRequest) -> None:
    for index in range(MAX_ELEMENTS + 1):
        request.batch.labels[str(index)] = ""


def variables(request: SubmitBatchRequest) -> None:
    request.calls.add()
    call = request.calls.add()
    for index in range(MAX_ELEMENTS + 1):
        call.variables[str(index)] = ""


def display_name(request: SubmitBatchRequest) -> None:
    request.batch.display_name = "x" * (MAX_VALUE_BYTES + 1)


def value(request: SubmitBatchRequest) -> None:
    request.calls.add().variables["x"] = "x" * MAX_VALUE_BYTES


@pytest.mark.parametrize(
    ("fill", "path", "what"),
    [
        (labels, "batch.labels", "100,000 elements"),
        (variables, "calls.variables", "100,000 elements"),
        (display_name, "batch.display_name", "1,048,576 bytes"),
        (value, "calls.variables", "1,048,576 bytes"),
    ],
)
def test_what_is_larger_than_any_that_is_good_is_named(
    fill: Callable[[SubmitBatchRequest], None], path: str, what: str
) -> None:
    """A list, a map or a text, wherever it is."""
    request = SubmitBatchRequest()
    fill(request)
    field, description = refusal(request.SerializeToString())
    assert (field, what in description) == (path, True)


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (sized(CALL, b"") * (MAX_ELEMENTS + 1), "calls"),
        (b"\x92\x00\x00" * (MAX_ELEMENTS + 1), "calls"),
        (sized(CALL, sized(STEP, sized(STEP, b"") * (MAX_ELEMENTS + 1))), "calls.script.steps"),
        (sized(b"\x7a", b"x" * (MAX_VALUE_BYTES + 1)), "(unknown)"),
    ],
)
def test_no_way_to_write_it_gets_past(data: bytes, path: str) -> None:
    """Empty elements, keys that are longer than needed, fields that nobody knows."""
    assert refusal(data)[0] == path


def test_fields_are_counted_over_the_whole_request() -> None:
    """However they are spread: what each costs in memory adds up."""
    call = sized(CALL, sized(STEP, sized(STEP, b"") * 99))
    assert refusal(call * (MAX_FIELDS // 100))[0] == "calls"
    assert "4,000,000 fields" in refusal(b"\x78\x00" * (MAX_FIELDS + 10_000))[1]


def test_a_large_request_that_is_good_passes_in_steps() -> None:
    """The most calls that a batch may have, each with a good deal in it."""
    request = SubmitBatchRequest(request_id="r")
    for index in range(MAX_ELEMENTS):
        call = request.calls.add(phone_number=f"+1999{index:07d}")
        call.script.steps.add().text = "Hello {{name}}"
        call.variables["name"] = "Anna"
        call.priority = -1
    assert check(request.SerializeToString()) > 50


@pytest.mark.parametrize(
    "data", [b"\x12", b"\x12\xff", b"\x12\x05ab", b"\xff" * 1_000_000, b"\x0b\x0c\x0d1234\x091"]
)
def test_what_is_not_well_formed_is_left_to_whoever_reads_it(data: bytes) -> None:
    """It is no message, which is another refusal; it takes no time to see that it ends."""
    check(data)


def test_a_request_of_any_kind_is_looked_at() -> None:
    """A list of numbers is a value: a million statuses are none."""
    request = ListCallsRequest(statuses=[CALL_STATUS_PENDING] * (MAX_VALUE_BYTES + 1))
    with pytest.raises(InvalidRequest, match="statuses: has more"):
        check(request.SerializeToString(), ListCallsRequest)
