"""Bad input to a real server: every violation by its path, and nothing stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from batchcalls.client import Client
from batchcalls.client.failure import RpcFailed
from batchcalls.errors import Reason
from batchcalls.rpc.server import SERVICE
from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.batch_calls_service_pb2 import SubmitBatchRequest
from batchcalls.v1.batch_calls_service_pb2_grpc import BatchCallsServiceStub
from batchcalls.v1.outcome_pb2 import OUTCOME_COMPLETED, OUTCOME_UNSPECIFIED
from tests.system.requests import batch
from tests.system.server import Place, Server, running_server

Spoil = Callable[[SubmitBatchRequest], object]


def set_number(request: SubmitBatchRequest) -> None:
    request.calls[1].phone_number = "555"


def set_empty_script(request: SubmitBatchRequest) -> None:
    request.calls[0].script.text = ""


def set_two_scripts(request: SubmitBatchRequest) -> None:
    request.calls[0].script.text = "Hello."
    request.calls[0].script.steps.add(text="Hello.")


def set_unknown_variable(request: SubmitBatchRequest) -> None:
    request.calls[2].script.text = "Hello {{name}}."


def set_concurrency(request: SubmitBatchRequest) -> None:
    request.batch.concurrency = 0


def set_attempts(request: SubmitBatchRequest) -> None:
    request.batch.retry_config.max_attempts = 0


def set_delay(request: SubmitBatchRequest) -> None:
    request.batch.retry_config.delay.seconds = -1


def set_retry_on(request: SubmitBatchRequest) -> None:
    request.batch.retry_config.retry_on.append(OUTCOME_COMPLETED)


def set_carrier(request: SubmitBatchRequest) -> None:
    request.batch.carrier = "pigeon"


def set_url(request: SubmitBatchRequest) -> None:
    request.batch.callback_url = "ftp://example.com"


def set_batch_id(request: SubmitBatchRequest) -> None:
    request.batch_id = "Batch 1"


def drop_calls(request: SubmitBatchRequest) -> None:
    del request.calls[:]


KINDS: list[tuple[Spoil, str, Reason]] = [
    (set_number, "calls[1].phone_number", Reason.INVALID_PHONE_NUMBER),
    (set_empty_script, "calls[0].script", Reason.INVALID_SCRIPT),
    (set_two_scripts, "calls[0].script", Reason.INVALID_SCRIPT),
    (set_unknown_variable, "calls[2].script.text", Reason.INVALID_SCRIPT),
    (set_concurrency, "batch.concurrency", Reason.INVALID_FIELD),
    (set_attempts, "batch.retry_config.max_attempts", Reason.INVALID_FIELD),
    (set_delay, "batch.retry_config.delay", Reason.INVALID_FIELD),
    (set_retry_on, "batch.retry_config.retry_on[0]", Reason.INVALID_FIELD),
    (set_carrier, "batch.carrier", Reason.INVALID_FIELD),
    (set_url, "batch.callback_url", Reason.INVALID_FIELD),
    (set_batch_id, "batch_id", Reason.INVALID_FIELD),
    (drop_calls, "calls", Reason.INVALID_FIELD),
]


@pytest.mark.parametrize(("spoil", "path", "reason"), KINDS)
async def test_bad_input_is_named_by_its_path(
    client: Client, spoil: Spoil, path: str, reason: Reason
) -> None:
    """The reply says where and why; no batch comes of it."""
    before = [each.batch_id async for each in client.list_batches()]
    request = batch(3)
    spoil(request)
    failure = await refusal(client, request)
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert [(found.field, found.reason) for found in failure.violations] == [(path, reason)]
    assert [each.batch_id async for each in client.list_batches()] == before


async def test_every_violation_is_in_one_reply(client: Client) -> None:
    """Whoever corrects all that is listed has corrected everything."""
    request = batch(3)
    spoilers = (set_number, set_empty_script, set_concurrency, set_delay, set_url, set_batch_id)
    for spoil in spoilers:
        spoil(request)
    failure = await refusal(client, request)
    assert failure.violation_count == len(spoilers)
    assert {found.field for found in failure.violations} == {
        path for spoil, path, _ in KINDS if spoil in spoilers
    }


async def test_the_total_of_many_violations_is_stated(client: Client) -> None:
    """A reply has room for some; how many there are is never cut short."""
    failure = await refusal(client, batch(["1"] * 5_000))
    assert failure.violation_count == 5_000
    assert 10 <= len(failure.violations) <= 100


NO_OUTCOME = [OUTCOME_UNSPECIFIED]
TOO_SHORT = Duration(nanos=1)


@pytest.mark.parametrize(
    ("rpc", "request_"),
    [
        ("ListBatches", messages.ListBatchesRequest(page_size=-1)),
        ("ListCalls", messages.ListCallsRequest(batch_id="batch_x", page_size=-1)),
        (
            "ListCalls",
            messages.ListCallsRequest(batch_id="batch_x", outcomes=NO_OUTCOME),
        ),
        ("ListEvents", messages.ListEventsRequest(batch_id="batch_x", after_sequence=-1)),
        ("WatchEvents", messages.WatchEventsRequest(batch_id="batch_x", after_sequence=-1)),
        (
            "WatchBatch",
            messages.WatchBatchRequest(batch_id="batch_x", min_interval=TOO_SHORT),
        ),
    ],
)
def test_bad_questions_are_refused(server: Server, rpc: str, request_: object) -> None:
    """Lists and streams check what they are asked for, before they look for the batch."""
    with server.stub() as stub, pytest.raises(grpc.RpcError) as caught:
        answer_of(stub, rpc, request_)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def answer_of(stub: BatchCallsServiceStub, rpc: str, request: object) -> object:
    answer = getattr(stub, rpc)(request)
    return next(answer) if rpc.startswith("Watch") else answer


def test_a_request_of_nothing_takes_no_memory(tmp_path: Path) -> None:
    """Ten million empty calls aren't made into objects before they are refused."""
    with (
        running_server(Place(folder=tmp_path)) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        before = server.memory_mib(peak=True)
        submit: Any = channel.unary_unary(f"/{SERVICE}/SubmitBatch")  # it takes bytes as they are
        with pytest.raises(grpc.RpcError) as caught:
            submit(b"\x12\x00" * 10_000_000)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "more than the 100,000 elements" in str(caught.value.details())
        assert server.memory_mib(peak=True) < before + 100


async def refusal(client: Client, request: SubmitBatchRequest) -> RpcFailed:
    with pytest.raises(RpcFailed) as caught:
        await client.submit(request)
    return caught.value
