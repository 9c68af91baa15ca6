"""What a failed RPC means, as one exception for every client.

A gRPC error keeps its standard details (``google.rpc.Status``) in bytes; here they become
fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar, cast

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import status_pb2
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo

from batchcalls.errors import DETAILS_KEY, DOMAIN, Reason, Violation

Detail = TypeVar("Detail", bound=Message)


class RpcFailed(Exception):
    """The server refused a request, or couldn't be reached.

    ``code`` says which kind of failure it is. ``by_service`` tells who said so: the service, by an
    ``ErrorInfo`` of its domain, or else the transport (gRPC itself, or a proxy). ``reason`` is None
    for the latter, and for a server with reasons that this version doesn't know.
    ``violations`` names bad fields, as many as the reply had room for; ``violation_count`` is
    how many there are. ``retry_after_s`` is the seconds after which the same request may pass,
    None where the server said nothing of the sort.
    """

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode,
        reason: Reason | None = None,
        violations: Sequence[Violation] = (),
        violation_count: int = 0,
        retry_after_s: float | None = None,
        by_service: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.reason = reason
        self.violations = tuple(violations)
        self.violation_count = max(violation_count, len(violations))
        self.retry_after_s = retry_after_s
        self.by_service = by_service

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"

    @property
    def resumable(self) -> bool:
        """Whether a stream that ended so may be opened again.

        What the service said is obeyed: it says after how long, or it is final. What it didn't say
        was the transport, whatever the code: then it may, with backoff.
        """
        return self.retry_after_s is not None if self.by_service else True


def rpc_failed(error: grpc.RpcError) -> RpcFailed:
    """The failure behind what gRPC raised, of any kind of channel."""
    status = _status(error)
    info = _detail(status, ErrorInfo)
    retry_info = _detail(status, RetryInfo)
    return RpcFailed(
        status.message or error.details() or error.code().name.replace("_", " ").lower(),
        code=error.code(),
        reason=_reason(info),
        violations=_violations(_detail(status, BadRequest)),
        violation_count=_violation_count(info),
        retry_after_s=retry_info.retry_delay.ToTimedelta().total_seconds() if retry_info else None,
        by_service=info is not None and info.domain == DOMAIN,
    )


def _status(error: grpc.RpcError) -> status_pb2.Status:
    """The standard status; empty where gRPC itself failed, or a proxy answered."""
    # The stubs type an entry as an object with two attributes; every channel gives a pair.
    metadata = cast(Iterable[tuple[str, bytes]], error.trailing_metadata() or ())
    try:
        return status_pb2.Status.FromString(dict(metadata).get(DETAILS_KEY, b""))
    except DecodeError:
        return status_pb2.Status()


def _detail(status: status_pb2.Status, kind: type[Detail]) -> Detail | None:
    detail = kind()
    return detail if any(packed.Unpack(detail) for packed in status.details) else None


def _reason(info: ErrorInfo | None) -> Reason | None:
    known = info is not None and info.domain == DOMAIN and info.reason in Reason.__members__
    return Reason(info.reason) if info is not None and known else None


def _violation_count(info: ErrorInfo | None) -> int:
    count = info.metadata.get("violations", "") if info else ""
    return int(count) if count.isdecimal() else 0


def _violations(bad_request: BadRequest | None) -> tuple[Violation, ...]:
    if bad_request is None:
        return ()
    return tuple(
        Violation(found.field, found.description, Reason(found.reason))
        if found.reason in Reason.__members__
        else Violation(found.field, found.description)
        for found in bad_request.field_violations
    )
