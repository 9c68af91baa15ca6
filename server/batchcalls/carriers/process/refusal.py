"""The two refusals that promise that no phone rang, as ``google.rpc.Status`` and back.

Only what a carrier itself can have said is believed: gRPC and proxies end RPCs with the same
codes, but without these details, and then nobody knows whether the call was placed.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar, cast

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import status_pb2
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo

from batchcalls.carriers.base import CarrierThrottled, CarrierUnavailable
from batchcalls.errors import DETAILS_KEY, DOMAIN
from batchcalls.wire.spec import duration_s, set_duration

CARRIER_DOWN = "CARRIER_DOWN"
"""The ``reason`` of the ``ErrorInfo``; ``CarrierErrorReason`` in the API."""

Detail = TypeVar("Detail", bound=Message)


class Refusal(NamedTuple):
    """The arguments of ``ServicerContext.abort``."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, bytes], ...]


def refusal(error: CarrierThrottled | CarrierUnavailable) -> Refusal:
    """How a carrier's process ends the PlaceCall that it refuses."""
    if isinstance(error, CarrierThrottled):
        retry = RetryInfo()
        set_duration(retry.retry_delay, error.retry_after_s)
        return _refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error), retry)
    info = ErrorInfo(reason=CARRIER_DOWN, domain=DOMAIN)
    return _refusal(grpc.StatusCode.UNAVAILABLE, str(error), info)


def promise(error: grpc.RpcError) -> CarrierThrottled | CarrierUnavailable | None:
    """What a failed PlaceCall promises; None where the phone may have rung."""
    status = _status(error)
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
        retry = _detail(status, RetryInfo)
        if retry is not None:
            retry_after_s = max(0.0, duration_s(retry.retry_delay))
            return CarrierThrottled(status.message, retry_after_s=retry_after_s)
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        info = _detail(status, ErrorInfo)
        if info is not None and (info.domain, info.reason) == (DOMAIN, CARRIER_DOWN):
            return CarrierUnavailable(status.message)
    return None


def _refusal(code: grpc.StatusCode, message: str, detail: Message) -> Refusal:
    status = status_pb2.Status(code=code.value[0], message=message)
    status.details.add().Pack(detail)
    return Refusal(code, message, ((DETAILS_KEY, status.SerializeToString()),))


def _status(error: grpc.RpcError) -> status_pb2.Status:
    # The stubs type an entry as an object with two attributes; every channel gives a pair.
    metadata = cast("tuple[tuple[str, bytes], ...]", error.trailing_metadata() or ())
    try:
        return status_pb2.Status.FromString(dict(metadata).get(DETAILS_KEY, b""))
    except DecodeError:
        return status_pb2.Status()


def _detail(status: status_pb2.Status, kind: type[Detail]) -> Detail | None:
    detail = kind()
    return detail if any(packed.Unpack(detail) for packed in status.details) else None
