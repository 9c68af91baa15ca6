"""The RPCs: each checks its request, calls the engine or the store, and words the answer.

Nothing is decided here and no call is dialed: an RPC writes down what is wanted, and the
engine follows at its own pace.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import aclosing
from functools import partial
from typing import Any, TypeVar

import grpc.aio

from batchcalls.bridge import GuestTrio
from batchcalls.clock import Clock
from batchcalls.core.changes import NewCall
from batchcalls.core.ledger import Ledger
from batchcalls.core.model import Batch, Call, parse_call_id
from batchcalls.engine.engine import Engine
from batchcalls.errors import call_not_found
from batchcalls.rpc import paging, validate, validate_query
from batchcalls.rpc.batch_messages import BatchMessages
from batchcalls.rpc.findings import Findings, required
from batchcalls.rpc.streams import Page, Streams
from batchcalls.rpc.warnings import Warnings
from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1 import call_pb2, event_pb2
from batchcalls.v1.batch_calls_service_pb2_grpc import BatchCallsServiceServicer
from batchcalls.wire.spec import batch_spec_from_proto, new_call_from_proto
from batchcalls.wire.state import call_to_proto
from batchcalls.wire.words import (
    BATCH_STATUS_WORDS,
    CALL_STATUS_WORDS,
    EVENT_TYPE_WORDS,
    OUTCOME_WORDS,
)

T = TypeVar("T")
Context = grpc.aio.ServicerContext[Any, Any]

_CALLS_PER_STEP = 500
"""Calls that are read in one go: a millisecond or so, in which nothing else runs."""

_PAUSE_S = 0.001
"""What a large request leaves to everybody else between two steps.

