"""Which refusals promise that no phone rang."""

from __future__ import annotations

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2

from batchcalls.carriers.base import CarrierThrottled, CarrierUnavailable
from batchcalls.carriers.process.refusal import CARRIER_DOWN, Refusal, promise, refusal
from batchcalls.errors import DOMAIN
from batchcalls.v1.carrier_service_pb2 import CarrierErrorReason


def failed(code: grpc.StatusCode, trailers: tuple[tuple[str, bytes], ...] = ()) -> grpc.RpcError:
    """The error that a client sees of an RPC that ended so."""
    metadata = grpc.aio.Metadata(*trailers)
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata, details="too bad")


def over_the_wire(refused: Refusal) -> CarrierThrottled | CarrierUnavailable | None:
    return promise(failed(refused.code, refused.trailing_metadata))


def test_throttled_keeps_its_delay() -> None:
    """The engine learns when to come back, to the millisecond and below."""
    told = over_the_wire(refusal(CarrierThrottled("every line is taken", retry_after_s=1.25)))
    assert isinstance(told, CarrierThrottled)
    assert str(told) == "every line is taken"
    assert told.retry_after_s == 1.25


def test_down_is_down() -> None:
    """The engine stops dialing that carrier for a while."""
    told = over_the_wire(refusal(CarrierUnavailable("maintenance")))
    assert isinstance(told, CarrierUnavailable)
    assert str(told) == "maintenance"


def test_the_reason_is_in_the_api() -> None:
    """A carrier in another language finds the word in the proto file."""
    assert f"CARRIER_ERROR_REASON_{CARRIER_DOWN}" in CarrierErrorReason.keys()  # noqa: SIM118 - it is no dict


@pytest.mark.parametrize("code", set(grpc.StatusCode))
def test_a_code_alone_promises_nothing(code: grpc.StatusCode) -> None:
    """gRPC ends RPCs with the same codes when the carrier may have dialed."""
    assert promise(failed(code)) is None


@pytest.mark.parametrize("code", set(grpc.StatusCode) - {grpc.StatusCode.RESOURCE_EXHAUSTED})
def test_a_delay_with_another_code_promises_nothing(code: grpc.StatusCode) -> None:
    """Only the code and the detail together are a refusal."""
    trailers = refusal(CarrierThrottled()).trailing_metadata
    assert promise(failed(code, trailers)) is None


@pytest.mark.parametrize(
    ("domain", "reason"), [(DOMAIN, "STORE_UNAVAILABLE"), ("proxy.example", CARRIER_DOWN)]
)
def test_unavailable_for_another_reason_promises_nothing(domain: str, reason: str) -> None:
    """The word counts only in our own domain, and only that word."""
    status = status_pb2.Status()
    status.details.add().Pack(error_details_pb2.ErrorInfo(domain=domain, reason=reason))
    trailers = (("grpc-status-details-bin", status.SerializeToString()),)
    assert promise(failed(grpc.StatusCode.UNAVAILABLE, trailers)) is None


def test_garbage_promises_nothing() -> None:
    """Details that can't be read are as good as none."""
    trailers = (("grpc-status-details-bin", b"\xff\xff\xff"),)
    assert promise(failed(grpc.StatusCode.RESOURCE_EXHAUSTED, trailers)) is None
