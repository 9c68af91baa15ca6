"""The RPCs: each is a door to a use case, and says on whose behalf it is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import grpc.aio

from batchcalls.api.caller import Caller
from batchcalls.api.use_cases import UseCases
from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.batch_calls_service_pb2_grpc import BatchCallsServiceServicer

Context = grpc.aio.ServicerContext[Any, Any]

_ANYBODY: Final = Caller()


class BatchCallsService(BatchCallsServiceServicer):
    """Serves ``batchcalls.v1.BatchCallsService``.

    Answers about events are bytes, which the boundary lets pass as they are.
    """

    def __init__(self, use_cases: UseCases) -> None:
        self._submissions = use_cases.submissions
        self._batches = use_cases.batches
        self._calls = use_cases.calls
        self._events = use_cases.events

    async def SubmitBatch(
        self, request: messages.SubmitBatchRequest, context: Context
    ) -> messages.SubmitBatchResponse:
        """A new batch."""
        return await self._submissions.submit(request, _ANYBODY)

    async def GetBatch(
        self, request: messages.GetBatchRequest, context: Context
    ) -> messages.GetBatchResponse:
        """One batch."""
        return await self._batches.get(request, _ANYBODY)

    async def ListBatches(
        self, request: messages.ListBatchesRequest, context: Context
    ) -> messages.ListBatchesResponse:
        """A page of batches."""
        return await self._batches.list(request, _ANYBODY)

    async def PauseBatch(
        self, request: messages.PauseBatchRequest, context: Context
    ) -> messages.PauseBatchResponse:
        """Stop new dials."""
        return await self._batches.pause(request, _ANYBODY)

    async def ResumeBatch(
        self, request: messages.ResumeBatchRequest, context: Context
    ) -> messages.ResumeBatchResponse:
        """Dial again."""
        return await self._batches.resume(request, _ANYBODY)

    async def CancelBatch(
        self, request: messages.CancelBatchRequest, context: Context
    ) -> messages.CancelBatchResponse:
        """End a batch."""
        return await self._batches.cancel(request, _ANYBODY)

    async def GetCall(
        self, request: messages.GetCallRequest, context: Context
    ) -> messages.GetCallResponse:
        """One call."""
        return await self._calls.get(request, _ANYBODY)

    async def ListCalls(
        self, request: messages.ListCallsRequest, context: Context
    ) -> messages.ListCallsResponse:
        """A page of calls."""
        return await self._calls.list(request, _ANYBODY)

    def WatchBatch(
        self, request: messages.WatchBatchRequest, context: Context
    ) -> AsyncIterator[messages.WatchBatchResponse]:
        """The status of a batch."""
        return self._batches.watch(request, _ANYBODY)

    def WatchEvents(
        self, request: messages.WatchEventsRequest, context: Context
    ) -> AsyncIterator[Any]:
        """The events of a batch."""
        return self._events.watch(request, _ANYBODY)

    async def ListEvents(self, request: messages.ListEventsRequest, context: Context) -> Any:
        """A page of events."""
        return await self._events.list(request, _ANYBODY)
