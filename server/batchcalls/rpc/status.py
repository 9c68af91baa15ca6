"""Errors to ``google.rpc.Status``; ``client.failure`` is the way back, on the client's side.

Every refusal carries an ``ErrorInfo`` with its reason and, by its kind, the field violations,
the quota or the delay. Of an exception that isn't ours nothing leaves the server but an error
id; logging the rest under that id is the caller's duty.

A status travels in a trailer, base64-encoded, and clients refuse trailers of more than 8 KiB
(some at random, with an error of their own). So as many violations are listed as fit, in
order; the total is always stated.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from batchcalls.errors import (
    DETAILS_KEY,
    DOMAIN,
    BatchCallsError,
    InvalidRequest,
    LimitExceeded,
    Reason,
    TryLater,
    Unavailable,
    Violation,
)
from batchcalls.wire.spec import set_duration

MAX_TRAILER_BYTES = 7_800
"""The room for status and message, encoded, in the 8,192 bytes that clients accept."""

UNAVAILABLE_RETRY_S = 1.0
"""When to try again while the server can't serve: a restart or a commit takes about that."""

_MESSAGE_BYTES = 600
"""The most UTF-8 bytes of a message: it is sent twice, and may quote what a client sent.

Encoded it takes three times as much at most, so there is always room for violations beside it.
"""

_DETAIL_BYTES = 64
"""What a detail takes around its message: the type's URL, tags and lengths."""

_LENGTH_BYTES = 4
"""What a violation takes around its message: a tag and a length."""

_CODES = {code.value[0]: code for code in grpc.StatusCode}


class Refusal(NamedTuple):
    """The arguments of ``ServicerContext.abort``."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, bytes], ...]


def refusal(error: Exception, *, error_id: str) -> Refusal:
    """How to end an RPC that failed with ``error``."""
    status = status_of(error, error_id=error_id)
    return Refusal(
        _CODES[status.code], status.message, ((DETAILS_KEY, status.SerializeToString()),)
    )


def status_of(error: Exception, *, error_id: str) -> status_pb2.Status:
    """What a client learns about ``error``; ``error_id`` stands for all that it mustn't."""
    if not isinstance(error, BatchCallsError) or error.code == "INTERNAL":
        return _internal(error_id)
    status = status_pb2.Status(
        code=grpc.StatusCode[error.code].value[0], message=_bounded(str(error))
    )
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN)
    match error:
        case InvalidRequest():
            info.metadata["violations"] = str(error.total)
            _attach(status, info)
            _attach(status, _bad_request(error.violations, _room(status)))
        case LimitExceeded():
            info.metadata["limit"] = str(error.limit)
            _attach(status, info, _quota(error))
        case TryLater():
            _attach(status, info, _retry(error.retry_after_s))
        case Unavailable():
            _attach(status, info, _retry(UNAVAILABLE_RETRY_S))
        case _:
            _attach(status, info)
    return status


def _bounded(message: str) -> str:
    encoded = message.encode()
    if len(encoded) <= _MESSAGE_BYTES:
        return message
    return encoded[:_MESSAGE_BYTES].decode(errors="ignore") + "…"


def _internal(error_id: str) -> status_pb2.Status:
    message = f"internal error {error_id}; the server's log has more under this id"
    status = status_pb2.Status(code=grpc.StatusCode.INTERNAL.value[0], message=message)
    info = error_details_pb2.ErrorInfo(reason=Reason.INTERNAL, domain=DOMAIN)
    info.metadata["error_id"] = error_id
    _attach(status, info)
    return status


def _attach(status: status_pb2.Status, *details: Message) -> None:
    for detail in details:
        status.details.add().Pack(detail)


def _quota(error: LimitExceeded) -> error_details_pb2.QuotaFailure:
    quota = error_details_pb2.QuotaFailure()
    quota.violations.add(subject=error.subject, description=str(error))
    return quota


def _retry(delay_s: float) -> error_details_pb2.RetryInfo:
    retry = error_details_pb2.RetryInfo()
    set_duration(retry.retry_delay, delay_s)
    return retry


def _room(status: status_pb2.Status) -> int:
    """How many bytes of violations still fit beside what ``status`` holds."""
    encoded = MAX_TRAILER_BYTES - len(quote(status.message))
    return encoded * 3 // 4 - status.ByteSize() - _DETAIL_BYTES


def _bad_request(violations: tuple[Violation, ...], room: int) -> error_details_pb2.BadRequest:
    bad_request = error_details_pb2.BadRequest()
    for violation in violations:
        found = error_details_pb2.BadRequest.FieldViolation(
            field=violation.field, description=violation.description, reason=violation.reason
        )
        room -= found.ByteSize() + _LENGTH_BYTES
        if room < 0:
            break
        bad_request.field_violations.append(found)
    return bad_request
