"""Reading calls."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from batchcalls.api import paging, validate_query
from batchcalls.api.caller import Caller
from batchcalls.api.findings import Findings, required
from batchcalls.api.loop import Loop
from batchcalls.api.pages import page_that_fits
from batchcalls.api.streams import Streams
from batchcalls.core.model import parse_call_id
from batchcalls.engine.engine import Engine
from batchcalls.errors import call_not_found
from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.call_pb2 import Call
from batchcalls.wire.state import call_to_proto
from batchcalls.wire.words import CALL_STATUS_WORDS, OUTCOME_WORDS


class Calls:
    """What is asked of calls. Every method raises ``InvalidRequest``."""

    def __init__(self, engine: Engine, loop: Loop, streams: Streams) -> None:
        self._engine = engine
        self._loop = loop
        self._streams = streams

    async def get(
        self, request: messages.GetCallRequest, caller: Caller
    ) -> messages.GetCallResponse:
        """One call with its attempts."""
        place = parse_call_id(validate_query.only_id("call_id", request.call_id))
        if place is None:
            raise call_not_found(request.call_id)
        batch_id, position = place
        read = partial(self._engine.store.call, batch_id, position)
        found = await self._loop.run(self._engine.read, read)
        if found is None:
            raise call_not_found(request.call_id)
        batch = await self._streams.current(batch_id)
        return messages.GetCallResponse(call=call_to_proto(found, batch.spec.defaults))

    async def list(
        self, request: messages.ListCallsRequest, caller: Caller
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
        scope = paging.list_scope("ListCalls", caller.tenant, request.batch_id, statuses, outcomes)
        cursor = paging.page_cursor(request.page_token, scope)
        batch = await self._streams.current(request.batch_id)

        async def ask(cursor: str, limit: int) -> tuple[Sequence[Call], str]:
            read = partial(
                self._engine.store.call_page,
                request.batch_id,
                after=paging.place(cursor) if cursor else -1,
                limit=limit,
                statuses=statuses,
                outcomes=outcomes,
            )
            page = await self._loop.run(self._engine.read, read)
            calls = [call_to_proto(call, batch.spec.defaults) for call in page.calls]
            return calls, "" if page.next_after is None else str(page.next_after)

        calls, following = await page_that_fits(ask, cursor, limit)
        return messages.ListCallsResponse(
            calls=calls, next_page_token=paging.next_page_token(following, scope)
        )
