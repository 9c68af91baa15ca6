"""What becomes of an error on its way from the server to a client's exception."""

from __future__ import annotations

import grpc
import grpc.aio
import pytest
from google.rpc import status_pb2
from google.rpc.error_details_pb2 import ErrorInfo

from batchcalls import errors
from batchcalls.client.failure import rpc_failed
from batchcalls.errors import DETAILS_KEY, BatchCallsError, InvalidRequest, Reason, Violation
from batchcalls.rpc.status import refusal


def arrived(code: grpc.StatusCode, details: str, packed: bytes | None) -> grpc.aio.AioRpcError:
    trailers = () if packed is None else ((DETAILS_KEY, packed),)
    metadata = grpc.aio.Metadata(("x-other", "1"), *trailers)
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata, details)


def sent(error: BatchCallsError) -> grpc.aio.AioRpcError:
    code, details, ((_, packed),) = refusal(error, error_id="e1")
    return arrived(code, details, packed)


@pytest.mark.parametrize(
    "error",
    [
        errors.NotFound("no such batch", reason=Reason.BATCH_NOT_FOUND),
        errors.WrongState("it is final", reason=Reason.WRONG_STATE),
        errors.Conflict("in use", reason=Reason.BATCH_ID_TAKEN),
        errors.Unavailable("the disk is full", reason=Reason.STORE_UNAVAILABLE),
    ],
)
def test_code_reason_and_message_arrive(error: BatchCallsError) -> None:
    """What the server raised, the client raises in its own type."""
    failure = rpc_failed(sent(error))
    assert (failure.code.name, failure.reason) == (error.code, error.reason)
    assert failure.message == str(error)
    assert failure.by_service


def test_violations_arrive_with_their_number() -> None:
    """Those that had no room are counted."""
    violations = [
        Violation(f"calls[{index}].script", "is empty", Reason.INVALID_SCRIPT)
        for index in range(1_000)
    ]
    failure = rpc_failed(sent(InvalidRequest(violations)))
    assert failure.violations == tuple(violations[: len(failure.violations)])
    assert failure.violation_count == 1_000


def test_a_delay_arrives() -> None:
    """In seconds, fractions kept."""
    error = errors.TryLater("busy", reason=Reason.SYSTEM_CAPACITY, retry_after_s=2.5)
    assert rpc_failed(sent(error)).retry_after_s == 2.5


@pytest.mark.parametrize("packed", [None, b"\xff\xff"])
def test_an_error_of_somebody_else_has_its_code_and_text(packed: bytes | None) -> None:
    """gRPC itself, a proxy or garbage: no reason, no details, no crash."""
    failure = rpc_failed(arrived(grpc.StatusCode.UNAVAILABLE, "connection refused", packed))
    assert (failure.reason, failure.violations, failure.retry_after_s) == (None, (), None)
    assert str(failure) == "UNAVAILABLE: connection refused"
    assert not failure.by_service


def test_an_error_without_a_text_is_named_by_its_code() -> None:
    """There is always something to read."""
    failure = rpc_failed(arrived(grpc.StatusCode.DEADLINE_EXCEEDED, "", None))
    assert failure.message == "deadline exceeded"


@pytest.mark.parametrize(
    ("error", "resumable"),
    [
        (errors.Unavailable("it ends", reason=Reason.SHUTTING_DOWN), True),
        (errors.TryLater("busy", reason=Reason.RATE_LIMITED, retry_after_s=2.5), True),
        (errors.NotFound("no such batch", reason=Reason.BATCH_NOT_FOUND), False),
        (errors.OutOfRange("beyond", reason=Reason.SEQUENCE_OUT_OF_RANGE), False),
        (RuntimeError("a bug"), False),
    ],
)
def test_what_the_service_says_about_a_stream_is_obeyed(
    error: Exception, *, resumable: bool
) -> None:
    """It names the delay after which to come back; without one there is no use in it."""
    code, details, ((_, packed),) = refusal(error, error_id="e1")
    assert rpc_failed(arrived(code, details, packed)).resumable is resumable


@pytest.mark.parametrize("code", ["UNAVAILABLE", "CANCELLED", "INTERNAL", "UNKNOWN"])
def test_what_the_service_did_not_say_was_the_transport(code: str) -> None:
    """Whatever code a broken connection or a proxy comes up with, the stream is opened again."""
    assert rpc_failed(arrived(grpc.StatusCode[code], "RST_STREAM", None)).resumable


def test_reasons_of_a_newer_service_are_obeyed_too() -> None:
    """What they mean isn't known, but that it was the service is, and whether it gave a delay."""
    status = status_pb2.Status(code=grpc.StatusCode.UNAVAILABLE.value[0])
    status.details.add().Pack(ErrorInfo(reason="MOVED", domain="batchcalls"))
    failure = rpc_failed(arrived(grpc.StatusCode.UNAVAILABLE, "", status.SerializeToString()))
    assert (failure.reason, failure.by_service, failure.resumable) == (None, True, False)
