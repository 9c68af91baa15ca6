"""What a client learns from an error, read back as clients read it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, cast

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, QuotaFailure, RetryInfo

from batchcalls.client.failure import RpcFailed, rpc_failed
from batchcalls.errors import (
    DETAILS_KEY,
    BatchCallsError,
    Conflict,
    InvalidRequest,
    LimitExceeded,
    NotFound,
    OutOfRange,
    Reason,
    StaleEtag,
    TryLater,
    Unavailable,
    UnknownMethod,
    UnreadableRequest,
    Violation,
    WrongState,
    batch_not_found,
    call_not_found,
)
from batchcalls.rpc.status import refusal, status_of

NUMBER = Violation("calls[17].phone_number", "is too short", Reason.INVALID_PHONE_NUMBER)
FIELD = Violation("batch.concurrency", "must be at least 1")


class Failed(grpc.RpcError):
    """A refusal as it arrives at a client."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._refusal = refusal(error, error_id="e1")

    def code(self) -> grpc.StatusCode:
        return self._refusal.code

    def details(self) -> str:
        return self._refusal.details

    # The stubs name a type for entries that nobody can make.
    def trailing_metadata(self) -> Any:
        return self._refusal.trailing_metadata


def seen(error: Exception) -> RpcFailed:
    return rpc_failed(Failed(error))


def details(error: Exception, kind: type[Message]) -> list[Message]:
    found = []
    for packed in status_of(error, error_id="e1").details:
        detail = kind()
        if packed.Unpack(detail):
            found.append(detail)
    return found


def info(error: Exception) -> ErrorInfo:
    (only,) = details(error, ErrorInfo)
    return cast(ErrorInfo, only)


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequest([FIELD]),
        UnreadableRequest("no message", reason=Reason.UNREADABLE_REQUEST),
        UnknownMethod("no such RPC", reason=Reason.UNKNOWN_METHOD),
        OutOfRange("beyond the end", reason=Reason.SEQUENCE_OUT_OF_RANGE),
        NotFound("no such batch", reason=Reason.BATCH_NOT_FOUND),
        Conflict("taken", reason=Reason.BATCH_ID_TAKEN),
        WrongState("is final", reason=Reason.WRONG_STATE),
        StaleEtag("has changed", reason=Reason.STALE_ETAG),
        LimitExceeded("above", reason=Reason.CONCURRENCY_LIMIT, subject="concurrency", limit=9),
        TryLater("full", reason=Reason.SYSTEM_CAPACITY, retry_after_s=2.5),
        Unavailable("the disk is full", reason=Reason.STORE_UNAVAILABLE),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_error_tells_its_code_message_and_reason(error: BatchCallsError) -> None:
    """The same on both sides, in the domain of the service."""
    failed = seen(error)
    assert (failed.code.name, failed.message, failed.reason) == (
        error.code,
        str(error),
        error.reason,
    )
    assert info(error).domain == "batchcalls"


def test_violations_arrive_with_their_reasons() -> None:
    """In order, and with their total."""
    error = InvalidRequest([NUMBER, FIELD], total=7)
    assert seen(error).violations == (NUMBER, FIELD)
    assert info(error).metadata["violations"] == "7"
    assert seen(error).message == "calls[17].phone_number: is too short (and 6 more)"


@pytest.mark.parametrize("letter", ["a", "ä", "\U0001f4de"])
@pytest.mark.parametrize("length", [1, 60, 300])
def test_trailers_stay_small_enough_for_every_client(letter: str, length: int) -> None:
    """100 long violations don't fit into 8 KiB: fewer are listed, the total is stated."""
    many = [Violation(f"batch.labels[{letter * length}{n}]", "is bad") for n in range(100)]
    error = InvalidRequest(many, total=12_345)
    answer = refusal(error, error_id="e1")
    ((key, blob),) = answer.trailing_metadata
    message = "".join(f"%{byte:02X}" for byte in answer.details.encode() if byte > 127)
    message += "".join(letter for letter in answer.details if letter.isascii())
    assert key == DETAILS_KEY
    assert len(base64.b64encode(blob)) + len(message) < 8_000
    listed = seen(error).violations
    assert list(listed) == many[: len(listed)]
    assert listed
    assert info(error).metadata["violations"] == "12345"


