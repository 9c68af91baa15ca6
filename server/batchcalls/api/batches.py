"""Reading, steering and watching batches."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial

from batchcalls.api import paging, validate_query
from batchcalls.api.batch_messages import BatchMessages
from batchcalls.api.caller import Caller
from batchcalls.api.findings import Findings, required
from batchcalls.api.loop import Loop
from batchcalls.api.pages import page_that_fits
from batchcalls.api.streams import Streams
from batchcalls.engine.engine import Engine
from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.batch_pb2 import Batch
from batchcalls.wire.words import BATCH_STATUS_WORDS


class Batches:
    """What is asked of batches that exist. Every method raises ``InvalidRequest``."""

    def __init__(
        self, engine: Engine, loop: Loop, streams: Streams, batch_messages: BatchMessages
    ) -> None:
        self._engine = engine
        self._loop = loop
        self._streams = streams
        self._messages = batch_messages

    async def get(
        self, request: messages.GetBatchRequest, caller: Caller
    ) -> messages.GetBatchResponse:
        """One batch, as it stands durably."""
        batch_id = validate_query.only_id("batch_id", request.batch_id)
        await self._streams.turn()
        batch = await self._streams.current(batch_id)
        return messages.GetBatchResponse(batch=self._messages.of(batch))

    async def list(
        self, request: messages.ListBatchesRequest, caller: Caller
    ) -> messages.ListBatchesResponse:
        """A page of batches, newest first."""
        findings = Findings()
        limit = paging.page_size(findings, request.page_size, paging.PAGE_OF_BATCHES)
        statuses = validate_query.filter_words(
            findings, "statuses", request.statuses, BATCH_STATUS_WORDS
        )
        findings.finish()
        scope = paging.list_scope("ListBatches", caller.tenant, statuses)

        async def ask(cursor: str, limit: int) -> tuple[Sequence[Batch], str]:
            read = partial(
                self._engine.store.batch_page, cursor=cursor, limit=limit, statuses=statuses
            )
            page = await self._loop.run(self._engine.read, read)
            return [self._messages.new(batch) for batch in page.batches], page.next_cursor

        try:
            batches, following = await page_that_fits(
                ask, paging.page_cursor(request.page_token, scope), limit
            )
        except ValueError as error:
            raise paging.bad_token() from error
        return messages.ListBatchesResponse(
            batches=batches, next_page_token=paging.next_page_token(following, scope)
        )

    async def pause(
        self, request: messages.PauseBatchRequest, caller: Caller
    ) -> messages.PauseBatchResponse:
        """Stop new dials."""
        batch_id = validate_query.only_id("batch_id", request.batch_id)
        batch = await self._loop.run(self._engine.pause, batch_id)
        return messages.PauseBatchResponse(batch=self._messages.new(batch))

    async def resume(
        self, request: messages.ResumeBatchRequest, caller: Caller
    ) -> messages.ResumeBatchResponse:
        """Dial again."""
        batch_id = validate_query.only_id("batch_id", request.batch_id)
        batch = await self._loop.run(self._engine.resume, batch_id)
        return messages.ResumeBatchResponse(batch=self._messages.new(batch))

    async def cancel(
        self, request: messages.CancelBatchRequest, caller: Caller
    ) -> messages.CancelBatchResponse:
        """Cancel what waits, and on demand what is up."""
        batch_id = validate_query.only_id("batch_id", request.batch_id)
        cancel = partial(self._engine.cancel, hang_up=request.hang_up)
        batch = await self._loop.run(cancel, batch_id)
        return messages.CancelBatchResponse(batch=self._messages.new(batch))

    async def watch(
        self, request: messages.WatchBatchRequest, caller: Caller
    ) -> AsyncGenerator[messages.WatchBatchResponse, None]:
        """The status of a batch as it changes."""
        findings = Findings()
        findings.add(required("batch_id", request.batch_id))
        interval_s = validate_query.min_interval_s(findings, request)
        findings.finish()
        stream = self._streams.batch(request.batch_id, min_interval_s=interval_s)
        async with aclosing(stream) as batches:
            async for batch in batches:
                yield messages.WatchBatchResponse(batch=self._messages.of(batch))