Threads that answer others need the interpreter too. From a loop that is always busy each gets
it for an instant only, every 5 ms, and needs it several times for an answer.
"""


class BatchCallsService(BatchCallsServiceServicer):
    """Serves ``batchcalls.v1.BatchCallsService`` from an engine that runs in ``trio``."""

    def __init__(
        self,
        engine: Engine,
        trio: GuestTrio,
        *,
        rules: validate.SubmitRules,
        clock: Clock,
        simulated: Collection[str] = (),
    ) -> None:
        self._engine = engine
        self._store = engine.store
        self._trio = trio
        self._rules = rules
        self._clock = clock
        self._streams = Streams(engine, trio)
        self._messages = BatchMessages(simulated=simulated)

    async def SubmitBatch(
        self, request: messages.SubmitBatchRequest, context: Context
    ) -> messages.SubmitBatchResponse:
        """Check the whole request, then store it durably."""
        began_us = self._clock.now_us()
        await _through(validate.check_submit(request, self._rules))
        warnings = Warnings(request)
        await _through(warnings.look())
        spec = batch_spec_from_proto(
            request.batch,
            batch_id=request.batch_id or f"batch_{_random_word()}",
            request_id=request.request_id,
            request_digest=_digest(request) if request.request_id else b"",
            default_carrier=self._rules.default_carrier,
        )
        if request.validate_only:
            self._engine.admit(spec, len(request.calls))
            now_us = self._clock.now_us()
            batch = Ledger.opened(spec, total_calls=len(request.calls), time_us=now_us).snapshot()
        else:
            calls = await _new_calls(request.calls)
            batch = await self._trio.run(self._engine.submit, spec, calls)
        return messages.SubmitBatchResponse(
            batch=self._messages.new(batch),
            warnings=warnings.listed(),
            warning_count=warnings.total,
            already_submitted=batch.create_time_us < began_us,
        )

    async def GetBatch(
        self, request: messages.GetBatchRequest, context: Context
    ) -> messages.GetBatchResponse:
        """One batch, as it stands durably."""
        batch_id = validate_query.only_id("batch_id", request.batch_id)
        batch = await self._streams.current(batch_id)
        return messages.GetBatchResponse(batch=self._messages.of(batch))

    async def ListBatches(
        self, request: messages.ListBatchesRequest, context: Context
    ) -> messages.ListBatchesResponse:
        """A page of batches, newest first."""
        findings = Findings()
        limit = paging.page_size(findings, request.page_size, paging.PAGE_OF_BATCHES)
        statuses = validate_query.filter_words(
            findings, "statuses", request.statuses, BATCH_STATUS_WORDS
        )
        findings.finish()
        scope = paging.list_scope("ListBatches", statuses)
        cursor = paging.page_cursor(request.page_token, scope)
        try:
            page = await self._read(
                partial(self._store.batch_page, cursor=cursor, limit=limit, statuses=statuses)
            )
        except ValueError as error:
            raise paging.bad_token() from error
        return messages.ListBatchesResponse(
            batches=[self._messages.new(batch) for batch in page.batches],
            next_page_token=_next_token(page.next_cursor, scope),
        )

    async def PauseBatch(
        self, request: messages.PauseBatchRequest, context: Context
    ) -> messages.PauseBatchResponse:
        """Stop new dials."""
        batch_id = validate_query.only_id("batch_id", request.batch_id)
        batch = await self._trio.run(self._engine.pause, batch_id)
        return messages.PauseBatchResponse(batch=self._messages.new(batch))

    async def ResumeBatch(
        self, request: messages.ResumeBatchRequest, context: Context
    ) -> messages.ResumeBatchResponse:
        """Dial again."""
        batch_id = validate_query.only_id("batch_id", request.batch_id)
        batch = await self._trio.run(self._engine.resume, batch_id)
        return messages.ResumeBatchResponse(batch=self._messages.new(batch))

    async def CancelBatch(
        self, request: messages.CancelBatchRequest, context: Context
    ) -> messages.CancelBatchResponse:
        """Cancel what waits, and on demand what is up."""
        batch_id = validate_query.only_id("batch_id", request.batch_id)
        cancel = partial(self._engine.cancel, hang_up=request.hang_up)
        batch = await self._trio.run(cancel, batch_id)
        return messages.CancelBatchResponse(batch=self._messages.new(batch))

    async def GetCall(
        self, request: messages.GetCallRequest, context: Context
    ) -> messages.GetCallResponse:
        """One call with its attempts."""
        place = parse_call_id(validate_query.only_id("call_id", request.call_id))
        if place is None:
            raise call_not_found(request.call_id)
        batch_id, position = place
        found = await self._read(partial(self._store.call, batch_id, position))
        if found is None:
            raise call_not_found(request.call_id)
        batch = await self._streams.current(batch_id)
        return messages.GetCallResponse(call=call_to_proto(found, batch.spec.defaults))

    async def ListCalls(
        self, request: messages.ListCallsRequest, context: Context
    ) -> messages.ListCallsResponse:
        """A page of calls, by position."""
        findings = Findings()
        findings.add(required("batch_id", request.batch_id))
        limit = paging.page_size(findings, request.page_size, paging.PAGE_OF_CALLS)
        statuses = validate_query.filter_words(
            findings, "statuses", request.statuses, CALL_STATUS_WORDS
        )
        outcomes = validate_query.filter_words(
            findings, "outcomes", request.outcomes, OUTCOME_WORDS
        )
        findings.finish()
        scope = paging.list_scope("ListCalls", request.batch_id, statuses, outcomes)
        cursor = paging.page_cursor(request.page_token, scope)
        batch = await self._streams.current(request.batch_id)
        page = await self._read(
            partial(
                self._store.call_page,
                request.batch_id,
                after=paging.place(cursor) if cursor else -1,
                limit=limit,
                statuses=statuses,
                outcomes=outcomes,
            )
        )
        following = "" if page.next_after is None else str(page.next_after)
        return messages.ListCallsResponse(
            calls=_calls(page.calls, batch), next_page_token=_next_token(following, scope)
        )

    async def WatchBatch(
        self, request: messages.WatchBatchRequest, context: Context
    ) -> AsyncIterator[messages.WatchBatchResponse]:
        """The status of a batch as it changes."""
        findings = Findings()
        findings.add(required("batch_id", request.batch_id))
        interval_s = validate_query.min_interval_s(findings, request)
        findings.finish()
        stream = self._streams.batch(request.batch_id, min_interval_s=interval_s)
        async with aclosing(stream) as batches:
            async for batch in batches:
                yield messages.WatchBatchResponse(batch=self._messages.new(batch))

    async def WatchEvents(
        self, request: messages.WatchEventsRequest, context: Context
    ) -> AsyncIterator[messages.WatchEventsResponse]:
        """The events of a batch, replayed and then live."""
        findings = Findings()
        findings.add(required("batch_id", request.batch_id))
        after = validate_query.after_sequence(findings, request.after_sequence)
        types = validate_query.filter_words(findings, "types", request.types, EVENT_TYPE_WORDS)
        findings.finish()
        stream = self._streams.events(request.batch_id, after=after, types=types)
        async with aclosing(stream) as pages:
            async for page in pages:
                yield messages.WatchEventsResponse(
                    events=_events(page), last_sequence=page.last_sequence
                )

    async def ListEvents(
        self, request: messages.ListEventsRequest, context: Context
    ) -> messages.ListEventsResponse:
        """A page of events, by sequence."""
        findings = Findings()
        findings.add(required("batch_id", request.batch_id))
        after = validate_query.after_sequence(findings, request.after_sequence)
        limit = paging.page_size(findings, request.page_size, paging.PAGE_OF_EVENTS)
        types = validate_query.filter_words(findings, "types", request.types, EVENT_TYPE_WORDS)
        findings.finish()
        batch = await self._streams.checked(request.batch_id, after)
        page = await self._streams.page(request.batch_id, after=after, limit=limit, types=types)
        return messages.ListEventsResponse(
            events=_events(page),
            last_sequence=max(batch.last_sequence, page.last_sequence),
            next_after_sequence=page.last_sequence,
        )

    async def _read(self, ask: Callable[[], T]) -> T:
        return await self._trio.run(self._engine.read, ask)


async def _through(steps: Iterable[None]) -> None:
    """Take all ``steps``, with pauses for everybody else."""
    for _ in steps:
        await asyncio.sleep(_PAUSE_S)


async def _new_calls(calls: Iterable[call_pb2.CallSpec]) -> list[NewCall]:
    """The calls as they will be stored, with pauses for everybody else."""
    new = []
    for call in calls:
        new.append(new_call_from_proto(call))
        if len(new) % _CALLS_PER_STEP == 0:
            await asyncio.sleep(_PAUSE_S)
    return new


def _calls(found: Iterable[Call], batch: Batch) -> list[call_pb2.Call]:
    return [call_to_proto(call, batch.spec.defaults) for call in found]


def _events(page: Page) -> list[event_pb2.Event]:
    return [event_pb2.Event.FromString(payload) for payload in page.payloads]


def _digest(request: messages.SubmitBatchRequest) -> bytes:
    """What a request says, without the id that it is repeated by."""
    body = messages.SubmitBatchRequest()
    body.CopyFrom(request)
    body.ClearField("request_id")
    return hashlib.sha256(body.SerializeToString(deterministic=True)).digest()


def _random_word() -> str:
    return secrets.token_hex(10)


def _next_token(cursor: str, scope: str) -> str:
    return paging.page_token(cursor, scope) if cursor else ""
