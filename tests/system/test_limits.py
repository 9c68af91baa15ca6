"""What a server takes on is limited, and whoever is refused learns when to come back."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from google.rpc import status_pb2
from google.rpc.error_details_pb2 import ErrorInfo, QuotaFailure, RetryInfo

from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.batch_calls_service_pb2_grpc import BatchCallsServiceStub
from tests.system.asking import detail, status_of
from tests.system.requests import ENDLESS, batch
from tests.system.server import Place, eventually, running_server


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BatchCallsServiceStub]:
    """A server that takes on little, as its file of settings says."""
    place = Place(
        folder=tmp_path_factory.mktemp("limits"),
        settings="max_open_batches = 2\nmax_open_calls = 1000\nmax_concurrent_calls = 7",
    )
    with running_server(place) as server, server.stub() as stub:
        yield stub


def test_concurrency_above_the_limit_is_a_quota_failure(stub: BatchCallsServiceStub) -> None:
    """The reply names the quota; waiting wouldn't help, so it names no time."""
    refused = refusal(stub, batch(concurrency=8))
    assert refused.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    assert detail(refused, ErrorInfo).reason == "CONCURRENCY_LIMIT"
    assert detail(refused, QuotaFailure).violations[0].subject == "concurrency"
    assert not any(each.Unpack(RetryInfo()) for each in refused.details)


def test_a_server_that_is_full_says_when_to_come_back(stub: BatchCallsServiceStub) -> None:
    """Too many open batches or calls are refused until there is room again."""
    submit, cancel = stub.SubmitBatch, messages.CancelBatchRequest
    made = [submit(batch([ENDLESS], concurrency=1)).batch.batch_id for _ in range(2)]
    assert is_at_capacity(refusal(stub, batch(concurrency=1)))
    stub.CancelBatch(cancel(batch_id=made[0], hang_up=True))
    ended = messages.GetBatchRequest(batch_id=made[0])
    eventually(lambda: stub.GetBatch(ended).batch.HasField("end_time"))
    assert is_at_capacity(refusal(stub, batch(1_000, concurrency=1)))
    made.append(submit(batch([ENDLESS], concurrency=1)).batch.batch_id)
    for batch_id in made[1:]:
        stub.CancelBatch(cancel(batch_id=batch_id, hang_up=True))


def test_too_many_submissions_are_rate_limited(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Above the rate a submission is refused with the time after which it may pass."""
    folder = tmp_path_factory.mktemp("rate")
    place = Place(folder=folder, settings="max_submissions_per_second = 0.01")
    with running_server(place) as server, server.stub() as stub:
        stub.SubmitBatch(batch())
        refused = eventually(lambda: try_submit(stub, batch()))
    assert refused is not None
    assert detail(refused, ErrorInfo).reason == "RATE_LIMITED"
    assert detail(refused, RetryInfo).retry_delay.ToTimedelta().total_seconds() > 0


def refusal(stub: BatchCallsServiceStub, request: messages.SubmitBatchRequest) -> status_pb2.Status:
    refused = try_submit(stub, request)
    assert refused is not None, "it was taken"
    return refused


def try_submit(
    stub: BatchCallsServiceStub, request: messages.SubmitBatchRequest
) -> status_pb2.Status | None:
    """None when it was taken, or with what it was refused."""
    try:
        stub.SubmitBatch(request)
    except grpc.RpcError as error:
        return status_of(error)
    return None


def is_at_capacity(status: status_pb2.Status) -> bool:
    later = detail(status, RetryInfo).retry_delay.ToTimedelta().total_seconds() > 0
    return later and detail(status, ErrorInfo).reason == "SYSTEM_CAPACITY"