@pytest.mark.parametrize("letter", ["a", "ä", "\U0001f4de", "\0"])
def test_a_message_is_cut_before_it_fills_the_trailer(letter: str) -> None:
    """It may quote what a client sent; violations keep their room beside it."""
    error = InvalidRequest([FIELD, Violation("x", letter * 10_000)])
    assert seen(error).violations == (FIELD,)
    long = InvalidRequest([Violation("x", letter * 10_000), FIELD])
    assert 600 <= len(seen(long).message.encode()) <= 604
    assert seen(long).message.startswith("x: " + letter)
    assert len(base64.b64encode(refusal(long, error_id="e1").trailing_metadata[0][1])) < 8_000


@pytest.mark.parametrize("not_found", [batch_not_found, call_not_found])
def test_a_long_id_is_shown_in_short(not_found: Callable[[str], NotFound]) -> None:
    """64 characters are more than any of our ids has."""
    assert str(not_found("x" * 64)).endswith(" " + "x" * 64)
    assert str(not_found("x" * 65)).endswith(" " + "x" * 64 + "…")


def test_a_limit_names_its_subject_and_value() -> None:
    """QuotaFailure says which quota, ErrorInfo how much it is."""
    error = LimitExceeded(
        "101 is above the limit of 100",
        reason=Reason.CONCURRENCY_LIMIT,
        subject="concurrency",
        limit=100,
    )
    (quota,) = details(error, QuotaFailure)
    assert quota == QuotaFailure(
        violations=[
            QuotaFailure.Violation(
                subject="concurrency", description="101 is above the limit of 100"
            )
        ]
    )
    assert info(error).metadata["limit"] == "100"


@pytest.mark.parametrize(
    ("error", "retry_after_s"),
    [
        (TryLater("full", reason=Reason.RATE_LIMITED, retry_after_s=2.5), 2.5),
        (Unavailable("shuts down", reason=Reason.SHUTTING_DOWN), 1.0),
    ],
)
def test_what_passes_later_says_when(error: BatchCallsError, retry_after_s: float) -> None:
    """RetryInfo carries the delay."""
    assert len(details(error, RetryInfo)) == 1
    assert seen(error).retry_after_s == retry_after_s


@pytest.mark.parametrize(
    "error",
    [
        WrongState("is final", reason=Reason.WRONG_STATE),
        LimitExceeded("above", reason=Reason.CONCURRENCY_LIMIT, subject="concurrency", limit=9),
        RuntimeError("boom"),
    ],
)
def test_what_never_passes_names_no_delay(error: Exception) -> None:
    """A client that repeats such a request only wastes its time."""
    assert seen(error).retry_after_s is None


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("the password is hunter2"),
        BatchCallsError("the password is hunter2", reason=Reason.INTERNAL),
    ],
)
def test_nothing_of_a_fault_leaves_the_server(error: Exception) -> None:
    """INTERNAL, an error id, and no word of the exception."""
    answer = refusal(error, error_id="e1")
    assert answer.code is grpc.StatusCode.INTERNAL
    assert "e1" in answer.details
    assert info(error).metadata["error_id"] == "e1"
    assert seen(error).reason is Reason.INTERNAL
    assert "hunter2" not in repr(answer)


def test_only_bad_requests_have_violations() -> None:
    """No other error carries an empty BadRequest."""
    assert details(NotFound("no", reason=Reason.BATCH_NOT_FOUND), BadRequest) == []
    assert len(details(InvalidRequest([FIELD]), BadRequest)) == 1
