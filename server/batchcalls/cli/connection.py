"""A synchronous client for the commands.

A command does one thing after the other, so it needs no event loop: the synchronous stubs
start fast and run on every Python, which trio-asyncio doesn't. The client for programs is
``batchcalls.client``; what failures mean, and when to come back, is common to both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
from google.protobuf.duration_pb2 import Duration

from batchcalls.client.channel import CHANNEL_OPTIONS
from batchcalls.client.failure import RpcFailed, rpc_failed
from batchcalls.client.resume import Patience
from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.batch_calls_service_pb2_grpc import BatchCallsServiceStub
from batchcalls.v1.batch_pb2 import Batch, BatchStatus
from batchcalls.v1.call_pb2 import Call, CallStatus
from batchcalls.v1.event_pb2 import Event, EventType
from batchcalls.v1.outcome_pb2 import Outcome

ANSWER_TIMEOUT_S = 60.0
"""The longest wait for the answer to one request, a batch of 64 MiB included."""

_CALLS_IN_A_PAGE = 1_000
"""As many as a server gives: each page is a way there and back, and a turn behind other readers."""

_UNANSWERED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
_UNSENT = ("failed to connect", "DNS resolution failed", "the target uri is not valid")

Request = TypeVar("Request")
Response = TypeVar("Response")
Tell = Callable[[str], None]


class Connection:
    """The RPCs that the commands use. Every method raises ``RpcFailed``.

    ``tell`` gets a line when the server is lost and when it is back.
    """

    def __init__(self, address: str, *, tell: Tell) -> None:
        self._address = address
        self._tell = tell
        self._channel = grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._stub = BatchCallsServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._channel.close()

    def submit(
        self, request: messages.SubmitBatchRequest, *, patience: Patience | None = None
    ) -> messages.SubmitBatchResponse:
        """Submit a batch, or only have it checked.

        While there is ``patience``, an answer that got lost is asked for again. With a request
        id that makes no second batch; without one, don't give it.
        """
        lost = False
        while True:
            try:
                return _answer(self._stub.SubmitBatch, request)
            except RpcFailed as failure:
                if patience is None or not _unanswered(failure) or (_unsent(failure) and not lost):
                    raise
                if not lost:
                    patience.renew()  # it was there a moment ago
                lost = True
                self._ask_again_after(failure, patience)

    def _ask_again_after(self, failure: RpcFailed, patience: Patience) -> None:
        delay_s = patience.next_delay_s(time.monotonic())
        if delay_s is None:
            self._tell("it may have been submitted; the same command makes no second batch of it")
            raise failure
        self._tell(f"no answer from {self._address} ({failure.message}); asking again")
        time.sleep(delay_s)

    def batch(self, batch_id: str) -> Batch:
        """The batch as it stands."""
        return _answer(self._stub.GetBatch, messages.GetBatchRequest(batch_id=batch_id)).batch

    def batches(self, *, statuses: Sequence[BatchStatus.ValueType]) -> Iterator[Batch]:
        """Batches in one of these statuses (empty means all), newest first."""
        request = messages.ListBatchesRequest(statuses=statuses)
        while True:
            page = _answer(self._stub.ListBatches, request)
            yield from page.batches
            request.page_token = page.next_page_token
            if not request.page_token:
                return

    def pause(self, batch_id: str) -> Batch:
        """Stop dialing for the batch."""
        return _answer(self._stub.PauseBatch, messages.PauseBatchRequest(batch_id=batch_id)).batch

    def resume(self, batch_id: str) -> Batch:
        """Dial again for the batch."""
        request = messages.ResumeBatchRequest(batch_id=batch_id)
        return _answer(self._stub.ResumeBatch, request).batch

    def cancel(self, batch_id: str, *, hang_up: bool) -> Batch:
        """End the batch; ``hang_up`` also ends its calls that are up."""
        request = messages.CancelBatchRequest(batch_id=batch_id, hang_up=hang_up)
        return _answer(self._stub.CancelBatch, request).batch

    def calls(
        self,
        batch_id: str,
        *,
        statuses: Sequence[CallStatus.ValueType] = (),
        outcomes: Sequence[Outcome.ValueType] = (),
        limit: int | None = None,
    ) -> Iterator[Call]:
        """The batch's calls that match both filters (empty means all), as submitted.

        A ``limit`` cuts them off, and no page holds more; None means all.
        """
        request = messages.ListCallsRequest(
            batch_id=batch_id,
            statuses=statuses,
            outcomes=outcomes,
            page_size=_CALLS_IN_A_PAGE if limit is None else min(limit, _CALLS_IN_A_PAGE),
        )
        return islice(self._all_calls(request), limit)

    def _all_calls(self, request: messages.ListCallsRequest) -> Iterator[Call]:
        while True:
            page = _answer(self._stub.ListCalls, request)
            yield from page.calls
            request.page_token = page.next_page_token
            if not request.page_token:
                return

    def call(self, call_id: str) -> Call:
        """The call as it stands, with its attempts."""
        return _answer(self._stub.GetCall, messages.GetCallRequest(call_id=call_id)).call

    def event_pages(
        self, batch_id: str, *, after_sequence: int, types: Sequence[EventType.ValueType] = ()
    ) -> Iterator[messages.ListEventsResponse]:
        """The events that are in the log, a page at a time, up to the latest."""
        request = messages.ListEventsRequest(
            batch_id=batch_id, after_sequence=after_sequence, types=types, page_size=5_000
        )
        while True:
            page = _answer(self._stub.ListEvents, request)
            yield page
            request.after_sequence = page.next_after_sequence
            if page.next_after_sequence >= page.last_sequence:
                return

    def watch(self, batch_id: str, *, interval_s: float, patience: Patience) -> Iterator[Batch]:
        """The batch as it stands, then as it changes, at most every ``interval_s``, to the end."""
        interval = Duration()
        interval.FromMilliseconds(round(interval_s * 1_000))
        request = messages.WatchBatchRequest(batch_id=batch_id, min_interval=interval)
        seen: Batch | None = None
        for response in self._stream(lambda: self._stub.WatchBatch(request), patience):
            if response.batch != seen:  # else it is a heartbeat
                yield response.batch
            seen = response.batch

    def follow(
        self,
        batch_id: str,
        *,
        after_sequence: int,
        types: Sequence[EventType.ValueType],
        patience: Patience,
    ) -> Iterator[Event]:
        """The events after ``after_sequence``, each once, as they come, up to the final one."""
        request = messages.WatchEventsRequest(
            batch_id=batch_id, after_sequence=after_sequence, types=types
        )
        for response in self._stream(lambda: self._stub.WatchEvents(request), patience):
            request.after_sequence = response.last_sequence
            yield from response.events

    def _stream(self, open_call: Callable[[], Any], patience: Patience) -> Iterator[Any]:
        """What the server streams; opened again, as long as there is patience, when it is lost."""
        lost = False
        while True:
            try:
                for response in open_call():
                    patience.renew()
                    if lost:
                        self._tell(f"{self._address} is back")
                    lost = False
                    yield response
                return
            except grpc.RpcError as error:
                self._wait_after(rpc_failed(error), patience, quiet=lost, cause=error)
                lost = True

    def _wait_after(
        self, failure: RpcFailed, patience: Patience, *, quiet: bool, cause: grpc.RpcError
    ) -> None:
        delay_s = patience.after(failure, time.monotonic())
        if delay_s is None:
            raise failure from cause
        if not quiet:
            self._tell(f"lost {self._address} ({failure.message}); reconnecting")
        time.sleep(delay_s)


def _unanswered(failure: RpcFailed) -> bool:
    """Whether the transport failed, so that nobody knows what became of the request."""
    return failure.reason is None and failure.code in _UNANSWERED


def _unsent(failure: RpcFailed) -> bool:
    """Whether nobody was there to take the request; only gRPC's words tell it from a lost answer.

    Other words than those of today make it a lost answer, which is asked for once too often.
    """
    return any(words in failure.message for words in _UNSENT)


def _answer(method: grpc.UnaryUnaryMultiCallable[Request, Response], request: Request) -> Response:
    try:
        return method(request, timeout=ANSWER_TIMEOUT_S)
    except grpc.RpcError as error:
        raise rpc_failed(error) from error
