"""A server for tests of clients: a process that answers from a few canned batches.

It prints its port and serves until it is killed. It dials nothing; what a batch does follows
from its id:

    batch_done      completed, 25 calls, 60 events
    batch_failed    failed
    batch_busy      running: its streams go quiet after their first message
    batch_flaky     streams of events break with UNAVAILABLE after two messages, and every
                    other watch of it after one
    batch_full      every request is refused with RATE_LIMITED
    batch_lost      the answer to its first submission is lost

``--port`` asks for a port; 0, the default, takes a free one. ``--settled`` has batch_busy
completed. It prints ``left`` when a stream is over.
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import grpc

from batchcalls.errors import (
    BatchCallsError,
    InvalidRequest,
    NotFound,
    OutOfRange,
    Reason,
    TryLater,
    Unavailable,
    Violation,
    WrongState,
)
from batchcalls.rpc.status import refusal
from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1 import batch_calls_service_pb2_grpc as service
from batchcalls.v1 import batch_pb2, call_pb2, event_pb2, outcome_pb2

EVENTS = 60
CALLS = 25
MESSAGE_EVENTS = 7

_STATUS = {
    "batch_done": batch_pb2.BATCH_STATUS_COMPLETED,
    "batch_failed": batch_pb2.BATCH_STATUS_FAILED,
    "batch_busy": batch_pb2.BATCH_STATUS_RUNNING,
    "batch_flaky": batch_pb2.BATCH_STATUS_COMPLETED,
}
_OLD = "old"
"""Whatever has this for its name was submitted before, in 2001."""


class FakeService(service.BatchCallsServiceServicer):
    """Answers as the module says."""

    def __init__(self, *, settled: bool) -> None:
        self._settled = settled
        self._watch_breaks = True
        self._requests: dict[str, str] = {}

    def SubmitBatch(  # noqa: N802 - the name of the RPC
        self, request: messages.SubmitBatchRequest, context: grpc.ServicerContext
    ) -> messages.SubmitBatchResponse:
        violations = [
            Violation(f"calls[{index}].phone_number", "is no number", Reason.INVALID_PHONE_NUMBER)
            for index, call in enumerate(request.calls)
            if not call.phone_number.startswith("+")
        ]
        if request.batch.concurrency == 0 and request.batch.HasField("concurrency"):
            violations.append(Violation("batch.concurrency", "must be at least 1"))
        if violations:
            _refuse(context, InvalidRequest(violations))
        if request.batch_id == "batch_lost":
            return self._submit_lost(request, context)
        batch = _batch(request.batch_id or "batch_done", context)
        batch.total_calls = len(request.calls)
        if request.batch.display_name == _OLD:
            batch.create_time.FromSeconds(1_000_000_000)
        again = request.batch.display_name == _OLD and not request.request_id.startswith("again-")
        return messages.SubmitBatchResponse(batch=batch, already_submitted=again)

    def _submit_lost(
        self, request: messages.SubmitBatchRequest, context: grpc.ServicerContext
    ) -> messages.SubmitBatchResponse:
        """Take it, and lose the answer; the same request again gets it."""
        if request.request_id not in self._requests:
            self._requests[request.request_id] = request.batch_id
            context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        batch = _batch("batch_done", context)
        batch.display_name = str(len(self._requests))
        return messages.SubmitBatchResponse(batch=batch, already_submitted=True)

    def GetBatch(  # noqa: N802 - the name of the RPC
        self, request: messages.GetBatchRequest, context: grpc.ServicerContext
    ) -> messages.GetBatchResponse:
        return messages.GetBatchResponse(batch=_batch(request.batch_id, context))

    def ListBatches(  # noqa: N802 - the name of the RPC
        self, request: messages.ListBatchesRequest, context: grpc.ServicerContext
    ) -> messages.ListBatchesResponse:
        found = [_batch(name, context) for name in _STATUS]
        wanted = [batch for batch in found if batch.status in (request.statuses or (batch.status,))]
        start = int(request.page_token or 0)
        token = str(start + 2) if start + 2 < len(wanted) else ""
        return messages.ListBatchesResponse(
            batches=wanted[start : start + 2], next_page_token=token
        )

    def PauseBatch(  # noqa: N802 - the name of the RPC
        self, request: messages.PauseBatchRequest, context: grpc.ServicerContext
    ) -> messages.PauseBatchResponse:
        batch = _batch(request.batch_id, context)
        if batch.status != batch_pb2.BATCH_STATUS_RUNNING:
            _refuse(context, WrongState("the batch is final", reason=Reason.WRONG_STATE))
        batch.status = batch_pb2.BATCH_STATUS_PAUSED
        return messages.PauseBatchResponse(batch=batch)

    def ResumeBatch(  # noqa: N802 - the name of the RPC
        self, request: messages.ResumeBatchRequest, context: grpc.ServicerContext
    ) -> messages.ResumeBatchResponse:
        return messages.ResumeBatchResponse(batch=_batch(request.batch_id, context))

    def CancelBatch(  # noqa: N802 - the name of the RPC
        self, request: messages.CancelBatchRequest, context: grpc.ServicerContext
    ) -> messages.CancelBatchResponse:
        batch = _batch(request.batch_id, context)
        canceling, canceled = batch_pb2.BATCH_STATUS_CANCELING, batch_pb2.BATCH_STATUS_CANCELED
        batch.status = canceled if request.hang_up else canceling
        return messages.CancelBatchResponse(batch=batch)

    def GetCall(  # noqa: N802 - the name of the RPC
        self, request: messages.GetCallRequest, context: grpc.ServicerContext
    ) -> messages.GetCallResponse:
        return messages.GetCallResponse(call=_call("batch_done", 0))

    def ListCalls(  # noqa: N802 - the name of the RPC
        self, request: messages.ListCallsRequest, context: grpc.ServicerContext
    ) -> messages.ListCallsResponse:
        _batch(request.batch_id, context)
        found = [_call(request.batch_id, position) for position in range(CALLS)]
        wanted = [
            call
            for call in found
            if call.status in (request.statuses or (call.status,))
            and call.outcome in (request.outcomes or (call.outcome,))
        ]
        start = int(request.page_token or 0)
        token = str(start + 10) if start + 10 < len(wanted) else ""
        return messages.ListCallsResponse(calls=wanted[start : start + 10], next_page_token=token)

    def WatchBatch(  # noqa: N802 - the name of the RPC
        self, request: messages.WatchBatchRequest, context: grpc.ServicerContext
    ) -> Iterator[messages.WatchBatchResponse]:
        batch = _batch(request.batch_id, context)
        left = _leaving(context)
        final = batch.status
        batch.status = batch_pb2.BATCH_STATUS_RUNNING
        for _ in range(3):  # the second and the third are heartbeats
            yield messages.WatchBatchResponse(batch=batch)
        if batch.batch_id == "batch_flaky":
            self._watch_breaks = not self._watch_breaks
            if not self._watch_breaks:
                _refuse(context, Unavailable("restarting", reason=Reason.SHUTTING_DOWN))
        if batch.batch_id == "batch_busy":
            final = batch_pb2.BATCH_STATUS_COMPLETED
            self._stay_quiet_until(left)
        batch.status = final
        yield messages.WatchBatchResponse(batch=batch)

    def WatchEvents(  # noqa: N802 - the name of the RPC
        self, request: messages.WatchEventsRequest, context: grpc.ServicerContext
    ) -> Iterator[messages.WatchEventsResponse]:
        found = _events(request, context)
        left = _leaving(context)
        for sent, start in enumerate(range(0, len(found), MESSAGE_EVENTS)):
            if sent == 1 and request.batch_id == "batch_busy":
                self._stay_quiet_until(left)
            if sent == 2 and request.batch_id == "batch_flaky":
                _refuse(context, Unavailable("restarting", reason=Reason.SHUTTING_DOWN))
            page = found[start : start + MESSAGE_EVENTS]
            yield messages.WatchEventsResponse(events=page, last_sequence=page[-1].sequence)

    def ListEvents(  # noqa: N802 - the name of the RPC
        self, request: messages.ListEventsRequest, context: grpc.ServicerContext
    ) -> messages.ListEventsResponse:
        found = _events(request, context)[:MESSAGE_EVENTS]
        reached = found[-1].sequence if len(found) == MESSAGE_EVENTS else EVENTS
        return messages.ListEventsResponse(
            events=found, last_sequence=EVENTS, next_after_sequence=reached
        )

    def _stay_quiet_until(self, left: threading.Event) -> None:
        if not self._settled:
            left.wait()


def _leaving(context: grpc.ServicerContext) -> threading.Event:
    """Set, and said, when the stream is over, however it ends."""
    left = threading.Event()

    def leave() -> None:
        _say("left")
        left.set()

    context.add_callback(leave)
    return left


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - how the test learns it


def _refuse(context: grpc.ServicerContext, error: BatchCallsError) -> NoReturn:
    code, details, metadata = refusal(error, error_id="e1")
    context.set_trailing_metadata(metadata)
    context.abort(code, details)


def _batch(batch_id: str, context: grpc.ServicerContext) -> batch_pb2.Batch:
    if batch_id == "batch_full":
        _refuse(context, TryLater("too many", reason=Reason.RATE_LIMITED, retry_after_s=2))
    if batch_id not in _STATUS:
        _refuse(context, NotFound(f"no batch {batch_id}", reason=Reason.BATCH_NOT_FOUND))
    batch = batch_pb2.Batch(
        batch_id=batch_id,
        status=_STATUS[batch_id],
        display_name="Spring\tcampaign",
        concurrency=5,
        total_calls=CALLS,
        completed_calls=CALLS,
        attempts=40,
        last_sequence=EVENTS,
    )
    batch.create_time.FromSeconds(1_800_000_000)
    return batch


def _call(batch_id: str, position: int) -> call_pb2.Call:
    failed = position % 5 == 4
    call = call_pb2.Call(
        call_id=f"call_{batch_id.removeprefix('batch_')}_{position}",
        batch_id=batch_id,
        status=call_pb2.CALL_STATUS_FAILED if failed else call_pb2.CALL_STATUS_COMPLETED,
        outcome=outcome_pb2.OUTCOME_BUSY if failed else outcome_pb2.OUTCOME_COMPLETED,
    )
    call.spec.phone_number = f"+1555010{position:04}"
    return call


def _events(
    request: messages.WatchEventsRequest | messages.ListEventsRequest,
    context: grpc.ServicerContext,
) -> list[event_pb2.Event]:
    """Every third event ends an attempt busy, every third completed, the others start one."""
    _batch(request.batch_id, context)
    if request.after_sequence > EVENTS:
        _refuse(context, OutOfRange("beyond", reason=Reason.SEQUENCE_OUT_OF_RANGE))
    found = []
    for sequence in range(request.after_sequence + 1, EVENTS + 1):
        kind, outcome = (
            (event_pb2.EVENT_TYPE_CALL_STARTED, outcome_pb2.OUTCOME_UNSPECIFIED),
            (event_pb2.EVENT_TYPE_CALL_RETRY_SCHEDULED, outcome_pb2.OUTCOME_BUSY),
            (event_pb2.EVENT_TYPE_CALL_COMPLETED, outcome_pb2.OUTCOME_COMPLETED),
        )[sequence % 3]
        event = event_pb2.Event(sequence=sequence, type=kind, batch_id=request.batch_id)
        event.call_id = "call_done_0"
        event.attempt.number = 1
        event.attempt.outcome = outcome
        found.append(event)
    return [event for event in found if event.type in (request.types or (event.type,))]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", default="0")
    parser.add_argument("--settled", action="store_true")
    arguments = parser.parse_args()
    server = grpc.server(ThreadPoolExecutor(max_workers=16), options=(("grpc.so_reuseport", 0),))
    service.add_BatchCallsServiceServicer_to_server(FakeService(settled=arguments.settled), server)
    port = server.add_insecure_port(f"127.0.0.1:{arguments.port}")
    server.start()
    _say(str(port))
    server.wait_for_termination()


if __name__ == "__main__":
    main()
