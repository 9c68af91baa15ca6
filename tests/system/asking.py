"""What tests ask a server, in a few words, over the plain stub."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar, cast

import grpc
from google.protobuf.message import Message
from google.rpc import status_pb2
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_health.v1 import health_pb2, health_pb2_grpc

from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.batch_calls_service_pb2_grpc import BatchCallsServiceStub
from batchcalls.v1.call_pb2 import Call
from batchcalls.v1.event_pb2 import Event
from tests.system.server import WAIT_S, Server, eventually

Detail = TypeVar("Detail", bound=Message)

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def read_until(
    stub: BatchCallsServiceStub, batch_id: str, seen: list[Event], *, count: int | None = None
) -> None:
    """Add to ``seen`` what comes after it, until there are ``count`` events or to the end."""
    after = seen[-1].sequence if seen else 0
    request = messages.WatchEventsRequest(batch_id=batch_id, after_sequence=after)
    stream = stub.WatchEvents(request, timeout=WAIT_S)
    for response in stream:
        seen += response.events
        if count is not None and len(seen) >= count:
            stream.cancel()
            return


def calls_of(stub: BatchCallsServiceStub, batch_id: str) -> list[Call]:
    request, calls = messages.ListCallsRequest(batch_id=batch_id, page_size=1_000), list[Call]()
    while True:
        page = stub.ListCalls(request)
        calls += page.calls
        request.page_token = page.next_page_token
        if not request.page_token:
            return calls


def wait_for_calls_up(stub: BatchCallsServiceStub, batch_id: str, count: int) -> None:
    """Until so many people are on the phone: their dials have left, whatever comes next."""
    eventually(lambda: sum(map(_is_up, calls_of(stub, batch_id))) == count)


def _is_up(call: Call) -> bool:
    return any(
        attempt.HasField("answer_time") and not attempt.HasField("end_time")
        for attempt in call.attempts
    )


def wait_for_slots_taken(stub: BatchCallsServiceStub, batch_id: str, count: int) -> None:
    """Until so many calls have an intent: their dials may have left, or may be about to."""
    request = messages.GetBatchRequest(batch_id=batch_id)
    eventually(lambda: stub.GetBatch(request).batch.in_progress == count)


def health(server: Server, service: str = "") -> int:
    """What the health service says of the server, or of one service."""
    with grpc.insecure_channel(server.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)  # its types don't know its methods
        return int(stub.Check(health_pb2.HealthCheckRequest(service=service)).status)


def status_of(error: grpc.RpcError) -> status_pb2.Status:
    """The standard status that a refusal carries."""
    trailers = cast(Iterable[tuple[str, bytes]], error.trailing_metadata())
    return status_pb2.Status.FromString(dict(trailers)["grpc-status-details-bin"])


def detail(status: status_pb2.Status, kind: type[Detail]) -> Detail:
    """The detail of that kind; there must be one."""
    found = kind()
    assert any(packed.Unpack(found) for packed in status.details), f"no {kind.__name__}"
    return found


def reason(error: grpc.RpcError) -> str:
    """The reason that a refusal states."""
    return detail(status_of(error), ErrorInfo).reason
